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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.isa import block_registers
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.nest_classes import facts_of
from tinyir.dialects.product_nests import Factor, ProductNest, extent_of, find_product_nest, kept_axes, scheduled_nests, spare_bytes, widened
from tinyir.dialects.schedules import Plan, plan_for, scheduled
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, linear_terms, used_dimensions
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, IntegerAttribute, StringAttribute, element_bytes
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I16, I32, I64, INDEX, TensorType
from tinyir.rewrite.passes import Pass, PassContext

LANES = 4
"""Terms that one step of the inner loop takes from each row."""


@attrs.frozen
class BlockProducts(Pass):
    """Blocks the sums of products that a schedule gives to it, if their weights move with one of the loops, the other factor with the others.

    `scratch_bytes`: what a block of widened positions may take; without a value what the network's greatest layer leaves free,
    and as much as the schedule says in any case.  `least_positions`: nests with fewer positions are left alone.
    `positions`, `outputs`: of one block of sums over two copies.
    """

    name: ClassVar[str] = "block_products"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    scratch_bytes: int | None = scheduled("tile", "bytes")
    least_positions: int | None = scheduled("where", "positions")
    positions: int | None = scheduled("jam", "positions", (1, 2, 3, 4))
    outputs: int | None = scheduled("jam", "outputs", (2, 3, 4))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            roots = scheduled_nests(function)
            most = max((_accessed_bytes(root) for root in roots), default=0)
            for root in roots:
                nest = find_product_nest(root)
                plan = plan_for(self, facts_of(root), context) if nest is not None and len(nest.outputs) == 1 else None
                if nest is not None and plan is not None and not nest.x.uses(nest.outputs):
                    stated = spare_bytes(root)
                    spare = most - _accessed_bytes(root) if stated is None else stated
                    room = self.scratch_bytes if self.scratch_bytes is not None else max(plan["tile", "bytes"], spare)
                    _Blocking(nest, plan, room, context).run(context)


WIDENING = 4
"""The instructions that widen four terms of a row: a load, one for each word, a store."""
BESIDE_ROWS = 4
"""The registers that sums side by side leave to others: two pointers, a word of weights and its lanes."""


def _accessed_bytes(root: Operation) -> int:
    """What the variable tensors that a nest touches take together."""
    tensors = {loop.accessed_tensor(o): None for o in root.walk() if o.name in ("loop.read", "loop.define")}
    total = 0
    for tensor in tensors:
        if tensor.definer is None or tensor.definer.name != "arith.constant":
            assert isinstance(tensor.type, TensorType)
            total += tensor.type.element_count * element_bytes(tensor.type.element)
    return total


def _product(extents: Sequence[int]) -> int:
    product = 1
    for extent in extents:
        product *= extent
    return product


def _rounded_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


class _Blocking:
    """One nest on its way into blocks."""

    def __init__(self, nest: ProductNest, plan: Plan, room: int, context: PassContext) -> None:
        self.nest = nest
        self.plan = plan
        self.costs: Mapping[str, float] = context.target.costs.instructions if context.target is not None else {}
        self.extents = [extent_of(each) for each in nest.positions]
        self.count = _product(self.extents)
        self.terms = [extent_of(fold) for fold in nest.folds]
        self.outputs = extent_of(self.nest.outputs[0])
        self.level = self._run_level()
        self.run_length = _product(self.terms[self.level :])
        self.run_stride = self._run_stride()
        self.depth = _product(self.terms[: self.level]) * self.run_stride
        self.padded = _rounded_up(self.depth, LANES)
        self.before = Builder.before(nest.root)
        self.flat: dict[tuple[Value, tuple[int, ...]], Value] = {}
        self.block_index: Index = write.constant_index(0)
        self.rows, self.sides = self._shape(room, block_registers(context.target))
        self.pairs = -(-self.outputs // self.sides)
        self.blocks, self.block = self._blocks(room, self.rows)

    def _blocks(self, room: int, rows: int) -> tuple[int, int]:
        """How many blocks of how many positions there are, for sums of so many rows side by side."""
        most = max(rows, room // (2 * self.padded) // rows * rows)
        blocks = -(-self.count // most)
        return blocks, _rounded_up(-(-self.count // blocks), rows)

    def _shape(self, room: int, registers: int) -> tuple[int, int]:
        """Positions and outputs side by side: those of the schedule over a copy of the weights, or one output with its weights as they lie.

        The instructions for four terms of one output decide, of which a multiple load is one.
        """
        rows, sides = self.plan["jam", "positions"], self.plan["jam", "outputs"]
        blocks, _ = self._blocks(room, rows)
        found = [(blocks * WIDENING + -(-self.count // rows) * (1 + LANES), rows, sides)]
        if self._weights_lie_as_rows():
            most = min((registers - BESIDE_ROWS) // 2, max(2, room // (2 * self.padded)), self.count)
            found += [(-(-self.count // rows) * (WIDENING - 1 + 2 * (1 + rows)), rows, 1) for rows in range(2, most + 1)]
        return min(found)[1:]

    def _weights_lie_as_rows(self) -> bool:
        """Whether the weights of each output are whole words in the order of the terms."""
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): write.constant_index(0)}
        row = _Row(self, self.nest.w.tensor, [], self.nest.w, known, None, [[] for _ in self.nest.folds])
        return self.depth == self.padded == _product(self.terms) and row.walks_as_one(0)

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
        self.y = self._flat_result()
        made.attributes["schedule"] = self._description()
        inner, self.block_index = write.inside(made)
        self._stage_positions(inner)
        outputs = write.for_each(inner, [write.constant_index(self.pairs)], loop.induction_variable(self.nest.outputs[0]).name or "o")
        inner, pair = write.inside(outputs)
        if self.stages_weights:
            self._stage_outputs(inner, pair)
        self._sums(inner, pair)
        self._replace_result(made)
        where = ", ".join(self.nest.root.location.names) or "a sum of products"
        context.ledger.add(scratch_obligation(self.xs, [made], where))
        if self.stages_weights:
            context.ledger.add(scratch_obligation(self.ws, [made, outputs], where))
        self.nest.root.erase()

    def _description(self) -> StringAttribute:
        decided = {("tile", "positions"): self.block, ("jam", "positions"): self.rows, ("jam", "outputs"): self.sides}
        return self.plan.describe(decided, without=("tile", "bytes"))

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

    # -- indices

    def _position(self, index: Index) -> Index:
        """Position number `index` of the block, counted over all positions."""
        if self.blocks == 1:
            return index
        return write.combined(AffineDimension(0) * self.block + AffineDimension(1), [self.block_index, index])

    def _known(self, position: Index) -> dict[Value, Index]:
        """The indices of the positions' loops at a position."""
        known: dict[Value, Index] = {}
        stride = self.count
        for number, (each, extent) in enumerate(zip(self.nest.positions, self.extents, strict=True)):
            stride //= extent
            expression = AffineDimension(0) // stride
            known[loop.induction_variable(each)] = write.combined(expression % extent if number else expression, [position])
        return known

    def term(self, indices: Sequence[Index]) -> Index:
        """The number of a term from the indices of the folds: runs of neighbours, each from a place of its own."""
        outer: AffineExpression = AffineConstant(0)
        for number, extent in enumerate(self.terms[: self.level]):
            outer = outer * extent + AffineDimension(number)
        inner: AffineExpression = AffineConstant(0)
        for number, extent in enumerate(self.terms[self.level :], self.level):
            inner = inner * extent + AffineDimension(number)
        return write.combined(outer * self.run_stride + inner, indices)

    # -- runs: terms that are neighbours in memory

    def _run_level(self) -> int:
        """The outermost fold from which on the terms of x walk through memory in their order, one by one."""
        known: dict[Value, Index] = {loop.induction_variable(each): write.constant_index(0) for each in self.nest.positions}
        row = _Row(self, self.nest.x.tensor, [], self.nest.x, known, None, [[] for _ in self.nest.folds])
        return next((number for number in range(len(self.terms)) if row.walks_as_one(number)), len(self.terms) - 1)

    def _run_stride(self) -> int:
        """The distance of runs in a row: rounded up to whole steps if that costs less in zeros than scalar copies would."""
        length, runs = self.run_length, _product(self.terms[: self.level])
        rounded = _rounded_up(length, LANES)
        more = runs * rounded - _rounded_up(runs * length, LANES)
        if runs == 1 or more * self.outputs * self.costs.get("product_term", 1) > runs * length * self.costs.get("copied_term", 1):
            return length
        return rounded

    # -- tensors whose positions are one axis

    def flattened(self, access: Operation) -> tuple[list[int], list[Index]] | None:
        """Shape and indices (the position is None's place) of an access with its positions as one axis, if they are neighbours in order."""
        map, indices = loop.access_map(access), loop.access_indices(access)
        type = loop.accessed_tensor(access).type
        assert isinstance(type, TensorType)
        variables = [loop.induction_variable(each) for each in self.nest.positions]
        places = [indices[e.position] if isinstance(e, AffineDimension) else None for e in map.results]
        if len(variables) < 2:
            return None
        if variables[0] not in places:
            return self._already_flat(access)
        first = places.index(variables[0])
        last = first + len(variables)
        if places[first:last] != variables or list(type.shape[first:last]) != self.extents:
            return None
        rest = [*map.results[:first], *map.results[last:]]
        if any(value in variables for e in rest for value in _values_of(e, indices)):
            return None
        shape = [*type.shape[:first], self.count, *type.shape[last:]]
        slots: list[Index] = [(e, tuple(indices)) for e in map.results]
        return shape, [*slots[:first], (AffineDimension(0), ()), *slots[last:]]

    def _already_flat(self, access: Operation) -> tuple[list[int], list[Index]] | None:
        """The same of an access one of whose indices counts the positions."""
        map, indices = loop.access_map(access), loop.access_indices(access)
        type = loop.accessed_tensor(access).type
        assert isinstance(type, TensorType)
        counted: AffineExpression = AffineConstant(0)
        for each, extent in zip(self.nest.positions, self.extents, strict=True):
            variable = loop.induction_variable(each)
            if variable not in indices:
                return None
            counted = counted * extent + AffineDimension(indices.index(variable))
        variables = {loop.induction_variable(each) for each in self.nest.positions}
        others = [e for e in map.results if e != counted]
        if len(others) + 1 != len(map.results) or any(value in variables for e in others for value in _values_of(e, indices)):
            return None
        return list(type.shape), [(AffineDimension(0), ()) if e == counted else (e, tuple(indices)) for e in map.results]

    def flat_tensor(self, tensor: Value, shape: Sequence[int]) -> Value:
        key = (tensor, tuple(shape))
        assert isinstance(tensor.type, TensorType)
        if key[1] == tensor.type.shape:
            return tensor
        if key not in self.flat:
            made = self.before.create("loop.reshape", [tensor], [TensorType(shape, tensor.type.element)]).result
            made.name = tensor.name
            self.flat[key] = made
        return self.flat[key]

    def _flat_result(self) -> Value:
        """The tensor that is defined: the result itself, or one with its positions as one axis, which other nests that define parts of it define too."""
        result = loop.accessed_tensor(self.nest.define)
        found = self.flattened(self.nest.define)
        assert isinstance(result.type, TensorType)
        definer = result.definer
        if found is None or definer is None or definer.parent is not self.nest.root.parent or tuple(found[0]) == result.type.shape:
            return result
        others = [user for user in result.users if user.name == "loop.define" and user is not self.nest.define]
        builder = Builder.before(definer) if others else self.before
        made = builder.create("loop.tensor", [], [TensorType(found[0], result.type.element)]).result
        made.name = result.name
        self.flat[result, tuple(found[0])] = made
        first = next(number for number, (_, operands) in enumerate(found[1]) if not operands)
        for other in others:
            self._define_flat(other, made, first)
        return made

    def _define_flat(self, define: Operation, tensor: Value, first: int) -> None:
        """Turns a definition of an element into one of the tensor whose axis `first` is all positions."""
        map, indices = loop.access_map(define), tuple(loop.access_indices(define))
        flat: AffineExpression = AffineConstant(0)
        last = first + len(self.extents)
        for expression, extent in zip(map.results[first:last], self.extents, strict=True):
            flat = flat * extent + expression
        results = [*map.results[:first], flat, *map.results[last:]]
        write.define(Builder.before(define), define.operands[0], tensor, [(e, indices) for e in results])
        define.erase()

    def _replace_result(self, made: Operation) -> None:
        """What was read from the result is read from the flat tensor in its shape, once all nests that define it have run."""
        result = loop.accessed_tensor(self.nest.define)
        if self.y is result:
            return
        self.nest.define.erase()
        definer = result.definer
        assert definer is not None
        builder = Builder(self.before.block, _last_nest(self.y, made).next, made.location)
        shaped = builder.create("loop.reshape", [self.y], [result.type]).result
        shaped.name = result.name
        definer.replace_by(shaped)

    def _clone(self, operation: Operation, builder: Builder, values: dict[Value, Value], known: dict[Value, Index], position: Index) -> None:
        """A copy at a position; accesses whose positions are one axis of the memory do without divisions."""
        found = self.flattened(operation) if operation.name in ("loop.read", "loop.define") else None
        if found is None or (operation is self.nest.define and self.y is loop.accessed_tensor(operation) and tuple(found[0]) != _shape(self.y)):
            builder.insert(clone_substituted(operation, values, known))
            return
        shape, slots = found
        place = next(number for number, (_, operands) in enumerate(slots) if not operands)
        inner = [self._substituted(slot, known) if number != place else position for number, slot in enumerate(slots)]
        tensor = self.flat_tensor(loop.accessed_tensor(operation), shape)
        if operation.name == "loop.read":
            value = write.read(builder, tensor, inner)
            value.name = operation.result.name
            values[operation.result] = value
        else:
            write.define(builder, values.get(operation.operands[0], operation.operands[0]), tensor, inner)

    def _substituted(self, slot: Index, known: dict[Value, Index]) -> Index:
        expression, operands = slot
        return write.combined(expression, [known.get(value, write.index_of(value)) for value in operands])

    # -- staging

    def _stage_positions(self, builder: Builder) -> None:
        limits = [write.constant_index(self.block)]
        even = _rounded_up(self.count, self.rows)
        if self.blocks * self.block > even:
            limits.append(write.combined(even - AffineDimension(0) * self.block, [self.block_index]))
        inner, index = write.inside(write.for_each(builder, limits, "m"))
        position = self._position(index)
        conditions = [write.combined(self.count - 1 - AffineDimension(0), [position])] if even > self.count else []
        known = self._known(position)
        clips = [
            [write.combined(e, [write.index_of(loop.induction_variable(fold)), *(known.get(v, write.index_of(v)) for v in operands)]) for e, operands in clip]
            for fold, clip in zip(self.nest.folds, self.nest.clip_conditions(), strict=True)
        ]
        _Row(self, self.xs, [self.block_index, index], self.nest.x, known, position, clips).fill(inner, conditions)

    def _stage_outputs(self, builder: Builder, pair: Index) -> None:
        inner, side = write.inside(write.for_each(builder, [write.constant_index(self.sides)], "r"))
        output = write.combined(AffineDimension(0) * self.sides + AffineDimension(1), [pair, side])
        conditions = [write.combined(self.outputs - 1 - AffineDimension(0), [output])] if self.outputs % self.sides else []
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output}
        _Row(self, self.ws, [self.block_index, pair, side], self.nest.w, known, None, [[] for _ in self.nest.folds]).fill(inner, conditions)

    # -- the sums

    def _sums(self, builder: Builder, pair: Index) -> None:
        outputs = [write.combined(AffineDimension(0) * self.sides + side, [pair]) for side in range(self.sides)]
        fixed, moving = self.nest.split_body()
        shared = [self._hoisted(builder, fixed, outputs[side], side) for side in range(self.sides)]
        limits = [write.constant_index(self.block // self.rows)]
        steps = -(-self.count // self.rows)
        if self.blocks * self.block // self.rows > steps:
            limits.append(write.combined(steps - AffineDimension(0) * (self.block // self.rows), [self.block_index]))
        inner, step = write.inside(write.for_each(builder, limits, "t"))
        rows = [write.combined(AffineDimension(0) * self.rows + row, [step]) for row in range(self.rows)]
        lanes = [(row, side) for row in range(self.rows) for side in range(self.sides)]
        start = self.nest.sum.operands[-1]
        before, after = self.nest.around_sum(moving)
        initial, lane_values = [], []
        for row, side in lanes:
            values = dict(shared[side])
            lane_values.append(values)
            known = {**self._known(self._position(rows[row])), loop.induction_variable(self.nest.outputs[0]): outputs[side]}
            for operation in before:
                self._clone(operation, inner, values, known, self._position(rows[row]))
            initial.append(values.get(start, start))
        total = self._inner_loop(inner, pair, rows, initial)
        for (row, side), values, result in zip(lanes, lane_values, total.results, strict=True):
            self._finish(inner, after, {**values, self.nest.sum.result: result}, (rows[row], row), (outputs[side], side))

    def _hoisted(self, builder: Builder, fixed: Sequence[Operation], output: Index, side: int) -> dict[Value, Value]:
        """The values that depend on the output alone; for one beyond the last, zeros are read, and nobody uses what follows from them."""
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output}
        values: dict[Value, Value] = {}
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

    def _inner_loop(self, builder: Builder, pair: Index, rows: Sequence[Index], initial: Sequence[Value]) -> Operation:
        made = write.for_each(builder, [write.constant_index(self.padded)], "k", initial=initial, parallel=False)
        at, term = Builder.at_end(made.body, builder.location), write.index_of(loop.induction_variable(made))
        xs = [at.create("arith.extsi", [write.read(at, self.xs, [self.block_index, row, term])], [I32]).result for row in rows]
        ws = [at.create("arith.extsi", [weight], [I32]).result for weight in self._weights(at, pair, term)]
        products = [at.create("arith.muli", [x, w], [I32]).result for x in xs for w in ws]
        sums = [at.create("arith.addi", [a, p], [I32]).result for a, p in zip(made.body.arguments[1:], products, strict=True)]
        at.create("loop.yield", sums)
        return made

    def _weights(self, builder: Builder, pair: Index, term: Index) -> list[Value]:
        """Those of one term for the outputs side by side."""
        if self.stages_weights:
            return [write.read(builder, self.ws, [self.block_index, pair, write.constant_index(side), term]) for side in range(self.sides)]
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): pair}
        row = _Row(self, self.nest.w.tensor, [], self.nest.w, known, None, [[] for _ in self.nest.folds])
        return [row.read_flat(builder, [], term)]

    def _finish(
        self, builder: Builder, after: Sequence[Operation], values: dict[Value, Value], row: tuple[Index, int], output: tuple[Index, int]
    ) -> None:
        """What follows the sum, where the position and the output are not beyond the last."""
        position = self._position(row[0])
        conditions = []
        if self.count % self.rows and row[1] >= self.count % self.rows:
            conditions.append(write.combined(self.count - 1 - AffineDimension(0), [position]))
        if output[1] and self.outputs % self.sides:
            conditions.append(write.combined(self.outputs - 1 - AffineDimension(0), [output[0]]))
        if conditions:
            _, builder, otherwise = write.branch(builder, conditions, ())
            otherwise.create("loop.yield")
        known = {**self._known(position), loop.induction_variable(self.nest.outputs[0]): output[0]}
        for operation in after:
            self._clone(operation, builder, values, known, position)
        if conditions:
            builder.create("loop.yield")


class _Row:
    """The terms of one position or output, widened into a row of scratch."""

    def __init__(
        self,
        blocking: _Blocking,
        target: Value,
        place: list[Index],
        factor: Factor,
        known: dict[Value, Index],
        position: Index | None,
        clips: list[list[Index]],
    ) -> None:
        self.blocking = blocking
        self.target = target
        self.place = place
        self.factor = factor
        self.known = known
        self.clips = clips
        found = blocking.flattened(factor.read) if position is not None else None
        map, indices = loop.access_map(factor.read), loop.access_indices(factor.read)
        self.tensor = factor.tensor
        self.slots: list[Index] = [(e, tuple(indices)) for e in map.results]
        if found is not None and position is not None:
            shape, slots = found
            self.tensor = blocking.flat_tensor(factor.tensor, shape)
            self.slots = [slot if slot[1] else position for slot in slots]

    @property
    def level(self) -> int:
        """The fold from which on the terms are one run: all of them, where the runs of the blocking are neighbours anyway."""
        blocking = self.blocking
        whole = blocking.run_stride == blocking.run_length and not any(self.clips) and self.walks_as_one(0)
        return 0 if whole else blocking.level

    def fill(self, builder: Builder, conditions: list[Index]) -> None:
        self._level(builder, 0, [], conditions)
        self._zeros(builder, write.constant_index(self.blocking.depth), self.blocking.padded - self.blocking.depth)

    def _level(self, builder: Builder, number: int, folds: list[Index], conditions: list[Index]) -> None:
        """The terms below some folds; those for which a condition fails are zeros."""
        blocking = self.blocking
        if conditions:
            _, there, beyond = write.branch(builder, [self._placed(c, folds) for c in conditions], ())
            self._level(there, number, folds, [])
            self._zeros(beyond, self._first_term(folds), self._length(number))
            there.create("loop.yield")
            beyond.create("loop.yield")
        elif number == self.level:
            self._run(builder, folds)
            rest = blocking.run_stride - blocking.run_length
            self._zeros(builder, self._sum_of(self._first_term(folds), write.constant_index(blocking.run_length)), rest)
        else:
            inner, index = self._fold_loop(builder, number)
            self._level(inner, number + 1, [*folds, index], self.clips[number])

    def _run(self, builder: Builder, folds: list[Index]) -> None:
        """The terms of a run: as one where all of them are there, one by one where some are padding."""
        ends = [end for number in range(self.level, len(self.clips)) for end in self._ends(number, folds)]
        if not self.walks_as_one(self.level) or self._inner_length(self.level) == 1:
            self._terms(builder, self.level, folds, [])
            return
        if not ends:
            self._copy(builder, folds)
            return
        _, there, beyond = write.branch(builder, ends, ())
        self._copy(there, folds)
        self._terms(beyond, self.level, folds, [])
        there.create("loop.yield")
        beyond.create("loop.yield")

    def _copy(self, builder: Builder, folds: list[Index]) -> None:
        inner, index = write.inside(write.for_each(builder, [write.constant_index(self._inner_length(self.level))], "k"))
        self._define(inner, self.read_flat(inner, folds, index), self._sum_of(self._first_term(folds), index))

    def _ends(self, number: int, folds: list[Index]) -> list[Index]:
        """The conditions of a fold at its first and its last index: they hold for all between, since each is monotonous."""
        last = self.blocking.terms[number] - 1
        variable = loop.induction_variable(self.blocking.nest.folds[number])
        found = []
        for expression, values in self.clips[number]:
            for end in (0, last):
                known: dict[Value, Index] = {**self.known, **self._known_folds(folds), variable: write.constant_index(end)}
                placed = write.combined(expression, [known.get(value, write.index_of(value)) for value in values])
                constant = placed[0].constant_value
                if constant is None or constant < 0:
                    found.append(placed)
        return list(dict.fromkeys(found))

    def _terms(self, builder: Builder, number: int, folds: list[Index], conditions: list[Index]) -> None:
        """Terms one by one."""
        if conditions:
            _, there, beyond = write.branch(builder, [self._placed(c, folds) for c in conditions], ())
            self._terms(there, number, folds, [])
            self._zeros(beyond, self._first_term(folds), self._inner_length(number))
            there.create("loop.yield")
            beyond.create("loop.yield")
        elif number == len(self.blocking.terms):
            self._define(builder, self._read(builder, self.tensor, self.slots, folds), self._first_term(folds))
        else:
            inner, index = self._fold_loop(builder, number)
            self._terms(inner, number + 1, [*folds, index], self.clips[number])

    def _fold_loop(self, builder: Builder, number: int) -> tuple[Builder, Index]:
        name = loop.induction_variable(self.blocking.nest.folds[number]).name or "k"
        return write.inside(write.for_each(builder, [write.constant_index(self.blocking.terms[number])], name))

    def _inner_length(self, number: int) -> int:
        """The number of terms of a run below folds 0 .. number - 1."""
        return _product(self.blocking.terms[number:])

    def _length(self, number: int) -> int:
        """The number of places in a row below folds 0 .. number - 1, at most `level`."""
        return _product(self.blocking.terms[number : self.blocking.level]) * self.blocking.run_stride

    def _first_term(self, folds: list[Index]) -> Index:
        padding = [write.constant_index(0)] * (len(self.blocking.terms) - len(folds))
        return self.blocking.term([*folds, *padding])

    @staticmethod
    def _sum_of(first: Index, second: Index) -> Index:
        return write.combined(AffineDimension(0) + AffineDimension(1), [first, second])

    def _known_folds(self, folds: list[Index]) -> dict[Value, Index]:
        return {loop.induction_variable(fold): index for fold, index in zip(self.blocking.nest.folds, folds, strict=False)}

    def _placed(self, index: Index, folds: list[Index]) -> Index:
        known = {**self.known, **self._known_folds(folds)}
        return write.combined(index[0], [known.get(value, write.index_of(value)) for value in index[1]])

    def _read(self, builder: Builder, tensor: Value, slots: list[Index], folds: list[Index]) -> Value:
        return write.read(builder, tensor, [self._placed(slot, folds) for slot in slots])

    # -- folds that walk through memory as one

    def _linear(self) -> Index:
        """The element that is read, counted from the start of the tensor; in a ring from the start of its row."""
        assert isinstance(self.tensor.type, TensorType)
        kept = kept_axes(self.tensor)
        results, values = write.joined(self.slots[kept:])
        linear: AffineExpression = AffineConstant(0)
        for result, extent in zip(results, self.tensor.type.shape[kept:], strict=True):
            linear = linear * extent + result
        return linear, tuple(values)

    def walks_as_one(self, number: int) -> bool:
        """Whether the terms below fold `number` - 1 are neighbours in memory, in their order."""
        linear, values = self._linear()
        terms = linear_terms(linear)
        turning = write.joined(self.slots[: kept_axes(self.tensor)])[1]
        stride = 1
        for fold, extent in zip(reversed(self.blocking.nest.folds[number:]), reversed(self.blocking.terms[number:]), strict=True):
            variable = loop.induction_variable(fold)
            if extent > 1:
                if variable not in values or variable in turning:
                    return False
                dimension = AffineDimension(values.index(variable))
                divided = any(dimension.position in used_dimensions(f) for f in terms if f is not dimension)
                if terms.get(dimension) != stride or divided:
                    return False
            stride *= extent
        return True

    def read_flat(self, builder: Builder, folds: list[Index], index: Index) -> Value:
        """The element that stands `index` places after the first term below some folds."""
        assert isinstance(self.tensor.type, TensorType)
        kept = kept_axes(self.tensor)
        shape = self.tensor.type.shape
        flat = self.blocking.flat_tensor(self.tensor, [*shape[:kept], _product(shape[kept:])])
        start = [*folds, *[write.constant_index(0)] * (len(self.blocking.terms) - len(folds))]
        rows = [self._placed(slot, start) for slot in self.slots[:kept]]
        return write.read(builder, flat, [*rows, self._sum_of(self._placed(self._linear(), start), index)])

    # -- what is written

    def _define(self, builder: Builder, element: Value, term: Index) -> None:
        write.define(builder, widened(builder, element, self.factor), self.target, [*self.place, term])

    def _zeros(self, builder: Builder, first: Index, count: int) -> None:
        if count < LANES:
            for place in range(count):
                self._zero(builder, self._sum_of(first, write.constant_index(place)))
            return
        builder, index = write.inside(write.for_each(builder, [write.constant_index(count)], "k"))
        self._zero(builder, self._sum_of(first, index))

    def _zero(self, builder: Builder, term: Index) -> None:
        write.define(builder, write.literal(builder, 0, I16), self.target, [*self.place, term])


def _shape(tensor: Value) -> tuple[int, ...]:
    assert isinstance(tensor.type, TensorType)
    return tuple(tensor.type.shape)


def _last_nest(tensor: Value, nest: Operation) -> Operation:
    """The last of the nests beside the given one, or of itself, that touch the tensor."""
    waiting = {next(each for each in (user, *user.ancestors()) if each.parent is nest.parent) for user in tensor.users} - {nest}
    last = each = nest
    while waiting and each.next is not None:
        each = each.next
        if each in waiting:
            waiting.discard(each)
            last = each
    return last


def _values_of(expression: AffineExpression, indices: Sequence[Value]) -> list[Value]:
    return [indices[i] for i in used_dimensions(expression)]
