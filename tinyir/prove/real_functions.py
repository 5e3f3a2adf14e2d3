"""Real numbers without rounding: fractions where a value is rational, else enclosures far narrower than any rounding asks for.

    reals.exp(Fraction(1, 3))  =>  Enclosure(low, high), low <= e^(1/3) <= high, high - low < 2^-280

An enclosure is a pair of integers in units of 2^-320.  Its ends move outwards in every operation, so what is decided from
them (the nearest integer, a comparison) is proved; where they do not decide, `nearest` says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import isqrt

import attrs

PRECISION_BITS = 320
_ONE = 1 << PRECISION_BITS
_GUARD_BITS = 64
_GREATEST_EXPONENT = 1 << 14


class NotDefinedError(ValueError):
    """A function outside of its domain, or a comparison that an enclosure does not decide."""


@attrs.frozen
class Enclosure:
    """A real number between low and high, both times 2^-PRECISION_BITS."""

    low: int
    high: int


Real = Fraction | Enclosure


def enclose(value: Real) -> Enclosure:
    """The value as an enclosure."""
    if isinstance(value, Enclosure):
        return value
    scaled = value.numerator << PRECISION_BITS
    return Enclosure(scaled // value.denominator, -(-scaled // value.denominator))


def bounds(value: Real) -> tuple[Fraction, Fraction]:
    """Rational bounds, equal where the value is rational."""
    if isinstance(value, Fraction):
        return value, value
    return Fraction(value.low, _ONE), Fraction(value.high, _ONE)


def nearest(value: Real) -> int:
    """The nearest integer, halves to even.

    Raises:
        NotDefinedError: the enclosure holds a rounding boundary.
    """
    low, high = (round(end) for end in bounds(value))
    if low != high:
        raise NotDefinedError("an enclosure holds a rounding boundary")
    return low


def add(a: Real, b: Real) -> Real:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    a, b = enclose(a), enclose(b)
    return Enclosure(a.low + b.low, a.high + b.high)


def negate(a: Real) -> Real:
    return -a if isinstance(a, Fraction) else Enclosure(-a.high, -a.low)


def subtract(a: Real, b: Real) -> Real:
    return add(a, negate(b))


def multiply(a: Real, b: Real) -> Real:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a * b
    if Fraction(0) in (a, b):
        return Fraction(0)
    a, b = enclose(a), enclose(b)
    products = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Enclosure(min(products) >> PRECISION_BITS, -(-max(products) >> PRECISION_BITS))


def reciprocal(a: Real) -> Real:
    """1 / a.

    Raises:
        NotDefinedError: a may be zero.
    """
    if isinstance(a, Fraction):
        if not a:
            raise NotDefinedError("a division by zero")
        return 1 / a
    if a.low <= 0 <= a.high:
        raise NotDefinedError("a division by what may be zero")
    square = 1 << (2 * PRECISION_BITS)
    return Enclosure(square // a.high, -(-square // a.low))


def divide(a: Real, b: Real) -> Real:
    """a / b; raises as `reciprocal`."""
    return multiply(a, reciprocal(b))


def is_less(a: Real, b: Real) -> bool:
    """a < b.

    Raises:
        NotDefinedError: the enclosures overlap.
    """
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a < b
    a, b = enclose(a), enclose(b)
    if a.high < b.low or a.low >= b.high:
        return a.high < b.low
    raise NotDefinedError("enclosures overlap")


def maximum(a: Real, b: Real) -> Real:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return max(a, b)
    a, b = enclose(a), enclose(b)
    return Enclosure(max(a.low, b.low), max(a.high, b.high))


def minimum(a: Real, b: Real) -> Real:
    return negate(maximum(negate(a), negate(b)))


def absolute(a: Real) -> Real:
    return maximum(a, negate(a))


# -- monotone functions: an end of the argument gives an end of the result

_Scaled = Callable[[int], tuple[int, int]]


def _monotone(function: _Scaled, a: Real) -> Real:
    """`function` gives low and high of its value at a multiple of 2^-PRECISION_BITS."""
    argument = enclose(a)
    return Enclosure(function(argument.low)[0], function(argument.high)[1])


def exp(a: Real) -> Real:
    """e^a; exactly 1 at 0.

    Raises:
        NotDefinedError: a is so great that the result is of no use.
    """
    return Fraction(1) if a == 0 else _monotone(_exp, a)


def log(a: Real) -> Real:
    """The natural logarithm; exactly 0 at 1.

    Raises:
        NotDefinedError: a may not be positive.
    """
    if enclose(a).low <= 0:
        raise NotDefinedError("the logarithm of what may not be positive")
    return Fraction(0) if a == 1 else _monotone(_log, a)


def sqrt(a: Real) -> Real:
    """The square root; exact for squares of fractions.

    Raises:
        NotDefinedError: a may be negative.
    """
    if isinstance(a, Fraction) and a >= 0:
        n, d = isqrt(a.numerator), isqrt(a.denominator)
        if n * n == a.numerator and d * d == a.denominator:
            return Fraction(n, d)
    if enclose(a).low < 0:
        raise NotDefinedError("the root of what may be negative")
    return _monotone(lambda x: (isqrt(x << PRECISION_BITS), isqrt(x << PRECISION_BITS) + 1), a)


def logistic(a: Real) -> Real:
    """1 / (1 + e^-a)."""
    if enclose(a).low >= 0:
        return reciprocal(add(Fraction(1), exp(negate(a))))
    power = exp(a)
    return divide(power, add(Fraction(1), power))


def tanh(a: Real) -> Real:
    """The hyperbolic tangent; exactly 0 at 0."""
    if a == 0:
        return Fraction(0)
    return subtract(multiply(Fraction(2), logistic(multiply(Fraction(2), a))), Fraction(1))


def erf(a: Real) -> Real:
    """The error function; exactly 0 at 0."""
    return Fraction(0) if a == 0 else _monotone(_erf, a)


def _outwards(value: int, error: int) -> tuple[int, int]:
    """Bounds in result precision of a value in working precision with that many units of error."""
    return (value - error) >> _GUARD_BITS, -(-(value + error) >> _GUARD_BITS)


@lru_cache(maxsize=8)
def _log_of_two(bits: int) -> int:
    """ln 2 * 2^bits, at most `bits` units too small: ln 2 = 2 atanh(1/3)."""
    total, power, n = 0, (1 << bits) // 3, 1
    while power:
        total += power // n
        power //= 9
        n += 2
    return 2 * total


@lru_cache(maxsize=4096)
def _exp(x: int) -> tuple[int, int]:
    if x < -PRECISION_BITS * _ONE:
        return 0, 1
    if x > _GREATEST_EXPONENT * _ONE:
        raise NotDefinedError("an exponential beyond all use")
    bits = PRECISION_BITS + _GUARD_BITS
    log_of_two = _log_of_two(bits)
    argument = x << _GUARD_BITS
    k = (2 * argument + log_of_two) // (2 * log_of_two)
    reduced = argument - k * log_of_two  # |k| < 2^15, so at most 2^25 units off
    total, term, n = 1 << bits, 1 << bits, 0
    while term not in (0, -1):
        n += 1
        term = (term * reduced >> bits) // n
        total += term
    error = 1 << 27  # the argument's, 2^25 units times e^0.35, and two units for each of < 200 terms
    low, high = total - error, total + error
    if k >= 0:
        return low << k >> _GUARD_BITS, -(-(high << k) >> _GUARD_BITS)
    return low >> (-k + _GUARD_BITS), -(-high >> (-k + _GUARD_BITS))


def _log(x: int) -> tuple[int, int]:
    bits = PRECISION_BITS + _GUARD_BITS
    k = x.bit_length() - 1 - PRECISION_BITS  # x = 2^k * m, 1 <= m < 2
    m = x << (_GUARD_BITS - k) if k <= _GUARD_BITS else x >> (k - _GUARD_BITS)
    one = 1 << bits
    ratio = ((m - one) << bits) // (m + one)
    square, power, n, total = ratio * ratio >> bits, ratio, 1, 0
    while power:
        total += power // n
        power = power * square >> bits
        n += 2
    return _outwards(2 * total + k * _log_of_two(bits), (1 << 20) + 1024 * abs(k))


@lru_cache(maxsize=2)
def _pi(bits: int) -> int:
    """pi * 2^bits to within a few hundred units, by Machin's formula."""

    def arctangent_of_reciprocal(n: int) -> int:
        power, total, k = (1 << bits) // n, 0, 1
        while power:
            total += power // k if k % 4 == 1 else -(power // k)
            power //= n * n
            k += 2
        return total

    return 4 * (4 * arctangent_of_reciprocal(5) - arctangent_of_reciprocal(239))


_ERF_IS_ONE_FROM = 12  # 1 - erf(12) < 2^-211


def _erf(x: int) -> tuple[int, int]:
    if x < 0:
        low, high = _erf(-x)
        return -high, -low
    if x >= _ERF_IS_ONE_FROM * _ONE:
        return _ONE - (_ONE >> 211), _ONE
    bits = PRECISION_BITS + _GUARD_BITS
    argument = x << _GUARD_BITS
    square = argument * argument >> bits
    total = term = argument  # erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): all terms positive
    n = 0
    while term:
        n += 1
        term = (2 * term * square >> bits) // (2 * n + 1)
        total += term
    power = _exp(-(square >> _GUARD_BITS))
    root = isqrt(_pi(bits) << bits)
    product = 2 * total * power[0] // root, 2 * total * power[1] // root
    # < 2000 terms, each within 2^16 units relative to a sum below e^144; times e^-144: the ends of exp carry the rest
    slack = 1 << 40
    return product[0] - slack, product[1] + slack
