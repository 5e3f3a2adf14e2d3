"""A channel is constant: its requantization gives one result on the whole range of its accumulators."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy
from numpy.typing import ArrayLike, NDArray

from tinyir.ir.exact import Requantization
from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, linear, proved, refuted, union, within
from tinyir.prove.ranges import dot_range
from tinyir.prove.requantize import meaning_at_least


def constant_channels(
    weights: NDArray[numpy.int64], x_low: ArrayLike, x_high: ArrayLike, bias: NDArray[numpy.int64], meanings: Sequence[Requantization]
) -> list[int | None]:
    """The result of every channel that has only one, else None.  Shapes as in `dot_range`; one meaning per channel."""
    found = dot_range(weights, x_low, x_high, bias)
    ends = [(m(int(low)), m(int(high))) for m, low, high in zip(meanings, found.low, found.high, strict=True)]
    return [first if first == last else None for first, last in ends]


@attrs.frozen(eq=False)
class DeadClaim(Claim):
    """meaning[o](bias[o] + sum over k of weights[o, k] * x[k]) == values[o] for all x within bounds."""

    weights: NDArray[numpy.int64]
    x_low: NDArray[numpy.int64]
    x_high: NDArray[numpy.int64]
    bias: NDArray[numpy.int64]
    meanings: tuple[Requantization, ...]
    values: tuple[int, ...]

    @classmethod
    def of(
        cls,
        weights: NDArray[numpy.int64],
        x_low: ArrayLike,
        x_high: ArrayLike,
        bias: NDArray[numpy.int64],
        meanings: Sequence[Requantization],
        values: Sequence[int],
    ) -> DeadClaim:
        """The claim, with bounds broadcast to [channels, terms]."""
        low, high = (numpy.broadcast_to(numpy.asarray(x, numpy.int64), weights.shape) for x in (x_low, x_high))
        return cls(weights.astype(numpy.int64), low, high, bias.astype(numpy.int64), tuple(meanings), tuple(values))

    def decide(self) -> Verdict:
        found = dot_range(self.weights, self.x_low, self.x_high, self.bias)
        for channel, (meaning, value) in enumerate(zip(self.meanings, self.values, strict=True)):
            for upwards, total in ((False, int(found.low[channel])), (True, int(found.high[channel]))):
                if meaning(total) != value:
                    return refuted("interval", {"channel": channel, "sum": total, "result": meaning(total), **self._inputs(channel, upwards)})
        return proved("interval")

    def _inputs(self, channel: int, upwards: bool) -> dict[str, int]:
        x = numpy.where((self.weights[channel] > 0) == upwards, self.x_high[channel], self.x_low[channel])
        return {f"x{k}": int(value) for k, value in enumerate(x)}

    def parts(self) -> Sequence[Claim]:
        arrays = ("weights", "x_low", "x_high", "bias", "meanings", "values")
        return [attrs.evolve(self, **{name: getattr(self, name)[i : i + 1] for name in arrays}) for i in range(len(self.values))]

    def negation(self, prefix: str = "") -> Negation:
        several = len(self.values) > 1
        return union([self._channel(channel, f"{prefix}c{channel}_" if several else prefix) for channel in range(len(self.values))])

    def _channel(self, channel: int, prefix: str) -> Negation:
        used = [k for k in range(self.weights.shape[1]) if self.weights[channel, k]]
        names = [f"{prefix}x{k}" for k in used]
        limits = [within(name, int(self.x_low[channel, k]), int(self.x_high[channel, k])) for k, name in zip(used, names, strict=True)]
        total = linear([(int(self.weights[channel, k]), name) for k, name in zip(used, names, strict=True)], int(self.bias[channel]))
        meaning, value = self.meanings[channel], self.values[channel]
        reaches = meaning_at_least(meaning, f"{prefix}sum")
        wrong = [reaches(value + 1)] if value < meaning.high else []
        wrong += [f"(not {reaches(value)})"] if value > meaning.low else []
        if not meaning.low <= value <= meaning.high:
            wrong = ["true"]
        declarations = [*((name, "Int") for name in names), (f"{prefix}sum", "Int")]
        return Negation(tuple(declarations), (*limits, f"(= {prefix}sum {total})", disjunction(wrong)))
