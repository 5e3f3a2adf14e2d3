"""The same model gives the same files, whatever the hash seed, the folder, and what was compiled before."""

import os
import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.end_to_end.cases import ALL_CASES, Case
from tests.oracle.cases import soaking
from tinyir.driver.api import compile

QUICK = ("mlperf_kws/qdq", "mlperf_vww/qdq", "mnist_cnn_int8ptq/model", "mnist_dsnet/model")
CHOSEN = [case for case in ALL_CASES if soaking() or str(case) in QUICK]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("goal", ["speed", "size"])
@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_hash_seeds_and_earlier_compilations_change_nothing(case: Case, goal: str, corpus: Path, tmp_path: Path) -> None:
    for seed in ("0", "4711"):
        words = ["compile", str(case.path(corpus)), "-t", "cortex-m4", "--goal", goal, "--name", "net", "-o", str(tmp_path / seed), "--quiet"]
        run([sys.executable, "-m", "tinyir", *words], env=os.environ | {"PYTHONHASHSEED": seed}, check=True)
    compile(case.path(corpus), "cortex-m4", goal=goal, name="net", output=tmp_path / "third")
    assert files(tmp_path / "0") == files(tmp_path / "4711") == files(tmp_path / "third")
    assert not [name for name, content in files(tmp_path / "third").items() if str(tmp_path).encode() in content or str(corpus).encode() in content]
