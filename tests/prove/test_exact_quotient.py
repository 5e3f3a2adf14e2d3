"""Divisions that round halves to even: claims about them, planted mistakes, and z3's agreement."""

from __future__ import annotations

import attrs
import pytest

from tinyir.ir.exact import Requantization, SumRequantization
from tinyir.prove.exact_quotient import AllClaims, ExactQuotientClaim, SumQuotientClaim

MEAN_OF_SIX = ExactQuotientClaim(Requantization(1, 6, 3, -4, 9), 1, 6, -40, 40)
SUM = SumQuotientClaim(SumRequantization((1, 6), (1, 6), 3, 1, 2, -5, 5), 1, 1, -4, 6, (-10, 10), (-8, 8), 32)


@pytest.mark.parametrize("prover", ["native", "z3"])
def test_a_mean_of_six_is_its_division(prover: str) -> None:
    assert MEAN_OF_SIX.check(prover).state == "proved"


@pytest.mark.parametrize("wrong", [
    attrs.evolve(MEAN_OF_SIX, denominator=7),
    attrs.evolve(MEAN_OF_SIX, meaning=attrs.evolve(MEAN_OF_SIX.meaning, rounding="real_half_up")),
    attrs.evolve(MEAN_OF_SIX, meaning=attrs.evolve(MEAN_OF_SIX.meaning, offset_numerator=1, offset_denominator=100)),
])  # fmt: skip
def test_another_division_is_refuted_with_an_input_that_shows_it(wrong: ExactQuotientClaim) -> None:
    verdict = wrong.check()
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    assert verdict.counterexample["sequence"] != verdict.counterexample["meaning"]
    found = wrong.check("z3")
    assert found.state == "refuted"
    assert found.counterexample is not None
    assert wrong.meaning(found.counterexample["x"]) != MEAN_OF_SIX.meaning(found.counterexample["x"]) or wrong.denominator == 7


@pytest.mark.parametrize("prover", ["native", "z3"])
def test_numbers_beyond_32_bits_are_refuted(prover: str) -> None:
    assert attrs.evolve(MEAN_OF_SIX, numerator=1 << 28, denominator=6 << 28).check(prover).state == "refuted"


def test_too_many_inputs_are_unknown_to_exhaustion_and_not_to_z3() -> None:
    claim = attrs.evolve(MEAN_OF_SIX, x_low=-(1 << 26), x_high=1 << 26)
    assert claim.check().state == "unknown"
    assert claim.check("z3").state == "proved"


@pytest.mark.parametrize("prover", ["native", "z3"])
def test_a_sum_is_its_division(prover: str) -> None:
    assert SUM.check(prover).state == "proved"


@pytest.mark.parametrize("prover", ["native", "z3"])
@pytest.mark.parametrize("wrong", [
    attrs.evolve(SUM, addend=-3),
    attrs.evolve(SUM, second=-1),
    attrs.evolve(SUM, bits=6),
    attrs.evolve(SUM, meaning=attrs.evolve(SUM.meaning, rounding="real_half_up")),
])  # fmt: skip
def test_another_sum_is_refuted(prover: str, wrong: SumQuotientClaim) -> None:
    assert wrong.check(prover).state == "refuted"


@pytest.mark.parametrize("prover", ["native", "z3"])
def test_claims_together_hold_if_each_does(prover: str) -> None:
    wrong = attrs.evolve(MEAN_OF_SIX, denominator=7)
    assert AllClaims((MEAN_OF_SIX, MEAN_OF_SIX)).check(prover).state == "proved"
    verdict = AllClaims((MEAN_OF_SIX, wrong)).check(prover)
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    assert 1 in verdict.counterexample.values()
    assert AllClaims((MEAN_OF_SIX, wrong)).smtlib().count("declare-const") == 4
