"""Mistakes on the command line: each gives the exact text of tests/bad/commands.txt, exit code 1, and nothing else.

TINYIR_BLESS=1 writes the texts anew.
"""

import os
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.driver.test_commands import INPUT, NETWORK
from tinyir.driver.command_line import main

TEXTS = REPOSITORY / "tests" / "bad" / "commands.txt"
BROKEN = NETWORK.replace("%w, %b", "%w, %c")


def read_cases() -> dict[str, tuple[str, str]]:
    """Case -> its command and what it says, from paragraphs of the form `== case`, `$ command`, then the text."""
    cases = {}
    for paragraph in TEXTS.read_text().split("== ")[1:]:
        name, command, text = paragraph.split("\n", 2)
        cases[name] = (command.removeprefix("$ tinyir "), text.rstrip("\n") + "\n")
    return cases


CASES = read_cases()


def bless(name: str, said: str) -> None:
    cases = read_cases()
    cases[name] = (cases[name][0], said)
    TEXTS.write_text("\n".join(f"== {case}\n$ tinyir {command}\n{text}" for case, (command, text) in cases.items()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.tir").write_text(NETWORK)
    (tmp_path / "broken.tir").write_text(BROKEN)
    np.save(tmp_path / "x.npy", INPUT)
    np.save(tmp_path / "wide.npy", np.zeros((2, 5), np.int8))
    np.save(tmp_path / "real.npy", np.full((2, 4), 0.5))
    (tmp_path / "text.npy").write_text("no array")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_it_says_the_expected_text_and_leaves_nothing(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*")}
    command, expected = CASES[name]
    try:
        code = main(shlex.split(command))
    except SystemExit as left:
        code = int(str(left.code))
    said = capsys.readouterr()
    if os.environ.get("TINYIR_BLESS") == "1":
        bless(name, said.err)
    else:
        assert said.err == expected
    assert (code, said.out) == (1, "")
    assert {path: path.read_bytes() for path in folder.rglob("*")} == before
