"""Loop-level modules for the tests of the passes below it: a small writer of loops, and the layers that the tests need.

An index is an affine expression over `AffineDimension(n)`, n counting the index values of the function in the order
of their making; `access` turns it into a map and operands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, as_expression
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    UnitAttribute,
)
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.location import UNKNOWN, Location, NameLocation
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.types import F32, I1, I8, I16, I32, I64, INDEX, FloatType, TensorType, Type

Array = NDArray[Any]
Index = AffineExpression | int
ELEMENTS: dict[str, Type] = {"int8": I8, "uint8": I8, "int16": I16, "int32": I32, "int64": I64, "float32": F32, "bool": I1}


@attrs.define
class Loop:
    """An open or closed loop: its index, its accumulators, and after closing its results."""

    index: AffineDimension
    accumulators: tuple[Value, ...]
    results: tuple[Value, ...] = ()
    yielded: tuple[Value, ...] = ()


class Program:
    """One network function under construction."""

    def __init__(self, name: str, inputs: dict[str, TensorType], outputs: dict[str, TensorType]) -> None:
        self.module = create_module()
        self.function = create_function(self.module, name, list(inputs.values()), list(outputs.values()))
        self.function.attributes["input_names"] = ArrayAttribute([StringAttribute(name) for name in inputs])
        self.function.attributes["output_names"] = ArrayAttribute([StringAttribute(name) for name in outputs])
        self.inputs = self.function.body.arguments
        for argument, hint in zip(self.inputs, inputs, strict=True):
            argument.name = hint
        self.block = self.function.body
        self.indices: list[Value] = []
        self.location: Location = UNKNOWN
        self.loops: list[Loop] = []

    @contextmanager
    def layer(self, name: str) -> Iterator[None]:
        """Operations made inside carry the name of the layer."""
        before, self.location = self.location, NameLocation(name)
        yield
        self.location = before

    def create(
        self,
        name: str,
        operands: Sequence[Value] = (),
        types: Sequence[Type] = (),
        properties: dict[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
    ) -> Operation:
        return Builder.at_end(self.block, self.location).create(name, operands, types, properties, regions)

    def access(self, expressions: Sequence[Index]) -> tuple[AffineMap, list[Value]]:
        """The expressions as a map over the index values that they use."""
        wanted = [as_expression(expression) for expression in expressions]
        used = sorted({position for expression in wanted for position in _dimensions(expression)})
        replacement: list[AffineExpression] = [AffineConstant(0)] * len(self.indices)
        for new, old in enumerate(used):
            replacement[old] = AffineDimension(new)
        return AffineMap(len(used), 0, [e.replace(replacement) for e in wanted]), [self.indices[old] for old in used]

    def new_index(self, value: Value) -> AffineDimension:
        self.indices.append(value)
        return AffineDimension(len(self.indices) - 1)

    @contextmanager
    def loop(
        self, lower: Index | Sequence[Index], upper: Index | Sequence[Index], accumulators: Sequence[Value] = (), parallel: bool = False
    ) -> Iterator[Loop]:
        lowers = [lower] if isinstance(lower, AffineExpression | int) else list(lower)
        uppers = [upper] if isinstance(upper, AffineExpression | int) else list(upper)
        lower_map, lower_operands = self.access(lowers)
        upper_map, upper_operands = self.access(uppers)
        body = Block([INDEX, *(value.type for value in accumulators)])
        segments = [len(lower_operands), len(upper_operands), len(accumulators)]
        properties: dict[str, Attribute] = {
            "lower_map": lower_map,
            "upper_map": upper_map,
            "step": IntegerAttribute(1, INDEX),
            "operandSegmentSizes": DenseArray(segments, I32),
        }
        if parallel:
            properties["parallel"] = UnitAttribute()
        operands = [*lower_operands, *upper_operands, *accumulators]
        operation = self.create("loop.for", operands, [value.type for value in accumulators], properties, [Region([body])])
        outer, self.block = self.block, body
        made = Loop(self.new_index(body.arguments[0]), body.arguments[1:])
        self.loops.append(made)
        yield made
        self.loops.pop()
        self.create("loop.yield", made.yielded)
        self.block = outer
        made.results = operation.results

    def yield_(self, *values: Value) -> None:
        self.loops[-1].yielded = values

    def constant(self, array: Array) -> Value:
        type = TensorType(array.shape, ELEMENTS[array.dtype.name])
        return self.create("arith.constant", (), [type], {"value": DenseElements(type, array.tobytes())}).result

    def scalar(self, value: int | float, type: Type) -> Value:
        attribute: Attribute = FloatAttribute.of(value, type) if isinstance(type, FloatType) else IntegerAttribute(int(value), type)
        return self.create("arith.constant", (), [type], {"value": attribute}).result

    def tensor(self, shape: Sequence[int], element: Type, name: str = "") -> Value:
        result = self.create("loop.tensor", (), [TensorType(shape, element)]).result
        result.name = name
        return result

    def read(self, tensor: Value, *indices: Index) -> Value:
        mapping, operands = self.access(indices)
        assert isinstance(tensor.type, TensorType)
        return self.create("loop.read", [tensor, *operands], [tensor.type.element], {"map": mapping}).result

    def define(self, value: Value, tensor: Value, *indices: Index) -> None:
        mapping, operands = self.access(indices)
        self.create("loop.define", [value, tensor, *operands], (), {"map": mapping})

    def reshape(self, tensor: Value, shape: Sequence[int]) -> Value:
        assert isinstance(tensor.type, TensorType)
        return self.create("loop.reshape", [tensor], [tensor.type.with_shape(shape)]).result

    def arith(self, name: str, *operands: Value, type: Type | None = None, **properties: Attribute) -> Value:
        return self.create(f"arith.{name}", operands, [type or operands[0].type], properties).result

    def widen(self, value: Value, type: Type = I32) -> Value:
        return self.arith("extsi", value, type=type)

    def finish(self, *results: Value) -> Operation:
        self.create("func.return", results)
        return self.module


def _dimensions(expression: AffineExpression) -> set[int]:
    if isinstance(expression, AffineDimension):
        return {expression.position}
    left, right = getattr(expression, "left", None), getattr(expression, "right", None)
    return (_dimensions(left) if left is not None else set()) | (_dimensions(right) if right is not None else set())


@attrs.frozen
class Fixed:
    """The requantization of a layer: ((acc * multiplier + (1 << (shift - 1))) >> shift) + zero_point, clamped to int8."""

    multiplier: tuple[int, ...]
    shift: int
    zero_point: int = 0
    low: int = -128

    def __call__(self, accumulator: Array) -> Array:
        product = accumulator.astype(numpy.int64) * numpy.array(self.multiplier, numpy.int64)
        result: Array = numpy.clip(((product + (1 << (self.shift - 1))) >> self.shift) + self.zero_point, self.low, 127).astype(numpy.int8)
        return result


def requantize(program: Program, accumulator: Value, multipliers: Value, channel: Index, fixed: Fixed) -> Value:
    """The arithmetic of `Fixed` on one accumulator."""
    p = program
    product = p.arith("muli", p.widen(accumulator, I64), p.widen(p.read(multipliers, channel), I64))
    rounded = p.arith("addi", product, p.scalar(1 << (fixed.shift - 1), I64))
    shifted = p.arith("trunci", p.arith("shrsi", rounded, p.scalar(fixed.shift, I64)), type=I32)
    moved = p.arith("addi", shifted, p.scalar(fixed.zero_point, I32)) if fixed.zero_point else shifted
    clamped = p.arith("minsi", p.arith("maxsi", moved, p.scalar(fixed.low, I32)), p.scalar(127, I32))
    return p.arith("trunci", clamped, type=I8)


@attrs.frozen
class Window:
    """How a convolution moves: (rows, columns) of stride, and padding (top, left, bottom, right)."""

    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)

    def outputs(self, height: int, width: int, kernel: tuple[int, int]) -> tuple[int, int]:
        return (
            (height + self.pad[0] + self.pad[2] - kernel[0]) // self.stride[0] + 1,
            (width + self.pad[1] + self.pad[3] - kernel[1]) // self.stride[1] + 1,
        )


@contextmanager
def window_loops(
    program: Program, at: tuple[Index, Index], size: tuple[int, int], kernel: tuple[int, int], window: Window, start: Value
) -> Iterator[tuple[AffineExpression, AffineExpression, AffineDimension, AffineDimension, Loop]]:
    """The two loops over the part of the window that lies inside; gives row and column of x, i, j and the inner loop.

    The body yields the new accumulator; the result stands in `program.window_result`.
    """
    p, q = as_expression(at[0]) * window.stride[0] - window.pad[0], as_expression(at[1]) * window.stride[1] - window.pad[1]
    rows: list[Index] = [kernel[0], size[0] - p]
    columns: list[Index] = [kernel[1], size[1] - q]
    with program.loop([0, -p], rows, [start]) as outer:
        with program.loop([0, -q], columns, outer.accumulators) as inner:
            yield p + outer.index, q + inner.index, outer.index, inner.index, inner
        program.yield_(*inner.results)
    inner.results = outer.results


def convolution(
    program: Program, x: Value, weight: Array, bias: Array, zero_point: int, window: Window, fixed: Fixed
) -> Value:
    """int8 [1, h, w, c] with weights [o, kh, kw, c] -> int8 [1, p, q, o]."""
    assert isinstance(x.type, TensorType)
    outputs, kh, kw, channels = weight.shape
    p_extent, q_extent = window.outputs(x.type.shape[1], x.type.shape[2], (kh, kw))
    w, b, m = program.constant(weight), program.constant(bias), program.constant(numpy.array(fixed.multiplier, numpy.int32))
    zero = program.scalar(zero_point, I32)
    y = program.tensor((1, p_extent, q_extent, outputs), I8)
    with program.loop(0, p_extent, parallel=True) as p, program.loop(0, q_extent, parallel=True) as q, program.loop(0, outputs, parallel=True) as o:
        start = program.read(b, o.index)
        size = (x.type.shape[1], x.type.shape[2])
        with window_loops(program, (p.index, q.index), size, (kh, kw), window, start) as (row, column, i, j, inner):
            with program.loop(0, channels, inner.accumulators) as k:
                value = program.arith("subi", program.widen(program.read(x, 0, row, column, k.index)), zero)
                term = program.arith("muli", value, program.widen(program.read(w, o.index, i, j, k.index)))
                program.yield_(program.arith("addi", k.accumulators[0], term))
            program.yield_(*k.results)
        program.define(requantize(program, inner.results[0], m, o.index, fixed), y, 0, p.index, q.index, o.index)
    return y


def depthwise(
    program: Program, x: Value, weight: Array, bias: Array, zero_point: int, window: Window, fixed: Fixed
) -> Value:
    """int8 [1, h, w, c] with weights [kh, kw, c] -> int8 [1, p, q, c]."""
    assert isinstance(x.type, TensorType)
    kh, kw, channels = weight.shape
    p_extent, q_extent = window.outputs(x.type.shape[1], x.type.shape[2], (kh, kw))
    w, b, m = program.constant(weight), program.constant(bias), program.constant(numpy.array(fixed.multiplier, numpy.int32))
    zero = program.scalar(zero_point, I32)
    y = program.tensor((1, p_extent, q_extent, channels), I8)
    with program.loop(0, p_extent, parallel=True) as p, program.loop(0, q_extent, parallel=True) as q, program.loop(0, channels, parallel=True) as c:
        start = program.read(b, c.index)
        size = (x.type.shape[1], x.type.shape[2])
        with window_loops(program, (p.index, q.index), size, (kh, kw), window, start) as (row, column, i, j, inner):
            value = program.arith("subi", program.widen(program.read(x, 0, row, column, c.index)), zero)
            term = program.arith("muli", value, program.widen(program.read(w, i, j, c.index)))
            program.yield_(program.arith("addi", inner.accumulators[0], term))
        program.define(requantize(program, inner.results[0], m, c.index, fixed), y, 0, p.index, q.index, c.index)
    return y


def dense(program: Program, x: Value, weight: Array, bias: Array, zero_point: int, fixed: Fixed) -> Value:
    """int8 [1, k] with weights [o, k] -> int8 [1, o]."""
    outputs, depth = weight.shape
    w, b, m = program.constant(weight), program.constant(bias), program.constant(numpy.array(fixed.multiplier, numpy.int32))
    zero = program.scalar(zero_point, I32)
    y = program.tensor((1, outputs), I8)
    with program.loop(0, outputs, parallel=True) as o:
        with program.loop(0, depth, [program.read(b, o.index)]) as k:
            value = program.arith("subi", program.widen(program.read(x, 0, k.index)), zero)
            term = program.arith("muli", value, program.widen(program.read(w, o.index, k.index)))
            program.yield_(program.arith("addi", k.accumulators[0], term))
        program.define(requantize(program, k.results[0], m, o.index, fixed), y, 0, o.index)
    return y


def reference_convolution(
    x: Array, weight: Array, bias: Array, zero_point: int, window: Window, fixed: Fixed
) -> Array:
    """What `convolution` means, in numpy: x is [h, w, c]."""
    top, left, bottom, right = window.pad
    outputs, kh, kw, _ = weight.shape
    rows, columns = window.outputs(x.shape[0], x.shape[1], (kh, kw))
    padded = numpy.pad(x.astype(numpy.int64) - zero_point, ((top, bottom), (left, right), (0, 0)))
    y = numpy.empty((rows, columns, outputs), numpy.int64)
    for p in range(rows):
        for q in range(columns):
            patch = padded[p * window.stride[0] :, q * window.stride[1] :][:kh, :kw]
            y[p, q] = (patch[None] * weight.astype(numpy.int64)).sum((1, 2, 3)) + bias
    return fixed(y)


def reference_depthwise(
    x: Array, weight: Array, bias: Array, zero_point: int, window: Window, fixed: Fixed
) -> Array:
    """What `depthwise` means, in numpy: x is [h, w, c]."""
    top, left, bottom, right = window.pad
    kh, kw, channels = weight.shape
    rows, columns = window.outputs(x.shape[0], x.shape[1], (kh, kw))
    padded = numpy.pad(x.astype(numpy.int64) - zero_point, ((top, bottom), (left, right), (0, 0)))
    y = numpy.empty((rows, columns, channels), numpy.int64)
    for p in range(rows):
        for q in range(columns):
            patch = padded[p * window.stride[0] :, q * window.stride[1] :][:kh, :kw]
            y[p, q] = (patch * weight.astype(numpy.int64)).sum((0, 1)) + bias
    return fixed(y)
