"""What a user sees of an error: its diagnostics for a mistake of the user, a request to report it for one of tinyir.  Never a traceback unasked."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tinyir.ir.collection import seldom_collected
from tinyir.ir.errors import Place, TinyirError

if TYPE_CHECKING:  # loaded when something is wrong: most runs have no mistakes
    from traceback import FrameSummary

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
            import_module("traceback").print_exception(error)
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
    foreign = _foreign_frame(error)
    if foreign is not None:
        line = import_module("linecache").getline(foreign.filename, foreign.lineno or 0).rstrip("\n")
        place = Place(foreign.filename, foreign.lineno or 0, 1 + len(line) - len(line.lstrip()), line)
        return 1, str(TinyirError(_first_line(error), place=place, hint=f"{TRACEBACK}=1 prints how it came there"))
    return 2, f"internal error: {_first_line(error)}\n{_origin(error)}     hint: this is a fault of tinyir: please report it, with what {TRACEBACK}=1 prints"


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return type(error).__name__ + (f": {text}" if text else "")


def _frames(error: BaseException) -> Sequence[FrameSummary]:
    """The calls that led to the error, the outermost first."""
    found: Sequence[FrameSummary] = import_module("traceback").extract_tb(error.__traceback__)
    return found


def _foreign_frame(error: BaseException) -> FrameSummary | None:
    """The innermost place in somebody's own file: a pass, a dialect or a translation that is wrong, or uses tinyir wrongly."""
    own = [Path(folder).resolve() for name in ("tinyir", "tinyir.passes", "tinyir.dialects", "tinyir.backends") for folder in import_module(name).__path__]
    libraries = [Path(folder).resolve() for folder in import_module("sysconfig").get_paths().values()]
    for frame in reversed(_frames(error)):
        file = Path(frame.filename).resolve()
        if file.is_file() and not any(file.is_relative_to(folder) for folder in (*own, *libraries)):
            return frame
    return None


def _origin(error: BaseException) -> str:
    """The innermost function of tinyir on the way to the error."""
    frames = [frame for frame in _frames(error) if "tinyir" in frame.filename]
    return f"note: in {frames[-1].name}, line {frames[-1].lineno} of {os.path.basename(frames[-1].filename)}\n" if frames else ""


def _close_output() -> None:
    """The output is gone or full: what is still in the buffer goes nowhere, silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_guarded(module: str, arguments: argparse.Namespace) -> int:
    """Runs `execute(arguments)` of a module; the exit code."""
    with Guard() as guard:
        with seldom_collected():  # what modules make while they are loaded lives as long as they do
            gc.enable()
            execute = import_module(module).execute
        code: int = execute(arguments)
        sys.stdout.flush()
        return code
    return guard.code
