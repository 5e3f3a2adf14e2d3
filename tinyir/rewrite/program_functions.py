"""What the Python source of rules over programs calls: bodies, and operands in groups."""

from __future__ import annotations

from typing import Any

from tinyir.ir.attributes import DenseArray
from tinyir.ir.equality import regions_equal
from tinyir.ir.operation import Block, Operation
from tinyir.ir.registry import has_trait, is_pure
from tinyir.ir.types import I32
from tinyir.rewrite.memory_effects import neighbours, touches_nothing

SEGMENTS = "operandSegmentSizes"
"""The property of an operation whose operands are several sequences: the length of each."""


def body_of(operation: Operation, number: int) -> Block | None:
    """The one block of a region; None if it has several."""
    blocks = operation.regions[number].blocks
    return blocks[0] if len(blocks) == 1 else None


def does_nothing(operation: Operation, body: Block) -> bool:
    """Whether a body gives back what it got, and else does nothing."""
    last = body.last
    if last is None:
        return True
    count = len(operation.results)
    return last is body.first and has_trait(last, "terminator") and last.operands == body.arguments[len(body.arguments) - count :] and not last.regions


def same_body(one: Block, other: Block) -> bool:
    """Whether two bodies are equal but for names and locations."""
    return one.parent is not None and other.parent is not None and regions_equal(one.parent, other.parent)


def invariants(body: Block, name: str) -> list[Operation]:
    """The operations of a name at the top of a body that are pure and get all operands from outside."""
    found = []
    for operation in body:
        if operation.name == name and is_pure(operation) and all(operand.block is not body for operand in operation.operands):
            found.append(operation)
    return found


def segments_of(operation: Operation) -> list[tuple[object, ...]]:
    """The operands of an operation in their groups."""
    sizes, found, start = operation.properties.get(SEGMENTS), list[tuple[object, ...]](), 0
    for size in sizes.values if isinstance(sizes, DenseArray) else ():
        found.append(operation.operands[start : start + int(size)])
        start += int(size)
    return found


def lengths(like: Operation, *groups: tuple[object, ...]) -> DenseArray:
    """The lengths of groups of operands, and 0 for as many others as another operation has."""
    count = len(segments_of(like))
    return DenseArray([*(len(group) for group in groups), *(0 for _ in range(count - len(groups)))], I32)


PROGRAM_FUNCTIONS: dict[str, Any] = {
    "neighbours": neighbours,
    "touches_nothing": touches_nothing,
    "body_of": body_of,
    "does_nothing": does_nothing,
    "same_body": same_body,
    "invariants": invariants,
    "segments_of": segments_of,
    "lengths": lengths,
}
