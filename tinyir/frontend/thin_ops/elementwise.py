"""Operators on one element at a time, with broadcasting."""

from __future__ import annotations

import numpy as np

from tinyir.frontend.thin_importer import Importer
from tinyir.frontend.thin_node import Node, handles
from tinyir.ir.types import F32, TensorType

_BINARY = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Max": "maximum", "Min": "minimum", "Sum": "add"}
_UNARY = {
    "Relu": "relu", "Tanh": "tanh", "Sigmoid": "logistic", "Exp": "exp", "Log": "log", "Erf": "erf", "Sqrt": "sqrt",
    "Neg": "negate", "Abs": "absolute", "Reciprocal": "reciprocal",
}  # fmt: skip
_NUMPY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.floor_divide}


@handles(*_BINARY)
def binary(importer: Importer, node: Node) -> None:
    known = [importer.known(name) for name in node.inputs]
    if node.operator in _NUMPY and all(k is not None and k.dtype.kind in "iu" for k in known) and len(known) == 2:
        importer.define_constant(node, np.asarray(_NUMPY[node.operator](*known)))
        return
    value = importer.value(node.inputs[0])
    for name in node.inputs[1:]:
        value = importer.create(_BINARY[node.operator], [value, importer.value(name)])
    importer.define(node, value)


@handles(*_UNARY)
def unary(importer: Importer, node: Node) -> None:
    x = importer.value(node.inputs[0])
    assert isinstance(x.type, TensorType)
    if x.type.element is not F32:
        raise node.error(f"its input holds {x.type.element}, not f32")
    importer.define(node, importer.create(_UNARY[node.operator], [x]))


@handles("LeakyRelu", "Elu")
def with_alpha(importer: Importer, node: Node) -> None:
    name, default = ("leaky_relu", 0.01) if node.operator == "LeakyRelu" else ("elu", 1.0)
    importer.define(node, importer.create(name, [importer.value(node.inputs[0])], alpha=node.number("alpha", default)))


@handles("Clip")
def clip(importer: Importer, node: Node) -> None:
    bounds = []
    for index, name, default in ((1, "min", -float(np.finfo(np.float32).max)), (2, "max", float(np.finfo(np.float32).max))):
        if node.has_input(index):
            bounds.append(float(importer.require_known(node, index, f"its bound '{name}'").reshape(-1)[0]))
        else:
            bounds.append(node.number(name, default))
    importer.define(node, importer.create("clamp", [importer.value(node.inputs[0])], low=bounds[0], high=bounds[1]))


@handles("Identity", "Dropout")
def identity(importer: Importer, node: Node) -> None:
    known = importer.known(node.inputs[0])
    if known is not None:
        importer.define_constant(node, known)
    else:
        importer.values[node.outputs[0]] = importer.value(node.inputs[0])


@handles("BatchNormalization")
def batch_normalization(importer: Importer, node: Node) -> None:
    scale, bias, mean, variance = (importer.require_known(node, i, "its statistics").astype(np.float32) for i in range(1, 5))
    x = importer.value(node.inputs[0])
    assert isinstance(x.type, TensorType)
    factor = (scale / np.sqrt(variance + np.float32(node.number("epsilon", 1e-5)))).astype(np.float32)
    shape = (-1,) + (1,) * (x.type.rank - 2)
    scaled = importer.create("multiply", [x, importer.constant(factor.reshape(shape))])
    importer.define(node, importer.create("add", [scaled, importer.constant((bias - mean * factor).astype(np.float32).reshape(shape))]))
