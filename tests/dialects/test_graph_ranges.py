"""Ranges of graph-level tensors hold whatever the interpreter computes, and the dull cases are exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.oracle.models import quantized_case
from tests.passes.quantized_networks import ALL, lowered
from tinyir.dialects.graph_integers import create, create_constant
from tinyir.dialects.graph_ranges import GraphRanges
from tinyir.interp.machine import Machine, main_function
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.operation import Value
from tinyir.ir.types import I8, I32, U8, IntegerType, QuantizedType, TensorType, Type

Build = Callable[[Builder, Value], Value]


def ranges_of(build: Build, shape: tuple[int, ...], element: Type = I8) -> tuple[list[int], list[int]]:
    """The lows and highs of what is built on a network's input."""
    type = TensorType(shape, element)
    function = create_function(create_module(), "net", [type], [type])
    found = GraphRanges().of(build(Builder.at_end(function.body), function.body.arguments[0]))
    return found.low.tolist(), found.high.tolist()


def test_an_input_holds_all_values_of_its_type() -> None:
    assert ranges_of(lambda _, x: x, (1, 2)) == ([-128, -128], [127, 127])
    assert ranges_of(lambda _, x: x, (1, 1), U8) == ([0], [255])


def test_a_clamp_and_a_table_narrow_the_range() -> None:
    def narrowed(builder: Builder, x: Value) -> Value:
        clamped = create(builder, "graph.clamp", [x], low=-3, high=5)
        table = create_constant(builder, np.arange(256) // 2, I8)
        return create(builder, "graph.lookup", [clamped, table])

    assert ranges_of(narrowed, (1, 1)) == ([62], [66])


def layer(builder: Builder, x: Value, weights: Any, **properties: Any) -> Value:
    bias = create_constant(builder, np.array([10, -10]), I32)
    return create(builder, "graph.conv2d", [x, create_constant(builder, np.asarray(weights), I8), bias], **properties)


def test_a_convolution_has_the_extremes_of_its_weights() -> None:
    weights = np.array([[[[1], [2]]], [[[-1], [3]]]])
    assert ranges_of(lambda b, x: layer(b, x, weights), (1, 4, 4, 1)) == ([10 - 3 * 128, -10 - 127 - 3 * 128], [10 + 3 * 127, -10 + 128 + 3 * 127])


def test_padding_counts_as_zero_where_it_is_reached() -> None:
    weights = np.array([[[[1], [2]]], [[[-1], [3]]]])

    def padded(builder: Builder, x: Value) -> Value:
        positive = create(builder, "graph.clamp", [x], low=5, high=6)
        return layer(builder, positive, weights, pad=[0, 0, 0, 1])

    low, high = ranges_of(padded, (1, 4, 4, 1))
    assert (low, high) == ([10 + 5, -10 - 6], [10 + 18, -10 - 5 + 18])


def test_a_flattened_image_repeats_its_channels() -> None:
    def flattened(builder: Builder, x: Value) -> Value:
        other = create(builder, "graph.clamp", [x], low=0, high=1)
        both = create(builder, "graph.concat", [x, other], axis=3)
        return create(builder, "graph.reshape", [both], shape=[1, 8])

    assert ranges_of(flattened, (1, 2, 2, 1)) == ([-128, 0] * 4, [127, 1] * 4)


def test_a_long_chain_of_residual_sums_is_followed_in_linear_time() -> None:
    def chain(builder: Builder, x: Value) -> Value:
        for _ in range(200):
            x = create(builder, "graph.add_fixed", [x, x], x_multiplier=1, y_multiplier=1, rounding=0, shift=1, low=-128, high=127)
        return x

    assert ranges_of(chain, (1, 1)) == ([-128], [127])


@pytest.mark.parametrize("seed", range(100, 130))
@pytest.mark.parametrize("passes", [ALL[:1], ALL], ids=["lower_quantized", "all"])
def test_no_computed_value_leaves_its_range(seed: int, passes: Any) -> None:
    case = quantized_case(seed)
    result = lowered(case.model, passes)
    function, ranges = main_function(result.module), GraphRanges()
    for inputs in case.inputs:
        machine = Machine(result.module)
        arguments: list[Any] = []
        for argument, (_, values) in zip(function.body.arguments, inputs.items(), strict=True):
            assert isinstance(argument.type, TensorType)
            arguments.append(np.asarray(values).reshape(argument.type.shape))
        with np.errstate(all="ignore"):
            machine.call(function, arguments)
        for operation in function.body:
            for value in operation.results:
                if isinstance(value.type, TensorType) and isinstance(value.type.element, IntegerType | QuantizedType):
                    found, computed = ranges.of(value), np.asarray(machine.values[value])
                    assert (computed >= found.low).all(), operation.name
                    assert (computed <= found.high).all(), operation.name
