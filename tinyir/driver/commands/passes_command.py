"""`tinyir passes [NAME]`: what passes there are, what one of them does, and which the compiler runs."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module

from tinyir.driver.pipeline import LEVELS, passes_of
from tinyir.driver.reference import describe_pass
from tinyir.ir.errors import TinyirError
from tinyir.rewrite.pass_finder import find_pass, known_passes


def execute(arguments: argparse.Namespace) -> int:
    sys.stdout.write(f"{describe_pass(find_pass(arguments.name))}\n" if arguments.name else _list(arguments.goal, arguments.io))
    return 0


def _list(goal: str, io: str) -> str:
    """One line for each pass, then the compiler's own pipeline."""
    names = known_passes()
    width = max(map(len, names))
    lines = [f"{name.ljust(width)}  {_summary(name)}" for name in names]
    levels = [f"{level}({','.join(passes_of(level, goal, io))})" for level in LEVELS]
    return "\n".join([*lines, "", f"The compiler runs, for the goal {goal}:", ",\n".join(levels), ""])


def _summary(name: str) -> str:
    """The first line of the file's docstring, else of the class's, without the pass's name or its levels."""
    try:
        found = find_pass(name)
    except TinyirError as error:
        return f"({error.diagnostics[0].message})"
    text = import_module(found.__module__).__doc__ or found.__doc__ or ""
    return re.sub(r"^(\w+ -> \w+|\w+): ", "", text.strip().partition("\n")[0])
