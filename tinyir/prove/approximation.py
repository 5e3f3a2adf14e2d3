"""Tables for non-linear functions, and the greatest error that they are proved to have against the reals.

A table is the meaning of its operation at every level, so its entries are decided here once: correctly rounded, from
enclosures of the real values that are narrowed until no doubt is left.

Softmax over n integers x_i of scale s looks up T[d] = round(e^(-d s) * 2^24) at d = max - x_i, and divides by the sum.  If
every entry is within delta of its real value (as fractions of 2^24), then, all sums being at least 1,

    |T_i / sum T - e_i / sum e| <= delta + (e_i / sum e) * n * delta <= (n + 1) * delta

and rounding the quotient to steps of the output scale adds at most half a step.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import ClassVar

import attrs

from tinyir.prove.claim import Claim, Negation, Verdict, conjunction, disjunction, number, proved, refuted
from tinyir.prove.real_functions import Real, bounds, exp, multiply, nearest

SOFTMAX_BITS = 24
Function = Callable[[Real], Real]


def lookup_values(function: Function, scale: Fraction, zero_point: int, low: int = -128, high: int = 127) -> list[Real]:
    """The real values of function((x - zero_point) * scale) for x = low .. high."""
    return [function((x - zero_point) * scale) for x in range(low, high + 1)]


def round_values(values: list[Real], scale: Fraction, zero_point: int, low: int = -128, high: int = 127) -> tuple[int, ...]:
    """Each real value over `scale`, rounded half to even, plus the zero point, clamped to [low, high].

    Raises:
        NotDefinedError: an enclosure that does not decide the rounding.
    """
    return tuple(min(max(nearest(multiply(value, 1 / scale)) + zero_point, low), high) for value in values)


def softmax_table(scale: Fraction, entries: int = 256) -> tuple[int, ...]:
    """T[d] = round(e^(-d * scale) * 2^24) for d = 0 .. entries - 1: unsigned, at most 2^24."""
    return tuple(nearest(multiply(exp(-d * scale), Fraction(1 << SOFTMAX_BITS))) for d in range(entries))


def real(value: Fraction) -> str:
    """A rational number in SMT-LIB."""
    magnitude = f"(/ {abs(value.numerator)}.0 {value.denominator}.0)"
    return magnitude if value >= 0 else f"(- {magnitude})"


def _clamp(value: Fraction, least: int | None, greatest: int | None) -> Fraction:
    value = value if least is None else max(value, Fraction(least))
    return value if greatest is None else min(value, Fraction(greatest))


def _farther(entry: int, low: Fraction, high: Fraction) -> Fraction:
    """How far a real number within [low, high] may be from the entry."""
    return max(abs(entry - low), abs(entry - high))


@attrs.frozen
class ApproximationClaim(Claim):
    """Every entry of a table is within `error` of a real number that lies in [low[i], high[i]]; all in units of the entries."""

    logic: ClassVar[str] = "QF_LIRA"
    table: tuple[int, ...]
    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]
    error: Fraction

    @classmethod
    def of(cls, table: tuple[int, ...], values: list[Real], error: Fraction, least: int | None = None, greatest: int | None = None) -> ApproximationClaim:
        """The claim about a table and the real values, in units of its entries, that it stands for; they may be clamped first."""
        ends = [[_clamp(end, least, greatest) for end in bounds(value)] for value in values]
        return cls(table, tuple(low for low, _ in ends), tuple(high for _, high in ends), error)

    def greatest_error(self) -> Fraction:
        """An upper bound of the distance of any entry from its real value."""
        return max((_farther(*item) for item in zip(self.table, self.low, self.high, strict=True)), default=Fraction(0))

    def decide(self) -> Verdict:
        for index, (entry, low, high) in enumerate(zip(self.table, self.low, self.high, strict=True)):
            if _farther(entry, low, high) > self.error:
                return refuted("exhaustion", {"index": index, "entry": entry, "nearest": round((low + high) / 2)})
        return proved("exhaustion")

    def negation(self, prefix: str = "") -> Negation:
        index, value = f"{prefix}index", f"{prefix}value"
        wrong = []
        for i, (entry, low, high) in enumerate(zip(self.table, self.low, self.high, strict=True)):
            outside = disjunction([f"(< {value} {real(entry - self.error)})", f"(> {value} {real(entry + self.error)})"])
            wrong.append(conjunction([f"(= {index} {number(i)})", f"(<= {real(low)} {value} {real(high)})", outside]))
        return Negation(((index, "Int"), (value, "Real")), (disjunction(wrong),))


@attrs.frozen
class SoftmaxClaim(Claim):
    """round(T_i / (sum T * output_scale)) is within `error` steps of softmax_i / output_scale, for up to `terms` inputs.

    `low` and `high` enclose e^(-d * scale) * 2^24 for every d; rounding is to nearest, ties either way.
    """

    logic: ClassVar[str] = "QF_NRA"
    table: tuple[int, ...]
    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]
    terms: int
    output_scale: Fraction
    error: Fraction

    @classmethod
    def of(cls, scale: Fraction, table: tuple[int, ...], terms: int, output_scale: Fraction, error: Fraction | None = None) -> SoftmaxClaim:
        """The claim about a table for inputs of that scale, with the least error that can be proved if none is given."""
        one = Fraction(1 << SOFTMAX_BITS)
        ends = [bounds(multiply(exp(-d * scale), one)) for d in range(len(table))]
        claim = cls(table, tuple(low for low, _ in ends), tuple(high for _, high in ends), terms, output_scale, error or Fraction(0))
        return claim if error is not None else attrs.evolve(claim, error=claim.provable_error())

    def delta(self) -> Fraction:
        """The greatest distance of an entry from its real value, as a fraction of one."""
        entries = zip(self.table, self.low, self.high, strict=True)
        return max(_farther(*entry) for entry in entries) / (1 << SOFTMAX_BITS)

    def provable_error(self) -> Fraction:
        """Half a step, and what the table's errors can move the quotient."""
        return Fraction(1, 2) + (self.terms + 1) * self.delta() / self.output_scale

    def decide(self) -> Verdict:
        if self.table and self.table[0] != 1 << SOFTMAX_BITS:
            return refuted("interval", {"index": 0, "entry": self.table[0], "nearest": 1 << SOFTMAX_BITS})
        if self.provable_error() <= self.error:
            return proved("interval")
        entries = list(zip(self.table, self.low, self.high, strict=True))
        worst = max(range(len(entries)), key=lambda i: _farther(*entries[i]))
        return refuted("interval", {"index": worst, "entry": self.table[worst], "nearest": round((self.low[worst] + self.high[worst]) / 2)})

    def negation(self, prefix: str = "") -> Negation:
        t, e, ts, es = (f"{prefix}{name}" for name in ("table_entry", "exponential", "table_sum", "exponential_sum"))
        delta, room = self.delta(), (self.error - Fraction(1, 2)) * self.output_scale
        limits = [
            f"(<= (- {e} {real(delta)}) {t} (+ {e} {real(delta)}))",
            f"(<= (- {es} {real(self.terms * delta)}) {ts} (+ {es} {real(self.terms * delta)}))",
            f"(and (<= 0.0 {e}) (<= {e} {es}) (>= {es} 1.0) (>= {ts} 1.0))",
        ]
        difference, product = f"(- (* {t} {es}) (* {e} {ts}))", f"(* {real(room)} {ts} {es})"
        limits.append(f"(or (> {difference} {product}) (< {difference} (- {product})))")
        return Negation(tuple((name, "Real") for name in (t, e, ts, es)), tuple(limits))
