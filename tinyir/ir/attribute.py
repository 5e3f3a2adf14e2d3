"""Interned values: the base of attributes, types, affine expressions and locations.

Two equal attributes are the same object, so equality is identity, hashing is free, and the text of each is
spelled once.  Construction looks a key up in the class's table; the table keeps its entries weakly, so that
large constants die with their last use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, Self
from weakref import ref


class Entry(ref[Any]):
    """A weak reference in a table, which knows its key.  (WeakValueDictionary has the same, at three times the cost.)"""

    __slots__ = ("key",)
    key: Any


Table = dict[Any, Entry]


def _forgetter(table: Table) -> Callable[[ref[Attribute]], None]:
    """Removes the entry of an attribute that nobody holds any more."""

    def forget(entry: ref[Attribute]) -> None:
        assert isinstance(entry, Entry)
        if table.get(entry.key) is entry:
            del table[entry.key]

    return forget


class Attribute:
    """An immutable, interned value that prints as MLIR text."""

    __slots__ = ("__weakref__", "_text")
    fields: ClassVar[tuple[str, ...]] = ()
    _table: ClassVar[Table]
    _forget: ClassVar[Callable[[ref[Attribute]], None]]
    _setters: ClassVar[tuple[Callable[[Attribute, Any], None], ...]]
    _text: str

    def __init_subclass__(cls) -> None:
        cls._table = {}
        cls._forget = staticmethod(_forgetter(cls._table))
        cls._setters = tuple(getattr(cls, name).__set__ for name in cls.fields)

    @classmethod
    def _intern(cls, key: tuple[Any, ...], values: tuple[Any, ...] | None = None) -> Self:
        """The attribute of a key; if nobody holds it, a new one with these fields (None: with those of the key)."""
        table = cls._table
        entry = table.get(key)
        found: Self | None = entry() if entry is not None else None
        if found is None:
            found = object.__new__(cls)
            for set_field, value in zip(cls._setters, key if values is None else values, strict=True):
                set_field(found, value)
            entry = table[key] = Entry(found, cls._forget)
            entry.key = key
        return found

    def _spell(self) -> str:
        raise NotImplementedError(type(self).__name__)

    def spell_with(self, _text_of: Callable[[Any], str]) -> str:
        """The text, with these texts for the attributes, types and locations that it holds."""
        return str(self)

    def __str__(self) -> str:
        try:
            return self._text
        except AttributeError:
            text = self._spell()
            object.__setattr__(self, "_text", text)
            return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), tuple(getattr(self, name) for name in self.fields))


def _restore(cls: type[Attribute], key: tuple[Any, ...]) -> Attribute:
    return cls._intern(key)


def quote(text: str) -> str:
    """A string literal as MLIR spells it: printable ASCII as it is, all other bytes as two hex digits."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    out = []
    for byte in text.encode("utf-8", "surrogateescape"):
        if byte == 0x5C:
            out.append("\\\\")
        elif byte == 0x22 or not 0x20 <= byte < 0x7F:
            out.append(f"\\{byte:02X}")
        else:
            out.append(chr(byte))
    return f'"{"".join(out)}"'
