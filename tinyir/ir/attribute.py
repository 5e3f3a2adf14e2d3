"""Interned values: the base of attributes, types, affine expressions and locations.

Two equal attributes are the same object, so equality is identity, hashing is free, and the text of each is
spelled once.  Construction looks a key up in the class's table; the table keeps its entries weakly, so that
large constants die with their last use.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self
from weakref import WeakValueDictionary


class Attribute:
    """An immutable, interned value that prints as MLIR text."""

    __slots__ = ("__weakref__", "_text")
    fields: ClassVar[tuple[str, ...]] = ()
    _table: ClassVar[WeakValueDictionary[Any, Any]]
    _text: str

    def __init_subclass__(cls) -> None:
        cls._table = WeakValueDictionary()

    @classmethod
    def _intern(cls, key: tuple[Any, ...]) -> Self:
        found: Self | None = cls._table.get(key)
        if found is None:
            found = object.__new__(cls)
            for name, value in zip(cls.fields, key, strict=True):
                object.__setattr__(found, name, value)
            cls._table[key] = found
        return found

    def _spell(self) -> str:
        raise NotImplementedError(type(self).__name__)

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
