"""What each scalar function is, in binary64, and where to look for its errors."""

import math
import re
from collections.abc import Callable, Mapping

import attrs
import numpy as np
import numpy.typing as npt

from tests.functions.evaluate import FUNCTIONS

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@attrs.frozen
class Truth:
    """A function in binary64, correct to a few units in its last place, and the interval in which its values are neither trivial nor constant."""

    compute: Callable[..., Doubles]
    interval: tuple[float, float]
    arguments: int = 1


def _erf(x: Doubles) -> Doubles:
    """Below 2^-16 the cubic term is under 2^-33 of the first; from 6 on erf is 1 in binary64."""
    result = np.where(np.abs(x) < 6, x * (2 / math.sqrt(math.pi)), np.sign(x))
    middle = (np.abs(x) >= 2.0**-16) & (np.abs(x) < 6)
    result[middle] = np.fromiter(map(math.erf, x[middle].tolist()), np.float64, int(middle.sum()))
    return result


TRUTHS: Mapping[str, Truth] = {
    "erf": Truth(_erf, (-4.0, 4.0)),
    "exp": Truth(np.exp, (-105.0, 90.0)),
    "expm1": Truth(np.expm1, (-18.0, 90.0)),
    "log": Truth(np.log, (0.0, 4.0)),
    "log1p": Truth(np.log1p, (-1.0, 4.0)),
    "logistic": Truth(lambda x: 1 / (1 + np.exp(-x)), (-105.0, 20.0)),
    "pow": Truth(np.power, (0.0, 20.0), arguments=2),
    "reciprocal": Truth(lambda x: 1 / x, (0.5, 4.0)),
    "reciprocal_sqrt": Truth(lambda x: 1 / np.sqrt(x), (0.0, 4.0)),
    "round_half_even": Truth(np.rint, (-100.0, 100.0)),
    "sqrt": Truth(np.sqrt, (0.0, 4.0)),
    "tanh": Truth(np.tanh, (-9.5, 9.5)),
}


def truth(name: str, *arguments: Floats) -> Doubles:
    """The true values at the arguments."""
    with np.errstate(all="ignore"):
        return TRUTHS[name].compute(*(argument.astype(np.float64) for argument in arguments))


def errors_ulp(values: Floats, true: Doubles) -> Doubles:
    """Errors in units in the last place of the true value, 2^-149 at least; inf counts as 2^128.

    A nan for a number, a number for nan, and a zero of the wrong sign count as inf.
    """
    _, exponent = np.frexp(true)
    unit = np.ldexp(1.0, np.maximum(exponent - 24, -149))
    with np.errstate(invalid="ignore"):  # a signalling nan
        reached = np.clip(values.astype(np.float64), -(2.0**128), 2.0**128)
    errors: Doubles = np.abs(reached - np.clip(true, -(2.0**128), 2.0**128)) / np.where(np.isfinite(true), unit, 1.0)
    special = np.isnan(values) != np.isnan(true)
    zero_sign = (true == 0) & (np.signbit(values) != np.signbit(true))
    errors[np.isnan(values) & np.isnan(true)] = 0.0
    errors[special | zero_sign] = np.inf
    return errors


def inputs(name: str) -> tuple[Floats, ...]:
    """The arguments to look at: a million and a half numbers, or a million pairs."""
    generator = np.random.default_rng(sum(map(ord, name)))
    return (_numbers(name, generator),) if TRUTHS[name].arguments == 1 else _pairs(name, generator)


def _numbers(name: str, generator: np.random.Generator) -> Floats:
    """Special values, every power of two and every constant of the text with its neighbours, all bit patterns thinly, and the function's interval densely."""
    low, high = TRUTHS[name].interval
    patterns = generator.integers(0, 2**32, 2**19, dtype=np.uint32).view(np.float32)
    dense = generator.uniform(low, high, 2**20).astype(np.float32)
    corners = np.concatenate([_SPECIAL, _constants(name)]).view(np.int32)
    near = (corners[:, None] + np.arange(-8, 9, dtype=np.int32)).ravel().view(np.float32)
    return np.concatenate([near, -near, patterns, dense])


def _pairs(name: str, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """All pairs of special values, any numbers with any, and bases of all sizes and near 1 with the exponents that reach all results."""
    edges = np.array([0, 0.5, 1, 1.5, 2, 3, 10, 127, 128, 149, 2.0**23 + 1, 2.0**24, 2.0**24 + 2, 2.0**32, 3e38, 1e-45, np.inf, np.nan], np.float32)
    edges = np.concatenate([edges, -edges, np.nextafter(np.float32(1), edges[:2])])
    grid = np.meshgrid(edges, edges)
    numbers = _numbers(name, generator)[::4]
    near_one = 1 + np.ldexp(generator.uniform(-0.5, 1, 2**18), -generator.integers(0, 24, 2**18))
    bases = np.concatenate([np.abs(numbers), near_one.astype(np.float32)])
    with np.errstate(all="ignore"):
        reaching = (generator.uniform(-151, 130, bases.size) / np.log2(bases.astype(np.float64))).astype(np.float32)
    return np.concatenate([grid[0].ravel(), numbers, bases]), np.concatenate([grid[1].ravel(), generator.permutation(numbers), reaching])


_SPECIAL: Floats = np.concatenate(
    [
        np.array([0.0, np.inf, np.nan], np.float32),
        np.ldexp(np.float32(1), np.arange(-149, 128)),
        (np.arange(1, 256, dtype=np.int32) << 23).view(np.float32),
    ]
)


def _constants(name: str) -> Floats:
    text = (FUNCTIONS / f"{name}.op").read_text(encoding="utf-8")
    decimal = [np.float32(number) for number in re.findall(r"(?<![\w.])\d+\.\d+", text)]
    bits = [np.int32(int(number, 16)).view(np.float32) for number in re.findall(r"0x[0-7][0-9a-f]{7}\b", text)]
    return np.array([*decimal, *bits], np.float32)
