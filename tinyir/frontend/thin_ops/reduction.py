"""Softmax and reductions."""

from __future__ import annotations

import math

from tinyir.frontend.thin_importer import Importer, shape_of
from tinyir.frontend.thin_node import Node, handles
from tinyir.frontend.thin_ops.movement import axes_of, normalized

_REDUCTIONS = {"ReduceMean": "reduce_mean", "ReduceSum": "reduce_sum", "ReduceMax": "reduce_max", "ReduceMin": "reduce_min"}


@handles("Softmax", "LogSoftmax")
def softmax(importer: Importer, node: Node) -> None:
    x = importer.value(node.inputs[0])
    shape = shape_of(x)
    axis = normalized(node, node.integer("axis", 1 if node.opset < 13 else -1), len(shape))
    value = x
    if node.opset < 13:  # the older meaning: over all axes from this one on
        value = importer.create("reshape", [value], shape=(math.prod(shape[:axis]), math.prod(shape[axis:])))
        value = importer.create("reshape", [importer.create("softmax", [value])], shape=shape)
    elif axis == len(shape) - 1:
        value = importer.create("softmax", [value])
    else:
        order = [a for a in range(len(shape)) if a != axis] + [axis]
        value = importer.create("softmax", [importer.create("transpose", [value], permutation=order)])
        value = importer.create("transpose", [value], permutation=[order.index(a) for a in range(len(shape))])
    if node.operator == "LogSoftmax":
        value = importer.create("log", [value])
    importer.define(node, value)


@handles(*_REDUCTIONS)
def reduce(importer: Importer, node: Node) -> None:
    x = importer.value(node.inputs[0])
    shape = shape_of(x)
    axes = axes_of(importer, node, 1, len(shape))
    if not axes:
        if axes is not None and node.integer("noop_with_empty_axes", 0):
            importer.values[node.outputs[0]] = x
            return
        axes = tuple(range(len(shape)))
    value = importer.create(_REDUCTIONS[node.operator], [x], axes=axes)
    if node.integer("keepdims", 1):
        value = importer.create("reshape", [value], shape=[1 if a in axes else n for a, n in enumerate(shape)])
    importer.define(node, value)
