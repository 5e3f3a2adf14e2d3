"""The command `tinyir`.  Reading its arguments loads nothing but argparse; the commands load what they need."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from importlib import import_module

from tinyir.driver.arguments import read_arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (None: that of this process); the exit code: 0, 1 for a mistake of the user, 2 for one of tinyir, 130 if interrupted."""
    parsed = read_arguments(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        atexit.register(gc.freeze)  # else the interpreter looks for garbage among everything that it is about to drop
    gc.disable()  # until everything is loaded: see `run_guarded`
    code: int = import_module("tinyir.driver.guard").run_guarded(f"tinyir.driver.commands.{parsed.module}", parsed)
    return code
