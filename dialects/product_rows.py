"""The terms of a sum of products as rows of scratch: which place each has, and how a row is filled.

Positions are counted as one index where they are neighbours in memory.  Folds that walk through memory as one are a run; each
run has a place of its own in a row, and what is padding is zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index
from tinyir.dialects.product_nests import Factor, ProductNest, extent_of, kept_axes, widened
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I16, IntegerType, TensorType

LANES = 4
"""Terms that one step of the inner loop takes from each row."""


def product(extents: Sequence[int]) -> int:
    found = 1
    for extent in extents:
        found *= extent
    return found


def rounded_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


class ProductTerms:
    """The terms of one nest: runs of `run_length` neighbours, `run_stride` apart, `depth` places altogether, `padded` to whole steps.

    `costs`: the target's instructions for a `product_term`, a `copied_term`, `widened_lanes` and a `divided_position`.
    `lanes`: terms of a step.  `element`: the type of rows; bytes are copied as they are, so that `padding` stands for what is not there.
    `before`: where reshaped tensors are put.
    """

    def __init__(self, nest: ProductNest, costs: Mapping[str, float], lanes: int = LANES, element: IntegerType = I16) -> None:
        self.nest = nest
        self.costs = costs
        self.lanes = lanes
        self.element = element
        self.padding = 0
        self.extents = [extent_of(each) for each in nest.positions]
        self.count = product(self.extents)
        self.terms = [extent_of(fold) for fold in nest.folds]
        self.outputs = extent_of(nest.outputs[0])
        self.level = self._run_level()
        self.run_length = product(self.terms[self.level :])
        self.run_stride = self._run_stride()
        self.depth = product(self.terms[: self.level]) * self.run_stride
        self.padded = rounded_up(self.depth, lanes)
        self.before = Builder.before(nest.root)
        self.flat: dict[tuple[Value, tuple[int, ...]], Value] = {}

    def term(self, indices: Sequence[Index]) -> Index:
        """The number of a term from the indices of the folds: runs of neighbours, each from a place of its own."""
        outer: AffineExpression = AffineConstant(0)
        for number, extent in enumerate(self.terms[: self.level]):
            outer = outer * extent + AffineDimension(number)
        inner: AffineExpression = AffineConstant(0)
        for number, extent in enumerate(self.terms[self.level :], self.level):
            inner = inner * extent + AffineDimension(number)
        return write.combined(outer * self.run_stride + inner, indices)

    def clips(self, known: Mapping[Value, Index]) -> list[list[Index]]:
        """For each fold the conditions under which its index is one of the sum, at a position of which the loops' indices are known."""
        return [
            [write.combined(e, [write.index_of(loop.induction_variable(fold)), *(known.get(v, write.index_of(v)) for v in operands)]) for e, operands in clip]
            for fold, clip in zip(self.nest.folds, self.nest.clip_conditions(), strict=True)
        ]

    def there(self, known: Mapping[Value, Index]) -> list[Index]:
        """The conditions under which there is a position, of which the loops' indices are known."""
        return [write.combined(e, [known.get(value, write.index_of(value)) for value in operands]) for e, operands in self.nest.position_conditions()]

    # -- runs: terms that are neighbours in memory

    def _run_level(self) -> int:
        """The outermost fold from which on the terms of x walk through memory in their order, one by one."""
        row = self._any_row()
        return next((number for number in range(len(self.terms)) if row.walks_as_one(number)), len(self.terms) - 1)

    def _any_row(self) -> ProductRow:
        known: dict[Value, Index] = {loop.induction_variable(each): write.constant_index(0) for each in self.nest.positions}
        return ProductRow(self, self.nest.x.tensor, [], self.nest.x, known, None, [[] for _ in self.nest.folds])

    @property
    def neighbours(self) -> int:
        """How many terms of x are neighbours in memory, in their order."""
        return self.run_length if self._any_row().walks_as_one(self.level) else 1

    @property
    def is_one_run(self) -> bool:
        """Whether all terms of x are neighbours in memory, in their order."""
        return self._any_row().walks_as_one(0)

    def _run_stride(self) -> int:
        """The distance of runs in a row: rounded up to whole steps if that costs less in zeros than scalar copies would."""
        length, runs = self.run_length, product(self.terms[: self.level])
        rounded = rounded_up(length, LANES)
        more = runs * rounded - rounded_up(runs * length, LANES)
        if runs == 1 or self.element is not I16 or more * self.outputs * self.costs.get("product_term", 1) > runs * length * self.costs.get("copied_term", 1):
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


class ProductRow:
    """The terms of one position or output, widened into a row of scratch."""

    def __init__(
        self,
        layout: ProductTerms,
        target: Value,
        place: list[Index],
        factor: Factor,
        known: dict[Value, Index],
        position: Index | None,
        clips: list[list[Index]],
    ) -> None:
        self.layout = layout
        self.target = target
        self.place = place
        self.factor = factor
        self.known = known
        self.clips = clips
        found = layout.flattened(factor.read) if position is not None else None
        map, indices = loop.access_map(factor.read), loop.access_indices(factor.read)
        self.tensor = factor.tensor
        self.slots: list[Index] = [(e, tuple(indices)) for e in map.results]
        if found is not None and position is not None:
            shape, slots = found
            self.tensor = layout.flat_tensor(factor.tensor, shape)
            self.slots = [slot if slot[1] else position for slot in slots]

    @property
    def level(self) -> int:
        """The fold from which on the terms are one run: all of them, where the runs of the nest are neighbours anyway."""
        whole = self.layout.run_stride == self.layout.run_length and not any(self.clips) and self.walks_as_one(0)
        return 0 if whole else self.layout.level

    def fill(self, builder: Builder, conditions: list[Index]) -> None:
        self._level(builder, 0, [], conditions)
        self._zeros(builder, write.constant_index(self.layout.depth), self.layout.padded - self.layout.depth)

    def fill_in_parts(self, builder: Builder) -> None:
        """The whole steps of a single run, the terms that are left over, and zeros: a loop for each, be it over nothing."""
        depth, whole = self.layout.depth, self.layout.depth // LANES * LANES
        for first, last in ((0, whole), (whole, depth)):
            inner, term = write.inside(write.for_each(builder, [write.constant_index(last)], "k", start=first))
            self._define(inner, self.read_flat(inner, [], term), term)
        inner, term = write.inside(write.for_each(builder, [write.constant_index(self.layout.padded)], "k", start=depth))
        self._zero(inner, term)

    def _level(self, builder: Builder, number: int, folds: list[Index], conditions: list[Index]) -> None:
        """The terms below some folds; those for which a condition fails are zeros."""
        if conditions:
            _, there, beyond = write.branch(builder, [self._placed(c, folds) for c in conditions], ())
            self._level(there, number, folds, [])
            self._zeros(beyond, self._first_term(folds), self._length(number))
            there.create("loop.yield")
            beyond.create("loop.yield")
        elif number == self.level:
            self._run(builder, folds)
            rest = self.layout.run_stride - self.layout.run_length
            self._zeros(builder, write.added(self._first_term(folds), write.constant_index(self.layout.run_length)), rest)
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
        self._define(inner, self.read_flat(inner, folds, index), write.added(self._first_term(folds), index))

    def _ends(self, number: int, folds: list[Index]) -> list[Index]:
        """The conditions of a fold at its first and its last index: they hold for all between, since each is monotonous."""
        last = self.layout.terms[number] - 1
        variable = loop.induction_variable(self.layout.nest.folds[number])
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
        elif number == len(self.layout.terms):
            self._define(builder, self._read(builder, self.tensor, self.slots, folds), self._first_term(folds))
        else:
            inner, index = self._fold_loop(builder, number)
            self._terms(inner, number + 1, [*folds, index], self.clips[number])

    def _fold_loop(self, builder: Builder, number: int) -> tuple[Builder, Index]:
        name = loop.induction_variable(self.layout.nest.folds[number]).name or "k"
        return write.inside(write.for_each(builder, [write.constant_index(self.layout.terms[number])], name))

    def _inner_length(self, number: int) -> int:
        """The number of terms of a run below folds 0 .. number - 1."""
        return product(self.layout.terms[number:])

    def _length(self, number: int) -> int:
        """The number of places in a row below folds 0 .. number - 1, at most `level`."""
        return product(self.layout.terms[number : self.layout.level]) * self.layout.run_stride

    def _first_term(self, folds: list[Index]) -> Index:
        padding = [write.constant_index(0)] * (len(self.layout.terms) - len(folds))
        return self.layout.term([*folds, *padding])

    def _known_folds(self, folds: list[Index]) -> dict[Value, Index]:
        return {loop.induction_variable(fold): index for fold, index in zip(self.layout.nest.folds, folds, strict=False)}

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

    def starts_at(self, variable: Value, stride: int) -> bool:
        """Whether the terms are neighbours in memory, those of the next index `stride` elements after those of the one before."""
        linear, values = self._linear()
        terms = linear_terms(linear)
        moving = AffineDimension(values.index(variable)) if variable in values else None
        folds = {AffineDimension(values.index(v)) for v in map(loop.induction_variable, self.layout.nest.folds) if v in values}
        return self.walks_as_one(0) and moving is not None and terms.get(moving) == stride and terms.keys() <= {moving, *folds}

    def walks_as_one(self, number: int) -> bool:
        """Whether the terms below fold `number` - 1 are neighbours in memory, in their order."""
        linear, values = self._linear()
        terms = linear_terms(linear)
        turning = {index for expression, indices in self.slots[: kept_axes(self.tensor)] for index in _values_of(expression, indices)}
        stride = 1
        for fold, extent in zip(reversed(self.layout.nest.folds[number:]), reversed(self.layout.terms[number:]), strict=True):
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
        """The element that stands `index` places after the first term below some folds.

        Raises:
            ValueError: the terms are no neighbours, so that it would be another than term `index`.
        """
        if not self.walks_as_one(len(folds)):
            raise ValueError("terms that are read in a row must be neighbours in memory")
        assert isinstance(self.tensor.type, TensorType)
        kept = kept_axes(self.tensor)
        shape = self.tensor.type.shape
        flat = self.layout.flat_tensor(self.tensor, [*shape[:kept], product(shape[kept:])])
        start = [*folds, *[write.constant_index(0)] * (len(self.layout.terms) - len(folds))]
        rows = [self._placed(slot, start) for slot in self.slots[:kept]]
        return write.read(builder, flat, [*rows, write.added(self._placed(self._linear(), start), index)])

    # -- what is written

    def _define(self, builder: Builder, element: Value, term: Index) -> None:
        value = widened(builder, element, self.factor) if self.layout.element is I16 else element
        write.define(builder, value, self.target, [*self.place, term])

    def _zeros(self, builder: Builder, first: Index, count: int) -> None:
        if count < LANES:
            for place in range(count):
                self._zero(builder, write.added(first, write.constant_index(place)))
            return
        builder, index = write.inside(write.for_each(builder, [write.constant_index(count)], "k"))
        self._zero(builder, write.added(first, index))

    def _zero(self, builder: Builder, term: Index) -> None:
        write.define(builder, write.literal(builder, self.layout.padding, self.layout.element), self.target, [*self.place, term])


def _values_of(expression: AffineExpression, indices: Sequence[Value]) -> list[Value]:
    return [indices[i] for i in used_dimensions(expression)]
