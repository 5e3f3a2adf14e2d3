"""Integer forms of float regions between dequantize and quantize: the work of the pass `lower_quantized`.

`Regions.emit(value, sink)` gives the integers that quantizing a float value yields.  On its way up it does what commutes
with rounding on the integers; the arithmetic itself becomes one of

    Unary         a function of one 8-bit tensor, known by its 256 real values   ->  nothing, a clamp, or a table
    Accumulator   (i32 sum of products) * unit + offset, per channel or element  ->  graph.requantize
    Pair          two 8-bit tensors with a scale each                            ->  graph.add_fixed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.dialects import graph_reals
from tinyir.dialects.graph_integers import (
    MONOTONE,
    MOVEMENTS,
    create,
    create_constant,
    create_with,
    narrow_constant,
    quantized_element,
    reinterpret,
    tensor_type,
)
from tinyir.dialects.graph_reals import BIAS, OTHER, QUANTIZED, ExactConstant, UnloweredError, all_values, exact_values, uniform_unit
from tinyir.ir.attribute import Attribute
from tinyir.ir.builder import Builder
from tinyir.ir.exact import SumRequantization
from tinyir.ir.location import Location, fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import fractions_attribute, integer, integer_of, integers_of, number_of
from tinyir.ir.types import I8, I32, I64, IntegerType, QuantizedType
from tinyir.prove.approximation import ApproximationClaim, SoftmaxClaim, softmax_table
from tinyir.prove.half_even import HalfEvenDivision, choose_half_even_sum
from tinyir.prove.obligations import Kind, Obligation
from tinyir.prove.real_functions import Real, add, multiply, nearest
from tinyir.prove.requantize import SumRequantizeClaim
from tinyir.prove.softmax_division import QuotientClaim, ShortQuotientClaim
from tinyir.prove.sum_fixed_point import SumFixedPoint, choose_sum
from tinyir.rewrite.passes import Ledger

PRODUCT = "product"
_INT32 = (I32.lowest, I32.greatest)
_MOST_SHORT_CLASSES = 16
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
        scale, zero_point = _step(element)
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

    `create` builds the i32 tensor with an integer bias per channel; `bias` None: it takes none.
    """

    create: Callable[[NDArray[numpy.int64]], Value]
    shape: tuple[int, ...]
    unit: NDArray[Any]
    offset: NDArray[Any]
    bias: NDArray[numpy.int64] | None
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


@attrs.frozen(eq=False)
class Pair:
    """The sum of two terms."""

    first: Term
    second: Term
    location: Location


def _step(element: QuantizedType) -> tuple[Fraction, int]:
    if len(set(element.scales)) > 1 or len(set(element.zero_points)) > 1:
        raise UnloweredError("it has a scale for each channel")
    if element.storage.width != _BITS_OF_A_BYTE:
        raise UnloweredError(f"it is stored in {element.storage.width} bits")
    return Fraction(element.scale), element.zero_point


def _filled(value: Fraction, rank: int) -> NDArray[Any]:
    array = numpy.empty((1,) * rank, dtype=object)
    array[...] = value
    return array


def _with_rank(values: Any, rank: int) -> NDArray[Any]:
    array = numpy.asarray(values)  # operations on object arrays without axes give their element
    return array.reshape((1,) * (rank - array.ndim) + array.shape)


def _same_in_binary32(product: Fraction, scale: Fraction) -> bool:
    """Whether a scale is the product of two binary32 scales rounded to binary32 (the product is exact in binary64)."""
    return Fraction(float(numpy.float32(float(product)))) == scale


def _with_addend(accumulator: Accumulator, constant: ExactConstant) -> Accumulator:
    """The sum with a constant.

    Raises:
        UnloweredError: the constant makes the tensor larger.
    """
    shape = accumulator.shape
    if len(constant.shape) > len(shape) or numpy.broadcast_shapes(constant.shape, shape) != shape:
        raise UnloweredError("it adds a constant that is larger than the sum")
    numerator, unit = _with_rank(constant.numerator, len(shape)), _with_rank(constant.unit, len(shape))
    if not numerator.any():
        return accumulator
    bias = accumulator.bias
    if bias is not None and accumulator.origin == PRODUCT and constant.origin == BIAS and all(n == 1 for n in numerator.shape[:-1]):
        channels = shape[-1:]
        units, products = (numpy.broadcast_to(a.reshape(-1), channels) for a in (unit, accumulator.unit))
        same = numpy.array([_same_in_binary32(p, u) for p, u in zip(products, units, strict=True)])
        numbers = numpy.broadcast_to(numerator.reshape(-1), channels)
        bias = bias + numpy.where(same, numbers, 0)
        numerator = _with_rank(numpy.where(same, 0, numbers), len(shape))
    offset = accumulator.offset + numerator.astype(object) * unit
    return attrs.evolve(accumulator, bias=bias, offset=offset, origin=OTHER)


def _collapsed(array: NDArray[Any]) -> NDArray[Any]:
    """With one element if all are equal."""
    value = uniform_unit(array)
    return array if value is None else _filled(value, array.ndim)


class Regions:
    """Lowers float values of one function; what was lowered once is used again.

    `builder` must stand before the quantize at hand, and only move downwards.
    """

    def __init__(self, builder: Builder, ledger: Ledger) -> None:
        self.builder = builder
        self.ledger = ledger
        self._emitted: dict[tuple[Value, Sink], Value] = {}
        self._plain: dict[Value, Value] = {}
        self._unary: dict[Value, Unary | None] = {}
        self._encoded: dict[Value, Term] = {}
        self._created: dict[tuple[Operation, bytes], Value] = {}
        self._constants: dict[Value, ExactConstant | None] = {}

    # -- from the quantize upwards

    def emit(self, value: Value, sink: Sink) -> Value:
        """The integers of a quantized float value.

        Raises:
            UnloweredError, NotDefinedError: they cannot be said.
        """
        found = self._emitted.get((value, sink))
        if found is None:
            found = self._emitted[value, sink] = self._emit(value, sink)
        return found

    def _emit(self, value: Value, sink: Sink) -> Value:
        constant = self.constant(value)
        if constant is not None:
            return self._quantized_constant(constant, sink)
        unary = self.unary(value)
        if unary is not None:
            return self._table(unary, sink)
        operation = value.definer
        if operation is None:
            raise UnloweredError("it starts from a float input")
        name, location = operation.name, operation.location
        if name in MOVEMENTS | MONOTONE:
            moved = [self.emit(operation.operands[0], sink), *operation.operands[1:]]
            return create_with(self.builder, name, moved, dict(operation.properties), location)
        if name == "graph.pad":
            return self._pad(operation, self.emit(operation.operands[0], sink), sink(self._pad_value(operation)))
        if name in ("graph.relu", "graph.clamp"):
            return self.emit(operation.operands[0], sink.clamped(*graph_reals.clamp_bounds(operation), location))
        if name in ("graph.maximum", "graph.minimum"):
            return self._emit_extremum(operation, sink)
        if name == "graph.concat":
            parts = [self.emit(operand, sink) for operand in operation.operands]
            return create_with(self.builder, name, parts, dict(operation.properties), fuse(location, sink.location))
        if name == "graph.softmax":
            return self._softmax(operation, sink)
        found = self.arithmetic(value)
        return self._add(found, sink) if isinstance(found, Pair) else self._requantize(found, sink)

    def _emit_extremum(self, operation: Operation, sink: Sink) -> Value:
        for index in (0, 1):
            constant = self.constant(operation.operands[index])
            bound = constant.scalar() if constant is not None else None
            if bound is not None:
                low, high = (bound, None) if operation.name == "graph.maximum" else (None, bound)
                return self.emit(operation.operands[1 - index], sink.clamped(low, high, operation.location))
        parts = [self.emit(operand, sink) for operand in operation.operands]
        return create_with(self.builder, operation.name, parts, {}, fuse(operation.location, sink.location))

    def _quantized_constant(self, constant: ExactConstant, sink: Sink) -> Value:
        values = [sink(value) for value in constant.values().flat]
        return create_constant(self.builder, numpy.array(values).reshape(constant.shape), sink.element)

    def _pad_value(self, operation: Operation) -> Fraction:
        return Fraction(float(number_of(operation, "value")))

    def _pad(self, operation: Operation, operand: Value, fill: int) -> Value:
        properties: dict[str, Attribute] = {**operation.properties, "value": integer(fill)}
        return create_with(self.builder, "graph.pad", [operand], properties, operation.location)

    # -- plain integers behind quantized values

    def plain(self, value: Value) -> Value:
        """The integers of a tensor of quantized type."""
        found = self._plain.get(value)
        if found is None:
            found = self._plain[value] = self._find_plain(value)
        return found

    def _find_plain(self, value: Value) -> Value:
        element = quantized_element(value)
        if element is None:
            return value
        definer = value.definer
        if definer is not None and definer.name == "graph.reinterpret" and tensor_type(definer.operands[0]).element is element.storage:
            return definer.operands[0]
        if definer is not None and definer.name in MOVEMENTS | MONOTONE | {"graph.concat", "graph.pad"}:
            operands = [self.plain(operand) for operand in definer.operands]
            return create_with(self.builder, definer.name, operands, dict(definer.properties), definer.location)
        return reinterpret(self.builder, value, element.storage)

    # -- constants

    def constant(self, value: Value) -> ExactConstant | None:
        """A float value that depends on no input, over the reals; None if it does.

        Raises:
            UnloweredError: it is known but not as integers with few units.
        """
        if value not in self._constants:
            self._constants[value] = self._find_constant(value)
        return self._constants[value]

    def _find_constant(self, value: Value) -> ExactConstant | None:
        operation = value.definer
        if operation is None:
            return None
        if operation.name == "graph.constant":
            return graph_reals.constant_of(operation)
        if operation.name == "graph.dequantize":
            return graph_reals.dequantized_constant(operation)
        if operation.name in MOVEMENTS:
            moved = self.constant(operation.operands[0])
            return graph_reals.moved_constant(operation, moved) if moved is not None else None
        if operation.name in graph_reals.BINARY:
            left, right = (self.constant(operand) for operand in operation.operands)
            return _combined(operation.name, left, right) if left is not None and right is not None else None
        return None

    # -- functions of one 8-bit tensor

    def unary(self, value: Value) -> Unary | None:
        """The value as a function of one quantized tensor, element by element; None if it is none."""
        if value not in self._unary:
            self._unary[value] = self._find_unary(value)
        return self._unary[value]

    def _find_unary(self, value: Value) -> Unary | None:
        operation = value.definer
        if operation is None:
            return None
        if operation.name == "graph.dequantize":
            return self._leaf(operation)
        if operation.name in MOVEMENTS | MONOTONE | {"graph.pad"}:
            return self._moved_unary(operation)
        if operation.name in graph_reals.UNARY:
            operand = self.unary(operation.operands[0])
            if operand is None:
                return None
            reals = graph_reals.apply_unary(operation, operand.reals)
            origin = operand.origin if operation.name == "graph.relu" else OTHER
            return attrs.evolve(operand, reals=reals, is_plain=False, origin=origin, location=fuse(operand.location, operation.location))
        return self._binary_unary(operation) if operation.name in graph_reals.BINARY else None

    def _leaf(self, operation: Operation) -> Unary:
        element = quantized_element(operation.operands[0])
        assert element is not None
        scale, zero_point = _step(element)
        reals = tuple((x - zero_point) * scale for x in all_values(element.storage))
        return Unary(self.plain(operation.operands[0]), element.storage, zero_point, scale, reals, True, QUANTIZED, operation.location)

    def _moved_unary(self, operation: Operation) -> Unary | None:
        operand = self.unary(operation.operands[0])
        if operand is None or (operation.name not in MOVEMENTS and not operand.is_plain):
            return None
        if operation.name == "graph.pad":
            fill = self._pad_value(operation) / operand.scale + operand.zero_point
            if fill.denominator != 1 or int(fill) not in all_values(operand.element):
                return None
            return attrs.evolve(operand, value=self._pad(operation, operand.value, int(fill)))
        moved = create_with(self.builder, operation.name, [operand.value], dict(operation.properties), operation.location)
        return attrs.evolve(operand, value=moved, location=fuse(operand.location, operation.location))

    def _binary_unary(self, operation: Operation) -> Unary | None:
        sides: list[tuple[Unary | None, Fraction | None]] = []
        for operand in operation.operands:
            constant = self.constant(operand)
            sides.append((None, constant.scalar()) if constant is not None else (self.unary(operand), None))
        known = [unary for unary, _ in sides if unary is not None]
        if len(known) + sum(scalar is not None for _, scalar in sides) < len(sides) or len({unary.value for unary in known}) != 1:
            return None
        if tensor_type(operation.result).shape != tensor_type(known[0].value).shape:
            return None
        values = [unary.reals if unary is not None else (scalar or Fraction(0),) * len(known[0].reals) for unary, scalar in sides]
        reals = graph_reals.apply_binary(operation.name, *values)
        return attrs.evolve(known[0], reals=reals, is_plain=False, origin=OTHER, location=fuse(*(u.location for u in known), operation.location))

    def _table(self, unary: Unary, sink: Sink) -> Value:
        values = [sink(real) for real in unary.reals]
        name = self._clamp_or_table(unary, values, sink.element, fuse(unary.location, sink.location))
        claimed = [add(multiply(real, 1 / sink.scale), Fraction(sink.zero_point)) for real in unary.reals]
        if name.definer is not None and name.definer.name == "graph.lookup":
            claim = ApproximationClaim.of(tuple(values), claimed, Fraction(1, 2), sink.low, sink.high)
            self._oblige("approximation", name, "the table of 256 entries is within half a step of the real function", claim)
        return name

    def _clamp_or_table(self, unary: Unary, values: Sequence[int], element: IntegerType, location: Location) -> Value:
        inputs = all_values(unary.element)
        low, high = min(values), max(values)
        if element is unary.element and list(values) == [min(max(x, low), high) for x in inputs]:
            if (low, high) == (inputs[0], inputs[-1]):
                return unary.value
            return create(self.builder, "graph.clamp", [unary.value], location, low=low, high=high)
        table = create_constant(self.builder, numpy.array(values), element)
        return create(self.builder, "graph.lookup", [unary.value, table], location)

    def encoded(self, value: Value) -> tuple[Term, str, Location]:
        """A float value as integers times one scale, with the origin of its numbers.

        Raises:
            UnloweredError: it is no such thing.
        """
        unary = self.unary(value)
        if unary is None:
            raise UnloweredError("an operand is not quantized")
        if value not in self._encoded:
            numbers = [self._integer(real, unary) for real in unary.reals]
            stored = unary.value if unary.is_plain else self._clamp_or_table(unary, numbers, unary.element, unary.location)
            self._encoded[value] = Term(stored, unary.zero_point, unary.scale, min(numbers), max(numbers))
        return self._encoded[value], unary.origin, unary.location

    def _integer(self, real: Real, unary: Unary) -> int:
        number = real / unary.scale + unary.zero_point if isinstance(real, Fraction) else Fraction(1, 2)
        if number.denominator != 1 or int(number) not in all_values(unary.element):
            raise UnloweredError("an operand is computed and not quantized again")
        return int(number)

    # -- arithmetic on several tensors

    def arithmetic(self, value: Value) -> Accumulator | Pair:
        """A float value as a sum of products or of two tensors.

        Raises:
            UnloweredError: it is neither.
        """
        operation = value.definer
        known = _ARITHMETIC.get(operation.name) if operation is not None else None
        if operation is None or known is None:
            raise UnloweredError(f"there is no integer form of '{operation.name}'" if operation is not None else "it starts from a float input")
        return known(self, operation)

    def accumulator(self, value: Value) -> Accumulator:
        """A float value as a sum of products.

        Raises:
            UnloweredError: it is none.
        """
        found = self.arithmetic(value)
        if isinstance(found, Pair):
            raise UnloweredError("a sum of two tensors is not quantized again")
        return found

    def dot(self, operation: Operation) -> Accumulator:
        """A convolution or fully connected layer."""
        x, origin, _ = self.encoded(operation.operands[0])
        weight, bias = (self.constant(operand) for operand in operation.operands[1:3])
        if weight is None or bias is None:
            raise UnloweredError("its weights or its bias are computed")
        rows = weight.unit.reshape(weight.unit.shape[0], -1)
        scales = [uniform_unit(row) for row in rows]
        if None in scales:
            raise UnloweredError("its weights are float, or have several scales in a channel")
        unit = numpy.array([x.scale * (scale or Fraction(0)) for scale in scales], dtype=object)
        shape = tensor_type(operation.result).shape

        def make(numbers: NDArray[numpy.int64]) -> Value:
            stored, zero_point = narrow_constant(self.builder, weight.numerator, operation.operands[1].name)
            operands = [x.value, stored, create_constant(self.builder, numbers, I32, operation.operands[2].name)]
            properties = dict(operation.properties) | {"x_zero_point": integer(x.zero_point), "weight_zero_point": integer(zero_point)}
            return create_with(self.builder, operation.name, operands, properties, operation.location)

        role = PRODUCT if origin == weight.origin == QUANTIZED else OTHER
        none = numpy.zeros(shape[-1], numpy.int64)
        offset = _filled(Fraction(0), len(shape))
        return _with_addend(Accumulator(self._once(operation, make), shape, _with_rank(unit, len(shape)), offset, none, role, operation.location), bias)

    def _once(self, operation: Operation, make: Callable[[NDArray[numpy.int64]], Value]) -> Callable[[NDArray[numpy.int64]], Value]:
        """The same integers for every quantize that reads them."""

        def create_once(bias: NDArray[numpy.int64]) -> Value:
            key = (operation, bias.tobytes())
            if key not in self._created:
                self._created[key] = make(bias)
            return self._created[key]

        return create_once

    def _sum(self, operation: Operation, make: Callable[[], Value], unit: Fraction | NDArray[Any], origin: str = OTHER) -> Accumulator:
        """An accumulator that takes no bias."""
        shape = tensor_type(operation.result).shape
        units = _filled(unit, len(shape)) if isinstance(unit, Fraction) else _with_rank(unit, len(shape))
        zero = _filled(Fraction(0), len(shape))
        return Accumulator(self._once(operation, lambda _: make()), shape, units, zero, None, origin, operation.location)

    def matmul(self, operation: Operation) -> Accumulator:
        """The product of two computed matrices."""
        (x, origin, _), (y, other, _) = (self.encoded(operand) for operand in operation.operands)
        if tensor_type(x.value).element is not tensor_type(y.value).element:
            raise UnloweredError("it multiplies signed by unsigned integers")
        properties = {"x_zero_point": x.zero_point, "y_zero_point": y.zero_point, "result_type": I32}
        role = PRODUCT if origin == other == QUANTIZED else OTHER
        return self._sum(operation, lambda: create(self.builder, "graph.matmul", [x.value, y.value], operation.location, **properties), x.scale * y.scale, role)

    def average_pool(self, operation: Operation) -> Accumulator:
        """A mean of windows: their sum, times one over their size; where sizes differ, sums are brought to one multiple first."""
        x, _, _ = self.encoded(operation.operands[0])
        counts = _window_sizes(operation, tensor_type(operation.operands[0]).shape, tensor_type(operation.result).shape)
        common = lcm(*(int(count) for count in numpy.unique(counts)))

        def make() -> Value:
            properties = {key: operation.properties[key] for key in ("kernel", "stride", "pad") if key in operation.properties}
            total = create(self.builder, "graph.sum_pool2d", [x.value], operation.location, x_zero_point=x.zero_point, result_type=I32, **properties)
            if (counts == common).all():
                return total
            factors = create_constant(self.builder, common // counts, I32)
            return create(self.builder, "graph.multiply", [total, factors], operation.location)

        if common * 256 > I32.greatest:
            raise UnloweredError("its windows have too many sizes")
        return self._sum(operation, make, x.scale / common)

    def reduction(self, operation: Operation) -> Accumulator:
        """A mean or a sum over axes."""
        x, _, _ = self.encoded(operation.operands[0])
        axes = integers_of(operation, "axes")
        extents = tensor_type(operation.operands[0]).shape
        count = 1
        for axis in axes:
            count *= extents[axis] if operation.name == "graph.reduce_mean" else 1
        properties = {"axes": axes, "x_zero_point": x.zero_point, "result_type": I32}
        return self._sum(operation, lambda: create(self.builder, "graph.reduce_sum", [x.value], operation.location, **properties), x.scale / count)

    def product(self, operation: Operation) -> Accumulator:
        """The product of two tensors, or of one and a constant."""
        for index in (1, 0):
            constant = self.constant(operation.operands[index])
            if constant is not None:
                return self._scaled(operation, operation.operands[1 - index], constant)
        (x, _, _), (y, _, _) = (self.encoded(operand) for operand in operation.operands)
        properties = {"x_zero_point": x.zero_point, "y_zero_point": y.zero_point}

        def make() -> Value:
            return create(self.builder, "graph.multiply_widening", [x.value, y.value], operation.location, **properties)

        return self._sum(operation, make, x.scale * y.scale)

    def quotient(self, operation: Operation) -> Accumulator:
        """A tensor divided by a constant."""
        constant = self.constant(operation.operands[1])
        if constant is None or not constant.numerator.all():
            raise UnloweredError("it divides by what is computed, or by zero")
        return self._scaled(operation, operation.operands[0], exact_values(1 / constant.values()))

    def _scaled(self, operation: Operation, value: Value, constant: ExactConstant) -> Accumulator:
        if self.unary(value) is not None:
            return self._scaled_integers(operation, value, constant)
        found = self.accumulator(value)
        factors = _with_rank(constant.values(), len(found.shape))
        if (constant.numerator < 0).any() or tensor_type(operation.result).shape != found.shape:
            raise UnloweredError("a sum of products is multiplied by a negative or larger constant")
        location = fuse(found.location, operation.location)
        return attrs.evolve(found, unit=found.unit * factors, offset=found.offset * factors, origin=OTHER, location=location)

    def _scaled_integers(self, operation: Operation, value: Value, constant: ExactConstant) -> Accumulator:
        x, _, _ = self.encoded(value)
        numbers, units = constant.numerator, constant.unit
        if numpy.abs(numbers).max(initial=0) * 256 > I32.greatest:
            scaled = exact_values(constant.values())
            numbers, units = scaled.numerator, scaled.unit

        def make() -> Value:
            stored, zero_point = narrow_constant(self.builder, numbers)
            properties = {"x_zero_point": x.zero_point, "y_zero_point": zero_point}
            return create(self.builder, "graph.multiply_widening", [x.value, stored], operation.location, **properties)

        return self._sum(operation, make, x.scale * units)

    def addition(self, operation: Operation) -> Accumulator | Pair:
        """A sum or difference of two tensors, or of one and a constant."""
        sign = -1 if operation.name == "graph.subtract" else 1
        left, right = operation.operands
        constant = self.constant(right)
        if constant is not None:
            return self._added(operation, left, 1, _negated(constant) if sign < 0 else constant)
        constant = self.constant(left)
        if constant is not None:
            return self._added(operation, right, sign, constant)
        if self.unary(left) is None or self.unary(right) is None:
            raise UnloweredError("it adds values that are not quantized")
        (first, _, _), (second, _, _) = self.encoded(left), self.encoded(right)
        return Pair(first, attrs.evolve(second, scale=sign * second.scale), operation.location)

    def _added(self, operation: Operation, value: Value, sign: int, constant: ExactConstant) -> Accumulator | Pair:
        """sign * value + constant."""
        if self.unary(value) is None:
            if sign < 0:
                raise UnloweredError("a sum of products is subtracted")
            found = self.accumulator(value)
            return attrs.evolve(_with_addend(found, constant), location=fuse(found.location, operation.location))
        x, _, _ = self.encoded(value)
        unit = uniform_unit(constant.unit)
        spread = int(constant.numerator.max(initial=0)) - int(constant.numerator.min(initial=0))
        if unit is not None and spread <= I8.greatest - I8.lowest:
            stored, zero_point = narrow_constant(self.builder, constant.numerator)
            low, high = int(constant.numerator.min()) + zero_point, int(constant.numerator.max()) + zero_point
            return Pair(attrs.evolve(x, scale=sign * x.scale), Term(stored, zero_point, unit, low, high), operation.location)
        one = ExactConstant(numpy.full((1,), sign), _filled(Fraction(1), 1))
        shape = tensor_type(operation.result).shape
        if tensor_type(value).shape != shape:
            one = ExactConstant(numpy.full(shape, sign), _filled(Fraction(1), len(shape)))
        return _with_addend(self._scaled_integers(operation, value, one), constant)

    # -- rounding

    def _oblige(self, kind: Kind, value: Value, statement: str, claim: Any) -> None:
        definer = value.definer
        where = " ".join(definer.location.names) if definer is not None else ""
        self.ledger.add(Obligation(kind, where, statement, claim))

    def _requantize(self, found: Accumulator, sink: Sink) -> Value:
        found = _settled(found)
        scale, offset = _collapsed(found.unit / sink.scale), _collapsed(found.offset / sink.scale)
        total = found.create(found.bias if found.bias is not None else numpy.zeros(0, numpy.int64))
        location = fuse(found.location, sink.location)
        per_channel = all(n == 1 for array in (scale, offset) for n in array.shape[:-1])
        shape = found.shape if per_channel else (int(numpy.prod(found.shape)),)
        count = 1 if scale.size == offset.size == 1 else shape[-1]
        lists = [numpy.broadcast_to(a, found.shape).reshape(-1) if not per_channel else numpy.broadcast_to(a.reshape(-1), (count,)) for a in (scale, offset)]
        if not per_channel:
            total = create(self.builder, "graph.reshape", [total], location, shape=shape)
        properties = {
            "scale": fractions_attribute(Fraction(value) for value in lists[0]),
            "offset": fractions_attribute(Fraction(value) for value in lists[1]) if any(lists[1]) else None,
            "zero_point": sink.zero_point,
            "low": sink.low,
            "high": sink.high,
            "result_type": sink.element,
        }
        result = create(self.builder, "graph.requantize", [total], location, **properties)
        return result if per_channel else create(self.builder, "graph.reshape", [result], location, shape=found.shape)

    def _add(self, pair: Pair, sink: Sink) -> Value:
        first, second = pair.first, pair.second
        meaning = SumRequantization(
            (first.scale / sink.scale).as_integer_ratio(),
            (second.scale / sink.scale).as_integer_ratio(),
            first.zero_point,
            second.zero_point,
            sink.zero_point,
            sink.low,
            sink.high,
        )
        ranges = (first.low, first.high), (second.low, second.high)
        location = fuse(pair.location, sink.location)
        operands = [first.value, second.value]
        limits: dict[str, Any] = {"low": sink.low, "high": sink.high, "result_type": sink.element}
        form: SumFixedPoint | HalfEvenDivision | None = None
        if _has_ties(meaning, *ranges):
            form = choose_half_even_sum(meaning, *ranges)
            if form is not None and form.shift is None:
                return self._divided_sum(form, operands, sink, location)
        form = form or choose_sum(meaning, *ranges)
        if form is None:
            raise UnloweredError("no exact integer form of the sum is known")
        limits["sum_type"] = I64 if form.width > I32.width else None
        if isinstance(form, SumFixedPoint):
            limits |= {"x_multiplier": form.first, "y_multiplier": form.second, "rounding": form.rounding, "shift": form.shift}
            result = create(self.builder, "graph.add_fixed", operands, location, **limits)
        else:
            limits |= {"x_multiplier": form.factors[0], "y_multiplier": form.factors[1], "rounding": form.constant, "shift": form.shift}
            result = create(self.builder, "graph.add_half_even", operands, location, zero_point=sink.zero_point, **limits)
        self._oblige("requantize", result, "the weighted sum is the real one, rounded half to even, for every pair", SumRequantizeClaim(meaning, form, *ranges))
        return result

    def _divided_sum(self, form: HalfEvenDivision, operands: list[Value], sink: Sink, location: Location) -> Value:
        """The integer numerator of the sum, and its quotient as a requantization."""
        numbers = {"x_multiplier": form.factors[0], "y_multiplier": form.factors[1], "rounding": form.constant, "shift": 0}
        total = create(self.builder, "graph.add_fixed", operands, location, low=I32.lowest, high=I32.greatest, result_type=I32, **numbers)
        scale = fractions_attribute([Fraction(1, form.denominator)])
        limits = {"zero_point": sink.zero_point, "low": sink.low, "high": sink.high, "result_type": sink.element}
        return create(self.builder, "graph.requantize", [total], location, scale=scale, **limits)

    def _softmax(self, operation: Operation, sink: Sink) -> Value:
        x, _, origin = self.encoded(operation.operands[0])
        if tensor_type(x.value).element is not sink.element:
            raise UnloweredError("it takes signed integers to unsigned ones")
        classes = tensor_type(operation.result).shape[-1]
        table = softmax_table(x.scale)
        stored = create_constant(self.builder, numpy.array(table), I32)
        location = fuse(origin, operation.location, sink.location)
        limits = {"zero_point": sink.zero_point, "low": sink.low, "high": sink.high}
        steps = 1 / sink.scale
        quotient: ShortQuotientClaim | QuotientClaim
        if steps == 1 << _BITS_OF_A_BYTE and classes <= _MOST_SHORT_CLASSES:
            result = create(self.builder, "graph.softmax_quantized_short", [x.value, stored], location, **limits)
            quotient = ShortQuotientClaim(classes, table[0])
            how = "two 32-bit divisions give the quotient"
        else:
            quotient = QuotientClaim(steps.numerator, steps.denominator, classes, table[0])
            if quotient.decide().state != "proved":
                raise UnloweredError("the quotient of its softmax needs more than 64 bits")
            limits |= {"numerator": steps.numerator, "denominator": steps.denominator}
            result = create(self.builder, "graph.softmax_quantized", [x.value, stored], location, **limits)
            how = "the quotient fits 64 bits"
        claim = SoftmaxClaim.of(x.scale, table, classes, sink.scale)
        self._oblige("approximation", result, f"softmax over {classes} classes is within {float(claim.error):.4f} steps of the real one", claim)
        self._oblige("requantize", result, how, quotient)
        return result


def _negated(constant: ExactConstant) -> ExactConstant:
    return attrs.evolve(constant, numerator=-constant.numerator, origin=OTHER)


def _combined(name: str, left: ExactConstant, right: ExactConstant) -> ExactConstant:
    """An operation on two constants; integers stay integers where they are only scaled."""
    for one, other in ((left, right), (right, left)):
        if name == "graph.multiply" and (other.unit.size == 1 or other.shape == other.unit.shape):
            shape = numpy.broadcast_shapes(one.shape, other.shape)
            signs = numpy.sign(other.numerator)
            magnitude = other.unit * numpy.abs(other.numerator).astype(object)
            if shape == one.shape:
                return ExactConstant(one.numerator * signs, one.unit * _with_rank(magnitude, len(shape)))
        if name == "graph.add" and not other.numerator.any() and numpy.broadcast_shapes(one.shape, other.shape) == one.shape:
            return one
    a, b = numpy.broadcast_arrays(left.values(), right.values())
    values = numpy.empty(a.size, dtype=object)
    values[:] = graph_reals.apply_binary(name, list(a.flat), list(b.flat))
    return exact_values(values.reshape(a.shape))


def _window_sizes(operation: Operation, source: tuple[int, ...], result: tuple[int, ...]) -> NDArray[numpy.int64]:
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


def _has_ties(meaning: SumRequantization, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether some pair lies exactly between two results."""
    p, q, c, d = meaning.integers()
    if d % 2:
        return False
    a, b = (numpy.array([(2 * f * x) % (2 * d) for x in range(low, high + 1)], dtype=object) for f, (low, high) in ((p, first), (q, second)))
    wanted = (d - 2 * c) % (2 * d)
    remainders = set(b)
    return any((wanted - x) % (2 * d) in remainders for x in a)


def _settled(found: Accumulator) -> Accumulator:
    """The integer part of each channel's offset in its bias, where it fits."""
    bias = found.bias
    if bias is None or any(n != 1 for array in (found.unit, found.offset) for n in array.shape[:-1]) or not any(found.offset.flat):
        return found
    units, offsets = (numpy.broadcast_to(array.reshape(-1), bias.shape) for array in (found.unit, found.offset))
    whole = [round(o / u) if u else 0 for o, u in zip(offsets, units, strict=True)]
    if not all(_INT32[0] // 2 <= w + int(b) <= _INT32[1] // 2 for w, b in zip(whole, bias, strict=True)):
        return found
    rest = numpy.empty(len(whole), dtype=object)
    rest[:] = [o - w * u for o, w, u in zip(offsets, whole, units, strict=True)]
    return attrs.evolve(found, bias=bias + numpy.array(whole, numpy.int64), offset=_with_rank(rest, len(found.shape)))


_ARITHMETIC: dict[str, Callable[[Regions, Operation], Accumulator | Pair]] = {
    "graph.conv2d": Regions.dot,
    "graph.dense": Regions.dot,
    "graph.matmul": Regions.matmul,
    "graph.average_pool2d": Regions.average_pool,
    "graph.reduce_mean": Regions.reduction,
    "graph.reduce_sum": Regions.reduction,
    "graph.multiply": Regions.product,
    "graph.divide": Regions.quotient,
    "graph.add": Regions.addition,
    "graph.subtract": Regions.addition,
}
