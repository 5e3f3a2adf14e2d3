"""Affine expressions in SMT-LIB: `div` and `mod` by positive constants round towards minus infinity there as here."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.affine import AffineBinary, AffineConstant, AffineDimension, AffineExpression, linear_terms
from tinyir.prove.claim import linear


def spell(expression: AffineExpression, names: Sequence[str]) -> str:
    """The expression with dimension i written as `names[i]`.

    Raises:
        ValueError: a symbol, or a division by one: sizes must be concrete.
    """
    terms = linear_terms(expression)
    constant = terms.pop(AffineConstant(1), 0)
    return linear([(factor, _spell_factor(node, names)) for node, factor in terms.items()], constant)


def _spell_factor(node: AffineExpression, names: Sequence[str]) -> str:
    if isinstance(node, AffineDimension):
        return names[node.position]
    divisor = node.right.constant_value if isinstance(node, AffineBinary) else None
    if not isinstance(node, AffineBinary) or divisor is None or node.kind == "*":
        raise ValueError(f"{node} is not affine in dimensions of known size")
    operand = spell(node.left, names)
    if node.kind == "ceildiv":
        return f"(- (div (- {operand}) {divisor}))"
    return f"({'div' if node.kind == 'floordiv' else 'mod'} {operand} {divisor})"


def dimensions_of(expression: AffineExpression) -> frozenset[int]:
    """The positions of all dimensions that occur."""
    if isinstance(expression, AffineDimension):
        return frozenset({expression.position})
    if isinstance(expression, AffineBinary):
        return dimensions_of(expression.left) | dimensions_of(expression.right)
    return frozenset()
