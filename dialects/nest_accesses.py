"""What one loop nest reads and writes: every access as a byte address, with the loops and conditions around it.

Passes that decide where bytes lie, or that prove that accesses stay inside, look at nests through this.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer import access_map, integer_property, referenced_symbol
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineSet
from tinyir.ir.attributes import IntegerAttribute, element_bytes
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import BlockArgument, Operation, Value
from tinyir.ir.types import MemRefType, TensorType


@attrs.frozen(eq=False)
class MemoryAccess:
    """One load or store.

    `operation`: the load or store; `memory`: the name of the global, or the `buffer.allocate` whose scratch it is.
    `address`: bytes from the start of the memory, over `variables`, or None if an index was computed from data.
    `variables`: the indices of `loops` (outermost first), then other index values that the address uses.
    """

    operation: Operation
    memory: str | Operation
    is_write: bool
    bytes: int
    address: AffineExpression | None
    loops: tuple[Operation, ...]
    conditions: tuple[Operation, ...]


def memory_behind(value: Value) -> tuple[str | Operation, int]:
    """The global (by name) or the allocation that a memref looks into, and from which byte on.

    Raises:
        TinyirError: it is an argument of a function.
    """
    offset = 0
    definer = value.definer
    while definer is not None and definer.name == "buffer.view":
        offset += integer_property(definer, "offset")
        definer = definer.operands[0].definer
    if definer is None:
        place = value.location.place if isinstance(value, BlockArgument) else None
        raise TinyirError("nothing is known of the memory behind a function's argument", place=place, hint="take it by buffer.get_global")
    if definer.name == "buffer.get_global":
        return referenced_symbol(definer, "name"), offset
    return definer, offset


def linear_address(operation: Operation, indices: Sequence[AffineExpression]) -> AffineExpression:
    """The element that a load or store touches, counted from the start of its memref; `indices` stand for its index operands."""
    memory = operation.operands[0 if operation.name == "buffer.load" else 1].type
    assert isinstance(memory, MemRefType)
    linear: AffineExpression = AffineConstant(0)
    stride = 1
    for index, extent in zip(reversed(access_map(operation).results), reversed(memory.shape), strict=True):
        linear = index.replace(indices) * stride + linear
        stride *= extent
    return linear


def nest_accesses(root: Operation) -> list[MemoryAccess]:
    """All loads and stores inside an operation, in program order."""
    found: list[MemoryAccess] = []
    _collect(root, (), (), found)
    return found


def _collect(operation: Operation, loops: tuple[Operation, ...], conditions: tuple[Operation, ...], found: list[MemoryAccess]) -> None:
    if operation.name in ("buffer.load", "buffer.store"):
        found.append(_access(operation, loops, conditions))
    if operation.name == "loop.for":
        loops = (*loops, operation)
    for number, region in enumerate(operation.regions):
        inner = (*conditions, operation) if operation.name == "loop.if" and number == 0 else conditions
        for block in region.blocks:
            for each in block:
                _collect(each, loops, inner, found)


def around(operation: Operation) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """The loops around an operation, outermost first, and the conditions that hold there."""
    loops: list[Operation] = []
    conditions: list[Operation] = []
    inner = operation
    for above in operation.ancestors():
        if above.name == "loop.for":
            loops.append(above)
        elif above.name == "loop.if" and inner.parent is above.regions[0].blocks[0]:
            conditions.append(above)
        inner = above
    return tuple(reversed(loops)), tuple(reversed(conditions))


def tensor_access(operation: Operation) -> MemoryAccess:
    """The same of a loop.read or loop.define before tensors have names: addresses are bytes from the start of the tensor, under whatever shape."""
    type = loop.accessed_tensor(operation).type
    assert isinstance(type, TensorType)
    size = element_bytes(type.element)
    loops, conditions = around(operation)
    indices = index_expressions(loop.access_indices(operation), loops)
    linear: AffineExpression = AffineConstant(0)
    for index, extent in zip(loop.access_map(operation).results, type.shape, strict=True):
        linear = linear * extent + (index.replace(indices) if indices is not None else AffineConstant(0))
    return MemoryAccess(operation, "", operation.name == "loop.define", size, linear * size if indices is not None else None, loops, conditions)


def _access(operation: Operation, loops: tuple[Operation, ...], conditions: tuple[Operation, ...]) -> MemoryAccess:
    is_write = operation.name == "buffer.store"
    value = operation.operands[1 if is_write else 0]
    assert isinstance(value.type, MemRefType)
    memory, offset = memory_behind(value)
    size = element_bytes(value.type.element)
    indices = index_expressions(operation.operands[2 if is_write else 1 :], loops)
    address = linear_address(operation, indices) * size + offset if indices is not None else None
    return MemoryAccess(operation, memory, is_write, size, address, loops, conditions)


def index_expressions(values: Sequence[Value], loops: Sequence[Operation]) -> list[AffineExpression] | None:
    """Index values as dimensions of the loops around, or as affine expressions of them; None if one comes from data."""
    position = {loop.induction_variable(each): AffineDimension(number) for number, each in enumerate(loops)}
    found: list[AffineExpression] = []
    for value in values:
        definer = value.definer
        if value in position:
            found.append(position[value])
        elif definer is not None and definer.name == "loop.index":
            inner = index_expressions(definer.operands, loops)
            if inner is None:
                return None
            found.append(access_map(definer).results[0].replace(inner))
        elif definer is not None and definer.name == "arith.constant":
            number = definer.properties["value"]
            assert isinstance(number, IntegerAttribute)
            found.append(AffineConstant(number.value))
        else:
            return None
    return found


def condition_constraints(conditions: Sequence[Operation], loops: Sequence[Operation]) -> list[AffineExpression]:
    """Expressions over the loops that are >= 0 wherever all conditions hold."""
    found: list[AffineExpression] = []
    for condition in conditions:
        indices = index_expressions(condition.operands, loops)
        constraints = condition.properties["condition"]
        assert isinstance(constraints, AffineSet)
        if indices is None:
            continue
        for expression, equal in constraints.constraints:
            replaced = expression.replace(indices)
            found += [replaced, -replaced] if equal else [replaced]
    return found


def bound_expressions(operation: Operation, loops: Sequence[Operation]) -> tuple[list[AffineExpression], list[AffineExpression]]:
    """Lower bounds (inclusive) and upper bounds (exclusive) of a loop, over the loops around it.

    Raises:
        ValueError: a bound comes from data.
    """
    lower = index_expressions(loop.lower_operands(operation), loops)
    upper = index_expressions(loop.upper_operands(operation), loops)
    if lower is None or upper is None:
        raise ValueError("a loop bound is computed from data")
    lowers = [result.replace(lower) for result in loop.lower_map(operation).results]
    return lowers, [result.replace(upper) for result in loop.upper_map(operation).results]
