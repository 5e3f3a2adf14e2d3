"""An integer sequence equals the named real semantics for every reachable accumulator: the claims, and the choice of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import attrs
import numpy

from tinyir.ir.exact import Requantization, SumRequantization, quantized_multiplier
from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, linear, number, proved, refuted, union, unknown, within
from tinyir.prove.fixed_point import FixedPoint, LayerFixedPoint, choose_fixed_point, first_difference
from tinyir.prove.half_even import HalfEvenDivision, choose_half_even_division, choose_half_even_sum, evaluate_division, first_division_difference
from tinyir.prove.sum_fixed_point import SumFixedPoint, choose_sum, first_sum_difference


@attrs.frozen
class ThresholdSearch:
    """y = low + the number of thresholds that are <= x: a table, the last resort for one operand."""

    thresholds: tuple[int, ...]
    low: int

    def __call__(self, x: int) -> int:
        return self.low + sum(threshold <= x for threshold in self.thresholds)


_INT32 = 1 << 31
Sequence1 = FixedPoint | HalfEvenDivision | ThresholdSearch
Sequence2 = SumFixedPoint | HalfEvenDivision


def choose_requantization(meaning: Requantization, x_low: int, x_high: int, widths: Sequence[int] = (32, 64)) -> Sequence1:
    """The cheapest sequence that equals the meaning on [x_low, x_high]; there always is one."""
    sequence = choose_fixed_point(meaning, x_low, x_high, widths) or choose_half_even_division(meaning, x_low, x_high)
    return sequence or ThresholdSearch(tuple(meaning.thresholds(x_low, x_high)), meaning.low)


def choose_requantized_sum(
    meaning: SumRequantization, first_range: tuple[int, int] = (-128, 127), second_range: tuple[int, int] = (-128, 127), widths: Sequence[int] = (32, 64)
) -> Sequence2 | None:
    """The cheapest sequence that equals the meaning on all pairs, or None where none is known."""
    return choose_sum(meaning, first_range, second_range, widths) or choose_half_even_sum(meaning, first_range, second_range)


@attrs.frozen
class Formula:
    """`result >= v` as a formula of v: a term is at least a bound."""

    term: str
    bound: Callable[[int], int]

    def __call__(self, v: int, name: str = "") -> str:
        """`name`: what stands for the term."""
        return f"(>= {name or self.term} {number(self.bound(v))})"


def _ties_reach(rounding: str, k: int) -> bool:
    """Whether exactly k - 1/2 is rounded to k."""
    return {"real_half_even": k % 2 == 0, "real_half_up": True, "real_half_away": k >= 1}[rounding]


def real_at_least(rounding: str, terms: Sequence[tuple[int, str]], constant: int, denominator: int, zero_point: int) -> Formula:
    """round((terms + constant) / denominator) + zero_point >= v, by the definition of the rounding.

    Always spelled with >=: where a sequence has the same threshold, z3 sees one and the same comparison on both sides.
    """
    if rounding == "real_floor":
        return Formula(linear(terms), lambda v: (v - zero_point) * denominator - constant)

    def bound(v: int) -> int:
        k = v - zero_point
        return (2 * k - 1) * denominator - 2 * constant + (0 if _ties_reach(rounding, k) else 1)

    return Formula(linear([(2 * f, x) for f, x in terms]), bound)


def meaning_at_least(meaning: Requantization, x: str) -> Formula:
    """`meaning(x) >= v` as a formula of v, for v in (low, high]."""
    if meaning.rounding.startswith("tflite"):
        return _tflite_at_least(meaning, x)
    factor = meaning.numerator * meaning.offset_denominator
    constant = meaning.offset_numerator * meaning.denominator
    return real_at_least(meaning.rounding, [(factor, x)], constant, meaning.denominator * meaning.offset_denominator, meaning.zero_point)


def _tflite_at_least(meaning: Requantization, x: str) -> Formula:
    multiplier, shift = quantized_multiplier(meaning.scale)
    if meaning.rounding == "tflite_single":
        rounded = f"(div {linear([(multiplier, x)], 1 << (30 - shift))} {1 << (31 - shift)})"
    else:
        high = f"(div {linear([(multiplier << max(shift, 0), x)], 1 << 30)} {1 << 31})"
        half, unit = (1 << -shift) >> 1, 1 << max(-shift, 0)
        away = f"(div (+ h {half} (ite (< h 0) (- 1) 0)) {unit})" if shift < 0 else "h"
        rounded = f"(let ((h {high})) {away})"
    return Formula(rounded, lambda v: v - meaning.zero_point)


def _sequence_at_least(sequence: Sequence1 | Sequence2, operands: Sequence[str]) -> Formula:
    if isinstance(sequence, ThresholdSearch):
        table = sequence
        return Formula(operands[0], lambda v: table.thresholds[v - table.low - 1])
    if isinstance(sequence, HalfEvenDivision):
        return _division_at_least(sequence, operands)
    if isinstance(sequence, SumFixedPoint):
        pair = linear([(sequence.first, operands[0]), (sequence.second, operands[1])])
        added, shift = sequence.rounding, sequence.shift
        return Formula(pair, lambda v: (v << shift) - added)
    fixed = sequence
    product = linear([(fixed.multiplier, operands[0])])
    if fixed.negative_rounding:
        product = f"(+ {product} (ite (< {operands[0]} 0) {number(fixed.negative_rounding)} 0))"
    return Formula(product, lambda v: ((v - fixed.zero_point) << fixed.shift) - fixed.rounding)


def _division_at_least(form: HalfEvenDivision, operands: Sequence[str]) -> Formula:
    def floor_divide(n: str) -> str:
        if form.shift is not None:
            return f"(div {n} {1 << form.shift})"
        division = form.division
        assert division is not None
        return linear([(1, f"(div {linear([(division.multiplier, n)], division.rounding)} {1 << division.shift})")], division.zero_point)

    n = linear(list(zip(form.factors, operands, strict=True)), form.constant)
    raised = f"(+ n {form.denominator // 2 - 1} (mod {floor_divide('n')} 2))"
    result = f"(let ((n {n})) (let ((r {raised})) {floor_divide('r')}))"
    return Formula(result, lambda v: v - form.zero_point)


def _differ(meaning: Formula, sequence: Formula, low: int, high: int) -> str:
    """One of the results low + 1 .. high is reached by one side and not by the other: the clamped results differ."""
    different = disjunction([f"(xor {meaning(v, 'meant')} {sequence(v, 'found')})" for v in range(low + 1, high + 1)])
    return f"(let ((meant {meaning.term}) (found {sequence.term})) {different})"


def _overflow(sequence: Sequence1 | Sequence2, operands: Sequence[str]) -> list[str]:
    """The product or the sum leaves the width, or a factor or the quotient int32."""
    if isinstance(sequence, ThresholdSearch):
        return []
    if isinstance(sequence, HalfEvenDivision):
        n = linear(list(zip(sequence.factors, operands, strict=True)), sequence.constant)
        return [_outside(n, *sequence.room()), *("true" for factor in sequence.factors if not -_INT32 <= factor < _INT32)]
    bound = 1 << (sequence.width - 1)
    if isinstance(sequence, SumFixedPoint):
        limit = min(bound, _INT32 << sequence.shift)
        return [_outside(linear(list(zip((sequence.first, sequence.second), operands, strict=True)), sequence.rounding), -limit, limit - 1)]
    constants = sorted({0, sequence.rounding, sequence.rounding + sequence.negative_rounding})
    fixed = [_outside(linear([(sequence.multiplier, operands[0])], constant), -bound, bound - 1) for constant in constants]
    least, beyond = -_INT32 - min(sequence.zero_point, 0), _INT32 - max(sequence.zero_point, 0)
    total = linear([(sequence.multiplier, operands[0])], sequence.rounding)
    adjusted = f"(+ {total} (ite (< {operands[0]} 0) {number(sequence.negative_rounding)} 0))" if sequence.negative_rounding else total
    return [*fixed, _outside(adjusted, least << sequence.shift, (beyond << sequence.shift) - 1)]


def _outside(total: str, low: int, high: int) -> str:
    return f"(or (< {total} {number(low)}) (> {total} {number(high)}))"


@attrs.frozen
class RequantizeClaim(Claim):
    """sequence(x) == meaning(x) for every x in [x_low, x_high], without overflow."""

    meaning: Requantization
    sequence: Sequence1
    x_low: int
    x_high: int

    def decide(self) -> Verdict:
        sequence, how = self.sequence, "thresholds"
        if isinstance(sequence, FixedPoint):
            witness = first_difference(sequence, self.meaning, self.x_low, self.x_high)
        elif isinstance(sequence, HalfEvenDivision):
            how = "exhaustion"
            try:
                witness = first_division_difference(sequence, self.meaning, self.x_low, self.x_high)
            except ValueError as error:
                return unknown(how, str(error))
        else:
            witness = self._first_wrong_threshold(sequence)
        return proved(how) if witness is None else refuted(how, self._difference(witness))

    def _first_wrong_threshold(self, table: ThresholdSearch) -> int | None:
        near = [t + d for t in (*table.thresholds, *self.meaning.thresholds(self.x_low, self.x_high), self.x_low, self.x_high) for d in (-1, 0)]
        return next((x for x in near if self.x_low <= x <= self.x_high and table(x) != self.meaning(x)), None)

    def _difference(self, x: int) -> dict[str, int]:
        return {"x": x, "sequence": self.sequence(x), "meaning": self.meaning(x)}

    def negation(self, prefix: str = "") -> Negation:
        x = f"{prefix}x"
        different = _differ(meaning_at_least(self.meaning, x), _sequence_at_least(self.sequence, [x]), self.meaning.low, self.meaning.high)
        return Negation(((x, "Int"),), (within(x, self.x_low, self.x_high), disjunction([different, *_overflow(self.sequence, [x])])))


@attrs.frozen
class LayerRequantizeClaim(Claim):
    """Each channel's sequence equals its meaning on its own range of accumulators."""

    meanings: tuple[Requantization, ...]
    sequence: LayerFixedPoint
    x_low: tuple[int, ...]
    x_high: tuple[int, ...]

    def parts(self) -> Sequence[RequantizeClaim]:
        items = zip(self.meanings, self.x_low, self.x_high, strict=True)
        return [RequantizeClaim(meaning, self.sequence.channel(i), low, high) for i, (meaning, low, high) in enumerate(items)]

    def decide(self) -> Verdict:
        for channel, part in enumerate(self.parts()):
            verdict = part.decide()
            if verdict.state != "proved":
                return attrs.evolve(verdict, counterexample={"channel": channel, **(verdict.counterexample or {})})
        return proved("thresholds")

    def negation(self, prefix: str = "") -> Negation:
        return union([part.negation(f"{prefix}c{channel}_") for channel, part in enumerate(self.parts())])


@attrs.frozen
class SumRequantizeClaim(Claim):
    """sequence(a, b) == meaning(a, b) for all pairs of two inclusive ranges, without overflow."""

    meaning: SumRequantization
    sequence: Sequence2
    first_range: tuple[int, int] = (-128, 127)
    second_range: tuple[int, int] = (-128, 127)

    def decide(self) -> Verdict:
        if isinstance(self.sequence, SumFixedPoint):
            try:
                witness = first_sum_difference(self.sequence, self.meaning, self.first_range, self.second_range)
            except ValueError as error:
                return unknown("exhaustion", str(error))
        else:
            witness = self._first_division_difference(self.sequence)
        if witness is None:
            return proved("exhaustion")
        a, b = witness
        return refuted("exhaustion", {"a": a, "b": b, "sequence": self.sequence(a, b), "meaning": self.meaning(a, b)})

    def _first_division_difference(self, form: HalfEvenDivision) -> tuple[int, int] | None:
        if not form.fits(self.first_range, self.second_range):
            return next((pair for pair in product(self.first_range, self.second_range) if not form.fits(*zip(pair, pair, strict=True))), (0, 0))
        a, b = (numpy.arange(low, high + 1, dtype=numpy.int64) for low, high in (self.first_range, self.second_range))
        n = a[:, None] * form.factors[0] + b * form.factors[1] + form.constant
        wrong = numpy.argwhere(evaluate_division(form, n) != self.meaning.table(self.first_range, self.second_range))
        return (int(a[wrong[0][0]]), int(b[wrong[0][1]])) if len(wrong) else None

    def parts(self) -> Sequence[Claim]:
        low, high = self.first_range
        return [attrs.evolve(self, first_range=(a, a)) for a in range(low, high + 1)]

    def negation(self, prefix: str = "") -> Negation:
        names = f"{prefix}a", f"{prefix}b"
        ranges = self.first_range, self.second_range
        a, b = (number(low) if low == high else name for name, (low, high) in zip(names, ranges, strict=True))  # z3 does not put numbers in by itself
        p, q, constant, denominator = self.meaning.integers()
        meaning = real_at_least(self.meaning.rounding, [(p, a), (q, b)], constant, denominator, self.meaning.zero_point)
        different = _differ(meaning, _sequence_at_least(self.sequence, [a, b]), self.meaning.low, self.meaning.high)
        limits = [within(name, *reach) for name, reach in zip(names, ranges, strict=True)]
        return Negation(tuple((name, "Int") for name in names), (*limits, disjunction([different, *_overflow(self.sequence, [a, b])])))
