"""What becomes of a compilation whose obligations are not all proved."""

from __future__ import annotations

import pytest

from tinyir.driver.compilation import require_proofs
from tinyir.ir.errors import TinyirError
from tinyir.prove.claim import NOT_ATTEMPTED, Verdict, proved, refuted, unknown
from tinyir.prove.obligations import Ledger, Obligation

OBLIGATION = Obligation("range", "conv", "3 sums fit 32 bits")


def test_a_ledger_of_proofs_lets_a_compilation_go_on() -> None:
    ledger = Ledger()
    ledger.add(OBLIGATION, proved("interval"))
    require_proofs(ledger)


@pytest.mark.parametrize("verdict", [refuted("interval", {"sum": 1 << 31}), unknown("z3", "out of budget"), NOT_ATTEMPTED], ids=lambda v: v.state)
def test_one_obligation_without_a_proof_stops_it(verdict: Verdict) -> None:
    ledger = Ledger()
    ledger.add(OBLIGATION, proved("interval"))
    ledger.add(OBLIGATION, verdict)
    with pytest.raises(TinyirError, match=f"conv: range is {verdict.state}: 3 sums fit 32 bits"):
        require_proofs(ledger)


def test_an_obligation_without_a_claim_is_not_attempted() -> None:
    ledger = Ledger()
    assert ledger.add(OBLIGATION).state == "not attempted"
    with pytest.raises(TinyirError, match="not attempted"):
        require_proofs(ledger)
