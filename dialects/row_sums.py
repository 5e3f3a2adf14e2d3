"""A sum over rows, cut between the rows: the sums so far become a tensor that has one row more than are summed up.

    loop.for %o {                                                loop.for %o { define %zero, %s[0, %o] }
      %a = loop.for %p = 0 to 8 iter(%acc = %zero) { ... }  =>   loop.for %p = 0 to 8 { loop.for %o { %acc = read %s[%p, %o] ... define %s[%p + 1, %o] } }
      define f(%a), %y[%o] }                                     loop.for %o { %a = read %s[8, %o]  define f(%a), %y[%o] }

Terms are added in the same order as before.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.row_nests import RowNest
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap
from tinyir.ir.attributes import DenseArray
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I64, TensorType


@attrs.frozen(eq=False)
class CarriedSums:
    """The loop over the rows that are added, the tensor of the sums so far (row p: of the rows before p), and what is made of all."""

    rows: Operation
    sums: Value
    end: Operation


def carry_sums(nest: RowNest, steps: Operation) -> CarriedSums:
    """Cuts the nest: its start goes before `steps`, its end after it; the loop over the rows is left before `steps`."""
    return _Cut(nest, steps).run()


class _Cut:
    def __init__(self, nest: RowNest, steps: Operation) -> None:
        self.nest = nest
        self.sum = nest.carrier
        self.around = [above for above in reversed(list(self.sum.ancestors())) if above.name == "loop.for"]
        self.body = self.around[-1].body
        self.before, self.after = Builder.before(steps), Builder.after(steps)
        self.before.location = self.after.location = nest.root.location
        extents = [_extent(each) for each in self.around]
        type = TensorType([nest.rows + 1, *extents], self.sum.results[0].type)
        fold = DenseArray([1, *(0 for _ in extents)], I64)
        self.sums = self.before.create("loop.tensor", [], [type], {"fold": fold}).result
        self.sums.name = f"{nest.tensor.name}_sums" if nest.tensor.name else "sums"

    def run(self) -> CarriedSums:
        operations = list(self.body)
        position = operations.index(self.sum)
        leading, trailing = operations[:position], operations[position + 1 : -1]
        self._start(leading)
        rows = self._rows(leading)
        end = self._end(leading, trailing)
        self.nest.root.erase()
        return CarriedSums(rows, self.sums, end)

    def _start(self, leading: Sequence[Operation]) -> None:
        builder, values, indices = self._elements(self.before)
        initial = loop.initial_values(self.sum)[0]
        _copy(leading, [initial], builder, values)
        self._define(builder, values.get(initial, initial), AffineConstant(0), indices)
        _close(builder, len(indices))

    def _rows(self, leading: Sequence[Operation]) -> Operation:
        bounds = AffineMap.constant(0), AffineMap.constant(self.nest.rows)
        rows = loop.create_for(self.before, (bounds[0], ()), (bounds[1], ()), label=loop.induction_variable(self.sum).name)
        builder, values, indices = self._elements(Builder.at_end(rows.body, self.sum.location))
        row = values[loop.induction_variable(self.sum)] = loop.induction_variable(rows)
        inside = [operand for operation in self.sum.walk() for operand in operation.operands]
        _copy(leading, inside, builder, values)
        values[self.sum.body.arguments[1]] = self._read(builder, AffineDimension(0), [row, *indices])
        for operation in list(self.sum.body)[:-1]:
            builder.insert(operation.clone(values))
        (total,) = self.sum.body.terminator.operands
        self._define(builder, values.get(total, total), AffineDimension(0) + 1, [row, *indices])
        _close(builder, len(indices) + 1)
        return rows

    def _end(self, leading: Sequence[Operation], trailing: Sequence[Operation]) -> Operation:
        builder, values, indices = self._elements(self.after)
        _copy(leading, [operand for operation in trailing for operand in operation.operands], builder, values)
        values[self.sum.results[0]] = self._read(builder, AffineConstant(self.nest.rows), indices)
        for operation in trailing:
            builder.insert(operation.clone(values))
        return _close(builder, len(indices))

    # -- parts

    def _elements(self, builder: Builder) -> tuple[Builder, dict[Value, Value], list[Value]]:
        """The loops over the elements of a row of sums again; their indices instead of the old ones."""
        values: dict[Value, Value] = {}
        indices: list[Value] = []
        for each in self.around:
            bounds = (loop.lower_map(each), ()), (loop.upper_map(each), ())
            made = loop.create_for(builder, *bounds, parallel=True, label=loop.induction_variable(each).name)
            indices.append(loop.induction_variable(made))
            values[loop.induction_variable(each)] = indices[-1]
            builder = Builder.at_end(made.body, self.nest.root.location)
        return builder, values, indices

    def _map(self, row: AffineExpression, indices: Sequence[Value]) -> AffineMap:
        """Row and elements; the row is an index of its own, or a constant."""
        leading = len(indices) - len(self.around)
        return AffineMap(len(indices), 0, [row, *(AffineDimension(leading + number) for number in range(len(self.around)))])

    def _read(self, builder: Builder, row: AffineExpression, indices: Sequence[Value]) -> Value:
        return loop.create_read(builder, self.sums, self._map(row, indices), indices)

    def _define(self, builder: Builder, value: Value, row: AffineExpression, indices: Sequence[Value]) -> None:
        loop.create_define(builder, value, self.sums, self._map(row, indices), indices)


def _extent(each: Operation) -> int:
    bounds = loop.constant_bounds(each)
    assert bounds is not None
    return bounds[1]


def _copy(operations: Sequence[Operation], wanted: Sequence[Value], builder: Builder, values: dict[Value, Value]) -> None:
    """Copies those of the operations on which the wanted values depend."""
    needed = set(wanted)
    chosen: list[Operation] = []
    for operation in reversed(operations):
        if any(result in needed for result in operation.results):
            chosen.append(operation)
            needed.update(operation.operands)
    for operation in reversed(chosen):
        builder.insert(operation.clone(values))


def _close(builder: Builder, loops: int) -> Operation:
    """Ends the bodies of so many loops, innermost first; the outermost of them."""
    block, outermost = builder.block, None
    for _ in range(loops):
        Builder.at_end(block, builder.location).create("loop.yield")
        outermost = block.parent_operation
        assert outermost is not None
        assert outermost.parent is not None
        block = outermost.parent
    assert outermost is not None
    return outermost
