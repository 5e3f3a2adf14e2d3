"""Formulas over named numbers."""

from __future__ import annotations

import math

import pytest

from tinyir.ir.formula import Formula, evaluate, names
from tinyir.text.schedule_reader import read_schedules


def formula(text: str) -> Formula:
    (schedule,) = read_schedules(f"schedule a for row by b\n  cost instructions {text}\n")
    ((_, found),) = schedule.costs
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("8 - 2 - 1", 5),
        ("8 / 4 / 2", 1),
        ("(1 + 2) * 3", 9),
        ("0.5 * terms", 3.5),
        ("up(terms / 4)", 2),
        ("down(terms / 4)", 1),
        ("min(terms, 4) + max(terms, 4)", 11),
        ("jam.outputs * terms", 21),
        ("terms / 0", math.inf),
    ],
)
def test_a_formula_has_the_value_that_its_text_says(text: str, value: float) -> None:
    assert evaluate(formula(text), {"terms": 7, "jam.outputs": 3}) == value


def test_names_stand_in_their_order_and_places() -> None:
    found = names(formula("up(terms / jam.outputs) + terms * positions"))
    assert [(name.text, name.place.column) for name in found] == [("terms", 24), ("jam.outputs", 32), ("terms", 47), ("positions", 55)]


def test_a_name_without_a_number_is_an_error() -> None:
    with pytest.raises(KeyError):
        evaluate(formula("terms + outputs"), {"terms": 1})
