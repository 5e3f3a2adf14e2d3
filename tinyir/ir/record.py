"""The base of small attrs classes that stand in families.

attrs writes a `__repr__` for every class, and Python compiles it: half of what such a class costs when it is loaded.  A family of
many classes is declared with `repr=False`, and inherits this one.
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
