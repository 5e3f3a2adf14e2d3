"""Arithmetic on literals is done, and what adds zero or multiplies by one is left out, at the C level.

`lower_to_c{canonical}` keeps index arithmetic in full so that `merge_functions` can compare it; this is what follows.
"""

from __future__ import annotations

import attrs

from tinyir.dialects.c import text_property
from tinyir.dialects.c_writer import FOLDED, NEUTRAL, literal_of
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import IntegerType
from tinyir.rewrite.passes import Pass, PassContext

COMMUTATIVE = ("+", "*")


@attrs.frozen
class SimplifyC(Pass):
    """Folds in one walk: operands come before their users."""

    name = "simplify_c"
    reads = ("builtin", "c")
    leaves = ("builtin", "c")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in list(module.body):
            if function.name == "c.function":
                for operation in list(function.walk()):
                    if operation.name == "c.binary":
                        _simplify(operation)
                _erase_unused(function)


def _simplify(operation: Operation) -> None:
    operator = text_property(operation, "operator")
    left, right = operation.operands
    a, b = literal_of(left), literal_of(right)
    if a is not None and b is not None and operator in FOLDED:
        _become_literal(operation, FOLDED[operator](a, b))
    elif operator == "*" and 0 in (a, b):
        _become_literal(operation, 0)
    elif b is not None and NEUTRAL.get(operator) == b:
        _become(operation, left)
    elif operator in COMMUTATIVE and a is not None and NEUTRAL[operator] == a:
        _become(operation, right)
    elif operator in COMMUTATIVE and b is not None:
        _join(operation, operator, b)


def _join(operation: Operation, operator: str, literal: int) -> None:
    """(x + a) + b is x + (a + b), and the same for products."""
    inner = operation.operands[0].definer
    if inner is None or inner.name != "c.binary" or text_property(inner, "operator") != operator or not inner.result.has_one_use:
        return
    other = literal_of(inner.operands[1])
    if other is None or not _fits(FOLDED[operator](other, literal), operation):
        return
    combined = _literal(operation, FOLDED[operator](other, literal))
    operation.operands = (inner.operands[0], combined)


def _fits(value: int, operation: Operation) -> bool:
    type = operation.result.type
    return isinstance(type, IntegerType) and type.lowest <= value <= type.greatest


def _literal(operation: Operation, value: int) -> Value:
    type = operation.result.type
    return Builder.before(operation).create("c.literal", (), [type], {"value": IntegerAttribute(value, type)}).result


def _become_literal(operation: Operation, value: int) -> None:
    if _fits(value, operation):
        _become(operation, _literal(operation, value))


def _become(operation: Operation, value: Value) -> None:
    if value.definer is not None and value.definer.name == "c.variable":
        return  # its content may change before the value is used
    if not value.name:
        value.name = operation.result.name
    operation.replace_by(value)


def _erase_unused(function: Operation) -> None:
    for operation in reversed(list(function.walk())):
        if operation.name in ("c.literal", "c.address", "c.binary") and not operation.result.use_count:
            operation.erase()
