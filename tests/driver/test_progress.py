"""Progress is told to a person who has waited, and to nobody else."""

import io
import re
import sys
from time import sleep

import pytest

from tinyir.driver.progress import Progress


def test_nothing_is_said_before_patience_ends() -> None:
    stream = io.StringIO()
    with Progress(stream, 60) as progress:
        progress("reading")
    assert stream.getvalue() == ""


def test_the_running_step_is_told_when_patience_ends_and_each_one_after_it() -> None:
    stream = io.StringIO()
    with Progress(stream, 0.05) as progress:
        progress("reading")
        progress("folding")
        for _ in range(200):
            if stream.getvalue():
                break
            sleep(0.02)
        progress("lowering")
    assert re.fullmatch(r" +\d+\.\d s  folding\n +\d+\.\d s  lowering\n", stream.getvalue())


def test_a_file_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress.on_terminal(quiet=False) as progress:
        progress("reading")
        assert progress._stream is None


def test_a_terminal_is_told_unless_it_asks_for_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    assert Progress.on_terminal(quiet=False)._stream is stream
    assert Progress.on_terminal(quiet=True)._stream is None
