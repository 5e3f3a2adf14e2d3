"""How channels (the last axis) pass through operations of the graph level: which channel of an operand a channel of the result is."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from tinyir.dialects.graph_integers import CHOSEN_RESULTS, tensor_type
from tinyir.dialects.graph_ranges import channels_of
from tinyir.ir.operation import Operation
from tinyir.ir.quantities import integer_of, integers_of

Sources = NDArray[numpy.int64]
"""For each channel of a result the channel of an operand; -1 where it comes from another operand."""

_ELEMENTWISE = CHOSEN_RESULTS | {
    "graph.lookup",
    "graph.clamp",
    "graph.relu",
    "graph.max_pool2d",
    "graph.sum_pool2d",
    "graph.reinterpret",
    "graph.add",
    "graph.multiply",
    "graph.multiply_widening",
    "graph.maximum",
    "graph.minimum",
}
_TABLES = frozenset({"graph.lookup", *(name for name in CHOSEN_RESULTS if name.startswith("graph.requantize"))})
_REDUCTIONS = frozenset({"graph.reduce_sum", "graph.reduce_max", "graph.reduce_min"})


def is_depthwise(operation: Operation) -> bool:
    """A convolution each of whose outputs reads one input channel, if it has several."""
    groups = integer_of(operation, "groups", 1)
    return operation.name == "graph.conv2d" and groups > 1 and groups == channels_of(operation.operands[0])


def carried(operation: Operation) -> list[tuple[int, Sources]] | None:
    """The operands whose channels pass through, with their sources; None if the operation mixes channels.

    An operand with one channel for all channels of the result is left out: it stays as it is.
    """
    channels = channels_of(operation.result)
    same = numpy.arange(channels)
    name = operation.name
    if is_depthwise(operation):
        return [(0, same // (channels // channels_of(operation.operands[0])))]
    if name in _ELEMENTWISE:
        operands = operation.operands[:1] if name in _TABLES else operation.operands
        return [(i, same) for i, operand in enumerate(operands) if channels_of(operand) == channels]
    if name == "graph.reshape":
        before = channels_of(operation.operands[0])
        return [(0, same % before)] if before and channels and channels % before == 0 else None
    if name == "graph.concat":
        return _concatenated(operation, same)
    return [(0, same)] if _keeps_last_axis(operation) else None


def _keeps_last_axis(operation: Operation) -> bool:
    name, last = operation.name, len(tensor_type(operation.operands[0]).shape) - 1 if operation.operands else 0
    if name in _REDUCTIONS:
        return last not in integers_of(operation, "axes")
    if name == "graph.transpose":
        return integers_of(operation, "permutation")[-1] == last
    return name == "graph.pad" and not integers_of(operation, "low")[-1] and not integers_of(operation, "high")[-1]


def _concatenated(operation: Operation, same: Sources) -> list[tuple[int, Sources]]:
    if integer_of(operation, "axis") != len(tensor_type(operation.result).shape) - 1:
        return [(i, same) for i in range(len(operation.operands))]
    found, first = [], 0
    for i, operand in enumerate(operation.operands):
        count = channels_of(operand)
        found.append((i, numpy.where((same >= first) & (same < first + count), same - first, -1)))
        first += count
    return found
