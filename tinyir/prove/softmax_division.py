"""The divisions of the integer softmax: nothing overflows, and two short divisions give what one long one gives.

An entry t of the table is at most `one` = 2^24, the sum s of `classes` entries holds `one` itself, and t <= s.
"""

from __future__ import annotations

import attrs

from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, linear, number, proved, refuted, within

_GREATEST = {32: (1 << 31) - 1, 64: (1 << 63) - 1}


@attrs.frozen
class QuotientClaim(Claim):
    """round(t * numerator / (s * denominator)) as (2 t numerator + s denominator) / (2 s denominator) fits 64 bits, s fits `sum_bits`, the quotient 32."""

    numerator: int
    denominator: int
    classes: int
    one: int
    sum_bits: int = 32

    def decide(self) -> Verdict:
        t, s = self.one, self.classes * self.one
        fits = s <= _GREATEST[self.sum_bits] and self.numerator < self.denominator * _GREATEST[32]
        fits = fits and 2 * t * self.numerator + s * self.denominator <= _GREATEST[64] and 2 * s * self.denominator <= _GREATEST[64]
        return proved("interval") if fits else refuted("interval", {"t": t, "s": s})

    def negation(self, prefix: str = "") -> Negation:
        t, s = f"{prefix}t", f"{prefix}s"
        wrong = [
            f"(> {s} {number(_GREATEST[self.sum_bits])})",
            f"(> {linear([(2 * self.numerator, t), (self.denominator, s)])} {number(_GREATEST[64])})",
            f"(> {linear([(2 * self.denominator, s)])} {number(_GREATEST[64])})",
            f"(>= {number(self.numerator)} {number(self.denominator * _GREATEST[32])})",
        ]
        limits = (within(t, 0, self.one), within(s, self.one, self.classes * self.one), f"(<= {t} {s})", disjunction(wrong))
        return Negation(((t, "Int"), (s, "Int")), limits)


@attrs.frozen
class ShortQuotientClaim(Claim):
    """256 t / s rounded half to even is 16 q + h + [2 u + h % 2 > s] with 16 t = q s + r, 16 r = h s + u, all in 32 unsigned bits.

    That y is the rounding means: |512 t - 2 y s| <= s, and y is even where they are equal.  In the query the products q s and
    h s stand for themselves.
    """

    classes: int
    one: int

    def decide(self) -> Verdict:
        t, s = self.one, self.classes * self.one
        fits = 16 * t <= _GREATEST[32] and s <= _GREATEST[32] and 16 * (s - 1) < 1 << 32
        return proved("interval") if fits else refuted("interval", {"t": t, "s": s})

    def negation(self, prefix: str = "") -> Negation:
        t, s, qs, r, h, hs, u = (f"{prefix}{name}" for name in ("t", "s", "qs", "r", "h", "hs", "u"))
        limits = [
            within(t, 0, self.one),
            within(s, self.one, self.classes * self.one),
            f"(<= {t} {s})",
            f"(and (= (* 16 {t}) (+ {qs} {r})) (<= 0 {qs}) (<= 0 {r}) (< {r} {s}))",
            f"(and (= (* 16 {r}) (+ {hs} {u})) (<= 0 {hs}) (<= 0 {u}) (< {u} {s}))",
        ]
        up = f"(> (+ (* 2 {u}) (mod {h} 2)) {s})"
        difference = f"(- (* 512 {t}) (+ (* 32 {qs}) (* 2 {hs}) (ite {up} (* 2 {s}) 0)))"
        wrong = [
            f"(> (abs {difference}) {s})",
            f"(and (= (abs {difference}) {s}) (= (mod (+ {h} (ite {up} 1 0)) 2) 1))",
            f"(> (* 16 {t}) {number(_GREATEST[32])})",
            f"(>= (* 16 {r}) {1 << 32})",
            f"(> {s} {number(_GREATEST[32])})",
        ]
        return Negation(tuple((name, "Int") for name in (t, s, qs, r, h, hs, u)), (*limits, disjunction(wrong)))
