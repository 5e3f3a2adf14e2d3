"""The exact meaning of requantization against definitions written with fractions, and its thresholds against the meaning."""

from fractions import Fraction
from math import floor
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyir.ir.exact import ROUNDINGS, Requantization, SumRequantization, apply_exact, quantized_multiplier, requantize, scale_ratio, threshold_table


def reference(name: str, value: Fraction) -> int:
    """Rounding by its definition, on the real value."""
    below = floor(value)
    rest = value - below
    if name == "real_floor" or rest < Fraction(1, 2):
        return below
    if rest > Fraction(1, 2) or name == "real_half_up":
        return below + 1
    if name == "real_half_even":
        return below + below % 2
    return below + 1 if value > 0 else below  # away from zero


REAL = [name for name in ROUNDINGS if name.startswith("real_")]
meanings = st.builds(
    Requantization,
    numerator=st.integers(0, 300) | st.integers(1, 1 << 40),
    denominator=st.integers(1, 300) | st.integers(1, 1 << 60),
    zero_point=st.integers(-130, 130),
    low=st.integers(-128, 0),
    high=st.integers(0, 127),
    offset_numerator=st.integers(-1000, 1000),
    offset_denominator=st.integers(1, 64),
    rounding=st.sampled_from(REAL),
)


@given(meanings, st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-300, 300))
def test_a_requantization_is_its_definition(meaning: Requantization, x: int) -> None:
    value = Fraction(x * meaning.numerator, meaning.denominator) + Fraction(meaning.offset_numerator, meaning.offset_denominator)
    expected = min(max(reference(meaning.rounding, value) + meaning.zero_point, meaning.low), meaning.high)
    assert meaning(x) == expected


def test_ties_go_where_the_name_says() -> None:
    halves = {name: [Requantization(1, 2, rounding=name)(x) for x in (-3, -1, 1, 3)] for name in REAL}
    assert halves == {
        "real_half_even": [-2, 0, 0, 2],
        "real_half_up": [-1, 0, 1, 2],
        "real_half_away": [-2, -1, 1, 2],
        "real_floor": [-2, -1, 0, 1],
    }


@settings(max_examples=200)
@given(meanings, st.integers(-2000, 2000), st.integers(0, 4000))
def test_thresholds_are_the_least_inputs_that_reach_a_result(meaning: Requantization, x_low: int, count: int) -> None:
    x_high = x_low + count
    thresholds = meaning.thresholds(x_low, x_high)
    assert len(thresholds) == meaning.high - meaning.low
    for result, threshold in enumerate(thresholds, start=meaning.low + 1):
        assert threshold == x_high + 1 or meaning(threshold) >= result
        assert threshold == x_low or meaning(threshold - 1) < result


@pytest.mark.parametrize("rounding", ["tflite_double", "tflite_single"])
@pytest.mark.parametrize("scale", [0.0003921568859368563, 0.75, 1.0, 1.5, 3.25, 2.0**-20, 2.0**-33, 0.0])
def test_thresholds_of_tflite_roundings_are_the_least_inputs(rounding: str, scale: float) -> None:
    meaning = Requantization(*scale_ratio([scale]), zero_point=-7, rounding=rounding)
    thresholds = meaning.thresholds(-200000, 200000)
    for result, threshold in enumerate(thresholds, start=-127):
        assert threshold == 200001 or meaning(threshold) >= result
        assert threshold == -200000 or meaning(threshold - 1) < result


def multiply_by_quantized_multiplier(x: int, multiplier: int, shift: int) -> int:
    """A transcription of gemmlowp's two steps with C's truncating division."""
    product = (x << max(shift, 0)) * multiplier
    nudged = product + (1 << 30) if product >= 0 else product + 1 - (1 << 30)
    high = abs(nudged) // (1 << 31) * (1 if nudged >= 0 else -1)
    exponent = max(-shift, 0)
    mask = (1 << exponent) - 1
    return (high >> exponent) + ((high & mask) > (mask >> 1) + (high < 0))


@given(st.integers(-(1 << 24), 1 << 24), st.floats(2.0**-20, 4.0))
def test_tflite_double_rounding_is_gemmlowps(x: int, scale: float) -> None:
    multiplier, shift = quantized_multiplier(Fraction(scale))
    assert 1 << 30 <= multiplier < 1 << 31
    meaning = Requantization(*scale_ratio([scale]), low=-(1 << 40), high=1 << 40, rounding="tflite_double")
    assert meaning(x) == multiply_by_quantized_multiplier(x, multiplier, shift)


def test_double_rounding_differs_from_single_rounding() -> None:
    single, double = (Requantization(*scale_ratio([2.0**-8]), rounding=name) for name in ("tflite_single", "tflite_double"))
    assert [x for x in range(-600, 600) if single(x) != double(x)] == [-384, -128, 127, 383]


def test_arrays_are_mapped_like_single_values() -> None:
    generator = numpy.random.default_rng(5)
    channels = [Requantization(int(n), 1 << 20, zero_point=3) for n in generator.integers(0, 9000, 6)]
    x = generator.integers(-40000, 40000, (50, 6))
    expected = numpy.array([[channels[c](int(x[r, c])) for c in range(6)] for r in range(50)])
    assert numpy.array_equal(requantize(x, channels), expected)
    assert numpy.array_equal(requantize(x.T, channels, axis=0), expected.T)
    assert numpy.array_equal(apply_exact(x, threshold_table(channels, -40000, 40000), -128), expected)
    assert numpy.array_equal(requantize(x, channels[:1]), [[channels[0](int(value)) for value in row] for row in x])


def test_wide_results_and_wide_inputs_are_mapped_exactly() -> None:
    wide = Requantization(3, 7, low=-(1 << 31), high=(1 << 31) - 1)
    x = numpy.array([[-(1 << 40), 5], [7, 1 << 33]])
    assert requantize(x, [wide]).tolist() == [[-(1 << 31), 2], [3, (1 << 31) - 1]]
    assert requantize(x, [wide, Requantization(1, 2, low=wide.low, high=wide.high)]).tolist() == [[-(1 << 31), 2], [3, (1 << 31) - 1]]


@given(
    st.tuples(st.integers(-500, 500), st.integers(1, 500)),
    st.tuples(st.integers(-500, 500), st.integers(1, 500) | st.just((1 << 70) + 1)),
    st.integers(-20, 20),
    st.sampled_from(REAL),
)
def test_a_requantized_sum_is_its_definition(first: tuple[int, int], second: tuple[int, int], zero_point: int, rounding: str) -> None:
    meaning = SumRequantization(first, second, -4, 11, zero_point, -100, 90, rounding)
    table = meaning.table((-3, 4), (9, 13))
    for a in range(-3, 5):
        for b in range(9, 14):
            value = Fraction(*first) * (a + 4) + Fraction(*second) * (b - 11)
            assert table[a + 3, b - 9] == meaning(a, b) == min(max(reference(rounding, value) + zero_point, -100), 90)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"numerator": -1}, "scale >= 0"),
        ({"numerator": 1, "denominator": 0}, "positive denominators"),
        ({"numerator": 1, "low": 5, "high": 4}, "no result lies in"),
        ({"numerator": 1, "rounding": "nearest"}, "unknown rounding 'nearest'"),
        ({"numerator": 1, "rounding": "tflite_double", "offset_numerator": 1}, "without an offset"),
    ],
)
def test_a_meaningless_requantization_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Requantization(**arguments)


def test_a_scale_ratio_is_exact() -> None:
    scales = [numpy.float32(0.1), numpy.float32(0.3)]
    assert Fraction(*scale_ratio(scales, [0.7])) == Fraction(float(scales[0])) * Fraction(float(scales[1])) / Fraction(0.7)
