"""Scales and zero points: what QuantizeLinear and DequantizeLinear say of a tensor, and which tensors of integers they speak of.

An int8 input may be reshaped or transposed before it is dequantized.  Then its own type must say scale and zero point already, so these
wander from each DequantizeLinear back through the nodes that only move elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from tinyir.frontend.onnx_model import Array, Graph, ModelError, Node
from tinyir.ir.types import F32, I8, I32, U8, IntegerType, QuantizedType, Type

STORAGE: dict[str, IntegerType] = {"int8": I8, "uint8": U8, "int32": I32}

_MOVEMENTS = frozenset(
    (
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Identity",
        "Slice",
        "Split",
        "Concat",
        "Pad",
        "MaxPool",
        "Gather",
        "Expand",
        "Dropout",
        "GlobalMaxPool",
    )
)


@attrs.frozen
class Parameters:
    """real = scale * (stored - zero_point), with one pair for all elements or one for each along `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None

    def type(self, storage: IntegerType) -> QuantizedType:
        return QuantizedType(storage, F32, self.scales, self.zero_points, self.axis)


def parameters(scale: Array, zero_point: Array | None, axis: int, shape: tuple[int, ...] | None) -> Parameters:
    """
    `shape` is that of the tensor; None admits only one scale for all.

    Raises:
        ModelError: they make no quantization of such a tensor.
    """
    if scale.dtype != np.float32:
        raise ModelError(f"needs scales of type float32, not {scale.dtype.name}")
    if scale.ndim > 1 or not scale.size:
        raise ModelError(f"has scales of shape {list(scale.shape)}: one for all or a list along an axis is supported")
    scales = scale.reshape(-1)
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise ModelError(f"has the scale {float(scales[~(np.isfinite(scales) & (scales > 0))][0])}, which is not a positive number")
    zeros = np.zeros(scales.shape, np.int64) if zero_point is None else zero_point.reshape(-1)
    if len(zeros) != len(scales):
        raise ModelError(f"has {len(scales)} scales, but {len(zeros)} zero points")
    place = None if scales.size == 1 else _checked_axis(axis, len(scales), shape)
    return Parameters(tuple(map(float, scales)), tuple(map(int, zeros)), place)


def _checked_axis(axis: int, count: int, shape: tuple[int, ...] | None) -> int:
    rank = 0 if shape is None else len(shape)
    if shape is None or not -rank <= axis < rank:
        raise ModelError(f"has {count} scales along axis {axis}, which does not exist: the rank is {rank}")
    if shape[axis] != count:
        raise ModelError(f"has {count} scales for the {shape[axis]} elements of axis {axis}")
    return axis % rank


def storage_of(name: str, what: str) -> IntegerType:
    """
    Raises:
        ModelError: no quantized tensor is stored in elements of that numpy type.
    """
    if name not in STORAGE:
        raise ModelError(f"{what} of type {name} is not supported", hint=f"supported are {', '.join(STORAGE)}")
    return STORAGE[name]


def wanted_parameters(graph: Graph) -> dict[str, Parameters]:
    """Per tensor of integers: the parameters with which it is dequantized, directly or moved."""
    constants: Mapping[str, Any] = {n.outputs[0]: n.attributes.get("value") for n in graph.nodes if n.operator == "Constant"} | dict(graph.constants)
    wanted: dict[str, Parameters] = {}
    for node in reversed(graph.nodes):
        if node.operator == "DequantizeLinear":
            found = _read(node, constants)
            if found is not None:
                wanted[node.inputs[0]] = found
        elif node.operator in _MOVEMENTS:
            moved = next((wanted[name] for name in node.outputs if name in wanted), None)
            for name in node.inputs if node.operator == "Concat" else node.inputs[:1]:
                if moved is not None:
                    wanted.setdefault(name, moved)
    return wanted


def _read(node: Node, constants: Mapping[str, Any]) -> Parameters | None:
    """The parameters of a DequantizeLinear; None if they are not for the whole tensor, or wrong (which its own translation tells)."""
    arrays = [constants.get(name) for name in node.inputs[1:]]
    if not isinstance(arrays[0], np.ndarray) or arrays[0].size != 1 or (len(arrays) > 1 and node.inputs[2] and not isinstance(arrays[1], np.ndarray)):
        return None
    try:
        return parameters(arrays[0], arrays[1] if len(arrays) > 1 else None, 0, None)
    except ModelError:
        return None


def quantized_element(element: Type, wanted: Parameters | None) -> Type:
    """The element type of a graph input that is read with `wanted` parameters."""
    return wanted.type(element) if wanted is not None and isinstance(element, IntegerType) and element in STORAGE.values() else element
