"""Comparisons, choices and remainders of integers that are known now: what models compute of shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyir.frontend.onnx_model import Array, ModelError, check_known, is_integer
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator


def _remainder(left: Any, right: Any) -> Any:
    """With the sign of the divisor."""
    if not np.all(right):
        raise ModelError("divides by zero")
    return np.mod(left, right)


def _truncated_remainder(left: Any, right: Any) -> Any:
    """With the sign of the dividend."""
    if not np.all(right):
        raise ModelError("divides by zero")
    return np.fmod(left, right)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Mod": _remainder,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Where": np.where,
    "Xor": np.logical_xor,
}


@onnx_operator(*_FUNCTIONS)
def known(translator: Translator) -> Operand:
    operands = [translator.known(index) for index in range(len(translator.node.inputs))]
    if not all(map(is_integer, operands)):
        raise ModelError("works on floats, which is not supported: on integers that are known it is")
    function = _FUNCTIONS[translator.node.operator]
    if translator.attribute("fmod"):
        function = _truncated_remainder
    return computed(function, operands)


def computed(function: Callable[..., Any], arrays: list[Array]) -> Array:
    """A function of each element of arrays that are broadcast.

    Raises:
        ModelError: they cannot be, or the result is too large.
    """
    try:
        check_known(np.broadcast_shapes(*(array.shape for array in arrays)), max(array.itemsize for array in arrays))
    except ValueError:
        raise ModelError(f"cannot broadcast shapes {' and '.join(str(list(array.shape)) for array in arrays)}") from None
    return np.asarray(function(*arrays))
