"""loop -> loop: sums of products of a few positions at a time, in one form for all nests that differ in nothing but numbers.

    for %p, %q, %o { sum over %i, %j, %k of x[%p * s + %i - 1, %q * s + %j - 1, %k] * w[%o, %i, %j, %k] }
=>
    for %t {                                     // four positions (%p, %q), counted as one index
      for %r to 4, %i, %j {                      // their terms in rows, 16 bits wide, what is padding as zeros
        if x is there { for %k { xs[%r, ...] = x[...] } } else { for %k { xs[%r, ...] = 0 } } }
      for %o { for %k { four sums: xs[(0, ..., 3), %k] * w[%o, %k] } requantize, define } }

Strides, extents, paddings and whether there are any are numbers in this form, so that such nests share their code
(`merge_functions`); a single run of terms is a window of one element.  Weights are used as they lie: what follows a row of them
meets zeros of the gathered rows.  Where outputs read channels of their own, rows are gathered for one group of outputs after the other,
and nests without groups are of one.  A zero point moves into the bias where that is a constant: rows are padded with it then.
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
from tinyir.dialects.product_nests import ProductNest, extent_of, find_product_nest, group_size, kept_axes, scheduled_nests, widened
from tinyir.dialects.product_results import ProductResults
from tinyir.dialects.product_rows import LANES, ProductRow, rounded_up
from tinyir.dialects.product_zero_points import fold_zero_point
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineDimension, AffineExpression, AffineMap, linear_terms, used_dimensions
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I64, INDEX, TensorType
from tinyir.rewrite.passes import PassContext

LEAST_STEPS = 2
"""Of the inner loop, so that it is one."""
MOST_ROWS = 4


@attrs.frozen
class GatherRows(SchedulingPass):
    """Gathers the rows of the sums of products that a schedule gives to it, if their weights lie in the order of the terms.

    `positions`: those whose sums are side by side.
    """

    name: ClassVar[str] = "gather_rows"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    positions: int | None = scheduled("jam", "positions", (2, 3, MOST_ROWS))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            roots = list(scheduled_nests(function))
            found = [each for root in roots if (each := self._gathering(root, context)) is not None]
            form = _Form.of(found)
            for root in [each.nest.root for each in found]:
                gathering = self._gathering(root, context, form)  # anew, since what it reads may be what another has replaced
                if gathering is not None:
                    gathering.run(context)

    def _gathering(self, root: Operation, context: PassContext, form: _Form | None = None) -> _Gathering | None:
        """A nest that is to be gathered; None: it is not."""
        nest = find_product_nest(root)
        plan = plan_for(self, root, context) if nest is not None else None
        window = _Window.of(nest) if nest is not None and plan is not None else None
        if nest is None or plan is None or window is None:
            return None
        gathering = _Gathering(nest, plan, window, form)
        return gathering if gathering.weights_lie_as_rows else None

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest)
        window = _Window.of(found) if found is not None else None
        return found is not None and window is not None and _Gathering(found, plan, window).weights_lie_as_rows


@attrs.frozen
class _Form:
    """What some nest of those that share the code needs.

    `has_rest`: the last word of a tap is copied element by element, since the channels do not fill it.  `has_groups`: a loop over groups.
    `has_shifts`: lines are powers of two, so that places are found without divisions.
    """

    has_rest: bool = True
    has_groups: bool = False
    has_shifts: bool = False

    @classmethod
    def of(cls, found: Sequence[_Gathering]) -> _Form:
        lines = [each.window.line for each in found if each.window.rows.positions > 1]
        return cls(
            any(each.in_words and each.window.channels % LANES for each in found),
            any(each.window.groups > 1 for each in found),
            all(line & (line - 1) == 0 for line in lines),
        )

    def line(self, window: _Window) -> int:
        """The length of a window's lines; the only one is made longer where only that leaves a division (or a shift) what it is in all others."""
        positions = window.line
        if window.rows.positions > 1:
            return positions
        if self.has_shifts:
            return max(1 << (positions - 1).bit_length(), 2 * MOST_ROWS)
        return max(positions + (positions & (positions - 1) == 0), MOST_ROWS + 1)


@attrs.frozen(eq=False)
class _Window:
    """What a sum reads of x: neighbours along its last axis (`channels` of them, of one of the `groups`) at the places of a window over two axes."""

    shape: tuple[int, int, int]
    channels: int
    groups: int
    rows: InputAxis
    columns: InputAxis
    line: int
    """Positions along the columns."""

    @property
    def taps(self) -> int:
        return self.rows.terms * self.columns.terms

    @classmethod
    def of(cls, nest: ProductNest) -> _Window | None:
        """None: x is read in another order, or what is padding is not what lies outside."""
        if len(nest.outputs) != 1 or kept_axes(nest.x.tensor):
            return None
        map, type, folds = loop.access_map(nest.x.read), nest.x.tensor.type, list(nest.folds)
        assert isinstance(type, TensorType)
        moving = [number for number, e in enumerate(map.results) if e.constant_value is None]
        found = _channels(nest)
        if found is None:
            return None
        channels, groups, fold = found
        if channels * groups > 1:
            moving.remove(len(map.results) - 1)
        if fold is not None:
            folds.remove(fold)
        if any(type.shape[n] != 1 for n in range(len(type.shape) - (channels * groups > 1)) if n not in moving) or not 1 <= len(moving) <= 2:
            return None
        axes = [axis for number in moving if (axis := input_axis(nest, number)) is not None]
        if len(axes) != len(moving) or any(axis.position is None or axis.outside or not clips_match(nest, axis) for axis in axes):
            return None
        rows = axes[0] if len(axes) == 2 else InputAxis(1, None, None, 1, 1, 0)
        columns = axes[-1]
        if [axis.position for axis in axes] != list(nest.positions) or [axis.term for axis in axes if axis.term is not None] != folds:
            return None
        if len(axes) == 2 and not folds and all(axis.stride == 1 and axis.positions == axis.size for axis in axes):
            columns = attrs.evolve(columns, size=rows.positions * columns.positions)
            return cls((1, columns.size, channels * groups), channels, groups, InputAxis(1, None, None, 1, 1, 0), columns, columns.size)
        return cls((rows.size, columns.size, channels * groups), channels, groups, rows, columns, columns.positions)


def _channels(nest: ProductNest) -> tuple[int, int, Operation | None] | None:
    """How many neighbours of x a sum reads along the last axis, how many groups of outputs read such of their own, and the fold over them, if there is one.

    None: it reads another part of the axis.  One neighbour of one group: the axis may be one of the window.
    """
    map, indices, type = loop.access_map(nest.x.read), loop.access_indices(nest.x.read), nest.x.tensor.type
    assert isinstance(type, TensorType)
    output, last = nest.outputs[0], map.results[-1]
    used = [indices[position] for position in used_dimensions(last)]
    fold = nest.folds[-1] if loop.induction_variable(nest.folds[-1]) in used else None
    if nest.x.uses((output,)):
        size, channels = group_size(nest, output), extent_of(fold) if fold is not None else 1
        groups = extent_of(output) // size
        wanted: AffineExpression = AffineDimension(indices.index(loop.induction_variable(output))) // size * channels
        if fold is not None:
            wanted = wanted + AffineDimension(indices.index(loop.induction_variable(fold)))
        return (channels, groups, fold) if linear_terms(last) == linear_terms(wanted) and groups * channels == type.shape[-1] else None
    if fold is None or not isinstance(last, AffineDimension):
        return 1, 1, None
    return (type.shape[-1], 1, fold) if extent_of(fold) == type.shape[-1] else None


def _turned(place: AffineExpression) -> AffineExpression:
    """The term of a row whose weight stands at a place."""
    return place // LANES * LANES + place % 2 * 2 + place // 2 % 2


class _Gathering(ProductResults):
    """One nest on its way into gathered rows."""

    def __init__(self, nest: ProductNest, plan: Plan, window: _Window, form: _Form | None = None) -> None:
        super().__init__(nest, {})
        self.plan = plan
        self.window = window
        self.rows = plan["jam", "positions"]
        self.steps = -(-self.count // self.rows)
        self.depth = window.taps * window.channels
        self.padded = max(rounded_up(self.depth, LANES), LEAST_STEPS * LANES)
        self.stride = window.channels if window.taps > 1 else rounded_up(window.channels, LANES)
        self.in_words = window.channels > LANES and self.stride % LANES == 0
        self.form = form or _Form()
        self.size = self.outputs // window.groups
        """The outputs of a group."""

    @property
    def weights_lie_as_rows(self) -> bool:
        if not self.nest.has_plain_weights:
            return False
        output = loop.induction_variable(self.nest.outputs[0])
        row = ProductRow(self, self.nest.w.tensor, [], self.nest.w, {output: write.index_of(output)}, None, [[] for _ in self.nest.folds])
        return row.starts_at(output, self.depth)

    def run(self, context: PassContext) -> None:
        folded = self.stride == self.window.channels and fold_zero_point(self.nest, context)
        self.x = attrs.evolve(self.nest.x, shift=0) if folded else self.nest.x
        self.padding = self.nest.x.shift if folded else 0
        made = write.for_each(self.before, [write.constant_index(self.steps)], "t")
        self.plan.mark(made)
        self.before = Builder.before(made)
        inner, step = write.inside(made)
        steps, indices, group = [made], [step], write.constant_index(0)
        if self.form.has_groups:
            steps.append(write.for_each(inner, [write.constant_index(self.window.groups)], "g"))
            inner, group = write.inside(steps[-1])
            indices.append(group)
        row, term = AffineDimension(len(steps)), AffineDimension(len(steps) + 1)
        properties = {
            "fold": DenseArray([1] * len(steps) + [0, 0], I64),
            "layout": AffineMap(len(steps) + 2, 0, [term // LANES, term % 2, row, term // 2 % 2] if self.in_words else [row, term]),
            "alignment": IntegerAttribute(4, INDEX),
        }
        shape = (*(extent_of(each) for each in steps), self.rows, self.padded)
        self.xs = self.before.create("loop.tensor", [], [TensorType(shape, I16)], properties).result
        self.xs.name = "x_rows"
        self.step = indices
        self.y = self.flat_result()
        self._gather(inner, step, group)
        outputs = write.for_each(inner, [write.constant_index(self.size)], loop.induction_variable(self.nest.outputs[0]).name or "o")
        inner, output = write.inside(outputs)
        if self.form.has_groups:
            output = write.combined(AffineDimension(0) * self.size + AffineDimension(1), [group, output])
        self._sums(inner, step, output)
        self.replace_result(made)
        context.ledger.add(scratch_obligation(self.xs, steps, ", ".join(self.nest.root.location.names) or "a sum of products"))
        self.nest.root.erase()

    def _position(self, step: Index, row: Index) -> Index:
        return write.combined(AffineDimension(0) * self.rows + AffineDimension(1), [step, row])

    # -- the rows

    def _gather(self, builder: Builder, step: Index, group: Index) -> None:
        window = self.window
        at, row = write.inside(write.for_each(builder, [write.constant_index(self.rows)], "r"))
        position = self._position(step, row)
        inner, i = write.inside(write.for_each(at, [write.constant_index(window.rows.terms)], "i"))
        inner, j = write.inside(write.for_each(inner, [write.constant_index(window.columns.terms)], "j"))
        length = self.form.line(window)
        line = AffineDimension(0) // length, AffineDimension(0) % length
        places: list[Index] = []
        for axis, expression, tap in ((window.rows, line[0], i), (window.columns, line[1], j)):
            place = expression * axis.stride + AffineDimension(1) * axis.dilation - axis.before
            places.append(write.combined(place, [position, tap]))
        conditions = [c for place, size in zip(places, window.shape, strict=False) for c in (place, write.combined(size - 1 - AffineDimension(0), [place]))]
        _, there, beyond = write.branch(inner, conditions, ())
        first = write.combined((AffineDimension(0) * window.columns.terms + AffineDimension(1)) * self.stride, [i, j])
        places.append(write.combined(AffineDimension(0) * window.channels, [group]))
        if self.in_words:
            self._copy(there, places, self.stride - LANES * self.form.has_rest, row, first)
            if self.form.has_rest:
                self._copy_rest(there, places, row, first)
            self._fill(beyond, row, first, self.padding, 0, self.stride)
        else:
            self._copy(there, places, window.channels, row, first)
            self._fill(beyond, row, first, self.padding, 0, window.channels)
            self._fill(at, row, write.constant_index(0), 0, self.depth, self.padded)
        there.create("loop.yield")
        beyond.create("loop.yield")

    def _element(self, builder: Builder, places: Sequence[Index], channel: Index) -> Value:
        """The element of x at a channel of the group."""
        x = self.flat_tensor(self.nest.x.tensor, self.window.shape)
        return widened(builder, write.read(builder, x, [*places[:-1], write.added(places[-1], channel)]), self.x)

    def _define(self, builder: Builder, element: Value, row: Index, term: Index) -> None:
        write.define(builder, element, self.xs, [*self.step, row, term])

    def _copy(self, builder: Builder, places: Sequence[Index], count: int, row: Index, first: Index) -> None:
        """The first channels of a tap."""
        inner, k = write.inside(write.for_each(builder, [write.constant_index(count)], "k"))
        self._define(inner, self._element(inner, places, k), row, write.added(first, k))

    def _copy_rest(self, builder: Builder, places: Sequence[Index], row: Index, first: Index) -> None:
        """The channels of a tap's last word, and zeros where there are no more."""
        last, k = write.inside(write.for_each(builder, [write.constant_index(LANES)], "k"))
        channel = write.combined(AffineDimension(0) + self.stride - LANES, [k])
        term = write.added(first, channel)
        _, inner, zeros = write.branch(last, [write.combined(self.window.channels - 1 - AffineDimension(0), [channel])], ())
        self._define(inner, self._element(inner, places, channel), row, term)
        self._define(zeros, write.literal(zeros, 0, I16), row, term)
        inner.create("loop.yield")
        zeros.create("loop.yield")

    def _fill(self, builder: Builder, row: Index, first: Index, value: int, start: int, end: int) -> None:
        inner, k = write.inside(write.for_each(builder, [write.constant_index(end)], "k", start=start))
        self._define(inner, write.literal(inner, value, I16), row, write.added(first, k))

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
        total = self._inner_loop(builder, rows, output, initial)
        for number, (position, values, result) in enumerate(zip(positions, row_values, total.results, strict=True)):
            conditions = [write.combined(self.count - 1 - AffineDimension(0), [position])] if number else []
            self.finish(builder, after, {**values, self.nest.sum.result: result}, {**known, **self.known(position)}, position, conditions)

    def _inner_loop(self, builder: Builder, rows: Sequence[Index], output: Index, initial: Sequence[Value]) -> Operation:
        weights = self.extended(self.nest.w.tensor, [(self.outputs - 1) * self.depth + self.padded]) if self.in_words else self._turned()
        distance = self.depth if self.in_words else self.padded

        def of_position(row: Index, at: Builder, term: Index) -> Value:
            place = term if self.in_words else write.combined(_turned(AffineDimension(0)), [term])
            return write.read(at, self.xs, [*self.step, row, place])

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
