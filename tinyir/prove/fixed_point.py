"""Integer sequences for requantization: a multiplication, an addition and a shift, equal to the meaning on every reachable input.

    y = clamp(((x * multiplier + rounding) >> shift) + zero_point, low, high)

The sequence is monotone in x, so it equals the meaning if and only if it has the same thresholds: at each threshold T of
result v it must reach v, at T - 1 it must not.  With rounding = 2^(shift-1) each such condition bounds the real number
multiplier / 2^shift by a ratio of small integers, whatever the shift is.  All multipliers that are equal to the meaning
therefore form an interval, computed once per channel, and every shift is then one look at it.

Which sequence is cheapest: 32-bit arithmetic where x * multiplier fits; else 64-bit with a shift of at least 33 and a
rounding that is a multiple of 2^32, because then only the high word of the product is needed; else a shift of 32.
The zero point is part of the rounding wherever it fits there, so that it costs no addition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.exact import Requantization, quantized_multiplier

HIGH_WORD_SHIFT = 33  # from here on half a unit is a multiple of 2^32
_HIGH_SHIFTS = 8
"""So many shifts of high words are tried: with each, half of the greatest multiplier's range is lost."""
_WIDEST_SHIFT = {32: 30, 64: 62}


@attrs.frozen
class FixedPoint:
    """clamp(((x * multiplier + rounding) >> shift) + zero_point, low, high) in `width`-bit arithmetic (32 or 64).

    `negative_rounding` is added too where x < 0 (TFLite's double rounding needs it).  Before the clamp results lie in
    [result_low, result_high]: where that is inside [low, high] the clamp does nothing.
    """

    multiplier: int
    rounding: int
    shift: int
    zero_point: int
    low: int
    high: int
    width: int
    result_low: int
    result_high: int
    negative_rounding: int = 0

    def unclamped(self, x: int) -> int:
        """The value before the clamp."""
        rounding = self.rounding + (self.negative_rounding if x < 0 else 0)
        return ((x * self.multiplier + rounding) >> self.shift) + self.zero_point

    def __call__(self, x: int) -> int:
        return min(max(self.unclamped(x), self.low), self.high)


@attrs.frozen
class LayerFixedPoint:
    """One fixed-point sequence per channel; `roundings` and `shifts` hold one entry where all channels share it."""

    multipliers: tuple[int, ...]
    roundings: tuple[int, ...]
    shifts: tuple[int, ...]
    zero_point: int
    low: int
    high: int
    width: int
    result_low: int
    result_high: int
    negative_rounding: int = 0

    @property
    def high_word_only(self) -> bool:
        """Whether ((x * multiplier) >> 32 + rounding >> 32) >> (shift - 32) is the same: no low words are needed."""
        return not self.negative_rounding and min(self.shifts) >= 32 and all(r % (1 << 32) == 0 for r in self.roundings)

    def channel(self, index: int) -> FixedPoint:
        """The sequence of one channel."""
        return FixedPoint(
            self.multipliers[index],
            self.roundings[index if len(self.roundings) > 1 else 0],
            self.shifts[index if len(self.shifts) > 1 else 0],
            self.zero_point,
            self.low,
            self.high,
            self.width,
            self.result_low,
            self.result_high,
            self.negative_rounding,
        )


@attrs.frozen
class Channel:
    """What one channel asks of its sequence: at each of `reach` at least `reach_values`, at each of `miss` less than `miss_values`.

    Values are results without the zero point.  The real interval of multiplier / 2^shift for half-up rounding is
    [least, greatest], without an end that is marked open; `greatest` None: unbounded.
    """

    meaning: Requantization
    x_low: int
    x_high: int
    reach: NDArray[numpy.int64]
    reach_values: NDArray[numpy.int64]
    miss: NDArray[numpy.int64]
    miss_values: NDArray[numpy.int64]
    least: Fraction
    least_open: bool
    greatest: Fraction | None
    greatest_open: bool
    possible: bool

    def multipliers(self, shift: int) -> tuple[int, int] | None:
        """The interval of multipliers below 2^31 that are exact with rounding 2^(shift-1), or None."""
        if not self.possible:
            return None
        low = self.least * (1 << shift)
        first = floor(low) + 1 if self.least_open else ceil(low)
        last = (1 << 31) - 1
        if self.greatest is not None:
            high = self.greatest * (1 << shift)
            last = min(last, ceil(high) - 1 if self.greatest_open else floor(high))
        return (first, last) if first <= last else None


def _extreme(values: NDArray[numpy.int64], inputs: NDArray[numpy.int64], greatest: bool) -> Fraction | None:
    """The greatest (or least) of (2 v - 1) / (2 x), exactly: floats choose the few candidates, fractions decide."""
    if not len(values):
        return None
    ratios = (2 * values - 1) / (2.0 * inputs)
    best = ratios.max() if greatest else ratios.min()
    near = numpy.abs(ratios - best) <= 1e-12 * abs(best)
    candidates = [Fraction(2 * int(v) - 1, 2 * int(x)) for v, x in zip(values[near], inputs[near], strict=True)]
    return max(candidates) if greatest else min(candidates)


def _tightest(closed: Fraction | None, opened: Fraction | None, greatest: bool) -> tuple[Fraction | None, bool]:
    """The stronger of a closed and an open bound, and whether it is open."""
    if closed is None or opened is None:
        return (opened, True) if closed is None and opened is not None else (closed, False)
    stronger = opened >= closed if greatest else opened <= closed
    return (opened, True) if stronger else (closed, False)


@lru_cache(maxsize=1024)
def describe_channel(meaning: Requantization, x_low: int, x_high: int) -> Channel:
    """The conditions on the sequence of a channel whose accumulators lie in [x_low, x_high]."""
    thresholds = numpy.array(meaning.thresholds(x_low, x_high), numpy.int64)
    values = numpy.arange(meaning.low + 1, meaning.high + 1, dtype=numpy.int64) - meaning.zero_point
    reached, missed = thresholds <= x_high, thresholds > x_low
    reach, reach_values = thresholds[reached], values[reached]
    miss, miss_values = thresholds[missed] - 1, values[missed]
    # Only the last condition at one input says anything: thresholds repeat where results are jumped over.
    possible = not ((reach == 0) & (reach_values > 0)).any() and not ((miss == 0) & (miss_values < 1)).any()
    least, least_open = _tightest(
        _extreme(reach_values[reach > 0], reach[reach > 0], True), _extreme(miss_values[miss < 0], miss[miss < 0], True), True
    )
    greatest, greatest_open = _tightest(
        _extreme(reach_values[reach < 0], reach[reach < 0], False), _extreme(miss_values[miss > 0], miss[miss > 0], False), False
    )
    if least is None or least < 0:
        least, least_open = Fraction(0), False
    return Channel(meaning, x_low, x_high, reach, reach_values, miss, miss_values, least, least_open, greatest, greatest_open, possible)


def _nearest(target: Fraction, interval: tuple[int, int]) -> int:
    return min(max(round(target), interval[0]), interval[1])


def _assemble(
    channels: Sequence[Channel], multipliers: Sequence[int], roundings: Sequence[int], shifts: Sequence[int], width: int, negative: int = 0
) -> LayerFixedPoint | None:
    """The layer's sequence with the zero point folded in if that fits, else added; None if an intermediate overflows."""
    meaning = channels[0].meaning
    for folded in (True, False):
        extra = [meaning.zero_point << s if folded else 0 for s in shifts]
        shared = max(len(roundings), len(shifts)) if len({*roundings}) > 1 or len({*shifts}) > 1 else 1
        totals = tuple(roundings[i % len(roundings)] + extra[i % len(extra)] for i in range(shared))
        layer = LayerFixedPoint(
            tuple(multipliers), totals, tuple(shifts), 0 if folded else meaning.zero_point, meaning.low, meaning.high, width, 0, 0, negative
        )
        ranges = [result_range(layer.channel(i), c.x_low, c.x_high) for i, c in enumerate(channels)]
        if None not in ranges:
            known = [r for r in ranges if r is not None]
            return attrs.evolve(layer, result_low=min(r[0] for r in known), result_high=max(r[1] for r in known))
    return None


def result_range(sequence: FixedPoint, x_low: int, x_high: int) -> tuple[int, int] | None:
    """Least and greatest value before the clamp over [x_low, x_high]; None if an intermediate leaves its width or int32."""
    bound = 1 << (sequence.width - 1)
    if not (0 <= sequence.multiplier < 1 << 31 and 0 <= sequence.shift <= _WIDEST_SHIFT[sequence.width]) or sequence.negative_rounding > 0:
        return None
    results = []
    for x in (x_low, x_high, *(x for x in (-1, 0) if x_low <= x <= x_high)):
        product = x * sequence.multiplier
        total = product + sequence.rounding
        adjusted = total + (sequence.negative_rounding if x < 0 else 0)
        result = sequence.unclamped(x)
        if not all(-bound <= value < bound for value in (product, sequence.rounding, total, adjusted)):
            return None
        if not (-(1 << 31) <= result - sequence.zero_point < 1 << 31 and -(1 << 31) <= result < 1 << 31):
            return None
        results.append(result)
    return min(results), max(results)


def first_difference(sequence: FixedPoint, meaning: Requantization, x_low: int, x_high: int) -> int | None:
    """An input of [x_low, x_high] where the sequence overflows or differs from the meaning; None if there is none.

    The proof is by thresholds: the sequence is monotone, so it is enough to look at every threshold and just below it.
    """
    if result_range(sequence, x_low, x_high) is None:
        return next((x for x in (x_low, x_high, -1) if x_low <= x <= x_high and result_range(sequence, x, x) is None), x_low)
    thresholds = numpy.array(meaning.thresholds(x_low, x_high), numpy.int64)
    crossed = thresholds[(x_low < thresholds) & (thresholds <= x_high)]
    inputs = numpy.concatenate([numpy.array([x_low, x_high], numpy.int64), crossed, crossed - 1])
    shifted = (inputs * sequence.multiplier + sequence.rounding + (inputs < 0) * sequence.negative_rounding) >> sequence.shift
    results = numpy.clip(shifted + sequence.zero_point, sequence.low, sequence.high)
    wrong = inputs[results != meaning.low + numpy.searchsorted(thresholds, inputs, side="right")]
    return int(wrong[0]) if len(wrong) else None


def _with_half_rounding(channels: Sequence[Channel], shift: int, width: int) -> LayerFixedPoint | None:
    """A common shift with the common rounding of half a unit."""
    multipliers = []
    for channel in channels:
        interval = channel.multipliers(shift)
        if interval is None:
            return None
        multipliers.append(_nearest(channel.meaning.scale * (1 << shift), interval))
    return _assemble(channels, multipliers, [1 << (shift - 1)], [shift], width)


def _roundings(channel: Channel, multiplier: int, shift: int) -> tuple[int, int] | None:
    """The interval of roundings (zero point apart) that are exact with this multiplier and shift, or None."""
    kind = numpy.int64 if shift <= 50 else object
    reach, miss = channel.reach.astype(kind), channel.miss.astype(kind)
    at_least = channel.reach_values.astype(kind) * (1 << shift) - reach * multiplier
    below = channel.miss_values.astype(kind) * (1 << shift) - miss * multiplier
    low = int(at_least.max()) if len(at_least) else int(below.min()) - 1 if len(below) else 0
    high = int(below.min()) - 1 if len(below) else low
    return (low, high) if low <= high else None


def _roundest(low: int, high: int) -> int:
    """The integer of [low, high] with the most trailing zero bits."""
    if low <= 0 <= high:
        return 0
    step = 1 << (high - low).bit_length()
    while True:
        candidate = -(-low // step) * step
        if candidate <= high:
            return candidate
        step >>= 1


def _own_rounding(channel: Channel, shift: int) -> tuple[int, int] | None:
    """An exact (multiplier, rounding) of one channel for a shift, or None."""
    ideal = round(channel.meaning.scale * (1 << shift))
    for multiplier in (ideal, ideal + 1, ideal - 1):
        interval = _roundings(channel, multiplier, shift) if 0 <= multiplier < 1 << 31 else None
        if interval is not None:
            return multiplier, _roundest(*interval)
    return None


def _with_own_roundings(channels: Sequence[Channel], shift: int, width: int) -> LayerFixedPoint | None:
    """A common shift with a rounding per channel."""
    found = []
    for channel in channels:
        pair = _own_rounding(channel, shift)
        if pair is None:
            return None
        found.append(pair)
    return _assemble(channels, [m for m, _ in found], [r for _, r in found], [shift], width)


def _with_own_shifts(channels: Sequence[Channel], width: int) -> LayerFixedPoint | None:
    """A shift per channel, with half a unit as rounding where all channels allow it, else with their own roundings."""
    halves: list[LayerFixedPoint] = []
    pairs: list[tuple[int, int, int]] = []
    for channel in channels:
        shifts = list(_shifts(width))
        half = next((layer for s in shifts if (layer := _with_half_rounding([channel], s, width))), None)
        halves += [half] if half else []
        own = next(((*pair, s) for s in shifts if (pair := _own_rounding(channel, s))), None)
        if own is None:
            return None
        pairs.append(own)
    if len(halves) == len(channels):
        shifts = [layer.shifts[0] for layer in halves]
        return _assemble(channels, [layer.multipliers[0] for layer in halves], [1 << (s - 1) for s in shifts], shifts, width)
    return _assemble(channels, [p[0] for p in pairs], [p[1] for p in pairs], [p[2] for p in pairs], width)


def _shifts(width: int) -> Iterator[int]:
    """Shifts in the order of preference of their code."""
    if width == 32:
        yield from range(1, 31)
    else:
        yield from range(HIGH_WORD_SHIFT, 63)
        yield from range(32, 0, -1)


def choose_layer(
    meanings: Sequence[Requantization], x_low: Sequence[int] | int, x_high: Sequence[int] | int, widths: Sequence[int] = (32, 64)
) -> LayerFixedPoint | None:
    """The cheapest fixed-point form that equals the meanings of all channels on [x_low, x_high], or None where none does.

    Tried in this order, for each width: one shift and one rounding for all channels, a rounding per channel, a shift per
    channel (widest width only).  The channels share zero point, low, high and rounding name.

    Raises:
        ValueError: channels that differ in these, or an empty input range.
    """
    channels = _described(meanings, x_low, x_high)
    if meanings[0].rounding == "tflite_double":
        return _tflite_twice(channels)
    layer = next((found for width in widths if (found := _with_common_shift(channels, width, len(channels) == 1))), None)
    return layer or _with_common_shift(channels, widths[-1], True) or _with_own_shifts(channels, widths[-1])


def high_word_forms(meanings: Sequence[Requantization], x_low: Sequence[int] | int, x_high: Sequence[int] | int) -> Iterator[LayerFixedPoint]:
    """All forms of one shift and one rounding for all channels of which only high words of products are needed, by rising shifts.

    They cost the same, so that layers may be given the shift that most of them share.

    Raises:
        ValueError: as `choose_layer`.
    """
    channels = _described(meanings, x_low, x_high)
    if meanings[0].rounding == "tflite_double":
        return
    for shift in range(HIGH_WORD_SHIFT, HIGH_WORD_SHIFT + _HIGH_SHIFTS):
        layer = _with_half_rounding(channels, shift, 64)
        if layer is not None:
            yield layer


def _described(meanings: Sequence[Requantization], x_low: Sequence[int] | int, x_high: Sequence[int] | int) -> list[Channel]:
    if len({(m.zero_point, m.low, m.high, m.rounding) for m in meanings}) != 1:
        raise ValueError("the channels of a layer share zero point, result range and rounding")
    lows = [x_low] * len(meanings) if isinstance(x_low, int) else [int(x) for x in x_low]
    highs = [x_high] * len(meanings) if isinstance(x_high, int) else [int(x) for x in x_high]
    if any(low > high for low, high in zip(lows, highs, strict=True)):
        raise ValueError("an input range is empty")
    return [describe_channel(*item) for item in zip(meanings, lows, highs, strict=True)]


def _with_common_shift(channels: Sequence[Channel], width: int, own_roundings: bool) -> LayerFixedPoint | None:
    for shift in _shifts(width):
        layer = _with_half_rounding(channels, shift, width)
        if layer is not None:
            return layer
    if own_roundings:
        return next((layer for shift in _shifts(width) if (layer := _with_own_roundings(channels, shift, width))), None)
    return None


def _tflite_twice(channels: Sequence[Channel]) -> LayerFixedPoint | None:
    """Rounding the high multiply half up, then its shift half away from zero, is one floor per sign of x.

    With high = floor((x q + 2^30) / 2^31) and e the right shift, y = floor((high + 2^(e-1) - [high < 0]) / 2^e), and nested
    floors collapse: y = floor((x q + 2^30 + 2^(30+e) - 2^31 [x < 0]) / 2^(31+e)).  With a left shift only the first rounds.
    """
    forms = [quantized_multiplier(channel.meaning.scale) for channel in channels]
    shifts = [31 - shift for _, shift in forms]
    if all(shift >= 0 for _, shift in forms):
        roundings, negative = [1 << (s - 1) for s in shifts], 0
    elif all(shift < 0 for _, shift in forms):
        roundings, negative = [(1 << 30) + (1 << (s - 1)) for s in shifts], -(1 << 31)
    else:
        return None
    layer = _assemble(channels, [q for q, _ in forms], roundings, shifts, 64, negative)
    if layer is None or any(first_difference(layer.channel(i), c.meaning, c.x_low, c.x_high) is not None for i, c in enumerate(channels)):
        return None
    return layer


def choose_fixed_point(meaning: Requantization, x_low: int, x_high: int, widths: Sequence[int] = (32, 64)) -> FixedPoint | None:
    """The cheapest fixed-point form that equals the meaning on [x_low, x_high], or None (ties in both directions)."""
    layer = choose_layer([meaning], x_low, x_high, widths)
    return None if layer is None else layer.channel(0)
