"""Reproducers: when a pass crashes or breaks something, the module from before it is written to a file that says how to go on.

    // tinyir opt -p 'unroll{factor=8}' -t cortex-m4 --goal size --verify-each
    // ZeroDivisionError: division by zero
    module { ... }

`tinyir opt FILE` without -p does what the first line says.  A mistake of the user leaves no file.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import attrs

from tinyir.driver.arguments import read_arguments
from tinyir.driver.output import output_file
from tinyir.ir.errors import TinyirError
from tinyir.rewrite.observer import CheckError, Observer, PassRun
from tinyir.text.printer import print_module

PREFIX = "// tinyir opt "
_REPEATED = ("passes", "target", "assembly", "goal", "io", "verify_each", "expensive_checks")
"""The arguments that the first line of a reproducer settles."""


@attrs.frozen
class Reproducer(Observer):
    """Writes the file when a pass fails by its own fault.  `arguments` are those of `tinyir opt` besides -p and the file."""

    needs_changes = False
    path: str = ""
    arguments: tuple[str, ...] = ()

    def failed(self, run: PassRun, error: Exception) -> None:
        if isinstance(error, TinyirError) and not isinstance(error, CheckError):
            return
        file = Path(self.path or f"{run.instance.name}.reproducer.tir")
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, CheckError) else error.diagnostics[0].message
        try:
            with output_file(file) as scratch:
                scratch.write_text(reproducer_text(run, (*self.arguments, "--verify-each"), reason), encoding="utf-8")
        except TinyirError as problem:
            sys.stderr.write(f"note: no reproducer: {problem.diagnostics[0].message}\n")
            return
        sys.stderr.write(f"note: the module before '{run.text}' is in {file}: 'tinyir opt {shlex.quote(str(file))}' fails as this did\n")


def reproducer_text(run: PassRun, arguments: tuple[str, ...], reason: str) -> str:
    """The file's text: how to go on, why, and the module."""
    command = shlex.join(["-p", run.text, *arguments])
    lines = [f"{PREFIX}{command}", *(f"// {line}" for line in reason.splitlines())]
    return "\n".join([*lines, print_module(run.before, locations=True)])


def reproducer_of(arguments: argparse.Namespace) -> Reproducer:
    """The observer that a command's arguments ask for."""
    words = ["--target", arguments.target] if arguments.target else []
    words += ["--assembly", arguments.assembly] if arguments.assembly else []
    words += ["--goal", arguments.goal, "--io", arguments.io]
    return Reproducer(arguments.reproducer, tuple(words + (["--expensive-checks"] if arguments.expensive_checks else [])))


def settle_passes(arguments: argparse.Namespace) -> argparse.Namespace:
    """The arguments of `opt`: without -p those that the first line of the file names, if it is a reproducer's.

    Raises:
        SystemExit: that line is not understood.
    """
    if arguments.passes is not None:
        return arguments
    line = _first_line(arguments.model)
    settled = argparse.Namespace(**vars(arguments))
    settled.passes = ""
    if line.startswith(PREFIX):
        found = read_arguments(["opt", *shlex.split(line.removeprefix(PREFIX)), arguments.model])
        for name in _REPEATED:
            setattr(settled, name, getattr(found, name))
    return settled


def _first_line(path: str) -> str:
    """The first line of a file; empty if it cannot be read (whoever loads it will say why)."""
    if path == "-" or not Path(path).is_file():
        return ""
    with open(path, "rb") as stream:
        return stream.readline().decode("utf-8", "replace")
