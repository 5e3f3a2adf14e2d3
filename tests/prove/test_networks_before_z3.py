"""z3 judges all that is claimed of a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.cases import soaking
from tinyir.driver.api import prove


@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"] if soaking() else ["kws"])
def test_z3_proves_every_obligation(name: str, corpus: Path) -> None:
    ledger = prove(corpus / f"mlperf_{name}" / "qdq.onnx", "cortex-m4", prover="z3")
    assert len(ledger) > 400
    assert [(obligation.where, obligation.statement, verdict) for obligation, verdict in ledger if (verdict.state, verdict.how) != ("proved", "z3")] == []
