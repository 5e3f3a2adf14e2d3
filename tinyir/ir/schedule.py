"""Schedules as data: which nests of which machines are transformed, by which pass, with which parameters."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

import attrs

from tinyir.ir.errors import Place
from tinyir.ir.formula import Formula

GOALS = ("speed", "size", "ram")
"""What code can be best at."""
Option = tuple[str, str]
"""A parameter by the words of its line: `jam outputs 4` is ("jam", "outputs")."""
COSTS: Mapping[str, str] = {
    "instructions": "that one run of the nest takes",
    "code": "bytes of code, which nests of the same schedule and values share",
    "scratch": "bytes of memory beside the tensors",
}
"""What a schedule can say that it costs."""
COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


@attrs.frozen
class Word:
    """A name in the text, and where it stands."""

    text: str
    place: Place = attrs.field(factory=Place)


@attrs.frozen
class Condition:
    """`positions >= 4`: of what a nest computes."""

    fact: Word
    comparison: str
    bound: int

    def holds(self, value: int) -> bool:
        return COMPARISONS[self.comparison](value, self.bound)


@attrs.frozen
class Parameter:
    """`jam outputs 4 in {2, 4}`: a transform's parameter, its value, and those that are worth trying (none: no other)."""

    transform: Word
    name: Word
    value: int
    choices: tuple[int, ...] = ()

    @property
    def option(self) -> Option:
        return self.transform.text, self.name.text


@attrs.frozen
class Schedule:
    """One schedule: for nests of `classes`, by the pass `by`, on machines that have all of `needs`, for `goals` (none: all).

    `before`: schedules that are tried after this one.  `lets`: names that its formulas use, in order; `costs`: formulas by what they
    tell.  `summary`: the comment above it.
    """

    name: str
    classes: tuple[Word, ...]
    by: Word
    parameters: tuple[Parameter, ...]
    conditions: tuple[Condition, ...] = ()
    needs: tuple[Word, ...] = ()
    goals: tuple[Word, ...] = ()
    before: tuple[Word, ...] = ()
    lets: tuple[tuple[Word, Formula], ...] = ()
    costs: tuple[tuple[Word, Formula], ...] = ()
    summary: str = ""
    place: Place = attrs.field(factory=Place)

    def serves(self, goal: str) -> bool:
        """Whether it is one for a goal."""
        return not self.goals or any(each.text == goal for each in self.goals)


def spell_parameters(values: Mapping[Option, int]) -> str:
    """`jam positions 2, outputs 2; unroll terms 4`."""
    lines: dict[str, list[str]] = {}
    for (transform, name), value in values.items():
        lines.setdefault(transform, []).append(f"{name} {value}")
    return "; ".join(f"{transform} {', '.join(words)}" for transform, words in lines.items())


def read_parameters(text: str) -> dict[Option, int]:
    """What `spell_parameters` has spelled."""
    found: dict[Option, int] = {}
    for line in filter(None, text.split("; ")):
        transform, _, parameters = line.partition(" ")
        for each in parameters.split(", "):
            name, value = each.split(" ")
            found[transform, name] = int(value)
    return found
