"""Building the integer operations of the graph dialect: result types come from the operators' definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from tinyir.interp.scalar import dtype_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, TypeAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.location import UNKNOWN, Location
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import dense, integer
from tinyir.ir.registry import definition_of
from tinyir.ir.types import I8, I16, I32, QuantizedType, TensorType, Type, storage_type


def create(builder: Builder, name: str, operands: Sequence[Value], location: Location | None = None, **properties: Any) -> Value:
    """The result of a new operation.  Properties: attributes, or types, integers and sequences of integers."""
    converted = {key: _attribute(value) for key, value in properties.items() if value is not None}
    return create_with(builder, name, operands, converted, location)


def create_with(builder: Builder, name: str, operands: Sequence[Value], properties: dict[str, Attribute], location: Location | None = None) -> Value:
    """The result of a new operation with these properties.

    Raises:
        ValueError: the operation is unknown, or says no result types.
    """
    definition = definition_of(name)
    if definition is None or definition.infer is None:
        raise ValueError(f"'{name}' does not say its result types")
    types = definition.infer([operand.type for operand in operands], properties)
    return builder.create(name, operands, types, properties, location=location).result


def _attribute(value: Any) -> Attribute:
    if isinstance(value, Attribute):
        return TypeAttribute(value) if isinstance(value, Type) else value
    return integer(value) if isinstance(value, int) else DenseArray([int(element) for element in value])


def create_constant(builder: Builder, array: NDArray[Any], element: Type, name: str = "") -> Value:
    """A `graph.constant` of a machine type.

    Raises:
        OverflowError: a value of the array does not fit it.
    """
    data = numpy.ascontiguousarray(array, dtype_of(element))
    if not numpy.array_equal(data, array):
        raise OverflowError(f"a constant of '{element}' cannot hold values from {array.min()} to {array.max()}")
    made = builder.create("graph.constant", [], [TensorType(array.shape, element)], {"value": dense(data, element)}).result
    made.name = name
    return made


def tensor_type(value: Value) -> TensorType:
    """The type of a tensor.

    Raises:
        ValueError: the value is none.
    """
    if not isinstance(value.type, TensorType):
        raise ValueError(f"{value.type} is not a tensor")
    return value.type


def quantized_element(value: Value) -> QuantizedType | None:
    """The quantized element type of a tensor, or None."""
    element = value.type.element if isinstance(value.type, TensorType) else None
    return element if isinstance(element, QuantizedType) else None


def reinterpret(builder: Builder, value: Value, element: Type) -> Value:
    """The same bits with another element type; the value itself where that is its type."""
    if tensor_type(value).element is element:
        return value
    definer = value.definer
    made = create(builder, "graph.reinterpret", [value], definer.location if definer is not None else UNKNOWN, result_type=element)
    made.name = value.name
    return made


def narrow_constant(builder: Builder, numbers: NDArray[numpy.int64], name: str = "") -> tuple[Value, int]:
    """A constant of int8 and its zero point: numbers = stored - zero point; of int16 with zero point 0 where eight bits do not do."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    if high - low > I8.greatest - I8.lowest:
        return create_constant(builder, numbers, I16 if I16.lowest <= low and high <= I16.greatest else I32, name), 0
    zero_point = min(I8.greatest - high, 0) if high > I8.greatest else max(I8.lowest - low, 0)
    return create_constant(builder, numbers + zero_point, I8, name), zero_point


MOVEMENTS = frozenset({"graph.reshape", "graph.transpose", "graph.slice", "graph.broadcast"})
"""Operations that only move elements, of any type."""
MONOTONE = frozenset({"graph.max_pool2d", "graph.reduce_max", "graph.reduce_min"})
"""Operations that choose among elements by their order: an increasing function may as well follow as precede them."""
FREE_OPERANDS: dict[str, tuple[int, ...]] = {
    "graph.conv2d": (0,),
    "graph.dense": (0,),
    "graph.sum_pool2d": (0,),
    "graph.reduce_sum": (0,),
    "graph.add_fixed": (0, 1),
    "graph.add_half_even": (0, 1),
    "graph.add_division": (0, 1),
    "graph.multiply_widening": (0, 1),
    "graph.lookup": (0,),
    "graph.move_zero_point": (0,),
}
"""Operands whose type occurs nowhere else in the operator: a quantized tensor will do as well as one of plain integers."""
CHOSEN_RESULTS = frozenset(
    {
        "graph.requantize",
        "graph.requantize_fixed",
        "graph.requantize_high",
        "graph.requantize_division",
        "graph.requantize_half_even",
        "graph.requantize_thresholds",
        "graph.add_fixed",
        "graph.add_half_even",
        "graph.add_division",
        "graph.move_zero_point",
    }
)
"""Operators with a property `result_type`."""


def absorb_reinterpretations(block_operations: Sequence[Operation]) -> None:
    """Takes away each `graph.reinterpret` that its producer or its users can do without."""
    for operation in block_operations:
        if operation.name != "graph.reinterpret" or operation.parent is None:
            continue
        source = operation.operands[0]
        _pass_through(operation, source)
        definer = source.definer
        if not operation.result.use_count:
            operation.erase()
        elif definer is not None and definer.name in CHOSEN_RESULTS and source.use_count == 1:
            definer.properties["result_type"] = TypeAttribute(tensor_type(operation.result).element)
            source.type = operation.result.type
            operation.replace_by(source)


def _pass_through(operation: Operation, source: Value) -> None:
    """Users that take any type read what stands in front of the reinterpretation."""
    before, after = tensor_type(source).element, tensor_type(operation.result).element
    if storage_type(before) is not storage_type(after):
        return
    for user in operation.result.users:
        if user.name == "graph.reinterpret":
            user.set_operand(0, source)
        for index in FREE_OPERANDS.get(user.name, ()):
            if user.operands[index] is operation.result:
                user.set_operand(index, source)
