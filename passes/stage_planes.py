"""loop -> loop: sums of products whose channels stay apart run over one widened, padded plane at a time.

    for %p, %q, %o { sum over %i, %j of x[%p + %i - 1, %q + %j - 1, %o] * w[%o, %i, %j] }
=>
    for %o {
      stage xs[%r, %c]                        // the channel's plane, 16 bits wide, with its padding as zeros
      %w... = w[%o, ...]                      // its weights, in registers
      for %t { for %p { two sums, side by side: xs[%p + i, 2 * %t + j] * %w[i][j], all terms written out } } }

Neighbours in a row share words of two lanes, and neither padding nor the kernel's loops are left inside.  The longer of the two
loops is the inner one; a last column that has no neighbour is a strip of its own, or of a plane of one row has one that is not kept.
Planes that are to be alike have the same loops, and their rows lie equally far apart, so that the distances of words are the same.  Where the
rows come one at a time from a loop outside, the plane holds what one of them reads.  A zero point is what the plane is padded with,
and moves into the bias where that is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.product_axes import InputAxis, clips_match, input_axis
from tinyir.dialects.product_nests import ProductNest, extent_of, find_product_nest, scheduled_nests, spare_bytes, widened
from tinyir.dialects.product_zero_points import fold_zero_point
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineBinary, AffineDimension, AffineExpression
from tinyir.ir.attributes import DenseArray, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I16, I32, I64, INDEX, TensorType
from tinyir.rewrite.passes import PassContext

LANE_BYTES = 2


@attrs.frozen
class StagePlanes(SchedulingPass):
    """Stages the planes of the sums of products that a schedule gives to it, if each output channel reads one channel.

    `most_terms`: sums of more terms are left alone, since all are written out.  `columns`: neighbours whose sums are side by side.
    `alike`: 1: planes of one window have the same loops, even those that run once or never in some, and the rows of all are as far apart
    where memory allows.
    """

    name: ClassVar[str] = "stage_planes"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    most_terms: int | None = scheduled("where", "terms")
    columns: int | None = scheduled("jam", "columns", (1, 2))
    alike: int | None = scheduled("pad", "alike", (0, 1))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            stagings: list[_Staging] = []
            for root in scheduled_nests(function):
                nest = find_product_nest(root)
                plan = plan_for(self, root, context) if nest is not None else None
                plane = _Plane.of(nest) if nest is not None and plan is not None else None
                if plane is not None and plan is not None:
                    stagings.append(_Staging(plane, plan))
            _regulate([staging for staging in stagings if staging.plan["pad", "alike"]])
            for staging in stagings:
                spare = spare_bytes(staging.nest.root)
                if spare is None or staging.plane_bytes <= spare:
                    staging.run(context)

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest)
        plane, spare = _Plane.of(found) if found is not None else None, spare_bytes(nest)
        return plane is not None and (spare is None or _Staging(plane, plan).plane_bytes <= spare)


@attrs.frozen(eq=False)
class _Plane:
    """A product nest as planes: which axis of x is the channel, and the others.

    `shared`: how many neighbouring outputs read the same channel.  `group`: the channel, where loops around the nest select it.
    """

    nest: ProductNest
    channel: int
    shared: int
    group: Index | None
    rows: InputAxis
    columns: InputAxis
    row_axis: int | None
    column_axis: int

    @property
    def terms(self) -> int:
        return self.rows.terms * self.columns.terms

    @classmethod
    def of(cls, nest: ProductNest) -> _Plane | None:
        if len(nest.outputs) != 1:
            return None
        map = loop.access_map(nest.x.read)
        channel, shared, group, axes = None, 1, None, []
        for number, expression in enumerate(map.results):
            if (size := _outputs_of_channel(nest, expression)) is not None:
                channel, shared = number, size
            elif (outside := _group(nest, expression)) is not None:
                channel, shared, group = number, extent_of(nest.outputs[0]), write.index_of(outside)
            elif expression.constant_value is None:
                axes.append(number)
        if channel is None or not 1 <= len(axes) <= 2:
            return None
        found = [input_axis(nest, number) for number in axes]
        if any(axis is None for axis in found):
            return None
        known = [axis for axis in found if axis is not None]
        row = known[0] if len(known) == 2 else InputAxis(1, None, None, 1, 1, 0)
        used = {each for axis in known for each in (axis.term, None if axis.outside else axis.position) if each is not None}
        everything = {*nest.positions, *nest.folds}
        if known[-1].outside or used != everything or not all(clips_match(nest, axis) for axis in known):
            return None
        return cls(nest, channel, shared, group, row, known[-1], axes[0] if len(axes) == 2 else None, axes[-1])


def _outputs_of_channel(nest: ProductNest, expression: AffineExpression) -> int | None:
    """How many neighbouring outputs share what an axis is read at, if that is the number of their group; None if it is another axis."""
    output, size = expression, 1
    if isinstance(expression, AffineBinary) and expression.kind == "floordiv" and expression.right.constant_value is not None:
        output, size = expression.left, expression.right.constant_value
    loop_of_outputs = nest.outputs[0]
    index = loop.access_indices(nest.x.read)[output.position] if isinstance(output, AffineDimension) else None
    return size if index is loop.induction_variable(loop_of_outputs) and extent_of(loop_of_outputs) % size == 0 else None


def _group(nest: ProductNest, expression: AffineExpression) -> Value | None:
    """The index of the loop around the nest, which selects weights too, that an axis of x is read at; None if it is another axis."""
    index = loop.access_indices(nest.x.read)[expression.position] if isinstance(expression, AffineDimension) else None
    inside = [loop.induction_variable(each) for each in (*nest.loops, *nest.folds)]
    return index if index not in inside and index in loop.access_indices(nest.w.read) else None


def _regulate(stagings: Sequence[_Staging]) -> None:
    """Rows of planes lie equally far apart, and are filled by as many elements at a time; planes of one window have the same loops."""
    width, divisor = max((staging.width for staging in stagings), default=0), gcd(*(staging.filled for staging in stagings))
    for staging in stagings:
        spare = spare_bytes(staging.nest.root)
        if spare is None or staging.height * width * LANE_BYTES <= spare:
            staging.width, staging.together = width, _together(divisor)
        others = [other for other in stagings if other.window == staging.window]
        staging.keeps_loops = len({(other.whole > 1, other.last > 0) for other in others}) > 1


def _together(elements: int) -> int:
    """How many elements are staged at a time, of as many."""
    return next(count for count in (4, 3, 2, 1) if elements % count == 0)


class _Staging:
    """One nest on its way into planes."""

    def __init__(self, plane: _Plane, plan: Plan) -> None:
        self.plane = plane
        self.plan = plan
        self.sides = plan["jam", "columns"]
        self.nest = plane.nest
        self.channels = extent_of(self.nest.outputs[0]) // plane.shared
        self.channel: Index = write.constant_index(0)
        self.height = plane.rows.reached(plane.rows.positions)
        self.whole, self.last = divmod(plane.columns.positions, self.sides)
        self.is_padded = self.last > 0 and plane.rows.positions == 1
        if self.is_padded:  # of one row, a strip for the last column costs more than it saves
            self.whole, self.last = self.whole + (self.last > 0), 0
        self.reached = plane.columns.reached(self.whole * self.sides + self.last)
        grain = 4 if plan["pad", "alike"] else 2  # a row begins with a word; two words of padding are stored at a time
        self.width = self.padded = -(-self.reached // grain) * grain
        self.left = min(plane.columns.before, self.reached)
        self.filled = min(plane.columns.size, self.reached - self.left)
        self.together = _together(self.filled)
        self.keeps_loops = False
        """Whether loops stay that run once or never."""

    @property
    def window(self) -> tuple[int, ...]:
        """What planes that are read by the same code have in common."""
        axes = self.plane.rows, self.plane.columns
        return tuple(number for axis in axes for number in (axis.terms, axis.stride, axis.dilation, min(axis.before, 1), axis.outside))

    @property
    def plane_bytes(self) -> int:
        return self.height * self.width * LANE_BYTES

    def run(self, context: PassContext) -> None:
        nest = self.nest
        folded = fold_zero_point(nest, context)
        self.x = attrs.evolve(nest.x, shift=0) if folded else nest.x
        self.padding = nest.x.shift if folded else 0
        label = loop.induction_variable(nest.outputs[0]).name or "o"
        made = write.for_each(Builder.before(nest.root), [write.constant_index(self.channels)], label if self.plane.shared == 1 else "g")
        self.plan.mark(made)
        type = TensorType((self.channels, self.height, self.width), I16)
        properties = {"fold": DenseArray([1, 0, 0], I64), "alignment": IntegerAttribute(4, INDEX)}
        self.plane_rows = Builder.before(made).create("loop.tensor", [], [type], dict(properties)).result
        self.plane_rows.name = "x_plane"
        builder, self.channel = write.inside(made)
        self._stage(builder)
        self._sums(*self._outputs(builder, label))
        where = ", ".join(nest.root.location.names) or "a sum of products"
        context.ledger.add(scratch_obligation(self.plane_rows, [made], where))
        nest.root.erase()

    # -- the plane

    def _stage(self, builder: Builder) -> None:
        rows = self.plane.rows
        if rows.outside:
            at, padded = write.inside(write.for_each(builder, [write.constant_index(self.height)], "r"))
            self._stage_row_inside(at, write.combined(AffineDimension(0) + AffineDimension(1), [rows.first(), padded]), padded)
            return
        above = min(rows.before, self.height)
        inner = min(rows.size, self.height - above)
        self._pad_rows(builder, 0, above)
        at, row = write.inside(write.for_each(builder, [write.constant_index(inner)], "r"))
        self._stage_row(at, row, write.combined(AffineDimension(0) + above, [row]))
        self._pad_rows(builder, above + inner, self.height)

    def _stage_row_inside(self, builder: Builder, row: Index, padded: Index) -> None:
        """A row that may be beyond the input."""
        rows = self.plane.rows
        if not rows.is_clipped:
            self._stage_row(builder, row, padded)
            return
        conditions = [row, write.combined(rows.size - 1 - AffineDimension(0), [row])]
        _, there, beyond = write.branch(builder, conditions, ())
        self._stage_row(there, row, padded)
        self._pad(beyond, padded, 0, self.reached)
        there.create("loop.yield")
        beyond.create("loop.yield")

    def _stage_row(self, at: Builder, row: Index, padded: Index) -> None:
        self._pad(at, padded, 0, self.left)
        inside, step = write.inside(write.for_each(at, [write.constant_index(self.filled // self.together)], "c"))
        for number in range(self.together):
            column = write.combined(AffineDimension(0) * self.together + number, [step])
            element = self._element(inside, row, column)
            write.define(inside, element, self.plane_rows, [self.channel, padded, write.combined(AffineDimension(0) + self.left, [column])])
        self._pad(at, padded, self.left + self.filled, self.reached)

    def _element(self, builder: Builder, row: Index, column: Index) -> Value:
        type = self.nest.x.tensor.type
        assert isinstance(type, TensorType)
        indices = [write.constant_index(e.constant_value or 0) for e in loop.access_map(self.nest.x.read).results]
        indices[self.plane.channel] = self.channel if self.plane.group is None else self.plane.group
        if self.plane.row_axis is not None:
            indices[self.plane.row_axis] = row
        indices[self.plane.column_axis] = column
        return widened(builder, write.read(builder, self.nest.x.tensor, indices), self.x)

    def _pad_rows(self, builder: Builder, first: int, last: int) -> None:
        if last == first + 1:
            self._pad(builder, write.constant_index(first), 0, self.padded)
        elif first < last:
            inner, row = write.inside(write.for_each(builder, [write.constant_index(last - first)], "r"))
            self._pad(inner, write.combined(AffineDimension(0) + first, [row]), 0, self.padded)

    def _pad(self, builder: Builder, row: Index, first: int, last: int) -> None:
        if first < last:  # a loop that begins at zero, so that it goes by words
            inner, column = write.inside(write.for_each(builder, [write.constant_index(last - first)], "c"))
            at = [self.channel, row, write.combined(AffineDimension(0) + first, [column])]
            write.define(inner, write.literal(inner, self.padding, I16), self.plane_rows, at)

    # -- the sums

    def _outputs(self, builder: Builder, label: str) -> tuple[Builder, Index]:
        """A loop over the outputs of a channel, if there are several: where its body goes on, and the output."""
        if self.plane.shared == 1:
            return builder, self.channel
        builder, number = write.inside(write.for_each(builder, [write.constant_index(self.plane.shared)], label))
        return builder, write.combined(AffineDimension(0) * self.plane.shared + AffineDimension(1), [self.channel, number])

    def _sums(self, builder: Builder, output: Index) -> None:
        nest, rows, columns = self.nest, self.plane.rows, self.plane.columns
        known: dict[Value, Index] = {loop.induction_variable(nest.outputs[0]): output}
        weights = {(i, j): self._weight(builder, known, i, j) for i in range(rows.terms) for j in range(columns.terms)}
        fixed, moving = nest.split_body()
        shared: dict[Value, Value] = {}
        for operation in fixed:
            builder.insert(clone_substituted(operation, shared, known))
        for count, sides, first in ((self.whole, self.sides, 0), (self.last, 1, self.whole * self.sides)):
            if count or self.keeps_loops:
                at, row, strip = self._loops(builder, count)
                places = [write.combined(AffineDimension(0) * self.sides + first + side, [strip]) for side in range(sides)]
                self._strip(at, output, row, places, weights, shared, moving)

    def _loops(self, builder: Builder, strips: int) -> tuple[Builder, Index, Index]:
        """Loops over rows and strips of columns, the longer one inside: where their body goes on, and the indices of row and strip."""
        rows = self.plane.rows
        row_label = loop.induction_variable(rows.position).name if rows.position is not None else None
        indices: list[Index] = [write.constant_index(0), write.constant_index(0)]
        loops = (0, rows.positions, row_label or "p"), (1, strips, "t")
        for axis, count, label in sorted(loops, key=lambda each: each[1]):
            if count != 1 or self.keeps_loops:
                builder, indices[axis] = write.inside(write.for_each(builder, [write.constant_index(count)], label))
        return builder, indices[0], indices[1]

    def _strip(
        self,
        builder: Builder,
        output: Index,
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
            values, known = dict(shared), self._known(output, row, column)
            for operation in before:
                builder.insert(clone_substituted(operation, values, known))
            start = nest.sum.operands[-1]
            lanes.append((values, known, self._sum(builder, row, column, weights, values.get(start, start))))
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

    def _known(self, output: Index, row: Index, column: Index) -> dict[Value, Index]:
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output}
        for axis, index in ((self.plane.rows, row), (self.plane.columns, column)):
            if axis.position is not None and not axis.outside:
                known[loop.induction_variable(axis.position)] = index
        return known

    def _sum(self, builder: Builder, row: Index, column: Index, weights: dict[tuple[int, int], Value], start: Value) -> Value:
        total = start
        for (i, j), weight in weights.items():
            place = [self.channel, self.plane.rows.index(row, i), self.plane.columns.index(column, j)]
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
