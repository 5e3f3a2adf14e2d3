"""Counts what one evaluation of a function costs: float operations, comparisons of floats, divisions, and integer operations.

A selection, a change of sign and `abs` count as integer operations, a conversion between numbers as a float operation.
Casts of bits, literals and names cost nothing.  A function that is called is counted at each call.
"""

import ast
from collections import Counter
from collections.abc import Mapping

import numpy as np

from tests.functions.evaluate import BUILTINS, LOGICAL, RESULTS, Function, UndefinedOperationError, function

Type = type[np.generic]


def operations(counted: Function) -> Counter[str]:
    """How many operations of each kind one evaluation takes: "float", "float comparison", "division", "integer"."""
    counts: Counter[str] = Counter()
    types = dict(counted.parameters)
    for name, expression in counted.assignments:
        types[name] = _count(expression, types, counts)
    _count(counted.result, types, counts)
    return counts


def _count(node: ast.expr, types: Mapping[str, Type], counts: Counter[str]) -> Type:
    """Add the operations of an expression to `counts` and return its type."""
    match node:
        case ast.Constant(value):
            return np.float32 if isinstance(value, float) else np.int32
        case ast.Name("inf" | "nan"):
            return np.float32
        case ast.Name(name):
            return types[name]
        case ast.BinOp(left, ast.RShift(), ast.Name(name)) if name == LOGICAL:
            return _count(left, types, counts)
        case ast.BinOp(left, op, right):
            result = _count(left, types, counts)
            _count(right, types, counts)
            counts["integer" if result is np.int32 else "division" if isinstance(op, ast.Div) else "float"] += 1
            return result
        case ast.UnaryOp(_, operand):
            counts["integer"] += not isinstance(operand, ast.Constant | ast.Name)
            return _count(operand, types, counts)
        case ast.BoolOp(_, operands):
            counts["integer"] += len(operands) - 1
            return [_count(operand, types, counts) for operand in operands][-1]
        case ast.Compare(left, _, [right]):
            _count(right, types, counts)
            counts["float comparison" if _count(left, types, counts) is np.float32 else "integer"] += 1
            return np.bool_
        case ast.Call(ast.Name(name), arguments):
            return _count_call(name, [_count(argument, types, counts) for argument in arguments], counts)
    raise UndefinedOperationError(f"no such expression: {ast.unparse(node)}")


def _count_call(name: str, types: list[Type], counts: Counter[str]) -> Type:
    if name == "select":
        counts["integer"] += 1
        return types[1]
    if name in BUILTINS:
        counts["float"] += name in ("f32", "i32")
        counts["integer"] += name == "abs"
        return RESULTS[name]
    counts.update(operations(function(name)))
    return function(name).result_type
