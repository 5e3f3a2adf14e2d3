"""The real meaning of float operations: constants, functions, and operators of which none is known."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.graphs import attribute
from tinyir.dialects import graph_reals
from tinyir.dialects.graph_integers import create_constant, create_with
from tinyir.dialects.graph_reals import BIAS, QUANTIZED, UnloweredError
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.quantities import dense
from tinyir.ir.types import F32, I8, I32, IntegerType, QuantizedType, TensorType
from tinyir.prove.real_functions import bounds


def floats(builder: Builder, values: Any) -> Operation:
    array = np.asarray(values, np.float32)
    return builder.create("graph.constant", [], [TensorType(array.shape, F32)], {"value": dense(array, F32)})


def quantized(builder: Builder, values: Any, scales: list[float], zero_points: list[int], axis: int | None = None, storage: IntegerType = I8) -> Operation:
    """A dequantized constant."""
    array = np.asarray(values, np.int8 if storage is I8 else np.int32)
    element = QuantizedType(storage, F32, scales, zero_points, axis)
    stored = builder.create("graph.constant", [], [TensorType(array.shape, element)], {"value": dense(array, storage)}).result
    return builder.create("graph.dequantize", [stored], [TensorType(array.shape, F32)])


def definer(value: Value) -> Operation:
    found = value.definer
    assert found is not None
    return found


def test_a_float_is_the_fraction_that_it_is() -> None:
    found = graph_reals.constant_of(floats(Builder(Block()), [0.5, -0.1, 0.0]))
    assert found is not None
    assert found.values().tolist() == [Fraction(1, 2), -Fraction(13421773, 1 << 27), 0]


@pytest.mark.parametrize("values", [[float("inf")], [float("nan")], np.zeros(70_000) + 1])
def test_floats_without_exact_use_are_refused(values: Any) -> None:
    with pytest.raises(UnloweredError):
        graph_reals.constant_of(floats(Builder(Block()), values))


def test_a_dequantized_constant_has_the_scales_of_its_axis() -> None:
    found = graph_reals.dequantized_constant(quantized(Builder(Block()), [[1, 2], [3, 4]], [0.5, 0.25], [0, 1], axis=1))
    assert found is not None
    assert found.origin == QUANTIZED
    assert found.values().tolist() == [[Fraction(1, 2), Fraction(1, 4)], [Fraction(3, 2), Fraction(3, 4)]]
    bias = graph_reals.dequantized_constant(quantized(Builder(Block()), [7], [0.5], [0], storage=I32))
    assert bias is not None
    assert bias.origin == BIAS


MOVES: dict[str, tuple[dict[str, Any], Any]] = {
    "graph.transpose": ({"permutation": [1, 0]}, lambda array: array.T),
    "graph.reshape": ({"shape": [6]}, lambda array: array.reshape(6)),
    "graph.slice": ({"start": [1, 0], "size": [1, 2], "step": [1, 2]}, lambda array: array[1:, ::2]),
    "graph.slice backwards": ({"start": [1, 2], "size": [2, 3], "step": [-1, -1]}, lambda array: array[::-1, ::-1]),
    "graph.broadcast": ({"shape": [2, 2, 3]}, lambda array: np.stack([array, array])),
}


def made(builder: Builder, name: str, operand: Value, properties: dict[str, Any]) -> Operation:
    return definer(create_with(builder, name, [operand], {key: attribute(value) for key, value in properties.items()}))


@pytest.mark.parametrize("name", MOVES)
def test_scales_move_with_their_elements(name: str) -> None:
    builder, (properties, move) = Builder(Block()), MOVES[name]
    operation = quantized(builder, [[1, 2, 3], [4, 5, 6]], [0.5, 0.25], [0, 0], axis=0)
    constant = graph_reals.dequantized_constant(operation)
    assert constant is not None
    found = graph_reals.moved_constant(made(builder, name.partition(" ")[0], operation.result, properties), constant)
    assert (found.values() == move(constant.values())).all()


@pytest.mark.parametrize("name", sorted(graph_reals.UNARY))
def test_the_real_function_is_near_what_is_computed_in_binary32(name: str) -> None:
    builder = Builder(Block())
    positive = name in ("graph.log", "graph.sqrt", "graph.reciprocal")
    values = np.linspace(0.1, 4, 40) if positive else np.linspace(-4.1, 4, 40)
    properties = {"low": -1.5, "high": 2.25} if name == "graph.clamp" else {}
    operand = floats(builder, values).result
    operation = made(builder, name, operand, properties)
    arguments = [Fraction(float(np.float32(v))) for v in values]
    exact = [float(bounds(value)[0]) for value in graph_reals.apply_unary(operation, arguments)]
    computed = [float(bounds(value)[0]) for value in graph_reals.apply_in_binary32(operation, arguments)]
    assert np.allclose(exact, computed, rtol=1e-6, atol=1e-7)
    assert graph_reals.is_elementwise(operation)


def test_what_mixes_elements_is_not_elementwise() -> None:
    builder = Builder(Block())
    operand = floats(builder, np.ones((2, 2))).result
    mixing: list[tuple[str, dict[str, Any]]] = [("graph.softmax", {}), ("graph.reduce_sum", {"axes": [0]}), ("graph.transpose", {"permutation": [1, 0]})]
    for name, properties in mixing:
        assert not graph_reals.is_elementwise(made(builder, name, operand, properties))
    integers = create_constant(builder, np.ones((2, 2)), I8)
    assert not graph_reals.is_elementwise(definer(integers))
