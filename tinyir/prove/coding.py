"""Coded constants decode to what they were: the elements that a decoder gave, all of them, against those of the constant."""

from __future__ import annotations

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, number, proved, refuted, unknown


@attrs.frozen(eq=False)
class DecodedClaim(Claim):
    """`decoded[i] == stated[i]` for every i; `decoded`: what running the decoder gave, or why it could not be run (`failure`)."""

    decoded: NDArray[numpy.int64]
    stated: NDArray[numpy.int64]
    failure: str = ""

    def decide(self) -> Verdict:
        if self.failure:
            return unknown("exhaustion", self.failure)
        if self.decoded.shape != self.stated.shape:
            return refuted("exhaustion", {"decoded": self.decoded.size, "stated": self.stated.size})
        wrong = numpy.flatnonzero(self.decoded != self.stated)
        if wrong.size:
            first = int(wrong[0])
            return refuted("exhaustion", {"element": first, "decoded": int(self.decoded.flat[first]), "stated": int(self.stated.flat[first])})
        return proved("exhaustion")

    def negation(self, prefix: str = "") -> Negation:
        """Each pair of numbers that occurs stands once."""
        if self.failure or self.decoded.shape != self.stated.shape:
            return Negation((), ("true",))
        pairs = numpy.unique(numpy.stack([self.decoded.reshape(-1), self.stated.reshape(-1)], axis=1), axis=0)
        return Negation((), (disjunction([f"(distinct {number(int(one))} {number(int(other))})" for one, other in pairs]),))
