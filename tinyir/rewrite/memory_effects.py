"""What stands between two operations of a block: whether it reads or writes memory that they touch.

Memory is told apart by where it comes from: through views (the trait "view") down to the operation that gives it (the trait "memory").
Memory that comes from anywhere else, as through a function's argument, may be any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyir.ir.operation import Operation, Value
from tinyir.ir.registry import definition_of, has_trait, is_pure

FARTHEST = 64
"""So many operations away a neighbour is looked for, so that long blocks cost no more than short ones."""


def _origin(memory: Value) -> object:
    """What tells a memory apart from others; None if that is not known."""
    definer = memory.definer
    while definer is not None and has_trait(definer, "view"):
        memory = definer.operands[0]
        definer = memory.definer
    if definer is None or not has_trait(definer, "memory"):
        return None
    symbol = definer.properties.get("name")
    return definer if symbol is None else symbol


def may_share(one: Value, other: Value) -> bool:
    """Whether two memories may have bytes in common."""
    if one is other:
        return True
    first, second = _origin(one), _origin(other)
    return first is None or second is None or first is second


def touched(operation: Operation) -> list[tuple[Value, bool]] | None:
    """The memories that an operation and all inside touch, and whether they are written; None if that is not known."""
    definition = definition_of(operation.name)
    effects = definition.effects_of(operation) if definition is not None else None
    if effects is None:
        return None
    found = [(operation.operands[number], False) for number in effects.reads]
    found += [(operation.operands[number], True) for number in effects.writes]
    for region in operation.regions:
        for block in region.blocks:
            for inner in block:
                below = touched(inner)
                if below is None:
                    return None
                found += below
    return found


def leaves_alone(operation: Operation, memories: Sequence[Value], reads_too: bool) -> bool:
    """Whether an operation writes none of some memories, and with `reads_too` reads none either."""
    found = touched(operation)
    if found is None:
        return False
    return not any((written or reads_too) and may_share(memory, other) for memory, written in found for other in memories)


def neighbours(root: Operation, order: str, name: str) -> Iterator[Operation]:
    """The operations of a name in the root's block that it is `after` or `before`, the nearest first.

    Between such a one and the root nothing writes memory that one of them touches; where the root is before it, nothing reads it either.
    """
    mine = [memory for memory, _ in touched(root) or ()]
    between: list[Operation] = []
    step = root.previous if order == "after" else root.next
    while step is not None and len(between) < FARTHEST:
        if step.name == name:
            theirs = [memory for memory, _ in touched(step) or ()]
            if all(leaves_alone(operation, theirs, order == "before") for operation in between):
                yield step
        if not leaves_alone(step, mine, order == "before"):
            return
        between.append(step)
        step = step.previous if order == "after" else step.next


def touches_nothing(operations: Sequence[Operation]) -> bool:
    """Whether operations neither read nor write memory."""
    return all(is_pure(operation) or has_trait(operation, "terminator") for operation in operations)
