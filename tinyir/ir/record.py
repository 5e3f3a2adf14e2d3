"""The bases of small attrs classes that stand in families, or that every command loads.

attrs writes a `__repr__` and an `__eq__` for every class, and Python compiles them: half of what such a class costs when it is loaded.
These classes are declared with `eq=False, repr=False`, and inherit one of these.
"""

from __future__ import annotations

from typing import Any

import attrs


class Record:
    """Shows itself as attrs would have it: `Class(field=value, ...)`."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind: Any = type(self)
        return f"{kind.__qualname__}({', '.join(f'{field.name}={getattr(self, field.name)!r}' for field in attrs.fields(kind) if field.repr)})"


class ValueRecord(Record):
    """Equal to another one of its class all of whose fields are equal, as attrs would have it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _values(other) == _values(self)

    def __hash__(self) -> int:
        return hash((type(self), _values(self)))


def _values(record: object) -> tuple[Any, ...]:
    kind: Any = type(record)
    return tuple([getattr(record, field.name) for field in attrs.fields(kind) if field.eq])
