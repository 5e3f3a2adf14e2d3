"""Exact rounding half to even where ties go both ways, which no single multiplication, addition and shift can do.

Ties are reached where the scale is a simple ratio: an average over 64 values, the mean of two inputs with equal scales.
With n the scaled integer and an even denominator d,

    quotient = floor(n / d)
    y = clamp(floor((n + d / 2 - 1 + quotient % 2) / d) + zero_point, low, high)

is n / d rounded half to even: below the half d / 2 more cannot carry, above it d / 2 - 1 suffices, and at the tie only an
odd quotient is raised.  For d = 2^k both divisions are shifts; for other d each is one fixed-point sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.exact import Requantization, SumRequantization
from tinyir.prove.fixed_point import FixedPoint, choose_fixed_point

_MOST_QUOTIENTS = 1 << 16
MOST_EXHAUSTED = 1 << 24
_INT32 = 1 << 31


@attrs.frozen
class HalfEvenDivision:
    """n = sum(factors[i] * x[i]) + constant;  y = clamp(floor((n + denominator/2 - 1 + floor(n/denominator) % 2) / denominator) + zero_point).

    `shift` is set where denominator = 2^shift; else `division` equals floor(n / denominator) for every n that occurs.
    All intermediate values fit `width` bits.  The denominator is even.
    """

    factors: tuple[int, ...]
    constant: int
    denominator: int
    zero_point: int
    low: int
    high: int
    width: int
    shift: int | None
    division: FixedPoint | None

    def floor_divide(self, n: int) -> int:
        """floor(n / denominator) as the code computes it."""
        if self.shift is not None:
            return n >> self.shift
        assert self.division is not None
        return self.division(n)

    def __call__(self, *operands: int) -> int:
        n = sum(f * x for f, x in zip(self.factors, operands, strict=True)) + self.constant
        raised = n + self.denominator // 2 - 1 + (self.floor_divide(n) & 1)
        return min(max(self.floor_divide(raised) + self.zero_point, self.low), self.high)

    def room(self) -> tuple[int, int]:
        """The least and the greatest n for which n + denominator/2 fits the width, and the quotient int32, with the zero point as without."""
        bound = 1 << (self.width - 1)
        least = max(-bound, self.denominator * (-_INT32 - min(self.zero_point, 0)))
        greatest = min(bound, self.denominator * (_INT32 - max(self.zero_point, 0))) - 1 - self.denominator // 2
        return least, greatest

    def fits(self, *ranges: tuple[int, int]) -> bool:
        """Whether every factor is an int32, and every n for operands of these ranges has room."""
        least, greatest = self.room()
        n_low, n_high = _reach(self.factors, self.constant, ranges)
        return all(-_INT32 <= factor < _INT32 for factor in self.factors) and least <= n_low and n_high <= greatest


def _reach(factors: tuple[int, ...], constant: int, ranges: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The least and the greatest sum(factors[i] * x[i]) + constant."""
    ends = [(f * low, f * high) for f, (low, high) in zip(factors, ranges, strict=True)]
    return constant + sum(min(pair) for pair in ends), constant + sum(max(pair) for pair in ends)


def _divide(
    factors: tuple[int, ...], constant: int, denominator: int, ranges: Sequence[tuple[int, int]], result: tuple[int, int, int]
) -> HalfEvenDivision | None:
    common = gcd(constant, denominator, *factors)
    factors, constant, denominator = tuple(f // common for f in factors), constant // common, denominator // common
    if denominator % 2:
        factors, constant, denominator = tuple(2 * f for f in factors), 2 * constant, 2 * denominator
    n_low, n_high = _reach(factors, constant, ranges)
    n_high += denominator // 2
    magnitude = max(-n_low, n_high) + sum(abs(f) * max(map(abs, r)) for f, r in zip(factors, ranges, strict=True)) + abs(constant)
    if magnitude >= 1 << 62 or denominator >= 1 << 31:
        return None
    width = 32 if magnitude < 1 << 31 else 64
    shift = denominator.bit_length() - 1 if denominator & (denominator - 1) == 0 else None
    division = None
    if shift is None:
        low, high = n_low // denominator, n_high // denominator
        if high - low > _MOST_QUOTIENTS or width == 64:
            return None
        division = choose_fixed_point(Requantization(1, denominator, 0, low, high, rounding="real_floor"), n_low, n_high)
        if division is None:
            return None
    form = HalfEvenDivision(factors, constant, denominator, *result, width, shift, division)
    return form if form.fits(*ranges) else None


def choose_half_even_division(meaning: Requantization, x_low: int, x_high: int) -> HalfEvenDivision | None:
    """The exact integer form of a half-even requantization on [x_low, x_high], or None where its integers are too large."""
    if meaning.rounding != "real_half_even" or x_high - x_low >= MOST_EXHAUSTED:
        return None
    factor = meaning.numerator * meaning.offset_denominator
    constant = meaning.offset_numerator * meaning.denominator
    denominator = meaning.denominator * meaning.offset_denominator
    result = (meaning.zero_point, meaning.low, meaning.high)
    return _divide((factor,), constant, denominator, [(x_low, x_high)], result)


def choose_half_even_sum(meaning: SumRequantization, first_range: tuple[int, int], second_range: tuple[int, int]) -> HalfEvenDivision | None:
    """The exact integer form of a half-even requantized sum on the two inclusive ranges, or None."""
    if meaning.rounding != "real_half_even":
        return None
    first, second, constant, denominator = meaning.integers()
    return _divide((first, second), constant, denominator, [first_range, second_range], (meaning.zero_point, meaning.low, meaning.high))


def evaluate_division(form: HalfEvenDivision, n: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """The form on an array of n, the scaled integers."""

    def floor_divide(values: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
        if form.shift is not None:
            return values >> form.shift
        division = form.division
        assert division is not None
        quotients: NDArray[numpy.int64] = ((values * division.multiplier + division.rounding) >> division.shift) + division.zero_point
        return numpy.clip(quotients, division.low, division.high)

    quotients = floor_divide(n + form.denominator // 2 - 1 + (floor_divide(n) & 1))
    return numpy.clip(quotients + form.zero_point, form.low, form.high)


def first_division_difference(form: HalfEvenDivision, meaning: Requantization, x_low: int, x_high: int) -> int | None:
    """An input of [x_low, x_high] where the form overflows or differs from the meaning, or None, by looking at all of them.

    Raises:
        ValueError: the range is too long to exhaust.
    """
    if x_high - x_low >= MOST_EXHAUSTED:
        raise ValueError(f"{x_high - x_low + 1} inputs are too many to look at each")
    if not form.fits((x_low, x_high)):
        return next((x for x in (x_low, x_high) if not form.fits((x, x))), x_low)
    x = numpy.arange(x_low, x_high + 1, dtype=numpy.int64)
    expected = meaning.low + numpy.searchsorted(numpy.array(meaning.thresholds(x_low, x_high), numpy.int64), x, side="right")
    wrong = x[evaluate_division(form, x * form.factors[0] + form.constant) != expected]
    return int(wrong[0]) if len(wrong) else None
