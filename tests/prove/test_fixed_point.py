"""Fixed-point sequences: equal to the meaning wherever they are offered, absent where none exists, cheap on the corpus models."""

from pathlib import Path

import attrs
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prove.corpus_layers import Layer, read_model
from tinyir.ir.exact import Requantization, scale_ratio
from tinyir.prove.fixed_point import FixedPoint, LayerFixedPoint, choose_fixed_point, choose_layer, describe_channel, first_difference, result_range

CONVOLUTION = Requantization(*scale_ratio([0.0235, 0.0071], [0.0933]), zero_point=-5)


def equal_everywhere(sequence: FixedPoint, meaning: Requantization, x_low: int, x_high: int) -> bool:
    return all(sequence(x) == meaning(x) for x in range(x_low, x_high + 1))


@settings(max_examples=150, deadline=None)
@given(
    st.floats(2.0**-14, 2.0),
    st.integers(-128, 127),
    st.integers(-128, 0),
    st.integers(-3000, 3000),
    st.integers(0, 3000),
    st.tuples(st.integers(-90, 90), st.integers(1, 1 << 40)),
    st.sampled_from(["real_half_even", "real_half_up", "real_half_away", "real_floor", "tflite_single", "tflite_double"]),
)
def test_a_chosen_sequence_equals_the_meaning_on_every_input(
    scale: float, zero_point: int, low: int, x_low: int, count: int, offset: tuple[int, int], rounding: str
) -> None:
    moved = (0, 1) if rounding.startswith("tflite") else offset
    meaning = Requantization(*scale_ratio([scale]), zero_point, low, 127, *moved, rounding)
    chosen = choose_fixed_point(meaning, x_low, x_low + count)
    if chosen is not None:
        assert equal_everywhere(chosen, meaning, x_low, x_low + count)
        assert all(chosen.result_low <= chosen.unclamped(x) <= chosen.result_high for x in range(x_low, x_low + count + 1))


def test_an_ordinary_convolution_needs_only_the_high_word() -> None:
    layer = choose_layer([CONVOLUTION], -900_000, 900_000)
    assert layer is not None
    assert (layer.width, layer.high_word_only, layer.zero_point) == (64, True, 0)
    sequence = layer.channel(0)
    high = [((x * sequence.multiplier) >> 32) + (sequence.rounding >> 32) >> (sequence.shift - 32) for x in range(-2000, 2000)]
    assert high == [sequence.unclamped(x) for x in range(-2000, 2000)]


def test_a_short_range_needs_only_32_bits() -> None:
    chosen = choose_fixed_point(Requantization(1, 125, -128), 0, 125 * 255)
    assert chosen is not None
    assert chosen.width == 32
    assert equal_everywhere(chosen, Requantization(1, 125, -128), 0, 125 * 255)


@pytest.mark.parametrize("count", [2, 50, 64])
def test_ties_in_both_directions_have_no_sequence(count: int) -> None:
    assert choose_fixed_point(Requantization(1, count), -count * 127, count * 127) is None


def test_ties_in_one_direction_have_one() -> None:
    meaning = Requantization(1, 4, low=0, high=1)  # 2 / 4 goes down to 0, 6 / 4 would go up to 2
    chosen = choose_fixed_point(meaning, -100, 100)
    assert chosen is not None
    assert equal_everywhere(chosen, meaning, -100, 100)


def test_a_scale_that_reaches_no_second_result_is_a_constant() -> None:
    for scale in (scale_ratio([2.0**-70]), (0, 1)):
        chosen = choose_fixed_point(Requantization(*scale, zero_point=9), -(1 << 31), (1 << 31) - 1)
        assert chosen is not None
        assert (chosen.multiplier, chosen(-5), chosen(1 << 30)) == (0, 9, 9)


def test_a_layer_with_tiny_and_ordinary_scales_shares_one_shift() -> None:
    meanings = [attrs.evolve(CONVOLUTION, numerator=n, denominator=d) for n, d in (scale_ratio([s]) for s in (0.0017, 0.0009, 2.0**-60))]
    layer = choose_layer(meanings, -90_000, 90_000)
    assert layer is not None
    assert (len(layer.shifts), len(layer.roundings), layer.multipliers[2]) == (1, 1, 0)


def test_float_biases_are_exact_with_a_rounding_per_channel() -> None:
    meanings = [attrs.evolve(CONVOLUTION, offset_numerator=n, offset_denominator=9973) for n in (5, -77_777, 31_415)]
    layer = choose_layer(meanings, -20_000, 20_000)
    assert layer is not None
    assert (len(layer.shifts), len(layer.roundings)) == (1, 3)
    assert all(equal_everywhere(layer.channel(i), m, -20_000, 20_000) for i, m in enumerate(meanings))


def test_scales_too_far_apart_get_a_shift_per_channel() -> None:
    meanings = [Requantization(*scale_ratio([s]), low=-100) for s in (100.3, 0.0000317)]
    layer = choose_layer(meanings, [-3, -4_000_000], [3, 4_000_000], widths=(64,))
    assert layer is not None
    assert len(layer.shifts) == 2
    for index, (meaning, bound) in enumerate(zip(meanings, (3, 4_000_000), strict=True)):
        assert first_difference(layer.channel(index), meaning, -bound, bound) is None


@pytest.mark.parametrize("scale", [0.0031, 0.41, 0.5, 0.93, 1.7])
def test_tflites_double_rounding_is_one_floor_per_sign(scale: float) -> None:
    meaning = Requantization(*scale_ratio([scale]), 3, rounding="tflite_double")
    chosen = choose_fixed_point(meaning, -70_000, 70_000)
    assert chosen is not None
    assert equal_everywhere(chosen, meaning, -70_000, 70_000)


def test_the_interval_of_multipliers_is_exact() -> None:
    channel = describe_channel(CONVOLUTION, -30_000, 30_000)
    for shift in (24, 27):
        interval = channel.multipliers(shift)
        assert interval is not None
        for multiplier, exact in ((interval[0] - 1, False), (interval[0], True), (interval[1], True), (interval[1] + 1, False)):
            rounding = (1 << (shift - 1)) + (CONVOLUTION.zero_point << shift)
            sequence = FixedPoint(multiplier, rounding, shift, 0, -128, 127, 64, 0, 0)
            assert equal_everywhere(sequence, CONVOLUTION, -30_000, 30_000) is exact
            assert (first_difference(sequence, CONVOLUTION, -30_000, 30_000) is None) is exact


def test_the_witness_of_a_wrong_sequence_is_a_difference() -> None:
    good = choose_fixed_point(CONVOLUTION, -300_000, 300_000)
    assert good is not None
    for bad in (attrs.evolve(good, multiplier=good.multiplier + 4096), attrs.evolve(good, rounding=good.rounding - (1 << 20)), attrs.evolve(good, high=126)):
        witness = first_difference(bad, CONVOLUTION, -300_000, 300_000)
        assert witness is not None
        assert bad(witness) != CONVOLUTION(witness)


def test_an_overflowing_sequence_is_refused() -> None:
    narrow = FixedPoint(5000, 0, 4, 0, -128, 127, 32, 0, 0)
    assert result_range(narrow, 0, 429_496) is not None
    assert result_range(narrow, 0, 429_497) is None
    assert first_difference(narrow, Requantization(5000, 16), 0, 429_497) == 429_497


def test_channels_of_different_result_types_are_refused() -> None:
    with pytest.raises(ValueError, match="share zero point"):
        choose_layer([CONVOLUTION, attrs.evolve(CONVOLUTION, zero_point=0)], 0, 1)
    with pytest.raises(ValueError, match="range is empty"):
        choose_layer([CONVOLUTION], 1, 0)


def layer_meanings(layer: Layer) -> tuple[list[Requantization], list[int], list[int]]:
    ends = layer.weights * layer.input_low, layer.weights * layer.input_high
    low = numpy.minimum(*ends).sum(axis=1) + layer.bias
    high = numpy.maximum(*ends).sum(axis=1) + layer.bias
    scales = [scale_ratio([layer.input_scale, w], [layer.output_scale]) for w in layer.weight_scales]
    return [Requantization(*s, zero_point=layer.output_zero_point, low=layer.low) for s in scales], low.tolist(), high.tolist()


@pytest.mark.parametrize(("model", "shared"), [("kws", 10), ("ic", 10), ("vww", 26), ("ad", 10)])
def test_layers_of_the_corpus_share_one_shift_and_one_rounding(corpus: Path, model: str, shared: int) -> None:
    layers = read_model(corpus, model).layers
    chosen: list[LayerFixedPoint] = []
    for layer in layers:
        meanings, low, high = layer_meanings(layer)
        form = choose_layer(meanings, low, high)
        assert form is not None
        assert all(first_difference(form.channel(i), m, low[i], high[i]) is None for i, m in enumerate(meanings))
        chosen.append(form)
    simple = [f for f in chosen if len(f.shifts) == len(f.roundings) == 1 and f.zero_point == 0 and (f.width == 32 or f.high_word_only)]
    assert len(simple) == shared  # in vww two layers with constant channels beyond 31 bits need more
