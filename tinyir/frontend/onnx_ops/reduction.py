"""Reductions over axes, and the normalizations made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyir.frontend.onnx_model import ModelError, is_integer
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.ir.operation import Value

_REDUCTIONS = {"ReduceMean": "graph.reduce_mean", "ReduceSum": "graph.reduce_sum", "ReduceMax": "graph.reduce_max", "ReduceMin": "graph.reduce_min"}


def _reduced_axes(translator: Translator, rank: int) -> tuple[int, ...]:
    """All axes if none are given, unless the node says that this means none."""
    given = translator.integers(1) if translator.has(1) else translator.attribute("axes")
    if not given:
        return () if translator.attribute("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(translator.axes(rank, given)))


def _without(shape: Sequence[int], axes: Sequence[int], *, keep: bool) -> tuple[int, ...]:
    return tuple(1 if place in axes else extent for place, extent in enumerate(shape) if keep or place not in axes)


@onnx_operator(*_REDUCTIONS)
def reduction(translator: Translator) -> Operand:
    x = translator.real(0)
    axes = _reduced_axes(translator, len(shape_of(x)))
    if not axes:
        return x
    reduced = translator.emit(_REDUCTIONS[translator.node.operator], x, axes=axes)
    return translator.reshaped(reduced, _without(shape_of(x), axes, keep=bool(translator.attribute("keepdims"))))


@onnx_operator("ReduceProd")
def product_of_known(translator: Translator) -> Operand:
    """Of integers that are known now (the size of a shape)."""
    x = translator.known(0)
    if not is_integer(x):
        raise ModelError("multiplies computed numbers or floats, which is not supported")
    axes = _reduced_axes(translator, x.ndim)
    return np.asarray(np.prod(x, axis=axes, keepdims=bool(translator.attribute("keepdims"))), x.dtype)


def _normalized(translator: Translator, x: Value, axes: tuple[int, ...], epsilon: float) -> Value:
    """(x - mean) / sqrt(variance + epsilon) over the axes."""
    kept = _without(shape_of(x), axes, keep=True)
    mean = translator.reshaped(translator.emit("graph.reduce_mean", x, axes=axes), kept)
    centred = translator.emit("graph.subtract", x, mean)
    variance = translator.emit("graph.reduce_mean", translator.emit("graph.multiply", centred, centred), axes=axes)
    deviation = translator.emit("graph.sqrt", translator.emit("graph.add", translator.reshaped(variance, kept), translator.literal(epsilon)))
    return translator.emit("graph.divide", centred, deviation)


@onnx_operator("LayerNormalization")
def layer_normalization(translator: Translator) -> Operand:
    x, scale = translator.real(0), translator.real(1)
    rank = len(shape_of(x))
    axes = tuple(range(translator.axis(rank), rank))
    result = translator.emit("graph.multiply", _normalized(translator, x, axes, translator.attribute("epsilon")), scale)
    if translator.has(2):
        result = translator.emit("graph.add", result, translator.real(2))
    if shape_of(result) != shape_of(x):
        raise ModelError(f"has a scale or bias that does not fit the shape {list(shape_of(x))}")
    return result


@onnx_operator("InstanceNormalization")
def instance_normalization(translator: Translator) -> Operand:
    x = translator.real(0)
    axes = tuple(range(2, len(shape_of(x))))
    if not axes:
        raise ModelError(f"needs spatial axes, not shape {list(shape_of(x))}")
    scale, bias = (_per_channel(translator, index, x) for index in (1, 2))
    normal = _normalized(translator, x, axes, translator.attribute("epsilon"))
    return translator.emit("graph.add", translator.emit("graph.multiply", normal, scale), bias)


def _per_channel(translator: Translator, index: int, x: Value) -> Operand:
    value = translator.real(index)
    if shape_of(value) != shape_of(x)[1:2]:
        raise ModelError(f"has an input {index} of shape {list(shape_of(value))} for an input of shape {list(shape_of(x))}")
    return translator.reshaped(value, (*shape_of(value), *(1,) * (len(shape_of(x)) - 2)))


@onnx_operator("BatchNormalization")
def batch_normalization(translator: Translator) -> Operand:
    """As in inference: x * a + b with a = scale / sqrt(variance + epsilon), b = bias - mean * a, computed in binary64 and rounded."""
    x = translator.real(0)
    if translator.attribute("training_mode"):
        raise ModelError("is in training mode", hint="export the model for inference")
    channels = shape_of(x)[1:2]
    found = []
    for index in range(1, 5):
        array = translator.known(index)
        if array.dtype != np.float32 or array.shape != channels:
            raise ModelError(f"has an input {index} of shape {list(array.shape)} and type {array.dtype.name} for an input of shape {list(shape_of(x))}")
        found.append(array.astype(np.float64))
    scale, bias, mean, variance = found
    if (variance + translator.attribute("epsilon") <= 0).any():
        raise ModelError("has a variance that is not positive")
    factor = scale / np.sqrt(variance + translator.attribute("epsilon"))
    shape = (math.prod(channels), *(1,) * (len(shape_of(x)) - 2))
    scaled = translator.emit("graph.multiply", x, factor.astype(np.float32).reshape(shape))
    return translator.emit("graph.add", scaled, (bias - mean * factor).astype(np.float32).reshape(shape))
