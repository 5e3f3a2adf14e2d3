"""What a record shows, and what it is equal to, is as attrs would have it."""

from __future__ import annotations

import attrs

from tinyir.ir.record import Record, ValueRecord


@attrs.frozen(repr=False)
class Shown(Record):
    name: str
    _private: int = 0
    hidden: int = attrs.field(default=0, repr=False)


@attrs.frozen
class ByAttrs:
    name: str
    _private: int = 0
    hidden: int = attrs.field(default=0, repr=False)


def test_a_record_shows_itself_as_attrs_would() -> None:
    assert repr(Shown("x", 3, 4)) == repr(ByAttrs("x", 3, 4)).replace("ByAttrs", "Shown") == "Shown(name='x', _private=3)"


@attrs.frozen(eq=False, repr=False)
class Point(ValueRecord):
    x: int
    note: str = attrs.field(default="", eq=False)


@attrs.frozen(eq=False, repr=False)
class Pair(ValueRecord):
    x: int


def test_a_value_record_is_equal_to_one_of_its_class_with_equal_fields() -> None:
    assert Point(1) == Point(1, "elsewhere")
    assert hash(Point(1)) == hash(Point(1, "elsewhere"))
    assert Point(1) != Point(2)
    assert Point(1) != Pair(1)
    assert len({Point(1), Point(1), Point(2), Pair(1)}) == 3
