"""An independent judge for `specs/functions/*.op`: reads the text with Python's own parser and computes with numpy.

It shares nothing with the compiler.  Every operation is one numpy operation on float32, int32 or bool arrays, so each rounds once, to nearest even.
What the language leaves undefined (a float outside int32 made an int, a shift by 32 or more, operands of two types) raises `UndefinedOperationError`.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FUNCTIONS = Path(__file__).parents[2] / "specs" / "functions"
DTYPES: Mapping[str, type[np.generic]] = {"f32": np.float32, "i32": np.int32, "i1": np.bool_}
HEADER = re.compile(r"function (\w+)\((.*)\) -> (\w+)")
LINE = re.compile(r"  (?:(return)|(\w+) =) (.+)")
LOGICAL = "logical_shift"  # `a >>> b` is read as `a >> logical_shift >> b`, which keeps its precedence


class UndefinedOperationError(ArithmeticError):
    """The operands lie outside the domain of an operation of the language."""


@attrs.frozen
class Function:
    """One function of the text: its comment lines, typed parameters, assignments in order and the returned expression."""

    name: str
    comment: str
    parameters: tuple[tuple[str, type[np.generic]], ...]
    result_type: type[np.generic]
    assignments: tuple[tuple[str, ast.expr], ...]
    result: ast.expr

    def __call__(self, *arguments: Array) -> Array:
        """Evaluate elementwise; the arguments have one shape and the declared types."""
        values: dict[str, Array] = {}
        for (name, dtype), argument in zip(self.parameters, arguments, strict=True):
            _require(argument.dtype == dtype, f"{self.name}: {name} is {argument.dtype}")
            values[name] = argument
        with np.errstate(all="ignore"):
            for name, expression in self.assignments:
                values[name] = _value(expression, values)
            result = _value(self.result, values)
        _require(result.dtype == self.result_type, f"{self.name} returns {result.dtype}")
        return np.broadcast_to(result, arguments[0].shape)


@cache
def function(name: str) -> Function:
    """The function that `specs/functions/NAME.op` defines."""
    return parse((FUNCTIONS / f"{name}.op").read_text(encoding="utf-8"))


def parse(text: str) -> Function:
    """Read one function: comment lines, a header, one assignment a line, `return` last."""
    lines = text.splitlines()
    comment = "\n".join(line[1:].strip() for line in lines if line.startswith("#"))
    header, *body = [line for line in lines if line and not line.startswith("#")]
    signature, steps = HEADER.fullmatch(header), [LINE.fullmatch(line) for line in body]
    _require(signature is not None and all(steps), f"not a function: {header}")
    assert signature is not None
    parsed = [(step[1], step[2], _expression(step[3])) for step in steps if step is not None]
    _require([bool(word) for word, _, _ in parsed] == [False] * (len(parsed) - 1) + [True], "return stands last, and once")
    parameters = (parameter.split(": ") for parameter in signature[2].split(", "))
    return Function(
        name=signature[1],
        comment=comment,
        parameters=tuple((name, DTYPES[dtype]) for name, dtype in parameters),
        result_type=DTYPES[signature[3]],
        assignments=tuple((name, expression) for _, name, expression in parsed[:-1]),
        result=parsed[-1][2],
    )


def _expression(text: str) -> ast.expr:
    return ast.parse(text.strip().replace(">>>", f">> {LOGICAL} >>"), mode="eval").body


def _require(condition: bool | np.bool_, message: str) -> None:
    if not condition:
        raise UndefinedOperationError(message)


def _logical_shift(value: Array, count: Array) -> Array:
    return (value.view(np.uint32) >> count.astype(np.uint32)).view(np.int32)


BINARY: Mapping[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
FLOAT_ONLY, INTEGER_ONLY = {ast.Div}, {ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Array, Array], Array]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _to_integer(value: Array) -> Array:
    _require(np.all(np.abs(value) < np.float32(2.0**31)), "i32 of a float outside its range, or of nan")
    return value.astype(np.int32)


BUILTINS: Mapping[str, tuple[type[np.generic], Callable[[Array], Array]]] = {
    "f32": (np.int32, lambda value: value.astype(np.float32)),
    "i32": (np.float32, _to_integer),
    "bits_i32": (np.float32, lambda value: value.view(np.int32)),
    "bits_f32": (np.int32, lambda value: value.view(np.float32)),
    "abs": (np.float32, np.abs),
}
RESULTS: Mapping[str, type[np.generic]] = {"f32": np.float32, "i32": np.int32, "bits_i32": np.int32, "bits_f32": np.float32, "abs": np.float32}


def _literal(value: object) -> Array:
    if isinstance(value, float):
        _require(float(np.float32(value)) == value or np.isinf(value), f"{value!r} is not a binary32 number")
        return np.asarray(value, dtype=np.float32)
    _require(isinstance(value, int) and 0 <= value < 2**31, f"{value!r} is not an i32 literal")
    return np.asarray(value, dtype=np.int32)


def _value(node: ast.expr, values: Mapping[str, Array]) -> Array:
    match node:
        case ast.Constant(value):
            return _literal(value)
        case ast.Name("inf" | "nan" as name):
            return np.asarray(name, dtype=np.float32)
        case ast.Name(name):
            return values[name]
        case ast.BinOp(ast.BinOp(left, ast.RShift(), ast.Name(name)), ast.RShift(), right) if name == LOGICAL:
            return _logical_shift(_value(left, values), _shift_count(_value(right, values)))
        case ast.BinOp(left, op, right):
            return _binary(type(op), _value(left, values), _value(right, values))
        case ast.UnaryOp(op, operand):
            return _unary(op, _value(operand, values))
        case ast.BoolOp(op, operands):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return np.asarray(combine.reduce(np.broadcast_arrays(*(_of(np.bool_, _value(item, values)) for item in operands))))
        case ast.Compare(left, [op], [right]):
            return COMPARISONS[type(op)](*_alike(_value(left, values), _value(right, values)))
        case ast.Call(ast.Name(name), arguments):
            return _call(name, [_value(argument, values) for argument in arguments])
    raise UndefinedOperationError(f"no such expression: {ast.unparse(node)}")


def _of(dtype: type[np.generic], value: Array) -> Array:
    _require(value.dtype == dtype, f"{value.dtype} where {dtype.__name__} is needed")
    return value


def _alike(left: Array, right: Array) -> tuple[Array, Array]:
    _require(left.dtype == right.dtype and left.dtype != np.bool_, f"operands of types {left.dtype} and {right.dtype}")
    return left, right


def _shift_count(count: Array) -> Array:
    _require(count.dtype == np.int32 and np.all((count >= 0) & (count < 32)), "a shift by less than 0 or more than 31")
    return count


def _binary(op: type[ast.operator], left: Array, right: Array) -> Array:
    _alike(left, right)
    _require(not (op in FLOAT_ONLY and left.dtype != np.float32), "/ is for floats")
    _require(not (op in INTEGER_ONLY and left.dtype != np.int32), f"{op.__name__} is for integers")
    if op in (ast.LShift, ast.RShift):
        _shift_count(right)
    return np.asarray(BINARY[op](left, right))


def _unary(op: ast.unaryop, operand: Array) -> Array:
    if isinstance(op, ast.USub):
        return np.asarray(np.negative(operand))
    return np.asarray(~_of(np.bool_ if isinstance(op, ast.Not) else np.int32, operand))


def _call(name: str, arguments: list[Array]) -> Array:
    if name == "select":
        condition, yes, no = arguments
        return np.where(_of(np.bool_, condition), *_alike(yes, no))
    if name in BUILTINS:
        dtype, compute = BUILTINS[name]
        return np.asarray(compute(_of(dtype, arguments[0])))
    return function(name)(*arguments)
