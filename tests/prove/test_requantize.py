"""Claims that a sequence equals its meaning: the native prover and z3 agree, on right and on wrong sequences."""

import attrs
import pytest

from tinyir.ir.exact import Requantization, SumRequantization, scale_ratio
from tinyir.prove.fixed_point import FixedPoint, choose_layer
from tinyir.prove.half_even import HalfEvenDivision
from tinyir.prove.requantize import LayerRequantizeClaim, RequantizeClaim, SumRequantizeClaim, ThresholdSearch, choose_requantization, choose_requantized_sum
from tinyir.prove.sum_fixed_point import SumFixedPoint

CONVOLUTION = Requantization(*scale_ratio([0.0235, 0.0071], [0.0933]), zero_point=-5)
MEANINGS = {
    "convolution": CONVOLUTION,
    "rectified": attrs.evolve(CONVOLUTION, zero_point=-128, low=-128, high=100),
    "float bias": attrs.evolve(CONVOLUTION, offset_numerator=-123_457, offset_denominator=1000),
    "average of 125": Requantization(1, 125, -128),
    "average of 64": Requantization(1, 64, 3),
    "average of 50": Requantization(1, 50, 3),
    "half up": attrs.evolve(CONVOLUTION, rounding="real_half_up"),
    "half away": attrs.evolve(CONVOLUTION, rounding="real_half_away"),
    "floor": attrs.evolve(CONVOLUTION, rounding="real_floor"),
    "tflite, once": attrs.evolve(CONVOLUTION, rounding="tflite_single"),
    "tflite, twice": attrs.evolve(CONVOLUTION, rounding="tflite_double"),
    "tflite, twice, one half": Requantization(1, 2, rounding="tflite_double"),
}


def spoiled(sequence: FixedPoint | HalfEvenDivision | ThresholdSearch) -> FixedPoint | HalfEvenDivision | ThresholdSearch:
    """The sequence with a small mistake."""
    if isinstance(sequence, FixedPoint):
        return attrs.evolve(sequence, rounding=sequence.rounding + (1 << (sequence.shift - 1)))
    if isinstance(sequence, HalfEvenDivision):
        return spoiled_division(sequence)
    return attrs.evolve(sequence, thresholds=(*sequence.thresholds[:-1], sequence.thresholds[-1] + 1))


def spoiled_division(form: HalfEvenDivision) -> HalfEvenDivision:
    return attrs.evolve(form, constant=form.constant + 1)


@pytest.mark.parametrize("meaning", MEANINGS.values(), ids=MEANINGS.keys())
def test_both_provers_prove_what_is_chosen_and_refute_it_spoiled(meaning: Requantization) -> None:
    claim = RequantizeClaim(meaning, choose_requantization(meaning, -60_000, 60_000), -60_000, 60_000)
    assert claim.check().state == claim.check("z3").state == "proved"
    wrong = attrs.evolve(claim, sequence=spoiled(claim.sequence))
    for verdict in (wrong.check(), wrong.check("z3")):
        assert verdict.state == "refuted"
        assert verdict.counterexample is not None
        x = verdict.counterexample["x"]
        assert wrong.sequence(x) != meaning(x)


def test_a_table_of_thresholds_is_always_there() -> None:
    meaning = attrs.evolve(MEANINGS["average of 50"], offset_numerator=1, offset_denominator=(1 << 40) + 2, numerator=(1 << 39) + 1, denominator=25 << 39)
    tie = Requantization(1 << 40, 50 << 40, 3)
    table = ThresholdSearch(tuple(tie.thresholds(-9000, 9000)), -128)
    claim = RequantizeClaim(tie, table, -9000, 9000)
    assert claim.check().state == claim.check("z3").state == "proved"
    wrong = attrs.evolve(claim, sequence=spoiled(table))
    assert wrong.check().state == wrong.check("z3").state == "refuted"
    assert RequantizeClaim(meaning, choose_requantization(meaning, -9000, 9000), -9000, 9000).check().state == "proved"


def test_an_overflow_refutes_even_where_the_unbounded_result_is_right() -> None:
    wide = RequantizeClaim(Requantization(5000, 16, rounding="real_floor"), FixedPoint(5000, 0, 4, 0, -128, 127, 64, 0, 0), 0, 500_000)
    narrow = attrs.evolve(wide, sequence=FixedPoint(5000, 0, 4, 0, -128, 127, 32, 0, 0))
    assert wide.check().state == wide.check("z3").state == "proved"
    assert narrow.check().state == narrow.check("z3").state == "refuted"


def test_a_layer_is_proved_channel_by_channel_and_its_one_script_agrees() -> None:
    meanings = tuple(attrs.evolve(CONVOLUTION, denominator=CONVOLUTION.denominator * d) for d in (1, 3, 7))
    layer = choose_layer(meanings, [-9000, -80_000, -70_000], [8000, 90_000, 80_000])
    assert layer is not None
    claim = LayerRequantizeClaim(meanings, layer, (-9000, -80_000, -70_000), (8000, 90_000, 80_000))
    assert claim.check().state == claim.check("z3").state == "proved"
    wrong = attrs.evolve(claim, sequence=attrs.evolve(layer, multipliers=(*layer.multipliers[:2], layer.multipliers[2] * 2)))
    native, z3 = wrong.check(), wrong.check("z3")
    assert native.counterexample is not None
    assert z3.counterexample is not None
    assert native.counterexample["channel"] == z3.counterexample["part"] == 2


def test_a_sum_is_proved_pair_by_pair() -> None:
    meaning = SumRequantization(scale_ratio([0.0394], [0.0509]), scale_ratio([0.1042], [0.0509]), -128, 4, -128)
    sequence = choose_requantized_sum(meaning)
    assert isinstance(sequence, SumFixedPoint)
    whole = SumRequantizeClaim(meaning, sequence)
    assert whole.check().state == "proved"
    assert attrs.evolve(whole, first_range=(-3, 3)).check("z3").state == "proved"
    wrong = attrs.evolve(whole, sequence=attrs.evolve(sequence, first=sequence.first + 60))
    for verdict in (wrong.check(), wrong.check("z3")):
        assert verdict.counterexample is not None
        a, b = verdict.counterexample["a"], verdict.counterexample["b"]
        assert wrong.sequence(a, b) != meaning(a, b)


def test_a_mean_of_two_is_proved_and_its_spoiled_form_refuted() -> None:
    meaning = SumRequantization((1, 2), (1, 2), 3, 4, -1)
    sequence = choose_requantized_sum(meaning)
    assert isinstance(sequence, HalfEvenDivision)
    claim = SumRequantizeClaim(meaning, sequence, (-2, 2), (-128, 127))
    assert claim.check().state == claim.check("z3").state == "proved"
    wrong = attrs.evolve(claim, sequence=spoiled_division(sequence))
    assert wrong.check().state == wrong.check("z3").state == "refuted"


def test_a_range_too_long_to_exhaust_is_unknown_with_the_reason() -> None:
    claim = RequantizeClaim(Requantization(1, 64), HalfEvenDivision((1,), 0, 64, 0, -128, 127, 32, 6, None), 0, 1 << 25)
    verdict = claim.check()
    assert (verdict.state, verdict.reason) == ("unknown", "33554433 inputs are too many to look at each")
