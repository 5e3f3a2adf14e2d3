"""Convolutions and pools: channels first in ONNX, channels last in the graph dialect."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.frontend.thin_importer import Importer, shape_of
from tinyir.frontend.thin_node import Node, handles
from tinyir.ir.operation import Value
from tinyir.ir.types import TensorType

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


@attrs.frozen
class Window:
    """The window of a convolution or pool; rows first, pads top, left, bottom, right."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]
    dilation: tuple[int, int]


def spatial(importer: Importer, node: Node, index: int) -> tuple[Value, bool]:
    """An input of rank 3 or 4 as NCHW, and whether it was of rank 3."""
    value = importer.value(node.inputs[index])
    shape = shape_of(value)
    if len(shape) == 3:
        return importer.create("reshape", [value], shape=(shape[0], shape[1], 1, shape[2])), True
    if len(shape) != 4:
        raise node.error(f"its input has rank {len(shape)}; only 1-D and 2-D windows are supported")
    return value, False


def window(node: Node, kernel: Sequence[int], extents: Sequence[int], flat: bool) -> Window:
    """The window from the node's attributes."""
    rank = 1 if flat else 2
    stride = node.integers("strides", (1,) * rank)
    dilation = node.integers("dilations", (1,) * rank)
    pads = node.integers("pads", (0,) * (2 * rank))
    assert stride is not None and dilation is not None and pads is not None
    for name, values, count in (("strides", stride, rank), ("dilations", dilation, rank), ("pads", pads, 2 * rank), ("kernel_shape", tuple(kernel), rank)):
        if len(values) != count:
            raise node.error(f"attribute '{name}' has {len(values)} numbers, not {count}")
        if any(v < (0 if name == "pads" else 1) or v > 1 << 20 for v in values):
            raise node.error(f"attribute '{name}' is {list(values)}")
    if flat:
        kernel, stride, dilation, pads = (1, *kernel), (1, *stride), (1, *dilation), (0, pads[0], 0, pads[1])
    pads = _automatic(node, kernel, stride, dilation, pads, extents)
    pads = _ceiling(node, kernel, stride, dilation, pads, extents)
    return Window((kernel[0], kernel[1]), (stride[0], stride[1]), (pads[0], pads[1], pads[2], pads[3]), (dilation[0], dilation[1]))


def _automatic(
    node: Node, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pads: tuple[int, ...], extents: Sequence[int]
) -> tuple[int, ...]:
    mode = node.text("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return pads
    if mode == "VALID":
        return (0, 0, 0, 0)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.error(f"attribute 'auto_pad' is '{mode}'", hint="NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    before, after = [], []
    for n, k, s, d in zip(extents, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        small, large = total // 2, total - total // 2
        before.append(small if mode == "SAME_UPPER" else large)
        after.append(large if mode == "SAME_UPPER" else small)
    return (*before, *after)


def _ceiling(
    node: Node, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pads: tuple[int, ...], extents: Sequence[int]
) -> tuple[int, ...]:
    """With ceil_mode a last partial window counts: the same as more padding at the end."""
    if not node.integer("ceil_mode", 0):
        return pads
    result = list(pads)
    for axis, (n, k, s, d) in enumerate(zip(extents, kernel, stride, dilation, strict=True)):
        rest = (n + pads[axis] + pads[axis + 2] - d * (k - 1) - 1) % s
        if rest:
            extra = s - rest
            starts = (n + pads[axis] + pads[axis + 2] + extra - d * (k - 1) - 1) // s * s
            if starts < n + pads[axis]:  # a window that would start in the padding is left out
                result[axis + 2] += extra
    return tuple(result)


def finish(importer: Importer, node: Node, result: Value, flat: bool) -> None:
    """The channels-last result as ONNX has it."""
    value = importer.create("transpose", [result], permutation=TO_FIRST)
    if flat:
        shape = shape_of(value)
        value = importer.create("reshape", [value], shape=(shape[0], shape[1], shape[3]))
    importer.define(node, value)


@handles("Conv")
def convolution(importer: Importer, node: Node) -> None:
    x, flat = spatial(importer, node, 0)
    weight = importer.value(node.inputs[1])
    shape = shape_of(weight)
    if len(shape) != (3 if flat else 4):
        raise node.error(f"its weights have rank {len(shape)}, its input {3 if flat else 4}")
    if flat:
        weight = importer.create("reshape", [weight], shape=(shape[0], shape[1], 1, shape[2]))
    kernel = node.integers("kernel_shape", shape[2:])
    if kernel != shape[2:]:
        raise node.error(f"attribute 'kernel_shape' is {list(kernel or ())}, but its weights are {list(shape)}")
    made = window(node, shape[2:], shape_of(x)[2:], flat)
    result = importer.create(
        "conv2d",
        [importer.create("transpose", [x], permutation=TO_LAST), importer.create("transpose", [weight], permutation=TO_LAST), bias_of(importer, node, 2, shape[0], x)],
        stride=made.stride,
        pad=made.pad,
        dilation=made.dilation,
        groups=node.integer("group", 1),
    )
    finish(importer, node, result, flat)


def bias_of(importer: Importer, node: Node, index: int, count: int, like: Value) -> Value:
    """The bias input, or zeros."""
    import numpy as np

    if node.has_input(index):
        return importer.value(node.inputs[index])
    assert isinstance(like.type, TensorType)
    return importer.constant(np.zeros(count, np.float32))


@handles("MaxPool")
def max_pool(importer: Importer, node: Node) -> None:
    if len([o for o in node.outputs if o]) > 1:
        raise node.error("the indices of the maxima are not supported")
    x, flat = spatial(importer, node, 0)
    made = window(node, _kernel(node), shape_of(x)[2:], flat)
    x = importer.create("transpose", [x], permutation=TO_LAST)
    result = importer.create("max_pool2d", [x], kernel=made.kernel, stride=made.stride, pad=made.pad, dilation=made.dilation)
    finish(importer, node, result, flat)


def _kernel(node: Node) -> tuple[int, ...]:
    kernel = node.integers("kernel_shape")
    if kernel is None:
        raise node.error("attribute 'kernel_shape' is missing")
    return kernel


@handles("AveragePool")
def average_pool(importer: Importer, node: Node) -> None:
    x, flat = spatial(importer, node, 0)
    if set(node.integers("dilations", (1,)) or ()) - {1}:
        raise node.error("dilations are not supported")
    made = window(node, _kernel(node), shape_of(x)[2:], flat)
    include = node.integer("count_include_pad", 0)
    if include and node.integer("ceil_mode", 0):
        raise node.error("count_include_pad together with ceil_mode is not supported")
    x = importer.create("transpose", [x], permutation=TO_LAST)
    result = importer.create("average_pool2d", [x], kernel=made.kernel, stride=made.stride, pad=made.pad, include_pad=include)
    finish(importer, node, result, flat)


@handles("GlobalAveragePool")
def global_average_pool(importer: Importer, node: Node) -> None:
    x, flat = spatial(importer, node, 0)
    x = importer.create("transpose", [x], permutation=TO_LAST)
    finish(importer, node, importer.create("average_pool2d", [x], kernel=shape_of(x)[1:3]), flat)


@handles("GlobalMaxPool")
def global_max_pool(importer: Importer, node: Node) -> None:
    x, flat = spatial(importer, node, 0)
    x = importer.create("transpose", [x], permutation=TO_LAST)
    finish(importer, node, importer.create("max_pool2d", [x], kernel=shape_of(x)[1:3]), flat)
