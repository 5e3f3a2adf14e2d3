"""Tables of non-linear functions: correctly rounded, with errors proved against the reals."""

from __future__ import annotations

from fractions import Fraction

import attrs
import mpmath
import numpy
import pytest

from tinyir.prove import real_functions
from tinyir.prove.approximation import SOFTMAX_BITS, ApproximationClaim, Function, SoftmaxClaim, lookup_values, round_values, softmax_table

SCALE = Fraction(float(numpy.float32(0.0471)))
HALF = Fraction(1, 2)


def test_the_softmax_table_is_the_rounded_exponential() -> None:
    with mpmath.workdps(60):
        expected = [int(mpmath.nint(mpmath.exp(-d * mpmath.mpf(SCALE.numerator) / SCALE.denominator) * 2**24)) for d in range(256)]
    table = softmax_table(SCALE)
    assert list(table) == expected
    assert table[0] == 1 << SOFTMAX_BITS
    assert softmax_table(Fraction(3))[10:12] == (0, 0)


FUNCTIONS: dict[str, tuple[Function, str]] = {
    "exp": (real_functions.exp, "exp"),
    "tanh": (real_functions.tanh, "tanh"),
    "erf": (real_functions.erf, "erf"),
}


@pytest.mark.parametrize(("function", "name"), FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_lookup_tables_are_correctly_rounded_and_proved(function: Function, name: str) -> None:
    values = lookup_values(function, SCALE, 3)
    output = Fraction(1, 128)
    table = round_values(values, output, 0, -(1 << 20), 1 << 20)
    with mpmath.workdps(60):
        judge = getattr(mpmath, name)
        expected = [int(mpmath.nint(judge((x - 3) * mpmath.mpf(SCALE.numerator) / SCALE.denominator) * 128)) for x in range(-128, 128)]
    assert list(table) == expected
    claim = ApproximationClaim.of(table, [real_functions.divide(value, output) for value in values], HALF)
    assert claim.check().state == claim.check("z3").state == "proved"
    assert Fraction(48, 100) < claim.greatest_error() <= HALF


def test_results_are_clamped_and_moved_by_the_zero_point() -> None:
    values = lookup_values(lambda x: x, Fraction(2), 1, -2, 2)
    assert round_values(values, Fraction(4, 5), -7, -14, -5) == (-14, -12, -9, -7, -5)  # -7.5, -5, -2.5, 0, 2.5 to even, less 7


def test_a_wrong_entry_is_refuted_by_both_provers() -> None:
    values = lookup_values(real_functions.exp, SCALE, 0)
    table = list(round_values(values, Fraction(1), 0))
    table[40] += 1
    claim = ApproximationClaim.of(tuple(table), values, HALF, -128, 127)
    native, z3 = claim.check(), claim.check("z3")
    assert native.counterexample is not None
    assert z3.counterexample is not None
    assert (native.counterexample["index"], z3.counterexample["index"]) == (40, 40)


@pytest.mark.parametrize("terms", [2, 12, 1000])
def test_the_error_of_softmax_is_proved(terms: int) -> None:
    claim = SoftmaxClaim.of(SCALE, softmax_table(SCALE), terms, Fraction(1, 256))
    assert HALF < claim.error < HALF + Fraction(terms + 1, 1 << 17)
    assert claim.check().state == claim.check("z3").state == "proved"


def test_an_error_that_is_too_small_or_a_spoiled_table_is_refuted() -> None:
    good = SoftmaxClaim.of(SCALE, softmax_table(SCALE), 12, Fraction(1, 256))
    table = list(good.table)
    table[9] += 1000
    spoiled = attrs.evolve(good, table=tuple(table))
    verdict = spoiled.check()
    assert verdict.counterexample == {"index": 9, "entry": good.table[9] + 1000, "nearest": good.table[9]}
    assert spoiled.check("z3").state in ("refuted", "unknown")
    assert attrs.evolve(good, error=HALF).check().state == "refuted"
    assert attrs.evolve(good, table=(5, *good.table[1:])).check().state == "refuted"


def test_softmax_in_integers_stays_within_the_proved_error() -> None:
    table = numpy.array(softmax_table(SCALE))
    claim = SoftmaxClaim.of(SCALE, tuple(int(t) for t in table), 12, Fraction(1, 256))
    generator = numpy.random.default_rng(3)
    with mpmath.workdps(40):
        for x in generator.integers(-128, 128, (20, 12)):
            entries = table[x.max() - x]
            exact = [mpmath.exp(int(v - x.max()) * mpmath.mpf(SCALE.numerator) / SCALE.denominator) for v in x]
            for entry, power in zip(entries, exact, strict=True):
                result = (512 * int(entry) + int(entries.sum())) // (2 * int(entries.sum()))
                assert abs(result - 256 * power / mpmath.fsum(exact)) <= float(claim.error)
