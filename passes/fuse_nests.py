"""loop -> loop: a tensor whose every element is read once is computed where it is read, and is stored nowhere.

    for %p { %a = sum ...  loop.define %a, %t[%p] }            for %p { %a = sum ...
    for %p { %v = loop.read %t[%p]  define f(%v), %y[%p] }  =>           define f(%a), %y[%p] }

This is compute-at at the innermost loop of the reader.  Nests that only move elements are computed where they
are read however often that is, since a move costs nothing there; but for sums that read whole words behind the move and single
elements without it (`word_moves`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.product_nests import extent_of
from tinyir.dialects.product_rows import LANES
from tinyir.ir.affine import AffineDimension
from tinyir.ir.attributes import StringAttribute, element_bytes
from tinyir.ir.builder import Builder, functions
from tinyir.ir.location import fuse
from tinyir.ir.operation import BlockArgument, Operation, Value
from tinyir.ir.types import I8, TensorType
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class FuseNests(Pass):
    """Computes producers at their readers, until nothing changes.

    `sums_apart`: what holds a sum is not computed inside of a nest that holds another, so that each nest has one to be scheduled.
    `sums_alone`: nor is a sum that ends in bytes inside of a nest that reads another tensor, so that nests of sums that differ in nothing but
    numbers stay so.
    `word_moves`: a move for the sake of sums that then read so many neighbours together is carried out once, where that takes fewer
    instructions; 0: never.
    `narrowing_apart`: what makes elements of at most half the bytes (a quantization) is not computed where they are read in another order: it
    then writes over its own input.
    """

    name: ClassVar[str] = "fuse_nests"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    keeps_tensors: ClassVar[bool] = False

    sums_apart: bool = False
    sums_alone: bool = False
    word_moves: int = 0
    narrowing_apart: bool = False

    def run(self, module: Operation, context: PassContext) -> None:
        costs = context.target.costs.instructions if context.target is not None else {}
        for function in functions(module):
            # producers first: what is fused into a nest moves on with it.  But before a nest takes in the sum that it reads, and has to be stored
            # then, one that widens elements goes to its reader: the narrow ones are stored
            for only_widening in (True, False):
                for tensor in [operation for operation in function.body if operation.name == "loop.tensor"]:
                    producer = _producer(tensor)
                    if producer is not None and (not only_widening or _widens(producer, tensor.result)):
                        self._fuse(tensor, producer, costs)

    def _fuse(self, tensor: Operation, producer: _Producer, costs: Mapping[str, float]) -> None:
        readers = [user for user in tensor.result.users if user is not producer.define]
        if not readers or any(reader.name != "loop.read" or reader.is_inside(producer.root) for reader in readers):
            return
        moves = all(inner.name in ("loop.for", "loop.yield", "loop.read", "loop.define") for inner in producer.root.walk())
        if not moves and not (len(readers) == 1 and _reads_once(readers[0])):
            return
        if self.narrowing_apart and not moves and _narrows(producer) and not _reads_in_order(producer, readers[0]):
            return
        if moves and self.word_moves and _saved_by_moving(producer, readers, self.word_moves, costs) > 0:
            return
        if _holds_sum(producer.root) and any(self._keeps_apart(_root(reader), tensor.result) for reader in readers):
            return
        for reader in readers:
            _compute_at(producer, reader)
        producer.root.erase()
        tensor.erase()

    def _keeps_apart(self, reader: Operation, result: Value) -> bool:
        """Whether a nest is not to compute a sum that it reads."""
        if self.sums_apart and _holds_sum(reader):
            return True
        return self.sums_alone and _is_of_bytes(result) and any(o.name == "loop.read" and _is_computed(o.operands[0], result) for o in reader.walk())


@attrs.frozen(eq=False)
class _Producer:
    """The nest that defines a tensor: its root, its define, and the loop variable of each axis (None: extent 1)."""

    root: Operation
    define: Operation
    variables: tuple[Value | None, ...]


def _producer(tensor: Operation) -> _Producer | None:
    """The only nest that defines the tensor, if it is a plain nest around one define of every element."""
    defines = [user for user in tensor.result.users if user.name == "loop.define"]
    type = tensor.result.type
    assert isinstance(type, TensorType)
    if len(defines) != 1 or "fold" in tensor.properties or "layout" in tensor.properties:
        return None
    define = defines[0]
    loops = _plain_loops(define)
    if loops is None or not loops or loops[-1].parent is not tensor.parent:
        return None
    variables = _axis_variables(define, type, loops)
    return None if variables is None else _Producer(loops[-1], define, variables)


def _plain_loops(define: Operation) -> list[Operation] | None:
    """The loops around a define, innermost first, if each is parallel and holds nothing else beside its inner one."""
    found: list[Operation] = []
    inner = define
    for above in define.ancestors():
        if above.name != "loop.for":
            break
        if not loop.is_parallel(above) or loop.step(above) != 1 or (found and above.body.first is not inner):
            return None
        found.append(above)
        inner = above
    return found


def _axis_variables(define: Operation, type: TensorType, loops: list[Operation]) -> tuple[Value | None, ...] | None:
    """For each axis the variable that runs over it whole; None if the define is not of this form."""
    indices = loop.access_indices(define)
    bounds: dict[Value, tuple[int, int] | None] = {loop.induction_variable(nest): loop.constant_bounds(nest) for nest in loops}
    found: list[Value | None] = []
    for expression, extent in zip(loop.access_map(define).results, type.shape, strict=True):
        if expression.constant_value == 0 and extent == 1:
            found.append(None)
        elif isinstance(expression, AffineDimension) and bounds.get(indices[expression.position]) == (0, extent):
            found.append(indices[expression.position])
        else:
            return None
    used = [variable for variable in found if variable is not None]
    return tuple(found) if len(set(used)) == len(used) == len(loops) else None


def _reads_once(reader: Operation) -> bool:
    """Whether no element is read twice: every loop around selects an axis of its own."""
    indices = loop.access_indices(reader)
    selected = {indices[e.position] for e in loop.access_map(reader).results if isinstance(e, AffineDimension)}
    around = [above for above in reader.ancestors() if above.name in ("loop.for", "loop.if")]
    return all(above.name == "loop.for" and loop.induction_variable(above) in selected for above in around)


def _narrows(producer: _Producer) -> bool:
    """Whether every element is made of one tensor's alone, of elements that are at least twice as large."""
    made = producer.define.operands[1]
    read = _computed_reads(producer)
    return len(read) == 1 and _width(read[0]) >= 2 * _width(made)


def _reads_in_order(producer: _Producer, reader: Operation) -> bool:
    """Whether elements are read in the order in which the producer defines them."""
    defined = [loop.induction_variable(nest) for nest in reversed(_plain_loops(producer.define) or ()) if extent_of(nest) > 1]
    indices = loop.access_indices(reader)
    at = {indices[e.position]: v for e, v in zip(loop.access_map(reader).results, producer.variables, strict=True) if isinstance(e, AffineDimension)}
    read = [at.get(loop.induction_variable(above)) for above in reader.ancestors() if above.name == "loop.for"][::-1]
    return [variable for variable in read if variable in defined] == defined


def _root(operation: Operation) -> Operation:
    """The operation of the function's body that holds this one."""
    top = operation
    for above in operation.ancestors():
        if above.name == "func.func":
            break
        top = above
    return top


def _holds_sum(root: Operation) -> bool:
    return any(o.name == "loop.for" and not loop.is_parallel(o) for o in root.walk())


def _widens(producer: _Producer, result: Value) -> bool:
    """Whether a nest without a sum computes its elements from those of one tensor, which take fewer bytes."""
    read = {*_computed_reads(producer)}
    return len(read) == 1 and not _holds_sum(producer.root) and all(_width(tensor) < _width(result) for tensor in read)


def _computed_reads(producer: _Producer) -> list[Value]:
    """The tensors, other than constants and its own, that the reads of a nest are of."""
    return [o.operands[0] for o in producer.root.walk() if o.name == "loop.read" and _is_computed(o.operands[0], producer.define.operands[1])]


def _width(tensor: Value) -> int:
    """Bytes of an element."""
    assert isinstance(tensor.type, TensorType)
    return element_bytes(tensor.type.element)


def _is_of_bytes(tensor: Value) -> bool:
    return isinstance(tensor.type, TensorType) and tensor.type.element is I8


def _is_computed(tensor: Value, result: Value) -> bool:
    """Whether a tensor that is read is another than a result, and no constant."""
    return tensor is not result and (tensor.definer is None or tensor.definer.name != "arith.constant")


def _saved_by_moving(producer: _Producer, readers: Sequence[Operation], unit: int, costs: Mapping[str, float]) -> float:
    """The instructions that readers save by reading `unit` neighbours together if a move is carried out once, less what that takes.

    Counted where terms are widened (`costs`).
    """
    alone, together = costs.get("copied_term", 0.0), costs.get("widened_lanes", 0.0) / LANES
    source = producer.define.operands[0].definer
    if source is None or source.name != "loop.read" or source.result.type is not I8:
        return 0.0
    if _last_variable(source) is producer.variables[-1]:
        return 0.0  # words lie together before the move as well
    saved = -alone * prod(extent_of(nest) for nest in _plain_loops(producer.define) or ())
    for reader in readers:
        around = next((above for above in reader.ancestors() if above.name == "loop.for"), None)
        if around is not None and not loop.is_parallel(around) and _last_variable(reader) is loop.induction_variable(around):
            run, indices = extent_of(around), loop.access_indices(reader)
            moving = [above for above in reader.ancestors() if above.name == "loop.for" and loop.induction_variable(above) in indices]
            saved += (alone - together) * (run // unit * unit) * prod(extent_of(above) for above in moving if above is not around)
    return saved


def _last_variable(access: Operation) -> Value | None:
    """The variable that runs along an access's last axis by one; None without one."""
    last = loop.access_map(access).results[-1]
    return loop.access_indices(access)[last.position] if isinstance(last, AffineDimension) else None


def _compute_at(producer: _Producer, reader: Operation) -> None:
    """Replaces a read by the computation of the element that it reads."""
    indices = loop.access_indices(reader)
    known: dict[Value, Index] = {}
    for variable, expression in zip(producer.variables, loop.access_map(reader).results, strict=True):
        if variable is not None:
            known[variable] = (expression, indices)
            if isinstance(expression, AffineDimension):
                _take_name(indices[expression.position], variable)
    values: dict[Value, Value] = {}
    builder = Builder(reader.parent, reader) if reader.parent is not None else Builder.before(reader)
    body = producer.define.parent
    assert body is not None
    for operation in body:
        if operation is producer.define:
            break
        builder.insert(clone_substituted(operation, values, known))
    element = producer.define.operands[0]
    top = _root(reader)
    for nested in top.walk():
        nested.location = fuse(producer.root.location, nested.location) if nested is top else nested.location
    reader.replace_by(values.get(element, element))


def _take_name(reader: Value, producer: Value) -> None:
    """Names the reader's axis as the producer does: `p, q, o` of a convolution tell more than the `d1, d2, d3` around it."""
    assert isinstance(reader, BlockArgument)
    nest = reader.owner.parent_operation
    if nest is not None and nest.name == "loop.for" and loop.induction_variable(nest) is reader and producer.name:
        reader.name = producer.name
        nest.properties["label"] = StringAttribute(producer.name)
