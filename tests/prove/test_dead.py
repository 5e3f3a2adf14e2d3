"""Constant channels: found, proved and, where they are not constant, refuted with inputs that show it."""

from pathlib import Path

import numpy
import pytest
from numpy.typing import ArrayLike, NDArray

from tests.prove.corpus_layers import Layer, read_model
from tests.prove.test_fixed_point import layer_meanings
from tinyir.ir.exact import Requantization
from tinyir.prove.dead import DeadClaim, constant_channels
from tinyir.prove.ranges import dot_range

WEIGHTS = numpy.array([[1, -1, 2], [0, 0, 0], [100, 3, -5]])
BIAS = numpy.array([10, 77_000, 0])
MEANINGS = [Requantization(1, 1000, zero_point=5), Requantization(1, 1000, zero_point=5), Requantization(1, 10, zero_point=5)]


def test_only_channels_with_one_result_are_constant() -> None:
    assert constant_channels(WEIGHTS, 0, 100, BIAS, MEANINGS) == [5, 82, None]


def test_both_provers_agree_on_constants_and_on_their_values() -> None:
    right = DeadClaim.of(WEIGHTS[:2], 0, 100, BIAS[:2], MEANINGS[:2], (5, 82))
    assert right.check().state == right.check("z3").state == "proved"
    for values in ((5, 81), (6, 82), (5, 1000)):
        wrong = DeadClaim.of(WEIGHTS[:2], 0, 100, BIAS[:2], MEANINGS[:2], values)
        assert wrong.check().state == wrong.check("z3").state == "refuted"


def test_a_living_channel_is_refuted_with_inputs_that_change_it() -> None:
    claim = DeadClaim.of(WEIGHTS, 0, 100, BIAS, MEANINGS, (5, 82, 5))
    native, z3 = claim.check(), claim.check("z3")
    assert native.counterexample is not None
    assert z3.counterexample is not None
    assert native.counterexample["channel"] == z3.counterexample["part"] == 2
    for found in (native.counterexample, z3.counterexample):
        total = sum(int(w) * found[f"x{k}"] for k, w in enumerate(WEIGHTS[2]))
        assert total == found["sum"]
        assert MEANINGS[2](total) != 5


def test_a_clamped_end_is_constant_too() -> None:
    meanings = [Requantization(1, 10, zero_point=-128)]
    negative = DeadClaim.of(numpy.array([[-3, -4]]), 0, 50, numpy.array([2]), meanings, (-128,))
    assert negative.check().state == negative.check("z3").state == "proved"
    positive = DeadClaim.of(numpy.array([[3, 4]]), 0, 50, numpy.array([2]), meanings, (-128,))
    assert positive.check().state == positive.check("z3").state == "refuted"


def input_range(layer: Layer, known: tuple[NDArray[numpy.int64], NDArray[numpy.int64]] | None) -> tuple[ArrayLike, ArrayLike]:
    """Ranges per term from the ranges per channel of the layer before; zero is among them because of the padding."""
    if known is None:
        return layer.input_low, layer.input_high
    low, high = (numpy.minimum(known[0], 0), numpy.maximum(known[1], 0))
    if len(low) == len(layer.weights) and layer.weights.shape[1] == 9:
        return low[:, None], high[:, None]  # depthwise
    return low, high


def test_intervals_that_go_from_layer_to_layer_find_1651_constant_channels_in_vww(corpus: Path) -> None:
    model = read_model(corpus, "vww")
    constant = 0
    known = None
    for layer in model.layers:
        meanings, _, _ = layer_meanings(layer)
        low, high = input_range(layer, known)
        values = constant_channels(layer.weights, low, high, layer.bias, meanings)
        dead = [c for c, value in enumerate(values) if value is not None]
        constant += len(dead)
        x_low, x_high = (numpy.broadcast_to(numpy.asarray(x), layer.weights.shape)[dead] for x in (low, high))
        claim = DeadClaim.of(layer.weights[dead], x_low, x_high, layer.bias[dead], [meanings[c] for c in dead], [v for v in values if v is not None])
        assert claim.check().state == "proved"
        found = dot_range(layer.weights, low, high, layer.bias)
        ends = [[m(int(x)) - layer.output_zero_point for m, x in zip(meanings, xs, strict=True)] for xs in (found.low, found.high)]
        known = numpy.array(ends[0]), numpy.array(ends[1])
    assert constant == 1651


@pytest.mark.parametrize("model", ["kws", "ic", "ad"])
def test_the_other_models_have_no_constant_channel(corpus: Path, model: str) -> None:
    for layer in read_model(corpus, model).layers:
        values = constant_channels(layer.weights, layer.input_low, layer.input_high, layer.bias, layer_meanings(layer)[0])
        assert values == [None] * len(values)
