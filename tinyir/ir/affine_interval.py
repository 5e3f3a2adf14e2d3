"""Intervals of affine expressions: the least and greatest value over a box, exact where each variable stands in one term."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.affine import AffineBinary, AffineConstant, AffineDimension, AffineExpression, linear_terms, make_binary

Interval = tuple[int, int]
"""Inclusive."""


def interval_of(expression: AffineExpression, ranges: Sequence[Interval]) -> Interval:
    """An interval that contains all values, dimension i lying in `ranges[i]`.

    Raises:
        ValueError: the expression has symbols.
    """
    if isinstance(expression, AffineConstant):
        return expression.value, expression.value
    if isinstance(expression, AffineDimension):
        return ranges[expression.position]
    if not isinstance(expression, AffineBinary):
        raise ValueError(f"no interval is known for {expression}")
    low, high = interval_of(expression.left, ranges)
    right_low, right_high = interval_of(expression.right, ranges)
    match expression.kind:
        case "+":
            return low + right_low, high + right_high
        case "*":
            return min(low * right_low, high * right_low), max(low * right_low, high * right_low)
        case "mod":
            same = low // right_low == high // right_low
            return (low % right_low, high % right_low) if same else (0, right_low - 1)
        case "floordiv":
            return low // right_low, high // right_low
        case _:
            return -(-low // right_low), -(-high // right_low)


def interval_over(expression: AffineExpression, extents: Sequence[int]) -> Interval:
    """An interval of the values when dimension i runs over 0 .. extents[i] - 1."""
    return interval_of(expression, [(0, max(extent - 1, 0)) for extent in extents])


def simplify(expression: AffineExpression, extents: Sequence[int]) -> AffineExpression:
    """The expression without divisions that the ranges of the variables decide, and with whole multiples taken out of the others.

    floor((n*a + r) / n) = a + floor(r / n) and (n*a + r) mod n = r mod n for all integers a and r.
    """
    if not isinstance(expression, AffineBinary):
        return expression
    left, right = simplify(expression.left, extents), simplify(expression.right, extents)
    divisor = right.constant_value
    if expression.kind not in ("floordiv", "mod") or divisor is None:
        return make_binary(expression.kind, left, right)
    whole, rest = _split_multiples(left, divisor)
    low, high = interval_over(rest, extents)
    if low // divisor == high // divisor:
        quotient = low // divisor
        return whole + quotient if expression.kind == "floordiv" else rest - quotient * divisor
    return whole + rest // divisor if expression.kind == "floordiv" else rest % divisor


def _split_multiples(expression: AffineExpression, divisor: int) -> tuple[AffineExpression, AffineExpression]:
    """`whole`, `rest` with expression = whole * divisor + rest."""
    whole: AffineExpression = AffineConstant(0)
    rest: AffineExpression = AffineConstant(0)
    for factor, coefficient in linear_terms(expression).items():
        quotient, remainder = divmod(coefficient, divisor)
        whole, rest = whole + factor * quotient, rest + factor * remainder
    return whole, rest
