"""loop -> loop: sums of products whose channels stay apart run over one widened, padded plane at a time.

    for %p, %q, %o { sum over %i, %j of x[%p + %i - 1, %q + %j - 1, %o] * w[%o, %i, %j] }
=>
    for %o {
      stage xs[%r, %c]                        // the channel's plane, 16 bits wide, with its padding as zeros
      %w... = w[%o, ...]                      // its weights, in registers
      for %t { for %p { two sums, side by side: xs[%p + i, 2 * %t + j] * %w[i][j], all terms written out } } }

Neighbours in a row share words of two lanes, and neither padding nor the kernel's loops are left inside.  The longer of the two
loops is the inner one; a last column that has no neighbour is a strip of its own, or has one that is not kept.  Where the
rows come one at a time from a loop outside, the plane holds what one of them reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.nest_classes import facts_of
from tinyir.dialects.product_nests import ProductNest, extent_of, find_product_nest, from_zero, scheduled_nests, spare_bytes, widened
from tinyir.dialects.schedules import Plan, plan_for, scheduled
from tinyir.ir.affine import AffineConstant, AffineDimension, linear_terms
from tinyir.ir.attributes import DenseArray, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I16, I32, I64, INDEX, TensorType
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class StagePlanes(Pass):
    """Stages the planes of the sums of products that a schedule gives to it, if each output channel reads one channel.

    `most_terms`: sums of more terms are left alone, since all are written out.  `columns`: neighbours whose sums are side by side.
    """

    name: ClassVar[str] = "stage_planes"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    most_terms: int | None = scheduled("where", "terms")
    columns: int | None = scheduled("jam", "columns", (1, 2))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for root in scheduled_nests(function):
                nest = find_product_nest(root)
                plan = plan_for(self, facts_of(root), context) if nest is not None else None
                plane = _Plane.of(nest) if nest is not None and plan is not None else None
                if plane is not None and plan is not None:
                    staging, spare = _Staging(plane, plan), spare_bytes(root)
                    if spare is None or staging.plane_bytes <= spare:
                        staging.run(context)


@attrs.frozen(eq=False)
class _Axis:
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


@attrs.frozen(eq=False)
class _Plane:
    """A product nest as planes: which axis of x is the channel, and the others."""

    nest: ProductNest
    channel: int
    rows: _Axis
    columns: _Axis
    row_axis: int | None
    column_axis: int

    @property
    def terms(self) -> int:
        return self.rows.terms * self.columns.terms

    @classmethod
    def of(cls, nest: ProductNest) -> _Plane | None:
        if len(nest.outputs) != 1 or nest.x.uses(nest.outputs) != nest.outputs:
            return None
        map, indices = loop.access_map(nest.x.read), loop.access_indices(nest.x.read)
        output = loop.induction_variable(nest.outputs[0])
        channel, axes = None, []
        for number, expression in enumerate(map.results):
            if isinstance(expression, AffineDimension) and indices[expression.position] is output:
                channel = number
            elif expression.constant_value is None:
                axes.append(number)
        if channel is None or not 1 <= len(axes) <= 2:
            return None
        found = [_axis(nest, number) for number in axes]
        if any(axis is None for axis in found):
            return None
        known = [axis for axis in found if axis is not None]
        row = known[0] if len(known) == 2 else _Axis(1, None, None, 1, 1, 0)
        used = {each for axis in known for each in (axis.term, None if axis.outside else axis.position) if each is not None}
        everything = {*nest.positions, *nest.folds}
        if known[-1].outside or used != everything or not all(_clips_match(nest, axis) for axis in known):
            return None
        return cls(nest, channel, row, known[-1], axes[0] if len(axes) == 2 else None, axes[-1])


def _axis(nest: ProductNest, number: int) -> _Axis | None:
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
    return _Axis(type.shape[number], position, term, stride, dilation, -constant, position in around) if constant <= 0 else None


def _clips_match(nest: ProductNest, axis: _Axis) -> bool:
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


class _Staging:
    """One nest on its way into planes."""

    def __init__(self, plane: _Plane, plan: Plan) -> None:
        self.plane = plane
        self.plan = plan
        self.sides = plan["jam", "columns"]
        self.nest = plane.nest
        self.channels = extent_of(self.nest.outputs[0])
        self.height = plane.rows.reached(plane.rows.positions)
        self.whole, self.last = divmod(plane.columns.positions, self.sides)
        self.is_padded = self.last > 0 and plane.rows.positions == 1
        if self.is_padded:  # of one row, a strip for the last column costs more than it saves
            self.whole, self.last = self.whole + 1, 0
        reached = plane.columns.reached(self.whole * self.sides + self.last)
        self.width = reached + reached % 2  # a row begins with a word
        self.plane_bytes = self.height * self.width * 2

    def run(self, context: PassContext) -> None:
        nest = self.nest
        made = write.for_each(Builder.before(nest.root), [write.constant_index(self.channels)], loop.induction_variable(nest.outputs[0]).name or "o")
        made.attributes["schedule"] = self.plan.describe()
        type = TensorType((self.channels, self.height, self.width), I16)
        properties = {"fold": DenseArray([1, 0, 0], I64), "alignment": IntegerAttribute(4, INDEX)}
        self.plane_rows = Builder.before(made).create("loop.tensor", [], [type], dict(properties)).result
        self.plane_rows.name = "x_plane"
        builder, channel = write.inside(made)
        self._stage(builder, channel)
        self._sums(builder, channel)
        where = ", ".join(nest.root.location.names) or "a sum of products"
        context.ledger.add(scratch_obligation(self.plane_rows, [made], where))
        nest.root.erase()

    # -- the plane

    def _stage(self, builder: Builder, channel: Index) -> None:
        rows = self.plane.rows
        if rows.outside:
            at, padded = write.inside(write.for_each(builder, [write.constant_index(self.height)], "r"))
            self._stage_row_inside(at, channel, write.combined(AffineDimension(0) + AffineDimension(1), [rows.first(), padded]), padded)
            return
        above = min(rows.before, self.height)
        inner = min(rows.size, self.height - above)
        self._zero_rows(builder, channel, 0, above)
        at, row = write.inside(write.for_each(builder, [write.constant_index(inner)], "r"))
        self._stage_row(at, channel, row, write.combined(AffineDimension(0) + above, [row]))
        self._zero_rows(builder, channel, above + inner, self.height)

    def _stage_row_inside(self, builder: Builder, channel: Index, row: Index, padded: Index) -> None:
        """A row that may be beyond the input."""
        rows = self.plane.rows
        if not rows.is_clipped:
            self._stage_row(builder, channel, row, padded)
            return
        conditions = [row, write.combined(rows.size - 1 - AffineDimension(0), [row])]
        _, there, beyond = write.branch(builder, conditions, ())
        self._stage_row(there, channel, row, padded)
        self._zeros(beyond, channel, padded, 0, self.width)
        there.create("loop.yield")
        beyond.create("loop.yield")

    def _stage_row(self, at: Builder, channel: Index, row: Index, padded: Index) -> None:
        columns = self.plane.columns
        left = min(columns.before, self.width)
        filled = min(columns.size, self.width - left)
        self._zeros(at, channel, padded, 0, left)
        together = next(count for count in (4, 3, 2, 1) if filled % count == 0)
        inside, step = write.inside(write.for_each(at, [write.constant_index(filled // together)], "c"))
        for number in range(together):
            column = write.combined(AffineDimension(0) * together + number, [step])
            element = self._element(inside, channel, row, column)
            write.define(inside, element, self.plane_rows, [channel, padded, write.combined(AffineDimension(0) + left, [column])])
        self._zeros(at, channel, padded, left + filled, self.width)

    def _element(self, builder: Builder, channel: Index, row: Index, column: Index) -> Value:
        type = self.nest.x.tensor.type
        assert isinstance(type, TensorType)
        indices = [write.constant_index(e.constant_value or 0) for e in loop.access_map(self.nest.x.read).results]
        indices[self.plane.channel] = channel
        if self.plane.row_axis is not None:
            indices[self.plane.row_axis] = row
        indices[self.plane.column_axis] = column
        return widened(builder, write.read(builder, self.nest.x.tensor, indices), self.nest.x)

    def _zero_rows(self, builder: Builder, channel: Index, first: int, last: int) -> None:
        if first < last:
            inner, row = write.inside(write.for_each(builder, [write.constant_index(last)], "r", start=first))
            self._zeros(inner, channel, row, 0, self.width)

    def _zeros(self, builder: Builder, channel: Index, row: Index, first: int, last: int) -> None:
        if first < last:
            inner, column = write.inside(write.for_each(builder, [write.constant_index(last)], "c", start=first))
            write.define(inner, write.literal(inner, 0, I16), self.plane_rows, [channel, row, column])

    # -- the sums

    def _sums(self, builder: Builder, channel: Index) -> None:
        nest, rows, columns = self.nest, self.plane.rows, self.plane.columns
        output: dict[Value, Index] = {loop.induction_variable(nest.outputs[0]): channel}
        weights = {(i, j): self._weight(builder, output, i, j) for i in range(rows.terms) for j in range(columns.terms)}
        fixed, moving = nest.split_body()
        shared: dict[Value, Value] = {}
        for operation in fixed:
            builder.insert(clone_substituted(operation, shared, output))
        for count, sides, first in ((self.whole, self.sides, 0), (self.last, 1, self.whole * self.sides)):
            if count:
                at, row, strip = self._loops(builder, count)
                places = [write.combined(AffineDimension(0) * self.sides + first + side, [strip]) for side in range(sides)]
                self._strip(at, channel, row, places, weights, shared, moving)

    def _loops(self, builder: Builder, strips: int) -> tuple[Builder, Index, Index]:
        """Loops over rows and strips of columns, the longer one inside: where their body goes on, and the indices of row and strip."""
        rows = self.plane.rows
        row_label = loop.induction_variable(rows.position).name if rows.position is not None else None
        indices: list[Index] = [write.constant_index(0), write.constant_index(0)]
        for axis, count, label in sorted(((0, rows.positions, row_label or "p"), (1, strips, "t")), key=lambda each: each[1]):
            if count > 1:
                builder, indices[axis] = write.inside(write.for_each(builder, [write.constant_index(count)], label))
        return builder, indices[0], indices[1]

    def _strip(
        self,
        builder: Builder,
        channel: Index,
        row: Index,
        columns: Sequence[Index],
        weights: dict[tuple[int, int], Value],
        shared: dict[Value, Value],
        moving: Sequence[Operation],
    ) -> None:
        """The sums of neighbouring columns, and what follows them."""
        nest = self.nest
        before, after = nest.around_sum(moving)
        lanes = []
        for column in columns:
            values, known = dict(shared), self._known(channel, row, column)
            for operation in before:
                builder.insert(clone_substituted(operation, values, known))
            start = nest.sum.operands[-1]
            lanes.append((values, known, self._sum(builder, channel, row, column, weights, values.get(start, start))))
        for number, (values, known, total) in enumerate(lanes):
            values[nest.sum.result] = total
            self._finish(builder, after, values, known, columns[number] if number and self.is_padded else None)

    def _weight(self, builder: Builder, output: dict[Value, Index], i: int, j: int) -> Value:
        known = dict(output)
        for axis, term in ((self.plane.rows, i), (self.plane.columns, j)):
            if axis.term is not None:
                known[loop.induction_variable(axis.term)] = write.constant_index(term)
        values: dict[Value, Value] = {}
        builder.insert(clone_substituted(self.nest.w.read, values, known))
        element = values[self.nest.w.read.result]
        return builder.create("arith.extsi", [widened(builder, element, self.nest.w) if self.nest.w.shift else element], [I32]).result

    def _known(self, channel: Index, row: Index, column: Index) -> dict[Value, Index]:
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): channel}
        for axis, index in ((self.plane.rows, row), (self.plane.columns, column)):
            if axis.position is not None and not axis.outside:
                known[loop.induction_variable(axis.position)] = index
        return known

    def _sum(self, builder: Builder, channel: Index, row: Index, column: Index, weights: dict[tuple[int, int], Value], start: Value) -> Value:
        total = start
        for (i, j), weight in weights.items():
            place = [channel, self.plane.rows.index(row, i), self.plane.columns.index(column, j)]
            x = builder.create("arith.extsi", [write.read(builder, self.plane_rows, place)], [I32]).result
            product = builder.create("arith.muli", [x, weight], [I32]).result
            total = builder.create("arith.addi", [total, product], [I32]).result
        return total

    def _finish(self, builder: Builder, after: Sequence[Operation], values: dict[Value, Value], known: dict[Value, Index], column: Index | None) -> None:
        """What follows the sum; with a `column` only where that one is not beyond the last."""
        if column is not None:
            last = self.plane.columns.positions - 1
            condition = write.combined(last - AffineDimension(0), [column])
            _, builder, otherwise = write.branch(builder, [condition], ())
            otherwise.create("loop.yield")
        for operation in after:
            builder.insert(clone_substituted(operation, values, known))
        if column is not None:
            builder.create("loop.yield")
