"""Every element of a tensor that is read was defined before, and by one nest only.

Elements are reached through affine indices over loops, under conditions; the time of an access is its place in program order:
place in a block, iteration of a loop, place in its body, and so on, compared from the left.  A read needs a definition of the
same element at an earlier time.

Decided by looking at every definition: an array over the elements holds when each is first defined.  What nothing mentions is
not enumerated; an index that runs through a range without holes is filled in at once; and a loop around all accesses whose
variable is an index of the tensor, and matters nowhere else, is looked at for one of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.prove.bounds import Interval, Variable, box_of, interval_of
from tinyir.prove.claim import Claim, Negation, Verdict, conjunction, disjunction, proved, refuted, unknown
from tinyir.prove.element_access import ElementAccess, earlier, equalities, instance, is_constant, iteration
from tinyir.prove.smt_affine import spell

Places = NDArray[numpy.int64] | slice
MOST_POINTS = 1 << 27
"""Points of one access that are looked at."""
_BLOCK = 1 << 18
_NEVER = 1 << 60


@attrs.frozen
class DefinedClaim(Claim):
    """No read of a tensor meets an element that is not defined yet, and no element is defined at two times that differ in their first component.

    (It may be defined again in the same nest: a value may be computed anew.)  Times of all accesses have equally many components.
    """

    logic: ClassVar[str] = "LIA"

    shape: tuple[int, ...]
    defines: tuple[ElementAccess, ...]
    reads: tuple[ElementAccess, ...]

    @property
    def accesses(self) -> tuple[ElementAccess, ...]:
        return (*self.defines, *self.reads)

    # -- by looking at every definition

    def decide(self) -> Verdict:
        claim, left_out = self._for_one_value()
        clock = _Clock.of(claim.accesses)
        defines, reads = ([_Points.of(claim.shape, clock, access) for access in accesses] for accesses in (claim.defines, claim.reads))
        most = max(prod(claim.shape), clock.end >> 33, *(points.count for points in (*defines, *reads)))
        if most > MOST_POINTS:
            return unknown("exhaustion", f"{most} points are more than {MOST_POINTS}")

        def found(places: Places, wrong: NDArray[numpy.bool_], what: str, times: NDArray[numpy.int64]) -> Verdict:
            number = int(numpy.argmax(wrong))
            place = places.start + number if isinstance(places, slice) else int(places[number])
            indices = {f"index{axis}": left_out.get(axis, int(i)) for axis, i in enumerate(numpy.unravel_index(place, claim.shape))}
            return refuted("exhaustion", {**indices, what: int(clock.nest(times[number] if times.shape else times))})

        first = numpy.full(prod(claim.shape), _NEVER, numpy.int64)
        for points in defines:
            for places, times in points.blocks():
                known = first[places]
                again = (known != _NEVER) & (clock.nest(known) != clock.nest(times))
                if again.any():
                    return found(places, again, "defined_again_in_nest", times)
                first[places] = numpy.minimum(known, times)
        earliest = min((clock.interval(access)[0] for access in claim.reads), default=_NEVER)
        if int(first.max(initial=-1)) < earliest:
            return proved("exhaustion")
        for points in reads:
            for places, times in points.blocks():
                late = first[places] >= times
                if late.any():
                    return found(places, late, "read_in_nest", times)
        return proved("exhaustion")

    def _for_one_value(self) -> tuple[DefinedClaim, Mapping[int, int]]:
        """The claim for one value of variables that tell apart both elements and what happens to them, and that value by axis.

        Such a variable stands at one place in all accesses, with the same bounds, and is the index at one axis.  So an element belongs
        to one of its values, at which either all accesses are made or none.
        """
        axes = self._own_axes()
        if not axes:
            return self, {}
        box = box_of(self.accesses[0].variables)
        if box is None:
            return attrs.evolve(self, defines=(), reads=()), {}
        relaxed = {position: Variable.between(self.accesses[0].variables[position].name, box[position][0], box[position][1] + 1) for position in axes}
        claim = self._changed(lambda access: _with_variables(access, relaxed))
        alone = {position: axis for position, axis in axes.items() if all(_is_alone(access, position, axis) for access in claim.accesses)}
        alone = {position: axis for position, axis in alone.items() if claim._has_one_time(position)}
        fixed = {position: Variable.between(relaxed[position].name, box[position][0], box[position][0] + 1) for position in alone}
        left_out = {axis: box[position][0] for position, axis in alone.items()}
        shape = tuple(1 if axis in left_out else extent for axis, extent in enumerate(claim.shape))
        claim = claim._changed(lambda access: _without_axes(_with_variables(access, fixed), left_out))
        return attrs.evolve(claim, shape=shape), left_out

    def _own_axes(self) -> dict[int, int]:
        """Variables that all accesses have in common, bounded by none but such, each with the axis whose index it is."""
        accesses = self.accesses
        shared = 0
        while all(len(access.variables) > shared and access.variables[shared] == accesses[0].variables[shared] for access in accesses):
            shared += 1
        axes: dict[int, int] = {}
        for position in range(shared):
            variable = AffineDimension(position)
            bounds = (*accesses[0].variables[position].lower, *accesses[0].variables[position].upper)
            axis = next((axis for axis in range(len(self.shape)) if all(access.indices[axis] == variable for access in accesses)), None)
            if axis is not None and {p for bound in bounds for p in used_dimensions(bound)} <= set(axes):
                axes[position] = axis
        return axes

    def _has_one_time(self, position: int) -> bool:
        """Whether the variable stands, if at all, at the same components of the times of all accesses."""
        first = [component if position in used_dimensions(component) else None for component in self.accesses[0].time]
        return all([c if position in used_dimensions(c) else None for c in access.time] == first for access in self.accesses)

    def _changed(self, change: Callable[[ElementAccess], ElementAccess]) -> DefinedClaim:
        return attrs.evolve(self, defines=tuple(map(change, self.defines)), reads=tuple(map(change, self.reads)))

    # -- for z3

    def parts(self) -> Sequence[Claim]:
        return [attrs.evolve(self, reads=()), *(attrs.evolve(self, reads=(read,)) for read in self.reads)]

    def negation(self, prefix: str = "") -> Negation:
        declarations: list[tuple[str, str]] = []
        broken = [self._misread(f"{prefix}read{number}_", read, declarations) for number, read in enumerate(self.reads)]
        broken += self._meetings(prefix, declarations)
        return Negation(tuple(declarations), (disjunction(broken),))

    def _misread(self, prefix: str, read: ElementAccess, declarations: list[tuple[str, str]]) -> str:
        """The read of an element that no definition has defined before."""
        names, limits = instance(read, prefix)
        declarations += [(name, "Int") for name in names]
        indices = [spell(index, names) for index in read.indices]
        for number, define in enumerate(self.defines):
            own, there = instance(define, f"{prefix}define{number}_")
            known = iteration(define, own, indices)
            declarations += [(own[position], "Int") for position in known]
            limits += [f"(= {own[position]} {value})" for position, value in known.items()]
            bound = " ".join(f"({name} Int)" for position, name in enumerate(own) if position not in known)
            defined = conjunction([*there, *equalities(define.indices, own, read.indices, names), earlier(define.time, own, read.time, names)])
            limits.append(f"(not (exists ({bound}) {defined}))" if bound else f"(not {defined})")
        return conjunction(limits)

    def _meetings(self, prefix: str, declarations: list[tuple[str, str]]) -> list[str]:
        """Pairs of definitions that meet in an element, in different nests."""
        found = []
        for number, one in enumerate(self.defines):
            for second, other in enumerate(self.defines[:number]):
                if one.time[:1] == other.time[:1] and not any(map(used_dimensions, one.time[:1])):
                    continue
                names, limits = instance(one, f"{prefix}one{number}_{second}_")
                others, there = instance(other, f"{prefix}other{number}_{second}_")
                declarations += [(name, "Int") for name in (*names, *others)]
                apart = f"(not {equalities(one.time[:1], names, other.time[:1], others)[0]})"
                found.append(conjunction([*limits, *there, *equalities(one.indices, names, other.indices, others), apart]))
        return found


@attrs.frozen
class _Clock:
    """Times as numbers from 0 to below `end`: what is least in each component of all times, and how many numbers one of it is."""

    least: tuple[int, ...]
    weights: tuple[int, ...]
    end: int

    @classmethod
    def of(cls, accesses: Sequence[ElementAccess]) -> _Clock:
        boxes = [(access, box) for access in accesses if (box := box_of(access.variables)) is not None]
        components = len(accesses[0].time) if accesses else 0
        intervals = [[interval_of(access.time[c], box) for access, box in boxes] or [(0, 0)] for c in range(components)]
        least = tuple(min(low for low, _ in each) for each in intervals)
        counts = [max(high for _, high in each) - low + 1 for low, each in zip(least, intervals, strict=True)]
        return cls(least, tuple(prod(counts[c + 1 :]) for c in range(components)), prod(counts))

    def number(self, access: ElementAccess, grid: Sequence[Any]) -> NDArray[numpy.int64]:
        """The times of an access at values of its variables."""
        time: Any = 0
        for component, least, weight in zip(access.time, self.least, self.weights, strict=True):
            time = time + (_values(component, grid) - least) * weight
        return numpy.asarray(time, numpy.int64)

    def interval(self, access: ElementAccess) -> Interval:
        """The least and the greatest time of an access (`_NEVER` if there is none)."""
        box = box_of(access.variables)
        if box is None:
            return _NEVER, _NEVER
        parts = [(interval_of(c, box), least, weight) for c, least, weight in zip(access.time, self.least, self.weights, strict=True)]
        return sum((low - least) * weight for (low, _), least, weight in parts), sum((high - least) * weight for (_, high), least, weight in parts)

    def nest(self, times: Any) -> Any:
        """The first component of times."""
        return times // self.weights[0] + self.least[0] if self.weights else times * 0


@attrs.frozen
class _Points:
    """One access, and the values of the variables at which to look: all that something mentions, the first of others."""

    shape: tuple[int, ...]
    clock: _Clock
    access: ElementAccess
    values: tuple[range, ...]
    box: tuple[Interval, ...]

    @classmethod
    def of(cls, shape: tuple[int, ...], clock: _Clock, access: ElementAccess) -> _Points:
        box = box_of(access.variables)
        if box is None:
            return cls(shape, clock, access, (range(0),), ())
        mentioned = access.mentioned()
        for position, variable in enumerate(access.variables):
            if not is_constant(variable):
                mentioned |= {position, *(p for bound in (*variable.lower, *variable.upper) for p in used_dimensions(bound))}
        backwards = {p for component in access.time if not isinstance(component, AffineDimension) for p in used_dimensions(component)}
        values = []
        for position, (variable, (low, high)) in enumerate(zip(access.variables, box, strict=True)):
            every = range(low, high + 1, variable.step if is_constant(variable) else 1)
            every = every[::-1] if position in backwards else every
            values.append(every if position in mentioned else every[:1])
        return cls(shape, clock, access, tuple(values), tuple(box))

    @property
    def count(self) -> int:
        return prod(len(values) for values in self.values)

    def blocks(self) -> Iterator[tuple[Places, NDArray[numpy.int64]]]:
        """Elements (counted row by row) and the times at which they are accessed, the latest times first."""
        if not self.count:
            return
        run = self._without_holes()
        if run is not None:
            yield run, self.clock.number(self.access, [values[0] for values in self.values])
            return
        for values in _split(self.values):
            yield self._block(values)

    def _flat(self) -> AffineExpression:
        """The number of the element."""
        flat: AffineExpression = AffineConstant(0)
        for index, extent in zip(self.access.indices, self.shape, strict=True):
            flat = flat * extent + index
        return flat

    def _is_inside(self) -> bool:
        """Whether no index can be outside of its axis."""
        intervals = (interval_of(index, self.box) for index in self.access.indices)
        return all(low >= 0 and high < extent for (low, high), extent in zip(intervals, self.shape, strict=True))

    def _without_holes(self) -> slice | None:
        """The range of elements, if they are one: each factor is the number of elements that lesser factors reach."""
        timed = {position for component in self.access.time for position in used_dimensions(component)}
        if self.access.conditions or not all(map(is_constant, self.access.variables)) or not self._is_inside():
            return None
        if any(len(self.values[position]) > 1 for position in timed):
            return None
        terms = linear_terms(self._flat())
        start, reached = terms.pop(AffineConstant(1), 0), 1
        for node, factor in sorted(terms.items(), key=lambda term: term[1]):
            if not isinstance(node, AffineDimension) or factor * self.values[node.position].step != reached:
                return None
            start += factor * self.values[node.position].start
            reached *= len(self.values[node.position])
        return slice(start, start + reached)

    def _block(self, values: Sequence[range]) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64]]:
        shape = tuple(len(each) for each in values)
        grid = numpy.meshgrid(*(numpy.arange(e.start, e.stop, e.step) for e in values), indexing="ij", sparse=True) if values else []
        allowed = numpy.ones((1,) * len(shape), bool)
        for position, variable in enumerate(self.access.variables):
            if is_constant(variable):
                continue
            value = AffineDimension(position)
            for constraint in (*(value - bound for bound in variable.lower), *(bound - value - 1 for bound in variable.upper)):
                allowed = allowed & (_values(constraint, grid) >= 0)
            if variable.step > 1:
                allowed = allowed & (_values(value - variable.lower[0], grid) % variable.step == 0)
        for condition in self.access.conditions:
            met: Any = numpy.True_
            for constraint in condition.constraints:
                met = met & (_values(constraint, grid) >= 0)
            allowed = allowed & (met == condition.holds)
        flat = numpy.broadcast_to(_values(self._flat(), grid), shape)
        if not self._is_inside():
            for index, extent in zip(self.access.indices, self.shape, strict=True):
                place = _values(index, grid)
                allowed = allowed & (place >= 0) & (place < extent)
        chosen = numpy.flatnonzero(numpy.broadcast_to(allowed, shape))[::-1]
        places = flat.reshape(-1)[chosen]
        times = numpy.broadcast_to(self.clock.number(self.access, grid), shape).reshape(-1)[chosen]
        if (numpy.diff(times) > 0).any():
            later_first = numpy.argsort(-times, kind="stable")
            return places[later_first], times[later_first]
        return places, times


def _split(values: Sequence[range]) -> Iterator[Sequence[range]]:
    """Parts of few points, the last ones first."""
    if prod(len(each) for each in values) <= _BLOCK:
        yield values
        return
    outermost = next(position for position, each in enumerate(values) if len(each) > 1)
    middle = len(values[outermost]) // 2
    for half in (values[outermost][middle:], values[outermost][:middle]):
        yield from _split((*values[:outermost], half, *values[outermost + 1 :]))


def _without_axes(access: ElementAccess, axes: Collection[int]) -> ElementAccess:
    return attrs.evolve(access, indices=tuple(AffineConstant(0) if axis in axes else index for axis, index in enumerate(access.indices)))


def _with_variables(access: ElementAccess, changed: Mapping[int, Variable]) -> ElementAccess:
    return attrs.evolve(access, variables=tuple(changed.get(position, variable) for position, variable in enumerate(access.variables)))


def _is_alone(access: ElementAccess, position: int, axis: int) -> bool:
    """Whether only the index at an axis, and perhaps the time, mention a variable."""
    bounds = {p for variable in access.variables for bound in (*variable.lower, *variable.upper) for p in used_dimensions(bound)}
    return position not in bounds | _without_axes(access, [axis]).mentioned()


def _values(expression: AffineExpression, grid: Sequence[Any]) -> NDArray[numpy.int64]:
    return numpy.asarray(expression.evaluate(grid), numpy.int64)
