"""The axes along which a sum of products slides over its input: input index = position * stride + term * dilation - before."""

from __future__ import annotations

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index
from tinyir.dialects.product_nests import ProductNest, extent_of, from_zero
from tinyir.ir.affine import AffineConstant, AffineDimension, linear_terms
from tinyir.ir.operation import Operation
from tinyir.ir.types import TensorType


@attrs.frozen(eq=False)
class InputAxis:
    """One axis of the plane: input index = position * stride + term * dilation - before, for `positions` and `terms` of the loops.

    `outside`: the position's loop is around the nest, which has one of them at a time.
    """

    size: int
    position: Operation | None
    term: Operation | None
    stride: int
    dilation: int
    before: int
    outside: bool = False

    @property
    def all_positions(self) -> range:
        return range(extent_of(self.position) if self.position is not None else 1)

    @property
    def positions(self) -> int:
        """Those that one plane serves."""
        return 1 if self.outside else len(self.all_positions)

    @property
    def is_clipped(self) -> bool:
        """Whether a plane of one position may reach beyond the input."""
        return self.before > 0 or self.all_positions[-1] * self.stride - self.before + self.reached(1) > self.size

    @property
    def terms(self) -> int:
        return extent_of(self.term) if self.term is not None else 1

    def reached(self, positions: int) -> int:
        """The number of padded elements that so many positions read."""
        return (positions - 1) * self.stride + (self.terms - 1) * self.dilation + 1

    def first(self) -> Index:
        """The input index of the plane's first element."""
        if self.position is None or not self.outside:
            return write.constant_index(-self.before)
        return write.combined(AffineDimension(0) * self.stride - self.before, [write.index_of(loop.induction_variable(self.position))])

    def index(self, position: Index, term: int) -> Index:
        """The padded element of a term at a position; of the one position where there is no more."""
        return write.combined(AffineDimension(0) * self.stride + term * self.dilation, [position])


def input_axis(nest: ProductNest, number: int) -> InputAxis | None:
    map, indices = loop.access_map(nest.x.read), loop.access_indices(nest.x.read)
    type = nest.x.tensor.type
    assert isinstance(type, TensorType)
    position, term, stride, dilation, constant = None, None, 1, 1, 0
    around = [each for each in nest.root.ancestors() if each.name == "loop.for" and loop.is_parallel(each) and from_zero(each)]
    for factor, coefficient in linear_terms(map.results[number]).items():
        if factor is AffineConstant(1):
            constant = coefficient
            continue
        variable = indices[factor.position] if isinstance(factor, AffineDimension) else None
        at = next((each for each in (*nest.positions, *around) if loop.induction_variable(each) is variable), None)
        over = next((each for each in nest.folds if loop.induction_variable(each) is variable), None)
        if coefficient < 1 or (at is None) == (over is None) or (at and position) or (over and term):
            return None
        if at is not None:
            position, stride = at, coefficient
        else:
            term, dilation = over, coefficient
    return InputAxis(type.shape[number], position, term, stride, dilation, -constant, position in around) if constant <= 0 else None


def clips_match(nest: ProductNest, axis: InputAxis) -> bool:
    """Whether a term takes part exactly where its input is inside, so that zeros around the plane stand for the others."""
    if axis.term is None:
        return not axis.is_clipped
    conditions = nest.clip_conditions()[nest.folds.index(axis.term)]
    for position in axis.all_positions:
        for term in range(axis.terms):
            inside = 0 <= position * axis.stride + term * axis.dilation - axis.before < axis.size
            values = []
            for expression, operands in conditions:
                known = [position if axis.position is not None and v is loop.induction_variable(axis.position) else None for v in operands]
                if None in known:
                    return False
                values.append(expression.evaluate([term, *(k for k in known if k is not None)]) >= 0)
            if all(values) != inside:
                return False
    return True
