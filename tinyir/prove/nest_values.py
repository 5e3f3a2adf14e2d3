"""The values that loop nests give to elements of tensors, for all iterations of their loops at once.

Each loop is an axis.  A loop that carries a value which every iteration adds to becomes a sum over its axis; another one is a node
that is compared as it stands.  Tensors of the nest's own (rows that are staged, weights that are widened) are tables of terms,
filled as their definitions are met; reading them gives the terms that they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineExpression
from tinyir.prove import nest_program as program
from tinyir.prove.grids import Axes, Grid, Integers, as_grid, combined, everywhere, joined
from tinyir.prove.terms import (
    PLACEHOLDER,
    SUMS_BITS,
    Elements,
    Node,
    Term,
    UndecidedError,
    Value,
    added,
    changed,
    masked,
    multiplied,
    placeholder,
    summed,
)

Environment = dict[int, Value | Grid]
Masks = tuple[Grid, ...]
MOST_PLACES = 1 << 26
"""Iterations of one nest that are looked at together."""
MOST_FACTORS = 3
"""Terms of the factors of a product that is taken apart."""
PENDING = "pending"
"""The name of nodes for elements of tables that nothing has defined yet."""
SPARSE = 2
"""Iterations of loops whose bounds move are listed if fewer than one in so many of the box around them exist."""


class Axis:
    """Gives out axes, with their extents, and placeholders."""

    def __init__(self) -> None:
        self.extents: dict[int, int] = {}
        self.placeholders = 0

    def new(self, extent: int) -> int:
        axis = len(self.extents)
        self.extents[axis] = extent
        return axis


@attrs.frozen(eq=False)
class Recurrence:
    """Elements of a table that are an earlier one and something more: `rows` along an axis are the indices of one dimension at which they
    are defined, each from the one before it; `others`: of each other dimension the axis along which its index runs, where it begins and
    its step (0: it stays there).
    """

    dimension: int
    rows: Grid
    growth: Value
    others: Mapping[int, tuple[int, int, int]]


class Table:
    """What is known of the elements of one tensor of a nest's own: for each a number, and products of a number and an element of another tensor."""

    def __init__(self, count: int) -> None:
        self.numbers: Integers = numpy.zeros(count, numpy.int64)
        self.slots: list[tuple[Integers, Integers]] = []
        self.bounds: list[tuple[int, int]] = []
        self.defined: NDArray[numpy.bool_] = numpy.zeros(count, bool)
        self.fits = True
        self.recurrences: list[Recurrence] = []
        self._uniform: dict[int, int | None] = {}

    def fill(self, places: Integers, numbers: Any, terms: Sequence[tuple[Any, Any, tuple[int, int]]]) -> None:
        """Defines elements; what was defined must be defined as it was."""
        self._uniform.clear()
        again = self.defined[places]
        if again.any() and not self._holds(places, again, numbers, terms):
            raise UndecidedError("an element is defined again by another value")
        while len(self.slots) < len(terms):
            self.slots.append((numpy.zeros(self.numbers.size, numpy.int64), numpy.zeros(self.numbers.size, numpy.int64)))
            self.bounds.append((0, 0))
        self.numbers[places] = numbers
        self.defined[places] = True
        for slot, (elements, factors, bounds) in enumerate(terms):
            self.slots[slot][0][places] = elements
            self.slots[slot][1][places] = factors
            old = self.bounds[slot]
            self.bounds[slot] = (min(bounds[0], old[0]), max(bounds[1], old[1]))

    def _holds(self, places: Integers, again: NDArray[numpy.bool_], numbers: Any, terms: Sequence[tuple[Any, Any, tuple[int, int]]]) -> bool:
        def equal(mine: Integers, given: Any) -> bool:
            return bool((mine[places][again] == numpy.broadcast_to(given, places.shape)[again]).all())

        if len(terms) > len(self.slots) or not equal(self.numbers, numbers):
            return False
        given = [*terms, *((None, 0, (0, 0)) for _ in range(len(self.slots) - len(terms)))]
        return all(equal(factors, f) and (e is None or equal(elements, e)) for (elements, factors), (e, f, _) in zip(self.slots, given, strict=True))

    def uniform(self, slot: int) -> int | None:
        """The factor that all elements have (slot -1: the number)."""
        if slot not in self._uniform:
            data = self.slots[slot][1] if slot >= 0 else self.numbers
            self._uniform[slot] = int(data[0]) if data.size and (data == data[0]).all() else None
        return self._uniform[slot]


Defined = Callable[[program.Define, Value, list[Grid], Masks], None]


class Evaluation:
    """Runs a program on all iterations at once; `defined` is called for each definition of an element of a tensor that is not the nest's own."""

    def __init__(self, tensors: Sequence[program.Tensor], offsets: Mapping[int, int], axes: Axis, own: Mapping[int, Table], defined: Defined) -> None:
        self.tensors = tensors
        self.offsets = offsets
        self.axes = axes
        self.tables = own
        self.defined = defined

    def run(self, steps: Sequence[program.Step], values: Environment, masks: Masks) -> None:
        for step in steps:
            match step:
                case program.Constant():
                    values[step.result] = self._constant(step)
                case program.Compute():
                    operands = [self._value(values, operand) for operand in step.operands]
                    values[step.result] = self.computed(step, operands)
                case program.Index():
                    values[step.result] = as_grid(step.expression.evaluate(self._indices(values, step.operands)))
                case program.Read():
                    values[step.result] = self._read(step, values, masks)
                case program.Define():
                    self._define(step, values, masks)
                case program.Branch():
                    self._branch(step, values, masks)
                case program.Loop():
                    self._loop(step, values, masks)

    # -- scalars

    def _constant(self, step: program.Constant) -> Value:
        if isinstance(step.value, int):
            return Value.number(Grid.number(step.value), step.bits)
        return Value.unknown(Node("constant", step.value, 0), 0)

    def _value(self, values: Environment, number: int) -> Value:
        found = values[number]
        return Value.number(found, 64) if isinstance(found, Grid) else found

    def _indices(self, values: Environment, numbers: Sequence[int]) -> Any:
        """The values of indices."""
        found = []
        for number in numbers:
            value = values[number]
            grid = value if isinstance(value, Grid) else value.constant
            if grid is None:
                raise UndecidedError("an index is computed from data")
            found.append(grid)
        return found

    def computed(self, step: program.Compute, operands: list[Value]) -> Value:
        """The result of an operation: terms where it is one on terms, else a node."""
        extents, bits = self.axes.extents, step.bits
        constants = [operand.constant for operand in operands]
        if bits:
            match step.name:
                case "arith.addi" | "arith.subi":
                    return added(operands[0], operands[1], 1 if step.name == "arith.addi" else -1)
                case "arith.muli" if constants.count(None) < 2 or _may_be_multiplied(operands):
                    return multiplied(operands[0], operands[1], extents)
                case "arith.extsi" if self._is_widened(operands[0]):
                    return attrs.evolve(operands[0], bits=bits, fits=True)
                case "arith.trunci" if constants[0] is not None:
                    return Value.number(constants[0], bits)
                case "arith.trunci":
                    linear = all(t.is_linear and not t.sums for t in operands[0].terms)
                    return attrs.evolve(operands[0], bits=bits, fits=linear and operands[0].fits_in(bits, extents))
                case "arith.shli" if constants[1] is not None and (shift := constants[1].scalar) is not None and 0 <= shift < min(bits, 62):
                    return multiplied(operands[0], Value.number(Grid.number(1 << shift), bits + 1), extents)
                case "arith.shrsi" if constants[0] is not None and constants[1] is not None:
                    return Value.number(combined(numpy.right_shift, constants[0], constants[1]), bits)
                case "arith.shrsi" if constants[1] is not None and (shift := constants[1].scalar) is not None and 0 < shift < bits:
                    divided = self._divided(operands[0], shift)
                    if divided is not None:
                        return divided
                case "arith.index_cast" if constants[0] is not None:
                    return Value.number(constants[0], bits)
        free = frozenset().union(*(operand.placeholders for operand in operands))
        return Value.unknown(Node(step.name, step.details, bits, tuple(operands), placeholders=free), bits)

    def _is_widened(self, operand: Value) -> bool:
        """Whether a value of more bits has the same terms."""
        if operand.constant is not None:
            return True
        if operand.bits >= SUMS_BITS:
            return False
        linear = all(term.is_linear and not term.sums for term in operand.terms)
        return linear and operand.fits_in(operand.bits, self.axes.extents)

    def _divided(self, value: Value, shift: int) -> Value | None:
        """The value divided by a power of two, if that divides every factor and number and nothing was wrapped before."""
        if not value.terms or value.bits != SUMS_BITS or not all(term.is_linear and len(term.unknowns) < 2 for term in value.terms):
            return None
        from_columns = one_row(value, self.axes.extents)
        if from_columns is None:
            return None
        elements, factors, number, bounds, outputs = from_columns
        divisor = 1 << shift
        if (factors % divisor).any() or (number % divisor).any():
            return None
        ends = factors * bounds[0], factors * bounds[1]
        low, high = (which(*ends).sum(1) + number for which in (numpy.minimum, numpy.maximum))
        turns = ((low + high) // 2 + (1 << value.bits - 1)) >> value.bits << value.bits  # numbers are known up to multiples of this
        if ((low - turns) < -(1 << value.bits - 1)).any() or ((high - turns) >= 1 << value.bits - 1).any():
            return None
        extents = [self.axes.extents[axis] for axis in outputs]
        axis = self.axes.new(len(elements))
        own = Grid((*outputs, axis), (factors // divisor).reshape(*extents, len(elements)))
        rest = Grid(outputs, ((number - turns) // divisor).reshape(extents))
        unknown = Elements(Grid.along(axis, elements), bounds)
        return Value(value.bits, (Term((unknown,), (own,), frozenset({axis})), Term((), (rest,))))

    # -- elements

    def _flat(self, shape: Sequence[int], indices: Sequence[Grid]) -> Grid:
        """The number of an element, row by row; what lies outside (no mask holds there) is taken for what is inside."""
        flat = Grid.number(0)
        for index, extent in zip(indices, shape, strict=True):
            flat = flat * extent + index if flat.axes or int(flat.data) else index + 0
        count = prod(shape)
        if flat.data.size and (int(flat.data.min()) < 0 or int(flat.data.max()) >= count):
            return Grid(flat.axes, numpy.clip(flat.data, 0, max(count - 1, 0)))
        return flat

    def _at(self, expressions: Sequence[AffineExpression], values: Environment, operands: Sequence[int]) -> list[Grid]:
        indices = self._indices(values, operands)
        return [as_grid(expression.evaluate(indices)) for expression in expressions]

    def _read(self, step: program.Read, values: Environment, masks: Masks) -> Value:
        tensor = self.tensors[step.tensor]
        if any(isinstance(v := values[o], Value) and v.constant is None for o in step.operands):
            if step.tensor in self.tables:
                raise UndecidedError("a table is read at an index computed from data")
            operands = tuple(self._value(values, operand) for operand in step.operands)
            free = frozenset().union(*(operand.placeholders for operand in operands))
            details = f"{step.tensor} {step.shape} {[str(e) for e in step.indices]}"
            return Value.unknown(Node("read", details, tensor.bits, operands, placeholders=free), tensor.bits)
        flat = self._flat(step.shape, self._at(step.indices, values, step.operands))
        if tensor.elements is not None:
            return Value.number(Grid(flat.axes, tensor.elements[flat.data].astype(numpy.int64)), tensor.bits)
        if step.tensor in self.tables:
            return self._own(step, values, flat, masks)
        bounds = (-(1 << tensor.bits - 1), (1 << tensor.bits - 1) - 1) if tensor.bits else (0, 0)
        return Value.unknown(Elements(flat + self.offsets[step.tensor], bounds), tensor.bits)

    def _own(self, step: program.Read, values: Environment, flat: Grid, masks: Masks) -> Value:
        """An element of a table; one that is still to come is a node, for what is defined from it."""
        table, tensor = self.tables[step.tensor], self.tensors[step.tensor]
        mask = everywhere(masks)
        if table.defined.all():
            return self._looked_up(table, flat, tensor.bits, mask)
        known = Grid(flat.axes, table.defined[flat.data])
        missing = known.inverted() if mask is None else known.inverted() & mask
        if not missing.data.any():
            return self._looked_up(table, flat, tensor.bits, mask)
        indices = self._at(step.indices, values, step.operands)
        if table.recurrences and indices[table.recurrences[0].dimension].scalar is not None:  # else others are to follow
            return self._recurred(table, step.shape, indices, tensor.bits)
        operands = tuple(Value.number(index, 64) for index in indices)
        return Value.unknown(Node(PENDING, f"{step.tensor} {step.shape}", tensor.bits, operands), tensor.bits)

    def _recurred(self, table: Table, shape: Sequence[int], indices: Sequence[Grid], bits: int) -> Value:
        """The last of elements that each follow from the one before: the first one and all that is added."""
        (dimension,) = {each.dimension for each in table.recurrences}
        last = indices[dimension].scalar
        flat = self._flat(shape, [Grid.number(0) if d == dimension else index for d, index in enumerate(indices)])
        if last is None or not table.defined[flat.data].all():
            raise UndecidedError("an element is read that nothing defines before")
        value = self._looked_up(table, flat, bits, None)
        known = Grid.number(0)
        for each in table.recurrences:
            here, growth = self._grown(each, last, indices)
            known = known + _truth(here)
            value = added(value, growth if here.data.all() else masked(growth, here))
        if (known.data != 1).any():
            raise UndecidedError("an element follows from several others, or from none")
        return value

    def _grown(self, recurrence: Recurrence, last: int, indices: Sequence[Grid]) -> tuple[Grid, Value]:
        """What is added up to a row, and at which indices."""
        (axis,), rows = recurrence.rows.axes, recurrence.rows.data
        if sorted(rows[rows <= last]) != list(range(1, last + 1)):
            raise UndecidedError("an element is read that nothing defines before")
        here, moved = Grid((), numpy.array(True)), dict[int, Grid]()
        for d, (along, start, step) in recurrence.others.items():
            distance = indices[d] - start
            here = here & (distance % step).equals(0) if step else here & distance.equals(0)
            if step:
                extent = self.axes.extents[along]
                place = distance // step
                here = here & (place >= 0) & (place < extent)
                moved[along] = Grid(place.axes, numpy.clip(place.data, 0, extent - 1))
        growth = changed(recurrence.growth, lambda grid: grid.taken(moved))
        mask = None if (rows <= last).all() else Grid((axis,), rows <= last)
        return here, summed(growth, axis, mask, self.axes.extents)

    def _recurs(self, step: program.Define, value: Value, indices: list[Grid], masks: Masks) -> Recurrence | None:
        """How an element follows from one of the same tensor that is still to come."""
        pending = [t for t in value.terms if any(isinstance(u, Node) and u.name == PENDING for u in t.unknowns)]
        if len(pending) != 1 or everywhere(masks) is not None or pending[0].factors or pending[0].sums or len(pending[0].unknowns) != 1:
            return None
        (node,) = pending[0].unknowns
        assert isinstance(node, Node)
        if node.details != f"{step.tensor} {step.shape}":
            return None
        others: dict[int, tuple[int, int, int]] = {}
        dimension: int | None = None
        for d, (index, before) in enumerate(zip(indices, node.operands, strict=True)):
            old = before.constant
            distance = (index - old).data if old is not None else numpy.array([0, 1])
            if (distance == 1).all() and dimension is None and len(index.axes) == 1:
                dimension = d
            elif (distance == 0).all() and (place := _progression(index)) is not None:
                others[d] = place
            else:
                return None
        axes = [axis for axis, _, step in others.values() if step]
        if dimension is None or len({*axes, *indices[dimension].axes}) != len(axes) + 1:
            return None
        growth = attrs.evolve(value, terms=tuple(t for t in value.terms if t is not pending[0]), fits=False)
        return Recurrence(dimension, indices[dimension], growth, others)

    def _looked_up(self, table: Table, flat: Grid, bits: int, mask: Grid | None) -> Value:
        """What a table holds; terms that are zero wherever the mask holds are left out, as they are where no loop has them."""
        terms = []
        for slot, (elements, factors) in enumerate(table.slots):
            uniform = table.uniform(slot)
            if uniform != 0:
                factor = Grid.number(uniform) if uniform is not None else Grid(flat.axes, factors[flat.data])
                if uniform is None and not _is_somewhere(factor, mask):
                    continue
                terms.append(Term((Elements(Grid(flat.axes, elements[flat.data]), table.bounds[slot]),), () if uniform == 1 else (factor,)))
        uniform = table.uniform(-1)
        if uniform != 0 or not terms:
            number = Grid.number(uniform) if uniform is not None else Grid(flat.axes, table.numbers[flat.data])
            terms.append(Term((), (number,)))
        return Value(bits, tuple(terms), table.fits)

    def _define(self, step: program.Define, values: Environment, masks: Masks) -> None:
        indices = self._at(step.indices, values, step.operands)
        value = self._value(values, step.value)
        if step.tensor not in self.tables:
            self.defined(step, value, indices, masks)
            return
        recurrence = self._recurs(step, value, indices, masks)
        if recurrence is not None and all(each.dimension == recurrence.dimension for each in self.tables[step.tensor].recurrences):
            self.tables[step.tensor].recurrences.append(recurrence)
            return
        if any(term.sums or len(term.unknowns) > 1 or not term.is_linear for term in value.terms):
            raise UndecidedError(f"'{self.tensors[step.tensor].name}' holds more than single elements")
        flat, mask = self._flat(step.shape, indices), everywhere(masks)
        grids = [flat] if mask is None else [flat, mask]
        parts = []
        number = Grid.number(0)
        for term in value.terms:
            factor = Grid.number(1)
            for each in term.factors:
                factor = factor * each
            if term.is_number:
                number = number + factor
            else:
                (unknown,) = term.unknowns
                assert isinstance(unknown, Elements)
                parts.append((unknown.numbers, factor, unknown.bounds))
                grids += [unknown.numbers, factor]
        axes = joined(grid.axes for grid in (*grids, number))
        self._check_size(axes)
        extents = self.axes.extents
        chosen = mask.spread(axes, extents) if mask is not None else None

        def spread(grid: Grid) -> Any:
            if not grid.axes:
                return grid.data
            whole = grid.spread(axes, extents)
            return whole[chosen] if chosen is not None else whole.reshape(-1)

        places = flat.spread(axes, extents)
        places = places[chosen] if chosen is not None else places.reshape(-1)
        table = self.tables[step.tensor]
        table.fits = table.fits and value.fits_in(value.bits, extents)
        table.fill(places, spread(number), [(spread(elements), spread(factor), bounds) for elements, factor, bounds in parts])

    def _check_size(self, axes: Axes) -> None:
        places = prod(self.axes.extents[axis] for axis in axes)
        if places > MOST_PLACES:
            raise UndecidedError(f"{places} iterations are more than {MOST_PLACES}")

    # -- control

    def holds(self, step: program.Branch, values: Environment) -> Grid:
        """Where the first body is taken."""
        indices = self._indices(values, step.operands)
        found: Grid | None = None
        for expression, equal in step.constraints:
            value = as_grid(expression.evaluate(indices))
            met = value.equals(0) if equal else value >= 0
            found = met if found is None else found & met
        return found if found is not None else Grid((), numpy.array(True))

    def _branch(self, step: program.Branch, values: Environment, masks: Masks) -> None:
        mask = self.holds(step, values)
        sides = []
        for number, side in enumerate((mask, mask.inverted())):
            if side.data.any():
                inside = masks if side.data.all() else (*masks, side)
                self.run(step.bodies[number], values, inside)
                sides.append((side, [self._value(values, each) for each in step.gives[number]]))
        for place, result in enumerate(step.results):
            if len(sides) == 1:
                values[result] = sides[0][1][place]
                continue
            (first, some), (second, others) = sides
            a, b = some[place], others[place]
            if not a.bits:
                operands = (Value.number(_truth(first), 64), a, b)
                values[result] = Value.unknown(Node("where", "", 0, operands, placeholders=a.placeholders | b.placeholders), 0)
            elif a.constant is not None and b.constant is not None:
                values[result] = Value.number(a.constant * _truth(first) + b.constant * _truth(second), a.bits)
            else:
                values[result] = attrs.evolve(added(masked(a, first), masked(b, second)), fits=a.fits and b.fits)

    def _loop(self, step: program.Loop, values: Environment, masks: Masks) -> None:
        low = _extreme([as_grid(e.evaluate(self._indices(values, step.lower_operands))) for e in step.lower], numpy.maximum)
        high = _extreme([as_grid(e.evaluate(self._indices(values, step.upper_operands))) for e in step.upper], numpy.minimum)
        if low.scalar is not None and high.scalar is not None:
            index: Grid = Grid.along(-1, numpy.arange(low.scalar, high.scalar, step.step))
            mask = None
            count = index.data.size
        else:
            least, most = int(low.data.min()), int(high.data.max())
            count = max(-(-(most - least) // step.step), 0)
            index = Grid.along(-1, numpy.arange(least, least + count * step.step, step.step))
            mask = None
        if count == 0:
            values.update({result: values[first] for result, first in zip(step.results, step.initial, strict=True)})
            return
        axis = self.axes.new(count)
        index = Grid.along(axis, index.data)
        if low.axes or high.axes:
            if step.step > 1 and low.axes:
                index = low + Grid.along(axis, numpy.arange(count)) * step.step
            mask = (index >= low) & (index < high)
            mask = None if mask.data.all() else mask
        if mask is not None and not _is_somewhere(mask, everywhere(masks)):
            values.update({result: values[first] for result, first in zip(step.results, step.initial, strict=True)})
            return
        if step.results:
            self._fold(step, axis, index, (low, high), mask, values, masks)
            return
        if mask is not None and int(mask.data.sum()) * SPARSE < mask.data.size:
            self._listed(step, index, mask, values, masks)
            return
        values[step.variable] = index
        self.run(step.body, values, masks if mask is None else (*masks, mask))

    def _listed(self, step: program.Loop, index: Grid, mask: Grid, values: Environment, masks: Masks) -> None:
        """The iterations that there are of a loop and of those that move its bounds, as one axis."""
        places = numpy.nonzero(mask.data)
        if not places[0].size:
            return
        axis = self.axes.new(places[0].size)
        moved = {old: Grid.along(axis, place) for old, place in zip(mask.axes, places, strict=True)}

        def change(grid: Grid) -> Grid:
            return grid.taken(moved)

        inside: Environment = {n: change(v) if isinstance(v, Grid) else changed(v, change) for n, v in values.items()}
        inside[step.variable] = change(index)
        self.run(step.body, inside, tuple(change(each) for each in masks))

    def _fold(self, step: program.Loop, axis: int, index: Grid, bounds: tuple[Grid, Grid], mask: Grid | None, values: Environment, masks: Masks) -> None:
        initial = [self._value(values, each) for each in step.initial]
        numbers = list(range(self.axes.placeholders, self.axes.placeholders + len(initial)))
        self.axes.placeholders += len(initial)
        values[step.variable] = index
        for carried, number, start in zip(step.carried, numbers, initial, strict=True):
            values[carried] = placeholder(number, start.bits)
        self.run(step.body, values, masks if mask is None else (*masks, mask))
        gives = [self._value(values, each) for each in step.gives]
        for result, number, start, given in zip(step.results, numbers, initial, gives, strict=True):
            growth = _growth(given, number, frozenset(numbers))
            if growth is not None:
                values[result] = added(start, summed(growth, axis, mask, self.axes.extents))
            else:
                values[result] = self._folded(step, axis, bounds, number, dict(zip(numbers, zip(initial, gives, strict=True), strict=True)))

    def _folded(self, step: program.Loop, axis: int, bounds: tuple[Grid, Grid], number: int, carried: Mapping[int, tuple[Value, Value]]) -> Value:
        """A node for what a loop carries, with those others that it depends on."""
        group = [number]
        for each in group:
            group += [other for other in sorted(carried[each][1].placeholders & carried.keys()) if other not in group]
        limits = [Value.number(bound, 64) for bound in bounds]
        operands = (*limits, *(carried[each][0] for each in group), *(carried[each][1] for each in group))
        free = frozenset().union(*(operand.placeholders for operand in operands)) - frozenset(group)
        details = f"{len(group)} by {step.step}{' in reverse' * step.is_reverse}"
        bits = carried[number][0].bits
        return Value.unknown(Node("fold", details, bits, operands, axis, tuple(group), free), bits)


def _is_somewhere(grid: Grid, mask: Grid | None) -> bool:
    """Whether it is not zero at some place at which the mask holds."""
    return bool(grid.data.any()) and (mask is None or bool((grid & mask).data.any()))


def _may_be_multiplied(operands: Sequence[Value]) -> bool:
    """Whether the factors are few elements, so that their product is a few terms."""
    return all(len(o.terms) <= MOST_FACTORS and all(t.is_linear and len(t.unknowns) < 2 and not t.sums for t in o.terms) for o in operands)


def _progression(index: Grid) -> tuple[int, int, int] | None:
    """The axis along which an index runs in equal steps, where it begins, and the step."""
    if len(index.axes) > 1:
        return None
    if index.data.size == 1:
        return (-1, int(index.data.reshape(-1)[0]), 0)
    steps = numpy.diff(index.data)
    return (index.axes[0], int(index.data[0]), int(steps[0])) if int(steps[0]) > 0 and (steps == steps[0]).all() else None


def _truth(mask: Grid) -> Grid:
    return Grid(mask.axes, mask.data.astype(numpy.int64))


def _extreme(bounds: Sequence[Grid], which: Callable[[Any, Any], Any]) -> Grid:
    found = bounds[0]
    for bound in bounds[1:]:
        found = combined(which, found, bound)
    return found


def _growth(value: Value, number: int, every: frozenset[int]) -> Value | None:
    """What a value is more than a placeholder, if nothing else in it depends on one of the loop."""
    if not value.bits:
        return None
    own = [term for term in value.terms if _is_placeholder(term, number)]
    rest = attrs.evolve(value, terms=tuple(term for term in value.terms if term not in own), fits=False)
    return rest if len(own) == 1 and not rest.placeholders & every else None


def _is_placeholder(term: Term, number: int) -> bool:
    if len(term.unknowns) != 1 or term.sums or term.factors:
        return False
    (unknown,) = term.unknowns
    return isinstance(unknown, Node) and unknown.name == PLACEHOLDER and unknown.details == str(number)


def one_row(value: Value, extents: Mapping[int, int]) -> tuple[Integers, Integers, Integers, tuple[int, int], Axes] | None:
    """A sum of terms whose elements are the same for all outputs: the elements, a factor of each by output, the number by output; None if it is none."""
    terms = [term for term in value.terms if term.unknowns]
    if not terms:
        return None
    bounds: set[tuple[int, int]] = set()
    for term in terms:
        (unknown,) = term.unknowns
        assert isinstance(unknown, Elements)
        bounds.add(unknown.bounds)
        if not set(unknown.axes) <= term.sums:
            return None
    outputs = value.axes
    size = [extents[axis] for axis in outputs]
    rows = prod(size)
    elements, factors = [], []
    number = numpy.zeros(size, numpy.int64)
    for term in value.terms:
        sums = tuple(sorted(term.sums))
        axes = joined([outputs, sums])
        whole = Grid.number(1)
        for factor in term.factors:
            whole = whole * factor
        data = numpy.moveaxis(whole.spread(axes, extents), [axes.index(axis) for axis in outputs], range(len(outputs))).reshape(rows, -1)
        if not term.unknowns:
            number = number + data.sum(1).reshape(size)
            continue
        (unknown,) = term.unknowns
        assert isinstance(unknown, Elements)
        elements.append(unknown.numbers.spread(sums, extents).reshape(-1))
        factors.append(data)
    names, place = numpy.unique(numpy.concatenate(elements), return_inverse=True)
    every = numpy.concatenate(factors, 1)
    order = numpy.argsort(place, kind="stable")
    starts = numpy.searchsorted(place[order], numpy.arange(len(names)))
    merged = numpy.add.reduceat(every[:, order], starts, axis=1)
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    return names, merged, number.reshape(-1), (low, high), outputs
