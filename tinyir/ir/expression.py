"""Typed scalar expressions over concrete tensors: what an operator's equations become for given operands.

Scalar operations are named by the `arith` operation that computes them, so that interpreter, loops, C and
proofs all mean the same thing.  Nodes are shared where the text shares a name: treat them as a graph.
"""

from __future__ import annotations

import attrs

from tinyir.ir.affine import AffineExpression
from tinyir.ir.record import Record
from tinyir.ir.types import F32, I1, I32, INDEX, FloatType, IndexType, IntegerType, Type

INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
"""`arith.cmpi` predicates in the order of their codes."""
FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip
"""`arith.cmpf` predicates in the order of their codes."""


@attrs.frozen(eq=False, repr=False)
class Constant(Record):
    value: int | float
    type: Type


@attrs.frozen(eq=False, repr=False)
class Parameter(Record):
    """A parameter of a scalar function."""

    index: int
    type: Type


@attrs.frozen(eq=False, repr=False)
class Index(Record):
    """An affine expression over the equation's variables (dimension i is variable i)."""

    expression: AffineExpression
    type: Type = INDEX


@attrs.frozen(eq=False, repr=False)
class Read(Record):
    """An element of a tensor.  An index is affine, or an integer expression (a table look-up).

    `otherwise` is the value where an index lies outside; None: it never does.
    """

    tensor: str
    index: tuple[AffineExpression | Expression, ...]
    type: Type
    otherwise: Expression | None = None


@attrs.frozen(eq=False, repr=False)
class Scalar(Record):
    """An `arith` operation; `predicate` for comparisons."""

    operation: str
    operands: tuple[Expression, ...]
    type: Type
    predicate: str = ""


@attrs.frozen(eq=False, repr=False)
class Apply(Record):
    """A call of a scalar function of `specs/functions`."""

    function: str
    operands: tuple[Expression, ...]
    type: Type


@attrs.frozen(eq=False, repr=False)
class Fold(Record):
    """A sum, max or min over `variables` in lexicographic order from `start`.

    A point where a condition (`expression >= 0`) fails is left out.
    """

    kind: str
    variables: tuple[int, ...]
    conditions: tuple[AffineExpression, ...]
    body: Expression
    start: Expression
    type: Type


Expression = Constant | Parameter | Index | Read | Scalar | Apply | Fold


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions right below."""
    if isinstance(expression, Scalar | Apply):
        return expression.operands
    if isinstance(expression, Fold):
        return expression.start, expression.body
    if isinstance(expression, Read):
        dynamic = tuple(i for i in expression.index if not isinstance(i, AffineExpression))
        return dynamic if expression.otherwise is None else (*dynamic, expression.otherwise)
    return ()


def _is_float(type: Type) -> bool:
    return isinstance(type, FloatType)


def is_unsigned(type: Type) -> bool:
    """Whether an integer type is unsigned (i1 counts as unsigned)."""
    return isinstance(type, IntegerType) and (type.is_unsigned or type is I1)


_BINARY = {
    "+": ("arith.addf", "arith.addi"),
    "-": ("arith.subf", "arith.subi"),
    "*": ("arith.mulf", "arith.muli"),
    "/": ("arith.divf", ""),
    "&": ("", "arith.andi"),
    "|": ("", "arith.ori"),
    "^": ("", "arith.xori"),
    "<<": ("", "arith.shli"),
    ">>": ("", "arith.shrsi"),
    ">>>": ("", "arith.shrui"),
    "and": ("", "arith.andi"),
    "or": ("", "arith.ori"),
}
INTEGER_OPERATORS = {sign: integer for sign, (_, integer) in _BINARY.items() if integer and not sign.isalpha()}
"""The signs of the operator language on integers, and the operation that each stands for."""
_COMPARE = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


def binary(operator: str, left: Expression, right: Expression) -> Expression:
    """`left operator right` on operands of one type.

    Raises:
        ValueError: the operator does not exist on the type.
    """
    floats = _is_float(left.type)
    if operator in _COMPARE:
        return compare(_COMPARE[operator], left, right)
    if operator in ("-", "+") and isinstance(right, Constant) and right.value == 0 and not floats:
        return left
    if operator == "-" and isinstance(right, Constant) and right.value == 0 and str(right.value) != "-0.0":
        return left  # x - 0.0 is x, also for -0.0 and NaN
    name = _BINARY[operator][0 if floats else 1]
    if not name:
        raise ValueError(f"'{operator}' is not defined on {left.type}")
    return Scalar(name, (left, right), left.type)


def compare(predicate: str, left: Expression, right: Expression) -> Expression:
    """A comparison by "lt", "le", "gt", "ge", "eq", "ne"; unordered floats compare unequal."""
    if _is_float(left.type):
        return Scalar("arith.cmpf", (left, right), I1, "une" if predicate == "ne" else "o" + predicate)
    if predicate in ("eq", "ne"):
        return Scalar("arith.cmpi", (left, right), I1, predicate)
    return Scalar("arith.cmpi", (left, right), I1, ("u" if is_unsigned(left.type) else "s") + predicate)


def select(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    return Scalar("arith.select", (condition, then, otherwise), then.type)


def maximum(left: Expression, right: Expression) -> Expression:
    """The greater; on floats `right > left ? right : left`, so a NaN or a zero on the left stays."""
    if _is_float(left.type):
        return select(compare("gt", right, left), right, left)
    return Scalar("arith.maxui" if is_unsigned(left.type) else "arith.maxsi", (left, right), left.type)


def minimum(left: Expression, right: Expression) -> Expression:
    """The smaller; on floats `right < left ? right : left`."""
    if _is_float(left.type):
        return select(compare("lt", right, left), right, left)
    return Scalar("arith.minui" if is_unsigned(left.type) else "arith.minsi", (left, right), left.type)


def negate(operand: Expression) -> Expression:
    if _is_float(operand.type):
        return Scalar("arith.negf", (operand,), operand.type)
    return Scalar("arith.subi", (Constant(0, operand.type), operand), operand.type)


def absolute(operand: Expression) -> Expression:
    """`x <= 0 ? 0 - x : x`, which turns -0.0 into +0.0."""
    zero = Constant(0.0 if _is_float(operand.type) else 0, operand.type)
    minus = "arith.subf" if _is_float(operand.type) else "arith.subi"
    return select(compare("le", operand, zero), Scalar(minus, (zero, operand), operand.type), operand)


def cast(operand: Expression, type: Type) -> Expression:
    """The operand converted: integers extend by their own sign or truncate, floats truncate towards zero.

    Raises:
        ValueError: there is no such conversion.
    """
    source = operand.type
    if source is type:
        return operand
    if isinstance(operand, Constant):
        return constant(operand.value, type)
    if isinstance(source, IndexType):
        if isinstance(type, FloatType):
            return cast(cast(operand, I32), type)
        return Scalar("arith.index_cast", (operand,), type)
    if isinstance(type, IndexType):
        return Scalar("arith.index_castui" if is_unsigned(source) else "arith.index_cast", (operand,), type)
    if isinstance(source, IntegerType) and isinstance(type, IntegerType):
        if source.width == type.width:
            return Scalar("arith.bitcast", (operand,), type)
        if source.width > type.width:
            return Scalar("arith.trunci", (operand,), type)
        return Scalar("arith.extui" if is_unsigned(source) else "arith.extsi", (operand,), type)
    if isinstance(source, IntegerType) and isinstance(type, FloatType):
        return Scalar("arith.uitofp" if is_unsigned(source) else "arith.sitofp", (operand,), type)
    if isinstance(source, FloatType) and isinstance(type, IntegerType):
        return Scalar("arith.fptoui" if is_unsigned(type) else "arith.fptosi", (operand,), type)
    raise ValueError(f"no conversion from {source} to {type}")


def constant(value: int | float, type: Type) -> Constant:
    """A literal of a type.

    Raises:
        ValueError: a fraction where an integer is needed.
    """
    if isinstance(type, FloatType):
        return Constant(float(value), type)
    if int(value) != value:
        raise ValueError(f"{value} is not an integer")
    return Constant(int(value), type)


def bits(operand: Expression, type: Type) -> Expression:
    """The same bits as another type of the same width."""
    return Scalar("arith.bitcast", (operand,), type)


def start_of(kind: str, type: Type) -> Constant:
    """The neutral element of a fold.

    Raises:
        ValueError: the type has none.
    """
    if kind == "sum":
        return constant(0, type)
    if isinstance(type, FloatType):
        return Constant(float("-inf") if kind == "max" else float("inf"), type)
    if not isinstance(type, IntegerType):
        raise ValueError(f"'{kind}' is not defined on {type}")
    return Constant(type.lowest if kind == "max" else type.greatest, type)


def combine(kind: str, accumulator: Expression, term: Expression) -> Expression:
    """One step of a fold."""
    if kind == "sum":
        return binary("+", accumulator, term)
    return maximum(accumulator, term) if kind == "max" else minimum(accumulator, term)


SCALAR_TYPES: dict[str, Type] = {
    "i1": I1,
    "i8": IntegerType(8),
    "u8": IntegerType(8, "u"),
    "i16": IntegerType(16),
    "u16": IntegerType(16, "u"),
    "i32": I32,
    "i64": IntegerType(64),
    "f32": F32,
    "index": INDEX,
}
"""The types that the operator language names."""
