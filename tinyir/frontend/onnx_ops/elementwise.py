"""One result per element: arithmetic, comparisons with bounds, and functions that the graph level has."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from tinyir.frontend.onnx_model import ELEMENT_TYPES, Array, ModelError, check_known, is_integer
from tinyir.frontend.onnx_ops.known import computed
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_tensors import ELEMENT_NAMES
from tinyir.frontend.onnx_translator import Operand, Translator, element_of, shape_of

_UNARY = {
    "Abs": "graph.absolute",
    "Erf": "graph.erf",
    "Exp": "graph.exp",
    "Log": "graph.log",
    "Neg": "graph.negate",
    "Reciprocal": "graph.reciprocal",
    "Relu": "graph.relu",
    "Round": "graph.round",
    "Sigmoid": "graph.logistic",
    "Sqrt": "graph.sqrt",
    "Tanh": "graph.tanh",
}
_BINARY = {
    "Add": "graph.add",
    "Sub": "graph.subtract",
    "Mul": "graph.multiply",
    "Div": "graph.divide",
    "Max": "graph.maximum",
    "Min": "graph.minimum",
    "Sum": "graph.add",
}


def _truncated_quotient(left: Any, right: Any) -> Any:
    if not np.all(right):
        raise ModelError("divides by zero")
    quotient = np.abs(left) // np.abs(right)
    return np.where((left < 0) == (right < 0), quotient, -quotient).astype(np.result_type(left, right))


# On integers that are known now (shapes).
_KNOWN: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _truncated_quotient,
    "Max": np.maximum,
    "Min": np.minimum,
}


@onnx_operator(*_UNARY)
def unary(translator: Translator) -> Operand:
    return translator.emit(_UNARY[translator.node.operator], translator.real(0))


@onnx_operator(*_BINARY)
def binary(translator: Translator) -> Operand:
    """Max, Min and Sum take any number of inputs, from the left."""
    operands = [translator.operand(index) for index in range(len(translator.node.inputs))]
    arrays = [operand for operand in operands if isinstance(operand, np.ndarray) and is_integer(operand)]
    if len(arrays) == len(operands) and translator.node.operator in _KNOWN:
        if any(array.dtype.kind == "b" for array in arrays):
            raise ModelError("computes with truth values")
        function = _KNOWN[translator.node.operator]
        return reduce(lambda left, right: computed(function, [left, right]), arrays)
    result, *others = translator.reals()
    for other in others:
        result = translator.emit(_BINARY[translator.node.operator], result, other)
    return result


_GREATEST_EXPONENT = 16


@onnx_operator("Pow")
def power(translator: Translator) -> Operand:
    """Constant exponents that products, a square root and a reciprocal express: whole ones and halves."""
    x, exponent = translator.real(0), translator.known(1)
    number = float(exponent.reshape(-1)[0]) if exponent.size == 1 and exponent.ndim <= len(shape_of(x)) else None
    if number is None or not 0 < abs(number) <= _GREATEST_EXPONENT or 2 * number != int(2 * number):
        found = f"of shape {list(exponent.shape)}" if number is None else number
        raise ModelError(f"has the exponent {found}; supported are whole numbers and halves up to {_GREATEST_EXPONENT}, without 0")
    factors = [translator.emit("graph.sqrt", x)] if number % 1 else []
    square, rest = x, int(abs(number))
    while rest:
        if rest % 2:
            factors.append(square)
        rest //= 2
        square = translator.emit("graph.multiply", square, square) if rest else square
    product = reduce(lambda left, right: translator.emit("graph.multiply", left, right), factors)
    return product if number > 0 else translator.emit("graph.reciprocal", product)


@onnx_operator("Clip")
def clip(translator: Translator) -> Operand:
    """Without a bound, the greatest binary32 numbers are the bounds, as ONNX says."""
    greatest = float(np.finfo(np.float32).max)
    bounds = {}
    for index, name, otherwise in ((1, "min", -greatest), (2, "max", greatest)):
        attribute = translator.attribute(name)
        bounds[name] = translator.scalar(index) if translator.has(index) else otherwise if attribute is None else float(attribute)
    if any(np.isnan(bound) for bound in bounds.values()):
        raise ModelError("has a bound that is not a number")
    return translator.emit("graph.clamp", translator.real(0), low=bounds["min"], high=bounds["max"])


@onnx_operator("Cast")
def cast(translator: Translator) -> Operand:
    """Constants are converted now; of computed tensors only those that keep their type."""
    operand = translator.operand(0)
    name = ELEMENT_NAMES.get(translator.attribute("to"), "unknown")
    if isinstance(operand, np.ndarray):
        return _converted(operand, name)
    element = element_of(operand)
    if element is not ELEMENT_TYPES.get(name):
        raise ModelError(f"converts computed elements of type {element} to {name}, which is not supported")
    return operand


def _converted(array: Array, name: str) -> Array:
    if name not in ELEMENT_TYPES:
        raise ModelError(f"converts to {name}, which is not supported", hint=f"supported are {', '.join(ELEMENT_TYPES)}")
    if array.dtype.kind == "f" and name != "bool" and not name.startswith("float"):
        limits = np.iinfo(name)
        if not (np.isfinite(array).all() and (np.trunc(array) >= limits.min).all() and (np.trunc(array) <= limits.max).all()):
            raise ModelError(f"converts a number to {name} that it cannot represent")
    check_known(array.shape, np.dtype(name).itemsize)
    return array.astype(name)
