"""Sums of products as loop nests: what a schedule must know before it blocks, stages or vectorizes one.

    for %p, %q, %o parallel {
      prologue (the bias)
      for %i = max(0, ...) to min(...), %j, %k iter(%a) { %a + widened(x[%p, %q, %i, %j, %k]) * widened(w[%o, %i, %j, %k]) }
      epilogue (requantization) ... define y[%p, %q, %o]
    }
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.dialects.loop_edits import Index
from tinyir.interp.equations import dense_array
from tinyir.ir.affine import AffineBinary, AffineDimension, AffineExpression
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I8, I16, I32, TensorType

MOST_SHIFT = 1 << 14
"""A zero point below this keeps the difference of two bytes within 16 bits."""


@attrs.frozen(eq=False)
class Factor:
    """One side of a product: a read of bytes, widened, less a constant."""

    read: Operation
    shift: int

    @property
    def tensor(self) -> Value:
        return loop.accessed_tensor(self.read)

    def uses(self, loops: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """Those of the loops whose index the read depends on."""
        indices = loop.access_indices(self.read)
        return tuple(each for each in loops if loop.induction_variable(each) in indices)


@attrs.frozen(eq=False)
class ProductNest:
    """A nest of parallel loops (`loops`, outermost first) around one sum of products over `folds` (outermost first).

    `x` moves with the positions, `w` with the outputs: a constant if one of the factors is; `define` ends the innermost body.
    """

    root: Operation
    loops: tuple[Operation, ...]
    folds: tuple[Operation, ...]
    x: Factor
    w: Factor
    define: Operation

    @property
    def body(self) -> Block:
        return self.loops[-1].body

    @property
    def sum(self) -> Operation:
        return self.folds[0]

    @property
    def outputs(self) -> tuple[Operation, ...]:
        """The parallel loops that select weights."""
        return self.w.uses(self.loops)

    @property
    def has_plain_weights(self) -> bool:
        """Whether one factor is a constant that is multiplied as it lies in memory."""
        return _is_constant(self.w.tensor) and not self.w.shift

    @property
    def positions(self) -> tuple[Operation, ...]:
        """The parallel loops that do not."""
        outputs = self.outputs
        return tuple(each for each in self.loops if each not in outputs)

    def position_conditions(self) -> list[Index]:
        """The conditions (>= 0) under which a position of a nest of a part of a block of rows is one that there is."""
        first = self.loops[0]
        return [(expression, (loop.induction_variable(first), *operands)) for expression, operands in _clips(first)]

    def clip_conditions(self) -> list[list[tuple[AffineExpression, tuple[Value, ...]]]]:
        """For each fold the conditions (>= 0, with their operands) under which an index of its whole extent is one of the sum.

        Dimension 0 of each expression is the fold's own index, the others are the operands.
        """
        return [_clips(fold) for fold in self.folds]

    def split_body(self) -> tuple[list[Operation], list[Operation]]:
        """What is beside the sum: operations that depend on the outputs alone, and the others (the define among them)."""
        moving: set[Value] = {*(loop.induction_variable(each) for each in self.positions), *self.sum.results}
        fixed: list[Operation] = []
        rest: list[Operation] = []
        for operation in self.body:
            if operation is self.sum or operation.name == "loop.yield":
                continue
            if operation is self.define or any(o in moving for o in operation.operands):
                moving.update(operation.results)
                rest.append(operation)
            else:
                fixed.append(operation)
        return fixed, rest

    def around_sum(self, operations: Sequence[Operation]) -> tuple[list[Operation], list[Operation]]:
        """Those of some operations that the sum starts from, and the others: they may follow it, so that less is alive meanwhile."""
        needed: set[Operation] = set()
        pending = [self.sum.operands[-1].definer]
        while pending:
            operation = pending.pop()
            if operation is not None and operation not in needed and operation in operations:
                needed.add(operation)
                pending += [operand.definer for operand in operation.operands]
        return [o for o in operations if o in needed], [o for o in operations if o not in needed]


def widened(builder: Builder, element: Value, factor: Factor) -> Value:
    """A byte less the factor's shift, in 16 bits."""
    wide = builder.create("arith.extsi", [element], [I16]).result
    if not factor.shift:
        return wide
    shift = builder.create("arith.constant", [], [I16], {"value": IntegerAttribute(factor.shift, I16)}).result
    return builder.create("arith.subi", [wide, shift], [I16]).result


def extent_of(nest: Operation) -> int:
    """The number of values from zero that the loop's index can take.

    Raises:
        ValueError: the bounds of the loops around do not say it.
    """
    known = loop.index_range(nest)
    if known is None:
        raise ValueError("the loop has no known bounds")
    return known[1] + 1


def group_size(nest: ProductNest, each: Operation) -> int:
    """How many neighbours along a loop read the same of x: all that x has to do with the loop is the number of their group."""
    indices, variable = loop.access_indices(nest.x.read), loop.induction_variable(each)
    divisors = {d for e in loop.access_map(nest.x.read).results for d in _divisors(e, indices, variable)}
    size = divisors.pop() if len(divisors) == 1 else 1
    return size if extent_of(each) % size == 0 else 1


def _divisors(expression: AffineExpression, indices: Sequence[Value], variable: Value) -> list[int]:
    """What a variable is divided by where it stands; 1 where it stands alone."""
    if isinstance(expression, AffineDimension):
        return [1] if indices[expression.position] is variable else []
    if not isinstance(expression, AffineBinary):
        return []
    divisor = expression.right.constant_value
    if expression.kind == "floordiv" and divisor and isinstance(expression.left, AffineDimension) and indices[expression.left.position] is variable:
        return [divisor]
    return [*_divisors(expression.left, indices, variable), *_divisors(expression.right, indices, variable)]


def _clips(fold: Operation) -> list[tuple[AffineExpression, tuple[Value, ...]]]:
    index = AffineDimension(0)
    found: list[tuple[AffineExpression, tuple[Value, ...]]] = []
    for map, operands, sign in ((loop.lower_map(fold), loop.lower_operands(fold), 1), (loop.upper_map(fold), loop.upper_operands(fold), -1)):
        moved = map.replace([AffineDimension(i + 1) for i in range(map.dimensions)], map.dimensions + 1)
        for result in moved.results:
            if result.constant_value is None:
                found.append((index - result if sign > 0 else result - index - 1, operands))
    return found


def scheduled_nests(function: Operation) -> list[Operation]:
    """The nests of `whole_nests`, and of a loop over groups (of channels, heads, images) the nest of one group."""
    return [of_one_group(nest) for nest in whole_nests(function)]


def whole_nests(function: Operation) -> list[Operation]:
    """The nests at the root of a function; of a loop that runs several row by row those of one row, which know the row from outside."""
    found: list[Operation] = []
    for root in (operation for operation in function.body if operation.name == "loop.for"):
        rows = [] if loop.is_parallel(root) else [operation for operation in root.body if operation.name == "loop.for"]
        inner = [row.body.first for row in rows if loop.is_parallel(row) and row.body.first is not None and row.body.first.next is row.body.terminator]
        found += [nest for nest in inner if nest.name == "loop.for"] if rows and not root.results else [root]
    return found


def of_one_group(root: Operation) -> Operation:
    """The nest inside of the loops that both factors move with, if within it each factor has a loop of its own."""
    nest = find_product_nest(root)
    if nest is None or not nest.positions or all(each in nest.outputs for each in nest.x.uses(nest.loops)):
        return root
    groups = [each for each in nest.x.uses(nest.loops) if each in nest.outputs]
    return nest.loops[len(groups)] if list(nest.loops[: len(groups)]) == groups and len(nest.outputs) > len(groups) else root


def spare_bytes(nest: Operation) -> int | None:
    """What a nest may take as scratch without making the network's peak of memory higher; None if nobody has said so."""
    return _stated(nest, "spare_bytes")


def beyond_bytes(nest: Operation) -> int:
    """What of that makes it higher all the same."""
    return _stated(nest, "beyond_bytes") or 0


def _stated(nest: Operation, name: str) -> int | None:
    stated = nest.attributes.get(name)
    for above in nest.ancestors():
        stated = above.attributes.get(name, stated)
    return stated.value if isinstance(stated, IntegerAttribute) else None


def kept_axes(tensor: Value) -> int:
    """The leading axes of a tensor that must stay as they are under another shape: up to the last ring."""
    fold = tensor.definer.properties.get("fold") if tensor.definer is not None else None
    return max((axis + 1 for axis, length in enumerate(fold.values) if length), default=0) if isinstance(fold, DenseArray) else 0


def find_product_nest(root: Operation, in_part: bool = False) -> ProductNest | None:
    """The sum of products that a root loop computes, if it is of this form.

    `in_part`: the root may be a loop over a block of rows some of which are not there (`ProductNest.position_conditions`).
    """
    loops = _parallel_loops(root, in_part)
    if not loops:
        return None
    body = loops[-1].body
    folds = [operation for operation in body if operation.name == "loop.for"]
    define = body.terminator.previous
    if len(folds) != 1 or define is None or define.name != "loop.define" or any(o.regions for o in body if o is not folds[0]):
        return None
    if any(o.name == "loop.define" for o in body if o is not define):
        return None
    chain = _fold_chain(folds[0])
    factors = _factors(chain[-1]) if chain else None
    if factors is None:
        return None
    first, second = factors
    x, w = (second, first) if _is_constant(first.tensor) else (first, second)
    if _is_constant(x.tensor):
        return None
    return ProductNest(root, loops, tuple(chain), x, w, define)


def constant_elements(tensor: Value) -> NDArray[np.int64] | None:
    """The elements of a constant of integers."""
    definer = tensor.definer
    value = definer.properties["value"] if definer is not None and definer.name == "arith.constant" else None
    return dense_array(value).astype(np.int64) if isinstance(value, DenseElements) else None


def places_read(read: Operation, loops: Sequence[Operation]) -> NDArray[np.int64] | None:
    """The numbers of the elements that a read reads, an axis for each of some loops that count from zero; None if they depend on more."""
    type = loop.accessed_tensor(read).type
    assert isinstance(type, TensorType)
    variables: dict[Value, int] = {loop.induction_variable(each): number for number, each in enumerate(loops)}
    axes = [variables.get(index) for index in loop.access_indices(read)]
    if None in axes:
        return None
    extents = [extent_of(each) for each in loops]
    grids: Any = np.indices(extents)  # integers, as far as affine expressions know
    places: NDArray[np.int64] = np.zeros(extents, np.int64)
    for place, extent in zip(loop.access_map(read).evaluate([grids[axis] for axis in axes]), type.shape, strict=True):
        places = places * extent + place
    return places


def weight_elements(nest: ProductNest) -> NDArray[np.int64] | None:
    """What a nest with one loop over outputs multiplies x by, over the output and the folds; None if that is not constant."""
    elements, places = constant_elements(nest.w.tensor), places_read(nest.w.read, [*nest.outputs, *nest.folds])
    return None if elements is None or places is None else elements.reshape(-1)[places] - nest.w.shift


def _is_constant(tensor: Value) -> bool:
    definer = tensor.definer
    return definer is not None and definer.name == "arith.constant" and isinstance(definer.properties["value"], DenseElements)


def _parallel_loops(root: Operation, in_part: bool) -> tuple[Operation, ...]:
    """The perfectly nested parallel loops from a root on, each from zero by one; `in_part`: the outermost has bounds beside those."""
    found: list[Operation] = []
    nest: Operation | None = root
    while nest is not None and nest.name == "loop.for" and loop.is_parallel(nest) and not nest.results:
        bounds = loop.constant_bounds(nest)
        whole = bounds is not None and bounds[0] == 0
        if loop.step(nest) != 1 or not (whole or (in_part and nest is root and from_zero(nest))):
            return ()
        found.append(nest)
        first = nest.body.first
        nest = first if first is not None and first.next is nest.body.terminator else None
    return tuple(found)


def _fold_chain(fold: Operation) -> list[Operation]:
    """The loops of a sum over one accumulator, each the only content of the one around it; empty if they are not so."""
    chain: list[Operation] = []
    nest = fold
    while True:
        if len(nest.results) != 1 or loop.is_parallel(nest) or loop.step(nest) != 1 or not from_zero(nest):
            return []
        chain.append(nest)
        inner = nest.body.first
        if inner is None or inner.name != "loop.for":
            return chain
        passes = loop.initial_values(inner) == nest.body.arguments[1:] and nest.body.terminator.operands == inner.results
        if inner.next is not nest.body.terminator or not passes:
            return []
        nest = inner


def from_zero(fold: Operation) -> bool:
    """Whether a loop's index lies in 0 .. extent - 1 for a known extent, from 0 on for some index of the loops around."""
    known = loop.index_range(fold)
    return known is not None and known[0] == 0 and known[1] >= 0


def _factors(fold: Operation) -> tuple[Factor, Factor] | None:
    """The factors of `accumulator + a * b`, if that is all that the innermost loop does."""
    body = fold.body
    if any(o.name not in ("loop.read", "arith.constant", "arith.extsi", "arith.subi", "arith.muli", "arith.addi", "loop.yield") for o in body):
        return None
    accumulator = body.arguments[1]
    add = body.terminator.operands[0].definer
    if add is None or add.name != "arith.addi" or accumulator not in add.operands or accumulator.use_count != 1 or add.result.type is not I32:
        return None
    product = next(o for o in add.operands if o is not accumulator).definer
    if product is None or product.name != "arith.muli":
        return None
    first, second = (_factor(operand) for operand in product.operands)
    return None if first is None or second is None else (first, second)


def _factor(value: Value) -> Factor | None:
    definer, shift = value.definer, 0
    if definer is not None and definer.name == "arith.subi":
        constant = definer.operands[1].definer
        attribute = constant.properties.get("value") if constant is not None else None
        if not isinstance(attribute, IntegerAttribute) or not -MOST_SHIFT < attribute.value < MOST_SHIFT:
            return None
        definer, shift = definer.operands[0].definer, attribute.value
    if definer is None or definer.name != "arith.extsi":
        return None
    read = definer.operands[0].definer
    if read is None or read.name != "loop.read":
        return None
    type = loop.accessed_tensor(read).type
    return Factor(read, shift) if isinstance(type, TensorType) and type.element is I8 else None
