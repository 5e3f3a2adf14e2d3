"""Merging equal operations: those that are pure, have no regions, and agree in name, operands, properties and types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyir.ir.location import Location, fuse
from tinyir.ir.operation import Block, Operation
from tinyir.ir.registry import OperationDefinition, definition_of
from tinyir.rewrite.purity import Purity

Key = tuple[Any, ...]


def merge_equal(module: Operation, candidate: Callable[[OperationDefinition], bool] | None = None) -> int:
    """Replaces each operation by an equal one that dominates it; returns how many.

    With `candidate` only operations are merged for whose definition it is true.
    """
    merging = _Merging(candidate)
    for region in module.regions:
        for block in region.blocks:
            merging.merge_block(block, {})
    merging.fuse_locations()
    return merging.count


class _Merging:
    """`merged`: the locations of what was replaced by each operation, fused once at the end."""

    def __init__(self, candidate: Callable[[OperationDefinition], bool] | None) -> None:
        self.candidate = candidate
        self.purity = Purity()
        self.wanted: dict[str, bool] = {}
        self.merged: dict[Operation, list[Location]] = {}
        self.count = 0

    def merge_block(self, block: Block, known: dict[Key, Operation]) -> None:
        """Merges in a block; `known` holds what reaches it, and afterwards holds the same."""
        added: list[Key] = []
        wanted, is_pure, merged = self.wanted, self.purity.is_pure, self.merged
        operation = block.first
        while operation is not None:
            following = operation.next
            results = operation.results
            if operation.regions:
                self._merge_inside(operation, known)
            elif results and (wanted.get(operation.name) or self._is_wanted(operation.name)) and is_pure(operation):
                properties = operation._properties
                key = (
                    operation.name,
                    operation._operands,
                    frozenset(properties.items()) if properties else None,
                    results[0].type if len(results) == 1 else tuple([result.type for result in results]),
                )
                first = known.setdefault(key, operation)
                if first is operation:
                    added.append(key)
                else:
                    if operation._operands:
                        merged.setdefault(first, []).append(operation.location)
                    for result in results:
                        result.replace_by(first.results[result.index])
                    operation.erase()
                    self.count += 1
            operation = following
        for key in added:
            del known[key]

    def _merge_inside(self, operation: Operation, known: dict[Key, Operation]) -> None:
        reaching = {} if self.purity.is_isolated(operation.name) else known
        for region in operation.regions:
            for block in region.blocks:
                self.merge_block(block, reaching)

    def _is_wanted(self, name: str) -> bool:
        if name not in self.wanted:
            definition = definition_of(name)
            self.wanted[name] = definition is not None and (self.candidate is None or self.candidate(definition))
        return self.wanted[name]

    def fuse_locations(self) -> None:
        for first, locations in self.merged.items():
            first.location = fuse(first.location, *locations)
