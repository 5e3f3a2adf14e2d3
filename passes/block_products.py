"""loop -> loop: sums of products run in blocks over widened copies of their operands.

    for %p, %q, %o { sum of x[%p, %q, ...] * w[%o, ...] }
=>
    for %b {                                     // a block of positions (%p, %q), counted as one index %m
      stage xs[%m, %k]                           // the terms of each position in a row, 16 bits wide, what is padding as zeros
      for %o by two {
        stage ws[%r, %k]                         // the weights of both outputs
        for %t { for %k { four sums: xs[2 * %t + (0, 1), %k] * ws[(0, 1), %k] } requantize, define } } }

Two positions by two outputs use each loaded word twice, and widening is paid once for many products.  Where positions are few
(a row of a stream), one output takes them all at once, and its weights are widened on their way: a wide copy of them would
not pay.

    for %o { for %k { five sums: xs[(0, ..., 4), %k] * ext(w[%o, %k]) } requantize, define }

Both copies lie in
the order in which the instructions want their lanes (`layout`), and are rings of one block (`fold`).
Sums of 32 bits wrap alike in any order, so terms that are zero and another order change nothing.

Rows are padded to whole rounds of the inner loop.  Nests of one run of terms that leaves a rest somewhere (terms, outputs or
positions) are all written as if each of them did: what follows a row of weights is staged with it, since zeros of x stand there,
and loops over nothing cost nothing, so that such nests differ in nothing but numbers and share their code (`merge_functions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.isa import block_registers
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.nest_classes import products_of
from tinyir.dialects.product_nests import ProductNest, find_product_nest, kept_axes, scheduled_nests, spare_bytes, widened
from tinyir.dialects.product_results import ProductResults, Reader, reads_row, shape_of
from tinyir.dialects.product_rows import LANES, ProductRow, product, rounded_up
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineDimension, AffineExpression, AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, IntegerAttribute, element_bytes
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I16, I64, INDEX, TensorType
from tinyir.rewrite.passes import PassContext


@attrs.frozen
class BlockProducts(SchedulingPass):
    """Blocks the sums of products that a schedule gives to it, if their weights move with one of the loops, the other factor with the others.

    `scratch_bytes`: what a block of widened positions may take; without a value what the network's greatest layer leaves free,
    and as much as the schedule says in any case.
    `positions`, `outputs`: of one block of sums over two copies.
    `rounds`: steps of one round of the inner loop; `most_padding`: what its padding may cost a nest in thousandths of all terms of the
    network, else rows end where their terms do; 0: no nest is written for the sake of others.
    """

    name: ClassVar[str] = "block_products"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    scratch_bytes: int | None = scheduled("tile", "bytes")
    positions: int | None = scheduled("jam", "positions", (1, 2, 3, 4))
    outputs: int | None = scheduled("jam", "outputs", (2, 3, 4))
    rounds: int | None = scheduled("pad", "rounds")
    most_padding: int | None = scheduled("pad", "permille")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            roots = scheduled_nests(function)
            most = max((_accessed_bytes(root) for root in roots), default=0)
            terms = sum(products_of(root) for root in roots)
            for root in roots:
                nest = find_product_nest(root, in_part=True)
                plan = plan_for(self, root, context) if nest is not None and _can_block(nest) else None
                if nest is not None and plan is not None:
                    stated = spare_bytes(root)
                    spare = most - _accessed_bytes(root) if stated is None else stated
                    room = self.scratch_bytes if self.scratch_bytes is not None else max(plan["tile", "bytes"], spare)
                    _Blocking(nest, plan, room, terms, context).run(context)

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest, in_part=True)
        return found is not None and _can_block(found)


def _can_block(nest: ProductNest) -> bool:
    """Whether its weights move with one loop, and the other factor with others; where positions may be missing, nothing is read for these before the sum."""
    if len(nest.outputs) != 1 or nest.x.uses(nest.outputs) or not nest.positions:
        return False
    return not nest.position_conditions() or (nest.loops[0] in nest.positions and not nest.around_sum(nest.split_body()[1])[0])


BESIDE_ROWS = 4
"""The registers that sums side by side leave to others: two pointers, a word of weights and its lanes."""


def _accessed_bytes(root: Operation) -> int:
    """What the variable tensors that a nest touches take together; not what it keeps for one step, which another nest may have as well."""
    tensors = {loop.accessed_tensor(o): None for o in root.walk() if o.name in ("loop.read", "loop.define")}
    total = 0
    for tensor in tensors:
        if (tensor.definer is None or tensor.definer.name != "arith.constant") and not kept_axes(tensor):
            assert isinstance(tensor.type, TensorType)
            total += tensor.type.element_count * element_bytes(tensor.type.element)
    return total


class _Blocking(ProductResults):
    """One nest on its way into blocks."""

    def __init__(self, nest: ProductNest, plan: Plan, room: int, all_terms: int, context: PassContext) -> None:
        super().__init__(nest, context.target.costs.instructions if context.target is not None else {})
        self.widening = self.costs.get("widened_lanes", 1)
        self.plan = plan
        self.block_index: Index = write.constant_index(0)
        self.ragged = False
        self.rows, self.sides = self._shape(room, block_registers(context.target))
        self.pairs = -(-self.outputs // self.sides)
        if self.stages_weights:
            self.padded = self._padded(all_terms)
        self.blocks, self.block = self._whole_lines(*self._blocks(room, self.rows))
        self.ragged = self.plan["pad", "permille"] > 0 and self.stages_weights and self.blocks == 1 and self._is_ragged()

    def _blocks(self, room: int, rows: int) -> tuple[int, int]:
        """How many blocks of how many positions there are, for sums of so many rows side by side."""
        most = max(rows, room // (2 * self.padded) // rows * rows)
        blocks = -(-self.count // most)
        return blocks, rounded_up(-(-self.count // blocks), rows)

    def _whole_lines(self, blocks: int, block: int) -> tuple[int, int]:
        """Blocks of whole lines of positions in place of others: where a position is in its line needs no division then.

        There may be more of them, each of which widens the weights again.
        """
        line, lines = self.extents[-1], self.count // self.extents[-1]
        most = block // line
        if self.flattened(self.nest.x.read) is not None or most == 0 or self.count % self.rows:
            return blocks, block
        more = -(-lines // most)
        whole = -(-lines // more) * line
        pays = (more - blocks) * self.outputs * self.padded // LANES * self.widening <= self.costs.get("divided_position", 1) * self.count
        return (more, whole) if pays and whole % self.rows == 0 else (blocks, block)

    @property
    def has_whole_lines(self) -> bool:
        return len(self.extents) > 1 and self.block % self.extents[-1] == 0 and self.count % self.rows == 0 and self.flattened(self.nest.x.read) is None

    def _shape(self, room: int, registers: int) -> tuple[int, int]:
        """Positions and outputs side by side: those of the schedule over a copy of the weights, or one output with its weights as they lie.

        The instructions for four terms of one output decide, of which a multiple load is one.
        """
        rows, sides = self.plan["jam", "positions"], self.plan["jam", "outputs"]
        blocks, _ = self._blocks(room, rows)
        found = [(blocks * self.widening + -(-self.count // rows) * (1 + LANES), rows, sides)]
        if self._weights_lie_as_rows():
            most = min((registers - BESIDE_ROWS) // 2, max(2, room // (2 * self.padded)), self.count)
            found += [(-(-self.count // rows) * (self.widening - 1 + 2 * (1 + rows)), rows, 1) for rows in range(2, most + 1)]
        return min(found)[1:]

    def _weights_lie_as_rows(self) -> bool:
        """Whether the weights of each output are whole words in the order of the terms, for each to be widened alone."""
        if not self.nest.has_plain_weights:
            return False
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): write.constant_index(0)}
        row = ProductRow(self, self.nest.w.tensor, [], self.nest.w, known, None, [[] for _ in self.nest.folds])
        return self.depth == self.padded == product(self.terms) and row.walks_as_one(0)

    @property
    def stages_weights(self) -> bool:
        return self.sides > 1

    def run(self, context: PassContext) -> None:
        made = write.for_each(self.before, [write.constant_index(self.blocks)], "b")
        self.before = Builder.before(made)
        self.xs = self._scratch(
            (self.blocks, self.block, self.padded),
            (1, 0, 0),
            self._layout_of_positions(),
            "x_rows",
        )
        if self.stages_weights:
            self.ws = self._scratch(
                (self.blocks, self.pairs, self.sides, self.padded),
                (1, 1, 0, 0),
                (AffineDimension(3) // LANES, AffineDimension(2), AffineDimension(3) % 2, AffineDimension(3) // 2 % 2),
                "w_rows",
            )
        self.y = self.flat_result()
        self._mark(made)
        inner, self.block_index = write.inside(made)
        self._stage_positions(inner)
        outputs = write.for_each(inner, [write.constant_index(self.pairs)], loop.induction_variable(self.nest.outputs[0]).name or "o")
        inner, pair = write.inside(outputs)
        if self.stages_weights:
            self._stage_outputs(inner, pair)
        self._sums(inner, pair)
        self.replace_result(made)
        where = ", ".join(self.nest.root.location.names) or "a sum of products"
        context.ledger.add(scratch_obligation(self.xs, [made], where))
        if self.stages_weights:
            context.ledger.add(scratch_obligation(self.ws, [made, outputs], where))
        self.nest.root.erase()

    def _mark(self, made: Operation) -> None:
        decided = {("tile", "positions"): self.block, ("jam", "positions"): self.rows, ("jam", "outputs"): self.sides}
        self.plan.mark(made, decided, without=("tile", "bytes"))

    def _layout_of_positions(self) -> tuple[AffineExpression, ...]:
        """Steps of four terms, for each the words of the rows side by side: beside a copy of the weights row by row, else word by word."""
        position, term = AffineDimension(1), AffineDimension(2)
        row, word = position % self.rows, term % 2
        return position // self.rows, term // LANES, *((row, word) if self.stages_weights else (word, row)), term // 2 % 2

    def _scratch(self, shape: Sequence[int], fold: Sequence[int], layout: Sequence[AffineExpression], name: str) -> Value:
        properties: dict[str, Attribute] = {
            "fold": DenseArray(list(fold), I64),
            "layout": AffineMap(len(shape), 0, list(layout)),
            "alignment": IntegerAttribute(4, INDEX),
        }
        made = self.before.create("loop.tensor", [], [TensorType(shape, I16)], properties).result
        made.name = name
        return made

    # -- what is left over

    def _padded(self, all_terms: int) -> int:
        """The places of a row: whole rounds, if what is added costs little beside all terms of the network."""
        least, padded = (rounded_up(self.depth, LANES * steps) for steps in (1, self.plan["pad", "rounds"]))
        more = (padded - least) * self.count * self.outputs
        return padded if 1000 * more <= self.plan["pad", "permille"] * all_terms else least

    def _is_ragged(self) -> bool:
        """Whether a single run of terms, neighbours in memory, leaves a rest, and all that is read for an output can be read for one more."""
        whole = self.depth == self.padded and self.outputs % self.sides == 0 and self.count % self.rows == 0
        if whole or self.has_whole_lines or self.level or any(self.nest.clip_conditions()) or self.run_length != self.depth or self.nest.position_conditions():
            return False
        if not self.is_one_run or not self.nest.has_plain_weights:
            return False
        output = loop.induction_variable(self.nest.outputs[0])
        row = ProductRow(self, self.nest.w.tensor, [], self.nest.w, {output: write.index_of(output)}, None, [[] for _ in self.nest.folds])
        reads = [operation for operation in self.nest.split_body()[0] if operation.name == "loop.read"]
        return row.starts_at(output, self.depth) and all(reads_row(read, output) for read in reads)

    # -- indices

    def _position(self, index: Index) -> Index:
        """Position number `index` of the block, counted over all positions; where they lie in a row, one block is written as several are."""
        apart = self.plan["pad", "permille"] > 0 and not self.ragged and self.flattened(self.nest.x.read) is not None
        if self.blocks == 1 and not apart:
            return index
        return write.combined(AffineDimension(0) * self.block + AffineDimension(1), [self.block_index, index])

    # -- staging

    def _stage_positions(self, builder: Builder) -> None:
        if self.has_whole_lines:
            self._stage_lines(builder)
            return
        even = rounded_up(self.count, self.rows)
        if self.ragged:
            self._stage_ragged(builder, even)
            return
        limits = write.limits_of_block(self.block, even, self.blocks, self.block_index)
        inner, index = write.inside(write.for_each(builder, limits, "m"))
        position = self._position(index)
        conditions = [write.combined(self.count - 1 - AffineDimension(0), [position])] if even > self.count else []
        self._stage_position(inner, index, self.known(position), conditions)

    def _stage_ragged(self, builder: Builder, even: int) -> None:
        """The positions that there are, and zeros for those beyond the last."""
        inner, index = write.inside(write.for_each(builder, [write.constant_index(self.count)], "m"))
        row = ProductRow(self, self.xs, [self.block_index, index], self.nest.x, self.known(index), index, [[] for _ in self.nest.folds])
        row.fill_in_parts(inner)
        inner, beyond = write.inside(write.for_each(builder, [write.constant_index(even)], "m", start=self.count))
        inner, term = write.inside(write.for_each(inner, [write.constant_index(self.padded)], "k"))
        write.define(inner, write.literal(inner, 0, I16), self.xs, [self.block_index, beyond, term])

    def _stage_lines(self, builder: Builder) -> None:
        """The positions of whole lines, line by line."""
        length = self.extents[-1]
        lines, count = self.block // length, self.count // length
        limits = write.limits_of_block(lines, count, self.blocks, self.block_index)
        builder, line = write.inside(write.for_each(builder, limits, "l"))
        builder, place = write.inside(write.for_each(builder, [write.constant_index(length)], "m"))
        index = write.combined(AffineDimension(0) * length + AffineDimension(1), [line, place])
        number = write.combined(AffineDimension(0) * lines + AffineDimension(1), [self.block_index, line])
        self._stage_position(builder, index, self.known(number, place), [])

    def _stage_position(self, builder: Builder, index: Index, known: dict[Value, Index], conditions: list[Index]) -> None:
        row = ProductRow(self, self.xs, [self.block_index, index], self.nest.x, known, self._position(index), self.clips(known))
        row.fill(builder, [*conditions, *self.there(known)])

    def _stage_outputs(self, builder: Builder, pair: Index) -> None:
        inner, side = write.inside(write.for_each(builder, [write.constant_index(self.sides)], "r"))
        output = write.combined(AffineDimension(0) * self.sides + AffineDimension(1), [pair, side])
        if self.ragged:
            weights = self.extended(self.nest.w.tensor, [self.pairs * self.sides * self.depth + self.padded - self.depth])
            inner, term = write.inside(write.for_each(inner, [write.constant_index(self.padded)], "k"))
            place = write.combined(AffineDimension(0) * self.depth + AffineDimension(1), [output, term])
            write.define(inner, widened(inner, write.read(inner, weights, [place]), self.nest.w), self.ws, [self.block_index, pair, side, term])
            return
        conditions = [write.combined(self.outputs - 1 - AffineDimension(0), [output])] if self.outputs % self.sides else []
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output}
        ProductRow(self, self.ws, [self.block_index, pair, side], self.nest.w, known, None, [[] for _ in self.nest.folds]).fill(inner, conditions)

    # -- the sums

    def _sums(self, builder: Builder, pair: Index) -> None:
        outputs = [write.combined(AffineDimension(0) * self.sides + side, [pair]) for side in range(self.sides)]
        fixed, moving = self.nest.split_body()
        shared = [self._hoisted(builder, fixed, outputs[side], side) for side in range(self.sides)]
        limits = write.limits_of_block(self.block // self.rows, -(-self.count // self.rows), self.blocks, self.block_index)
        inner, step = write.inside(write.for_each(builder, limits, "t"))
        rows = [write.combined(AffineDimension(0) * self.rows + row, [step]) for row in range(self.rows)]
        lanes = [(row, side) for row in range(self.rows) for side in range(self.sides)]
        start = self.nest.sum.operands[-1]
        before, after = self.nest.around_sum(moving)
        initial, lane_values = [], []
        for row, side in lanes:
            values = dict(shared[side])
            lane_values.append(values)
            known = {**self.known(self._position(rows[row])), loop.induction_variable(self.nest.outputs[0]): outputs[side]}
            for operation in before:
                self.clone(operation, inner, values, known, self._position(rows[row]))
            initial.append(values.get(start, start))
        total = self.add_products(inner, self.padded, [self._reader_of_position(row) for row in rows], self._readers_of_weights(pair), initial)
        for (row, side), values, result in zip(lanes, lane_values, total.results, strict=True):
            self._finish(inner, after, {**values, self.nest.sum.result: result}, (rows[row], row), (outputs[side], side))

    def _hoisted(self, builder: Builder, fixed: Sequence[Operation], output: Index, side: int) -> dict[Value, Value]:
        """The values that depend on the output alone; for one beyond the last, zeros are read, and nobody uses what follows from them."""
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output}
        values: dict[Value, Value] = {}
        if self.ragged:
            for operation in fixed:
                copy = builder.insert(clone_substituted(operation, values, known))
                if operation.name == "loop.read":
                    tensor = loop.accessed_tensor(operation)
                    copy.set_operand(0, self.extended(tensor, [self.pairs * self.sides, *shape_of(tensor)[1:]]))
            return values
        if side == 0 or self.outputs % self.sides == 0:
            for operation in fixed:
                builder.insert(clone_substituted(operation, values, known))
            return values
        reads = [operation for operation in fixed if operation.name == "loop.read"]
        results = [operation.result for operation in reads]
        made, there, beyond = write.branch(builder, [write.combined(self.outputs - 1 - AffineDimension(0), [output])], [r.type for r in results])
        for operation in reads:
            there.insert(clone_substituted(operation, values, known))
        there.create("loop.yield", [values[result] for result in results])
        beyond.create("loop.yield", [write.literal(beyond, 0, result.type) for result in results])
        values.update(zip(results, made.results, strict=True))
        for operation in fixed:
            if operation not in reads:
                builder.insert(clone_substituted(operation, values, known))
        return values

    def _reader_of_position(self, row: Index) -> Reader:
        return lambda builder, term: write.read(builder, self.xs, [self.block_index, row, term])

    def _readers_of_weights(self, pair: Index) -> list[Reader]:
        """Those of the outputs side by side."""
        if self.stages_weights:
            return [partial(self._staged_weight, pair, side) for side in range(self.sides)]
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): pair}
        row = ProductRow(self, self.nest.w.tensor, [], self.nest.w, known, None, [[] for _ in self.nest.folds])
        return [lambda builder, term: row.read_flat(builder, [], term)]

    def _staged_weight(self, pair: Index, side: int, builder: Builder, term: Index) -> Value:
        return write.read(builder, self.ws, [self.block_index, pair, write.constant_index(side), term])

    def _finish(self, builder: Builder, after: Sequence[Operation], values: dict[Value, Value], row: tuple[Index, int], output: tuple[Index, int]) -> None:
        """What follows the sum, where the position and the output are not beyond the last."""
        position = self._position(row[0])
        conditions = []
        if row[1] if self.ragged else self.count % self.rows and row[1] >= self.count % self.rows:
            conditions.append(write.combined(self.count - 1 - AffineDimension(0), [position]))
        if output[1] and (self.ragged or self.outputs % self.sides):
            conditions.append(write.combined(self.outputs - 1 - AffineDimension(0), [output[0]]))
        known = {**self.known(position), loop.induction_variable(self.nest.outputs[0]): output[0]}
        self.finish(builder, after, values, known, position, [*conditions, *self.there(known)])
