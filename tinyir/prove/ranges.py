"""No accumulator overflows: exact ranges of linear layers, whatever the order of summation.

Each product lies in an interval of its own, so the greatest sum takes the greatest of each.  A partial sum in any order
is the sum of some of the terms: the greatest takes the positive ones.  Blocking, vector lanes and reordering compute
nothing but such partial sums, so a width that holds them all holds every intermediate value.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy
from numpy.typing import ArrayLike, NDArray

from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, linear, number, proved, refuted, union, within


@attrs.frozen(eq=False)
class DotRange:
    """Per channel: the range of the whole sum, and of every partial sum in any order (with or without the bias)."""

    low: NDArray[numpy.int64]
    high: NDArray[numpy.int64]
    any_order_low: NDArray[numpy.int64]
    any_order_high: NDArray[numpy.int64]

    @property
    def bits(self) -> int:
        """The least width of a signed integer that holds every partial sum."""
        low, high = int(self.any_order_low.min()), int(self.any_order_high.max())
        return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1


def dot_range(weights: NDArray[numpy.int64], x_low: ArrayLike, x_high: ArrayLike, bias: NDArray[numpy.int64]) -> DotRange:
    """The exact ranges of bias[o] + sum over k of weights[o, k] * x[k], for x[k] in [x_low[k], x_high[k]].

    `weights`: integers [channels, terms]; `x_low`, `x_high`: [terms], [channels, terms] or one number; `bias`: [channels].

    Raises:
        ValueError: an empty input range, or sums beyond 62 bits.
    """
    w = numpy.asarray(weights).astype(numpy.int64)
    low, high = (numpy.broadcast_to(numpy.asarray(x, numpy.int64), w.shape) for x in (x_low, x_high))
    if (low > high).any():
        raise ValueError("an input range is empty")
    magnitude = float(numpy.abs(w).max(initial=0)) * float(max(abs(low).max(initial=0), abs(high).max(initial=0))) * max(w.shape[1], 1)
    b = numpy.asarray(bias).astype(numpy.int64)
    if magnitude + float(numpy.abs(b).max(initial=0)) >= 2.0**62:
        raise ValueError("the sums are beyond 62 bits")
    ends = w * low, w * high
    least, greatest = numpy.minimum(*ends), numpy.maximum(*ends)
    return DotRange(
        least.sum(axis=1) + b,
        greatest.sum(axis=1) + b,
        numpy.minimum(least, 0).sum(axis=1) + numpy.minimum(b, 0),
        numpy.maximum(greatest, 0).sum(axis=1) + numpy.maximum(b, 0),
    )


def width_range(bits: int) -> tuple[int, int]:
    """The values of a signed integer of that many bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


@attrs.frozen(eq=False)
class RangeClaim(Claim):
    """bias[o] + sum(weights[o, k] * x[k]) stays within `bits` bits for all x within bounds; with `any_order` every partial sum too."""

    weights: NDArray[numpy.int64]
    x_low: NDArray[numpy.int64]
    x_high: NDArray[numpy.int64]
    bias: NDArray[numpy.int64]
    bits: int = 32
    any_order: bool = True

    @classmethod
    def of(
        cls, weights: NDArray[numpy.int64], x_low: ArrayLike, x_high: ArrayLike, bias: NDArray[numpy.int64], bits: int = 32, any_order: bool = True
    ) -> RangeClaim:
        """The claim, with bounds broadcast to [channels, terms]."""
        low, high = (numpy.broadcast_to(numpy.asarray(x, numpy.int64), weights.shape) for x in (x_low, x_high))
        return cls(weights.astype(numpy.int64), low, high, bias.astype(numpy.int64), bits, any_order)

    def decide(self) -> Verdict:
        found = dot_range(self.weights, self.x_low, self.x_high, self.bias)
        low, high = width_range(self.bits)
        least, greatest = (found.any_order_low, found.any_order_high) if self.any_order else (found.low, found.high)
        channel = int(numpy.argmax(numpy.maximum(greatest - high, low - least)))
        if low <= least[channel] and greatest[channel] <= high:
            return proved("interval")
        upwards = bool(greatest[channel] > high)
        return refuted("interval", self._witness(channel, upwards, int(greatest[channel] if upwards else least[channel])))

    def _witness(self, channel: int, upwards: bool, total: int) -> dict[str, int]:
        """Inputs of one channel that reach the extreme sum; in a partial sum, terms of the other sign are left out."""
        w, low, high = self.weights[channel], self.x_low[channel], self.x_high[channel]
        x = numpy.where((w > 0) == upwards, high, low)
        counted = ((w * x > 0) == upwards) & (w != 0) if self.any_order else numpy.ones(len(w), bool)
        inputs = {f"x{k}": int(x[k]) for k in range(len(w)) if counted[k]}
        bias = int(self.bias[channel])
        return {"channel": channel, "sum": total, "bias": bias if not self.any_order or (bias > 0) == upwards else 0, **inputs}

    def parts(self) -> Sequence[Claim]:
        rows = range(len(self.weights))
        return [attrs.evolve(self, **{f: getattr(self, f)[i : i + 1] for f in ("weights", "x_low", "x_high", "bias")}) for i in rows]

    def negation(self, prefix: str = "") -> Negation:
        return union([self._channel_negation(channel, f"{prefix}c{channel}_" if len(self.weights) > 1 else prefix) for channel in range(len(self.weights))])

    def _channel_negation(self, channel: int, prefix: str) -> Negation:
        low, high = width_range(self.bits)
        used = [k for k in range(self.weights.shape[1]) if self.weights[channel, k]]
        names = {k: f"{prefix}x{k}" for k in used}
        bounds = {k: (int(self.x_low[channel, k]), int(self.x_high[channel, k])) for k in used}
        terms = [(int(self.weights[channel, k]), names[k]) for k in used]
        bias = int(self.bias[channel])
        declarations = [(name, "Int") for name in names.values()]
        if self.any_order:
            limits = [within(names[k], min(0, bounds[k][0]), max(0, bounds[k][1])) for k in used]
            limits += [f"(or (= {names[k]} 0) {within(names[k], *bounds[k])})" for k in used if not bounds[k][0] <= 0 <= bounds[k][1]]
            declarations.append((f"{prefix}bias", "Int"))
            limits.append(f"(or (= {prefix}bias 0) (= {prefix}bias {number(bias)}))")
            total = linear([*terms, (1, f"{prefix}bias")])
        else:
            limits = [within(names[k], *bounds[k]) for k in used]
            total = linear(terms, bias)
        outside = disjunction([f"(< {total} {number(low)})", f"(> {total} {number(high)})"])
        return Negation(tuple(declarations), (*limits, outside))
