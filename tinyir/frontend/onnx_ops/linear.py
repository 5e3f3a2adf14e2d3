"""Gemm and MatMul: fully connected layers where the weights are constant, matrix products where they are computed."""

from __future__ import annotations

from tinyir.frontend.onnx_model import ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.ir.operation import Value


@onnx_operator("Gemm")
def gemm(translator: Translator) -> Operand:
    """alpha * A B + beta * C; the factors go to the constants."""
    x, weight = translator.real(0), translator.real(1)
    bias = translator.real(2) if translator.has(2) else None
    for name, value in (("A", x), ("B", weight)):
        if len(shape_of(value)) != 2:
            raise ModelError(f"needs a matrix as {name}, not shape {list(shape_of(value))}")
    if translator.attribute("transA"):
        x = translator.emit("graph.transpose", x, permutation=(1, 0))
    rows = shape_of(weight)[1 if translator.attribute("transB") else 0]
    if shape_of(x)[1] != rows:
        raise ModelError(f"multiplies rows of {shape_of(x)[1]} elements by a matrix of {rows} rows")
    weight = _scaled(translator, weight, translator.attribute("alpha"))
    if bias is not None:
        bias = _scaled(translator, bias, translator.attribute("beta"))
    if translator.is_constant(weight):
        return _dense(translator, x, weight, bias, transposed=bool(translator.attribute("transB")))
    if translator.attribute("transB"):
        weight = translator.emit("graph.transpose", weight, permutation=(1, 0))
    product = translator.emit("graph.matmul", x, weight)
    return product if bias is None else _added(translator, product, bias)


def _scaled(translator: Translator, value: Value, factor: float) -> Value:
    return value if factor == 1.0 else translator.emit("graph.multiply", value, translator.literal(factor))


def _dense(translator: Translator, x: Value, weight: Value, bias: Value | None, *, transposed: bool) -> Value:
    """`weight` is [outputs, terms] if it is transposed, else [terms, outputs]."""
    if not transposed:
        weight = translator.emit("graph.transpose", weight, permutation=(1, 0))
    outputs = shape_of(weight)[0]
    if bias is not None and shape_of(bias) in ((outputs,), (1, outputs)):
        return translator.emit("graph.dense", x, weight, translator.reshaped(bias, (outputs,)))
    product = translator.emit("graph.dense", x, weight, translator.zeros(outputs))
    return product if bias is None else _added(translator, product, bias)


def _added(translator: Translator, product: Value, bias: Value) -> Value:
    result = translator.emit("graph.add", product, bias)
    if shape_of(result) != shape_of(product):
        raise ModelError(f"adds C of shape {list(shape_of(bias))} to a product of shape {list(shape_of(product))}")
    return result


@onnx_operator("MatMul")
def matmul(translator: Translator) -> Operand:
    """A vector on the left is a row, on the right a column; the axis goes again afterwards."""
    x, y = translator.real(0), translator.real(1)
    for value in (x, y):
        if not shape_of(value):
            raise ModelError("multiplies a scalar, which is no matrix")
    row, column = len(shape_of(x)) == 1, len(shape_of(y)) == 1
    left = translator.reshaped(x, (1, *shape_of(x))) if row else x
    right = translator.reshaped(y, (*shape_of(y), 1)) if column else y
    if shape_of(left)[-1] != shape_of(right)[-2]:
        raise ModelError(f"multiplies shapes {list(shape_of(x))} and {list(shape_of(y))}, which do not fit")
    assert isinstance(right, Value)
    if len(shape_of(right)) == 2 and translator.is_constant(right):
        assert isinstance(left, Value)
        product = _dense(translator, left, right, None, transposed=False)
    else:
        product = translator.emit("graph.matmul", left, right)
    shape = list(shape_of(product))
    if column:
        del shape[-1]
    if row:
        del shape[-1 if column else -2]
    return translator.reshaped(product, shape)
