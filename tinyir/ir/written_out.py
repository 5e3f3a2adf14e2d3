"""Sums over lanes, written out: `sum(i < 4) a[i] * b[i]` is a[0] * b[0] + ... + a[3] * b[3]."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import attrs

from tinyir.ir import operator as ast

Numbers = Mapping[str, int]


def written_out(expression: ast.Expression, known: Numbers | None = None) -> ast.Expression:
    """The expression without sums; `known`: what indices stand for.

    Raises:
        ValueError: a sum that is no `sum(i < NUMBER)`, or another kind of reduction.
    """
    numbers = known or {}
    if isinstance(expression, ast.Name) and expression.name in numbers:
        return ast.Number(numbers[expression.name])
    if isinstance(expression, ast.Reduction):
        return _sum(expression, numbers)
    if isinstance(expression, ast.Binary):
        return attrs.evolve(expression, left=written_out(expression.left, numbers), right=written_out(expression.right, numbers))
    if isinstance(expression, ast.Unary):
        return attrs.evolve(expression, operand=written_out(expression.operand, numbers))
    if isinstance(expression, ast.Access | ast.Call):
        return attrs.evolve(expression, items=tuple(attrs.evolve(item, expression=written_out(item.expression, numbers)) for item in expression.items))
    return expression


def _sum(expression: ast.Reduction, known: Numbers) -> ast.Expression:
    bounds = [_bound(binder.expression) for binder in expression.binders]
    if expression.kind != "sum" or len(bounds) != 1:
        raise ValueError("lanes are added up by sum(i < NUMBER)")
    ((name, count),) = bounds
    terms = [written_out(expression.body, {**known, name: number}) for number in range(count)]
    return reduce(lambda left, right: ast.Binary("+", left, right), terms)


def _bound(binder: ast.Expression) -> tuple[str, int]:
    if isinstance(binder, ast.Binary) and binder.operator == "<" and isinstance(binder.left, ast.Name) and isinstance(binder.right, ast.Number):
        count = binder.right.value
        if isinstance(count, int) and count > 0:
            return binder.left.name, count
    raise ValueError("lanes are added up by sum(i < NUMBER)")
