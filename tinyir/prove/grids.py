"""Arrays over named axes: a number for each iteration of some loops, stored only for the loops on which it depends.

An axis is a number that counts up as loops are entered; dimensions of an array lie in the order of its axes.  A position that no
output has anything to do with, and a weight that no position has, never become an array over both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

Integers = NDArray[numpy.int64]
Axes = tuple[int, ...]


class Grid:
    """Integers (or truth values) over some axes, in the order of their numbers."""

    __slots__ = ("axes", "data")

    def __init__(self, axes: Axes, data: NDArray[Any]) -> None:
        self.axes = axes
        self.data = data

    @classmethod
    def number(cls, value: int) -> Grid:
        return cls((), numpy.array(value, numpy.int64))

    @classmethod
    def along(cls, axis: int, values: NDArray[Any]) -> Grid:
        """One value for each iteration of a loop."""
        return cls((axis,), values)

    @property
    def scalar(self) -> int | None:
        """The number, if it depends on nothing."""
        return int(self.data) if not self.axes else None

    def over(self, axes: Axes) -> NDArray[Any]:
        """The data with a dimension for each of the axes, of extent 1 where it does not depend on one."""
        if axes == self.axes:
            return self.data
        extents = dict(zip(self.axes, self.data.shape, strict=True))
        return self.data.reshape([extents.get(axis, 1) for axis in axes])

    def spread(self, axes: Axes, extents: Mapping[int, int]) -> NDArray[Any]:
        """The data over all the axes, whether it depends on them or not."""
        return numpy.broadcast_to(self.over(axes), [extents[axis] for axis in axes])

    def taken(self, moved: Mapping[int, Grid]) -> Grid:
        """The values at other places: along each of some axes at a grid of places."""
        if not any(axis in moved for axis in self.axes):
            return self
        places = {axis: moved.get(axis) for axis in self.axes}
        axes = joined((place.axes if place is not None else (axis,)) for axis, place in places.items())
        index = []
        for (axis, place), extent in zip(places.items(), self.data.shape, strict=True):
            own = place if place is not None else Grid.along(axis, numpy.arange(extent))
            index.append(own.over(axes))
        return Grid(axes, self.data[tuple(index)])

    # -- arithmetic, element by element

    def __add__(self, other: Grid | int) -> Grid:
        return combined(numpy.add, self, other)

    __radd__ = __add__

    def __sub__(self, other: Grid | int) -> Grid:
        return combined(numpy.subtract, self, other)

    def __mul__(self, other: Grid | int) -> Grid:
        return combined(numpy.multiply, self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Grid:
        return Grid(self.axes, self.data // other)

    def __mod__(self, other: int) -> Grid:
        return Grid(self.axes, self.data % other)

    def __neg__(self) -> Grid:
        return Grid(self.axes, -self.data)

    def __and__(self, other: Grid) -> Grid:
        return combined(numpy.logical_and, self, other)

    def __ge__(self, other: Grid | int) -> Grid:
        return combined(numpy.greater_equal, self, other)

    def __lt__(self, other: Grid | int) -> Grid:
        return combined(numpy.less, self, other)

    def equals(self, other: int) -> Grid:
        """Where it is a number."""
        return Grid(self.axes, self.data == other)

    def inverted(self) -> Grid:
        """Truth values turned."""
        return Grid(self.axes, ~self.data)


def combined(operation: Callable[[Any, Any], Any], first: Grid, second: Grid | int) -> Grid:
    """An operation of numpy element by element."""
    if isinstance(second, int):
        return Grid(first.axes, operation(first.data, second))
    if first.axes == second.axes:
        return Grid(first.axes, operation(first.data, second.data))
    axes = joined((first.axes, second.axes))
    return Grid(axes, operation(first.over(axes), second.over(axes)))


def joined(axes: Iterable[Axes]) -> Axes:
    """All axes, in their order."""
    return tuple(sorted(set().union(*axes)))


def as_grid(value: Any) -> Grid:
    """A grid, or an integer as one."""
    return value if isinstance(value, Grid) else Grid.number(int(value))


def everywhere(masks: Iterable[Grid]) -> Grid | None:
    """Where all masks hold; None: everywhere."""
    found: Grid | None = None
    for mask in masks:
        found = mask if found is None else found & mask
    return found


def wrapped(data: NDArray[Any], bits: int) -> NDArray[Any]:
    """Integers made to fit a signed type by wrapping."""
    if bits >= 64 or bits == 0:
        return data
    half = 1 << (bits - 1)
    if data.size and int(data.min()) >= -half and int(data.max()) < half:
        return data
    return ((data + half) & ((1 << bits) - 1)) - half
