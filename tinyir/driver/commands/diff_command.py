"""`tinyir diff A B`: in what two modules differ, whatever their values are called."""

from __future__ import annotations

import argparse
import sys

from tinyir.driver.load import load
from tinyir.ir.equality import first_difference
from tinyir.ir.operation import Operation
from tinyir.text.difference import module_difference


def execute(arguments: argparse.Namespace) -> int:
    """0 if they are equal, 1 if not, as `diff` does."""
    before, after = load(arguments.before), load(arguments.after)
    difference = first_difference(before, after, arguments.locations)
    if not difference:
        return 0
    _forget_names(before)
    _forget_names(after)
    sys.stdout.write(module_difference(before, after, arguments.before, arguments.after, arguments.elide, arguments.generic))
    sys.stdout.write(f"the first difference: {difference}\n")
    return 1


def _forget_names(module: Operation) -> None:
    """Values are called by their numbers, so that another name is no difference."""
    for operation in module.walk():
        for value in (*operation.results, *(a for region in operation.regions for block in region.blocks for a in block.arguments)):
            value.name = ""
