"""The numbers that a scalar takes which depends on nothing but constants and the loops around it: it is computed for all their iterations."""

from __future__ import annotations

from math import prod

import numpy as np

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.buffer import referenced_symbol
from tinyir.dialects.loop_edits import Index
from tinyir.dialects.nest_accesses import around
from tinyir.dialects.value_ranges import LOADS
from tinyir.interp.machine import InterpreterError, Machine
from tinyir.ir.affine import AffineDimension
from tinyir.ir.affine_interval import Interval
from tinyir.ir.builder import Builder, find_symbol
from tinyir.ir.operation import Block, BlockArgument, Operation, Value
from tinyir.ir.types import I64, INDEX, TensorType

MOST_ITERATIONS = 1 << 20
"""More are not run."""
_CONSTANTS = ("arith.constant", "buffer.get_global")


def reached(module: Operation, value: Value) -> Interval | None:
    """The least and greatest number that an index takes; None if it depends on data, or on what stands under a condition or in too many iterations."""
    definer = value.definer
    if definer is None or value.type is not INDEX:
        return None
    loops, _ = around(definer)
    bounds = [loop.constant_bounds(each) for each in loops]
    trips = [high - low for low, high in (each or (0, 0) for each in bounds)]
    if any(each is None for each in bounds) or any(loop.step(each) != 1 for each in loops) or not 0 < prod(trips) <= MOST_ITERATIONS:
        return None
    needed: set[Value] = set()
    if not loops or not _gather(module, value, loops, needed) or any(each.name == "loop.if" and each.is_inside(loops[0]) for each in definer.ancestors()):
        return None
    return _run(module, value, loops, trips, needed)


def _gather(module: Operation, value: Value, loops: tuple[Operation, ...], needed: set[Value]) -> bool:
    """Adds all that a value depends on; False if that is more than constants and these loops."""
    pending = [value]
    while pending:
        current = pending.pop()
        if current in needed:
            continue
        needed.add(current)
        definer = current.definer
        if definer is None:
            owner = current.owner.parent_operation if isinstance(current, BlockArgument) else None
            if owner not in loops or not isinstance(current, BlockArgument):
                return False
            if current.index:
                pending += [loop.initial_values(owner)[current.index - 1], owner.body.terminator.operands[current.index - 1]]
        elif definer.name in _CONSTANTS:
            if definer.name == "buffer.get_global" and not _is_constant(module, definer):
                return False
        elif definer.regions or not (definer.name.startswith("arith.") or definer.name in (*LOADS, "loop.index", "buffer.view", "loop.reshape")):
            return False
        else:
            pending += definer.operands
    return True


def _is_constant(module: Operation, operation: Operation) -> bool:
    declared = find_symbol(module, referenced_symbol(operation, "name"))
    return declared is not None and "value" in declared.properties


def _run(module: Operation, value: Value, loops: tuple[Operation, ...], trips: list[int], needed: set[Value]) -> Interval | None:
    """Copies what is needed, notes the value of each iteration, and runs that; None: it does what has no meaning."""
    block = Block()
    builder = Builder.at_end(block)
    record = builder.create("loop.tensor", [], [TensorType(trips, I64)]).result
    known: dict[Value, Value] = {}
    for operation in dict.fromkeys(each.definer for each in needed):
        if operation is not None and not operation.is_inside(loops[0]):
            for each in _with_operands(operation, known):
                builder.insert(each.clone(known))
    _copy(builder, value, loops, needed, known, record, [])
    machine = Machine(module)
    try:
        machine.run_block(block)
    except InterpreterError:
        return None
    found = machine.values[record].elements()
    return int(np.min(found)), int(np.max(found))


def _with_operands(operation: Operation, known: dict[Value, Value]) -> list[Operation]:
    """An operation after those that define its operands, without what is there already."""
    if any(result in known for result in operation.results):
        return []
    before = [each for operand in operation.operands if operand.definer is not None for each in _with_operands(operand.definer, known)]
    return list(dict.fromkeys([*before, operation]))


def _copy(
    builder: Builder, value: Value, loops: tuple[Operation, ...], needed: set[Value], known: dict[Value, Value], record: Value, places: list[Index]
) -> None:
    """Copies the loops from the outermost in, of their bodies what is needed."""
    nest, inner = loops[0], loops[1:]
    carried = [argument.index - 1 for argument in nest.body.arguments[1:] if argument in needed]
    initial = [known[loop.initial_values(nest)[each]] for each in carried]
    bounds = loop.constant_bounds(nest)
    assert bounds is not None
    made = write.for_each(builder, [write.constant_index(bounds[1])], "", start=bounds[0], initial=initial, parallel=not carried)
    if loop.is_reverse(nest):
        made.properties["reverse"] = nest.properties["reverse"]
    body = Builder(made.body, made.body.last)
    known[loop.induction_variable(nest)] = loop.induction_variable(made)
    known.update({nest.body.arguments[1 + each]: argument for each, argument in zip(carried, made.body.arguments[1:], strict=True)})
    places = [*places, write.combined(AffineDimension(0) - bounds[0], [write.index_of(loop.induction_variable(made))])]
    for operation in nest.body.operations:
        if inner and operation is inner[0]:
            _copy(body, value, inner, needed, known, record, places)
        elif any(result in needed for result in operation.results):
            body.insert(operation.clone(known))
            if value in operation.results:
                write.define(body, body.create("arith.index_cast", [known[value]], [I64]).result, record, places)
    if carried:
        body.create("loop.yield", [known[nest.body.terminator.operands[each]] for each in carried])
