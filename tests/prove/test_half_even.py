"""Half-even rounding with reachable ties, and sums of two operands."""

from fractions import Fraction
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prove.corpus_layers import read_model
from tinyir.ir.exact import Requantization, SumRequantization, scale_ratio
from tinyir.prove.claim import Claim
from tinyir.prove.half_even import HalfEvenDivision, choose_half_even_division, choose_half_even_sum, first_division_difference
from tinyir.prove.requantize import RequantizeClaim, SumRequantizeClaim
from tinyir.prove.sum_fixed_point import SumFixedPoint, choose_sum, first_sum_difference

INT8 = (-128, 127)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 130), st.integers(-40, 40), st.integers(1, 6), st.integers(-128, 127))
def test_half_even_division_equals_the_meaning(numerator: int, denominator: int, offset: int, offset_denominator: int, zero_point: int) -> None:
    meaning = Requantization(numerator, denominator, zero_point, -128, 127, offset, offset_denominator)
    form = choose_half_even_division(meaning, -3000, 3000)
    assert form is not None
    assert [form(x) for x in range(-3000, 3001)] == [meaning(x) for x in range(-3000, 3001)]
    assert first_division_difference(form, meaning, -3000, 3000) is None


def test_an_average_over_64_values_is_two_shifts() -> None:
    meaning = Requantization(1, 64, -128)
    form = choose_half_even_division(meaning, 0, 64 * 255)
    assert form == HalfEvenDivision((1,), 0, 64, -128, -128, 127, 32, 6, None)


def test_a_wrong_division_has_a_witness() -> None:
    meaning = Requantization(1, 50)
    form = choose_half_even_division(meaning, -5000, 5000)
    assert form is not None
    assert form.division is not None
    for bad in (attrs.evolve(form, zero_point=1), attrs.evolve(form, division=attrs.evolve(form.division, multiplier=form.division.multiplier + 30))):
        witness = first_division_difference(bad, meaning, -5000, 5000)
        assert witness is not None
        assert bad(witness) != meaning(witness)


def test_huge_denominators_and_ranges_have_no_division() -> None:
    assert choose_half_even_division(Requantization(1, (1 << 40) + 2), 0, 9) is None
    assert choose_half_even_division(Requantization(1, 64), 0, 1 << 25) is None
    with pytest.raises(ValueError, match="too many to look at"):
        first_division_difference(HalfEvenDivision((1,), 0, 64, 0, -128, 127, 32, 6, None), Requantization(1, 64), 0, 1 << 25)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1.5), st.floats(-1.5, 1.5), st.integers(-128, 127), st.integers(-128, 127), st.integers(-128, 0))
def test_a_chosen_sum_equals_the_meaning_on_every_pair(first: float, second: float, zero_point: int, second_zero_point: int, low: int) -> None:
    meaning = SumRequantization(scale_ratio([first]), scale_ratio([second]), -zero_point - 1, second_zero_point, zero_point, low)
    form = choose_sum(meaning, (-20, 30), (0, 40))
    if form is not None:
        for a in range(-20, 31):
            for b in range(41):
                assert form(a, b) == meaning_of(meaning, a, b)


def meaning_of(meaning: SumRequantization, a: int, b: int) -> int:
    value = Fraction(*meaning.first) * (a - meaning.first_zero_point) + Fraction(*meaning.second) * (b - meaning.second_zero_point)
    return min(max(round(value) + meaning.zero_point, meaning.low), meaning.high)


def test_residual_additions_of_the_corpus_need_32_bits(corpus: Path) -> None:
    sums = read_model(corpus, "ic").sums
    assert len(sums) == 3
    for (s1, z1), (s2, z2), (s, z), low in sums:
        meaning = SumRequantization(scale_ratio([s1], [s]), scale_ratio([s2], [s]), z1, z2, z, low)
        form = choose_sum(meaning)
        assert form is not None
        assert form.width == 32
        assert first_sum_difference(form, meaning, INT8, INT8) is None
        wrong = attrs.evolve(form, rounding=form.rounding + (1 << (form.shift - 8)))
        witness = first_sum_difference(wrong, meaning, INT8, INT8)
        assert witness is not None
        assert wrong(*witness) != meaning(*witness)


def test_the_mean_of_two_inputs_needs_the_half_even_form() -> None:
    meaning = SumRequantization((1, 2), (1, 2), 3, 4, -1)
    assert choose_sum(meaning, widths=(32,)) is None
    form = choose_half_even_sum(meaning, INT8, INT8)
    assert form is not None
    assert all(form(a, b) == meaning_of(meaning, a, b) for a in range(-128, 128) for b in range(-128, 128))


def test_an_overflowing_sum_is_refused() -> None:
    form = SumFixedPoint(1 << 23, 1 << 23, 0, 23, -128, 127, 32, 0, 0)
    assert first_sum_difference(form, SumRequantization((1, 1), (1, 1)), (0, 127), (0, 127)) is None
    assert first_sum_difference(form, SumRequantization((1, 1), (1, 1)), INT8, INT8) is not None


STEEP = 3 << 30
OVERFLOWING: dict[str, Claim] = {
    "a factor of 33 bits": RequantizeClaim(Requantization(1 << 32, 2), HalfEvenDivision((1 << 32,), 0, 2, 0, -128, 127, 64, 1, None), -1, 1),
    "a quotient of 33 bits": RequantizeClaim(Requantization(STEEP, 2), HalfEvenDivision((STEEP // 2,), 0, 2, 0, -128, 127, 64, 1, None), -8, 8),
    "a quotient that the zero point takes beyond int32": RequantizeClaim(
        Requantization((1 << 31) - 2, 2, 127), HalfEvenDivision(((1 << 31) - 2,), 0, 2, 127, -128, 127, 64, 1, None), 0, 2
    ),
    "a quotient of two operands": SumRequantizeClaim(
        SumRequantization((1 << 30, 2), (1, 2)), HalfEvenDivision((1 << 30, 1), 0, 2, 0, -128, 127, 64, 1, None), INT8, (0, 1)
    ),
    "a shifted sum": SumRequantizeClaim(SumRequantization((1 << 29, 1), (1, 1)), SumFixedPoint(1 << 30, 2, 1, 1, -128, 127, 64, 0, 0), INT8, (0, 1)),
}


@pytest.mark.parametrize("prover", ["native", "z3"])
@pytest.mark.parametrize("claim", OVERFLOWING.values(), ids=OVERFLOWING)
def test_what_leaves_32_bits_before_the_clamp_is_refuted(claim: Claim, prover: str) -> None:
    assert claim.check(prover).state == "refuted"


def test_sums_of_steep_scales_have_no_form_that_leaves_32_bits() -> None:
    assert choose_sum(SumRequantization((1 << 30, 1), (1, 1))) is None
    assert choose_half_even_sum(SumRequantization((STEEP, 2), (1, 2)), INT8, INT8) is None
    assert choose_half_even_division(Requantization(STEEP + 1, 2), -8, 8) is None
