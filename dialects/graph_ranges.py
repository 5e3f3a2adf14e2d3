"""Which integers a tensor of the graph level can hold, channel by channel (the channels are the last axis).

Network inputs hold all values of their type; every operation is followed exactly or outwards.  A sum of products is kept as
its terms, `LinearTerms`: from them come the range of the sum, the obligation that no order of summation overflows, and the
proof that a channel is constant.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.dialects.graph_integers import tensor_type
from tinyir.interp.equations import dense_array
from tinyir.ir.attributes import DenseElements
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import integer_of, integers_of, number_of, requantizations
from tinyir.ir.types import IntegerType, QuantizedType
from tinyir.prove.ranges import dot_range

Integers = NDArray[numpy.int64]


@attrs.frozen(eq=False)
class ChannelRange:
    """Least and greatest value of each channel: int64[channels], one channel where there is no axis."""

    low: Integers
    high: Integers

    @property
    def hull(self) -> tuple[int, int]:
        """Least and greatest value of all channels."""
        return int(self.low.min()), int(self.high.max())

    def joined(self) -> ChannelRange:
        """One range for all channels."""
        low, high = self.hull
        return ChannelRange(numpy.array([low]), numpy.array([high]))

    def with_value(self, value: int) -> ChannelRange:
        """With one more value in each channel."""
        return ChannelRange(numpy.minimum(self.low, value), numpy.maximum(self.high, value))

    def spread(self, channels: int) -> ChannelRange:
        """One range repeated for a number of channels."""
        return ChannelRange(numpy.broadcast_to(self.low, (channels,)), numpy.broadcast_to(self.high, (channels,)))


@attrs.frozen(eq=False)
class LinearTerms:
    """bias[o] + sum over k of weights[o, k] * x[k] with x[k] in [x_low, x_high]: shapes as in `dot_range`, or one row for all channels."""

    weights: Integers
    x_low: Integers
    x_high: Integers
    bias: Integers

    def of_channels(self, chosen: NDArray[numpy.bool_]) -> LinearTerms:
        """The rows of the chosen channels, the mask having one element for each channel; ranges are given for each row."""
        rows, terms = chosen.size, self.weights.shape[1]
        weights, low, high = (numpy.broadcast_to(a, (rows, terms))[chosen] for a in (self.weights, self.x_low, self.x_high))
        return LinearTerms(weights, low, high, numpy.broadcast_to(self.bias, (rows,))[chosen])


def channels_of(value: Value) -> int:
    """The extent of the last axis; 1 where there is none."""
    shape = tensor_type(value).shape
    return shape[-1] if shape else 1


def constant_array(value: Value) -> Integers | None:
    """The elements of a constant of integers; None if the value is none."""
    definer = value.definer
    if definer is None or definer.name != "graph.constant":
        return None
    elements = definer.properties["value"]
    assert isinstance(elements, DenseElements)
    array = dense_array(elements)
    return array.astype(numpy.int64) if array.dtype.kind in "iu" else None


class GraphRanges:
    """The ranges of the integer tensors of a function, found when they are asked for and kept."""

    def __init__(self) -> None:
        self._known: dict[Value, ChannelRange] = {}

    def of(self, value: Value) -> ChannelRange:
        """The range of each channel of a tensor of integers (or of a quantized type)."""
        pending = [value]
        while pending:
            current = pending[-1]
            definer = current.definer
            waiting = [] if definer is None else [o for o in definer.operands if o not in self._known and _is_integer(o)]
            if waiting and current not in self._known:
                pending += waiting
                continue
            if current not in self._known:
                self._known[current] = self._find(current)
            pending.pop()
        return self._known[value]

    def _find(self, value: Value) -> ChannelRange:
        definer = value.definer
        transfer = _TRANSFERS.get(definer.name) if definer is not None else None
        if definer is None or transfer is None:
            return _whole(value)
        found = transfer(self, definer).spread(channels_of(value))
        whole = _whole(value)
        return found if (found.low >= whole.low).all() and (found.high <= whole.high).all() else whole

    def exact_hull(self, operation: Operation) -> tuple[int, int]:
        """Least and greatest result of an operation before it is made to fit its type."""
        transfer = _TRANSFERS.get(operation.name)
        return (transfer(self, operation) if transfer is not None else _whole(operation.result)).hull

    def terms(self, operation: Operation) -> LinearTerms | None:
        """The terms of an operation that is a sum of products; None if it is none."""
        known = _LINEAR.get(operation.name)
        return known(self, operation) if known is not None else None


def _is_integer(value: Value) -> bool:
    return isinstance(tensor_type(value).element, IntegerType | QuantizedType)


def _whole(value: Value) -> ChannelRange:
    element = tensor_type(value).element
    assert isinstance(element, IntegerType | QuantizedType)
    return ChannelRange(numpy.array([element.lowest]), numpy.array([element.greatest])).spread(channels_of(value))


# -- sums of products


def _taps(extent: int, results: int, kernel: int, stride: int, dilation: int, before: int) -> NDArray[numpy.bool_]:
    """For each position of a kernel along one axis: whether it ever lies outside."""
    first = numpy.arange(kernel) * dilation - before
    return (first < 0) | (first + (results - 1) * stride >= extent)


def padded_taps(operation: Operation, kernel: tuple[int, ...]) -> NDArray[numpy.bool_]:
    """bool[kernel rows, kernel columns]: which positions of a window ever lie in the padding."""
    source, result = tensor_type(operation.operands[0]).shape, tensor_type(operation.result).shape
    stride, dilation = integers_of(operation, "stride", (1, 1)), integers_of(operation, "dilation", (1, 1))
    pad = integers_of(operation, "pad", (0, 0, 0, 0))
    rows, columns = (_taps(source[1 + a], result[1 + a], kernel[a], stride[a], dilation[a], pad[a]) for a in (0, 1))
    return rows[:, None] | columns[None, :]


def _window_terms(ranges: GraphRanges, operation: Operation, kernel: tuple[int, ...]) -> tuple[Integers, Integers]:
    """int64[rows, columns, channels]: the ranges of the input less its zero point, with 0 where padding may stand."""
    x, zero = ranges.of(operation.operands[0]), integer_of(operation, "x_zero_point")
    padded = padded_taps(operation, kernel)[:, :, None]
    low, high = x.low - zero, x.high - zero
    return numpy.where(padded, numpy.minimum(low, 0), low), numpy.where(padded, numpy.maximum(high, 0), high)


def _convolution(ranges: GraphRanges, operation: Operation) -> LinearTerms | None:
    weight, bias = (constant_array(operand) for operand in operation.operands[1:3])
    if weight is None or bias is None:
        return None
    weight = weight - integer_of(operation, "weight_zero_point")
    outputs, rows, columns, depth = weight.shape
    low, high = _window_terms(ranges, operation, (rows, columns))
    groups = integer_of(operation, "groups", 1)
    if groups > 1:  # [rows, columns, groups, depth] -> [outputs, rows, columns, depth]
        low, high = (numpy.repeat(numpy.moveaxis(a.reshape(rows, columns, groups, depth), 2, 0), outputs // groups, 0) for a in (low, high))
        return LinearTerms(weight.reshape(outputs, -1), low.reshape(outputs, -1), high.reshape(outputs, -1), bias)
    return LinearTerms(weight.reshape(outputs, -1), low.reshape(-1), high.reshape(-1), bias)


def _dense(ranges: GraphRanges, operation: Operation) -> LinearTerms | None:
    weight, bias = (constant_array(operand) for operand in operation.operands[1:3])
    if weight is None or bias is None:
        return None
    x, zero = ranges.of(operation.operands[0]), integer_of(operation, "x_zero_point")
    return LinearTerms(weight - integer_of(operation, "weight_zero_point"), x.low - zero, x.high - zero, bias)


def _ones(low: Integers, high: Integers) -> LinearTerms:
    """A plain sum of [channels, terms]."""
    return LinearTerms(numpy.ones(low.shape, numpy.int64), low, high, numpy.zeros(low.shape[0], numpy.int64))


def _sum_pool(ranges: GraphRanges, operation: Operation) -> LinearTerms:
    low, high = _window_terms(ranges, operation, integers_of(operation, "kernel"))
    return _ones(*(numpy.moveaxis(a, 2, 0).reshape(a.shape[2], -1) for a in (low, high)))


def _reduce_sum(ranges: GraphRanges, operation: Operation) -> LinearTerms:
    x, zero = ranges.of(operation.operands[0]), integer_of(operation, "x_zero_point")
    shape, axes = tensor_type(operation.operands[0]).shape, integers_of(operation, "axes")
    last = len(shape) - 1
    if last in axes:
        others = prod(shape[axis] for axis in axes if axis != last)
        return _ones(*(numpy.tile(a - zero, others)[None, :] for a in (x.low, x.high)))
    count = prod(shape[axis] for axis in axes)
    return _ones(*(numpy.repeat((a - zero)[:, None], count, 1) for a in (x.low, x.high)))


def _matmul(ranges: GraphRanges, operation: Operation) -> LinearTerms:
    terms = tensor_type(operation.operands[0]).shape[-1]
    product = _product(_less(ranges, operation, 0, "x_zero_point").joined(), _less(ranges, operation, 1, "y_zero_point").joined())
    return _ones(*(numpy.repeat(a[None, :], terms, 1) for a in (product.low, product.high)))


_LINEAR: dict[str, Callable[[GraphRanges, Operation], LinearTerms | None]] = {
    "graph.conv2d": _convolution,
    "graph.dense": _dense,
    "graph.sum_pool2d": _sum_pool,
    "graph.reduce_sum": _reduce_sum,
    "graph.matmul": _matmul,
}


def _linear(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    terms = ranges.terms(operation)
    if terms is None:
        return _whole(operation.result)
    found = dot_range(terms.weights, terms.x_low, terms.x_high, terms.bias)
    return ChannelRange(found.low, found.high)


# -- everything else


def _less(ranges: GraphRanges, operation: Operation, index: int, zero_point: str) -> ChannelRange:
    """An operand less its zero point."""
    x, zero = ranges.of(operation.operands[index]), integer_of(operation, zero_point)
    return ChannelRange(x.low - zero, x.high - zero)


def _product(a: ChannelRange, b: ChannelRange) -> ChannelRange:
    ends = numpy.stack(numpy.broadcast_arrays(a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high))
    return ChannelRange(ends.min(axis=0), ends.max(axis=0))


def _multiply(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    return _product(_less(ranges, operation, 0, "x_zero_point"), _less(ranges, operation, 1, "y_zero_point"))


def _add(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    a, b = (ranges.of(operand) for operand in operation.operands)
    return ChannelRange(a.low + b.low, a.high + b.high)


def _constant(_: GraphRanges, operation: Operation) -> ChannelRange:
    array = constant_array(operation.result)
    assert array is not None
    rows = array.reshape(-1, channels_of(operation.result))
    return ChannelRange(rows.min(axis=0), rows.max(axis=0)) if rows.size else _whole(operation.result)


def _requantize(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, meanings = ranges.of(operation.operands[0]), requantizations(operation)
    pairs = [(meanings[i if len(meanings) > 1 else 0], int(a), int(b)) for i, (a, b) in enumerate(zip(x.low, x.high, strict=True))]
    return ChannelRange(numpy.array([m(a) for m, a, _ in pairs]), numpy.array([m(b) for m, _, b in pairs]))


def _between(_: GraphRanges, operation: Operation) -> ChannelRange:
    """What its properties allow."""
    return ChannelRange(*(numpy.array([integer_of(operation, name)]) for name in ("low", "high")))


def _thresholds(_: GraphRanges, operation: Operation) -> ChannelRange:
    low = integer_of(operation, "low")
    return ChannelRange(numpy.array([low]), numpy.array([low + channels_of(operation.operands[1])]))


def _add_fixed(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, y = _less(ranges, operation, 0, "x_zero_point"), _less(ranges, operation, 1, "y_zero_point")
    names = ("x_multiplier", "y_multiplier", "rounding", "shift", "zero_point", "low", "high")
    mx, my, rounding, shift, zero, low, high = (integer_of(operation, name) for name in names)
    first, second = (_product(a, ChannelRange(numpy.array([m]), numpy.array([m]))) for a, m in ((x, mx), (y, my)))
    ends = [((a + b + rounding) >> shift) + zero for a, b in ((first.low, second.low), (first.high, second.high))]
    return ChannelRange(*(numpy.clip(end, low, high) for end in ends))


def _lookup(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, table = ranges.of(operation.operands[0]), constant_array(operation.operands[1])
    element = tensor_type(operation.operands[0]).element
    if table is None:
        return _whole(operation.result)
    assert isinstance(element, IntegerType | QuantizedType)
    entries = [table[a - element.lowest : b - element.lowest + 1] for a, b in zip(x.low, x.high, strict=True)]
    return ChannelRange(numpy.array([e.min() for e in entries]), numpy.array([e.max() for e in entries]))


def _clamp(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x = ranges.of(operation.operands[0])
    low, high = (int(number_of(operation, name)) for name in ("low", "high"))
    return ChannelRange(numpy.clip(x.low, low, high), numpy.clip(x.high, low, high))


def _relu(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x = ranges.of(operation.operands[0])
    return ChannelRange(numpy.maximum(x.low, 0), numpy.maximum(x.high, 0))


def _extremum(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    a, b = (ranges.of(operand) for operand in operation.operands)
    choose: Any = numpy.maximum if operation.name == "graph.maximum" else numpy.minimum
    return ChannelRange(choose(a.low, b.low), choose(a.high, b.high))


def _moved(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, offset = ranges.of(operation.operands[0]), int(number_of(operation, "offset"))
    return ChannelRange(x.low + offset, x.high + offset)


def _same(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    return ranges.of(operation.operands[0])


def _reduced(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, last = ranges.of(operation.operands[0]), len(tensor_type(operation.operands[0]).shape) - 1
    return x.joined() if last in integers_of(operation, "axes") else x


def _reshape(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    """Row-major: the channel of an element is its place modulo the number of channels."""
    x = ranges.of(operation.operands[0])
    before, after = len(x.low), channels_of(operation.result)
    if before and after % before == 0:
        return ChannelRange(*(numpy.tile(a, after // before) for a in (x.low, x.high)))
    if after and before % after == 0:
        return ChannelRange(x.low.reshape(-1, after).min(axis=0), x.high.reshape(-1, after).max(axis=0))
    return x.joined()


def _transpose(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, order = ranges.of(operation.operands[0]), integers_of(operation, "permutation")
    return x if not order or order[-1] == len(order) - 1 else x.joined()


def _slice(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, start, step = ranges.of(operation.operands[0]), integers_of(operation, "start"), integers_of(operation, "step")
    if not start:
        return x
    places = start[-1] + step[-1] * numpy.arange(channels_of(operation.result))
    return ChannelRange(x.low[places], x.high[places])


def _pad(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    x, fill = ranges.of(operation.operands[0]), int(number_of(operation, "value"))
    low, high = integers_of(operation, "low"), integers_of(operation, "high")
    if any(low[:-1]) or any(high[:-1]):
        x = x.with_value(fill)
    before, after = (numpy.full(n, fill) for n in (low[-1], high[-1]))
    return ChannelRange(*(numpy.concatenate([before, a, after]) for a in (x.low, x.high)))


def _concat(ranges: GraphRanges, operation: Operation) -> ChannelRange:
    parts = [ranges.of(operand) for operand in operation.operands]
    if integer_of(operation, "axis") == len(tensor_type(operation.result).shape) - 1:
        return ChannelRange(numpy.concatenate([p.low for p in parts]), numpy.concatenate([p.high for p in parts]))
    return ChannelRange(numpy.min([p.low for p in parts], axis=0), numpy.max([p.high for p in parts], axis=0))


_TRANSFERS: dict[str, Callable[[GraphRanges, Operation], ChannelRange]] = {
    **dict.fromkeys(_LINEAR, _linear),
    "graph.constant": _constant,
    "graph.requantize": _requantize,
    "graph.requantize_thresholds": _thresholds,
    "graph.add_fixed": _add_fixed,
    "graph.lookup": _lookup,
    "graph.clamp": _clamp,
    "graph.relu": _relu,
    "graph.move_zero_point": _moved,
    "graph.add": _add,
    "graph.multiply": _multiply,
    "graph.multiply_widening": _multiply,
    "graph.reshape": _reshape,
    "graph.transpose": _transpose,
    "graph.slice": _slice,
    "graph.pad": _pad,
    "graph.concat": _concat,
    **dict.fromkeys(("graph.reinterpret", "graph.max_pool2d", "graph.broadcast"), _same),
    **dict.fromkeys(("graph.reduce_max", "graph.reduce_min"), _reduced),
    **dict.fromkeys(("graph.maximum", "graph.minimum"), _extremum),
    **dict.fromkeys(
        (
            "graph.requantize_fixed",
            "graph.requantize_high",
            "graph.requantize_division",
            "graph.requantize_half_even",
            "graph.add_half_even",
            "graph.add_division",
            "graph.softmax_quantized",
            "graph.softmax_quantized_short",
        ),
        _between,
    ),
}
