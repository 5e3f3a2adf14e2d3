"""Numbers of several calls that follow from one another: of the columns (3, 5), (4, 6), (12, 20) the last two are x + 1 and 4 x.

A function with a parameter for each of them would know nothing of that, and load what it could compute or address from the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

import attrs

Column = tuple[int, ...]


@attrs.frozen
class Relation:
    """`columns[first] operator second`, the second a number, or a column too."""

    operator: str
    first: int
    second: int
    is_column: bool


def relations(columns: Sequence[Column]) -> dict[int, Relation]:
    """For columns that follow from columns before them how they do.  All are of one length."""
    found: dict[int, Relation] = {}
    for number, column in enumerate(columns):
        known = range(number)
        relation = next(_of_one(columns, column, known), None) or next(_of_two(columns, column, known), None)
        if relation is not None:
            found[number] = relation
    return found


def _of_one(columns: Sequence[Column], column: Column, known: Sequence[int]) -> Iterator[Relation]:
    for first in known:
        differences = {a - b for a, b in zip(column, columns[first], strict=True)}
        if len(differences) == 1:
            yield Relation("+", first, differences.pop(), False)
    for first in known:
        if all(columns[first]) and all(a % b == 0 for a, b in zip(column, columns[first], strict=True)):
            factors = {a // b for a, b in zip(column, columns[first], strict=True)}
            if len(factors) == 1:
                yield Relation("*", first, factors.pop(), False)
    for first in known:
        for shift in range(1, 8):
            if all(b == a << shift for a, b in zip(column, columns[first], strict=True)):
                yield Relation(">>", first, shift, False)


def _of_two(columns: Sequence[Column], column: Column, known: Sequence[int]) -> Iterator[Relation]:
    for first, second in combinations_with_replacement(known, 2):
        if all(a == b + c for a, b, c in zip(column, columns[first], columns[second], strict=True)):
            yield Relation("+", first, second, True)
