"""Small graph-level modules for tests: chains of operators on random inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.interp.scalar import dtype_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, DenseElements, FloatAttribute, IntegerAttribute, TypeAttribute
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.operation import Operation, Value
from tinyir.ir.registry import definition_of
from tinyir.ir.types import F32, I64, FunctionType, TensorType, Type

Array = NDArray[Any]
Step = tuple[str, Sequence[int], Mapping[str, Any]]
"""Operator, the numbers of its operands (arguments first, then results), properties as Python values."""


def attribute(value: Any) -> Attribute:
    """A property from a Python value."""
    if isinstance(value, Attribute) and not isinstance(value, Type):
        return value
    if isinstance(value, Type):
        return TypeAttribute(value)
    if isinstance(value, int):
        return IntegerAttribute(value, I64)
    if isinstance(value, float):
        return FloatAttribute.of(value, F32)
    return DenseArray(list(value))


def chain(inputs: Sequence[TensorType | Array], steps: Sequence[Step], name: str = "network") -> Operation:
    """A module: tensor types are inputs, arrays are constants; the last step's result is the output."""
    module = create_module()
    types = [t for t in inputs if isinstance(t, TensorType)]
    function = create_function(module, name, types, [])
    builder = Builder.at_end(function.body)
    arguments = iter(function.body.arguments)
    values: list[Value] = []
    for given in inputs:
        values.append(next(arguments) if isinstance(given, TensorType) else constant(builder, given))
    for operator, operands, properties in steps:
        made = {key: attribute(value) for key, value in properties.items()}
        used = [values[i] for i in operands]
        definition = definition_of(operator)
        assert definition is not None
        assert definition.infer is not None
        values.append(builder.create(operator, used, definition.infer([v.type for v in used], made), made).result)
    builder.create("func.return", [values[-1]])
    function.properties["function_type"] = TypeAttribute(FunctionType(types, [values[-1].type]))
    return module


def constant(builder: Builder, array: Array) -> Value:
    """A `graph.constant` of float32, int8, int32 or int64 elements."""
    element: Type = {"float32": F32}.get(array.dtype.name) or _integer(array.dtype)
    type = TensorType(array.shape, element)
    return builder.create("graph.constant", [], [type], {"value": DenseElements(type, array.tobytes())}).result


def _integer(dtype: np.dtype[Any]) -> Type:
    from tinyir.ir.types import IntegerType

    return IntegerType(8 * dtype.itemsize)


def random_inputs(module: Operation, seed: int = 0, low: int = -128, high: int = 128) -> dict[str, Array]:
    """An input for each argument: normal floats, integers in [low, high) that the type holds."""
    random = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    function = next(o for o in module.body if o.name == "func.func")
    for i, argument in enumerate(function.body.arguments):
        assert isinstance(argument.type, TensorType)
        dtype = dtype_of(argument.type.element)
        if dtype.kind == "f":
            found[f"input_{i}"] = random.standard_normal(argument.type.shape).astype(dtype)
        else:
            found[f"input_{i}"] = random.integers(0 if dtype.kind == "u" else low, high, argument.type.shape).astype(dtype)
    return found
