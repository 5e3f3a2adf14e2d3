"""The built-in functions of the rule language, on concrete values; `tinyir.prove.meaning` gives each its meaning in proofs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, prod
from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    TypeAttribute,
    decode_element,
)
from tinyir.ir.integer_arithmetic import wrapped
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import F32, I64, FloatType, IndexType, IntegerType, QuantizedType, ShapedType, Type, storage_type

CONSTANT_OPERATIONS = ("graph.constant", "arith.constant")
INTEGER_WIDTHS = (1, 8, 16, 32, 64)


def property_value(attribute: Attribute | None, default: Any) -> Any:
    """A property as a number, string, type or tuple of these; `default` if it is absent."""
    if attribute is None:
        return default
    if isinstance(attribute, DenseArray):
        return attribute.values
    if isinstance(attribute, IntegerAttribute | FloatAttribute | StringAttribute):
        return attribute.value
    if isinstance(attribute, TypeAttribute):
        return attribute.type
    if isinstance(attribute, ArrayAttribute):
        return tuple(property_value(element, None) for element in attribute.elements)
    return attribute


def property_attribute(value: Any, like: Attribute | None) -> Attribute:
    """A computed property as an attribute, of the type that `like` has."""
    if isinstance(value, Attribute) and not isinstance(value, Type):
        return value
    if isinstance(value, Type):
        return TypeAttribute(value)
    if isinstance(value, tuple):
        if value and isinstance(value[0], str):
            return ArrayAttribute(map(StringAttribute, value))
        return DenseArray(value, like.element if isinstance(like, DenseArray) else I64)
    if isinstance(value, str):
        return StringAttribute(value)
    if isinstance(like, FloatAttribute) or isinstance(value, float):
        return FloatAttribute.of(float(value), like.type if isinstance(like, FloatAttribute) else F32)
    return IntegerAttribute(value, like.type if isinstance(like, IntegerAttribute) else I64)


def other_properties(operation: Operation, names: frozenset[str]) -> dict[str, Attribute]:
    """The properties except those named."""
    return {name: value for name, value in operation.properties.items() if name not in names}


def is_splat(value: Value, number: int | float) -> bool:
    """Whether the value is a constant all of whose elements are the number (0.0 is not -0.0; -1 is all bits of an integer)."""
    definer = value.definer
    if definer is None or definer.name not in CONSTANT_OPERATIONS:
        return False
    elements = definer.properties["value"]
    if isinstance(elements, IntegerAttribute):
        return elements.value == (number if number in (0, 1) else wrapped(int(number), elements.type))
    if not isinstance(elements, DenseElements) or not elements.splat:
        return False
    element = storage_type(elements.type.element)
    found = decode_element(elements.data, element)
    if isinstance(element, FloatType):
        return repr(float(number)) == repr(found)
    return not isinstance(value_element(value), QuantizedType) and found == number


def is_constant(value: Value) -> bool:
    return value.definer is not None and value.definer.name in CONSTANT_OPERATIONS


def is_machine_integer(value: Value) -> bool:
    """Whether the value is a signless integer of a width for which the rules on `arith` are proved.

    An index is one: it is an integer of 16, 32 or 64 bits on each target.
    """
    type = value.type
    return isinstance(type, IndexType) or (isinstance(type, IntegerType) and type.width in INTEGER_WIDTHS and not type.signedness)


def number(value: int, type: Type) -> Attribute:
    """The number of that type."""
    return IntegerAttribute(wrapped(value, type), type)


def is_parameter(value: Value) -> bool:
    """Whether the value is a constant, or one dequantized."""
    definer = value.definer
    return definer is not None and (
        definer.name == "graph.constant" or (definer.name == "graph.dequantize" and is_constant(definer.operands[0]))
    )


def shape(value: Value) -> tuple[int, ...]:
    assert isinstance(value.type, ShapedType)
    return value.type.shape


def value_element(value: Value) -> Type:
    assert isinstance(value.type, ShapedType)
    return value.type.element


def is_plain(type: Type) -> bool:
    """Whether elements are of no quantized type."""
    return not isinstance(type, QuantizedType)


def is_float(type: Type) -> bool:
    return isinstance(type, FloatType)


def per_tensor(type: Type) -> bool:
    """Whether elements of the type have one scale and zero point, or none."""
    return not isinstance(type, QuantizedType) or type.axis is None


def axis(type: Type) -> int:
    """The axis of a type with scales per axis, else -1."""
    return type.axis if isinstance(type, QuantizedType) and type.axis is not None else -1


def storage_bits(type: Type) -> int:
    """The bits of an integer, or of the integer that stores a quantized number."""
    stored = storage_type(type)
    return stored.width if isinstance(stored, IntegerType | FloatType) else 0


def zero_point(type: Type) -> int:
    """The zero point of a type that has one for all."""
    return type.zero_point if isinstance(type, QuantizedType) else 0


def lowest(type: Type) -> int:
    assert isinstance(type, QuantizedType | IntegerType)
    return type.lowest


def greatest(type: Type) -> int:
    assert isinstance(type, QuantizedType | IntegerType)
    return type.greatest


def position(values: Sequence[int], value: int) -> int:
    """Where the value stands first; the length if nowhere."""
    return values.index(value) if value in values else len(values)


def complement(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """The axes of 0 .. rank - 1 that are not in the list, ascending."""
    return tuple(i for i in range(rank) if i not in axes)


BUILT_IN: dict[str, Callable[..., Any]] = {
    "shape": shape,
    "rank": lambda value: len(shape(value)),
    "element": value_element,
    "is_plain": is_plain,
    "is_float": is_float,
    "is_constant": is_constant,
    "is_parameter": is_parameter,
    "per_tensor": per_tensor,
    "axis": axis,
    "storage_bits": storage_bits,
    "zero_point": zero_point,
    "lowest": lowest,
    "greatest": greatest,
    "length": len,
    "min": min,
    "max": max,
    "product": prod,
    "position": position,
    "complement": complement,
}
CONSTANTS: dict[str, Any] = {"inf": inf}
