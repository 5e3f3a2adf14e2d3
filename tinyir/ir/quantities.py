"""Exact numbers as properties: fractions as text, requantizations as `graph.requantize` carries them, arrays as dense elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseArray, DenseElements, FloatAttribute, IntegerAttribute, StringAttribute, TypeAttribute
from tinyir.ir.exact import Requantization
from tinyir.ir.operation import Operation
from tinyir.ir.types import I64, TensorType, Type

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fractions_attribute(values: Iterable[Fraction]) -> ArrayAttribute:
    """`["1/3", "5/7"]`."""
    return ArrayAttribute(StringAttribute(f"{value.numerator}/{value.denominator}") for value in values)


def fractions_of(attribute: Attribute | None) -> tuple[Fraction, ...]:
    """The fractions of such a list; none where there is no list.

    Raises:
        ValueError: something else.
    """
    if attribute is None:
        return ()
    if not isinstance(attribute, ArrayAttribute):
        raise ValueError(f"{attribute} is not a list of fractions")
    texts = [element.value for element in attribute.elements if isinstance(element, StringAttribute)]
    return tuple(Fraction(text) for text in texts)


def integer(value: int) -> IntegerAttribute:
    """An integer property."""
    return IntegerAttribute(value, I64)


def integer_of(operation: Operation, name: str, default: int = 0) -> int:
    """An integer property, or its default where it is left out.

    Raises:
        ValueError: it is no integer.
    """
    found = operation.properties.get(name)
    if found is None:
        return default
    if not isinstance(found, IntegerAttribute):
        raise ValueError(f"'{name}' of '{operation.name}' is {found}, not an integer")
    return found.value


def number_of(operation: Operation, name: str, default: float = 0.0) -> int | float:
    """An integer or float property, or its default where it is left out.

    Raises:
        ValueError: it is no number.
    """
    found = operation.properties.get(name)
    if found is None:
        return default
    if not isinstance(found, IntegerAttribute | FloatAttribute):
        raise ValueError(f"'{name}' of '{operation.name}' is {found}, not a number")
    return found.value


def integers_of(operation: Operation, name: str, default: Sequence[int] = ()) -> tuple[int, ...]:
    """A list of integers, or its default where it is left out.

    Raises:
        ValueError: it is no list of integers.
    """
    found = operation.properties.get(name)
    if found is None:
        return tuple(default)
    if not isinstance(found, DenseArray):
        raise ValueError(f"'{name}' of '{operation.name}' is {found}, not a list of integers")
    return tuple(int(value) for value in found.values)


def type_of(operation: Operation, name: str) -> Type | None:
    """A type property, or None."""
    found = operation.properties.get(name)
    return found.type if isinstance(found, TypeAttribute) else None


def requantizations(operation: Operation) -> tuple[Requantization, ...]:
    """What a `graph.requantize` means: one requantization for all elements, or one per index of the last axis."""
    scales, offsets = fractions_of(operation["scale"]), fractions_of(operation.get("offset"))
    count = max(len(scales), len(offsets), 1)
    rounding = operation.get("rounding")
    name = rounding.value if isinstance(rounding, StringAttribute) else "real_half_even"
    zero_point, low, high = (integer_of(operation, key) for key in ("zero_point", "low", "high"))
    found = []
    for index in range(count):
        scale = scales[index if len(scales) > 1 else 0]
        offset = offsets[index if len(offsets) > 1 else 0] if offsets else Fraction(0)
        ratio = (scale.numerator, scale.denominator)
        found.append(Requantization(*ratio, zero_point, low, high, offset.numerator, offset.denominator, name))
    return tuple(found)


def dense(array: NDArray[Any], element: Type) -> DenseElements:
    """An array, already of the element's width, as dense elements."""
    return DenseElements(TensorType(array.shape, element), array.tobytes())
