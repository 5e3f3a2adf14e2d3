"""loop -> loop: sums of products of bytes run over rows of bytes, several positions and outputs side by side.

    for %p, %q, %o { sum over %i, %j, %k of x[%p * s + %i - 1, %q * s + %j - 1, %k] * w[%o, %i, %j, %k] }
=>
    for %b {                                     // a block of positions (%p, %q), counted as one index %m
      stage xs[%m, %k]                           // the terms of each position in a row, padding and all
      for %o by two { for %t { for %k { four sums: xs[2 * %t + (0, 1), %k] * ws[2 * %o + (0, 1), %k] } requantize, define } } }

Nothing is widened: either instructions multiply bytes and add up a vector of them at once (the sequence `dot`), or loads extend each
byte for themselves.  Rows of x and of the weights are padded to whole vectors, those of the weights (`ws`, a constant) with zeros.
A zero point is what x is padded with, and moves into the bias.  Sums of 32 bits wrap alike in any order, so terms that are zero
change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import attrs
import numpy as np

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.isa import sequence_lanes
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.product_nests import ProductNest, extent_of, find_product_nest, scheduled_nests, spare_bytes, weight_elements
from tinyir.dialects.product_results import ProductResults
from tinyir.dialects.product_rows import LANES, ProductRow, rounded_up
from tinyir.dialects.product_zero_points import fold_zero_point, folded_zero_point
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineDimension
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I64, INDEX, TensorType
from tinyir.rewrite.passes import PassContext


@attrs.frozen
class BlockBytes(SchedulingPass):
    """Runs the sums of products that a schedule gives to it over rows of bytes, if their weights are constant.

    `scratch_bytes`: what a block of rows may take; more where the network's memory has it to spare.  `positions`, `outputs`: of one
    block of sums; a nest whose outputs are no multiple of these is left alone.
    """

    name: ClassVar[str] = "block_bytes"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    scratch_bytes: int | None = scheduled("tile", "bytes")
    positions: int | None = scheduled("jam", "positions", (1, 2, 3, 4))
    outputs: int | None = scheduled("jam", "outputs", (1, 2, 3, 4))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for root in scheduled_nests(function):
                nest = find_product_nest(root)
                plan = plan_for(self, root, context) if nest is not None else None
                if nest is None or plan is None or not self.takes(root, plan, context):
                    continue
                if not nest.x.shift or fold_zero_point(nest, context):
                    _Blocking(nest, plan, self._room(root, plan), context).run(context)

    def _room(self, root: Operation, plan: Plan) -> int:
        return plan["tile", "bytes"] if self.scratch_bytes is not None else max(plan["tile", "bytes"], spare_bytes(root) or 0)

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest)
        if 1 < sequence_lanes(context.target, "dot") <= LANES:  # the bytes of a word must be widened for each product: better once for many
            return False
        if found is None or len(found.outputs) != 1 or found.x.uses(found.outputs) or not found.positions or not found.has_plain_weights:
            return False
        if extent_of(found.outputs[0]) % plan["jam", "outputs"] or weight_elements(found) is None:
            return False
        return not found.x.shift or folded_zero_point(found) is not None


class _Blocking(ProductResults):
    """One nest on its way into blocks."""

    def __init__(self, nest: ProductNest, plan: Plan, room: int, context: PassContext) -> None:
        costs = context.target.costs.instructions if context.target is not None else {}
        super().__init__(nest, costs, sequence_lanes(context.target, "dot"), I8)
        self.plan = plan
        self.padding = nest.x.shift
        self.rows, self.sides = plan["jam", "positions"], plan["jam", "outputs"]
        self.groups = self.outputs // self.sides
        most = max(self.rows, room // self.padded // self.rows * self.rows)
        self.blocks = -(-self.count // most)
        self.block = rounded_up(-(-self.count // self.blocks), self.rows)
        self.block_index: Index = write.constant_index(0)

    def run(self, context: PassContext) -> None:
        made = write.for_each(self.before, [write.constant_index(self.blocks)], "b")
        self.before = Builder.before(made)
        properties = {"fold": DenseArray([1, 0, 0], I64), "alignment": IntegerAttribute(4, INDEX)}
        self.xs = self.before.create("loop.tensor", [], [TensorType((self.blocks, self.block, self.padded), I8)], properties).result
        self.xs.name = "x_rows"
        self.ws = self._packed_weights()
        self.y = self.flat_result()
        self.plan.mark(made, {("tile", "positions"): self.block}, without=("tile", "bytes"))
        inner, self.block_index = write.inside(made)
        self._stage(inner)
        outputs = write.for_each(inner, [write.constant_index(self.groups)], loop.induction_variable(self.nest.outputs[0]).name or "o")
        self._sums(*write.inside(outputs))
        self.replace_result(made)
        context.ledger.add(scratch_obligation(self.xs, [made], ", ".join(self.nest.root.location.names) or "a sum of products"))
        self.nest.root.erase()

    def _packed_weights(self) -> Value:
        """A row of whole vectors for each output."""
        weights, definer = weight_elements(self.nest), self.nest.w.tensor.definer
        assert weights is not None
        assert definer is not None
        packed = np.zeros((self.outputs, self.padded), np.int8)
        packed[:, : self.depth] = weights.reshape(self.outputs, -1)
        type = TensorType((self.outputs, self.padded), I8)
        made = self.before.create("arith.constant", [], [type], {"value": DenseElements(type, packed.tobytes())}, attributes=dict(definer.attributes)).result
        made.name = self.nest.w.tensor.name
        return made

    def _position(self, index: Index) -> Index:
        if self.blocks == 1:
            return index
        return write.combined(AffineDimension(0) * self.block + AffineDimension(1), [self.block_index, index])

    def _stage(self, builder: Builder) -> None:
        even = rounded_up(self.count, self.rows)
        inner, index = write.inside(write.for_each(builder, write.limits_of_block(self.block, even, self.blocks, self.block_index), "m"))
        position = self._position(index)
        conditions = [write.combined(self.count - 1 - AffineDimension(0), [position])] if even > self.count else []
        known = self.known(position)
        ProductRow(self, self.xs, [self.block_index, index], self.nest.x, known, position, self.clips(known)).fill(inner, conditions)

    def _sums(self, builder: Builder, group: Index) -> None:
        outputs = [write.combined(AffineDimension(0) * self.sides + side, [group]) for side in range(self.sides)]
        fixed, moving = self.nest.split_body()
        before, after = self.nest.around_sum(moving)
        shared: list[dict[Value, Value]] = [{} for _ in outputs]
        for output, values in zip(outputs, shared, strict=True):
            for operation in fixed:
                builder.insert(clone_substituted(operation, values, self._at(output)))
        limits = write.limits_of_block(self.block // self.rows, -(-self.count // self.rows), self.blocks, self.block_index)
        inner, step = write.inside(write.for_each(builder, limits, "t"))
        rows = [write.combined(AffineDimension(0) * self.rows + row, [step]) for row in range(self.rows)]
        lanes = [(row, side) for row in range(self.rows) for side in range(self.sides)]
        start, initial, lane_values = self.nest.sum.operands[-1], [], []
        for row, side in lanes:
            values, position = dict(shared[side]), self._position(rows[row])
            for operation in before:
                self.clone(operation, inner, values, {**self.known(position), **self._at(outputs[side])}, position)
            initial.append(values.get(start, start))
            lane_values.append(values)
        xs = [partial(self._read, self.xs, [self.block_index, row]) for row in rows]
        ws = [partial(self._read, self.ws, [output]) for output in outputs]
        total = self.add_products(inner, self.padded, xs, ws, initial)
        rest = self.count % self.rows
        for (row, side), values, result in zip(lanes, lane_values, total.results, strict=True):
            position = self._position(rows[row])
            conditions = [write.combined(self.count - 1 - AffineDimension(0), [position])] if rest and row >= rest else []
            self.finish(inner, after, {**values, self.nest.sum.result: result}, {**self.known(position), **self._at(outputs[side])}, position, conditions)

    def _at(self, output: Index) -> dict[Value, Index]:
        return {loop.induction_variable(self.nest.outputs[0]): output}

    @staticmethod
    def _read(tensor: Value, place: Sequence[Index], builder: Builder, term: Index) -> Value:
        return write.read(builder, tensor, [*place, term])
