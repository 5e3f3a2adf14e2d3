"""MLIR's builtin attributes, interned; `str()` is MLIR's text."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tinyir.ir.attribute import Attribute, quote
from tinyir.ir.float_formats import FORMATS
from tinyir.ir.types import (
    I1,
    I64,
    ComplexType,
    FloatType,
    IndexType,
    IntegerType,
    QuantizedType,
    ShapedType,
    Type,
    storage_type,
)


class UnitAttribute(Attribute):
    """Its presence is its meaning."""

    __slots__ = ()

    def __new__(cls) -> UnitAttribute:
        return cls._intern(())

    def _spell(self) -> str:
        return "unit"


class IntegerAttribute(Attribute):
    """`7 : i32`, `3 : index`; of type i1 `true` / `false`.  `value` is signed unless the type is unsigned or i1."""

    __slots__ = ("type", "value")
    fields = ("value", "type")
    value: int
    type: Type

    def __new__(cls, value: int, type: Type) -> IntegerAttribute:
        return cls._intern((int(value), type))

    def _spell(self) -> str:
        if self.type is I1:
            return "true" if self.value else "false"
        return str(self.value) if self.type is I64 else f"{self.value} : {self.type}"

    @property
    def literal(self) -> str:
        """The text without the type."""
        return ("true" if self.value else "false") if self.type is I1 else str(self.value)


def bool_attribute(value: bool) -> IntegerAttribute:
    """`true` or `false`."""
    return IntegerAttribute(int(value), I1)


class FloatAttribute(Attribute):
    """`1.5 : f32`, stored as the bits of its type so that NaNs and signed zeros stay themselves."""

    __slots__ = ("bits", "type")
    fields = ("bits", "type")
    bits: int
    type: FloatType

    def __new__(cls, bits: int, type: FloatType) -> FloatAttribute:
        return cls._intern((bits, type))

    @classmethod
    def of(cls, value: float, type: FloatType) -> FloatAttribute:
        """The float rounded to the type."""
        return cls(encode_float(value, type), type)

    @property
    def value(self) -> float:
        return decode_float(self.bits, self.type)

    def _spell(self) -> str:
        literal = self.literal
        return literal if self.type.name == "f64" and not literal.startswith("0x") else f"{literal} : {self.type}"

    @property
    def literal(self) -> str:
        """The text without the type."""
        return spell_float(self.bits, self.type)


_FORMATS = {"f16": ("<e", "<H"), "f32": ("<f", "<I"), "f64": ("<d", "<Q")}


def encode_float(value: float, type: FloatType) -> int:
    """The bits of a float rounded (half even) to `type`; out of range becomes infinity."""
    if type.name not in _FORMATS:
        return FORMATS[type.name].encode(value)
    pack, unpack = _FORMATS[type.name]
    try:
        raw = struct.pack(pack, value)
    except OverflowError:
        raw = struct.pack(pack, math.copysign(math.inf, value))
    result: int = struct.unpack(unpack, raw)[0]
    return result


def decode_float(bits: int, type: FloatType) -> float:
    """The value of the bits of a float of `type`."""
    result: float
    if type.name not in _FORMATS:
        return FORMATS[type.name].decode(bits)
    pack, unpack = _FORMATS[type.name]
    result = struct.unpack(pack, struct.pack(unpack, bits))[0]
    return result


def spell_float(bits: int, type: FloatType) -> str:
    """A float literal that reads back as the same bits: decimal, or hexadecimal bits for infinities and NaNs."""
    value = decode_float(bits, type)
    if math.isfinite(value):
        for digits in range(6, 18):
            text = f"{value:.{digits}e}"
            if encode_float(float(text), type) == bits:
                return text
    return f"0x{bits:0{-(-type.width // 4)}X}"


class StringAttribute(Attribute):
    """`"text"`."""

    __slots__ = ("value",)
    fields = ("value",)
    value: str

    def __new__(cls, value: str) -> StringAttribute:
        return cls._intern((value,))

    def _spell(self) -> str:
        return quote(self.value)


class TypeAttribute(Attribute):
    """A type where an attribute stands."""

    __slots__ = ("type",)
    fields = ("type",)
    type: Type

    def __new__(cls, type: Type) -> TypeAttribute:
        return cls._intern((type,))

    def _spell(self) -> str:
        return str(self.type)

    def spell_with(self, text_of: Callable[[Any], str]) -> str:
        return text_of(self.type)


class ArrayAttribute(Attribute):
    """`[a, b]`."""

    __slots__ = ("elements",)
    fields = ("elements",)
    elements: tuple[Attribute, ...]

    def __new__(cls, elements: Iterable[Attribute]) -> ArrayAttribute:
        return cls._intern((tuple(elements),))

    def _spell(self) -> str:
        return self.spell_with(str)

    def spell_with(self, text_of: Callable[[Any], str]) -> str:
        return f"[{', '.join(map(text_of, self.elements))}]"


class DictionaryAttribute(Attribute):
    """`{a = 1, b}`, sorted by name."""

    __slots__ = ("entries",)
    fields = ("entries",)
    entries: tuple[tuple[str, Attribute], ...]

    def __new__(cls, entries: Mapping[str, Attribute]) -> DictionaryAttribute:
        return cls._intern((tuple(sorted(entries.items())),))

    def _spell(self) -> str:
        return self.spell_with(str)

    def spell_with(self, text_of: Callable[[Any], str]) -> str:
        return f"{{{spell_entries(self.entries, text_of)}}}"


class SymbolReference(Attribute):
    """`@root::@nested`."""

    __slots__ = ("path",)
    fields = ("path",)
    path: tuple[str, ...]

    def __new__(cls, *path: str) -> SymbolReference:
        return cls._intern((path,))

    def _spell(self) -> str:
        return "::".join(spell_symbol(name) for name in self.path)


class OpaqueAttribute(Attribute):
    """An attribute of a dialect that is not loaded, kept as its text, `#dialect.body`."""

    __slots__ = ("text",)
    fields = ("text",)
    text: str

    def __new__(cls, text: str) -> OpaqueAttribute:
        return cls._intern((text,))

    def _spell(self) -> str:
        return self.text


class DenseArray(Attribute):
    """`array<i64: 1, 2>`: a flat sequence of integers or floats (floats as Python floats)."""

    __slots__ = ("element", "key", "values")
    fields = ("element", "values", "key")
    element: Type
    values: tuple[int | float, ...]
    key: bytes

    def __new__(cls, values: Sequence[int | float], element: Type = I64) -> DenseArray:
        if not isinstance(element, FloatType):
            return cls._intern((element, tuple(int(v) for v in values), b""))
        floats = tuple(decode_float(encode_float(v, element), element) for v in values)
        packed = struct.pack(f"<{len(floats)}d", *floats)
        # Known by its bytes: no NaN is equal to itself, and -0.0 is equal to 0.0.
        return cls._intern((element, packed), (element, floats, packed))

    def __reduce__(self) -> tuple[Any, ...]:
        return DenseArray, (self.values, self.element)

    def _spell(self) -> str:
        if not self.values:
            return f"array<{self.element}>"
        element = self.element
        if isinstance(element, FloatType):
            texts = [spell_float(encode_float(v, element), element) for v in self.values]
        elif element is I1:
            texts = ["true" if v else "false" for v in self.values]
        else:
            texts = [str(v) for v in self.values]
        return f"array<{element}: {', '.join(texts)}>"


HEXADECIMAL_ABOVE = 100
"""A dense attribute of more elements is spelled as one hexadecimal string (as MLIR does)."""


class DenseElements(Attribute):
    """`dense<...> : tensor<2x3xi8>`: the elements' bytes, row-major, little endian, each padded to whole bytes.

    `data` is one element if `splat`, and then stands for all.  An element of i1 is one byte, 0 or 1.
    """

    __slots__ = ("data", "splat", "type")
    fields = ("type", "data", "splat")
    type: ShapedType
    data: bytes
    splat: bool

    def __new__(cls, type: ShapedType, data: bytes, splat: bool = False) -> DenseElements:
        """
        Raises:
            ValueError: the number of bytes does not fit the type.
        """
        size = element_bytes(type.element)
        count = 1 if splat else type.element_count
        if len(data) != size * count:
            raise ValueError(f"{type} needs {size * count} bytes of data, not {len(data)}")
        if not splat and count > 1 and data == data[:size] * count:
            data, splat = data[:size], True
        elif count == 1:
            splat = True
        return cls._intern((type, bytes(data), splat))

    @classmethod
    def of(cls, type: ShapedType, values: Sequence[int | float]) -> DenseElements:
        """From the elements in row-major order, or one element for all."""
        element = storage_type(type.element)
        data = b"".join(encode_element(value, element) for value in values)
        return cls(type, data, splat=len(values) == 1)

    def elements(self) -> list[int | float]:
        """All elements in row-major order."""
        element = storage_type(self.type.element)
        size = element_bytes(element)
        found = [decode_element(self.data[i : i + size], element) for i in range(0, len(self.data), size)]
        return found * self.type.element_count if self.splat else found

    @property
    def all_data(self) -> bytes:
        """The bytes of all elements, a splat repeated."""
        return self.data * self.type.element_count if self.splat else self.data

    def _spell(self) -> str:
        return f"dense<{self._body()}> : {self.type}"

    def _body(self) -> str:
        element = storage_type(self.type.element)
        if not self.splat and self.type.element_count > HEXADECIMAL_ABOVE and element is not I1:
            return f'"0x{self.data.hex().upper()}"'
        size = element_bytes(element)
        texts = [_literal(self.data[i : i + size], element) for i in range(0, len(self.data), size)]
        if self.splat:
            return texts[0]
        for extent in reversed(self.type.shape[1:]):
            texts = [f"[{', '.join(texts[i : i + extent])}]" for i in range(0, len(texts), extent)] if extent else texts
        return f"[{', '.join(texts)}]" if self.type.element_count else ""


def element_bytes(element: Type) -> int:
    """Bytes of one stored element in a dense attribute."""
    element = storage_type(element)
    if isinstance(element, IntegerType | FloatType):
        return max(element.width + 7, 8) // 8
    if isinstance(element, IndexType):
        return 8
    if isinstance(element, ComplexType):
        return 2 * element_bytes(element.element)
    raise ValueError(f"elements of type {element} have no dense form")


def encode_element(value: int | float, element: Type) -> bytes:
    """The little-endian bytes of one element (integers wrap)."""
    size = element_bytes(element)
    if isinstance(element, FloatType):
        return encode_float(value, element).to_bytes(size, "little")
    return (int(value) & ((1 << (8 * size)) - 1)).to_bytes(size, "little")


def decode_element(data: bytes, element: Type) -> int | float:
    """The value of one element's bytes."""
    if isinstance(element, FloatType):
        return decode_float(int.from_bytes(data, "little"), element)
    unsigned = isinstance(element, IntegerType) and (element.is_unsigned or element is I1)
    return int.from_bytes(data, "little", signed=not unsigned)


def _literal(data: bytes, element: Type) -> str:
    if isinstance(element, FloatType):
        return spell_float(int.from_bytes(data, "little"), element)
    if isinstance(element, ComplexType):
        half = len(data) // 2
        return f"({_literal(data[:half], element.element)},{_literal(data[half:], element.element)})"
    value = decode_element(data, element)
    return ("true" if value else "false") if element is I1 else str(value)


class DenseResource(Attribute):
    """`dense_resource<key> : tensor<...>`: elements that stand in a resource section, or are elided."""

    __slots__ = ("key", "type")
    fields = ("key", "type")
    key: str
    type: ShapedType

    def __new__(cls, key: str, type: ShapedType) -> DenseResource:
        return cls._intern((key, type))

    def _spell(self) -> str:
        return f"dense_resource<{spell_key(self.key)}> : {self.type}"


def spell_symbol(name: str) -> str:
    """`@name`, quoted where it is not a bare identifier."""
    return f"@{name}" if _is_bare(name, "_$.") else f"@{quote(name)}"


def spell_key(name: str) -> str:
    """An attribute's name, quoted where it is not a bare identifier."""
    return name if _is_bare(name, "_$.") else quote(name)


def _is_bare(name: str, extra: str) -> bool:
    first = name[:1]
    if not (first.isascii() and (first.isalpha() or first == "_")):
        return False
    return all(c.isascii() and (c.isalnum() or c in extra) for c in name)


def spell_entries(entries: Iterable[tuple[str, Attribute]], text_of: Callable[[Any], str] = str) -> str:
    """`a = 1, b`: the inside of an attribute dictionary, in the order given."""
    unit = UnitAttribute()
    return ", ".join(spell_key(k) if v is unit else f"{spell_key(k)} = {text_of(v)}" for k, v in entries)


def quantized(element: Type) -> QuantizedType | None:
    """The element as a quantized type, or None."""
    return element if isinstance(element, QuantizedType) else None
