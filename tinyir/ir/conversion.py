"""Attributes from Python values, so that builders and patterns read well: `stride=(2, 2)`, `low=0.0`, `result_type=I8`."""

from __future__ import annotations

from collections.abc import Mapping

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DictionaryAttribute,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    TypeAttribute,
    bool_attribute,
)
from tinyir.ir.types import F32, I64, Type


def attribute_of(value: object) -> Attribute:
    """The attribute that stands for a Python value.

    bool: `true`; int: of i64; float: of f32; str: a string; a type: its attribute; integers in a list or tuple: `array<i64: ...>`;
    other lists: `[...]`; a mapping: `{...}`; an attribute: itself.

    Raises:
        TypeError: nothing stands for it.
    """
    match value:
        case Type():
            return TypeAttribute(value)
        case Attribute():
            return value
        case bool():
            return bool_attribute(value)
        case int():
            return IntegerAttribute(value, I64)
        case float():
            return FloatAttribute.of(value, F32)
        case str():
            return StringAttribute(value)
        case list() | tuple():
            numbers = [item for item in value if isinstance(item, int) and not isinstance(item, bool)]
            return DenseArray(numbers) if len(numbers) == len(value) else ArrayAttribute([attribute_of(item) for item in value])
        case Mapping():
            return DictionaryAttribute({name: attribute_of(item) for name, item in value.items()})
    raise TypeError(f"no attribute stands for {value!r} of type {type(value).__name__}")
