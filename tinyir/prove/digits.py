"""An index that counts several loops as one, and the loops' indices that follow from it.

    16 * b + 4 * i + k  with 0 <= i, k < 4:    b = index div 16,  i = index div 4 mod 4,  k = index mod 4
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms
from tinyir.prove.bounds import Interval


def digits(expression: AffineExpression, box: Sequence[Interval]) -> list[tuple[int, int, int]] | None:
    """For each loop, outermost first, its factor, its place and the least that those inside of it add; None: the index cannot be turned round."""
    terms = linear_terms(expression)
    low = terms.pop(AffineConstant(1), 0)
    if any(not isinstance(node, AffineDimension) or factor <= 0 for node, factor in terms.items()):
        return None
    found: list[tuple[int, int, int]] = []
    high = low
    for factor, position in sorted((f, n.position) for n, f in terms.items() if isinstance(n, AffineDimension)):
        if high - low >= factor:
            return None
        found.insert(0, (factor, position, low))
        low, high = low + factor * box[position][0], high + factor * box[position][1]
    return found
