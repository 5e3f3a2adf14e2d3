"""What a reader of the generated code wants to know of a layer: the nodes it came from, its tensors, its schedule, the proofs it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from tinyir.dialects.buffer import FLASH, symbol_name
from tinyir.dialects.nest_accesses import memory_behind, nest_accesses
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import MemRefType
from tinyir.prove.obligations import Ledger

MOST_NODES = 4
WIDEST_NODE = 60


def describe(function: Operation, ledger: object) -> str:
    """Some lines on one function of the buffer level; empty if there is nothing to tell."""
    lines = [*_nodes(function), *_tensors(function), *_schedules(function)]
    if isinstance(ledger, Ledger):
        lines += _proofs(function, ledger)
    return "\n".join(lines)


def _nodes(function: Operation) -> Iterator[str]:
    names = [name if len(name) <= WIDEST_NODE else f"{name[: WIDEST_NODE - 3]}..." for name in function.location.names]
    if names:
        more = f" and {len(names) - MOST_NODES} more" if len(names) > MOST_NODES else ""
        yield f"{', '.join(names[:MOST_NODES])}{more}"


def _tensors(function: Operation) -> Iterator[str]:
    """Reads and writes: each tensor in RAM with its shape, element type and place."""
    found: dict[str, dict[str, None]] = {"reads": {}, "writes": {}}
    for access in nest_accesses(function):
        position = 1 if access.is_write else 0
        memory = access.operation.operands[position]
        assert isinstance(memory.type, MemRefType)
        if memory.type.space is not FLASH and isinstance(access.memory, str):
            shape = "x".join(map(str, _tensor_shape(memory)))
            place = memory_behind(memory)[1]
            found["writes" if access.is_write else "reads"][f"{shape} {memory.type.element} at byte {place} of {access.memory}"] = None
    parts = [f"{verb} {', '.join(tensors)}" for verb, tensors in found.items() if tensors]
    if parts:
        yield "; ".join(parts)


def _tensor_shape(memory: Value) -> tuple[int, ...]:
    """The shape with the most axes among the views that lead to the same elements."""
    assert isinstance(memory.type, MemRefType)
    count, shape, definer = memory.type.element_count, memory.type.shape, memory.definer
    while definer is not None and definer.name == "buffer.view":
        source = definer.operands[0]
        assert isinstance(source.type, MemRefType)
        if source.type.element_count != count:
            break
        shape = max(shape, source.type.shape, key=len)
        definer = source.definer
    return shape


def _schedules(function: Operation) -> Iterator[str]:
    """How its nests were scheduled, each way once."""
    stated = [operation.attributes.get("schedule") for operation in function.walk()]
    for schedule in dict.fromkeys(each.value for each in stated if isinstance(each, StringAttribute)):
        yield f"schedule {schedule}"


def _proofs(function: Operation, ledger: Ledger) -> Iterator[str]:
    """What is proved of the places that the function came from: bounds are counted, the rest is told."""
    if "network" in function.attributes:
        places = {symbol_name(function)}
    else:
        roots = [operation for operation in function.body if operation.name not in ("buffer.get_global", "buffer.view", "arith.constant")]
        places = {", ".join(operation.location.names) for operation in (function, *roots)} - {""}
    bounds = 0
    for obligation, verdict in ledger.at(places):
        if verdict.state == "proved":
            if obligation.kind == "bounds":
                bounds += 1
            else:
                yield f"proved: {obligation.statement}"
    if bounds:
        yield f"proved: all {bounds} accesses stay within their memory"
