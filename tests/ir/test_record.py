"""What a record shows is what attrs would show."""

from __future__ import annotations

import attrs

from tinyir.ir.record import Record


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
