"""Hostile model files meet the command line: one clear error each, exit code 1, nothing written."""

from pathlib import Path

import pytest

from tests.oracle.hostile import hostile_files
from tests.oracle.spoil import HostileFile
from tinyir.driver.command_line import main


@pytest.mark.parametrize("hostile", hostile_files(), ids=lambda case: case.name)
def test_it_is_one_error_and_leaves_nothing(hostile: HostileFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = hostile.write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["compile", str(model), "-t", "host", "-o", str(tmp_path / "out"), f"--print-after-all={tmp_path / 'stages'}"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("error: ") == 1
    assert said.err.startswith(f"{model}: error: ")
    assert hostile.culprit in said.err
    assert sorted(tmp_path.rglob("*")) == before
