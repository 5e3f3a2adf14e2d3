"""loop -> loop: chains of nests run together, row by row, and what is between them is kept in rings of a few rows.

    loop.for %p = 0 to 25 { ... define %a, %x[%p] }            loop.for %step = 0 to 26 {
    loop.for %p = 0 to 25 {                                      loop.for %p = %step to min(25, %step + 1) { ... define %a, %x[%p] }
      ... read %x[%p + %i - 1]                           =>      loop.for %p = max(0, %step - 1) to %step {
      define %b, %y[%p] }                                          ... read %x[%p + %i - 1] ... define %b, %y[%p] } }

No row is computed twice.  A global sum (a pool behind the chain) is carried from row to row as a tensor of one more axis whose
ring has one place.  Which nests run together is chosen so that the peak of memory is least while they take at most half as many
instructions again as with the goal speed; every ring is an `overlap` obligation.
"""

from __future__ import annotations

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import around, index_expressions
from tinyir.dialects.nest_instances import instances, relevant, step_loop
from tinyir.dialects.row_blocks import in_blocks
from tinyir.dialects.row_groups import RowGroups
from tinyir.dialects.row_nests import RowNest, row_axis, stored
from tinyir.dialects.row_schedule import RowSchedule, Timing
from tinyir.dialects.row_sums import carry_sums
from tinyir.dialects.stream_costs import stream_costs
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap
from tinyir.ir.attributes import DenseArray, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.location import fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I64, INDEX, TensorType
from tinyir.prove.obligations import Obligation
from tinyir.prove.overlap import Access, Loop
from tinyir.prove.ring import RingClaim, RingRead
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class StreamRows(Pass):
    """Streams what lowers the peak of memory; `spare_bytes` at each root tells what may be scratch there, `beyond_bytes` what of it makes the peak higher.

    `at_any_cost`: however many instructions that takes.
    """

    name = "stream_rows"
    reads = ("builtin", "func", "arith", "loop")
    leaves = ("builtin", "func", "arith", "loop")

    at_any_cost: bool = False

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            if any(operation.name == "loop.for" for operation in function.body):
                groups = RowGroups(function, None if self.at_any_cost else stream_costs(context))
                peak, best = groups.best()
                for group in best:
                    root = groups.stages[group.first].root
                    spare, beyond = groups.scratch(group, peak)
                    if group.schedule is not None:
                        root = _Streaming(function, group.schedule, context).run()
                        root.attributes["beyond_bytes"] = IntegerAttribute(beyond, INDEX)
                    root.attributes["spare_bytes"] = IntegerAttribute(spare, INDEX)


class _Streaming:
    """One group of nests on its way into one loop."""

    def __init__(self, function: Operation, schedule: RowSchedule, context: PassContext) -> None:
        self.function = function
        self.schedule = schedule
        self.context = context
        self.roots: dict[RowNest, Operation] = {}
        last = schedule.nests[-1].root
        assert last.parent is not None
        location = fuse(*(nest.root.location for nest in schedule.nests))
        bounds = (AffineMap.constant(0), ()), (AffineMap.constant(schedule.steps), ())
        self.steps = loop.create_for(Builder(last.parent, last, location), *bounds, label="step")

    def run(self) -> Operation:
        """The loop over the steps."""
        ends: list[Operation] = []  # each is put right behind the steps, so that the first comes last
        for nest, timing in zip(self.schedule.nests, self.schedule.timings, strict=True):
            if nest.carries_sums:
                carried = carry_sums(nest, self.steps)
                self._take(carried.rows, row_bounds(timing, nest.rows))
                if timing.rows == 1:
                    self._state_ring(nest, carried.sums, 1, timing, 1)
                else:
                    self._state_sums(nest, carried.sums, timing)
                ends.append(carried.end)
            else:
                blocks = in_blocks(nest.root, timing.rows, timing.shift) if timing.rows > 1 else nest.root
                self.roots[nest] = blocks
                self._take(blocks, row_bounds(Timing(timing.period, timing.delay), timing.blocks(nest.rows)))
        Builder.at_end(self.steps.body, self.steps.location).create("loop.yield")
        self._move_reshapes(ends[0] if ends else self.steps)
        for nest, timing in zip(self.schedule.nests, self.schedule.timings, strict=True):
            length = self.schedule.rings.get(nest.tensor, nest.rows)
            if length < nest.rows:
                _fold(nest.tensor, length)
                if nest.tensor in self.schedule.passing:
                    self._store_in_step(nest.tensor)
                self._state_ring(nest, nest.tensor, length, timing, 0)
        return self.steps

    def _take(self, nest: Operation, bounds: tuple[list[AffineExpression], list[AffineExpression]]) -> None:
        """Makes a loop over rows, or over blocks of them, run those that the step is for."""
        nest.detach()
        self.steps.body.append(nest)
        step = loop.induction_variable(self.steps)
        nest.properties["lower_map"] = AffineMap(1, 0, bounds[0])
        nest.properties["upper_map"] = AffineMap(1, 0, bounds[1])
        nest.properties["operandSegmentSizes"] = loop.segment_sizes(1, 1, 0)
        nest.operands = [step, step]

    def _move_reshapes(self, anchor: Operation) -> None:
        """What is made of the group's tensors comes after it."""
        made = {nest.tensor for nest in self.schedule.nests}
        for operation in list(self.function.body):
            if operation.name == "loop.reshape" and stored(operation.result) in made:
                operation.move_after(anchor)
                anchor = operation

    def _store_in_step(self, tensor: Value) -> None:
        """A row that is used in the step that makes it needs its place no longer."""
        definer, first = tensor.definer, self.steps.body.first
        assert definer is not None
        assert first is not None
        if definer.parent is not first.parent:  # else another nest makes a part of it too
            definer.move_before(first)

    # -- what must hold

    def _state_ring(self, nest: RowNest, tensor: Value, length: int, timing: Timing, ahead: int) -> None:
        """`ahead`: rows that are defined before the first step, by so much is each nest's row ahead of its iteration."""
        inside = [user for user in tensor.users if user.is_inside(self.steps)]
        (define,) = [user for user in inside if user.name == "loop.define" and (ahead or user.is_inside(self.roots[nest]))]
        reads = [RingRead(self._rows(user, tensor), before_define=bool(ahead)) for user in inside if user.name == "loop.read"]
        row = AffineDimension(0) - ahead
        claim = RingClaim(
            step_loop(self.steps, 0),
            length,
            self._rows(define, tensor),
            self._witness(row, timing),
            tuple(reads),
            ahead,
            (nest.rows,) * ahead,
            per_step=tensor.definer is not None and tensor.definer.parent_operation is self.steps,
        )
        self._state(nest, tensor, f"{length} of {nest.rows + ahead}", claim)

    def _state_sums(self, nest: RowNest, sums: Value, timing: Timing) -> None:
        """Sums that are carried from row to row, several of which come in a step: the places of all steps, one after the other, are the steps of the claim."""
        inside = [user for user in sums.users if user.is_inside(self.steps)]
        (define,) = [self._in_places(user, sums, timing) for user in inside if user.name == "loop.define"]
        reads = [RingRead(self._in_places(user, sums, timing), before_define=True) for user in inside if user.name == "loop.read"]
        places = Loop("place", 0, self.schedule.steps * timing.rows)
        claim = RingClaim(places, 1, define, (AffineDimension(0) - 1 + _first_place(timing),), tuple(reads), 1, (nest.rows,))
        self._state(nest, sums, f"1 of {nest.rows + 1}", claim)

    def _state(self, nest: RowNest, tensor: Value, share: str, claim: RingClaim) -> None:
        where = ", ".join(self.steps.location.names if nest not in self.roots else self.roots[nest].location.names) or nest.tensor.name
        kept = f"{share} rows of '{tensor.name or nest.tensor.name}' are kept"
        self.context.ledger.add(Obligation("overlap", where, f"{kept}: each is read after it is made and before another takes its place", claim))

    @staticmethod
    def _witness(row: AffineExpression, timing: Timing) -> tuple[AffineExpression, ...]:
        """The step at which a row is made, and its place among the nest's loops."""
        if timing.rows == 1:
            return row * timing.period + timing.delay, row
        block = (row + timing.shift) // timing.rows
        return block * timing.period + timing.delay, block, (row + timing.shift) % timing.rows

    def _in_places(self, access: Operation, tensor: Value, timing: Timing) -> Access:
        """The rows that an access in a loop over rows touches when it comes to the place of a row."""
        found, place = self._rows(access, tensor), AffineDimension(0)
        (rows,) = found.inner
        row = place - _first_place(timing)
        there = (row - rows.low, rows.high - 1 - row, *(guard.replace([place // timing.rows, row]) for guard in found.guards))
        return Access(found.address.replace([place // timing.rows, row]), found.bytes, (), there)

    def _rows(self, access: Operation, tensor: Value) -> Access:
        """The rows that an access touches, over the step and the loops on which they depend."""
        loops, conditions = around(access)
        indices = index_expressions(loop.access_indices(access), loops)
        axis = row_axis(tensor)
        assert indices is not None
        assert axis is not None
        return relevant(instances(loops, conditions, 1, loop.access_map(access).results[axis].replace(indices), 1), 1)


def _first_place(timing: Timing) -> int:
    """The place of row 0 among those of all steps."""
    return timing.delay * timing.rows + timing.shift


def row_bounds(timing: Timing, rows: int) -> tuple[list[AffineExpression], list[AffineExpression]]:
    """The bounds, over the step, of the rows that one step makes."""
    shifted = AffineDimension(0) - timing.delay
    first, last = shifted.ceildiv(timing.period), shifted // timing.period + 1
    if timing.rows > 1:
        first, last = (bound * timing.rows - timing.shift for bound in (first, last))
    return [AffineConstant(0), first], [AffineConstant(rows), last]


def _fold(tensor: Value, length: int) -> None:
    definer, axis = tensor.definer, row_axis(tensor)
    assert definer is not None
    assert isinstance(tensor.type, TensorType)
    definer.properties["fold"] = DenseArray([length if number == axis else 0 for number in range(tensor.type.rank)], I64)
