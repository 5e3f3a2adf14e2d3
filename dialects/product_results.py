"""What follows a sum of products, at positions that are counted as one index where they are neighbours in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.product_nests import ProductNest
from tinyir.dialects.product_rows import LANES, ProductTerms, product
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression
from tinyir.ir.attributes import DenseElements, element_bytes
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I16, I32, IntegerType, TensorType

Reader = Callable[[Builder, Index], Value]
"""Writes the read of an element at an index."""


class ProductResults(ProductTerms):
    """The terms of a nest, and the tensor that it defines.  `y`: that tensor, or the one with its positions as one axis."""

    def __init__(self, nest: ProductNest, costs: Mapping[str, float], lanes: int = LANES, element: IntegerType = I16) -> None:
        super().__init__(nest, costs, lanes, element)
        self.y = loop.accessed_tensor(nest.define)

    def known(self, position: Index, place: Index | None = None) -> dict[Value, Index]:
        """The indices of the positions' loops at a position, or at a place of the line that has this number."""
        loops = list(zip(self.nest.positions, self.extents, strict=True))
        known: dict[Value, Index] = {}
        if place is not None:
            known[loop.induction_variable(loops.pop()[0])] = place
        stride = product([extent for _, extent in loops])
        for number, (each, extent) in enumerate(loops):
            stride //= extent
            expression = AffineDimension(0) // stride
            known[loop.induction_variable(each)] = write.combined(expression % extent if number else expression, [position])
        return known

    def flat_result(self) -> Value:
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

    def replace_result(self, made: Operation) -> None:
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

    def clone(self, operation: Operation, builder: Builder, values: dict[Value, Value], known: dict[Value, Index], position: Index) -> None:
        """A copy at a position; accesses whose positions are one axis of the memory do without divisions."""
        found = self.flattened(operation) if operation.name in ("loop.read", "loop.define") else None
        if found is None or (operation is self.nest.define and self.y is loop.accessed_tensor(operation) and tuple(found[0]) != shape_of(self.y)):
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

    def add_products(self, builder: Builder, terms: int, xs: Sequence[Reader], ws: Sequence[Reader], initial: Sequence[Value]) -> Operation:
        """A loop over terms that adds the product of each x and each w to a sum of its own: those of the first x first.

        Readers give the element of a term, in fewer than 32 bits, which are those of the sums.
        """
        made = write.for_each(builder, [write.constant_index(terms)], "k", initial=initial, parallel=False)
        at, term = Builder.at_end(made.body, builder.location), write.index_of(loop.induction_variable(made))
        lefts, rights = ([at.create("arith.extsi", [read(at, term)], [I32]).result for read in readers] for readers in (xs, ws))
        products = [at.create("arith.muli", [x, w], [I32]).result for x in lefts for w in rights]
        sums = [at.create("arith.addi", [a, p], [I32]).result for a, p in zip(made.body.arguments[1:], products, strict=True)]
        at.create("loop.yield", sums)
        return made

    def finish(
        self, builder: Builder, after: Sequence[Operation], values: dict[Value, Value], known: dict[Value, Index], position: Index, conditions: Sequence[Index]
    ) -> None:
        """What follows a sum at a position, where all conditions hold (are >= 0)."""
        inner = builder
        if conditions:
            _, inner, beyond = write.branch(builder, conditions, ())
            beyond.create("loop.yield")
        for operation in after:
            self.clone(operation, inner, values, known, position)
        if conditions:
            inner.create("loop.yield")

    def _substituted(self, slot: Index, known: dict[Value, Index]) -> Index:
        expression, operands = slot
        return write.combined(expression, [known.get(value, write.index_of(value)) for value in operands])

    def extended(self, tensor: Value, shape: Sequence[int]) -> Value:
        """A constant with zeros behind it."""
        key = (tensor, tuple(shape))
        if key not in self.flat:
            definer = tensor.definer
            assert definer is not None
            assert isinstance(tensor.type, TensorType)
            value, type = definer.properties["value"], TensorType(shape, tensor.type.element)
            assert isinstance(value, DenseElements)
            data = value.all_data
            dense = DenseElements(type, data + bytes(type.element_count * element_bytes(type.element) - len(data)))
            made = self.before.create("arith.constant", [], [type], {"value": dense}, attributes=dict(definer.attributes)).result
            made.name = tensor.name
            self.flat[key] = made
        return self.flat[key]


def shape_of(tensor: Value) -> tuple[int, ...]:
    assert isinstance(tensor.type, TensorType)
    return tuple(tensor.type.shape)


def reads_row(read: Operation, output: Value) -> bool:
    """Whether it reads a constant at the output's index along its first axis."""
    map, indices, definer = loop.access_map(read), loop.access_indices(read), loop.accessed_tensor(read).definer
    first = map.results[0] if map.results else None
    constant = definer is not None and definer.name == "arith.constant" and isinstance(definer.properties["value"], DenseElements)
    at_output = isinstance(first, AffineDimension) and indices[first.position] is output
    return constant and at_output and all(e.constant_value is not None for e in map.results[1:])


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
