"""Normalizations: a tensor less its mean, divided by its deviation, both taken over some of its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyir.frontend.onnx_model import Array, ModelError
from tinyir.frontend.onnx_ops.reduction import without
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, element_of, shape_of
from tinyir.ir.operation import Value
from tinyir.ir.types import F32


def _normalized(translator: Translator, x: Value, axes: tuple[int, ...], epsilon: float) -> Value:
    """(x - mean) / sqrt(variance + epsilon) over the axes."""
    kept = without(shape_of(x), axes, keep=True)
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


@onnx_operator("GroupNormalization")
def group_normalization(translator: Translator) -> Operand:
    """Over the channels of a group and all spatial axes; scale and bias for each channel, before opset 21 for each group."""
    x, groups = translator.real(0), int(translator.attribute("num_groups"))
    shape = shape_of(x)
    if len(shape) < 3 or groups < 1 or shape[1] % groups:
        raise ModelError(f"has {groups} groups for an input of shape {list(shape)}")
    apart = translator.reshaped(x, (shape[0], groups, shape[1] // groups, *shape[2:]))
    assert isinstance(apart, Value)
    normal: Operand = _normalized(translator, apart, tuple(range(2, len(shape) + 1)), translator.attribute("epsilon"))
    for index, name in ((1, "graph.multiply"), (2, "graph.add")):
        factor = translator.real(index)
        if shape_of(factor) not in ((groups,), (shape[1],)):
            raise ModelError(f"has an input {index} of shape {list(shape_of(factor))} for {groups} groups of {shape[1] // groups} channels")
        each = shape_of(factor)[0] // groups  # where there is one channel in a group, both spellings are one
        normal = translator.emit(name, normal, translator.reshaped(factor, (groups, each, *(1 for _ in shape[2:]))))
    return translator.reshaped(normal, shape)


@onnx_operator("RMSNormalization", "SimplifiedLayerNormalization")
def root_mean_square_normalization(translator: Translator) -> Operand:
    """x * scale / sqrt(mean(x^2) + epsilon)."""
    x, scale = translator.real(0), translator.real(1)
    axis, epsilon = translator.attribute("axis"), translator.attribute("epsilon")
    rank = len(shape_of(x))
    axes = tuple(range(translator.axis(rank, value=-1 if axis is None else axis), rank))
    kept = without(shape_of(x), axes, keep=True)
    square = translator.reshaped(translator.emit("graph.reduce_mean", translator.emit("graph.multiply", x, x), axes=axes), kept)
    root = translator.emit("graph.sqrt", translator.emit("graph.add", square, translator.literal(1e-5 if epsilon is None else epsilon)))
    result = translator.emit("graph.multiply", translator.emit("graph.divide", x, root), scale)
    if shape_of(result) != shape_of(x):
        raise ModelError(f"has a scale that does not fit the shape {list(shape_of(x))}")
    return result


@onnx_operator("LpNormalization")
def lp_normalization(translator: Translator) -> Operand:
    """x divided by the sum of its magnitudes along an axis (p = 1), or by the root of the sum of its squares (p = 2)."""
    x, p = translator.real(0), translator.attribute("p")
    axis = translator.axis(len(shape_of(x)))
    if p not in (1, 2):
        raise ModelError(f"has p = {p}, where 1 and 2 are supported")
    terms = translator.emit("graph.absolute", x) if p == 1 else translator.emit("graph.multiply", x, x)
    total = translator.reshaped(translator.emit("graph.reduce_sum", terms, axes=(axis,)), without(shape_of(x), (axis,), keep=True))
    return translator.emit("graph.divide", x, total if p == 1 else translator.emit("graph.sqrt", total))


@onnx_operator("BatchNormalization")
def batch_normalization(translator: Translator) -> Operand:
    """As in inference: x * a + b with a = scale / sqrt(variance + epsilon), b = bias - mean * a.

    Where all four are known, a and b are computed in binary64 and rounded.
    """
    x = translator.real(0)
    if translator.attribute("training_mode"):
        raise ModelError("is in training mode", hint="export the model for inference")
    channels = shape_of(x)[1:2]
    parameters = [translator.operand(index) for index in range(1, 5)]
    for index, parameter in enumerate(parameters, 1):
        if shape_of(parameter) != channels or element_of(parameter) is not F32:
            found = f"shape {list(shape_of(parameter))} and type {element_of(parameter)}"
            raise ModelError(f"has an input {index} of {found} for an input of shape {list(shape_of(x))}")
    arrays = [parameter for parameter in parameters if isinstance(parameter, np.ndarray)]
    factor, offset = _known_line(translator, arrays) if len(arrays) == len(parameters) else _line(translator)
    shape = (math.prod(channels), *(1,) * (len(shape_of(x)) - 2))
    scaled = translator.emit("graph.multiply", x, translator.reshaped(factor, shape))
    return translator.emit("graph.add", scaled, translator.reshaped(offset, shape))


def _known_line(translator: Translator, arrays: Sequence[Array]) -> tuple[Operand, Operand]:
    scale, bias, mean, variance = (array.astype(np.float64) for array in arrays)
    spread = variance + translator.attribute("epsilon")
    if (spread <= 0).any():
        raise ModelError("has a variance that is not positive")
    factor = scale / np.sqrt(spread)
    with np.errstate(over="ignore"):  # what binary32 does not hold is infinite
        return factor.astype(np.float32), (bias - mean * factor).astype(np.float32)


def _line(translator: Translator) -> tuple[Operand, Operand]:
    scale, bias, mean, variance = (translator.real(index) for index in range(1, 5))
    spread = translator.emit("graph.add", variance, translator.literal(translator.attribute("epsilon")))
    factor = translator.emit("graph.divide", scale, translator.emit("graph.sqrt", spread))
    return factor, translator.emit("graph.subtract", bias, translator.emit("graph.multiply", mean, factor))
