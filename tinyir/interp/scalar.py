"""What each scalar operation computes, on numpy arrays: two's complement integers and IEEE binary32, element by element.

One table, by the name of the `arith` operation; the equations of the graph level and the operations of every
lower level run through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.ir.integer_arithmetic import ONE_BIT, RING
from tinyir.ir.types import I1, FloatType, IndexType, IntegerType, Type, storage_type

Array = NDArray[Any]


def dtype_of(type: Type) -> np.dtype[Any]:
    """The numpy type that holds an element.

    Raises:
        ValueError: there is none.
    """
    type = storage_type(type)
    if isinstance(type, IndexType):
        return np.dtype(np.int64)
    if isinstance(type, FloatType) and type.name in ("f32", "f64", "f16"):
        return np.dtype(f"float{type.width}")
    if isinstance(type, IntegerType):
        if type.width == 1:
            return np.dtype(np.bool_)
        if type.width in (8, 16, 32, 64):
            return np.dtype(f"{'u' if type.is_unsigned else ''}int{type.width}")
    raise ValueError(f"the interpreter has no elements of type {type}")


def _unsigned(value: Array) -> Array:
    """The same bits as unsigned integers."""
    value = np.asarray(value)
    return value if value.dtype.kind in "ub" else value.view(f"u{value.dtype.itemsize}")


def _signed(value: Array) -> Array:
    value = np.asarray(value)
    return value.view(f"i{value.dtype.itemsize}") if value.dtype.kind == "u" else value


def _divide_truncating(left: Array, right: Array) -> Array:
    quotient = np.abs(left) // np.abs(right)
    return np.where((left < 0) == (right < 0), quotient, -quotient)


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


def compare_integers(predicate: str, left: Array, right: Array) -> Array:
    """`arith.cmpi`."""
    if predicate in ("eq", "ne"):
        return np.asarray(_COMPARE[predicate](left, right))
    left, right = (_unsigned(left), _unsigned(right)) if predicate[0] == "u" else (_with_sign(left), _with_sign(right))
    return np.asarray(_COMPARE[predicate[1:]](left, right))


def _with_sign(value: Array) -> Array:
    """A signed integer of one bit as the number that it is, 0 or -1; others as they are."""
    value = np.asarray(value)
    return -value.astype(np.int8) if value.dtype.kind == "b" else value


def compare_floats(predicate: str, left: Array, right: Array) -> Array:
    """`arith.cmpf`."""
    unordered = np.isnan(left) | np.isnan(right)
    if predicate in ("true", "false"):
        return np.full(unordered.shape, predicate == "true")
    if predicate in ("ord", "uno"):
        return unordered if predicate == "uno" else ~unordered
    found = np.asarray(_COMPARE[predicate[1:]](left, right))
    return found | unordered if predicate[0] == "u" else found & ~unordered


def _shift(function: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def shift(left: Array, right: Array) -> Array:
        left = np.asarray(left)
        return np.asarray(function(left, np.asarray(right).astype(left.dtype))).astype(left.dtype)

    return shift


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    **RING,
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.maxsi": lambda a, b: np.maximum(a, b) if np.asarray(a).dtype.kind != "b" else np.logical_and(a, b),
    "arith.minsi": lambda a, b: np.minimum(a, b) if np.asarray(a).dtype.kind != "b" else np.logical_or(a, b),
    "arith.maxui": lambda a, b: np.where(_unsigned(a) > _unsigned(b), a, b),
    "arith.minui": lambda a, b: np.where(_unsigned(a) < _unsigned(b), a, b),
    "arith.shli": _shift(np.left_shift),
    "arith.shrsi": _shift(np.right_shift),
    "arith.shrui": lambda a, b: _signed(np.right_shift(_unsigned(a), _unsigned(np.asarray(b).astype(np.asarray(a).dtype)))),
    "arith.floordivsi": np.floor_divide,
    "arith.divsi": _divide_truncating,
    "arith.divui": lambda a, b: _signed(_unsigned(a) // _unsigned(b)),
    "arith.remui": lambda a, b: _signed(_unsigned(a) % _unsigned(b)),
    "arith.remsi": lambda a, b: a - _divide_truncating(a, b) * b,
}
"""Operations of two operands of one type."""


def convert(operation: str, value: Array, type: Type) -> Array:
    """A conversion operation to `type`."""
    dtype = dtype_of(type)
    value = np.asarray(value)
    if operation == "arith.bitcast":
        return value.view(dtype)
    if operation in ("arith.extui", "arith.uitofp", "arith.index_castui"):
        return _unsigned(value).astype(dtype)
    if operation in ("arith.extsi", "arith.sitofp") and value.dtype.kind == "b":
        return np.asarray(np.negative(value.astype(dtype)))  # a signed integer of one bit is 0 or -1
    return value.astype(dtype)


_CONVERSIONS = ("extsi", "extui", "trunci", "sitofp", "uitofp", "fptosi", "fptoui", "bitcast", "index_cast", "index_castui", "extf", "truncf")
CONVERSIONS = frozenset(f"arith.{name}" for name in _CONVERSIONS)


def evaluate(operation: str, operands: list[Array], type: Type, predicate: str = "") -> Array:
    """The result of one scalar operation, element by element over arrays that broadcast.

    Raises:
        ValueError: the operation is unknown.
    """
    if type is I1:
        operation = ONE_BIT.get(operation, operation)
    if operation in BINARY:
        return np.asarray(BINARY[operation](operands[0], operands[1]))
    if operation in CONVERSIONS:
        return convert(operation, operands[0], type)
    if operation == "arith.cmpi":
        return compare_integers(predicate, operands[0], operands[1])
    if operation == "arith.cmpf":
        return compare_floats(predicate, operands[0], operands[1])
    if operation == "arith.select":
        return np.where(operands[0], operands[1], operands[2])
    if operation == "arith.negf":
        return np.negative(operands[0])
    raise ValueError(f"the interpreter does not know '{operation}'")
