"""Integer sequences for a requantized sum of two small integers, equal to the meaning on every pair.

    y = clamp((a * first + b * second + rounding) >> shift, low, high)

All three zero points are in the rounding.  Equality is decided by exhaustion: two int8 operands have 65,536 pairs.
For multipliers near the ideal ones the roundings that are exact form an interval, found by two reductions over the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.exact import SumRequantization

_NEIGHBOURS = sorted(((i, j) for i in range(-2, 3) for j in range(-2, 3)), key=lambda pair: (abs(pair[0]) + abs(pair[1]), pair))
_MOST_PAIRS = 1 << 24
_INT32 = 1 << 31


@attrs.frozen
class SumFixedPoint:
    """clamp((a * first + b * second + rounding) >> shift, low, high) in `width`-bit arithmetic (32 or 64).

    Before the clamp results lie in [result_low, result_high].
    """

    first: int
    second: int
    rounding: int
    shift: int
    low: int
    high: int
    width: int
    result_low: int
    result_high: int

    def __call__(self, a: int, b: int) -> int:
        return min(max((a * self.first + b * self.second + self.rounding) >> self.shift, self.low), self.high)


def _grid(bounds: tuple[int, int]) -> NDArray[numpy.int64]:
    return numpy.arange(bounds[0], bounds[1] + 1, dtype=numpy.int64)


def sum_result_range(form: SumFixedPoint, first_range: tuple[int, int], second_range: tuple[int, int]) -> tuple[int, int] | None:
    """Least and greatest value before the clamp; None if it is no int32, or an intermediate leaves the width, in any order of the additions."""
    bound = 1 << (form.width - 1)
    totals = [form.rounding]
    for factor, (low, high) in ((form.first, first_range), (form.second, second_range)):
        products = (low * factor, high * factor)
        if min(products) < -bound or max(products) >= bound:
            return None
        totals = [t + p for t in totals for p in products]
    spread = sum(max(abs(f * low), abs(f * high)) for f, (low, high) in ((form.first, first_range), (form.second, second_range)))
    low, high = min(totals) >> form.shift, max(totals) >> form.shift
    fits = max(abs(form.first), abs(form.second)) < _INT32 and spread + abs(form.rounding) < bound
    return (low, high) if fits and low >= -_INT32 and high < _INT32 else None


def first_sum_difference(
    form: SumFixedPoint, meaning: SumRequantization, first_range: tuple[int, int], second_range: tuple[int, int]
) -> tuple[int, int] | None:
    """A pair where the form overflows or differs from the meaning, or None, by looking at all pairs.

    Raises:
        ValueError: too many pairs to exhaust.
    """
    if (first_range[1] - first_range[0] + 1) * (second_range[1] - second_range[0] + 1) > _MOST_PAIRS:
        raise ValueError("the pairs are too many to look at each")
    if sum_result_range(form, first_range, second_range) is None:
        return first_range[0], second_range[0]
    totals = _grid(first_range)[:, None] * form.first + (_grid(second_range) * form.second + form.rounding)
    wrong = numpy.argwhere(numpy.clip(totals >> form.shift, form.low, form.high) != meaning.table(first_range, second_range))
    return (int(wrong[0][0]) + first_range[0], int(wrong[0][1]) + second_range[0]) if len(wrong) else None


def _candidates(meaning: SumRequantization, shift: int) -> Iterator[tuple[int, int]]:
    first = (2 * (meaning.first[0] << shift) + meaning.first[1]) // (2 * meaning.first[1])
    second = (2 * (meaning.second[0] << shift) + meaning.second[1]) // (2 * meaning.second[1])
    yield from ((first + i, second + j) for i, j in _NEIGHBOURS)


def _search(
    meaning: SumRequantization, table: NDArray[numpy.int64], first_range: tuple[int, int], second_range: tuple[int, int], shift: int, width: int
) -> SumFixedPoint | None:
    a, b = _grid(first_range)[:, None], _grid(second_range)[None, :]
    at_least = numpy.where(table > meaning.low, table << shift, -(1 << 62))
    below = numpy.where(table < meaning.high, (table + 1) << shift, 1 << 62)
    for first, second in _candidates(meaning, shift):
        form = SumFixedPoint(first, second, 0, shift, meaning.low, meaning.high, width, 0, 0)
        if sum_result_range(form, first_range, second_range) is None:
            continue
        products = a * first + b * second
        low, high = int((at_least - products).max()), int((below - products).min()) - 1
        if low <= high:
            form = attrs.evolve(form, rounding=(low + high) // 2)
            results = sum_result_range(form, first_range, second_range)
            if results is not None:
                return attrs.evolve(form, result_low=results[0], result_high=results[1])
    return None


def choose_sum(
    meaning: SumRequantization,
    first_range: tuple[int, int] = (-128, 127),
    second_range: tuple[int, int] = (-128, 127),
    widths: Sequence[int] = (32, 64),
) -> SumFixedPoint | None:
    """The fixed-point form that equals the meaning on all pairs of the two inclusive ranges, in the first width that has one.

    None where there is none: ties in both directions (then see `choose_half_even_sum`).
    """
    table = meaning.table(first_range, second_range)
    for width in widths:
        for shift in range(28 if width == 32 else 40, 0, -1):
            form = _search(meaning, table, first_range, second_range, shift, width)
            if form is not None:
                return form
    return None
