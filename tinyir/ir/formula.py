"""Formulas over named numbers: what the cost lines of schedules are made of.

positions * (row + terms * copied_term) + up(outputs / jam.outputs) * block_entry
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import attrs

from tinyir.ir.errors import Place

OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right if right else math.inf,
}
FUNCTIONS: Mapping[str, tuple[int, Callable[..., float]]] = {"up": (1, math.ceil), "down": (1, math.floor), "min": (2, min), "max": (2, max)}
"""How many arguments each takes, and what it is: whole numbers above and below, the smaller and the greater of two."""


@attrs.frozen
class Number:
    value: float


@attrs.frozen
class Name:
    """A number by its name; that of a parameter is its two words with a dot between."""

    text: str
    place: Place = attrs.field(factory=Place)


@attrs.frozen
class Apply:
    """An operator of two, or a function, on formulas; `place` is that of a function."""

    function: str
    operands: tuple[Formula, ...]
    place: Place = attrs.field(factory=Place)


Formula = Number | Name | Apply


def evaluate(formula: Formula, numbers: Mapping[str, float]) -> float:
    """The value of a formula whose names all have one.  What is divided by zero is infinite.

    Raises:
        KeyError: a name has no number.
    """
    if isinstance(formula, Number):
        return formula.value
    if isinstance(formula, Name):
        return numbers[formula.text]
    values = [evaluate(operand, numbers) for operand in formula.operands]
    return OPERATORS[formula.function](*values) if formula.function in OPERATORS else FUNCTIONS[formula.function][1](*values)


def walk(formula: Formula) -> Iterator[Formula]:
    """The formula and all below it, from left to right."""
    yield formula
    if isinstance(formula, Apply):
        for operand in formula.operands:
            yield from walk(operand)


def names(formula: Formula) -> tuple[Name, ...]:
    """The names in a formula, from left to right."""
    return tuple(each for each in walk(formula) if isinstance(each, Name))
