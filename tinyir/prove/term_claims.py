"""What z3 is asked about two nests: their sums, with the elements of tensors as unknown integers.

Which operations stand around the sums is compared as it stands (`same_terms`).  A sum over many positions and outputs falls into two
questions, since each of its terms is a product of a number and an element that move with the positions, and of a number that moves
with the outputs: whether each such number and element is that of the column that it is matched with, and whether for each output the
sums over all columns are equal when the columns are unknowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy

from tinyir.prove.claim import Claim, Negation, Verdict, conjunction, disjunction, linear, number, proved, refuted
from tinyir.prove.grids import Grid, Integers, joined, wrapped
from tinyir.prove.same_terms import MOST_ROWS, NONE, Columns, Comparison, Found, matched
from tinyir.prove.terms import UndecidedError

MOST_PRODUCTS = 1 << 14
"""In one question."""


@attrs.frozen(eq=False)
class PairsClaim(Claim):
    """factor * element is the same before and after, in each row; elements are unknowns, named by their numbers (-1: none)."""

    after: Integers
    before: Integers
    """Of each pair the factor and the element."""

    def decide(self) -> Verdict:
        zero = (self.after[:, 0] == 0) & (self.before[:, 0] == 0)
        wrong = numpy.flatnonzero((self.after != self.before).any(1) & ~zero)
        return refuted("terms", {"pair": int(wrong[0])}) if wrong.size else proved("terms")

    def negation(self, prefix: str = "") -> Negation:
        names = _Names(prefix)
        broken = [
            f"(not (= {names.product(int(a), int(x))} {names.product(int(b), int(y))}))"
            for (a, x), (b, y) in zip(self.after.tolist(), self.before.tolist(), strict=True)
        ]
        return Negation(names.declarations, (disjunction(broken),))


@attrs.frozen(eq=False)
class LinearClaim(Claim):
    """For each output the sums of weight * unknown are equal; `names` are the numbers of the unknowns."""

    names: Integers
    after: Integers
    before: Integers

    def decide(self) -> Verdict:
        wrong = numpy.argwhere(self.after != self.before)
        return refuted("terms", {"output": int(wrong[0][0]), "unknown": int(wrong[0][1])}) if wrong.size else proved("terms")

    def negation(self, prefix: str = "") -> Negation:
        names = _Names(prefix)
        unknowns = [names.unknown(int(name)) for name in self.names]

        def total(weights: Integers) -> str:
            return linear([(int(weight), name) for weight, name in zip(weights, unknowns, strict=True)])

        broken = [f"(not (= {total(after)} {total(before)}))" for after, before in zip(self.after, self.before, strict=True)]
        return Negation(names.declarations, (disjunction(broken),))


@attrs.frozen(eq=False)
class NumbersClaim(Claim):
    """Two numbers are equal, in each row."""

    logic: ClassVar[str] = "QF_LIA"

    pairs: Integers

    def decide(self) -> Verdict:
        wrong = numpy.flatnonzero(self.pairs[:, 0] != self.pairs[:, 1])
        return refuted("terms", {"pair": int(wrong[0])}) if wrong.size else proved("terms")

    def negation(self, prefix: str = "") -> Negation:
        return Negation((), (f"(not {conjunction([f'(= {number(int(a))} {number(int(b))})' for a, b in self.pairs])})",))


class _Names:
    """The unknowns of a question."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.known: dict[int, str] = {}

    def unknown(self, element: int) -> str:
        return self.known.setdefault(element, f"{self.prefix}x{element}")

    def product(self, factor: int, element: int) -> str:
        return "0" if factor == 0 or element == NONE else f"(* {number(factor)} {self.unknown(element)})"

    @property
    def declarations(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, "Int") for name in self.known.values())


class Recorder(Comparison):
    """Finds no difference of sums and numbers, but notes what is to be asked of them."""

    questions: list[Claim]

    @classmethod
    def of(cls, comparison: Comparison, questions: list[Claim]) -> Recorder:
        made = cls(comparison.extents, comparison.masks)
        made.questions = questions
        return made

    def judge_sums(self, after: Columns, before: Columns, bits: int) -> Found | None:
        rows, order = len(after.elements), None
        if rows > 1:
            order = matched(after, before, [])
        if order is None:
            if rows > MOST_ROWS:
                raise UndecidedError(f"the terms of {rows} positions are in orders of their own")
            for row in range(rows):
                self._ask_row(after, before, row, bits)
            return None
        factors, names = (after.of_rows, before.of_rows[:, order]), (after.elements, before.elements[:, order])
        self.questions += _apart(*factors, *names)
        weights = wrapped(after.of_outputs, bits), wrapped(before.of_outputs[:, order], bits)
        self._ask_outputs(numpy.arange(after.count), *weights)
        return None

    def _ask_row(self, after: Columns, before: Columns, row: int, bits: int) -> None:
        (names, factors), (others, olds) = after.row(row), before.row(row)
        every = numpy.union1d(names, others)
        every = every[every != NONE]
        sides = []
        for known, values in ((names, factors), (others, olds)):
            spread = numpy.zeros((len(values), len(every)), numpy.int64)
            spread[:, numpy.searchsorted(every, known[known != NONE])] = values[:, known != NONE]
            sides.append(wrapped(spread, bits))
        self._ask_outputs(every, *sides)

    def _ask_outputs(self, names: Integers, after: Integers, before: Integers) -> None:
        for places in _parts(numpy.arange(len(after)), max(len(names), 1)):
            self.questions.append(LinearClaim(names, after[places], before[places]))

    def judge_numbers(self, after: Grid, before: Grid, mask: Grid | None, bits: int) -> Grid | None:
        axes = joined((after.axes, before.axes, () if mask is None else mask.axes))
        numbers = numpy.broadcast_arrays(after.over(axes), before.over(axes), True if mask is None else mask.over(axes))
        chosen = numpy.stack([wrapped(each[numbers[2]], bits) for each in numbers[:2]], 1)
        self.questions.append(NumbersClaim(numpy.unique(chosen, axis=0)))
        return None


def _apart(after: Integers, before: Integers, names: Integers, others: Integers) -> Sequence[PairsClaim]:
    """That products of a factor and an element are the same ones: the factors are, and the elements are.

    Products that are 0 before and after aside, nothing else makes them equal for all values of the elements; and there are far
    fewer factors and elements than products of them.
    """
    alive = (after != 0) | (before != 0)
    values, elements = (_distinct_pairs(new[alive], old[alive]) for new, old in ((after, before), (names, others)))
    one, first = (numpy.full(len(pairs), value) for pairs, value in ((elements, 1), (values, 0)))
    return (
        PairsClaim(numpy.stack([one, elements[:, 0]], 1), numpy.stack([one, elements[:, 1]], 1)),
        PairsClaim(numpy.stack([values[:, 0], first], 1), numpy.stack([values[:, 1], first], 1)),
    )


def _distinct_pairs(after: Integers, before: Integers) -> Integers:
    equal = after == before
    same = numpy.unique(after[equal])
    others = numpy.stack([after[~equal], before[~equal]], 1)
    return numpy.concatenate([numpy.stack([same, same], 1), numpy.unique(others, axis=0)])


def together(questions: Sequence[Claim]) -> list[Claim]:
    """The same questions in parts of bounded size, none of them asked twice, be it about other elements."""
    sums = {(each.after.shape, each.after.tobytes(), each.before.tobytes()): each for each in reversed(questions) if isinstance(each, LinearClaim)}
    found: list[Claim] = list(reversed(sums.values()))
    pairs = [numpy.concatenate((each.after, each.before), 1) for each in questions if isinstance(each, PairsClaim)]
    for part in _parts(_distinct(pairs, 4), 1):
        found.append(PairsClaim(part[:, :2], part[:, 2:]))
    numbers = [each.pairs for each in questions if isinstance(each, NumbersClaim)]
    found += [NumbersClaim(part) for part in _parts(_distinct(numbers, 2), 1)]
    return found


def _distinct(rows: Sequence[Integers], width: int) -> Integers:
    return numpy.unique(numpy.concatenate([numpy.zeros((0, width), numpy.int64), *rows]), axis=0)


def _parts(rows: Integers, products: int) -> Sequence[Integers]:
    """Rows that hold so many products each, in questions of bounded size."""
    count = max(MOST_PRODUCTS // products, 1)
    return [rows[first : first + count] for first in range(0, len(rows), count)]


