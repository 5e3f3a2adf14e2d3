"""Rules that differ only in what one operator computes at each element: where nothing is known of elements, one proof stands for all.

    F(transpose(x), transpose(y)) => transpose(F(x, y))      is proved for F = add with an unknown function in the place of `+`,
                                                             so for subtract, multiply, maximum as well
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import attrs

from tinyir.ir import operator as spec
from tinyir.ir.errors import Place
from tinyir.text import rule_syntax as ast
from tinyir.text.specifications import operators

UNKNOWN = "any"


def form_of(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> Hashable | None:
    """What rules have in common that the same proof about unknown elements proves; None if no operator of the rule works element by element."""
    names = sorted({a.operation for side in (rule.pattern, rule.result) for a in ast.applications(side)})
    pointwise = {name: form for name in names if (form := _pointwise(operators()[name])) is not None}
    if len(pointwise) != 1:
        return None
    ((name, form),) = pointwise.items()
    helpers = tuple((f, functions[f].parameters, functions[f].value) for f in sorted(functions))
    return form, _renamed(rule.pattern, name), _renamed(rule.result, name), rule.condition, rule.exact, helpers


def _pointwise(operator: spec.Operator) -> spec.Operator | None:
    """The operator with its computation left out, if that depends on nothing but elements of its operands, attributes and literals."""
    if operator.form != "equations" or len(operator.equations) != 1 or any(o.variadic for o in operator.operands):
        return None
    (equation,) = operator.equations
    if isinstance(equation.body, spec.Access):
        return None  # it computes nothing
    read: dict[spec.Access, None] = {}
    if not _reads_elements(equation.body, {o.name for o in operator.operands}, {n for a in operator.attributes for n in a.names}, read):
        return None
    body = spec.Call(UNKNOWN, tuple(spec.Item(access) for access in sorted(read, key=repr)))
    return attrs.evolve(operator, name=UNKNOWN, summary="", place=Place(), equations=(attrs.evolve(equation, body=body),))


def _reads_elements(expression: spec.Expression, operands: set[str], attributes: set[str], read: dict[spec.Access, None]) -> bool:
    """Whether an expression reads elements and attributes, and neither folds nor looks at an index; gathers the reads."""
    if isinstance(expression, spec.Access):
        read[expression] = None
        return expression.name in operands
    if isinstance(expression, spec.Name):
        return expression.name in attributes
    if isinstance(expression, spec.Number):
        return True
    if isinstance(expression, spec.Unary):
        return _reads_elements(expression.operand, operands, attributes, read)
    if isinstance(expression, spec.Binary):
        return all(_reads_elements(side, operands, attributes, read) for side in (expression.left, expression.right))
    if isinstance(expression, spec.Call):
        return all(_reads_elements(item.expression, operands, attributes, read) for item in expression.items)
    return False


def _renamed(pattern: ast.Pattern, name: str) -> Any:
    if isinstance(pattern, ast.Sequence):
        return ast.Sequence(_renamed(pattern.pattern, name))
    if not isinstance(pattern, ast.Application):
        return pattern
    operands = tuple(_renamed(operand, name) for operand in pattern.operands)
    return attrs.evolve(pattern, operands=operands, operation=UNKNOWN if pattern.operation == name else pattern.operation)
