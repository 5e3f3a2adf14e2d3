"""The operators that compute, over exact tensors.

A float graph input that nothing has quantized yet is binary32: the elementwise operators and pools in front of the first
QuantizeLinear round as binary32 does (sums in row-major order), because that is what a float model means there.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod

import attrs
import numpy as np

from tests.oracle import reals
from tests.oracle.graph import Node
from tests.oracle.layout import Inputs, Value, axes_of, operand
from tests.oracle.rational import (
    Array,
    Exact,
    Role,
    add,
    exact,
    integer_matmul,
    maximum,
    minimum,
    multiply,
    negate,
    scale_by,
    uniform,
)
from tests.oracle.windows import Windows, read_windows, sliding


def _is_float32(inputs: Inputs) -> bool:
    return not any(isinstance(value, Exact) for value in inputs)


def _float32(value: Value | None) -> Array:
    return value if isinstance(value, np.ndarray) else np.zeros((), np.float32)


def _role_of_product(left: Exact, right: Exact) -> Role:
    return Role.PRODUCT if left.role is right.role is Role.QUANTIZED else Role.OTHER


def _float32_of(unit: Fraction) -> Fraction:
    return Fraction(float(np.float32(float(unit))))  # a product of two binary32 is exact in binary64: one rounding


_same_in_float32 = np.frompyfunc(lambda product, bias: _float32_of(product) == bias, 2, 1)


def _selection(data: Exact, numerator: Array) -> Exact:
    """Some of the elements of `data`, or zeros: still the image of a quantized tensor if `data` is one."""
    return exact(numerator, data.unit, data.role if data.role is Role.QUANTIZED else Role.OTHER)


def add_bias(total: Exact, bias: Exact) -> Exact:
    """total + bias. An int32 bias whose scale is float32(s_x * s_w) counts as one at the exact product s_x * s_w."""
    if total.role is Role.PRODUCT and bias.role is Role.BIAS:
        same = _same_in_float32(total.unit, bias.unit).astype(bool)
        unit = np.where(same, np.broadcast_to(total.unit, same.shape), np.broadcast_to(bias.unit, same.shape))
        spread = np.broadcast_shapes(unit.shape, bias.shape)
        bias = exact(np.broadcast_to(bias.numerator, spread), unit)
    return add(total, bias)


def convolution(node: Node, inputs: Inputs) -> Value:
    data, weight = operand(inputs[0]), operand(inputs[1])
    everywhere = uniform(data, range(data.numerator.ndim))
    per_output = uniform(weight, range(1, weight.numerator.ndim))
    windows = read_windows(node, data.shape[2:], weight.shape[2:])
    total = _grouped_product(everywhere.numerator, per_output.numerator, windows, node.attribute("group", 1))
    unit = everywhere.unit * np.moveaxis(per_output.unit, 0, 1)
    result = exact(total, unit, _role_of_product(data, weight))
    if len(inputs) < 3 or inputs[2] is None:
        return result
    bias = operand(inputs[2])
    spread = (1, -1) + (1,) * (data.numerator.ndim - 2)
    units = bias.unit.reshape(spread) if bias.unit.size > 1 else bias.unit.reshape((1,) * len(spread))
    return add_bias(result, attrs.evolve(bias, numerator=bias.numerator.reshape(spread), unit=units))


def _grouped_product(data: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """[n, c, spatial...] * [o, c / groups, kernel...] -> [n, o, windows...], one matrix product per group."""
    samples, outputs, size = data.shape[0], weight.shape[0], prod(windows.counts)
    view = sliding(data, windows, 0)  # [n, c, windows..., kernel...]
    spatial = len(windows.kernel)
    view = view.reshape(samples, groups, weight.shape[1], size, prod(windows.kernel)) if view.size else view
    columns = np.moveaxis(view, 3, 2).reshape(samples, groups, size, -1)
    rows = weight.reshape(1, groups, outputs // groups, -1)
    product = integer_matmul(columns, np.swapaxes(rows, 2, 3))  # [n, groups, windows, o / groups]
    return np.swapaxes(product, 2, 3).reshape((samples, outputs, *windows.counts[:spatial]))


def matmul(_node: Node, inputs: Inputs) -> Value:
    left, right = operand(inputs[0]), operand(inputs[1])
    rows = left if left.numerator.ndim > 1 else _expanded(left, 0)
    columns = right if right.numerator.ndim > 1 else _expanded(right, 1)
    product = _matrix_product(rows, columns)
    dropped = ([-2] if left.numerator.ndim == 1 else []) + ([-1] if right.numerator.ndim == 1 else [])
    if dropped:
        numerator, unit = (np.squeeze(array, axis=tuple(dropped)) for array in (product.numerator, product.unit))
        return exact(numerator, unit, product.role)
    return product


def _expanded(tensor: Exact, axis: int) -> Exact:
    return attrs.evolve(tensor, numerator=np.expand_dims(tensor.numerator, axis), unit=np.expand_dims(tensor.unit, axis))


def _matrix_product(left: Exact, right: Exact) -> Exact:
    rows = uniform(left, [left.numerator.ndim - 1])
    columns = uniform(right, [right.numerator.ndim - 2])
    return exact(integer_matmul(rows.numerator, columns.numerator), rows.unit * columns.unit, _role_of_product(left, right))


def gemm(node: Node, inputs: Inputs) -> Value:
    left, right = (_transposed(operand(value), node.attribute(flag, 0)) for value, flag in zip(inputs, ("transA", "transB"), strict=False))
    alpha, beta = (Fraction(node.attribute(name, 1.0)) for name in ("alpha", "beta"))
    product = _matrix_product(left, right)
    product = product if alpha == 1 else scale_by(product, alpha)
    if len(inputs) < 3 or inputs[2] is None:
        return product
    bias = operand(inputs[2])
    return add_bias(product, bias if beta == 1 else scale_by(bias, beta))


def _transposed(tensor: Exact, flag: int) -> Exact:
    return attrs.evolve(tensor, numerator=tensor.numerator.T, unit=tensor.unit.T) if flag else tensor


def addition(_node: Node, inputs: Inputs) -> Value:
    if _is_float32(inputs):
        return np.add(_float32(inputs[0]), _float32(inputs[1]))
    left, right = operand(inputs[0]), operand(inputs[1])
    return add_bias(right, left) if left.role is Role.BIAS else add_bias(left, right)


def subtraction(_node: Node, inputs: Inputs) -> Value:
    if _is_float32(inputs):
        return np.subtract(_float32(inputs[0]), _float32(inputs[1]))
    return add(operand(inputs[0]), negate(operand(inputs[1])))


def multiplication(_node: Node, inputs: Inputs) -> Value:
    if _is_float32(inputs):
        return np.multiply(_float32(inputs[0]), _float32(inputs[1]))
    return multiply(operand(inputs[0]), operand(inputs[1]))


def relu(_node: Node, inputs: Inputs) -> Value:
    data = inputs[0]
    if isinstance(data, Exact):
        return _selection(data, np.maximum(data.numerator, 0))
    return np.maximum(_float32(data), np.zeros((), _float32(data).dtype))


def clip(node: Node, inputs: Inputs) -> Value:
    """Bounds are inputs (opset 11 and later) or attributes; either may be left out."""
    result = inputs[0]
    for place, name, bounded, bounded_array in ((1, "min", maximum, np.maximum), (2, "max", minimum, np.minimum)):
        bound = inputs[place] if len(inputs) > place else None
        if name in node.attributes:
            bound = np.array(node.attributes[name], np.float32)
        if bound is not None and isinstance(result, Exact):
            result = bounded(result, operand(bound))
        elif bound is not None:
            result = bounded_array(_float32(result), _float32(bound))
    return operand(result) if isinstance(result, Exact) else _float32(result)


def max_pool(node: Node, inputs: Inputs) -> Value:
    data = inputs[0]
    spatial = list(range(2, len(data.shape))) if data is not None else []
    if not isinstance(data, Exact):
        array = _float32(data)
        lowest = -np.inf if array.dtype.kind == "f" else np.iinfo(array.dtype).min
        return _greatest(sliding(array, read_windows(node, array.shape[2:], node.attributes["kernel_shape"]), lowest), len(spatial))
    data = uniform(data, spatial)
    windows = read_windows(node, data.shape[2:], node.attributes["kernel_shape"])
    _window_sizes(windows, data.shape[2:], count_include_pad=0)
    return _selection(data, _greatest(sliding(data.numerator, windows, _below(data.numerator)), len(spatial)))


def _below(numerator: Array) -> int:
    return int(numerator.min()) - 1


def _greatest(view: Array, spatial: int) -> Array:
    return np.asarray(view.max(axis=tuple(range(-spatial, 0))))


def average_pool(node: Node, inputs: Inputs) -> Value:
    data = inputs[0]
    shape = data.shape if data is not None else ()
    windows = read_windows(node, shape[2:], node.attributes["kernel_shape"])
    counts = _window_sizes(windows, shape[2:], node.attribute("count_include_pad", 0))
    kernel_axes = tuple(range(-len(windows.kernel), 0))
    if not isinstance(data, Exact):
        return _average_in_float32(sliding(_float32(data), windows, 0), counts, len(kernel_axes))
    data = uniform(data, range(2, len(shape)))
    total = sliding(data.numerator, windows, 0).sum(axis=kernel_axes)
    if len(np.unique(counts)) == 1:
        return exact(total, data.unit / int(counts.ravel()[0]))
    return exact(total, data.unit / counts.astype(object))


def _average_in_float32(view: Array, counts: Array, spatial: int) -> Array:
    terms = view.reshape((*view.shape[:-spatial], -1))
    total = np.zeros(terms.shape[:-1], np.float32)
    for place in range(terms.shape[-1]):
        total = total + terms[..., place]
    return np.divide(total, counts.astype(np.float32))


def _window_sizes(windows: Windows, spatial: Sequence[int], count_include_pad: int) -> Array:
    """How many elements each window counts: those inside, and those of the padding if asked (never the overhang).

    Raises ValueError for a window without any: it has neither a maximum nor an average.
    """
    ones = np.ones((1, 1, *spatial), np.int64)
    if count_include_pad:
        pads = [(0, 0), (0, 0), *zip(windows.before, windows.after, strict=True)]
        ones = np.pad(ones, pads, constant_values=1)
        windows = attrs.evolve(windows, before=(0,) * len(spatial), after=(0,) * len(spatial))
    counts = np.asarray(sliding(ones, windows, 0).sum(axis=tuple(range(-len(spatial), 0))))
    if not counts.all():
        raise ValueError("a window lies outside of the image")
    return counts


def global_average_pool(_node: Node, inputs: Inputs) -> Value:
    data = operand(inputs[0])
    return _mean(data, range(2, data.numerator.ndim), keep=True)


def global_max_pool(_node: Node, inputs: Inputs) -> Value:
    axes = range(2, operand(inputs[0]).numerator.ndim)
    data = uniform(operand(inputs[0]), axes)
    return _selection(data, data.numerator.max(axis=tuple(axes), keepdims=True))


def reduce_mean(node: Node, inputs: Inputs) -> Value:
    data = operand(inputs[0])
    rank = data.numerator.ndim
    axes = axes_of(node, inputs, [] if node.attribute("noop_with_empty_axes", 0) else range(rank))
    return _mean(data, [axis % rank for axis in axes], keep=bool(node.attribute("keepdims", 1)))


def _mean(data: Exact, axes: Sequence[int], keep: bool) -> Exact:
    data = uniform(data, axes)
    total = data.numerator.sum(axis=tuple(axes), keepdims=True)
    unit = data.unit / prod(data.shape[axis] for axis in axes)
    if not keep:
        total, unit = np.squeeze(total, tuple(axes)), np.squeeze(unit, tuple(axes))
    return exact(np.asarray(total), unit)


def sigmoid(_node: Node, inputs: Inputs) -> Value:
    return reals.elementwise(reals.sigmoid, operand(inputs[0]))


def tanh(_node: Node, inputs: Inputs) -> Value:
    return reals.elementwise(reals.tanh, operand(inputs[0]))


def softmax(node: Node, inputs: Inputs, bits: int = reals.PRECISION_BITS) -> Value:
    """Along one axis; before opset 13 over everything from that axis on."""
    data = operand(inputs[0])
    rank = data.numerator.ndim
    if node.opset >= 13:
        return reals.softmax(data, node.attribute("axis", -1) % rank, bits)
    axis = node.attribute("axis", 1) % rank
    rows = uniform(data, range(axis, rank))
    flat = exact(rows.numerator.reshape((*data.shape[:axis], -1)), rows.unit.reshape((*rows.unit.shape[:axis], 1)))
    result = reals.softmax(flat, axis, bits)
    return exact(result.numerator.reshape(data.shape), result.unit.reshape(result.unit.shape[:axis] + (1,) * (rank - axis)))


ARITHMETIC: dict[str, Callable[[Node, Inputs], Value]] = {
    "Add": addition,
    "AveragePool": average_pool,
    "Clip": clip,
    "Conv": convolution,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "Mul": multiplication,
    "ReduceMean": reduce_mean,
    "Relu": relu,
    "Sigmoid": sigmoid,
    "Softmax": softmax,
    "Sub": subtraction,
    "Tanh": tanh,
}
