"""What requantization means, in exact integers: the one definition that the interpreter runs and the provers compare with.

A requantization is a monotone map of an integer accumulator x to a small integer:

    y(x) = clamp(round(x * numerator / denominator + offset) + zero_point, low, high)

`round` is named, because tools disagree about it (see `ROUNDINGS`, the only place that lists the names).  A monotone map
with few results is known by its thresholds: for each result v in (low, high] the least x with y(x) >= v.  With them
applying the map to an array is one search, and comparing two maps is comparing two short lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import TYPE_CHECKING, Any, SupportsFloat

import attrs

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

INT32_LOW, INT32_HIGH = -(1 << 31), (1 << 31) - 1
_BEYOND = 1 << 4096  # stands for infinity where a scale of zero never reaches a result
_MOST_THRESHOLDS = 4096  # above this many results per channel, arrays are mapped value by value


def scale_ratio(products: Sequence[SupportsFloat], quotients: Sequence[SupportsFloat] = ()) -> tuple[int, int]:
    """The exact value of a product of floats over a product of floats, as reduced (numerator, denominator)."""
    ratio = Fraction(1)
    for factor in products:
        ratio *= factor if isinstance(factor, Fraction) else Fraction(float(factor))
    for divisor in quotients:
        ratio /= divisor if isinstance(divisor, Fraction) else Fraction(float(divisor))
    return ratio.numerator, ratio.denominator


@attrs.frozen
class Rounding:
    """`of_input` rounds the scaled x of a requantization; `least` gives for k the least integer x that it rounds to k or more."""

    of_input: Callable[[Requantization, int], int]
    least: Callable[[Requantization], Callable[[int], int]]
    of_ratio: Callable[[Any, int], Any] | None  # rounds a / b (integers or integer arrays); None: not a function of the real value alone


def _half_rounding(ties_up: Callable[[Any], Any]) -> Rounding:
    """To nearest; a tie between k - 1 and k goes to k where ties_up(k) is 1, else to k - 1."""

    def of_ratio(numerator: Any, denominator: int) -> Any:
        doubled = 2 * numerator + denominator
        up = doubled // (2 * denominator)
        tie = (doubled % (2 * denominator) == 0) * 1
        return up - tie * (1 - ties_up(up))

    def least(meaning: Requantization) -> Callable[[int], int]:
        step = 2 * meaning.denominator * meaning.offset_denominator
        first = meaning.denominator * (meaning.offset_denominator + 2 * meaning.offset_numerator)
        factor = 2 * meaning.offset_denominator * meaning.numerator
        return lambda k: _least_multiple(step * k - first, factor, ties_up(k))

    return Rounding(lambda meaning, x: int(of_ratio(*meaning.scaled(x))), least, of_ratio)


def _floor_rounding() -> Rounding:
    def of_ratio(numerator: Any, denominator: int) -> Any:
        return numerator // denominator

    def least(meaning: Requantization) -> Callable[[int], int]:
        step, first = meaning.denominator * meaning.offset_denominator, meaning.denominator * meaning.offset_numerator
        factor = meaning.offset_denominator * meaning.numerator
        return lambda k: _least_multiple(step * k - first, factor)

    return Rounding(lambda meaning, x: int(of_ratio(*meaning.scaled(x))), least, of_ratio)


def _least_multiple(boundary: int, factor: int, including: bool = True) -> int:
    """The least integer x with x * factor >= boundary (or > boundary)."""
    if not factor:
        reached = boundary < 0 or (including and boundary == 0)
        return -_BEYOND if reached else _BEYOND
    return -(-boundary // factor) if including else boundary // factor + 1


@lru_cache(maxsize=65536)
def quantized_multiplier(scale: Fraction) -> tuple[int, int]:
    """TFLite's form of a positive scale: (multiplier in [2^30, 2^31), shift) with scale ~ multiplier * 2^(shift - 31).

    Below 2^-32 the scale counts as zero.  Source: tensorflow/lite/kernels/internal/quantization_util.cc, QuantizeMultiplier.
    """
    if not scale:
        return 0, 0
    shift = scale.numerator.bit_length() - scale.denominator.bit_length()
    if scale >= Fraction(2) ** shift:
        shift += 1
    scaled = scale * Fraction(2) ** (31 - shift)
    multiplier = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def _tflite_double(meaning: Requantization, x: int) -> int:
    """MultiplyByQuantizedMultiplier rounding twice: gemmlowp's doubling high multiply (half up), then half away from zero."""
    multiplier, shift = quantized_multiplier(meaning.scale)
    high = ((x << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    right = max(-shift, 0)
    remainder, threshold = high & ((1 << right) - 1), (((1 << right) - 1) >> 1) + (high < 0)
    return (high >> right) + (remainder > threshold)


def _least_tflite_double(meaning: Requantization) -> Callable[[int], int]:
    multiplier, shift = quantized_multiplier(meaning.scale)
    right, factor = max(-shift, 0), multiplier << max(shift, 0)

    def least(k: int) -> int:
        high = k if not right else (k << right) - (1 << (right - 1)) + (k <= 0)
        return _least_multiple((high << 31) - (1 << 30), factor)

    return least


def _tflite_single(meaning: Requantization, x: int) -> int:
    """MultiplyByQuantizedMultiplier rounding once, half up."""
    multiplier, shift = quantized_multiplier(meaning.scale)
    return (x * multiplier + (1 << (30 - shift))) >> (31 - shift)


def _least_tflite_single(meaning: Requantization) -> Callable[[int], int]:
    multiplier, shift = quantized_multiplier(meaning.scale)
    return lambda k: _least_multiple((k << (31 - shift)) - (1 << (30 - shift)), multiplier)


ROUNDINGS: dict[str, Rounding] = {
    "real_half_even": _half_rounding(lambda k: 1 - k % 2),
    "real_half_up": _half_rounding(lambda _: 1),
    "real_half_away": _half_rounding(lambda k: (k >= 1) * 1),
    "real_floor": _floor_rounding(),
    "tflite_double": Rounding(_tflite_double, _least_tflite_double, None),
    "tflite_single": Rounding(_tflite_single, _least_tflite_single, None),
}


@attrs.frozen
class Requantization:
    """y(x) = clamp(round(x * numerator / denominator + offset_numerator / offset_denominator) + zero_point, low, high).

    Raises:
        ValueError: a negative scale, a non-positive denominator, an empty result range, an unknown rounding,
            or an offset with a rounding that is defined without one.
    """

    numerator: int
    denominator: int = 1
    zero_point: int = 0
    low: int = -128
    high: int = 127
    offset_numerator: int = 0
    offset_denominator: int = 1
    rounding: str = "real_half_even"

    def __attrs_post_init__(self) -> None:
        if self.numerator < 0 or self.denominator <= 0 or self.offset_denominator <= 0:
            raise ValueError(f"a requantization needs a scale >= 0 and positive denominators, not {self}")
        if self.low > self.high:
            raise ValueError(f"no result lies in [{self.low}, {self.high}]")
        if self.rounding not in ROUNDINGS:
            raise ValueError(f"unknown rounding '{self.rounding}': known are {', '.join(ROUNDINGS)}")
        if self.offset_numerator and ROUNDINGS[self.rounding].of_ratio is None:
            raise ValueError(f"rounding '{self.rounding}' is defined without an offset")

    @property
    def scale(self) -> Fraction:
        return Fraction(self.numerator, self.denominator)

    def scaled(self, x: int) -> tuple[int, int]:
        """x * scale + offset as (numerator, denominator), not reduced."""
        numerator = x * self.numerator * self.offset_denominator + self.offset_numerator * self.denominator
        return numerator, self.denominator * self.offset_denominator

    def __call__(self, x: int) -> int:
        """The result for one accumulator."""
        rounded = ROUNDINGS[self.rounding].of_input(self, int(x))
        return min(max(rounded + self.zero_point, self.low), self.high)

    def thresholds(self, x_low: int = INT32_LOW, x_high: int = INT32_HIGH) -> list[int]:
        """For v = low + 1 .. high the least x in [x_low, x_high] with y(x) >= v; x_high + 1 where there is none."""
        first, last = self(x_low), self(x_high)
        reached = list(map(ROUNDINGS[self.rounding].least(self), range(first + 1 - self.zero_point, last + 1 - self.zero_point)))
        return [x_low] * (first - self.low) + reached + [x_high + 1] * (self.high - last)


@lru_cache(maxsize=1024)
def _cached_table(meanings: tuple[Requantization, ...]) -> NDArray[numpy.int64]:
    return threshold_table(meanings)


def threshold_table(
    meanings: Sequence[Requantization], x_low: Sequence[int] | int = INT32_LOW, x_high: Sequence[int] | int = INT32_HIGH
) -> NDArray[numpy.int64]:
    """int64[channels, high - low]: the thresholds of each channel.  The channels share low and high.

    Raises:
        ValueError: channels with different result ranges.
    """
    import numpy

    if len({(meaning.low, meaning.high) for meaning in meanings}) != 1:
        raise ValueError("the channels of one requantization share one result range")
    lows = [x_low] * len(meanings) if isinstance(x_low, int) else x_low
    highs = [x_high] * len(meanings) if isinstance(x_high, int) else x_high
    return numpy.array([m.thresholds(int(a), int(b)) for m, a, b in zip(meanings, lows, highs, strict=True)], numpy.int64).reshape(len(meanings), -1)


def apply_exact(x: NDArray[numpy.integer], table: NDArray[numpy.int64], low: int, axis: int = -1) -> NDArray[numpy.int64]:
    """Results of the shape of x.  `table`: int64[channels or 1, high - low] as `threshold_table` gives; `axis`: the channels of x."""
    import numpy

    if len(table) == 1:
        return low + numpy.searchsorted(table[0], x, side="right").astype(numpy.int64)
    by_channel = numpy.moveaxis(numpy.asarray(x), axis, 0)
    result = numpy.empty(by_channel.shape, numpy.int64)
    for channel, thresholds in enumerate(table):
        result[channel] = numpy.searchsorted(thresholds, by_channel[channel], side="right")
    return numpy.moveaxis(result + low, 0, axis)


def requantize(x: NDArray[numpy.integer], meanings: Sequence[Requantization], axis: int = -1) -> NDArray[numpy.int64]:
    """Results of the shape of x, an array of any integer values; one meaning for all, or one per index of `axis`."""
    import numpy

    meanings = tuple(meanings)
    fits = x.size == 0 or (int(x.min()) >= INT32_LOW and int(x.max()) <= INT32_HIGH)
    if fits and all(meaning.high - meaning.low < _MOST_THRESHOLDS for meaning in meanings):
        return apply_exact(x, _cached_table(meanings), meanings[0].low, axis)
    by_channel = numpy.moveaxis(numpy.asarray(x), axis, 0) if len(meanings) > 1 else numpy.asarray(x)[numpy.newaxis]
    result = numpy.empty(by_channel.shape, numpy.int64)
    for channel, meaning in enumerate(meanings):
        values, places = numpy.unique(by_channel[channel], return_inverse=True)
        mapped = numpy.array([meaning(int(value)) for value in values], numpy.int64)
        result[channel] = mapped[places].reshape(by_channel[channel].shape)
    return numpy.moveaxis(result, 0, axis) if len(meanings) > 1 else result[0]


@attrs.frozen
class SumRequantization:
    """y(a, b) = clamp(round((a - first_zero_point) * first + (b - second_zero_point) * second) + zero_point, low, high).

    `first` and `second` are exact (numerator, denominator) pairs of any sign: a difference has a negative second.

    Raises:
        ValueError: a rounding that is no function of the real value, or a non-positive denominator.
    """

    first: tuple[int, int]
    second: tuple[int, int]
    first_zero_point: int = 0
    second_zero_point: int = 0
    zero_point: int = 0
    low: int = -128
    high: int = 127
    rounding: str = "real_half_even"

    def __attrs_post_init__(self) -> None:
        if self.first[1] <= 0 or self.second[1] <= 0:
            raise ValueError(f"denominators must be positive: {self}")
        if self.rounding not in ROUNDINGS or ROUNDINGS[self.rounding].of_ratio is None:
            raise ValueError(f"a sum has no rounding '{self.rounding}'")

    def integers(self) -> tuple[int, int, int, int]:
        """(p, q, c, d) with (a - first_zero_point) * first + (b - second_zero_point) * second == (p * a + q * b + c) / d."""
        denominator = lcm(self.first[1], self.second[1])
        p = self.first[0] * (denominator // self.first[1])
        q = self.second[0] * (denominator // self.second[1])
        return p, q, -p * self.first_zero_point - q * self.second_zero_point, denominator

    def __call__(self, a: int, b: int) -> int:
        """The result for one pair."""
        return int(self.table((a, a), (b, b))[0, 0])

    def table(self, first_range: tuple[int, int] = (-128, 127), second_range: tuple[int, int] = (-128, 127)) -> NDArray[numpy.int64]:
        """int64[a, b]: the results of all pairs of the two inclusive ranges."""
        import numpy

        p, q, c, d = self.integers()
        greatest = 2 * (max(map(abs, first_range)) * abs(p) + max(map(abs, second_range)) * abs(q) + abs(c) + d)
        kind: type[Any] = numpy.int64 if greatest < 1 << 62 else object
        a: NDArray[Any] = numpy.arange(first_range[0], first_range[1] + 1).astype(kind)
        b: NDArray[Any] = numpy.arange(second_range[0], second_range[1] + 1).astype(kind)
        of_ratio = ROUNDINGS[self.rounding].of_ratio
        assert of_ratio is not None
        rounded = of_ratio(a[:, None] * p + (b * q + c), d)
        results: NDArray[numpy.int64] = numpy.clip(rounded + self.zero_point, self.low, self.high).astype(numpy.int64)
        return results

