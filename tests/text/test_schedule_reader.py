"""The schedule language: what its texts mean, and what is said of texts that are wrong."""

from __future__ import annotations

import re

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.ir.schedule import Schedule, spell_parameters
from tinyir.text.schedule_reader import read_schedules

TEXT = """# Not of it.

# In blocks.
# Of two.
schedule blocks for product, row by block_products
  needs pair   # of lanes
  goal speed, ram

  where positions >= 4 and terms < 100
  tile bytes 512 in {256, 512}
  jam positions 2, outputs 3 in {1, 3}

schedule product for product by product
"""


def read(text: str) -> Schedule:
    (found,) = read_schedules(text, "mine.sched")
    return found


def test_every_part_of_a_schedule_is_read() -> None:
    first, second = read_schedules(TEXT, "mine.sched")
    assert (first.name, first.by.text, first.summary) == ("blocks", "block_products", "In blocks.\nOf two.")
    assert [[word.text for word in words] for words in (first.classes, first.needs, first.goals)] == [["product", "row"], ["pair"], ["speed", "ram"]]
    assert [(each.fact.text, each.comparison, each.bound) for each in first.conditions] == [("positions", ">=", 4), ("terms", "<", 100)]
    assert [(each.option, each.value, each.choices) for each in first.parameters] == [
        (("tile", "bytes"), 512, (256, 512)),
        (("jam", "positions"), 2, ()),
        (("jam", "outputs"), 3, (1, 3)),
    ]
    assert (second.parameters, second.goals, second.summary, second.place.line) == ((), (), "", 13)


def test_words_know_where_they_stand() -> None:
    first, second = read_schedules(TEXT, "mine.sched")
    places = [first.place, first.classes[1].place, first.needs[0].place, first.conditions[1].fact.place, first.parameters[2].name.place]
    places += [second.place, second.classes[0].place, second.by.place]
    assert [str(place) for place in places] == [
        f"mine.sched:{at}" for at in ("5:10", "5:30", "6:9", "9:28", "11:20", "13:10", "13:22", "13:33")
    ]
    for place, word in zip(places, ("blocks", "row", "pair", "terms", "outputs", "product", "product", "product"), strict=True):
        assert place.text[place.column - 1 :].startswith(word)


@pytest.mark.parametrize(("comparison", "fitting"), [("<=", "34"), (">=", "45"), ("==", "4"), ("!=", "35"), ("<", "3"), (">", "5")])
def test_conditions_compare(comparison: str, fitting: str) -> None:
    (condition,) = read(f"schedule a for row by b\n  where terms {comparison} 4\n").conditions
    assert "".join(str(value) for value in (3, 4, 5) if condition.holds(value)) == fitting


def test_a_schedule_without_goals_serves_all() -> None:
    assert [read(TEXT.partition("schedule product")[0]).serves(goal) for goal in ("speed", "size", "ram")] == [True, False, True]
    assert all(read("schedule a for row by b\n").serves(goal) for goal in ("speed", "size", "ram"))


def test_parameters_are_spelled_as_they_are_written() -> None:
    assert spell_parameters({("tile", "bytes"): 4, ("jam", "positions"): 2, ("jam", "outputs"): 3}) == "tile bytes 4; jam positions 2, outputs 3"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("schedule a for row bye b\n", "1:20", "unexpected 'bye'", "did you mean 'by'?"),
        ("schedul a for row by b\n", "1:1", "unexpected 'schedul'", "did you mean 'schedule'?"),
        ("schedule a for row by b\n  wher positions >= 4\n", "2:18", "unexpected '>'", "did you mean 'where'?"),
        ("schedule a for row by b\n  jam outputs\n  jam outputs 2\n", "2:14", "unexpected the end of the line", ""),
        ("schedule a for row by b\n  cost code 4 *\n", "2:16", "unexpected the end of the text", ""),
        ("schedule a for row by b\n  jam outputs 4 in {}\n", "2:21", "unexpected '}'", ""),
        ("schedule a for row by b\n  goal speed ram\n", "2:14", "unexpected 'ram'", ""),
        ("schedule a for row by b\n  tile byétes 4\n", "2:10", "unexpected 'étes'", ""),
        ("# above\nschedule a\n", "2:11", "unexpected the end of the text", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(TinyirError, match=re.escape(message)) as caught:
        read_schedules(text, "mine.sched")
    (diagnostic,) = caught.value.diagnostics
    assert (str(diagnostic.place), diagnostic.message, diagnostic.hint) == (f"mine.sched:{place}", message, hint)


def test_each_wrong_schedule_is_one_error() -> None:
    with pytest.raises(TinyirError) as caught:
        read_schedules(f"schedule\n{TEXT}schedule b by c\n", "mine.sched")
    assert [diagnostic.place.line for diagnostic in caught.value.diagnostics] == [1, 15]
