"""What functions of the C level take, about: bytes of code, and instructions where numbers that were known become parameters."""

from __future__ import annotations

from collections.abc import Collection

from tinyir.dialects.c_shapes import Hole
from tinyir.dialects.c_writer import literal_of
from tinyir.ir.attributes import ArrayAttribute, IntegerAttribute
from tinyir.ir.operation import Operation

OPERATION_BYTES = 3
"""Code that one operation becomes (Thumb)."""
LINE_BYTES = 3.5
"""The same of one line of assembly."""
UNKNOWN_TRIPS = 8
ENTERED = 12
"""Instructions that it takes to enter a loop whose bounds are parameters: what moves with it is computed and spilled."""
WRITTEN_OUT = (6, 4)
"""Loops of so few trips are written out by compilers if that is known, which saves so many instructions a trip."""
READ_BESIDE_ASSEMBLY, READ = 1.0, 0.25
"""Instructions for each parameter that an iteration reads, where blocks of assembly take the registers and elsewhere."""


def code_bytes(operation: Operation) -> float:
    """The code of an operation with all that is in it; of alternatives that of the first."""
    if operation.name == "c.assembly":
        lines = operation.properties["lines"]
        assert isinstance(lines, ArrayAttribute)
        return LINE_BYTES * len(lines.elements)
    if operation.name == "c.alternative":
        return sum(code_bytes(inner) for inner in operation.regions[0].block)
    return OPERATION_BYTES + sum(code_bytes(inner) for region in operation.regions for block in region.blocks for inner in block)


def added_instructions(function: Operation, holes: Collection[Hole]) -> float:
    """What a run of the function takes more when what stands in the holes is not known."""
    filled: dict[Operation, set[object]] = {}
    for hole in holes:
        filled.setdefault(hole.operation, set()).add(hole.content)
    return sum(_added(operation, filled, 1) for operation in function.body if operation.regions)


def _added(operation: Operation, filled: dict[Operation, set[object]], entries: float) -> float:
    inner = _inner(operation)
    if operation.name != "c.for":
        return sum(_added(each, filled, entries) for each in inner if each.regions)
    trips = _trips(operation)
    total = entries * (ENTERED + (WRITTEN_OUT[1] * trips if trips <= WRITTEN_OUT[0] else 0)) if operation in filled else 0.0
    body = [each for top in inner for each in _straight(top)]
    read = set().union(*(filled.get(each, set()) for each in body)) if body else set()
    cost = READ_BESIDE_ASSEMBLY if any(each.name == "c.assembly" for each in body) else READ
    return total + entries * trips * cost * len(read) + sum(_added(each, filled, entries * trips) for each in body if each.name == "c.for")


def _inner(operation: Operation) -> list[Operation]:
    regions = operation.regions[:1] if operation.name == "c.alternative" else operation.regions
    return [inner for region in regions for block in region.blocks for inner in block]


def _straight(operation: Operation) -> list[Operation]:
    """An operation and what is in it, but nothing inside of loops."""
    return [operation] if operation.name == "c.for" else [operation, *(each for inner in _inner(operation) for each in _straight(inner))]


def _trips(nest: Operation) -> float:
    start, limit = (literal_of(operand) for operand in nest.operands)
    step = nest.properties["step"]
    assert isinstance(step, IntegerAttribute)
    return UNKNOWN_TRIPS if start is None or limit is None else max((limit - start) // step.value, 0)
