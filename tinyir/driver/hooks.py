"""What a command's options ask for around each pass: printing, checks, and a reproducer if a pass fails."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path

import attrs

from tinyir.driver.progress import Progress
from tinyir.driver.reproducer import reproducer_of
from tinyir.ir.errors import Place
from tinyir.rewrite.observer import Hooks, Observer
from tinyir.rewrite.pass_finder import find_pass


def hooks_of(arguments: argparse.Namespace, progress: Progress) -> Hooks:
    """The hooks that the options of a command ask for."""
    prints = arguments.print_after_all is not None or arguments.print_changed
    found = _printers(arguments) if prints else []
    if arguments.expensive_checks:
        found.append(import_module("tinyir.driver.expensive_checks").ExpensiveChecks())  # it loads the interpreter
    return Hooks(observers=(*found, reproducer_of(arguments)), progress=progress)


def _printers(arguments: argparse.Namespace) -> list[Observer]:
    stages = import_module("tinyir.driver.stages")  # late: few commands print on the way
    style = stages.Style(arguments.elide, arguments.generic, _words(arguments.print_functions), arguments.locations)
    passes = _words(arguments.print_passes)
    for word in re.finditer(r"[^\s,]+", arguments.print_passes):
        find_pass(word.group(), Place("--print-passes", 1, word.start() + 1, arguments.print_passes))
    found: list[Observer] = []
    if arguments.print_after_all:
        found.append(stages.WriteFiles(attrs.evolve(style, locations=True), passes, Path(arguments.print_after_all)))
    elif arguments.print_after_all is not None:
        found.append(stages.PrintAfter(style, passes))
    if arguments.print_changed:
        found.append(stages.PrintChanges(stages.Watch(style, passes)))
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
