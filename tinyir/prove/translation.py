"""What loop nests define after a rewrite is what they defined before, element by element.

A schedule may stage, widen, pack, block and reorder: whoever did it, and how, does not matter here.  Both programs are evaluated for
all iterations at once (`nest_values`), the one after as it stands, the one before at the elements that each definition of the one
after defines, and the values are compared term by term (`same_terms`).  Elements of tensors that both define, and of those that
neither does, are unknowns: that they are defined before they are read is another obligation.

Integers are those of the machine: sums are equal modulo a power of two.  An operation that needs more than that (a widening, a shift
to the right) is taken apart only where bounds of the terms say that nothing was wrapped, and is else compared as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, cast

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineConstant, linear_terms, used_dimensions
from tinyir.prove import nest_program as program
from tinyir.prove.bounds import Interval, Variable, box_of
from tinyir.prove.claim import DEFAULT_RLIMIT, Claim, Negation, Verdict, proved, refuted, union, unknown
from tinyir.prove.digits import digits
from tinyir.prove.grids import Grid, as_grid, combined, everywhere, joined
from tinyir.prove.nest_definitions import Definition, defines, definition_of
from tinyir.prove.nest_values import Axis, Environment, Evaluation, Masks, Table
from tinyir.prove.same_terms import Comparison, Difference
from tinyir.prove.term_claims import Recorder, together
from tinyir.prove.terms import UndecidedError, Value


class RefutedError(Exception):
    """What tells two programs apart."""

    def __init__(self, counterexample: Mapping[str, int]) -> None:
        super().__init__(str(dict(counterexample)))
        self.counterexample = dict(counterexample)


class Translation:
    """Two programs over one table of tensors, of which both define those that are `compared`."""

    def __init__(
        self,
        tensors: Sequence[program.Tensor],
        before: Sequence[program.Step],
        after: Sequence[program.Step],
        compared: Sequence[int],
        judge: Callable[[Comparison], Comparison] | None = None,
    ) -> None:
        self.tensors = tensors
        self.before = before
        self.after = after
        self.compared = compared
        self.judge = judge
        self.axes = Axis()
        self.offsets: dict[int, int] = {}
        first = 0
        for number, tensor in enumerate(tensors):
            self.offsets[number] = first
            first += prod(tensor.shape)
        self.definitions: dict[int, list[Definition]] = {number: [] for number in compared}
        own = {define.tensor for _, define in defines(before, ())} - set(compared)
        for path, define in defines(before, ()):
            if define.tensor in self.definitions:
                self.definitions[define.tensor].append(definition_of(before, path, define))
        self.old = Evaluation(tensors, self.offsets, self.axes, self._tables(own), _ignored)
        if own:
            self.old.run(before, {}, ())
        self.defined = {number: numpy.zeros(prod(tensors[number].shape), bool) for number in compared}

    def _tables(self, numbers: set[int]) -> dict[int, Table]:
        return {number: Table(prod(self.tensors[number].shape)) for number in numbers}

    def check(self) -> None:
        """
        Raises:
            RefutedError: they differ.
            UndecidedError: it cannot be told whether they do.
        """
        own = {define.tensor for _, define in defines(self.after, ())} - set(self.compared)
        Evaluation(self.tensors, self.offsets, self.axes, self._tables(own), self._compare).run(self.after, {}, ())
        for number in self.compared:
            self._check_complete(number)

    def _check_complete(self, number: int) -> None:
        """All elements that the program before defines are defined after."""
        found = self.defined[number]
        if found.all():
            return
        expected = numpy.zeros(found.size, bool)

        def mark(step: program.Define, _value: Value, indices: list[Grid], masks: Masks) -> None:
            if step.tensor == number:
                self._mark(expected, step, indices, masks)

        Evaluation(self.tensors, self.offsets, self.axes, self.old.tables, mark).run(self.before, {}, ())
        missing = expected & ~found
        if missing.any():
            raise RefutedError({**self._element(number, int(numpy.argmax(missing))), "defined_before": 1, "defined_after": 0})

    def _mark(self, found: NDArray[numpy.bool_], step: program.Define, indices: Sequence[Grid], masks: Masks) -> None:
        flat = Grid.number(0)
        for index, extent in zip(indices, step.shape, strict=True):
            flat = flat * extent + index
        mask = everywhere(masks)
        if mask is None:
            found[flat.data] = True
            return
        axes = joined((flat.axes, mask.axes))
        found[flat.spread(axes, self.axes.extents)[mask.spread(axes, self.axes.extents)]] = True

    def _element(self, number: int, flat: int, prefix: str = "index") -> dict[str, int]:
        return {f"{prefix}{axis}": int(i) for axis, i in enumerate(numpy.unravel_index(flat, self.tensors[number].shape))}

    # -- one definition of the program after

    def _compare(self, step: program.Define, value: Value, indices: list[Grid], masks: Masks) -> None:
        self._mark(self.defined[step.tensor], step, indices, masks)
        left: Grid | None = None
        for definition in self.definitions[step.tensor]:
            around, inside = self._reached(definition, step, indices)
            mask = everywhere((*masks, *inside))
            if mask is not None and not mask.data.any():
                continue
            old, inside = self._value(definition, around, masks, inside)
            comparison = Comparison(self.axes.extents, (*masks, *inside))
            found = (self.judge(comparison) if self.judge is not None else comparison).difference(value, old)
            if found is not None:
                raise RefutedError(self._counterexample(step, indices, (*masks, *inside), found))
            here = everywhere(inside)
            if here is None:
                return
            left = here.inverted() if left is None else left & here.inverted()
        missing = everywhere((*masks, *(() if left is None else (left,))))
        if missing is None or missing.data.any():
            place = _first(missing) if missing is not None else {}
            raise RefutedError({**self._place(step, indices, masks, place), "defined_before": 0, "defined_after": 1})

    def _reached(self, definition: Definition, step: program.Define, indices: Sequence[Grid]) -> tuple[dict[int, Grid], Masks]:
        """The indices of the old loops at which they define the elements at some indices, and where they do.

        Raises:
            UndecidedError: they do not follow from the elements.
        """
        places = _reshaped(indices, step.shape, definition.define.shape)
        box = box_of(definition.loops)
        if box is None:
            return {}, (Grid((), numpy.array(False)),)
        known: dict[int, Grid] = {}
        masks: list[Grid] = []
        for place, expression in zip(places, definition.indices, strict=True):
            rest = place
            counted = digits(expression, box)
            if counted is None:
                raise UndecidedError(f"elements are defined at {expression}, which cannot be turned round")
            for factor, position, low in counted:
                index = (rest - low) // factor if factor > 1 else rest - low
                if position in known:
                    masks.append(_equal(index, known[position]))
                known[position] = index
                rest = rest - index * factor
            masks.append(rest.equals(linear_terms(expression).get(AffineConstant(1), 0)))
        for position in range(len(definition.loops)):
            if position not in known:
                known[position] = _followed(definition.loops, position, box, known)
        indices = [known[position] for position in range(len(known))]
        for index, each in zip(indices, definition.loops, strict=True):
            lowers = [as_grid(bound.evaluate(cast(Any, indices))) for bound in each.lower]
            masks += [index >= bound for bound in lowers]
            masks += [index < as_grid(bound.evaluate(cast(Any, indices))) for bound in each.upper]
            if each.step > 1:
                masks.append(((index - lowers[0]) % each.step).equals(0))
        return known, tuple(mask for mask in masks if not mask.data.all())

    def _value(self, definition: Definition, around: Mapping[int, Grid], masks: Masks, inside: Masks) -> tuple[Value, Masks]:
        """What a definition of the program before gives to elements, and where it does."""
        values: Environment = {}
        steps: Sequence[program.Step] = self.before
        number = 0
        for each, body in (*definition.path, (None, 0)):
            self.old.run([step for step in steps if not _is_nest(step)], values, (*masks, *inside))
            if isinstance(each, program.Loop):
                values[each.variable] = around[number]
                number += 1
                steps = each.body
            elif each is not None:
                taken = self.old.holds(each, values)
                inside = (*inside, taken if body == 0 else taken.inverted())
                steps = each.bodies[body]
        found = values[definition.define.value]
        return (found if isinstance(found, Value) else Value.number(found, 64)), tuple(mask for mask in inside if not mask.data.all())

    # -- counterexamples

    def _counterexample(self, step: program.Define, indices: Sequence[Grid], masks: Masks, found: Difference) -> dict[str, int]:
        place = self._place(step, indices, masks, found.place)
        for order, element in enumerate(found.elements):
            tensor = max(n for n, first in self.offsets.items() if first <= element and self.tensors[n].elements is None)
            prefix = "element" if len(found.elements) == 1 else f"element{order}_"
            place[f"{prefix}_of_{self.tensors[tensor].name or f'tensor{tensor}'}"] = element - self.offsets[tensor]
            place.update(self._element(tensor, element - self.offsets[tensor], prefix))
        what = "factor" if found.elements else "number"
        return {**place, f"{what}_before": found.before, f"{what}_after": found.after}

    def _place(self, step: program.Define, indices: Sequence[Grid], masks: Masks, place: Mapping[int, int]) -> dict[str, int]:
        """The element that is defined at a place; along other axes the first at which the masks hold."""
        axes = joined([*(index.axes for index in indices), *(mask.axes for mask in masks), tuple(place)])
        mask = everywhere(masks)
        allowed = mask.spread(axes, self.axes.extents).copy() if mask is not None else numpy.ones([self.axes.extents[a] for a in axes], bool)
        for dimension, axis in enumerate(axes):
            if axis in place:
                only = numpy.zeros(self.axes.extents[axis], bool)
                only[place[axis]] = True
                allowed &= only.reshape([-1 if d == dimension else 1 for d in range(len(axes))])
        chosen = dict(zip(axes, numpy.unravel_index(int(numpy.argmax(allowed)), allowed.shape), strict=True)) if axes else {}
        flat = 0
        for index, extent in zip(indices, step.shape, strict=True):
            flat = flat * extent + int(index.data[tuple(chosen[axis] for axis in index.axes)])
        return self._element(step.tensor, flat)


def _ignored(_step: program.Define, _value: Value, _indices: list[Grid], _masks: Masks) -> None:
    return


def _is_nest(step: program.Step) -> bool:
    """Whether a step does nothing but define elements."""
    return isinstance(step, program.Define) or (isinstance(step, program.Loop | program.Branch) and not step.results)


def _followed(loops: Sequence[Variable], position: int, box: Sequence[Interval], known: Mapping[int, Grid]) -> Grid:
    """The index of a loop that elements do not tell, from that of another whose bounds move with it.

    Raises:
        UndecidedError: there is none.
    """
    low, high = box[position]
    if low == high:
        return Grid.number(low)
    for other, each in enumerate(loops):
        bounds = (*each.lower, *each.upper)
        used = {place for bound in bounds for place in used_dimensions(bound)}
        if other in known and used == {position}:
            outer = numpy.arange(low, high + 1, loops[position].step)[:, None]
            inner = numpy.arange(box[other][0], box[other][1] + 1)
            at: Any = {position: outer}
            values = [at.get(place, 0) for place in range(position + 1)]
            reached = numpy.ones((len(outer), len(inner)), bool)
            for bound in each.lower:
                reached &= inner >= bound.evaluate(values)
            for bound in each.upper:
                reached &= inner < bound.evaluate(values)
            if int(reached.sum(0).max()) == 1:
                places = numpy.clip(known[other].data - box[other][0], 0, len(inner) - 1)
                return Grid(known[other].axes, outer[reached.argmax(0)[places], 0])
    raise UndecidedError("an element is defined by several iterations")


def _equal(first: Grid, second: Grid) -> Grid:
    return combined(numpy.equal, first, second)


def _first(mask: Grid) -> dict[int, int]:
    indices = numpy.unravel_index(int(numpy.argmax(mask.data)), mask.data.shape)
    return {axis: int(index) for axis, index in zip(mask.axes, indices, strict=True)}


def _reshaped(indices: Sequence[Grid], shape: Sequence[int], target: Sequence[int]) -> list[Grid]:
    """The indices of the same elements under another shape: dimensions that take part in nothing else keep to themselves."""
    found: list[Grid] = []
    mine, theirs = 0, 0
    while mine < len(shape) or theirs < len(target):
        start, first = mine, theirs
        count, size = 1, 1
        while True:
            if count <= size and mine < len(shape) and (count < size or mine == start):
                count *= shape[mine]
                mine += 1
            elif theirs < len(target) and (size < count or theirs == first):
                size *= target[theirs]
                theirs += 1
            else:
                break
        flat = Grid.number(0)
        for number in range(start, mine):
            flat = flat * shape[number] + indices[number] if number > start else indices[number]
        found += _split(flat, target[first:theirs])
    return found


def _split(flat: Grid, shape: Sequence[int]) -> list[Grid]:
    """An index of several dimensions that are counted as one, taken apart."""
    found = []
    stride = prod(shape)
    for number, extent in enumerate(shape):
        stride //= extent
        index = flat // stride if stride > 1 else flat
        found.append(index % extent if number else index)
    return found




@attrs.frozen(eq=False)
class TranslationClaim(Claim):
    """The program after defines all elements of the compared tensors that the one before does, and as that does."""

    tensors: tuple[program.Tensor, ...]
    before: tuple[program.Step, ...]
    after: tuple[program.Step, ...]
    compared: tuple[int, ...]

    def decide(self) -> Verdict:
        try:
            Translation(self.tensors, self.before, self.after, self.compared).check()
        except UndecidedError as error:
            return unknown("terms", str(error))
        except RefutedError as error:
            return refuted("terms", error.counterexample)
        return proved("terms")

    def parts(self) -> Sequence[Claim]:
        """Questions about the sums.

        Raises:
            UndecidedError: the nests differ in more than sums.
            RefutedError: they do not define the same elements.
        """
        questions: list[Claim] = []

        def judge(comparison: Comparison) -> Comparison:
            return Recorder.of(comparison, questions)

        Translation(self.tensors, self.before, self.after, self.compared, judge).check()
        return together(questions)

    def negation(self, prefix: str = "") -> Negation:
        """That one of the sums differs; where more than sums does, that is so."""
        try:
            return union([part.negation(f"{prefix}q{number}_") for number, part in enumerate(self.parts())])
        except (UndecidedError, RefutedError):
            return Negation((), ("true",))

    def smtlib(self) -> str:
        try:
            return super().smtlib()
        except (UndecidedError, RefutedError):
            return self.script()

    def decide_with_z3(self, rlimit: int = DEFAULT_RLIMIT) -> Verdict:
        """As of any claim; what breaks a part is told of the elements that differ."""
        try:
            verdict = super().decide_with_z3(rlimit)
            own = self.decide() if verdict.state == "refuted" else verdict
            return attrs.evolve(verdict, counterexample=own.counterexample) if own.state == "refuted" else verdict
        except UndecidedError as error:
            return unknown("terms", str(error))
        except RefutedError as error:
            return refuted("terms", error.counterexample)
