"""The reader of attributes and locations, and with it of all texts that stand for interned values."""

from __future__ import annotations

from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseResource,
    DictionaryAttribute,
    FloatAttribute,
    OpaqueAttribute,
    StringAttribute,
    SymbolReference,
    TypeAttribute,
    UnitAttribute,
    bool_attribute,
    decode_float,
    encode_float,
)
from tinyir.ir.location import UNKNOWN, CallSiteLocation, FileLocation, Location, LocationAttribute, NameLocation, fuse
from tinyir.ir.types import (
    DYNAMIC,
    F64,
    I64,
    INDEX,
    FloatType,
    IntegerType,
    ShapedType,
    StridedLayout,
)
from tinyir.text.affine_reader import AffineReader
from tinyir.text.dense import (
    Literal,
    LiteralError,
    dense_elements,
    float_from_literal,
    integer_from_literal,
    number_attribute,
)


class ValueReader(AffineReader):
    """Makes attributes and locations: one method per rule of `ir.lark`."""

    def dictionary(self, parts: list[Any]) -> dict[str, Attribute]:
        entries: list[tuple[str, Attribute, int]] = parts[0] or []
        found: dict[str, Attribute] = {}
        for name, value, offset in entries:
            if name in found:
                raise self.failure(f"attribute '{name}' is given twice", offset)
            found[name] = value
        return found

    def properties(self, parts: list[Any]) -> dict[str, Attribute]:
        found: dict[str, Attribute] = parts[0]
        return found

    def entry(self, parts: list[Any]) -> tuple[str, Attribute, int]:
        name, value = parts
        return self.text_of(name) if name[0] == '"' else name, UnitAttribute() if value is None else value, self.begin

    def integer(self, parts: list[Any]) -> Attribute:
        text, type = parts
        if type is None:
            type = I64
        if isinstance(type, FloatType):
            return self._float(text, type)
        if not isinstance(type, IntegerType) and type is not INDEX:
            raise self.failure(f"an integer cannot have type {type}", self.begin)
        try:
            return number_attribute(text, type)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def floating(self, parts: list[Any]) -> Attribute:
        text, type = parts
        type = F64 if type is None else type
        if not isinstance(type, FloatType):
            raise self.failure(f"a number with a point cannot have type {type}", self.begin)
        return self._float(text, type)

    def _float(self, text: str, type: FloatType) -> Attribute:
        try:
            return FloatAttribute(float_from_literal(text, type), type)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def string(self, parts: list[Any]) -> Attribute:
        if parts[1] is not None:
            return OpaqueAttribute(self.verbatim())
        return StringAttribute(self.text_of(parts[0]))

    def symbol(self, parts: list[str]) -> Attribute:
        return SymbolReference(*(self.symbol_name(part) for part in parts))

    def symbol_name(self, text: str) -> str:
        """The name in `@name` or `@"name"`."""
        return self.text_of(text[1:]) if text[1] == '"' else text[1:]

    def true(self, _parts: list[Any]) -> Attribute:
        return bool_attribute(True)

    def false(self, _parts: list[Any]) -> Attribute:
        return bool_attribute(False)

    def unit(self, _parts: list[Any]) -> Attribute:
        return UnitAttribute()

    def array(self, parts: list[Any]) -> Attribute:
        return ArrayAttribute(parts[0] or ())

    def dictionary_attribute(self, parts: list[Any]) -> Attribute:
        return DictionaryAttribute(parts[0])

    def dense_array(self, parts: list[Any]) -> Attribute:
        element, values = parts
        if not isinstance(element, IntegerType | FloatType):
            raise self.failure(f"an array cannot have elements of type {element}", self.begin)
        try:
            if isinstance(element, FloatType):
                bits = [float_from_literal(value, element) for value in values or ()]
                numbers = [decode_float(value, element) for value in bits]
                if any(encode_float(number, element) != value for number, value in zip(numbers, bits, strict=True)):
                    return OpaqueAttribute(self.verbatim())
                return DenseArray(numbers, element)
            return DenseArray([integer_from_literal(value, element) for value in values or ()], element)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def dense(self, parts: list[Any]) -> Attribute:
        literal, type = parts
        if not isinstance(type, ShapedType) or not type.has_static_shape:
            raise self.failure(f"dense elements need a type of static shape, not {type}", self.begin)
        try:
            return dense_elements(literal, type) or OpaqueAttribute(self.verbatim())
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def dense_resource(self, parts: list[Any]) -> Attribute:
        key, type = parts
        if not isinstance(type, ShapedType):
            raise self.failure(f"a dense resource needs a shaped type, not {type}", self.begin)
        return DenseResource(self.text_of(key) if key[0] == '"' else key, type)

    def verbatim_attribute(self, _parts: list[Any]) -> Attribute:
        return OpaqueAttribute(self.verbatim())

    def type_attribute(self, parts: list[Any]) -> Attribute:
        return TypeAttribute(parts[0])

    def location_attribute(self, parts: list[Location]) -> Attribute:
        return LocationAttribute(parts[0])

    def strided(self, parts: list[Any]) -> Attribute:
        strides, offset = parts
        extents = [DYNAMIC if text == "?" else self.integer_value(text) for text in strides or ()]
        return StridedLayout(extents, 0 if offset is None else DYNAMIC if offset == "?" else self.integer_value(offset))

    # -- literals inside dense attributes: their texts

    def integer_literal(self, parts: list[Any]) -> Literal:
        literal: str = parts[0]
        return literal

    float_literal = string_literal = integer_literal

    def true_literal(self, _parts: list[Any]) -> Literal:
        return "true"

    def false_literal(self, _parts: list[Any]) -> Literal:
        return "false"

    def complex_literal(self, parts: list[Any]) -> Literal:
        return parts[0], parts[1]

    def list_literal(self, parts: list[Any]) -> Literal:
        return parts[0] or []

    def dynamic(self, _parts: list[Any]) -> Literal:
        return "?"

    # -- locations

    def unknown_place(self, _parts: list[Any]) -> Location:
        return UNKNOWN

    def file_place(self, parts: list[str]) -> Location:
        return FileLocation(self.text_of(parts[0]), self.integer_value(parts[1]), self.integer_value(parts[2]))

    def name_place(self, parts: list[Any]) -> Location:
        return NameLocation(self.text_of(parts[0]), parts[1])

    def call_site(self, parts: list[Any]) -> Location:
        return CallSiteLocation(parts[0], parts[1])

    def fused_place(self, parts: list[Any]) -> Location:
        metadata, children = parts
        return fuse(*children, metadata=metadata)
