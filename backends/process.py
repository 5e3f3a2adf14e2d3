"""Runs the programs of others: compilers and simulators."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from tinyir.ir.errors import TinyirError

SHOWN_LINES = 12


@attrs.frozen
class Finished:
    """How a program ended; both texts complete."""

    code: int
    output: str
    errors: str

    @property
    def first_lines(self) -> str:
        """The beginning of what the program complained about."""
        lines = (self.errors.strip() or self.output.strip() or "(it said nothing)").splitlines()
        more = [f"... {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
        return "\n".join(lines[:SHOWN_LINES] + more)


def run_program(command: Sequence[str], folder: Path, time_limit_seconds: float | None = None) -> Finished:
    """Runs a command in `folder` and waits for its end.

    Raises TinyirError if it cannot be started or does not end within the limit (it is killed then).
    """
    try:
        done = subprocess.run(
            command, cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=time_limit_seconds
        )
    except subprocess.TimeoutExpired as error:
        raise TinyirError(f"{Path(command[0]).name} did not end within {time_limit_seconds:g} s", hint="raise the time limit, or run fewer rows") from error
    except OSError as error:
        raise TinyirError(f"{command[0]} cannot be run: {error.strerror}") from error
    return Finished(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _environment() -> dict[str, str]:
    """The caller's, in English, with this very tinyir importable by a Python that is started."""
    here = str(Path(sys.modules["tinyir"].__path__[0]).parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(paths)}
