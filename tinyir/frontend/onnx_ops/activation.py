"""Activations that are said by the operators of the graph level, and the few that it has itself."""

from __future__ import annotations

import math

import numpy as np

from tinyir.frontend.onnx_model import ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.ir.operation import Value


@onnx_operator("LeakyRelu")
def leaky_relu(translator: Translator) -> Operand:
    return translator.emit("graph.leaky_relu", translator.real(0), alpha=translator.attribute("alpha"))


@onnx_operator("Elu")
def elu(translator: Translator) -> Operand:
    return translator.emit("graph.elu", translator.real(0), alpha=translator.attribute("alpha"))


@onnx_operator("Celu")
def celu(translator: Translator) -> Operand:
    """alpha * elu(x / alpha)."""
    alpha = translator.literal(translator.attribute("alpha"))
    return translator.emit("graph.multiply", alpha, translator.emit("graph.elu", translator.emit("graph.divide", translator.real(0), alpha), alpha=1.0))


@onnx_operator("Selu")
def selu(translator: Translator) -> Operand:
    """gamma * elu(x)."""
    bent = translator.emit("graph.elu", translator.real(0), alpha=translator.attribute("alpha"))
    return translator.emit("graph.multiply", bent, translator.literal(translator.attribute("gamma")))


@onnx_operator("PRelu")
def parametric_relu(translator: Translator) -> Operand:
    """max(x, 0) + slope * min(x, 0)."""
    x, slope = translator.real(0), translator.real(1)
    negative = translator.emit("graph.minimum", x, translator.literal(0.0))
    bent = translator.emit("graph.multiply", negative, slope)
    if shape_of(bent) != shape_of(x):
        raise ModelError(f"has a slope of shape {list(shape_of(slope))} for an input of shape {list(shape_of(x))}")
    return translator.emit("graph.add", translator.emit("graph.relu", x), bent)


def _hard_sigmoid(translator: Translator, x: Value, alpha: float, beta: float) -> Value:
    """clamp(alpha * x + beta, 0, 1)."""
    line = translator.emit("graph.multiply", x, translator.literal(alpha))
    return translator.emit("graph.clamp", translator.emit("graph.add", line, translator.literal(beta)), low=0.0, high=1.0)


@onnx_operator("HardSigmoid")
def hard_sigmoid(translator: Translator) -> Operand:
    return _hard_sigmoid(translator, translator.real(0), translator.attribute("alpha"), translator.attribute("beta"))


@onnx_operator("HardSwish")
def hard_swish(translator: Translator) -> Operand:
    """x * clamp(x / 6 + 1/2, 0, 1)."""
    x = translator.real(0)
    return translator.emit("graph.multiply", x, _hard_sigmoid(translator, x, 1 / 6, 0.5))


@onnx_operator("Swish", "com.microsoft.QuickGelu")
def swish(translator: Translator) -> Operand:
    """x * logistic(alpha * x)."""
    x, alpha = translator.real(0), translator.attribute("alpha")
    if alpha is not None and not isinstance(alpha, float):  # QuickGelu has no schema
        raise ModelError(f"has alpha = {alpha!r:.40}, where a number is needed")
    inner = x if alpha == 1.0 else translator.emit("graph.multiply", x, translator.literal(1.702 if alpha is None else alpha))
    return translator.emit("graph.multiply", x, translator.emit("graph.logistic", inner))


@onnx_operator("Mish")
def mish(translator: Translator) -> Operand:
    """x * tanh(softplus(x))."""
    x = translator.real(0)
    return translator.emit("graph.multiply", x, translator.emit("graph.tanh", _softplus(translator, x)))


@onnx_operator("Softplus")
def softplus(translator: Translator) -> Operand:
    return _softplus(translator, translator.real(0))


def _softplus(translator: Translator, x: Value) -> Value:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which does not overflow."""
    small = translator.emit("graph.exp", translator.emit("graph.negate", translator.emit("graph.absolute", x)))
    rest = translator.emit("graph.log", translator.emit("graph.add", small, translator.literal(1.0)))
    return translator.emit("graph.add", translator.emit("graph.relu", x), rest)


@onnx_operator("Softsign")
def softsign(translator: Translator) -> Operand:
    """x / (1 + |x|)."""
    x = translator.real(0)
    return translator.emit("graph.divide", x, translator.emit("graph.add", translator.emit("graph.absolute", x), translator.literal(1.0)))


@onnx_operator("Gelu", "com.microsoft.Gelu")
def gelu(translator: Translator) -> Operand:
    """x/2 * (1 + erf(x / sqrt 2)), or its approximation x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))."""
    x = translator.real(0)
    if translator.attribute("approximate") == "tanh":
        cube = translator.emit("graph.multiply", translator.emit("graph.multiply", x, x), x)
        bent = translator.emit("graph.add", x, translator.emit("graph.multiply", cube, translator.literal(0.044715)))
        inner = translator.emit("graph.tanh", translator.emit("graph.multiply", bent, translator.literal(math.sqrt(2 / math.pi))))
    else:
        inner = translator.emit("graph.erf", translator.emit("graph.multiply", x, translator.literal(1 / math.sqrt(2))))
    half = translator.emit("graph.multiply", x, translator.literal(0.5))
    return translator.emit("graph.multiply", half, translator.emit("graph.add", inner, translator.literal(1.0)))


@onnx_operator("Softmax", "LogSoftmax")
def softmax(translator: Translator) -> Operand:
    """Along one axis; before opset 13, over all axes from one on."""
    x = translator.real(0)
    shape = shape_of(x)
    axis = translator.axis(max(len(shape), 1))
    whole: Value = x
    if translator.node.opset < 13:
        reshaped = translator.reshaped(x, (math.prod(shape[:axis]), math.prod(shape[axis:])))
        assert isinstance(reshaped, Value)
        return translator.reshaped(_softmax(translator, reshaped), shape)
    order = [place for place in range(len(shape)) if place != axis] + [axis]
    moved = order != sorted(order)
    if moved:
        whole = translator.emit("graph.transpose", x, permutation=order)
    result = _softmax(translator, whole)
    return translator.emit("graph.transpose", result, permutation=tuple(map(int, np.argsort(order)))) if moved else result


def _softmax(translator: Translator, x: Value) -> Value:
    """Along the last axis.  The logarithm is x - max - log(sum(exp(x - max))), which does not lose small probabilities."""
    if translator.node.operator == "Softmax":
        return translator.emit("graph.softmax", x)
    shape = shape_of(x)
    one = (*shape[:-1], 1)
    greatest = translator.emit("graph.reduce_max", x, axes=(len(shape) - 1,))
    shifted = translator.emit("graph.subtract", x, translator.reshaped(greatest, one))
    total = translator.emit("graph.reduce_sum", translator.emit("graph.exp", shifted), axes=(len(shape) - 1,))
    return translator.emit("graph.subtract", shifted, translator.reshaped(translator.emit("graph.log", total), one))
