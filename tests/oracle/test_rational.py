"""The arithmetic of the oracle against Python's fractions, element by element."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.rational import Array, add, exact, from_float, in_unit, integer_matmul, maximum, multiply, quantize, to_float32, uniform

fractions = st.fractions(min_value=-300, max_value=300, max_denominator=10**9)
units = st.fractions(min_value=Fraction(1, 10**12), max_value=1000, max_denominator=10**12)
float32_values = st.floats(width=32, allow_nan=False, allow_infinity=False)


def values(tensor: Array, unit: Array) -> list[Fraction]:
    return [int(n) * Fraction(u) for n, u in zip(tensor.ravel(), np.broadcast_to(unit, tensor.shape).ravel(), strict=True)]


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=4), units, st.lists(st.integers(-200, 200), min_size=1, max_size=4), units)
def test_add_multiply_and_maximum_are_those_of_fractions(left: list[int], left_unit: Fraction, right: list[int], right_unit: Fraction) -> None:
    count = min(len(left), len(right))
    x = exact(np.array(left[:count], dtype=object), left_unit)
    y = exact(np.array(right[:count]), right_unit)
    pairs = list(zip(values(x.numerator, x.unit), values(y.numerator, y.unit), strict=True))
    for operation, expected in ((add, [a + b for a, b in pairs]), (multiply, [a * b for a, b in pairs]), (maximum, [max(p) for p in pairs])):
        result = operation(x, y)
        assert values(result.numerator, result.unit) == expected


@given(st.lists(fractions, min_size=1, max_size=8), units)
def test_quantize_rounds_half_to_even_like_fractions_do(reals: list[Fraction], scale: Fraction) -> None:
    one = Fraction(1, 1)
    for real in reals:
        tensor = exact(np.array([real.numerator], dtype=object), one / real.denominator)
        expected = min(max(round(real / scale) + 3, -128), 127)
        assert quantize(tensor, np.array([scale]), np.array([3]), -128, 127).tolist() == [expected]


@given(st.integers(-600, 600), st.integers(1, 2**40), st.integers(-3, 3))
def test_quantize_decides_ties_and_their_neighbours_exactly(doubled: int, denominator: int, nudge: int) -> None:
    real = Fraction(doubled, 2) + Fraction(nudge, 4 * 2**60 * denominator)
    tensor = exact(np.array([real.numerator], dtype=object), Fraction(1, real.denominator))
    result = quantize(tensor, np.array([Fraction(1)]), np.array([0]), -(2**15), 2**15 - 1)
    assert result.tolist() == [round(real)]


@given(st.lists(float32_values, min_size=1, max_size=6))
def test_binary32_numbers_are_fractions_and_back(numbers: list[float]) -> None:
    array = np.array(numbers, dtype=np.float32)
    tensor = from_float(array)
    assert values(tensor.numerator, tensor.unit) == [Fraction(float(x)) for x in array]
    assert (to_float32(tensor) == array).all()


@given(float32_values.filter(lambda x: 1e-30 < abs(x) < 1e30), st.integers(-1, 1))
def test_a_fraction_is_rounded_to_binary32_once(number: float, side: int) -> None:
    low, high = np.float32(number), np.nextafter(np.float32(number), np.float32(np.inf))
    middle = (Fraction(float(low)) + Fraction(float(high))) / 2
    value = middle + side * (Fraction(float(high)) - Fraction(float(low))) / 2**60
    even = low if int(low.view(np.int32)) % 2 == 0 else high
    tensor = exact(np.array([value.numerator], dtype=object), Fraction(1, value.denominator))
    assert to_float32(tensor)[0] == {-1: low, 0: even, 1: high}[side]


@pytest.mark.parametrize("magnitude", [2**7, 2**26, 2**31, 2**40])
def test_integer_products_are_exact_at_every_width(magnitude: int) -> None:
    generator = np.random.default_rng(magnitude)
    left, right = (generator.integers(-magnitude, magnitude, size=shape) for shape in ((3, 50), (50, 2)))
    expected = [[sum(int(a) * int(b) for a, b in zip(row, column, strict=True)) for column in right.T] for row in left]
    assert integer_matmul(left, right).tolist() == expected


def test_a_common_unit_keeps_every_value() -> None:
    tensor = exact(np.array([[1, 2, 3], [4, 5, 6]]), np.array([Fraction(1, 3), Fraction(2, 7), Fraction(5)], dtype=object))
    same = uniform(tensor, [0, 1])
    assert same.unit.size == 1
    assert values(same.numerator, same.unit) == values(tensor.numerator, tensor.unit)
    finer = in_unit(same, same.unit / 12)
    assert values(finer.numerator, finer.unit) == values(tensor.numerator, tensor.unit)


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="no rationals"):
        from_float(np.array([number], dtype=np.float32))
