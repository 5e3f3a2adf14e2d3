"""Checks that iterations run side by side touched memory as if they had run one after the other.

A nest whose iterations run as lanes loads every byte as it was before any other lane stored to it.  That is what the
loops mean if and only if no load comes, in the order of the loops, after a store of another lane to the same byte, and
no byte is stored twice.  So each access is recorded with its time: a number that grows in the order in which the
loops, one after the other and each in its direction, would have made the accesses.  Afterwards the latest load of each
byte is compared with its store.

A time is a number in mixed radix: for each loop from the outermost in, the iteration, then the position in the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.ir.operation import Operation

Array = NDArray[Any]
_NEVER = -1
_LATEST = (1 << 62) - 1


class TooDeepError(Exception):
    """The times of a nest do not fit into 62 bits."""


class Timetable:
    """The weights of the digits of times within one nest, and the part of each access's time that its place decides."""

    def __init__(self, root: Operation, trips: Callable[[Operation], int], accesses: frozenset[str]) -> None:
        """`trips`: the most iterations of a loop.  `accesses`: the names of operations that touch memory.

        Raises:
            TooDeepError: the nest is too large for times of 62 bits.
        """
        self.levels: dict[Operation, int] = {}
        places: dict[Operation, tuple[int, ...]] = {}
        radices: list[list[int]] = []  # for each level: iterations, positions in the body

        def visit(loop: Operation, level: int, place: tuple[int, ...]) -> None:
            self.levels[loop] = level
            if level == len(radices):
                radices.append([1, 1])
            position = 0
            for inner in loop.walk():
                if inner is loop or _enclosing(inner, loop) is not loop:
                    continue
                if inner.name == "loop.for":
                    visit(inner, level + 1, (*place, position))
                elif inner.name in accesses:
                    places[inner] = (*place, position)
                else:
                    continue
                position += 1
            radices[level] = [max(radices[level][0], trips(loop)), max(radices[level][1], position)]

        visit(root, 0, ())
        weight = 1
        self.iteration_weights = [0] * len(radices)
        position_weights = [0] * len(radices)
        for level in reversed(range(len(radices))):
            position_weights[level] = weight
            weight *= radices[level][1] + 1
            self.iteration_weights[level] = weight
            weight *= radices[level][0] + 1
        if weight >= _LATEST:
            raise TooDeepError
        self.bases = {o: sum(p * w for p, w in zip(place, position_weights, strict=False)) for o, place in places.items()}


def _enclosing(operation: Operation, root: Operation) -> Operation | None:
    """The innermost loop around an operation, up to `root`."""
    for above in operation.ancestors():
        if above.name == "loop.for" or above is root:
            return above
    return None


class Order:
    """The accesses of one run of a nest.  `stored`: the memories (arrays of bytes) that the nest stores to."""

    def __init__(self, timetable: Timetable, stored: list[Array]) -> None:
        self.timetable = timetable
        self.components: list[Any] = []
        self.valid = True
        self.memories = {id(memory): memory for memory in stored}
        self.snapshots = {id(memory): memory.copy() for memory in stored}
        self.last_load = {id(memory): np.full(memory.size, _NEVER, np.int64) for memory in stored}
        self.store = {id(memory): np.full(memory.size, _LATEST, np.int64) for memory in stored}

    def enter(self, loop: Operation, position: Any) -> None:
        """A loop's iteration begins; `position` counts iterations in the order in which they run (an int, or lanes)."""
        self.components.append(position * self.timetable.iteration_weights[self.timetable.levels[loop]])

    def leave(self) -> None:
        self.components.pop()

    def load(self, operation: Operation, array: Array, index: tuple[Any, ...], mask: Any, depth: int) -> None:
        """Records the loads of an operation from `array`."""
        memory = self._memory(array)
        if memory is not None:
            offsets, times = self._accesses(operation, memory, array, index, mask, depth, latest=True)
            for byte in range(array.itemsize):
                np.maximum.at(self.last_load[id(memory)], offsets + byte, times)

    def save(self, operation: Operation, array: Array, index: tuple[Any, ...], mask: Any, depth: int) -> None:
        """Records the stores of an operation to `array`."""
        memory = self._memory(array)
        if memory is not None:
            offsets, times = self._accesses(operation, memory, array, index, mask, depth, latest=False)
            store = self.store[id(memory)]
            if len(np.unique(offsets)) != offsets.size or np.any(store[offsets] != _LATEST):
                self.valid = False  # which of two stores comes last is not known
            for byte in range(array.itemsize):
                store[offsets + byte] = times

    def holds(self) -> bool:
        """Whether every load came before the store of its byte."""
        return self.valid and all(np.all(self.last_load[key] <= self.store[key]) for key in self.memories)

    def restore(self) -> None:
        """Undoes all stores."""
        for key, memory in self.memories.items():
            memory[...] = self.snapshots[key]

    def _memory(self, array: Array) -> Array | None:
        base: Any = array
        while base is not None:
            if id(base) in self.memories:
                return self.memories[id(base)]
            base = base.base
        return None

    def _accesses(
        self, operation: Operation, memory: Array, array: Array, index: tuple[Any, ...], mask: Any, depth: int, latest: bool
    ) -> tuple[Array, Array]:
        """Byte offsets and times, flat.  Along lanes that share a byte only the latest load counts."""
        start = array.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
        offsets: Any = start + sum(np.asarray(i, np.int64) * s for i, s in zip(index, array.strides, strict=True))
        offsets = _with_depth(offsets, depth)
        active = None if mask is None else _with_depth(mask, depth)
        times: Any = np.full((1,) * depth, self.timetable.bases[operation], np.int64)
        for component in self.components:
            lanes = _with_depth(component, depth)
            for axis, extent in enumerate(lanes.shape):
                shared = offsets.shape[axis] == 1 and (active is None or active.shape[axis] == 1)
                if extent > 1 and shared and latest:
                    lanes = lanes.max(axis, keepdims=True)
            times = times + lanes
        if active is None:
            shape = np.broadcast_shapes(offsets.shape, times.shape)
            return np.broadcast_to(offsets, shape).ravel(), np.broadcast_to(times, shape).ravel()
        offsets, times, active = np.broadcast_arrays(offsets, times, active)
        return offsets[active], times[active]


def _with_depth(value: Any, depth: int) -> Array:
    array = np.asarray(value)
    return array.reshape((1,) * (depth - array.ndim) + array.shape)
