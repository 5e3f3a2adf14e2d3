"""The divisions of the integer softmax: the claims, their refutation where the numbers grow too large, and z3's agreement."""

from __future__ import annotations

from random import Random

import pytest

from tinyir.prove.softmax_division import QuotientClaim, ShortQuotientClaim
from tinyir.prove.z3_solver import Solver

ONE = 1 << 24


@pytest.mark.parametrize("classes", [1, 2, 10, 16])
def test_two_short_divisions_are_one_long_one(classes: int) -> None:
    claim = ShortQuotientClaim(classes, ONE)
    assert claim.check().state == "proved"
    assert claim.check("z3").state == "proved"
    random = Random(classes)
    for _ in range(2000):
        t = random.randint(0, ONE)
        s = min(max(t, ONE) + random.randint(0, ONE * (classes - 1)), classes * ONE)
        q, r = divmod(16 * t, s)
        h, u = divmod(16 * r, s)
        assert 16 * q + h + (2 * u + h % 2 > s) == round_half_even(256 * t, s)


def round_half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(2 * numerator + denominator, 2 * denominator)
    return quotient - (rest == 0 and quotient % 2)


@pytest.mark.parametrize("classes", [17, 200])
def test_more_classes_than_16_overflow_32_bits(classes: int) -> None:
    claim = ShortQuotientClaim(classes, ONE)
    verdict = claim.check()
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    assert 16 * (verdict.counterexample["s"] - 1) >= 1 << 32
    assert claim.check("z3").state == "refuted"


def test_rounding_halves_up_instead_is_refuted_by_z3() -> None:
    query = ShortQuotientClaim(10, ONE).smtlib()
    wrong = query.replace("(+ (* 2 u) (mod h 2)) s)", "(+ (* 2 u) 1) s)")
    assert wrong != query
    answer = Solver().solve(wrong, "QF_LIA", 10**7)
    assert answer.state == "sat"
    assert 2 * answer.model["u"] == answer.model["s"]


@pytest.mark.parametrize(("numerator", "denominator", "classes", "bits", "state"), [
    (1 << 31, (1 << 24) - 1, 127, 32, "proved"),
    (256, 1, 127, 32, "proved"),
    (256, 1, 128, 32, "refuted"),
    (256, 1, 128, 64, "proved"),
    (1 << 31, (1 << 24) - 1, 20_000, 64, "refuted"),
    (1 << 40, 1, 2, 32, "refuted"),
])  # fmt: skip
def test_a_quotient_fits_or_is_refuted(numerator: int, denominator: int, classes: int, bits: int, state: str) -> None:
    claim = QuotientClaim(numerator, denominator, classes, ONE, bits)
    assert claim.check().state == state
    assert claim.check("z3").state == state
