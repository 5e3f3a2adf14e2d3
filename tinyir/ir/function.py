"""Scalar functions of the operator language as typed expressions over their parameters."""

from __future__ import annotations

from typing import Any

import attrs

from tinyir.ir import expression as ex
from tinyir.ir import operator as ast
from tinyir.ir.errors import TinyirError
from tinyir.ir.loose_values import InstanceError, apply_function, combine_values
from tinyir.ir.types import FloatType, Type

_NUMBERS = {"inf": float("inf"), "nan": float("nan"), "true": True, "false": False}


@attrs.frozen(eq=False)
class ConcreteFunction:
    """A scalar function: parameter types, and the value as a graph of shared expressions."""

    name: str
    parameters: tuple[Type, ...]
    value: ex.Expression


def concrete_function(function: ast.ScalarFunction) -> ConcreteFunction:
    """The function with every name resolved.

    Raises:
        TinyirError: an unknown name or type, or operands that do not fit.
    """
    try:
        types = tuple(ex.SCALAR_TYPES[type] for _, type in function.parameters)
        names: dict[str, Any] = dict(_NUMBERS)
        for i, (name, _) in enumerate(function.parameters):
            names[name] = ex.Parameter(i, types[i])
        for name, expression in function.assignments:
            names[name] = _value(expression, names)
        value = _value(function.value, names)
        result = ex.SCALAR_TYPES[function.result]
        if isinstance(value, int | float):
            value = ex.constant(value, result)
        if value.type is not result:
            raise InstanceError(f"'{function.name}' returns {value.type}, not {result}")
        return ConcreteFunction(function.name, types, value)
    except (InstanceError, ValueError) as error:
        raise TinyirError(str(error), place=function.place) from error
    except KeyError as error:
        raise TinyirError(f"unknown name {error} in '{function.name}'", place=function.place) from error


def _value(expression: ast.Expression, names: dict[str, Any]) -> Any:
    """A Python number, or a typed expression."""
    if isinstance(expression, ast.Number):
        return expression.value
    if isinstance(expression, ast.Name):
        return names[expression.name]
    if isinstance(expression, ast.Unary):
        return _unary(expression.operator, _value(expression.operand, names))
    if isinstance(expression, ast.Binary):
        left, right = _value(expression.left, names), _value(expression.right, names)
        if isinstance(left, float) and isinstance(right, ex.Expression) and not isinstance(right.type, FloatType):
            raise InstanceError(f"'{expression.operator}' needs operands of one type, not a float and {right.type}")
        return combine_values(expression.operator, left, right)
    assert isinstance(expression, ast.Call)
    values = [_value(item.expression, names) for item in expression.items]
    if expression.name in ex.SCALAR_TYPES:
        type = ex.SCALAR_TYPES[expression.name]
        return ex.constant(values[0], type) if isinstance(values[0], int | float) else ex.cast(values[0], type)
    return apply_function(expression.name, values)


def _unary(operator: str, value: Any) -> Any:
    if operator == "-":
        return -value if isinstance(value, int | float) else ex.negate(value)
    if operator == "not":
        return not value if isinstance(value, bool) else ex.binary("^", value, ex.Constant(1, value.type))
    if operator == "~":
        return ~value if isinstance(value, int) else ex.binary("^", value, ex.Constant(-1, value.type))
    return value
