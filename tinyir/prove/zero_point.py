"""A zero point that moves into the bias leaves every sum as it was: equality of two affine functions of the inputs.

    bias[o] + sum over k of (x[k] - zero) * w[o, k]   ==   folded[o] + sum over k of x[k] * w[o, k]

The coefficients of x are the same on both sides, so the functions are equal for all x if and only if the constants are.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.types import I32
from tinyir.prove.claim import Claim, Negation, Verdict, linear, number, proved, refuted, union


@attrs.frozen(eq=False)
class FoldedZeroPointClaim(Claim):
    """For every channel and all integers x[k] the two sums above are equal.  `weights`: [channels, terms], zero points subtracted."""

    weights: NDArray[numpy.int64]
    zero: int
    bias: tuple[int, ...]
    folded: tuple[int, ...]

    @classmethod
    def of(cls, weights: NDArray[numpy.int64], zero: int, bias: NDArray[numpy.int64]) -> FoldedZeroPointClaim | None:
        """The biases that the zero point moves into; None if one of them does not fit 32 bits."""
        before = tuple(bias.tolist())
        folded = tuple(value - zero * int(total) for value, total in zip(before, weights.sum(axis=1), strict=True))
        return cls(weights, zero, before, folded) if all(I32.lowest <= value <= I32.greatest for value in folded) else None

    @property
    def statement(self) -> str:
        return f"zero point {self.zero} moves into {len(self.folded)} biases of {self.weights.shape[1]} terms"

    def decide(self) -> Verdict:
        sums = self.weights.sum(axis=1)
        for channel, (before, after) in enumerate(zip(self.bias, self.folded, strict=True)):
            if before - self.zero * int(sums[channel]) != after:
                return refuted("coefficients", {"channel": channel, **{f"x{k}": 0 for k in range(self.weights.shape[1])}})
        return proved("coefficients")

    def parts(self) -> Sequence[Claim]:
        return [FoldedZeroPointClaim(self.weights[o : o + 1], self.zero, (self.bias[o],), (self.folded[o],)) for o in range(len(self.bias))]

    def negation(self, prefix: str = "") -> Negation:
        if len(self.bias) > 1:
            return union([part.negation(f"{prefix}c{o}_") for o, part in enumerate(self.parts())])
        names = [f"{prefix}x{k}" for k in range(self.weights.shape[1])]
        coefficients = [int(w) for w in self.weights[0]]
        shifted = [f"(* {number(w)} (- {name} {number(self.zero)}))" for w, name in zip(coefficients, names, strict=True)]
        before = f"(+ {number(self.bias[0])} {' '.join(shifted)})"
        after = linear(list(zip(coefficients, names, strict=True)), self.folded[0])
        return Negation(tuple((name, "Int") for name in names), (f"(distinct {before} {after})",))
