"""Requantization by a division that is exact: the quotient rounded half to even, as `graph.requantize_division` computes it.

    n = x * numerator;   f = floor((2 n + d) / (2 d));   y = clamp(f - [2 n + d is a multiple of 2 d and f is odd] + zero point)

The same for a sum of two operands; and several claims as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy

from tinyir.ir.exact import Requantization, SumRequantization
from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, linear, number, proved, refuted, union, unknown, within
from tinyir.prove.requantize import meaning_at_least, real_at_least

_MOST_EXHAUSTED = 1 << 24
_INT32 = 1 << 31


@attrs.frozen
class ExactQuotientClaim(Claim):
    """round(x * numerator / denominator) + zero point == meaning(x), clamped, for x in [x_low, x_high], all in 32 bits."""

    meaning: Requantization
    numerator: int
    denominator: int
    x_low: int
    x_high: int

    def decide(self) -> Verdict:
        if self.x_high - self.x_low >= _MOST_EXHAUSTED:
            return unknown("exhaustion", f"{self.x_high - self.x_low + 1} inputs are too many to look at each")
        for x in (self.x_low, self.x_high):
            if abs(2 * x * self.numerator) + self.denominator >= _INT32:
                return refuted("interval", {"x": x, "sum": 2 * x * self.numerator + self.denominator})
        meaning, d = self.meaning, self.denominator
        inputs = numpy.arange(self.x_low, self.x_high + 1, dtype=numpy.int64)
        raised = 2 * inputs * self.numerator + d
        floor = raised // (2 * d)
        results = numpy.clip(floor - ((floor * 2 * d == raised) & (floor % 2 == 1)) + meaning.zero_point, meaning.low, meaning.high)
        thresholds = numpy.array(meaning.thresholds(self.x_low, self.x_high), numpy.int64)
        wrong = numpy.flatnonzero(results != meaning.low + numpy.searchsorted(thresholds, inputs, side="right"))
        if not len(wrong):
            return proved("exhaustion")
        first = int(wrong[0])
        return refuted("exhaustion", {"x": int(inputs[first]), "sequence": int(results[first]), "meaning": meaning(int(inputs[first]))})

    def negation(self, prefix: str = "") -> Negation:
        x, f, d = f"{prefix}x", f"{prefix}f", self.denominator
        raised = linear([(2 * self.numerator, x)], d)
        tie = f"(and (= (* {2 * d} {f}) {raised}) (= (mod {f} 2) 1))"
        result = f"(- {f} (ite {tie} 1 0))"
        reached = meaning_at_least(self.meaning, x)
        values = range(self.meaning.low + 1, self.meaning.high + 1)
        wrong = [f"(xor {reached(v)} (>= {result} {number(v - self.meaning.zero_point)}))" for v in values]
        wrong.append(f"(>= (abs {raised}) {_INT32})")
        return Negation(((x, "Int"), (f, "Int")), (within(x, self.x_low, self.x_high), f"(= {f} (div {raised} {2 * d}))", disjunction(wrong)))


@attrs.frozen
class SumQuotientClaim(Claim):
    """round((first * a + second * b + addend) / denominator) == meaning(a, b), clamped, for all pairs of two inclusive ranges, in `bits` bits."""

    meaning: SumRequantization
    first: int
    second: int
    addend: int
    denominator: int
    first_range: tuple[int, int]
    second_range: tuple[int, int]
    bits: int

    def greatest(self) -> int:
        """A bound on the magnitude of everything that is computed."""
        reach = [abs(f) * max(map(abs, r)) for f, r in ((self.first, self.first_range), (self.second, self.second_range))]
        return 2 * (sum(reach) + abs(self.addend) + self.denominator)

    def decide(self) -> Verdict:
        if self.greatest() >= 1 << (self.bits - 1):
            return refuted("interval", {"sum": self.greatest()})
        a, b = (numpy.arange(low, high + 1, dtype=numpy.int64) for low, high in (self.first_range, self.second_range))
        raised = 2 * (a[:, None] * self.first + b * self.second + self.addend) + self.denominator
        floor = raised // (2 * self.denominator)
        rounded = floor - ((floor * 2 * self.denominator == raised) & (floor % 2 == 1)) + self.meaning.zero_point
        results = numpy.clip(rounded, self.meaning.low, self.meaning.high)
        wrong = numpy.argwhere(results != self.meaning.table(self.first_range, self.second_range))
        if not len(wrong):
            return proved("exhaustion")
        i, j = wrong[0]
        return refuted("exhaustion", {"a": int(a[i]), "b": int(b[j]), "sequence": int(results[i, j]), "meaning": self.meaning(int(a[i]), int(b[j]))})

    def parts(self) -> Sequence[Claim]:
        low, high = self.first_range
        return [attrs.evolve(self, first_range=(a, a)) for a in range(low, high + 1)]

    def negation(self, prefix: str = "") -> Negation:
        a, b, f, d, m = f"{prefix}a", f"{prefix}b", f"{prefix}f", self.denominator, self.meaning
        raised = linear([(2 * self.first, a), (2 * self.second, b)], 2 * self.addend + d)
        result = f"(- {f} (ite (and (= (* {2 * d} {f}) {raised}) (= (mod {f} 2) 1)) 1 0))"
        p, q, constant, denominator = m.integers()
        reached = real_at_least(m.rounding, [(p, a), (q, b)], constant, denominator, m.zero_point)
        wrong = [f"(xor {reached(v)} (>= {result} {number(v - m.zero_point)}))" for v in range(m.low + 1, m.high + 1)]
        wrong.append(f"(>= (abs {raised}) {1 << (self.bits - 1)})")
        limits = (within(a, *self.first_range), within(b, *self.second_range), f"(= {f} (div {raised} {2 * d}))", disjunction(wrong))
        return Negation(((a, "Int"), (b, "Int"), (f, "Int")), limits)


@attrs.frozen
class AllClaims(Claim):
    """Several claims, one for each channel."""

    claims: tuple[Claim, ...]

    def decide(self) -> Verdict:
        verdict = proved("")
        for channel, claim in enumerate(self.claims):
            verdict = claim.decide()
            if verdict.state != "proved":
                return attrs.evolve(verdict, counterexample={"channel": channel, **(verdict.counterexample or {})})
        return verdict

    def parts(self) -> Sequence[Claim]:
        return [part for claim in self.claims for part in claim.parts()]

    def negation(self, prefix: str = "") -> Negation:
        return union([claim.negation(f"{prefix}c{channel}_") for channel, claim in enumerate(self.claims)])
