"""Whether two values are sums of the same terms, for all iterations of the loops around them at once.

Terms become columns: for each position (the axes with which elements move) an element and a number, for each output (the other
axes) a number.  The columns of both sides are matched once, by the elements at a position where most of them stand, and everything
is then compared column by column.  What does not match so is compared position by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.prove.grids import Axes, Grid, Integers, everywhere, joined, wrapped
from tinyir.prove.terms import Elements, Extents, Node, Term, UndecidedError, Value, changed

MOST_ROUNDS = 64
"""Positions at which columns are matched."""
MOST_ROWS = 1 << 12
"""Positions that are compared one by one."""
MOST_NUMBERS = 1 << 26
NONE = -1
_KEY = 32
"""The bits of an element's number where two are one key."""
Masks = Sequence[Grid]


@attrs.frozen(eq=False)
class Difference:
    """Where (by axis) a term has not the factor that it had; `elements`: those of the term, none for the number beside all terms."""

    place: Mapping[int, int]
    elements: tuple[int, ...]
    before: int
    after: int


class Comparison:
    """Compares values after and before under masks: where none holds, nothing need be equal."""

    def __init__(self, extents: Extents, masks: Masks) -> None:
        self.extents = dict(extents)
        self.masks = [mask for mask in masks if mask.axes or not mask.data]

    def difference(self, after: Value, before: Value) -> Difference | None:
        """The first difference; None: there is none.

        Raises:
            UndecidedError: the values differ in more than factors and elements, or are too great.
        """
        if after.bits != before.bits:
            raise UndecidedError(f"a value of {after.bits} bits was one of {before.bits}")
        nodes, others = ([t for t in value.terms if not t.is_linear] for value in (after, before))
        found = self._nodes(nodes, others, after.bits)
        if found is not None:
            return found
        for degree in (1, 2):
            mine, theirs = ([t for t in value.terms if t.is_linear and len(t.unknowns) == degree] for value in (after, before))
            if mine or theirs:
                found = self._linear(mine, theirs, after.bits)
                if found is not None:
                    return found
        return self._numbers([t for t in after.terms if not t.unknowns], [t for t in before.terms if not t.unknowns], after.bits)

    # -- what a judge of another kind does otherwise

    def judge_sums(self, after: Columns, before: Columns, bits: int) -> Found | None:
        """The first factor that differs."""
        return compared(after, before, bits)

    def judge_numbers(self, after: Grid, before: Grid, mask: Grid | None, bits: int) -> Grid | None:
        """Where numbers differ; None: nowhere."""
        axes = joined((after.axes, before.axes))
        wrong = wrapped(after.over(axes) - before.over(axes), bits) != 0
        if not wrong.any():
            return None
        found = Grid(axes, wrong) if mask is None else Grid(axes, wrong) & mask
        return found if found.data.any() else None

    # -- nodes

    def _nodes(self, after: list[Term], before: list[Term], bits: int) -> Difference | None:
        if len(after) != len(before):
            raise UndecidedError(f"{len(after)} results of other operations where there were {len(before)}")
        if len(after) == 1:
            return self._term(after[0], before[0], bits)
        left = list(before)
        for term in after:
            native = Comparison(self.extents, self.masks)
            match = next((other for other in left if native._is_same(term, other, bits)), None)
            if match is None:
                raise UndecidedError("results of other operations that cannot be told apart")
            left.remove(match)
            self._term(term, match, bits)
        return None

    def _is_same(self, after: Term, before: Term, bits: int) -> bool:
        try:
            return self._term(after, before, bits) is None
        except UndecidedError:
            return False

    def _term(self, after: Term, before: Term, bits: int) -> Difference | None:
        """One term with nodes among its unknowns."""
        if len(after.unknowns) != len(before.unknowns) or len(after.sums) != len(before.sums):
            raise UndecidedError("a term is a product or a sum of another form")
        axes = dict(zip(sorted(before.sums), sorted(after.sums), strict=True))
        if any(self.extents[old] != self.extents[new] for old, new in axes.items()):
            raise UndecidedError("a sum over another number of terms")
        if axes:
            renamed = changed(Value(bits, (before,)), lambda grid: _renamed(grid, axes), axes)
            before = renamed.terms[0]
        for mine, theirs in zip(after.unknowns, before.unknowns, strict=True):
            found = self._unknown(mine, theirs)
            if found is not None:
                return found
        factors = [_whole(term.factors) for term in (after, before)]
        return self._grids(factors[0], factors[1], bits, ())

    def _unknown(self, after: Elements | Node, before: Elements | Node) -> Difference | None:
        if isinstance(after, Elements) and isinstance(before, Elements):
            found = self._grids(after.numbers, before.numbers, 64, ())
            return None if found is None else attrs.evolve(found, elements=(found.after,), before=0, after=1)
        if not isinstance(after, Node) or not isinstance(before, Node):
            raise UndecidedError("an element in place of the result of an operation")
        if after is before:
            return None
        if len(after.binds) != len(before.binds) or (after.axis is None) != (before.axis is None):
            raise UndecidedError(f"'{after.name}' in place of '{before.name}'")
        operands = before.operands
        if after.axis is not None and before.axis is not None:
            if self.extents[after.axis] != self.extents[before.axis]:
                raise UndecidedError("a loop of another length")
            axes, names = {before.axis: after.axis}, dict(zip(before.binds, after.binds, strict=True))
            operands = tuple(changed(operand, lambda grid: _renamed(grid, axes), axes, names) for operand in operands)
        if (after.name, after.details, after.bits, len(after.operands)) != (before.name, before.details, before.bits, len(operands)):
            raise UndecidedError(f"'{after.name} {after.details}' in place of '{before.name} {before.details}'")
        for mine, theirs in zip(after.operands, operands, strict=True):
            found = self.difference(mine, theirs)
            if found is not None:
                return found
        return None

    # -- numbers

    def _grids(self, after: Grid, before: Grid, bits: int, elements: tuple[int, ...]) -> Difference | None:
        found = self.judge_numbers(after, before, everywhere(self.masks), bits)
        if found is None:
            return None
        place = self._first(found)
        return Difference(place, elements, _value_at(before, place), _value_at(after, place))

    def _first(self, where: Grid) -> dict[int, int]:
        indices = numpy.unravel_index(int(numpy.argmax(where.data)), where.data.shape)
        return {axis: int(index) for axis, index in zip(where.axes, indices, strict=True)}

    def _numbers(self, after: Sequence[Term], before: Sequence[Term], bits: int) -> Difference | None:
        mine, theirs = (self._total([term for term in terms if term not in others], bits) for terms, others in ((after, before), (before, after)))
        return self._grids(mine, theirs, bits, ())

    def _total(self, terms: Sequence[Term], bits: int) -> Grid:
        total = Grid.number(0)
        for term in terms:
            total = total + self._contracted(term, bits)
        return total

    def _contracted(self, term: Term, bits: int) -> Grid:
        """The number that a sum of numbers is."""
        if not term.sums:
            return _whole(term.factors)
        sums = tuple(sorted(term.sums))
        first, *others = term.factors or (Grid.number(1),)
        second = _whole(others)
        rows = [tuple(axis for axis in each.axes if axis not in term.sums) for each in (first, second)]
        if set(rows[0]) & set(rows[1]):
            first, second = first * second, Grid.number(1)
            rows = [tuple(axis for axis in first.axes if axis not in term.sums), ()]
        left, right = (_matrix(each, own, sums, self.extents) for each, own in zip((first, second), rows, strict=True))
        greatest = max(1, int(numpy.abs(left).max(initial=0))) * max(1, int(numpy.abs(right).max(initial=0))) * left.shape[1]
        exact = greatest < 1 << 53
        kind: Any = numpy.float64 if exact else numpy.int64
        found = wrapped((left.astype(kind) @ right.astype(kind).T).astype(numpy.int64), bits)
        axes = joined(rows)
        shape = [self.extents[axis] for axis in (*rows[0], *rows[1])]
        order = [(*rows[0], *rows[1]).index(axis) for axis in axes]
        return Grid(axes, found.reshape(shape).transpose(order))

    # -- sums of elements

    def _linear(self, after: Sequence[Term], before: Sequence[Term], bits: int) -> Difference | None:
        terms = (*after, *before)
        positions = joined(tuple(a for u in t.unknowns for a in u.axes if a not in t.sums) for t in terms)
        while True:  # a factor that moves with both makes its axes those of positions
            free = [{axis for axis in factor.axes if axis not in term.sums} for term in terms for factor in term.factors]
            mixed = joined(tuple(axes) for axes in free if axes & set(positions) and axes - set(positions))
            if not set(mixed) - set(positions):
                break
            positions = joined((positions, mixed))
        outputs = joined(tuple(axis for axis in t.axes if axis not in positions) for t in terms)
        rows, columns = self._chosen(positions), self._chosen(outputs)
        if not rows.size or not columns.size:
            return None
        sides = [Columns.of(each, positions, outputs, rows, columns, self.extents) for each in (after, before)]
        found = self.judge_sums(sides[0], sides[1], bits)
        if found is None:
            return None
        row, column, element, old, new = found
        place = {**_unravelled(int(rows[row]), positions, self.extents), **_unravelled(int(columns[column]), outputs, self.extents)}
        elements = (element,) if all(len(t.unknowns) == 1 for t in terms) else (element >> _KEY, element & (1 << _KEY) - 1)
        return Difference(place, elements, old, new)

    def _chosen(self, axes: Axes) -> Integers:
        """The places of some axes at which the masks over them hold."""
        mask = everywhere(mask for mask in self.masks if set(mask.axes) <= set(axes))
        count = prod(self.extents[axis] for axis in axes)
        if mask is None:
            return numpy.arange(count)
        return numpy.flatnonzero(mask.spread(axes, self.extents))


@attrs.frozen(eq=False)
class Columns:
    """Of each position (row) and term the element and a factor; of each output and term another factor.  An element of factor 0 is -1."""

    elements: Integers
    of_rows: Integers
    of_outputs: Integers

    @classmethod
    def of(cls, terms: Sequence[Term], positions: Axes, outputs: Axes, rows: Integers, chosen: Integers, extents: Extents) -> Columns:
        elements, of_rows, of_outputs = [], [], []
        for term in terms:
            sums = tuple(sorted(term.sums))
            names = [_matrix(u.numbers, positions, sums, extents, rows) for u in term.unknowns if isinstance(u, Elements)]
            key = names[0] if len(names) == 1 else (numpy.minimum(*names) << _KEY) | numpy.maximum(*names)
            moving = [factor for factor in term.factors if set(factor.axes) & set(positions)]
            others = [factor for factor in term.factors if not set(factor.axes) & set(positions)]
            elements.append(key)
            of_rows.append(_matrix(_whole(moving), positions, sums, extents, rows))
            of_outputs.append(_matrix(_whole(others), outputs, sums, extents, chosen))
        if not terms:
            return cls(*(numpy.zeros((n, 0), numpy.int64) for n in (len(rows), len(rows), len(chosen))))
        found = [numpy.concatenate(each, 1) if len(each) > 1 else each[0] for each in (elements, of_rows, of_outputs)]
        alive = found[1].any(0) & found[2].any(0)
        if not alive.all():
            found = [each[:, alive] for each in found]
        if not found[1].all():
            found[0] = numpy.where(found[1] == 0, NONE, found[0])
        return cls(*found)

    @property
    def count(self) -> int:
        return int(self.elements.shape[1])

    def row(self, number: int) -> tuple[Integers, Integers]:
        """The elements of a position in their order, and the factor of each by output."""
        names, factors = self.elements[number], self.of_rows[number] * self.of_outputs
        order = numpy.argsort(names, kind="stable")
        sorted_names = names[order]
        starts = numpy.flatnonzero(numpy.concatenate(([True], sorted_names[1:] != sorted_names[:-1]))) if names.size else numpy.zeros(0, numpy.int64)
        if not names.size:
            return names, factors
        return sorted_names[starts], numpy.add.reduceat(factors[:, order], starts, axis=1)


Found = tuple[int, int, int, int, int]
"""Row, column (of outputs), element, factor before, factor after."""


def compared(after: Columns, before: Columns, bits: int) -> Found | None:
    rows, outputs = len(after.elements), len(after.of_outputs)
    if rows == 1:
        return _row_compared(0, after, before, bits)
    suspects: list[int] = []
    order = matched(after, before, suspects)
    if order is not None:
        names, factors, weights = before.elements[:, order], before.of_rows[:, order], before.of_outputs[:, order]
        wrong = (after.elements != names) | (after.of_rows != factors)
        other = wrapped(after.of_outputs - weights, bits) != 0
        if not wrong.any() and not other.any():
            return None
        if wrong.any():
            suspects.append(int(numpy.argmax(wrong.any(1))))
        if other.any():
            suspects.append(int(numpy.argmax(after.elements[:, int(numpy.argmax(other.any(0)))] != NONE)))
    if not suspects or order is None:
        place = _row_that_differs(after, before, bits)
        if place == NONE:
            return None
        suspects = [*suspects, *(() if place is None else (place,))]
    for row in (*suspects, *range(min(rows, MOST_ROWS))):
        found = _row_compared(row, after, before, bits)
        if found is not None:
            return found
    if rows > MOST_ROWS or rows * outputs * max(after.count, before.count) > MOST_NUMBERS:
        raise UndecidedError(f"the terms of {rows} positions are in orders of their own")
    return None


def _row_that_differs(after: Columns, before: Columns, bits: int) -> int | None:
    """The first position at which the terms, in the order of their elements, are others (-1: there is none); None: it cannot be told so."""
    width = max(int((side.elements != NONE).sum(1).max(initial=0)) for side in (after, before))
    rows, outputs = len(after.elements), len(after.of_outputs)
    if width > min(after.count, before.count) or rows * outputs * width > MOST_NUMBERS:
        return None
    sides = []
    for side in (after, before):
        order = numpy.argsort(side.elements, axis=1, kind="stable")[:, side.count - width :]
        names = numpy.take_along_axis(side.elements, order, 1)
        if ((names[:, 1:] == names[:, :-1]) & (names[:, 1:] != NONE)).any():
            return None
        factors = numpy.take_along_axis(side.of_rows, order, 1)
        sides.append((names, [factors * weights[order] for weights in side.of_outputs]))
    (names, products), (others, olds) = sides
    wrong = (names != others).any(1)
    for mine, old in zip(products, olds, strict=True):
        wrong |= (wrapped(mine - old, bits) != 0).any(1)
    return int(numpy.argmax(wrong)) if wrong.any() else NONE


def matched(after: Columns, before: Columns, suspects: list[int]) -> Integers | None:
    """For each column of one side that of the other; None if there is no such order (then a position at which to look is added)."""
    if after.count != before.count:
        active = [(side.elements != NONE).sum(1) for side in (after, before)]
        suspects.append(int(numpy.argmax(active[0] != active[1])))
        return None
    order = numpy.full(after.count, NONE, numpy.int64)
    taken = numpy.zeros(before.count, bool)
    row = int(numpy.argmax((after.elements != NONE).sum(1)))
    for _ in range(MOST_ROUNDS):
        mine = numpy.flatnonzero((after.elements[row] != NONE) & (order == NONE))
        theirs = numpy.flatnonzero((before.elements[row] != NONE) & ~taken)
        mine, theirs = mine[numpy.argsort(after.elements[row, mine], kind="stable")], theirs[numpy.argsort(before.elements[row, theirs], kind="stable")]
        if len(mine) != len(theirs) or (after.elements[row, mine] != before.elements[row, theirs]).any():
            suspects.append(row)
            return None
        order[mine] = theirs
        taken[theirs] = True
        missing = numpy.flatnonzero(order == NONE)
        if not missing.size:
            return order
        row = int(numpy.argmax(after.elements[:, missing[0]] != NONE))
    return None


def _row_compared(row: int, after: Columns, before: Columns, bits: int) -> Found | None:
    """The first term of a position that differs."""
    (names, factors), (others, olds) = after.row(row), before.row(row)
    every = numpy.union1d(names, others)
    every = every[every != NONE]
    outputs = len(after.of_outputs)
    sides: list[NDArray[numpy.int64]] = []
    for known, values in ((names, factors), (others, olds)):
        spread = numpy.zeros((outputs, len(every)), numpy.int64)
        kept = known != NONE
        spread[:, numpy.searchsorted(every, known[kept])] = values[:, kept]
        sides.append(spread)
    wrong = wrapped(sides[0] - sides[1], bits) != 0
    if not wrong.any():
        return None
    output, element = (int(i) for i in numpy.unravel_index(int(numpy.argmax(wrong)), wrong.shape))
    return row, output, int(every[element]), int(sides[1][output, element]), int(sides[0][output, element])


def _matrix(grid: Grid, rows: Axes, columns: Axes, extents: Extents, chosen: Integers | None = None) -> Integers:
    """A grid as a matrix: the places of some axes (those that are chosen) by those of others."""
    count, width = (prod(extents[axis] for axis in axes) for axes in (rows, columns))
    own = set(grid.axes)
    if not own:
        return numpy.broadcast_to(grid.data, (count if chosen is None else len(chosen), width))
    axes = joined((rows, columns))
    data = grid.spread(axes, extents).transpose([axes.index(axis) for axis in (*rows, *columns)])
    found: Integers = data.reshape(count, width)
    return found if chosen is None or len(chosen) == count else found[chosen]


def _whole(factors: Sequence[Grid]) -> Grid:
    found = Grid.number(1)
    for factor in factors:
        found = found * factor if found.axes or int(found.data) != 1 else factor
    return found


def _renamed(grid: Grid, axes: Mapping[int, int]) -> Grid:
    names = [axes.get(axis, axis) for axis in grid.axes]
    order = sorted(range(len(names)), key=names.__getitem__)
    return Grid(tuple(names[place] for place in order), grid.data.transpose(order))


def _value_at(grid: Grid, place: Mapping[int, int]) -> int:
    return int(grid.data[tuple(place[axis] for axis in grid.axes)])


def _unravelled(number: int, axes: Axes, extents: Extents) -> dict[int, int]:
    indices = numpy.unravel_index(number, [extents[axis] for axis in axes]) if axes else ()
    return {axis: int(index) for axis, index in zip(axes, indices, strict=True)}
