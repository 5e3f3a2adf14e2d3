"""Channels that never change or are never read disappear, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import pytest

from tests.oracle.cases import EXACT_CASES, soaking
from tests.passes.quantized_networks import ALL, Lowered, Network, Quantized, assert_exact, lowered
from tinyir.dialects.graph_ranges import constant_array
from tinyir.ir.errors import TinyirError
from tinyir.passes.dead_channels import DeadChannels
from tinyir.passes.lower_quantized import LowerQuantized
from tinyir.prove.dead import DeadClaim

X = Quantized(0.1, 3)
HIDDEN = Quantized(0.1, -128)
Y = Quantized(0.2, 4)
BEFORE = (LowerQuantized(), DeadChannels())


def weights(result: Lowered) -> list[tuple[int, ...]]:
    """The shapes of all weights, in order."""
    layers = [operation for operation in result.module.walk() if operation.name in ("graph.conv2d", "graph.dense")]
    found = [constant_array(operation.operands[1]) for operation in layers]
    return [array.shape for array in found if array is not None]


def weight_bytes(result: Lowered) -> int:
    return sum(int(np.prod(shape)) for shape in weights(result))


def convolution(network: Network, value: str, values: Any, bias: Any, scale: float, activation: str = "Relu", **attributes: Any) -> str:
    """A convolution with an int32 bias at the product of scales, its activation, and back to HIDDEN."""
    values = np.asarray(values)
    product = np.float32(scale) * np.float32(0.01)
    result = network.node("Conv", value, network.weight(values, 0.01), network.bias(bias, product), **attributes)
    return network.requantize(network.node(activation, result) if activation else result, HIDDEN)


def two_layers(first_bias: list[int], zero_weights: bool = True, **second: Any) -> onnx.ModelProto:
    """A convolution of 4 channels, of which the biases decide what they can be, and one that reads them."""
    random = np.random.default_rng(7)
    network = Network([1, 2, 6, 6], X)
    first = random.integers(-20, 20, (4, 2, 1, 1))
    if zero_weights:
        first[1:3] = 0
    hidden = convolution(network, network.x, first, first_bias, X.scale)
    kernel = 3 if second else 1
    result = network.node("Conv", hidden, network.weight(random.integers(-50, 50, (3, 4, kernel, kernel)), 0.02), **second)
    return network.model(result, Y)


def test_channels_at_the_zero_point_vanish_even_under_padding() -> None:
    model = two_layers([0, -5, -10**6, 100], pads=[1, 1, 1, 1])
    result = assert_exact(model)
    assert weights(result) == [(2, 1, 1, 2), (3, 3, 3, 2)]
    assert [o.statement for o, _ in result.ledger if o.kind == "dead"] == ["2 of 4 channels are constant"]


def test_a_constant_that_is_not_the_zero_point_joins_the_bias() -> None:
    model = two_layers([0, 5000, 300, 100])
    result = assert_exact(model)
    assert weights(result) == [(2, 1, 1, 2), (3, 1, 1, 2)]
    before, after = (constant_array(lowered(model, passes).all("graph.conv2d")[1].operands[2]) for passes in (ALL[:1], BEFORE))
    assert before is not None
    assert after is not None
    assert (before != after).all()


def test_a_constant_that_is_not_the_zero_point_stays_under_padding() -> None:
    result = assert_exact(two_layers([0, 5000, 300, 100], pads=[1, 1, 1, 1]))
    assert weights(result) == [(4, 1, 1, 2), (3, 3, 3, 4)]


def test_a_constant_that_would_take_a_bias_beyond_32_bits_stays() -> None:
    """Then the range of the sums is refuted: a bias that wraps around would go unnoticed."""
    network = Network([1, 2, 3, 3], X)
    hidden = convolution(network, network.x, np.zeros((4, 2, 1, 1)), [5000] * 4, X.scale)
    bias = network.bias([2**31 - 1000, 0, 0], np.float32(HIDDEN.scale) * np.float32(0.02))
    model = network.model(network.node("Conv", hidden, network.weight(np.full((3, 4, 1, 1), 40), 0.02), bias), Y)
    with pytest.raises(TinyirError, match="refuted that 3 sums of 4 products fit 32 bits"):
        lowered(model)


def test_padding_that_no_window_reaches_does_not_count() -> None:
    # 6 + 1 columns, windows of 3 by steps of 3: the last one ends at column 6
    model = two_layers([0, 5000, 300, 100], pads=[0, 0, 1, 1], strides=[3, 3])
    assert weights(assert_exact(model)) == [(2, 1, 1, 2), (3, 3, 3, 2)]


def test_a_channel_that_only_its_bound_makes_constant_is_proved_by_its_range() -> None:
    model = two_layers([0, -10**6, -10**6, 100], zero_weights=False)
    result = assert_exact(model)
    assert weights(result)[0] == (2, 1, 1, 2)
    (claim,) = [o.claim for o, _ in result.ledger if o.kind == "dead"]
    assert isinstance(claim, DeadClaim)
    assert claim.check("z3").state == "proved"
    wrong = attrs.evolve(claim, bias=claim.bias + 10**6)
    assert wrong.check().state == "refuted"


def test_a_depthwise_convolution_in_between_loses_its_channels_too() -> None:
    network = Network([1, 2, 6, 6], X)
    random = np.random.default_rng(2)
    hidden = convolution(network, network.x, random.integers(-20, 20, (4, 2, 1, 1)), [0, -(10**6), 5, -(10**6)], X.scale)
    hidden = convolution(network, hidden, random.integers(-20, 20, (4, 1, 3, 3)), [0, -3, 5, -1], HIDDEN.scale, group=4, pads=[1, 1, 1, 1])
    model = network.model(network.node("Conv", hidden, network.weight(random.integers(-50, 50, (3, 4, 1, 1)), 0.02)), Y)
    assert weights(assert_exact(model)) == [(2, 1, 1, 2), (2, 3, 3, 1), (3, 1, 1, 2)]


def test_a_channel_that_only_zero_weights_read_is_not_computed() -> None:
    network = Network([1, 2, 4, 4], X)
    random = np.random.default_rng(2)
    hidden = convolution(network, network.x, random.integers(1, 20, (4, 2, 1, 1)), [0, -(10**6), 3, 4], X.scale)
    second = random.integers(1, 50, (3, 4, 1, 1))
    second[:, 2] = 0
    result = assert_exact(network.model(network.node("Conv", hidden, network.weight(second, 0.02)), Y))
    assert weights(result) == [(2, 1, 1, 2), (3, 1, 1, 2)]


def test_both_sides_of_a_residual_keep_the_same_channels() -> None:
    network = Network([1, 2, 4, 4], X)
    random = np.random.default_rng(2)
    left = convolution(network, network.x, random.integers(1, 20, (4, 2, 1, 1)), [0, -(10**6), -(10**6), 4], X.scale)
    right = convolution(network, network.x, random.integers(1, 20, (4, 2, 1, 1)), [0, -(10**6), 3, 4], X.scale)
    total = network.requantize(network.node("Add", left, right), HIDDEN)
    result = assert_exact(network.model(network.node("Conv", total, network.weight(random.integers(1, 50, (3, 4, 1, 1)), 0.02)), Y))
    assert weights(result) == [(3, 1, 1, 2), (3, 1, 1, 2), (3, 1, 1, 3)]


def test_flattened_channels_leave_a_fully_connected_layer() -> None:
    network = Network([1, 2, 4, 4], X)
    random = np.random.default_rng(2)
    hidden = convolution(network, network.x, random.integers(1, 20, (4, 2, 1, 1)), [0, -(10**6), -(10**6), 4], X.scale)
    flat = network.node("Flatten", hidden)
    result = assert_exact(network.model(network.node("Gemm", flat, network.weight(random.integers(-50, 50, (3, 64)), 0.02), transB=1), Y))
    assert weights(result) == [(2, 1, 1, 2), (3, 32)]


def test_a_network_without_constants_stays_as_it_is() -> None:
    model = two_layers([0, 1, 2, 3], zero_weights=False)
    names = lowered(model, ALL[:1]).names
    result = lowered(model, BEFORE)
    assert result.names == names
    assert not len(result.ledger)


def test_a_network_of_constants_alone_keeps_one_channel() -> None:
    result = assert_exact(two_layers([-(10**6)] * 4, zero_weights=False))
    assert weights(result) == [(1, 1, 1, 2), (3, 1, 1, 1)]


def test_the_outputs_of_a_network_keep_all_their_channels() -> None:
    network = Network([1, 2, 4, 4], X)
    bias = network.bias([0, -(10**6), 4], np.float32(X.scale) * np.float32(0.01))
    result = network.node("Relu", network.node("Conv", network.x, network.weight(np.ones((3, 2, 1, 1)), 0.01), bias))
    assert weights(assert_exact(network.model(result, HIDDEN))) == [(3, 1, 1, 2)]


def test_the_visual_wake_words_model_fits_28_kilobytes(corpus: Path) -> None:
    (case,) = [case for case in EXACT_CASES if case.name == "mlperf_vww"]
    assert weight_bytes(lowered(case.path(corpus), ALL[:1])) == 208_112
    result = lowered(case.path(corpus))
    assert weight_bytes(result) == 29_066
    dead = [(o, v) for o, v in result.ledger if o.kind == "dead"]
    assert sum(int(o.statement.split()[0]) for o, _ in dead) == 1902
    assert {v.state for _, v in dead} == {"proved"}
    count = None if soaking() else 6
    outputs = [next(iter(result.run(sample).values())).ravel() for sample in case.inputs(corpus, count)]
    assert np.array_equal(np.stack(outputs), case.expected(corpus)[:count])


@pytest.mark.parametrize("name", ["mlperf_kws", "mlperf_ic", "mlperf_ad"])
def test_the_other_models_have_no_dead_channel(name: str, corpus: Path) -> None:
    (case,) = [case for case in EXACT_CASES if case.name == name]
    assert weights(lowered(case.path(corpus), BEFORE)) == weights(lowered(case.path(corpus), ALL[:1]))


def test_a_sum_along_the_last_axis_may_be_constant() -> None:
    """Its terms are the same for all results, which are the channels from then on."""
    network = Network([1, 3, 5], X)
    small = network.requantize(network.node("Clip", network.x, network.constant(np.float32(0)), network.constant(np.float32(0.01))), HIDDEN)
    assert_exact(network.model(network.node("ReduceMean", small, axes=[2], keepdims=0), Y))
