"""Merging equal operations: those that are pure, have no regions, and agree in name, operands, properties and types."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from typing import Any

from tinyir.ir.location import fuse
from tinyir.ir.operation import Block, Operation
from tinyir.ir.registry import has_trait, is_pure

Key = tuple[Any, ...]


def merge_equal(module: Operation, candidate: Callable[[Operation], bool] | None = None) -> int:
    """Replaces each operation by an equal one that dominates it; returns how many.

    With `candidate` only operations are merged for which it is true.
    """
    count = 0
    for region in module.regions:
        for block in region.blocks:
            count += _merge_block(block, ChainMap(), candidate)
    return count


def _merge_block(block: Block, known: ChainMap[Key, Operation], candidate: Callable[[Operation], bool] | None) -> int:
    count = 0
    for operation in block:
        if operation.regions:
            outer = ChainMap[Key, Operation]() if has_trait(operation, "isolated") else known
            for region in operation.regions:
                for inner in region.blocks:
                    count += _merge_block(inner, outer.new_child(), candidate)
        elif operation.results and (candidate is None or candidate(operation)) and is_pure(operation):
            key = _key(operation)
            first = known.get(key)
            if first is None:
                known[key] = operation
            else:
                if operation.operands:
                    first.location = fuse(first.location, operation.location)
                operation.replace_by(*first.results)
                count += 1
    return count


def _key(operation: Operation) -> Key:
    return (
        operation.name,
        operation.operands,
        frozenset(operation.properties.items()),
        tuple(result.type for result in operation.results),
    )
