"""The non-linear functions, as integers close to their real values (mpmath, to far more digits than a rounding asks for).

A non-zero rational has a transcendental exponential, logistic and hyperbolic tangent (Lindemann), so no value of them is a
tie; 2^-160 is fine enough that none of a network's few thousand arguments comes that close to one. At zero all are exact.
"""

import importlib
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from tests.oracle.rational import Array, Exact, exact, uniform

_mpmath = importlib.import_module("mpmath")  # has no type stubs

PRECISION_BITS = 160
SOFTMAX_TABLE_BITS = 24  # the named integer definition of softmax over 8 bits


def scaled(function: str, argument: Fraction, bits: int) -> int:
    """round(function(argument) * 2^bits), for a function of mpmath."""
    with _mpmath.workprec(bits + 80):
        real = _mpmath.mpf(argument.numerator) / argument.denominator
        return int(_mpmath.nint(getattr(_mpmath, function)(real) * _mpmath.mpf(2) ** bits))


def sigmoid(argument: Fraction) -> int:
    """1 / (1 + exp(-argument)), times 2^PRECISION_BITS."""
    with _mpmath.workprec(2 * PRECISION_BITS):
        exponential = _mpmath.exp(-_mpmath.mpf(argument.numerator) / argument.denominator)
        return int(_mpmath.nint(_mpmath.mpf(2) ** PRECISION_BITS / (1 + exponential)))


def tanh(argument: Fraction) -> int:
    """The hyperbolic tangent, times 2^PRECISION_BITS."""
    return scaled("tanh", argument, PRECISION_BITS)


def elementwise(function: Callable[[Fraction], int], tensor: Exact) -> Exact:
    """The function of every element; each distinct argument is computed once."""
    tensor = uniform(tensor, range(tensor.numerator.ndim))
    unit: Fraction = tensor.unit.ravel()[0]
    distinct, places = np.unique(tensor.numerator, return_inverse=True)
    values = np.array([function(int(n) * unit) for n in distinct], dtype=object)
    return exact(values[places].reshape(tensor.shape), Fraction(1, 2**PRECISION_BITS))


def softmax(tensor: Exact, axis: int, bits: int) -> Exact:
    """T[d] / sum of T with T[d] = round(exp(-d) * 2^bits), d the distance to the greatest element.

    With SOFTMAX_TABLE_BITS this is the named integer definition; with PRECISION_BITS the real softmax for every purpose.
    """
    tensor = uniform(tensor, [axis])
    distance: Array = tensor.numerator.max(axis=axis, keepdims=True) - tensor.numerator
    units = np.broadcast_to(tensor.unit, distance.shape).ravel()
    tables: dict[tuple[Fraction, int], int] = {}
    exponentials = np.empty(distance.size, dtype=object)
    for place, (d, unit) in enumerate(zip(distance.ravel(), units, strict=True)):
        key = (unit, int(d))
        if key not in tables:
            tables[key] = scaled("exp", -int(d) * unit, bits)
        exponentials[place] = tables[key]
    numerator = exponentials.reshape(distance.shape)
    one_over_sum = np.frompyfunc(lambda total: Fraction(1, total), 1, 1)(numerator.sum(axis=axis, keepdims=True))
    return exact(numerator, one_over_sum)
