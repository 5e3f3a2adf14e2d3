"""One result per element: arithmetic, comparisons with bounds, and functions that the graph level has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyir.frontend.onnx_model import ELEMENT_TYPES, Array, ModelError, check_known, is_integer
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
        return _computed(_KNOWN[translator.node.operator], arrays)
    result, *others = translator.reals()
    for other in others:
        result = translator.emit(_BINARY[translator.node.operator], result, other)
    return result


def _computed(function: Callable[[Any, Any], Any], arrays: list[Array]) -> Array:
    result = arrays[0]
    for array in arrays[1:]:
        try:
            check_known(np.broadcast_shapes(result.shape, array.shape), result.itemsize)
        except ValueError:
            raise ModelError(f"cannot broadcast shapes {list(result.shape)} and {list(array.shape)}") from None
        result = np.asarray(function(result, array))
    return result


@onnx_operator("Pow")
def power(translator: Translator) -> Operand:
    """Constant exponents that products, a square root or a reciprocal express."""
    x, exponent = translator.real(0), translator.known(1)
    number = float(exponent.reshape(-1)[0]) if exponent.size == 1 and exponent.ndim <= len(shape_of(x)) else None
    if number == 1.0:
        return x
    if number == 2.0:
        return translator.emit("graph.multiply", x, x)
    if number == 3.0:
        return translator.emit("graph.multiply", translator.emit("graph.multiply", x, x), x)
    if number == 0.5:
        return translator.emit("graph.sqrt", x)
    if number == -1.0:
        return translator.emit("graph.reciprocal", x)
    raise ModelError(f"has the exponent {'of shape ' + str(list(exponent.shape)) if number is None else number}; supported are 1, 2, 3, 0.5 and -1")


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
