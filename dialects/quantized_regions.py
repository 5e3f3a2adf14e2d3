"""Integer forms of float regions between dequantize and quantize: the work of the pass `lower_quantized`.

`Regions.emit(value, sink)` gives the integers that quantizing a float value yields.  On its way up it does what commutes
with rounding on the integers; the arithmetic itself becomes one of

    Unary         a function of one 8-bit tensor, known by its 256 real values   ->  nothing, a clamp, or a table
    Accumulator   (i32 sum of products) * unit + offset, per channel or element  ->  graph.requantize
    Pair          two 8-bit tensors with a scale each                            ->  graph.add_fixed
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm, prod
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
from tinyir.dialects.graph_reals import OTHER, QUANTIZED, ExactConstant, UnloweredError, all_values, exact_values, uniform_unit
from tinyir.dialects.quantized_rounding import Rounding
from tinyir.dialects.quantized_values import (
    PRODUCT,
    Accumulator,
    Pair,
    Sink,
    Term,
    Unary,
    combined,
    common_units,
    filled,
    negated,
    step_of,
    window_sizes,
    with_addend,
    with_rank,
)
from tinyir.ir.attribute import Attribute
from tinyir.ir.builder import Builder
from tinyir.ir.location import Location, fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import integer, integers_of, number_of
from tinyir.ir.types import I8, I32
from tinyir.prove.real_functions import Real
from tinyir.rewrite.passes import Ledger


class Regions:
    """Lowers float values of one function; what was lowered once is used again.

    `builder` must stand before the quantize at hand, and only move downwards.
    """

    def __init__(self, builder: Builder, ledger: Ledger) -> None:
        self.builder = builder
        self.rounding = Rounding(builder, ledger)
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
            return self.rounding.table(unary, sink)
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
            x, _, source = self.encoded(operation.operands[0])
            return self.rounding.softmax(operation, x, source, sink)
        found = self.arithmetic(value)
        return self.rounding.add(found, sink) if isinstance(found, Pair) else self.rounding.requantize(found, sink)

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
            return combined(operation.name, left, right) if left is not None and right is not None else None
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
        if operation.name in graph_reals.BINARY:
            return self._binary_unary(operation)
        known = operation.name in graph_reals.UNARY
        if known or graph_reals.is_elementwise(operation):
            operand = self.unary(operation.operands[0])
            if operand is None:
                return None
            reals = (graph_reals.apply_unary if known else graph_reals.apply_in_binary32)(operation, operand.reals)
            origin = operand.origin if operation.name == "graph.relu" else OTHER
            return attrs.evolve(operand, reals=reals, is_plain=False, origin=origin, location=fuse(operand.location, operation.location))
        return None

    def _leaf(self, operation: Operation) -> Unary:
        element = quantized_element(operation.operands[0])
        assert element is not None
        scale, zero_point = step_of(element)
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
            stored = unary.value if unary.is_plain else self.rounding.clamp_or_table(unary, numbers, unary.element, unary.location)
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
        if self.unary(value) is not None:
            x, _, location = self.encoded(value)
            return self._widened(x, tensor_type(value).shape, location)
        found = self.arithmetic(value)
        if isinstance(found, Pair):
            shape = tensor_type(value).shape
            return self._total(self._widened(found.first, shape, found.location), self._widened(found.second, shape, found.location))
        return found

    def _widened(self, term: Term, shape: tuple[int, ...], location: Location) -> Accumulator:
        """A term as an accumulator of that shape."""
        factor = numpy.full((1,) if tensor_type(term.value).shape == shape else shape, -1 if term.scale < 0 else 1)

        def make(_: NDArray[numpy.int64]) -> Value:
            stored, _zero = narrow_constant(self.builder, factor)
            return create(self.builder, "graph.multiply_widening", [term.value, stored], location, x_zero_point=term.zero_point)

        zero = filled(Fraction(0), len(shape))
        return Accumulator(make, shape, filled(abs(term.scale), len(shape)), zero, None, term.greatest, OTHER, location)

    def _total(self, first: Accumulator, second: Accumulator) -> Accumulator:
        """The sum of two accumulators in their common unit.

        Raises:
            UnloweredError: their units are too far apart for 32 bits, or their shapes differ.
        """
        units, *factors = common_units(first.unit, second.unit)
        sides = list(zip((first, second), factors, strict=True))
        greatest = sum((a.greatest + int(numpy.abs(a.bias).max(initial=0) if a.bias is not None else 0)) * int(f.max()) for a, f in sides)
        if greatest > I32.greatest or first.shape != second.shape:
            raise UnloweredError("it adds sums of products whose scales are too far apart")
        location = fuse(first.location, second.location)

        def make(_: NDArray[numpy.int64]) -> Value:
            totals = [self._multiplied(a.create(a.bias if a.bias is not None else numpy.zeros(0, numpy.int64)), f, location) for a, f in sides]
            return create(self.builder, "graph.add", totals, location)

        return Accumulator(make, first.shape, units, first.offset + second.offset, None, greatest, OTHER, location)

    def _multiplied(self, value: Value, factors: NDArray[Any], location: Location) -> Value:
        if (factors == 1).all():
            return value
        return create(self.builder, "graph.multiply", [value, create_constant(self.builder, factors.astype(numpy.int64), I32)], location)

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
        greatest = x.greatest * int(numpy.abs(weight.numerator.reshape(len(rows), -1)).sum(axis=1).max(initial=0))
        none = numpy.zeros(shape[-1], numpy.int64)
        offset = filled(Fraction(0), len(shape))
        return with_addend(Accumulator(self._once(operation, make), shape, with_rank(unit, len(shape)), offset, none, greatest, role, operation.location), bias)

    def _once(self, operation: Operation, make: Callable[[NDArray[numpy.int64]], Value]) -> Callable[[NDArray[numpy.int64]], Value]:
        """The same integers for every quantize that reads them."""

        def create_once(bias: NDArray[numpy.int64]) -> Value:
            key = (operation, bias.tobytes())
            if key not in self._created:
                self._created[key] = make(bias)
            return self._created[key]

        return create_once

    def _sum(self, operation: Operation, make: Callable[[], Value], unit: Fraction | NDArray[Any], greatest: int, origin: str = OTHER) -> Accumulator:
        """An accumulator that takes no bias."""
        shape = tensor_type(operation.result).shape
        units = filled(unit, len(shape)) if isinstance(unit, Fraction) else with_rank(unit, len(shape))
        zero = filled(Fraction(0), len(shape))
        return Accumulator(self._once(operation, lambda _: make()), shape, units, zero, None, greatest, origin, operation.location)

    def matmul(self, operation: Operation) -> Accumulator:
        """The product of two computed matrices."""
        (x, origin, _), (y, other, _) = (self.encoded(operand) for operand in operation.operands)
        if tensor_type(x.value).element is not tensor_type(y.value).element:
            raise UnloweredError("it multiplies signed by unsigned integers")
        properties = {"x_zero_point": x.zero_point, "y_zero_point": y.zero_point, "result_type": I32}
        role = PRODUCT if origin == other == QUANTIZED else OTHER
        greatest = x.greatest * y.greatest * tensor_type(x.value).shape[-1]

        def make() -> Value:
            return create(self.builder, "graph.matmul", [x.value, y.value], operation.location, **properties)

        return self._sum(operation, make, x.scale * y.scale, greatest, role)

    def average_pool(self, operation: Operation) -> Accumulator:
        """A mean of windows: their sum, times one over their size; where sizes differ, sums are brought to one multiple first."""
        x, _, _ = self.encoded(operation.operands[0])
        counts = window_sizes(operation, tensor_type(operation.operands[0]).shape, tensor_type(operation.result).shape)
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
        return self._sum(operation, make, x.scale / common, x.greatest * common)

    def reduction(self, operation: Operation) -> Accumulator:
        """A mean or a sum over axes."""
        x, _, _ = self.encoded(operation.operands[0])
        axes = integers_of(operation, "axes")
        extents = tensor_type(operation.operands[0]).shape
        terms = prod(extents[axis] for axis in axes)
        unit = x.scale / terms if operation.name == "graph.reduce_mean" else x.scale
        properties = {"axes": axes, "x_zero_point": x.zero_point, "result_type": I32}

        def make() -> Value:
            return create(self.builder, "graph.reduce_sum", [x.value], operation.location, **properties)

        return self._sum(operation, make, unit, x.greatest * terms)

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

        return self._sum(operation, make, x.scale * y.scale, x.greatest * y.greatest)

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
        factors = with_rank(constant.values(), len(found.shape))
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

        return self._sum(operation, make, x.scale * units, x.greatest * int(numpy.abs(numbers).max(initial=0)))

    def addition(self, operation: Operation) -> Accumulator | Pair:
        """A sum or difference of two tensors, or of one and a constant."""
        sign = -1 if operation.name == "graph.subtract" else 1
        left, right = operation.operands
        constant = self.constant(right)
        if constant is not None:
            return self._added(operation, left, 1, negated(constant) if sign < 0 else constant)
        constant = self.constant(left)
        if constant is not None:
            return self._added(operation, right, sign, constant)
        if self.unary(left) is None or self.unary(right) is None:
            if sign < 0:
                raise UnloweredError("it subtracts sums of products")
            return attrs.evolve(self._total(self.accumulator(left), self.accumulator(right)), location=operation.location)
        (first, _, _), (second, _, _) = self.encoded(left), self.encoded(right)
        return Pair(first, attrs.evolve(second, scale=sign * second.scale), operation.location)

    def _added(self, operation: Operation, value: Value, sign: int, constant: ExactConstant) -> Accumulator | Pair:
        """sign * value + constant."""
        if self.unary(value) is None:
            if sign < 0:
                raise UnloweredError("a sum of products is subtracted")
            found = self.accumulator(value)
            return attrs.evolve(with_addend(found, constant), location=fuse(found.location, operation.location))
        x, _, _ = self.encoded(value)
        unit = uniform_unit(constant.unit)
        spread = int(constant.numerator.max(initial=0)) - int(constant.numerator.min(initial=0))
        if unit is not None and spread <= I8.greatest - I8.lowest:
            stored, zero_point = narrow_constant(self.builder, constant.numerator)
            low, high = int(constant.numerator.min()) + zero_point, int(constant.numerator.max()) + zero_point
            return Pair(attrs.evolve(x, scale=sign * x.scale), Term(stored, zero_point, unit, low, high), operation.location)
        one = ExactConstant(numpy.full((1,), sign), filled(Fraction(1), 1))
        shape = tensor_type(operation.result).shape
        if tensor_type(value).shape != shape:
            one = ExactConstant(numpy.full(shape, sign), filled(Fraction(1), len(shape)))
        return with_addend(self._scaled_integers(operation, value, one), constant)


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
