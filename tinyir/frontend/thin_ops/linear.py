"""Fully connected layers and matrix products."""

from __future__ import annotations

import numpy as np

from tinyir.frontend.thin_importer import Importer, shape_of
from tinyir.frontend.thin_node import Node, handles
from tinyir.ir.operation import Value


def _is_constant(value: Value) -> bool:
    """Whether a value is computed from constants alone."""
    definer = value.definer
    return definer is not None and (definer.name == "graph.constant" or (bool(definer.operands) and all(map(_is_constant, definer.operands))))


def _scaled(importer: Importer, value: Value, factor: float) -> Value:
    return value if factor == 1.0 else importer.create("multiply", [value, importer.constant(np.float32(factor).reshape(1))])


@handles("Gemm")
def gemm(importer: Importer, node: Node) -> None:
    x, weight = importer.value(node.inputs[0]), importer.value(node.inputs[1])
    if len(shape_of(x)) != 2 or len(shape_of(weight)) != 2:
        raise node.error(f"its inputs have ranks {len(shape_of(x))} and {len(shape_of(weight))}, not 2")
    if node.integer("transA", 0):
        x = importer.create("transpose", [x], permutation=(1, 0))
    if not node.integer("transB", 0):
        weight = importer.create("transpose", [weight], permutation=(1, 0))
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    count = shape_of(weight)[0]
    zeros = np.zeros(count, np.float32)
    if not node.has_input(2):
        importer.define(node, importer.create("dense", [x, _scaled(importer, weight, alpha), importer.constant(zeros)]))
        return
    bias = _scaled(importer, importer.value(node.inputs[2]), beta)
    if shape_of(bias) == (count,):
        importer.define(node, importer.create("dense", [x, _scaled(importer, weight, alpha), bias]))
        return
    product = importer.create("dense", [x, _scaled(importer, weight, alpha), importer.constant(zeros)])
    importer.define(node, importer.create("add", [product, bias]))


@handles("MatMul")
def matmul(importer: Importer, node: Node) -> None:
    x, y = importer.value(node.inputs[0]), importer.value(node.inputs[1])
    if len(shape_of(y)) == 2 and _is_constant(y):
        weight = importer.create("transpose", [y], permutation=(1, 0))
        importer.define(node, importer.create("dense", [x, weight, importer.constant(np.zeros(shape_of(y)[1], np.float32))]))
        return
    if min(len(shape_of(x)), len(shape_of(y))) < 2:
        raise node.error("products with vectors are not supported", hint="reshape the vector to a matrix")
    importer.define(node, importer.create("matmul", [x, y]))
