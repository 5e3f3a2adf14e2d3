"""What a float value of a quantized network is in integers: a function of one tensor, a sum of products, a sum of two tensors."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.dialects import graph_reals
from tinyir.dialects.graph_integers import quantized_element
from tinyir.dialects.graph_reals import BIAS, OTHER, ExactConstant, UnloweredError, exact_values, uniform_unit
from tinyir.ir.location import Location, fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import integer_of, integers_of
from tinyir.ir.types import I32, IntegerType, QuantizedType
from tinyir.prove.real_functions import Real, multiply, nearest

PRODUCT = "product"
_BITS_OF_A_BYTE = 8


@attrs.frozen
class Sink:
    """What a quantize does to a real number: clamp(round(real / scale) + zero_point, low, high), stored as `element`."""

    scale: Fraction
    zero_point: int
    low: int
    high: int
    element: IntegerType
    location: Location = attrs.field(eq=False)

    @classmethod
    def of(cls, quantize: Operation) -> Sink:
        """The sink of a `graph.quantize`.

        Raises:
            UnloweredError: a scale per channel, or not 8 bits.
        """
        element = quantized_element(quantize.result)
        assert element is not None
        scale, zero_point = step_of(element)
        return cls(scale, zero_point, element.lowest, element.greatest, element.storage, quantize.location)

    def __call__(self, real: Real) -> int:
        return min(max(nearest(multiply(real, 1 / self.scale)) + self.zero_point, self.low), self.high)

    def clamped(self, low: Fraction | None, high: Fraction | None, location: Location) -> Sink:
        """The sink behind min(max(real, low), high)."""
        greatest = self.high if high is None else self(high)
        least = min(self.low if low is None else self(low), greatest)
        return attrs.evolve(self, low=least, high=greatest, location=fuse(location, self.location))


@attrs.frozen(eq=False)
class Unary:
    """reals[i] for the i-th value of the 8-bit tensor `value`, from the lowest up; where `is_plain`, that is (x - zero_point) * scale."""

    value: Value
    element: IntegerType
    zero_point: int
    scale: Fraction
    reals: tuple[Real, ...]
    is_plain: bool
    origin: str
    location: Location


@attrs.frozen(eq=False)
class Accumulator:
    """real = integers * unit + offset; unit >= 0.  Both broadcast to `shape` and have its rank.

    `create` builds the i32 tensor with an integer bias per channel; `bias` None: it takes none.  The integers, bias apart, are
    at most `greatest` in magnitude.
    """

    create: Callable[[NDArray[numpy.int64]], Value]
    shape: tuple[int, ...]
    unit: NDArray[Any]
    offset: NDArray[Any]
    bias: NDArray[numpy.int64] | None
    greatest: int
    origin: str
    location: Location


@attrs.frozen(eq=False)
class Term:
    """(value - zero_point) * scale, of any sign, for stored values within [low, high]."""

    value: Value
    zero_point: int
    scale: Fraction
    low: int
    high: int

    @property
    def greatest(self) -> int:
        """The greatest magnitude of value - zero_point."""
        return max(abs(self.low - self.zero_point), abs(self.high - self.zero_point))


@attrs.frozen(eq=False)
class Pair:
    """The sum of two terms."""

    first: Term
    second: Term
    location: Location


def step_of(element: QuantizedType) -> tuple[Fraction, int]:
    if len(set(element.scales)) > 1 or len(set(element.zero_points)) > 1:
        raise UnloweredError("it has a scale for each channel")
    if element.storage.width != _BITS_OF_A_BYTE:
        raise UnloweredError(f"it is stored in {element.storage.width} bits")
    return Fraction(element.scale), element.zero_point


def filled(value: Fraction, rank: int) -> NDArray[Any]:
    array = numpy.empty((1,) * rank, dtype=object)
    array[...] = value
    return array


def with_rank(values: Any, rank: int) -> NDArray[Any]:
    array = numpy.asarray(values)  # operations on object arrays without axes give their element
    return array.reshape((1,) * (rank - array.ndim) + array.shape)


def _same_in_binary32(product: Fraction, scale: Fraction) -> bool:
    """Whether a scale is the product of two binary32 scales rounded to binary32 (the product is exact in binary64)."""
    return Fraction(float(numpy.float32(float(product)))) == scale


def with_addend(accumulator: Accumulator, constant: ExactConstant) -> Accumulator:
    """The sum with a constant.

    Raises:
        UnloweredError: the constant makes the tensor larger.
    """
    shape = accumulator.shape
    if len(constant.shape) > len(shape) or numpy.broadcast_shapes(constant.shape, shape) != shape:
        raise UnloweredError("it adds a constant that is larger than the sum")
    numerator, unit = with_rank(constant.numerator, len(shape)), with_rank(constant.unit, len(shape))
    if not numerator.any():
        return accumulator
    bias = accumulator.bias
    if bias is not None and accumulator.origin == PRODUCT and constant.origin == BIAS and all(n == 1 for n in numerator.shape[:-1]):
        channels = shape[-1:]
        units, products = (numpy.broadcast_to(a.reshape(-1), channels) for a in (unit, accumulator.unit))
        same = numpy.array([_same_in_binary32(p, u) for p, u in zip(products, units, strict=True)])
        numbers = numpy.broadcast_to(numerator.reshape(-1), channels)
        bias = bias + numpy.where(same, numbers, 0)
        numerator = with_rank(numpy.where(same, 0, numbers), len(shape))
    offset = accumulator.offset + numerator.astype(object) * unit
    return attrs.evolve(accumulator, bias=bias, offset=offset, origin=OTHER)


def collapsed(array: NDArray[Any]) -> NDArray[Any]:
    """With one element if all are equal."""
    value = uniform_unit(array)
    return array if value is None else filled(value, array.ndim)


def negated(constant: ExactConstant) -> ExactConstant:
    return attrs.evolve(constant, numerator=-constant.numerator, origin=OTHER)


def combined(name: str, left: ExactConstant, right: ExactConstant) -> ExactConstant:
    """An operation on two constants; integers stay integers where they are only scaled."""
    for one, other in ((left, right), (right, left)):
        if name == "graph.multiply" and (other.unit.size == 1 or other.shape == other.unit.shape):
            shape = numpy.broadcast_shapes(one.shape, other.shape)
            signs = numpy.sign(other.numerator)
            magnitude = other.unit * numpy.abs(other.numerator).astype(object)
            if shape == one.shape:
                return ExactConstant(one.numerator * signs, one.unit * with_rank(magnitude, len(shape)))
        if name == "graph.add" and not other.numerator.any() and numpy.broadcast_shapes(one.shape, other.shape) == one.shape:
            return one
    a, b = numpy.broadcast_arrays(left.values(), right.values())
    values = numpy.empty(a.size, dtype=object)
    values[:] = graph_reals.apply_binary(name, list(a.flat), list(b.flat))
    return exact_values(values.reshape(a.shape))


def window_sizes(operation: Operation, source: tuple[int, ...], result: tuple[int, ...]) -> NDArray[numpy.int64]:
    """int64[1, rows, columns, 1] (or all ones and one number): how many elements each window counts.

    Raises:
        UnloweredError: a window without any.
    """
    kernel, stride = integers_of(operation, "kernel"), integers_of(operation, "stride", (1, 1))
    top, left, _, _ = integers_of(operation, "pad", (0, 0, 0, 0))
    if integer_of(operation, "include_pad"):
        return numpy.full((1, 1, 1, 1), kernel[0] * kernel[1])
    sizes = []
    for axis, before in ((0, top), (1, left)):
        starts = numpy.arange(result[1 + axis]) * stride[axis] - before
        sizes.append(numpy.minimum(starts + kernel[axis], source[1 + axis]) - numpy.maximum(starts, 0))
    counts: NDArray[numpy.int64] = sizes[0][:, None] * sizes[1][None, :]
    if (sizes[0] <= 0).any() or (sizes[1] <= 0).any():
        raise UnloweredError("a window lies outside of the image")
    return counts.reshape(1, *counts.shape, 1)


def common_units(first: NDArray[Any], second: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The greatest units that divide both, and how often they do."""
    units = numpy.frompyfunc(_common_unit, 2, 1)(first, second)
    return units, first / units, second / units


def _common_unit(first: Fraction, second: Fraction) -> Fraction:
    denominator = lcm(first.denominator, second.denominator)
    return Fraction(gcd(int(first * denominator), int(second * denominator)) or 1, denominator)


def settled(found: Accumulator) -> Accumulator:
    """The integer part of each channel's offset in its bias, where it fits."""
    bias = found.bias
    if bias is None or any(n != 1 for array in (found.unit, found.offset) for n in array.shape[:-1]) or not any(found.offset.flat):
        return found
    units, offsets = (numpy.broadcast_to(array.reshape(-1), bias.shape) for array in (found.unit, found.offset))
    whole = [round(o / u) if u else 0 for o, u in zip(offsets, units, strict=True)]
    if not all(abs(w + int(b)) <= I32.greatest // 2 for w, b in zip(whole, bias, strict=True)):
        return found
    rest = numpy.empty(len(whole), dtype=object)
    rest[:] = [o - w * u for o, w, u in zip(offsets, whole, units, strict=True)]
    return attrs.evolve(found, bias=bias + numpy.array(whole, numpy.int64), offset=with_rank(rest, len(found.shape)))
