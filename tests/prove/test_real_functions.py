"""Enclosures hold the true values (of mpmath, to far more digits) and are narrow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from tinyir.prove import real_functions as reals
from tinyir.prove.real_functions import Enclosure, NotDefinedError, Real

mpmath: Any = importlib.import_module("mpmath")  # has no type stubs

FUNCTIONS: dict[str, tuple[Callable[[Real], Real], Callable[[Any], Any], float, float]] = {
    "exp": (reals.exp, mpmath.exp, -150, 100),
    "log": (reals.log, mpmath.log, 1e-6, 1000),
    "sqrt": (reals.sqrt, mpmath.sqrt, 0, 1000),
    "logistic": (reals.logistic, lambda x: 1 / (1 + mpmath.exp(-x)), -60, 60),
    "tanh": (reals.tanh, mpmath.tanh, -40, 40),
    "erf": (reals.erf, mpmath.erf, -14, 14),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_enclosures_hold_the_true_values_and_are_narrow(name: str) -> None:
    ours, true, low, high = FUNCTIONS[name]
    random = Random(name)
    for _ in range(200):
        x = Fraction(random.uniform(low, high)) / random.choice([1, 3, 10, 1000])
        least, greatest = reals.bounds(ours(x))
        with mpmath.workprec(900):
            value = true(mpmath.mpf(x.numerator) / x.denominator)
            assert mpmath.mpf(least.numerator) / least.denominator <= value <= mpmath.mpf(greatest.numerator) / greatest.denominator
        assert greatest - least <= max(Fraction(1), abs(greatest)) * Fraction(1, 2**100)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "logistic", "tanh", "erf"])
def test_an_enclosed_argument_gives_an_enclosure_of_both_ends(name: str) -> None:
    function = FUNCTIONS[name][0]
    argument = Enclosure(1 << 319, (1 << 319) + (1 << 300))
    low, high = (reals.bounds(function(Fraction(end, 1 << 320))) for end in (argument.low, argument.high))
    found = reals.bounds(function(argument))
    assert found[0] <= low[1]
    assert high[0] <= found[1]


def test_rational_values_stay_rational() -> None:
    assert reals.exp(Fraction(0)) == 1
    assert reals.log(Fraction(1)) == 0
    assert reals.sqrt(Fraction(9, 4)) == Fraction(3, 2)
    assert reals.tanh(Fraction(0)) == 0
    assert reals.erf(Fraction(0)) == 0
    assert reals.logistic(Fraction(0)) == Fraction(1, 2)
    assert reals.divide(Fraction(1), Fraction(3)) == Fraction(1, 3)


def test_arithmetic_on_enclosures_holds_the_true_result() -> None:
    root, e = reals.sqrt(Fraction(2)), reals.exp(Fraction(1))
    for found, true in (
        (reals.add(root, e), 4.132495390832140),
        (reals.subtract(root, e), -1.304068266085950),
        (reals.multiply(reals.negate(root), e), -3.844231028159117),
        (reals.divide(root, e), 0.520260095022889),
        (reals.maximum(root, e), 2.718281828459045),
        (reals.minimum(root, e), 1.414213562373095),
        (reals.absolute(reals.negate(root)), 1.414213562373095),
    ):
        low, high = reals.bounds(found)
        assert high - low < Fraction(1, 2**300)
        assert abs(float(low) - true) < 1e-14


def test_the_nearest_integer_is_half_even_and_never_guessed() -> None:
    assert [reals.nearest(Fraction(n, 2)) for n in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]
    assert reals.nearest(reals.exp(Fraction(1))) == 3
    with pytest.raises(NotDefinedError):
        reals.nearest(Enclosure(1 << 318, 3 << 318))


def test_what_has_no_value_is_an_error() -> None:
    with pytest.raises(NotDefinedError):
        reals.reciprocal(Fraction(0))
    with pytest.raises(NotDefinedError):
        reals.reciprocal(Enclosure(-1, 1))
    with pytest.raises(NotDefinedError):
        reals.log(Fraction(0))
    with pytest.raises(NotDefinedError):
        reals.sqrt(Fraction(-1))
    with pytest.raises(NotDefinedError):
        reals.exp(Fraction(10**6))
    with pytest.raises(NotDefinedError):
        reals.is_less(Enclosure(0, 2), Enclosure(1, 3))


def test_a_great_negative_exponent_is_next_to_nothing() -> None:
    low, high = reals.bounds(reals.exp(Fraction(-(10**6))))
    assert low == 0
    assert 0 < high < Fraction(1, 2**300)
