"""The built-in functions of the rule language, on concrete values; `tinyir.prove.meaning` gives each its meaning in proofs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import inf, prod
from typing import Any

from tinyir.ir.affine import AffineMap, AffineSet
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
    encode_element,
)
from tinyir.ir.integer_arithmetic import INDEX_BITS, wrapped
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import (
    F32,
    I1,
    I32,
    I64,
    FloatType,
    IndexType,
    IntegerType,
    QuantizedType,
    ShapedType,
    TensorType,
    Type,
    VectorType,
    storage_type,
)
from tinyir.rewrite.memory_effects import may_share


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
    if isinstance(elements, IntegerAttribute | FloatAttribute):
        return _is_number(elements, number)
    if not isinstance(elements, DenseElements) or not elements.splat:
        return False
    element = storage_type(elements.type.element)
    found = decode_element(elements.data, element)
    if isinstance(element, FloatType):
        return repr(float(number)) == repr(found)
    return not isinstance(value_element(value), QuantizedType) and found == number


CONSTANT_OPERATIONS = frozenset(("graph.constant", "arith.constant", "c.literal"))


class DeclinedError(Exception):
    """An expression of a rule has no value for what it matched: the rule is not applied."""


def is_constant(value: Value) -> bool:
    return value.definer is not None and value.definer.name in CONSTANT_OPERATIONS


def number_of(value: Value) -> int | float:
    """The number that a constant is, or all whose elements are; an i1 is 0 or -1.

    Raises:
        DeclinedError: it is not one number.
    """
    definer = value.definer
    attribute = definer.properties["value"] if definer is not None and definer.name in CONSTANT_OPERATIONS else None
    if isinstance(attribute, IntegerAttribute):
        return -(attribute.value & 1) if attribute.type is I1 else attribute.value
    if isinstance(attribute, FloatAttribute):
        return attribute.value
    if isinstance(attribute, DenseElements) and not isinstance(value_element(value), QuantizedType) and attribute.splat:
        found = decode_element(attribute.data, attribute.type.element)
        if definer is not None and definer.name == "graph.constant" and isinstance(found, int) and not I32.lowest <= found <= I32.greatest:
            raise DeclinedError  # proofs of the graph level take the values of constants to have 32 bits
        return -(int(found) & 1) if attribute.type.element is I1 else found
    raise DeclinedError


def constant_attribute(value: int | float, type: Type) -> Attribute:
    """A number as the value of a constant; an integer wraps around.

    Raises:
        DeclinedError: the type holds no such number.
    """
    if isinstance(type, ShapedType):
        if not type.has_static_shape or isinstance(type.element, QuantizedType):
            raise DeclinedError
        return DenseElements(type, encode_element(_wrapped(value, type.element), type.element), True)
    number = _wrapped(value, type)
    return FloatAttribute.of(number, type) if isinstance(type, FloatType) else IntegerAttribute(int(number), type)


def _wrapped(value: int | float, type: Type) -> int | float:
    return float(value) if isinstance(type, FloatType) else wrapped(int(value), type)


def is_of(type: Type, allowed: frozenset[Type]) -> bool:
    """Whether a type, or that of a tensor's or vector's elements, is one of some."""
    return type in allowed or (isinstance(type, ShapedType) and type.element in allowed)


def like(type: Type, element: Type) -> Type:
    """The element as a type of the shape that the other type has."""
    if isinstance(type, TensorType):
        return type.with_element(element)
    return VectorType(type.shape, element, type.scalable) if isinstance(type, VectorType) else element


def word_of(attribute: Attribute | None, words: tuple[str, ...]) -> str:
    """The word that the code of an enumeration stands for."""
    if not isinstance(attribute, IntegerAttribute) or not 0 <= attribute.value < len(words):
        raise DeclinedError
    return words[attribute.value]


def word_attribute(word: str | int, words: tuple[str, ...]) -> Attribute:
    """The code of a word."""
    if word not in words and not isinstance(word, int):
        raise DeclinedError
    return IntegerAttribute(word if isinstance(word, int) else words.index(word), I64)


def log2(number: int | float) -> int:
    """The exponent of a power of two.

    Raises:
        DeclinedError: it is none, or no integer.
    """
    if not isinstance(number, int) or not is_power_of_two(number):
        raise DeclinedError
    return number.bit_length() - 1


def is_power_of_two(number: int | float) -> bool:
    return isinstance(number, int) and number > 0 and number & (number - 1) == 0


def _are_integers(*numbers: int | float) -> bool:
    return all(isinstance(number, int) for number in numbers)


def shift_left(number: int, bits: int) -> int:
    """
    Raises:
        DeclinedError: by fewer than 0 or more than 128 bits, or one of the two is no integer.
    """
    if not 0 <= bits <= 128 or not _are_integers(number, bits):
        raise DeclinedError
    return number << bits


def shift_right(number: int, bits: int) -> int:
    """
    Raises:
        DeclinedError: by fewer than 0 bits, or one of the two is no integer.
    """
    if bits < 0 or not _are_integers(number, bits):
        raise DeclinedError
    return number >> bits


def quotient(number: int | float, divisor: int | float) -> int | float:
    """Rounded down if both are integers.

    Raises:
        ZeroDivisionError: by 0.
    """
    return number // divisor if isinstance(number, int) and isinstance(divisor, int) else number / divisor


def item(values: Sequence[Any], index: int) -> Any:
    """An element, counted from 0.

    Raises:
        DeclinedError: there is none.
    """
    if not isinstance(index, int) or not 0 <= index < len(values):
        raise DeclinedError
    return values[index]


MOST_ELEMENTS = 1024
"""Of a list that is written out, `[e for i < n]`."""


def count_of(number: int | float) -> int:
    """A number of elements.

    Raises:
        DeclinedError: it is no integer, or too large.
    """
    if not isinstance(number, int) or number > MOST_ELEMENTS:
        raise DeclinedError
    return number


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": quotient,
    "%": operator.mod,
    "<<": shift_left,
    ">>": shift_right,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""What the operators of expressions do to known numbers, texts and lists."""


def calculate(sign: str, left: Any, right: Any) -> Any:
    """`left sign right`.

    Raises:
        DeclinedError: it has no value.
    """
    if sign in ("&", "|", "^") and not _are_integers(left, right):
        raise DeclinedError
    try:
        return OPERATORS[sign](left, right)
    except (ZeroDivisionError, OverflowError) as error:
        raise DeclinedError from error


def type_bits(type: Type) -> int:
    """The bits of a number of the type, or of the integer that stores it; an index counts as 64."""
    return 64 if isinstance(type, IndexType) else storage_bits(type)


def fits(number: int, type: Type) -> bool:
    """Whether an integer type holds the number (an i1: 0 and -1)."""
    return lowest(type) <= number <= greatest(type)


def is_parameter(value: Value) -> bool:
    """Whether the value is a constant, or one dequantized."""
    definer = value.definer
    return definer is not None and (
        definer.name == "graph.constant" or (definer.name == "graph.dequantize" and is_constant(definer.operands[0]))
    )


def is_line(value: Value) -> bool:
    """Whether at most one axis of the value is longer than 1: however its axes are ordered, its elements are in one order."""
    return sum(extent != 1 for extent in shape(value)) <= 1


def _is_number(attribute: IntegerAttribute | FloatAttribute, number: int | float) -> bool:
    if isinstance(attribute, FloatAttribute):
        return repr(float(number)) == repr(attribute.value)
    if number in (0, 1):
        return attribute.value == number
    type = attribute.type
    bits = type.width if isinstance(type, IntegerType) else INDEX_BITS
    return isinstance(number, int) and attribute.value == wrapped(number, type) and -(1 << (bits - 1)) <= number < max(1 << (bits - 1), 2)


def shape(value: Value) -> tuple[int, ...]:
    assert isinstance(value.type, ShapedType)
    return value.type.shape


def value_element(value: Value) -> Type:
    return value.type.element if isinstance(value.type, ShapedType) else value.type


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
    """The least number of an integer or quantized type (of an i1: -1).

    Raises:
        DeclinedError: it is none.
    """
    if isinstance(type, IndexType) or type is I1:
        return -1 if type is I1 else -(1 << 63)
    if not isinstance(type, QuantizedType | IntegerType):
        raise DeclinedError
    return type.lowest


def greatest(type: Type) -> int:
    """The greatest number of an integer or quantized type (of an i1: 0).

    Raises:
        DeclinedError: it is none.
    """
    if isinstance(type, IndexType) or type is I1:
        return 0 if type is I1 else (1 << 63) - 1
    if not isinstance(type, QuantizedType | IntegerType):
        raise DeclinedError
    return type.greatest


def largest(*values: Any) -> Any:
    """The greatest of some numbers; of one map: of its results.

    Raises:
        DeclinedError: a result of the map is no constant.
    """
    return max(_results(values[0]) if len(values) == 1 else values)


def smallest(*values: Any) -> Any:
    """The least of some numbers; of one map: of its results.

    Raises:
        DeclinedError: a result of the map is no constant.
    """
    return min(_results(values[0]) if len(values) == 1 else values)


def _results(mapping: AffineMap) -> list[int]:
    found = [value for result in mapping.results if (value := result.constant_value) is not None]
    if len(found) != len(mapping.results) or not found:
        raise DeclinedError
    return found


def always(condition: AffineSet) -> bool:
    """Whether each constraint of a set is a constant that satisfies it."""
    return all(value is not None and _satisfies(value, equal) for value, equal in _constraints(condition))


def never(condition: AffineSet) -> bool:
    """Whether a constraint of a set is a constant that does not satisfy it."""
    return any(value is not None and not _satisfies(value, equal) for value, equal in _constraints(condition))


def _constraints(condition: AffineSet) -> list[tuple[int | None, bool]]:
    return [(expression.constant_value, equal) for expression, equal in condition.constraints]


def _satisfies(value: int, equal: bool) -> bool:
    return value == 0 if equal else value >= 0


def is_integer(type: Type) -> bool:
    return isinstance(type, IntegerType | IndexType)


def is_signed(type: Type) -> bool:
    """Whether an integer type is read with a sign (signless counts as signed)."""
    return is_integer(type) and not (isinstance(type, IntegerType) and type.is_unsigned)


def position(values: Sequence[int], value: int) -> int:
    """Where the value stands first; the length if nowhere."""
    return values.index(value) if value in values else len(values)


def complement(axes: Sequence[int], rank: int | float) -> tuple[int, ...]:
    """The axes of 0 .. rank - 1 that are not in the list, ascending.

    Raises:
        DeclinedError: the rank is no number of elements.
    """
    return tuple(i for i in range(count_of(rank)) if i not in axes)


BUILT_IN: dict[str, Callable[..., Any]] = {
    "shape": shape,
    "rank": lambda value: len(shape(value)),
    "element": value_element,
    "is_plain": is_plain,
    "is_float": is_float,
    "is_constant": is_constant,
    "is_parameter": is_parameter,
    "is_line": is_line,
    "per_tensor": per_tensor,
    "axis": axis,
    "storage_bits": storage_bits,
    "zero_point": zero_point,
    "lowest": lowest,
    "greatest": greatest,
    "length": len,
    "min": smallest,
    "max": largest,
    "always": always,
    "never": never,
    "type": lambda value: value.type,
    "uses": lambda value: value.use_count,
    "apart": lambda one, other: not may_share(one, other),
    "product": prod,
    "position": position,
    "value": number_of,
    "log2": log2,
    "is_power_of_two": is_power_of_two,
    "abs": abs,
    "fits": fits,
    "bits": type_bits,
    "is_integer": is_integer,
    "is_signed": is_signed,
    "complement": complement,
}
CONSTANTS: dict[str, Any] = {"inf": inf}
PARTIAL = ("value", "log2", "lowest", "greatest", "fits", "min", "max", "complement")
"""The functions that may have no value for what a rule matched."""
