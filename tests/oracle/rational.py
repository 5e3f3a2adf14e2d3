"""Tensors of rational numbers: an integer array times a unit.

    value[i] = numerator[i] * unit[i]        unit > 0, of type Fraction, broadcast (a scalar, one per channel, ...)

A dequantized tensor is one by definition (q - z, times the scale); sums and products of such tensors stay so, because
every binary32 scale is a fraction. Numerators are int64 where they provably fit and Python integers where they do not.
Nothing here rounds, except `quantize`, whose rounding is exact.
"""

import enum
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_WORD = 2**62  # numerators below it are kept in int64; sums of two still fit
_DOUBLE = 2**53  # integers up to here are exact in binary64
_NEAR_BOUNDARY = 1e-6  # closer to a rounding boundary than this, binary64 is not asked
_SURELY_SATURATED = 2.0**20  # no quantized type reaches it; below it binary64 errs by less than 1e-9


class Role(enum.Enum):
    """Where a tensor came from, as far as the rule for int32 biases needs to know."""

    QUANTIZED = enum.auto()  # the image of an 8-bit (or 16-bit) tensor
    BIAS = enum.auto()  # the image of an int32 tensor
    PRODUCT = enum.auto()  # sum of products of two QUANTIZED tensors: an accumulator at scale s_x * s_w
    OTHER = enum.auto()


def _equal_rank(numerator: Array, unit: Array) -> Array:
    return unit.reshape((1,) * (numerator.ndim - unit.ndim) + unit.shape)


def _objects(values: Any) -> Array:
    return np.asarray(values, dtype=object)


def _int64(values: Any) -> Array:
    return np.asarray(values).astype(np.int64, copy=False)


@attrs.frozen(eq=False)
class Exact:
    """A tensor of rationals; `unit` has the rank of `numerator` and broadcasts to its shape."""

    numerator: Array
    unit: Array
    role: Role = Role.OTHER

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.numerator.shape)


def exact(numerator: Array, unit: Any, role: Role = Role.OTHER) -> Exact:
    """The tensor numerator * unit; int64 numerators if they fit, else Python integers."""
    unit = _objects(unit)
    return Exact(_narrowed(numerator), _equal_rank(numerator, unit), role)


def largest(numerator: Array) -> int:
    """The greatest magnitude in an integer array (0 if it is empty)."""
    return max(abs(int(numerator.max())), abs(int(numerator.min()))) if numerator.size else 0


def _narrowed(numerator: Array) -> Array:
    if numerator.dtype == object:
        return _int64(numerator) if largest(numerator) < _WORD else numerator
    return _int64(numerator)


def _product(left: Array, right: Array) -> Array:
    """Elementwise, broadcasting, exact."""
    left, right = _narrowed(left), _narrowed(right)
    if left.dtype != object and right.dtype != object and largest(left) * largest(right) < _WORD:
        return _int64(np.multiply(_int64(left), _int64(right)))
    return _objects(np.multiply(left.astype(object), right.astype(object)))


def _sum(left: Array, right: Array) -> Array:
    if left.dtype == object or right.dtype == object:
        return _objects(np.add(left.astype(object), right.astype(object)))
    return _narrowed(np.add(left, right)) if largest(left) + largest(right) < 2**63 else _sum(left.astype(object), right)


def integer_matmul(left: Array, right: Array) -> Array:
    """left @ right over the integers. Binary64 (fast) is used where every partial sum is an integer below 2^53."""
    bound = largest(left) * largest(right) * left.shape[-1]
    if bound < _DOUBLE:
        return _int64(np.matmul(left.astype(np.float64), right.astype(np.float64)))
    if bound < _WORD:
        return _int64(np.matmul(left.astype(np.int64), right.astype(np.int64)))
    return _objects(np.matmul(left.astype(object), right.astype(object)))


def _gcd(left: Fraction, right: Fraction) -> Fraction:
    if left == right:
        return left
    denominator = left.denominator * right.denominator
    return Fraction(math.gcd(left.numerator * right.denominator, right.numerator * left.denominator), denominator)


_gcd_of_units = np.frompyfunc(_gcd, 2, 1)
_as_integer = np.frompyfunc(lambda value: value.numerator, 1, 1)


def in_unit(tensor: Exact, unit: Array) -> Exact:
    """The same values in a unit that divides the present one."""
    if unit is tensor.unit:
        return tensor
    factor = _objects(_as_integer(_objects(tensor.unit / unit)))
    return Exact(_product(tensor.numerator, factor), _equal_rank(tensor.numerator, unit), tensor.role)


def in_common_unit(left: Exact, right: Exact) -> tuple[Array, Array, Array]:
    """Numerators of both, and the unit that they share elementwise (after broadcasting)."""
    unit = _objects(_gcd_of_units(left.unit, right.unit))
    factors = [_objects(_as_integer(_objects(tensor.unit / unit))) for tensor in (left, right)]
    return _product(left.numerator, factors[0]), _product(right.numerator, factors[1]), unit


def uniform(tensor: Exact, axes: Sequence[int]) -> Exact:
    """The same values in a unit that is constant along `axes`."""
    unit = tensor.unit
    for axis in axes:
        if unit.shape[axis] != 1:
            unit = _objects(_gcd_of_units.reduce(unit, axis=axis, keepdims=True))
    return in_unit(tensor, unit)


def from_float(values: Array) -> Exact:
    """Every finite binary32 (or binary64) number is a fraction. Raises ValueError for infinities and NaN."""
    if not np.isfinite(values).all():
        raise ValueError("infinities and NaN are no rationals")
    mantissa, exponent = np.frexp(values.astype(np.float64))
    integers = np.ldexp(mantissa, 53).astype(np.int64)
    powers = exponent - 53
    lowest = int(powers[integers != 0].min()) if integers.any() else 0
    shift = np.where(integers == 0, 0, powers - lowest)
    numerator = _objects(np.left_shift(integers.astype(object), shift.astype(object)))
    common = int(np.gcd.reduce(numerator.ravel())) if numerator.any() else 1
    return exact(_objects(numerator // common), common * Fraction(2) ** lowest)


def add(left: Exact, right: Exact) -> Exact:
    left_numerator, right_numerator, unit = in_common_unit(left, right)
    return exact(_sum(left_numerator, right_numerator), unit)


def negate(tensor: Exact) -> Exact:
    return exact(-tensor.numerator, tensor.unit)


def multiply(left: Exact, right: Exact) -> Exact:
    return exact(_product(left.numerator, right.numerator), left.unit * right.unit)


def scale_by(tensor: Exact, factor: Fraction) -> Exact:
    """Every value times a constant of any sign."""
    if factor == 0:
        return exact(tensor.numerator * 0, tensor.unit)
    return exact(tensor.numerator if factor > 0 else -tensor.numerator, tensor.unit * abs(factor))


def maximum(left: Exact, right: Exact) -> Exact:
    left_numerator, right_numerator, unit = in_common_unit(left, right)
    return exact(np.maximum(left_numerator, right_numerator), unit)


def minimum(left: Exact, right: Exact) -> Exact:
    return negate(maximum(negate(left), negate(right)))


def _rounded_exactly(numerators: Array, ratios: Array) -> Array:
    """Nearest integer of numerator * ratio, ties to the even one, in Python integers."""
    rounded = [_round_half_even(int(n) * ratio.numerator, ratio.denominator) for n, ratio in zip(numerators, ratios, strict=True)]
    return np.array(rounded, dtype=np.int64)


def _round_half_even(numerator: int, denominator: int) -> int:
    doubled, rest = divmod(2 * numerator + denominator, 2 * denominator)
    return doubled - 1 if rest == 0 and doubled % 2 else doubled


def quantize(tensor: Exact, scale: Array, zero_point: Array, low: int, high: int) -> Array:
    """clip(round_half_even(value / scale) + zero_point, low, high), int64, exactly.

    Binary64 (relative error below 2^-51 here) proposes; whatever it puts near a boundary is decided by Python integers.
    """
    ratio = np.broadcast_to(_objects(tensor.unit / scale), tensor.shape)
    approximate = tensor.numerator.astype(np.float64) * (tensor.unit / scale).astype(np.float64)
    approximate = np.clip(approximate, -_SURELY_SATURATED, _SURELY_SATURATED)
    rounded = np.rint(approximate).astype(np.int64)
    undecided = np.abs(np.abs(approximate - np.floor(approximate)) - 0.5) < _NEAR_BOUNDARY
    if undecided.any():
        rounded[undecided] = _rounded_exactly(tensor.numerator[undecided], ratio[undecided])
    return np.clip(rounded + zero_point, low, high)


def to_float32(tensor: Exact) -> npt.NDArray[np.float32]:
    """Each value rounded once to binary32, ties to even."""
    units = np.broadcast_to(tensor.unit, tensor.shape)
    doubles = [_rounded_to_odd(int(n) * unit) for n, unit in zip(tensor.numerator.ravel(), units.ravel(), strict=True)]
    return np.array(doubles, dtype=np.float64).astype(np.float32).reshape(tensor.shape)


def _rounded_to_odd(value: Fraction) -> float:
    """The binary64 neighbour with an odd last bit unless the value is exact: it rounds to binary32 as the value itself does."""
    nearest = float(value)
    if Fraction(nearest) == value or int(np.float64(nearest).view(np.int64)) & 1:
        return nearest
    return math.nextafter(nearest, math.inf if value > Fraction(nearest) else -math.inf)


def boundary_distance(tensor: Exact, scale: Array, where: Array) -> list[Fraction]:
    """For the elements selected by `where`: how far value / scale lies from the nearest rounding boundary, in steps."""
    ratio = np.broadcast_to(_objects(tensor.unit / scale), tensor.shape)[where]
    values = [int(n) * r for n, r in zip(tensor.numerator[where], ratio, strict=True)]
    return [abs(value - math.floor(value) - Fraction(1, 2)) for value in values]
