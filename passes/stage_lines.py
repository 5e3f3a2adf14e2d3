"""loop -> loop: sums of products over a window of a few channels run over the widened lines of their input, in place of copies of each window.

    for %p, %q, %o { sum over %i, %j, %k of x[%p * s + %i - 1, %q * s + %j - 1, %k] * w[%o, %i, %j, %k] }
=>
    for %b {                                     // a block of lines of positions
      stage xs[%r, ...]                          // the lines of x that it reads, 16 bits wide, with their padding
      for %o by two {
        stage ws[...]                            // the weights of both outputs
        for %p, %t { for %i { four sums: all terms of line %i of the window, written out } requantize, define } } }

The terms of one line of a window are neighbours in a line of x, so that a word of it serves all windows that it is in.  Words hold
two lanes: windows that begin between two words take weights that are one lane later, behind a zero.  Where every other window does
(an odd distance of neighbours), positions that are two apart are side by side, and there are both copies of the weights.
A zero point is what lines are padded with, and moves into the bias where that is a constant.
Sums of 32 bits wrap alike in any order, so terms that are zero and another order change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.line_windows import LineWindow
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.product_nests import ProductNest, find_product_nest, kept_axes, scheduled_nests, spare_bytes, widened
from tinyir.dialects.product_results import ProductResults, reads_row, shape_of
from tinyir.dialects.product_rows import LANES, rounded_up
from tinyir.dialects.product_zero_points import fold_zero_point
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineDimension, AffineExpression, AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I32, I64, INDEX, TensorType
from tinyir.rewrite.passes import PassContext

LANE_BYTES = 2
WORD_LANES = 2


@attrs.frozen
class StageLines(SchedulingPass):
    """Stages the lines of the sums of products that a schedule gives to it, where they fit.

    `scratch_bytes`: what the lines of a block may take; more where the network's memory has it to spare.  `most_terms`: sums of more
    are left alone, and those with more than `most_run` in a line of the window, since these are written out.  `positions`, `outputs`:
    of one block of sums.
    """

    name: ClassVar[str] = "stage_lines"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    scratch_bytes: int | None = scheduled("tile", "bytes")
    most_terms: int | None = scheduled("where", "terms")
    most_run: int | None = scheduled("unroll", "terms")
    positions: int | None = scheduled("jam", "positions", (1, 2, 3, 4))
    outputs: int | None = scheduled("jam", "outputs", (2,))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for root in scheduled_nests(function):
                nest = find_product_nest(root)
                plan = plan_for(self, root, context) if nest is not None else None
                staging = self._staging(nest, plan, context) if nest is not None and plan is not None else None
                if staging is not None and staging.fits:
                    staging.run(context)

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest)
        staging = self._staging(found, plan, context) if found is not None else None
        return staging is not None and staging.fits

    def _staging(self, nest: ProductNest, plan: Plan, context: PassContext) -> _Staging | None:
        window, stated = LineWindow.of(nest), spare_bytes(nest.root)
        room = plan["tile", "bytes"] if stated is None or self.scratch_bytes is not None else max(plan["tile", "bytes"], stated)
        return None if window is None else _Staging(nest, window, plan, room, context)


class _Staging(ProductResults):
    """One nest on its way onto lines."""

    def __init__(self, nest: ProductNest, window: LineWindow, plan: Plan, room: int, context: PassContext) -> None:
        super().__init__(nest, context.target.costs.instructions if context.target is not None else {})
        self.window = window
        self.plan = plan
        self.side_rows, self.sides = plan["jam", "positions"], plan["jam", "outputs"]
        self.pairs = -(-self.outputs // self.sides)
        self.phases = 1 if window.distance % WORD_LANES == 0 else WORD_LANES
        self.lines, self.line = window.rows.positions, window.columns.positions
        self.steps = -(-self.line // (self.side_rows * self.phases))
        self.content, self.shifts, self.padded_run = self._placed_content()
        last = self._start(self.steps * self.side_rows * self.phases - 1)
        self.width = rounded_up(max(last + self.padded_run, self.content), WORD_LANES)
        self.filled = min(window.columns.size * window.channels, self.width - self.content)
        self.block = self._lines_of_block(room)
        self.blocks = -(-self.lines // max(self.block, 1))
        self.height = window.rows.reached(self.block)
        self.weights = window.packed_weights(nest, self.sides, self.shifts, self.padded_run)

    def _placed_content(self) -> tuple[int, tuple[int, ...], int]:
        """Where the elements of x begin in a line, the lanes that windows of each phase begin behind a word, and the terms of a run with zeros.

        Lines begin with as many elements more as leave the fewest zeros; of these with such that elements of x lie in whole words.
        """
        before, distance = self.window.columns.before * self.window.channels, self.window.distance
        found = []
        for slack in range(WORD_LANES):
            shifts = tuple((slack + phase * distance) % WORD_LANES for phase in range(self.phases))
            content = before + slack
            found.append((rounded_up(self.window.run + max(shifts), WORD_LANES), content % WORD_LANES, content, shifts))
        padded, _, content, shifts = min(found)
        return content, shifts, padded

    def _start(self, position: int) -> int:
        """The first element of the words that hold the window of a position."""
        slack = self.content - self.window.columns.before * self.window.channels
        return (position * self.window.distance + slack) // WORD_LANES * WORD_LANES

    def _lines_of_block(self, room: int) -> int:
        """The lines of positions of a block: blocks are as equal as they can be; 0: there is no room for one."""
        lines = room // (self.width * LANE_BYTES)
        rows = self.window.rows
        most = (lines - rows.reached(1)) // rows.stride + 1 if lines >= rows.reached(1) else 0
        return -(-self.lines // -(-self.lines // most)) if most else 0

    @property
    def fits(self) -> bool:
        """Whether there is room, also for the code, and what is read for an output or a position beyond the last is there."""
        if self.block == 0 or self.weights is None or self.window.run > self.plan["unroll", "terms"]:
            return False
        fixed, moving = self.nest.split_body()
        output = loop.induction_variable(self.nest.outputs[0])
        if self.outputs % self.sides and not all(reads_row(each, output) for each in fixed if each.name == "loop.read"):
            return False
        return not self.nest.around_sum(moving)[0]

    def run(self, context: PassContext) -> None:
        folded = fold_zero_point(self.nest, context)
        self.factor = attrs.evolve(self.nest.x, shift=0) if folded else self.nest.x
        self.padding = self.nest.x.shift if folded else 0
        made = write.for_each(self.before, [write.constant_index(self.blocks)], "b")
        self.before = Builder.before(made)
        self.xs = self._scratch((self.blocks, self.height, self.width), (1, 0, 0), None, "x_lines")
        self.row_terms = self.window.rows.terms * self.padded_run * self.sides
        index = AffineDimension(2)
        words = index // LANES, index % WORD_LANES, index // WORD_LANES % WORD_LANES  # as bytes are widened two by two
        size = self.phases * self.row_terms
        self.ws = self._scratch((self.blocks, self.pairs, size), (1, 1, 0), words, "w_lines")
        self.plan.mark(made, {("tile", "lines"): self.block}, without=("tile", "bytes"))
        inner, self.block_index = write.inside(made)
        self._stage_lines(inner)
        outputs = write.for_each(inner, [write.constant_index(self.pairs)], loop.induction_variable(self.nest.outputs[0]).name or "o")
        inner, pair = write.inside(outputs)
        self._stage_weights(inner, pair, size)
        self._sums(inner, pair)
        where = ", ".join(self.nest.root.location.names) or "a sum of products"
        context.ledger.add(scratch_obligation(self.xs, [made], where))
        context.ledger.add(scratch_obligation(self.ws, [made, outputs], where))
        self.nest.root.erase()

    def _scratch(self, shape: Sequence[int], fold: Sequence[int], layout: Sequence[AffineExpression] | None, name: str) -> Value:
        properties = {"fold": DenseArray(fold, I64), "alignment": IntegerAttribute(4, INDEX)}
        if layout is not None:
            properties["layout"] = AffineMap(len(shape), 0, layout)
        made = self.before.create("loop.tensor", [], [TensorType(shape, I16)], properties).result
        made.name = name
        return made

    # -- staging

    def _stage_lines(self, builder: Builder) -> None:
        rows = self.window.rows
        builder, number = write.inside(write.for_each(builder, [write.constant_index(self.height)], "r"))
        place = AffineDimension(0) * (self.block * rows.stride) + AffineDimension(1) + AffineDimension(2)
        row = write.combined(place, [self.block_index, number, rows.first()])
        first = rows.all_positions[-1] if rows.outside else (self.blocks - 1) * self.block
        last = first * rows.stride + self.height - 1 - rows.before
        conditions = [row] if rows.before else []
        conditions += [write.combined(rows.size - 1 - AffineDimension(0), [row])] if last >= rows.size else []
        if not conditions:
            self._stage_line(builder, row, number)
            return
        _, there, beyond = write.branch(builder, conditions, ())
        self._stage_line(there, row, number)
        self._pad(beyond, number, 0, self.width)
        there.create("loop.yield")
        beyond.create("loop.yield")

    def _stage_line(self, builder: Builder, row: Index, number: Index) -> None:
        self._pad(builder, number, 0, self.content)
        window, tensor = self.window, self.nest.x.tensor
        if window.channel is None or window.axes[1:] == (len(shape_of(tensor)) - 2, len(shape_of(tensor)) - 1):
            kept = shape_of(tensor)[: window.axes[1]] if kept_axes(tensor) else (window.rows.size,)  # a ring stays where it is
            lines = self.flat_tensor(tensor, [*kept, window.columns.size * window.channels])
            line = [row if axis == window.axes[0] or len(kept) == 1 else write.constant_index(0) for axis in range(len(kept))]
            first = self.content % WORD_LANES  # what remains goes by words
            if first:
                self._copy(builder, lines, [*line, write.constant_index(0)], number, write.constant_index(0))
            inside, step = write.inside(write.for_each(builder, [write.constant_index(self.filled - first)], "k"))
            element = write.combined(AffineDimension(0) + first, [step])
            self._copy(inside, lines, [*line, element], number, element)
        else:
            inside, column = write.inside(write.for_each(builder, [write.constant_index(-(-self.filled // window.channels))], "c"))
            for channel in range(window.channels):
                at = [write.constant_index(0)] * len(shape_of(tensor))
                for axis, index in zip(window.axes, (row, column, write.constant_index(channel)), strict=True):
                    if axis is not None:
                        at[axis] = index
                self._copy(inside, tensor, at, number, write.combined(AffineDimension(0) * window.channels + channel, [column]))
        self._pad(builder, number, self.content + self.filled, self.width)

    def _copy(self, builder: Builder, tensor: Value, place: Sequence[Index], number: Index, element: Index) -> None:
        """An element of a line."""
        value = widened(builder, write.read(builder, tensor, place), self.factor)
        write.define(builder, value, self.xs, [self.block_index, number, write.combined(AffineDimension(0) + self.content, [element])])

    def _pad(self, builder: Builder, number: Index, first: int, last: int) -> None:
        if first < last:
            builder, element = write.inside(write.for_each(builder, [write.constant_index(last - first)], "k"))
            at = [self.block_index, number, write.combined(AffineDimension(0) + first, [element])]
            write.define(builder, write.literal(builder, self.padding, I16), self.xs, at)

    def _stage_weights(self, builder: Builder, pair: Index, size: int) -> None:
        assert self.weights is not None
        definer = self.nest.w.tensor.definer
        assert definer is not None
        type = TensorType((len(self.weights),), I8)
        constant: dict[str, Attribute] = {"value": DenseElements.of(type, self.weights)}
        packed = self.before.create("arith.constant", [], [type], constant, attributes=dict(definer.attributes)).result
        packed.name = self.nest.w.tensor.name
        inner, element = write.inside(write.for_each(builder, [write.constant_index(size)], "k"))
        value = write.read(inner, packed, [write.combined(AffineDimension(0) * size + AffineDimension(1), [pair, element])])
        wide = inner.create("arith.extsi", [value], [I16]).result
        write.define(inner, wide, self.ws, [self.block_index, pair, element])

    # -- the sums

    def _sums(self, builder: Builder, pair: Index) -> None:
        fixed, moving = self.nest.split_body()
        outputs = [write.combined(AffineDimension(0) * self.sides + side, [pair]) for side in range(self.sides)]
        shared: list[dict[Value, Value]] = []
        for output in outputs:
            shared.append({})
            for operation in fixed:
                copy = builder.insert(clone_substituted(operation, shared[-1], {loop.induction_variable(self.nest.outputs[0]): output}))
                if operation.name == "loop.read" and self.outputs % self.sides:
                    tensor = loop.accessed_tensor(operation)
                    copy.set_operand(0, self.extended(tensor, [self.pairs * self.sides, *shape_of(tensor)[1:]]))
        builder, line = self._line_loop(builder)
        phase = write.constant_index(0)
        if self.phases > 1:
            builder, phase = write.inside(write.for_each(builder, [write.constant_index(self.phases)], "f"))
        builder, step = write.inside(write.for_each(builder, [write.constant_index(self.steps)], "t"))
        places = [
            write.combined((AffineDimension(0) * self.side_rows + number) * self.phases + AffineDimension(1), [step, phase]) for number in range(self.side_rows)
        ]
        start = self.nest.sum.operands[-1]
        initial = [values.get(start, start) for _ in places for values in shared]
        totals = self._inner_loop(builder, pair, line, phase, step, initial).results
        position = write.combined(AffineDimension(0) * self.block + AffineDimension(1), [self.block_index, line])
        lanes = [(place, side) for place in places for side in range(self.sides)]
        for (place, side), total in zip(lanes, totals, strict=True):
            self._finish(builder, moving, {**shared[side], self.nest.sum.result: total}, (position, place), (outputs[side], side))

    def _line_loop(self, builder: Builder) -> tuple[Builder, Index]:
        limits = [write.constant_index(self.block)]
        if self.blocks * self.block > self.lines:
            limits.append(write.combined(self.lines - AffineDimension(0) * self.block, [self.block_index]))
        position = self.window.rows.position
        label = loop.induction_variable(position).name if position is not None else None
        return write.inside(write.for_each(builder, limits, label or "p"))

    def _inner_loop(self, builder: Builder, pair: Index, line: Index, phase: Index, step: Index, initial: Sequence[Value]) -> Operation:
        rows = self.window.rows
        made = write.for_each(builder, [write.constant_index(rows.terms)], "i", initial=initial, parallel=False)
        at, i = Builder.at_end(made.body, builder.location), write.index_of(loop.induction_variable(made))
        row = write.combined(AffineDimension(0) * rows.stride + AffineDimension(1) * rows.dilation, [line, i])
        first = (AffineDimension(0) * self.window.rows.terms + AffineDimension(1)) * (self.padded_run * self.sides)
        sums: list[Value] = list(made.body.arguments[1:])
        for term in range(self.padded_run):
            weights = [self._wide(at, self.ws, [pair, write.combined(first + term * self.sides + side, [phase, i])]) for side in range(self.sides)]
            for number in range(self.side_rows):
                x = self._wide(at, self.xs, [row, self._word_start(step, phase, number, term)])
                for side, weight in enumerate(weights):
                    lane = number * self.sides + side
                    value = at.create("arith.muli", [x, weight], [I32]).result
                    sums[lane] = at.create("arith.addi", [sums[lane], value], [I32]).result
        at.create("loop.yield", sums)
        return made

    def _word_start(self, step: Index, phase: Index, number: int, term: int) -> Index:
        """The element that a term of one of the positions side by side takes of its line."""
        apart = self.window.distance * self.phases
        starts = [self._start(each) for each in range(self.phases)]
        place = (AffineDimension(0) * self.side_rows + number) * apart + AffineDimension(1) * (starts[-1] - starts[0]) + starts[0] + term
        return write.combined(place, [step, phase])

    def _wide(self, builder: Builder, tensor: Value, place: Sequence[Index]) -> Value:
        return builder.create("arith.extsi", [write.read(builder, tensor, [self.block_index, *place])], [I32]).result

    def _finish(
        self, builder: Builder, after: Sequence[Operation], values: dict[Value, Value], position: tuple[Index, Index], output: tuple[Index, int]
    ) -> None:
        """What follows the sum, where the position and the output are not beyond the last."""
        conditions = []
        if self.steps * self.side_rows * self.phases > self.line:
            conditions.append(write.combined(self.line - 1 - AffineDimension(0), [position[1]]))
        if output[1] >= self.sides - (self.pairs * self.sides - self.outputs):
            conditions.append(write.combined(self.outputs - 1 - AffineDimension(0), [output[0]]))
        if conditions:
            _, builder, otherwise = write.branch(builder, conditions, ())
            otherwise.create("loop.yield")
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output[0]}
        for axis, place in zip((self.window.rows, self.window.columns), position, strict=True):
            if axis.position is not None and not axis.outside:
                known[loop.induction_variable(axis.position)] = place
        for operation in after:
            builder.insert(clone_substituted(operation, values, known))
        if conditions:
            builder.create("loop.yield")
