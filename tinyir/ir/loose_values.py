"""Values while an expression is evaluated: Python numbers that take the type that they meet, or typed expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyir.ir import expression as ex
from tinyir.ir.affine import AffineConstant, AffineExpression, as_expression
from tinyir.ir.errors import InstanceError as InstanceError
from tinyir.ir.types import F32, I32, INDEX


def combine_values(operator: str, left: Any, right: Any) -> Any:
    """`left operator right` where each side is a Python number or a typed expression."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _fold_numbers(operator, left, right)
    if isinstance(left, ex.Index) or isinstance(right, ex.Index):
        affine = _affine(operator, left, right)
        if affine is not None:
            return affine
    if isinstance(left, int | float):
        left = ex.constant(left, right.type)
    if isinstance(right, int | float):
        right = ex.constant(right, left.type)
    if left.type is not right.type:
        raise InstanceError(f"'{operator}' needs operands of one type, not {left.type} and {right.type}")
    if left.type is INDEX and operator in ("+", "-", "*"):
        return ex.Scalar({"+": "arith.addi", "-": "arith.subi", "*": "arith.muli"}[operator], (left, right), INDEX)
    return ex.binary(operator, left, right)


def _fold_numbers(operator: str, left: Any, right: Any) -> Any:
    if operator in ("/", "%") and isinstance(left, int) and isinstance(right, int):
        if right == 0:
            raise InstanceError(f"{left} {operator} 0")
        return left // right if operator == "/" else left % right
    functions: dict[str, Callable[[], Any]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "<<": lambda: left << right,
        ">>": lambda: left >> right,
        "&": lambda: left & right,
        "|": lambda: left | right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "and": lambda: left and right,
        "or": lambda: left or right,
    }
    return functions[operator]()


def _affine(operator: str, left: Any, right: Any) -> ex.Index | None:
    a = left.expression if isinstance(left, ex.Index) else left
    b = right.expression if isinstance(right, ex.Index) else right
    if not isinstance(a, AffineExpression | int) or not isinstance(b, AffineExpression | int):
        return None
    if operator == "+":
        return ex.Index(as_expression(a) + b)
    if operator == "-":
        return ex.Index(as_expression(a) - b)
    if operator == "*" and (isinstance(a, int) or isinstance(b, int)):
        return ex.Index(as_expression(a) * b)
    if operator in ("/", "%") and isinstance(b, int) and isinstance(a, AffineExpression):
        return ex.Index(a // b if operator == "/" else a % b)
    return None


_ARITIES = {"abs": 1, "min": 2, "max": 2, "select": 3, "bits_i32": 1, "bits_f32": 1, "floor_divide": 2, "divide_unsigned": 2}


def apply_function(name: str, values: list[Any]) -> Any:
    """A built-in function of the operator language, or a call of a scalar function."""
    if len(values) != _ARITIES.get(name, len(values)):
        raise InstanceError(f"'{name}' takes {_ARITIES[name]} arguments, not {len(values)}")
    if all(isinstance(v, int | float) for v in values) and name in ("min", "max", "abs"):
        return abs(values[0]) if name == "abs" else (min(values) if name == "min" else max(values))
    if name == "select" and isinstance(values[0], bool):
        return values[1] if values[0] else values[2]
    typed = next((v for v in values[1 if name == "select" else 0 :] if isinstance(v, ex.Expression)), None)
    like = typed.type if typed is not None else F32
    arguments = [ex.constant(v, like) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in values]
    if name == "select":
        return ex.select(arguments[0], arguments[1], arguments[2])
    if name == "max":
        return ex.maximum(arguments[0], arguments[1])
    if name == "min":
        return ex.minimum(arguments[0], arguments[1])
    if name == "abs":
        return ex.absolute(arguments[0])
    if name == "bits_i32":
        return ex.bits(arguments[0], I32)
    if name == "bits_f32":
        return ex.bits(arguments[0], F32)
    if name == "floor_divide":
        return ex.Scalar("arith.floordivsi", (arguments[0], arguments[1]), like)
    if name == "divide_unsigned":
        return ex.Scalar("arith.divui", (arguments[0], arguments[1]), like)
    return ex.Apply(name, tuple(arguments), F32)


def as_index(value: Any) -> AffineExpression | ex.Expression:
    if isinstance(value, int):
        return AffineConstant(value)
    if isinstance(value, ex.Index):
        return value.expression
    if not isinstance(value, ex.Expression):
        raise InstanceError(f"{value} is no index")
    return value
