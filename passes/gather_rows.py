"""loop -> loop: sums of products of a few positions at a time, in one form for all nests that differ in nothing but numbers.

    for %p, %q, %o { sum over %i, %j, %k of x[%p * s + %i - 1, %q * s + %j - 1, %k] * w[%o, %i, %j, %k] }
=>
    for %t {                                     // four positions (%p, %q), counted as one index
      for %r to 4, %i, %j {                      // their terms in rows, 16 bits wide, what is padding as zeros
        if x is there { for %k { xs[%r, ...] = x[...] } } else { for %k { xs[%r, ...] = 0 } } }
      for %o { for %k { four sums: xs[(0, ..., 3), %k] * w[%o, %k] } requantize, define } }

Strides, extents, paddings and whether there are any are numbers in this form, so that such nests share their code
(`merge_functions`); a single run of terms is a window of one element.  Weights are used as they lie: what follows a row of them
meets zeros of the gathered rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.product_axes import InputAxis, clips_match, input_axis
from tinyir.dialects.product_nests import ProductNest, extent_of, find_product_nest, kept_axes, scheduled_nests, widened
from tinyir.dialects.product_results import ProductResults
from tinyir.dialects.product_rows import LANES, ProductRow, rounded_up
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineDimension, AffineExpression, AffineMap
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I64, INDEX, TensorType
from tinyir.rewrite.passes import PassContext

LEAST_STEPS = 2
"""Of the inner loop, so that it is one."""


@attrs.frozen
class GatherRows(SchedulingPass):
    """Gathers the rows of the sums of products that a schedule gives to it, if their weights lie in the order of the terms.

    `positions`: those whose sums are side by side.
    """

    name: ClassVar[str] = "gather_rows"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    positions: int | None = scheduled("jam", "positions", (2, 3, 4))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            roots = list(scheduled_nests(function))
            found = [each for root in roots if (each := self._gathering(root, context)) is not None]
            has_rest = any(each.in_words and each.window.channels % LANES for each in found)
            for root in [each.nest.root for each in found]:
                gathering = self._gathering(root, context, has_rest)  # anew, since what it reads may be what another has replaced
                if gathering is not None:
                    gathering.run(context)

    def _gathering(self, root: Operation, context: PassContext, has_rest: bool = True) -> _Gathering | None:
        """A nest that is to be gathered; None: it is not."""
        nest = find_product_nest(root)
        plan = plan_for(self, root, context) if nest is not None else None
        window = _Window.of(nest) if nest is not None and plan is not None else None
        if nest is None or plan is None or window is None:
            return None
        gathering = _Gathering(nest, plan, window, has_rest)
        return gathering if gathering.weights_lie_as_rows else None

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest)
        window = _Window.of(found) if found is not None else None
        return found is not None and window is not None and _Gathering(found, plan, window).weights_lie_as_rows


@attrs.frozen(eq=False)
class _Window:
    """What a sum reads of x: neighbours along its last axis (`channels` of them) at the places of a window over two axes."""

    shape: tuple[int, int, int]
    rows: InputAxis
    columns: InputAxis
    line: int
    """Positions along the columns."""

    @property
    def taps(self) -> int:
        return self.rows.terms * self.columns.terms

    @property
    def channels(self) -> int:
        return self.shape[2]

    @classmethod
    def of(cls, nest: ProductNest) -> _Window | None:
        """None: x is read in another order, or what is padding is not what lies outside."""
        if len(nest.outputs) != 1 or nest.x.uses(nest.outputs) or kept_axes(nest.x.tensor):
            return None
        map, indices, type = loop.access_map(nest.x.read), loop.access_indices(nest.x.read), nest.x.tensor.type
        assert isinstance(type, TensorType)
        moving = [number for number, e in enumerate(map.results) if e.constant_value is None]
        channels, last = 1, map.results[-1]
        folds = list(nest.folds)
        if isinstance(last, AffineDimension) and indices[last.position] is loop.induction_variable(folds[-1]):
            channels = type.shape[-1]
            if extent_of(folds[-1]) != channels:
                return None
            moving.pop()
            folds.pop()
        if any(type.shape[n] != 1 for n in range(len(type.shape) - (channels > 1)) if n not in moving) or not 1 <= len(moving) <= 2:
            return None
        found = [axis for number in moving if (axis := input_axis(nest, number)) is not None]
        if len(found) != len(moving) or any(axis.position is None or axis.outside or not clips_match(nest, axis) for axis in found):
            return None
        rows = found[0] if len(found) == 2 else InputAxis(1, None, None, 1, 1, 0)
        columns = found[-1]
        if [axis.position for axis in found] != list(nest.positions) or [axis.term for axis in found if axis.term is not None] != folds:
            return None
        if len(found) == 2 and not folds and all(axis.stride == 1 and axis.positions == axis.size for axis in found):
            count = rows.positions * columns.positions
            return cls((1, count, channels), InputAxis(1, None, None, 1, 1, 0), attrs.evolve(columns, size=count), count)
        return cls((rows.size, columns.size, channels), rows, columns, columns.positions)


def _turned(place: AffineExpression) -> AffineExpression:
    """The term of a row whose weight stands at a place."""
    return place // LANES * LANES + place % 2 * 2 + place // 2 % 2


class _Gathering(ProductResults):
    """One nest on its way into gathered rows.

    `has_rest`: whether the last word of a tap is copied element by element, since the channels of some nest that shares this form do not fill it.
    """

    def __init__(self, nest: ProductNest, plan: Plan, window: _Window, has_rest: bool = True) -> None:
        super().__init__(nest, {})
        self.plan = plan
        self.window = window
        self.rows = plan["jam", "positions"]
        self.steps = -(-self.count // self.rows)
        self.depth = window.taps * window.channels
        self.padded = max(rounded_up(self.depth, LANES), LEAST_STEPS * LANES)
        self.stride = window.channels if window.taps > 1 else rounded_up(window.channels, LANES)
        self.in_words = window.channels > LANES and self.stride % LANES == 0
        self.has_rest = has_rest

    @property
    def weights_lie_as_rows(self) -> bool:
        if not self.nest.has_plain_weights:
            return False
        output = loop.induction_variable(self.nest.outputs[0])
        row = ProductRow(self, self.nest.w.tensor, [], self.nest.w, {output: write.index_of(output)}, None, [[] for _ in self.nest.folds])
        return row.starts_at(output, self.depth)

    def run(self, context: PassContext) -> None:
        made = write.for_each(self.before, [write.constant_index(self.steps)], "t")
        self.plan.mark(made)
        self.before = Builder.before(made)
        term = AffineDimension(2)
        properties = {
            "fold": DenseArray([1, 0, 0], I64),
            "layout": AffineMap(3, 0, [term // LANES, term % 2, AffineDimension(1), term // 2 % 2] if self.in_words else [AffineDimension(1), term]),
            "alignment": IntegerAttribute(4, INDEX),
        }
        self.xs = self.before.create("loop.tensor", [], [TensorType((self.steps, self.rows, self.padded), I16)], properties).result
        self.xs.name = "x_rows"
        self.y = self.flat_result()
        inner, step = write.inside(made)
        self._gather(inner, step)
        outputs = write.for_each(inner, [write.constant_index(self.outputs)], loop.induction_variable(self.nest.outputs[0]).name or "o")
        inner, output = write.inside(outputs)
        self._sums(inner, step, output)
        self.replace_result(made)
        context.ledger.add(scratch_obligation(self.xs, [made], ", ".join(self.nest.root.location.names) or "a sum of products"))
        self.nest.root.erase()

    def _position(self, step: Index, row: Index) -> Index:
        return write.combined(AffineDimension(0) * self.rows + AffineDimension(1), [step, row])

    # -- the rows

    def _gather(self, builder: Builder, step: Index) -> None:
        window = self.window
        at, row = write.inside(write.for_each(builder, [write.constant_index(self.rows)], "r"))
        position = self._position(step, row)
        inner, i = write.inside(write.for_each(at, [write.constant_index(window.rows.terms)], "i"))
        inner, j = write.inside(write.for_each(inner, [write.constant_index(window.columns.terms)], "j"))
        line = AffineDimension(0) // window.line, AffineDimension(0) % window.line
        places: list[Index] = []
        for axis, expression, tap in ((window.rows, line[0], i), (window.columns, line[1], j)):
            place = expression * axis.stride + AffineDimension(1) * axis.dilation - axis.before
            places.append(write.combined(place, [position, tap]))
        conditions = [c for place, size in zip(places, window.shape, strict=False) for c in (place, write.combined(size - 1 - AffineDimension(0), [place]))]
        _, there, beyond = write.branch(inner, conditions, ())
        first = write.combined((AffineDimension(0) * window.columns.terms + AffineDimension(1)) * self.stride, [i, j])
        x = self.flat_tensor(self.nest.x.tensor, window.shape)
        if self.in_words:
            self._copy(there, x, places, self.stride - LANES * self.has_rest, (step, row, first))
            if self.has_rest:
                self._copy_rest(there, x, places, (step, row, first))
            self._zeros(beyond, step, row, first, 0, self.stride)
        else:
            self._copy(there, x, places, window.channels, (step, row, first))
            self._zeros(beyond, step, row, first, 0, window.channels)
            self._zeros(at, step, row, write.constant_index(0), self.depth, self.padded)
        there.create("loop.yield")
        beyond.create("loop.yield")

    def _copy(self, builder: Builder, x: Value, places: Sequence[Index], count: int, target: tuple[Index, Index, Index]) -> None:
        """The first channels of a tap."""
        inner, k = write.inside(write.for_each(builder, [write.constant_index(count)], "k"))
        element = widened(inner, write.read(inner, x, [*places, k]), self.nest.x)
        write.define(inner, element, self.xs, [*target[:2], write.added(target[2], k)])

    def _copy_rest(self, builder: Builder, x: Value, places: Sequence[Index], target: tuple[Index, Index, Index]) -> None:
        """The channels of a tap's last word, and zeros where there are no more."""
        last, k = write.inside(write.for_each(builder, [write.constant_index(LANES)], "k"))
        channel = write.combined(AffineDimension(0) + self.stride - LANES, [k])
        place = [*target[:2], write.added(target[2], channel)]
        _, inner, zeros = write.branch(last, [write.combined(self.window.channels - 1 - AffineDimension(0), [channel])], ())
        write.define(inner, widened(inner, write.read(inner, x, [*places, channel]), self.nest.x), self.xs, place)
        write.define(zeros, write.literal(zeros, 0, I16), self.xs, place)
        inner.create("loop.yield")
        zeros.create("loop.yield")

    def _zeros(self, builder: Builder, step: Index, row: Index, first: Index, start: int, end: int) -> None:
        inner, k = write.inside(write.for_each(builder, [write.constant_index(end)], "k", start=start))
        write.define(inner, write.literal(inner, 0, I16), self.xs, [step, row, write.added(first, k)])

    # -- the sums

    def _sums(self, builder: Builder, step: Index, output: Index) -> None:
        known: dict[Value, Index] = {loop.induction_variable(self.nest.outputs[0]): output}
        fixed, moving = self.nest.split_body()
        before, after = self.nest.around_sum(moving)
        shared: dict[Value, Value] = {}
        rows = [write.constant_index(row) for row in range(self.rows)]
        positions = [self._position(step, row) for row in rows]
        for operation in fixed:
            self.clone(operation, builder, shared, known, positions[0])
        initial, row_values = [], []
        for position in positions:
            values = dict(shared)
            for operation in before:
                self.clone(operation, builder, values, {**known, **self.known(position)}, position)
            start = self.nest.sum.operands[-1]
            initial.append(values.get(start, start))
            row_values.append(values)
        total = self._inner_loop(builder, step, rows, output, initial)
        for number, (position, values, result) in enumerate(zip(positions, row_values, total.results, strict=True)):
            conditions = [write.combined(self.count - 1 - AffineDimension(0), [position])] if number else []
            self.finish(builder, after, {**values, self.nest.sum.result: result}, {**known, **self.known(position)}, position, conditions)

    def _inner_loop(self, builder: Builder, step: Index, rows: Sequence[Index], output: Index, initial: Sequence[Value]) -> Operation:
        weights = self.extended(self.nest.w.tensor, [(self.outputs - 1) * self.depth + self.padded]) if self.in_words else self._turned()
        distance = self.depth if self.in_words else self.padded

        def of_position(row: Index, at: Builder, term: Index) -> Value:
            place = term if self.in_words else write.combined(_turned(AffineDimension(0)), [term])
            return write.read(at, self.xs, [step, row, place])

        def weight(at: Builder, term: Index) -> Value:
            return write.read(at, weights, [write.combined(AffineDimension(0) * distance + AffineDimension(1), [output, term])])

        return self.add_products(builder, self.padded, [partial(of_position, row) for row in rows], [weight], initial)

    def _turned(self) -> Value:
        """The weights with the terms of each step in the order in which the instructions take its lanes, and zeros behind each row."""
        definer = self.nest.w.tensor.definer
        assert definer is not None
        value = definer.properties["value"]
        assert isinstance(value, DenseElements)
        rows = [value.all_data[row * self.depth : (row + 1) * self.depth].ljust(self.padded, b"\0") for row in range(self.outputs)]
        data = bytes(row[_turned(AffineDimension(0)).evaluate([place])] for row in rows for place in range(self.padded))
        type = TensorType((self.outputs * self.padded,), I8)
        made = self.before.create("arith.constant", [], [type], {"value": DenseElements(type, data)}, attributes=dict(definer.attributes)).result
        made.name = self.nest.w.tensor.name
        return made
