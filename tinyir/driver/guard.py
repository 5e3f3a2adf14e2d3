"""What a user sees of an error: its diagnostics for a mistake of the user, a request to report it for one of tinyir.  Never a traceback unasked."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from importlib import import_module
from types import TracebackType

from tinyir.ir.errors import TinyirError

TRACEBACK = "TINYIR_TRACEBACK"


class Guard:
    """Turns what is raised inside into a message on stderr and an exit code."""

    code = 0

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None or isinstance(error, SystemExit):
            return False
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        self.code, message = _explain(error)
        if message:
            sys.stderr.write(f"{message}\n")
        return True


def _explain(error: BaseException) -> tuple[int, str]:
    """The exit code and the message."""
    match error:
        case TinyirError():
            return 1, str(error)
        case KeyboardInterrupt():
            return 130, "interrupted"
        case BrokenPipeError():
            _close_output()
            return 1, ""
        case OSError() if error.filename:
            return 1, f"error: {error.filename}: {error.strerror}"
        case OSError() if error.strerror:
            _close_output()
            return 1, f"error: cannot write: {error.strerror}"
        case MemoryError():
            return 1, "error: there is not enough memory for this model"
    return 2, f"internal error: {_first_line(error)}\n{_origin(error)}     hint: this is a fault of tinyir: please report it, with what {TRACEBACK}=1 prints"


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return type(error).__name__ + (f": {text}" if text else "")


def _origin(error: BaseException) -> str:
    """The innermost function of tinyir on the way to the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tinyir" in frame.filename]
    return f"note: in {frames[-1].name}, line {frames[-1].lineno} of {os.path.basename(frames[-1].filename)}\n" if frames else ""


def _close_output() -> None:
    """The output is gone or full: what is still in the buffer goes nowhere, silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_guarded(module: str, arguments: argparse.Namespace) -> int:
    """Runs `execute(arguments)` of a module; the exit code."""
    with Guard() as guard:
        code: int = import_module(module).execute(arguments)
        sys.stdout.flush()
        return code
    return guard.code
