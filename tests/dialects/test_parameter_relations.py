"""Columns of numbers that follow from others, and those that do not."""

import pytest

from tinyir.dialects.parameter_relations import Column, Relation, relations


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ((4, 6, 10), Relation("+", 0, 1, False)),
        ((1, 3, 7), Relation("+", 0, -2, False)),
        ((12, 20, 36), Relation("*", 0, 4, False)),
        ((8, 16, 4), Relation(">>", 1, 1, False)),
        ((19, 37, 17), Relation("+", 0, 1, True)),
        ((0, 5, 9), None),
        ((12, 20, 37), None),
    ],
)
def test_a_column_is_told_of_those_before_it(column: Column, expected: Relation | None) -> None:
    known: list[Column] = [(3, 5, 9), (16, 32, 8)]
    assert relations([*known, column]).get(2) == expected
    assert not relations(known)
