"""Loop nests that make their tensor row by row, and the rows of other tensors that they read for each of theirs.

The rows of a tensor are those of its first axis that is longer than one: whole rows follow each other in memory.  A nest makes
rows if its outermost loop runs over the rows of the one tensor that it defines, or if the outermost of its sums does (a global
pool): then the sums so far are carried from row to row.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import bound_expressions, index_expressions
from tinyir.ir.affine import AffineBinary, AffineConstant, AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.ir.affine_interval import Interval, interval_of
from tinyir.ir.attributes import element_bytes
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import IntegerType, TensorType

Rows = NDArray[numpy.int64]


@attrs.frozen(eq=False)
class RowRead:
    """The rows of a tensor that a nest reads for each of its own: from `first` to `last`; none where first > last.

    `slope`: by how many rows the window moves from one row of the nest to the next.  `ahead` and `behind`: how far it reaches at
    most before and after slope * row.
    """

    tensor: Value
    first: Rows
    last: Rows
    slope: Fraction
    ahead: Fraction = attrs.field(init=False)
    behind: Fraction = attrs.field(init=False)

    @ahead.default
    def _ahead(self) -> Fraction:
        return max((Fraction(int(self.last[row])) - self.slope * int(row) for row in self.runs), default=Fraction(0))

    @behind.default
    def _behind(self) -> Fraction:
        return max((self.slope * int(row) - int(self.first[row]) for row in self.runs), default=Fraction(0))

    @property
    def runs(self) -> Rows:
        """The rows of the nest that read anything."""
        return numpy.flatnonzero(self.first <= self.last)


@attrs.frozen(eq=False)
class RowNest:
    """A nest at the root of a function: what it makes in `rows` rows, what it reads for them.

    `carrier`: the loop over the rows; the root itself, or the loop of a sum.
    """

    root: Operation
    carrier: Operation
    tensor: Value
    rows: int
    reads: tuple[RowRead, ...]

    @property
    def carries_sums(self) -> bool:
        return self.carrier is not self.root


def stored(tensor: Value) -> Value:
    """The tensor whose elements a value holds, under whatever shape."""
    while tensor.definer is not None and tensor.definer.name == "loop.reshape":
        tensor = tensor.definer.operands[0]
    return tensor


def is_constant(tensor: Value) -> bool:
    """Whether a tensor's elements are known at compile time."""
    definer = stored(tensor).definer
    return definer is not None and definer.name == "arith.constant"


def row_axis(tensor: Value) -> int | None:
    """The first axis that is longer than one."""
    assert isinstance(tensor.type, TensorType)
    return next((axis for axis, extent in enumerate(tensor.type.shape) if extent > 1), None)


def tensor_bytes(tensor: Value) -> int:
    assert isinstance(tensor.type, TensorType)
    return tensor.type.element_count * element_bytes(tensor.type.element)


def row_elements(tensor: Value) -> int:
    """The elements of one row; all if there are no rows."""
    axis = row_axis(tensor)
    assert isinstance(tensor.type, TensorType)
    return tensor.type.element_count // (tensor.type.shape[axis] if axis is not None else 1)


def row_bytes(tensor: Value) -> int:
    """The bytes of one row; of all if there are no rows."""
    assert isinstance(tensor.type, TensorType)
    return row_elements(tensor) * element_bytes(tensor.type.element)


def row_nest(root: Operation) -> RowNest | None:
    """The nest by rows; None if it does not make its tensor so, reads rows at places that data decide, or rows of one element."""
    defines = [operation for operation in root.walk() if operation.name == "loop.define"]
    if root.name != "loop.for" or len(defines) != 1 or any(operation.name == "loop.tensor" for operation in root.walk()):
        return None
    (define,) = defines
    carrier = root if _runs_over_rows(root, define) else carried_sum(root, define)
    bounds = loop.constant_bounds(carrier) if carrier is not None else None
    if carrier is None or bounds is None:
        return None
    reads: list[RowRead] = []
    for operation in root.walk():
        if operation.name == "loop.read" and not is_constant(loop.accessed_tensor(operation)):
            found = _row_read(operation, carrier, bounds) if stored(operation.operands[0]) is operation.operands[0] else None
            if found is None:
                return None
            reads.append(found)
    return RowNest(root, carrier, define.operands[1], bounds[1], tuple(reads))


def _is_plain(nest: Operation) -> bool:
    bounds = loop.constant_bounds(nest)
    return bounds is not None and bounds[0] == 0 and bounds[1] > 0 and loop.step(nest) == 1 and not loop.is_reverse(nest)


def _runs_over_rows(root: Operation, define: Operation) -> bool:
    """Whether the root loop selects the row that is defined, and nothing else about it."""
    axis = row_axis(define.operands[1])
    if axis is None or row_elements(define.operands[1]) == 1 or not _is_plain(root) or not loop.is_parallel(root):
        return False
    variable, indices = loop.induction_variable(root), loop.access_indices(define)
    bounds = loop.constant_bounds(root)
    assert bounds is not None
    assert isinstance(define.operands[1].type, TensorType)
    selecting = [number for number, e in enumerate(loop.access_map(define).results) if any(indices[d] is variable for d in used_dimensions(e))]
    expression = loop.access_map(define).results[axis]
    return selecting == [axis] and isinstance(expression, AffineDimension) and bounds[1] == define.operands[1].type.shape[axis]


def carried_sum(root: Operation, define: Operation) -> Operation | None:
    """The outermost loop of the one sum that a nest of parallel loops makes for each element, if it may be cut between rows.

    Of integers: that their sum is the same in parts has a proof.
    """
    nest = root
    while nest.body.first is not None and nest.body.first.name == "loop.for" and loop.is_parallel(nest.body.first):
        if not loop.is_parallel(nest) or not _is_plain(nest) or nest.body.first.next is not nest.body.terminator:
            return None
        nest = nest.body.first
    if not loop.is_parallel(nest) or not _is_plain(nest) or define.parent is not nest.body:
        return None
    sums = [operation for operation in nest.body if operation.name == "loop.for"]
    if len(sums) != 1 or not _is_plain(sums[0]) or not _adds_up(sums[0]):
        return None
    around = [operation for operation in nest.body if operation is not sums[0]]
    if any((operation.name == "loop.read" and not is_constant(operation.operands[0])) or operation.regions for operation in around):
        return None
    return sums[0]


def _adds_up(nest: Operation) -> bool:
    """Whether a loop carries one integer to which each iteration adds."""
    if loop.is_parallel(nest) or len(nest.results) != 1 or not isinstance(nest.results[0].type, IntegerType):
        return False
    carried, (value,) = nest.body.arguments[1], nest.body.terminator.operands
    last = value.definer
    if last is None or last.name != "loop.for":
        return last is not None and last.name == "arith.addi" and carried in last.operands
    return carried in last.operands and _adds_up(last)


# -- the rows that are read


def _row_read(read: Operation, carrier: Operation, bounds: tuple[int, int]) -> RowRead | None:
    tensor = read.operands[0]
    axis = row_axis(tensor)
    loops = [above for above in reversed(list(read.ancestors())) if above.name == "loop.for"]
    if axis is None or row_elements(tensor) == 1 or not any(each is carrier for each in loops):
        return None
    indices = index_expressions(loop.access_indices(read), loops)
    if indices is None:
        return None
    assert isinstance(tensor.type, TensorType)
    row, pinned = loop.access_map(read).results[axis].replace(indices), loops.index(carrier)
    ranges = [_range(row, loops, pinned, position) for position in range(*bounds)]
    first = numpy.array([max(low, 0) for low, _ in ranges], numpy.int64)
    last = numpy.array([min(high, tensor.type.shape[axis] - 1) for _, high in ranges], numpy.int64)
    return RowRead(tensor, first, last, slope(row, pinned))


def _range(row: AffineExpression, loops: Sequence[Operation], pinned: int, position: int) -> Interval:
    """The rows read while the pinned loop is at one position; an empty interval if a loop around does not run."""
    needed = _needed(row, loops)
    ranges: list[Interval] = []
    for number, each in enumerate(loops):
        if number == pinned:
            ranges.append((position, position))
        elif number not in needed:
            ranges.append((0, 0))
        else:
            lowers, uppers = bound_expressions(each, loops[:number])
            low = max(interval_of(bound, ranges)[0] for bound in lowers)
            high = min(interval_of(bound, ranges)[1] for bound in uppers) - 1
            if low > high:
                return 1 << 30, -1
            ranges.append((low, high))
    return interval_of(row, ranges)


def _needed(row: AffineExpression, loops: Sequence[Operation]) -> set[int]:
    """The loops that a row depends on, directly or through their bounds."""
    needed = used_dimensions(row)
    for number in range(len(loops) - 1, -1, -1):
        if number in needed:
            lowers, uppers = bound_expressions(loops[number], loops[:number])
            needed = needed.union(*(used_dimensions(bound) for bound in (*lowers, *uppers)))
    return needed


def slope(expression: AffineExpression, position: int) -> Fraction:
    """How far an expression moves on average for each step of one dimension."""
    total = Fraction(0)
    for factor, coefficient in linear_terms(expression).items():
        if isinstance(factor, AffineDimension) and factor.position == position:
            total += coefficient
        elif isinstance(factor, AffineBinary) and factor.kind != "mod" and isinstance(factor.right, AffineConstant):
            total += coefficient * slope(factor.left, position) / factor.right.value
    return total
