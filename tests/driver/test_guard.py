"""Errors as a user sees them."""

import re
from functools import partial
from operator import truediv

import pytest

from tinyir.driver.command_line import main
from tinyir.driver.commands import targets_command
from tinyir.driver.guard import Guard
from tinyir.ir.errors import TinyirError


def explain(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with Guard() as guard:
        raise error
    return guard.code, capsys.readouterr().err


def test_a_mistake_of_the_user_is_its_diagnostics(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(TinyirError("no such thing", hint="try another"), capsys) == (1, "error: no such thing\n     hint: try another\n")


def test_a_file_that_the_system_refuses_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(PermissionError(13, "Permission denied", "a.tir"), capsys) == (1, "error: a.tir: Permission denied\n")


def test_a_fault_of_tinyir_asks_to_be_reported_and_shows_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(targets_command, "list_targets", partial(truediv, 1, 0))
    assert main(["targets"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("internal error: ZeroDivisionError: division by zero\n")
    assert "please report it" in message
    assert "Traceback" not in message


def test_a_fault_of_somebody_is_shown_at_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, message = explain(ZeroDivisionError("division by zero"), capsys)
    assert code == 1
    assert re.match(rf"{re.escape(__file__)}:\d+:\d+: error: ZeroDivisionError: division by zero\n", message)
    assert "TINYIR_TRACEBACK=1" in message


def test_a_traceback_is_there_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TINYIR_TRACEBACK", "1")
    assert "Traceback" in explain(TinyirError("no such thing"), capsys)[1]


def test_an_interruption_is_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(KeyboardInterrupt(), capsys) == (130, "interrupted\n")


def test_leaving_is_no_error() -> None:
    with pytest.raises(SystemExit), Guard():
        raise SystemExit(3)
