"""Affine maps and sets applied to operands, written in place: `[%p * 2 + %i - 1, %k]`, `max(0, 1 - %p)`, `%p - 1 >= 0`.

A map is written so only if reading gives the same map back: its dimensions stand for different operands, in the order
in which they appear, and it has no symbols.  Any other is written out: `affine_map<(d0, d1) -> (d1)>(%a, %b)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyir.ir.affine import (
    AffineBinary,
    AffineConstant,
    AffineDimension,
    AffineExpression,
    AffineMap,
    AffineSet,
    make_binary,
)


def spell_expression(expression: AffineExpression, names: Sequence[str]) -> str:
    """The expression with the dimensions' names put in."""
    if isinstance(expression, AffineDimension):
        return names[expression.position]
    if not isinstance(expression, AffineBinary):
        return str(expression)
    if expression.kind == "+":
        return _spell_sum(expression, names)
    left, right = _operand(expression.left, names), _operand(expression.right, names)
    if expression.kind == "*" and expression.right.constant_value == -1:
        return f"-{left}"
    return f"{left} {expression.kind} {right}"


def _spell_sum(expression: AffineBinary, names: Sequence[str]) -> str:
    constant = expression.right.constant_value
    if constant is not None and constant > 0 and _begins_negative(expression.left):
        # `1 - %p * 2` reads better than `%p * -2 + 1`, and is read as the same expression.
        text = str(constant)
        for term in _flat(expression.left):
            text = _join(text, term, names)
        return text
    return _join(spell_expression(expression.left, names), expression.right, names)


def _flat(expression: AffineExpression) -> list[AffineExpression]:
    """The terms of a sum."""
    if isinstance(expression, AffineBinary) and expression.kind == "+":
        return [*_flat(expression.left), expression.right]
    return [expression]


def _begins_negative(expression: AffineExpression) -> bool:
    first = _flat(expression)[0]
    factor = first.right.constant_value if isinstance(first, AffineBinary) and first.kind == "*" else None
    return factor is not None and factor < 0


def _join(left: str, right: AffineExpression, names: Sequence[str]) -> str:
    """`left + right`, or `left - ...` where the right is negative."""
    constant = right.constant_value
    if constant is not None and constant < 0:
        return f"{left} - {-constant}"
    if isinstance(right, AffineBinary) and right.kind == "*":
        factor = right.right.constant_value
        if factor is not None and factor < 0:
            product = _operand(right.left, names)
            return f"{left} - {product}" if factor == -1 else f"{left} - {product} * {-factor}"
    return f"{left} + {spell_expression(right, names)}"


def _operand(expression: AffineExpression, names: Sequence[str]) -> str:
    text = spell_expression(expression, names)
    return f"({text})" if isinstance(expression, AffineBinary) else text


def is_plain(expressions: Iterable[AffineExpression], dimensions: int, symbols: int, operands: Sequence[object]) -> bool:
    """Whether the expressions, written over the operands, are read back as they are."""
    if symbols or dimensions != len(operands) or len(set(operands)) != len(operands):
        return False
    order: list[int] = []
    return all(_rebuild(expression, order) is expression for expression in expressions) and order == list(range(dimensions))


def _rebuild(expression: AffineExpression, order: list[int]) -> AffineExpression | None:
    """What reading the text gives; notes the dimensions in their order of appearance."""
    if isinstance(expression, AffineDimension):
        if expression.position not in order:
            order.append(expression.position)
        return expression
    if isinstance(expression, AffineConstant):
        return expression
    if not isinstance(expression, AffineBinary):
        return None
    left, right = _rebuild(expression.left, order), _rebuild(expression.right, order)
    if left is not expression.left or right is not expression.right:
        return None
    try:
        return make_binary(expression.kind, left, right)
    except ValueError:
        return None


def spell_map(map: AffineMap, names: Sequence[str], may_be_empty: bool) -> str:
    """`a, b`, or the map written out and applied to the operands' names."""
    if (map.results or may_be_empty) and is_plain(map.results, map.dimensions, map.symbols, names):
        return ", ".join(spell_expression(result, names) for result in map.results)
    return f"{map}({', '.join(names)})"


def spell_bound(map: AffineMap, names: Sequence[str], function: str) -> str:
    """The greatest (`max`) or least (`min`) of a map's results."""
    if not map.results or not is_plain(map.results, map.dimensions, map.symbols, names):
        return f"{map}({', '.join(names)})"
    text = ", ".join(spell_expression(result, names) for result in map.results)
    return text if len(map.results) == 1 else f"{function}({text})"


def spell_set(condition: AffineSet, names: Sequence[str]) -> str:
    """`a >= 0, b == 0`, or the set written out and applied to the operands' names."""
    expressions = [expression for expression, _ in condition.constraints]
    if not is_plain(expressions, condition.dimensions, condition.symbols, names):
        return f"{condition}({', '.join(names)})"
    return ", ".join(f"{spell_expression(e, names)} {'==' if equal else '>='} 0" for e, equal in condition.constraints)
