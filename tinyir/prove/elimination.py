"""Fourier-Motzkin elimination: whether integer inequalities contradict each other already over the rationals.

An inequality is sum(c_i * v_i) + c >= 0.  Eliminating a variable replaces the inequalities that bound it from below and from
above by their sums; a negative constant alone is a contradiction.  Dividing by the common factor and rounding the constant
down keeps all integer points.  Exact for unit coefficients, a sufficient test for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from math import gcd

import attrs

_MOST_INEQUALITIES = 4000


@attrs.frozen
class Inequality:
    """sum(factor * variable) + constant >= 0, with (variable, factor) pairs in order of the variables and no zero factors."""

    terms: tuple[tuple[int, int], ...]
    constant: int

    @classmethod
    def of(cls, terms: Mapping[int, int], constant: int) -> Inequality:
        """The inequality divided by the common factor of its terms."""
        kept = {variable: factor for variable, factor in sorted(terms.items()) if factor}
        common = reduce(gcd, kept.values(), 0) or 1
        return cls(tuple((variable, factor // common) for variable, factor in kept.items()), constant // common if kept else constant)

    def factor(self, variable: int) -> int:
        """The factor of a variable, zero if it does not occur."""
        return next((factor for v, factor in self.terms if v == variable), 0)


def _strongest(inequalities: Iterable[Inequality]) -> list[Inequality]:
    """Of inequalities with equal terms only the one with the least constant."""
    best: dict[tuple[tuple[int, int], ...], int] = {}
    for inequality in inequalities:
        best[inequality.terms] = min(inequality.constant, best.get(inequality.terms, inequality.constant))
    return [Inequality(terms, constant) for terms, constant in best.items()]


def _combined(above: Inequality, below: Inequality, variable: int) -> Inequality:
    p, n = above.factor(variable), -below.factor(variable)
    terms: dict[int, int] = {v: n * f for v, f in above.terms}
    for v, f in below.terms:
        terms[v] = terms.get(v, 0) + p * f
    return Inequality.of(terms, n * above.constant + p * below.constant)


def are_contradictory(inequalities: Iterable[Inequality]) -> bool | None:
    """True: no integer point satisfies all.  False: rational points do, as far as this method sees.  None: too many arise."""
    current = _strongest(inequalities)
    while True:
        if any(not i.terms and i.constant < 0 for i in current):
            return True
        current = [i for i in current if i.terms]
        variables = {v for i in current for v, _ in i.terms}
        if not variables:
            return False

        def cost(variable: int, system: list[Inequality] = current) -> tuple[int, int]:
            factors = [i.factor(variable) for i in system]
            return sum(f > 0 for f in factors) * sum(f < 0 for f in factors), variable

        chosen = min(variables, key=cost)
        positive = [i for i in current if i.factor(chosen) > 0]
        negative = [i for i in current if i.factor(chosen) < 0]
        rest = [i for i in current if not i.factor(chosen)]
        if len(rest) + len(positive) * len(negative) > _MOST_INEQUALITIES:
            return None
        current = _strongest([*rest, *(_combined(a, b, chosen) for a in positive for b in negative)])
