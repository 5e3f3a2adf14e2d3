"""Walks through operations that may leave things out, or see the inside first.

    walk = Walk(module)
    for operation in walk:
        if operation.name == "loop.for":
            walk.skip()            # nothing inside this one
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyir.ir.operation import Operation


class Walk:
    """An operation and all inside, each before its contents, which `skip()` leaves out.  The one last given may be erased."""

    __slots__ = ("_current", "_waiting")

    def __init__(self, root: Operation) -> None:
        self._waiting: list[Operation] = [root]
        self._current: Operation | None = None

    def __iter__(self) -> Iterator[Operation]:
        return self

    def __next__(self) -> Operation:
        if self._current is not None:
            self._enter(self._current)
        if not self._waiting:
            self._current = None
            raise StopIteration
        self._current = self._waiting.pop()
        return self._current

    def skip(self) -> None:
        """What is inside the operation that was last given is not seen."""
        self._current = None

    def _enter(self, operation: Operation) -> None:
        for region in reversed(operation.regions):
            for block in reversed(region.blocks):
                self._waiting += block.reversed()


def walk_inside_out(root: Operation) -> Iterator[Operation]:
    """All that is inside an operation, then the operation itself: contents always before what holds them.

    The one last given may be erased.
    """
    for region in root.regions:
        for block in region.blocks:
            for operation in block:
                yield from walk_inside_out(operation)
    yield root
