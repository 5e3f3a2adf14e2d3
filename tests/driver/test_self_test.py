"""`compile --selftest`: a C program that knows its inputs and the outputs that they must give."""

from collections.abc import Callable
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

from tests.driver.test_commands import INPUT, NETWORK, tinyir


@pytest.fixture
def folder(tmp_path: Path, require_tool: Callable[[str], str]) -> Path:
    require_tool("cc")
    (tmp_path / "net.tir").write_text(NETWORK)
    np.save(tmp_path / "x.npy", INPUT)
    assert tinyir("compile", tmp_path / "net.tir", "-t", "host", "-o", tmp_path / "out", "--selftest", tmp_path / "x.npy") == 0
    return tmp_path / "out"


def outcome(folder: Path) -> int:
    run(["cc", "-std=c99", "-o", "test", "net.c", "net_test.c"], cwd=folder, check=True)
    return run([folder / "test"], check=False).returncode


def test_the_program_finds_every_byte_right(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["net.c", "net.h", "net.json", "net_test.c"]
    assert outcome(folder) == 0


def test_the_program_names_the_first_row_that_is_wrong(folder: Path) -> None:
    text = (folder / "net_test.c").read_text()
    assert "188.5" in text
    (folder / "net_test.c").write_text(text.replace("188.5", "188.0"))
    assert outcome(folder) == 2


def test_inputs_that_do_not_fit_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.tir").write_text(NETWORK)
    np.save(tmp_path / "x.npy", np.zeros((2, 5)))
    assert tinyir("compile", tmp_path / "net.tir", "-t", "host", "-o", tmp_path / "out", "--selftest", tmp_path / "x.npy") == 1
    assert "holds no whole rows of the input 'in'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
