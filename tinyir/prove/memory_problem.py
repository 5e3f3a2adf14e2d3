"""Where buffers may lie: the placement problem of one function, as pairs with forbidden differences of their offsets.

Two buffers that live at the same step must not overlap, except an input and an output of one loop nest at its step: they
may as far as the nest allows (see `overlap`).  With difference = output - input that is, if the nest runs

    forward   difference <= -D_forward   or  difference >= size of the input
    reverse   difference >=  D_reverse   or  difference <= -size of the output

or, where each of its steps has bytes of its own, difference = 0 either way.

A nest runs in one direction, so all its pairs choose together.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.prove.overlap import Direction

FORWARD, REVERSE = 1, 2
BOTH = FORWARD | REVERSE
DIRECTION_BIT: dict[Direction, int] = {"forward": FORWARD, "reverse": REVERSE}


@attrs.frozen
class Buffer:
    """`size_bytes` bytes at a multiple of `alignment_bytes`, alive from the start of `first_step` to the end of `last_step`.

    `parts`: of its only step it lives in these parts, from the first to the last, and never meets what lives in others.  None: in all.
    """

    name: str
    size_bytes: int
    first_step: int
    last_step: int
    alignment_bytes: int = 1
    parts: tuple[int, int] | None = None

    def meets(self, other: Buffer) -> bool:
        """Whether two buffers that live in one step do so in one part of it."""
        if self.parts is None or other.parts is None:
            return True
        return self.parts[0] <= other.parts[1] and other.parts[0] <= self.parts[1]


@attrs.frozen
class Sharing:
    """How close an input and an output of a nest may come (from `smallest_distance`); None: as close as you like.

    `in_place`: they may begin at one address as well (`InPlaceClaim`).

    It counts where the input dies at the step at which the output is born; elsewhere the two stay disjoint.
    """

    nest: str
    input: str
    output: str
    forward_bytes: int | None
    reverse_bytes: int | None
    directions: tuple[Direction, ...] = ("forward", "reverse")
    in_place: bool = False


@attrs.frozen
class Pair:
    """Buffers by index, and the open interval of forbidden differences second - first; None where nothing is forbidden.

    `nest` is -1 for pairs that must be disjoint: then both intervals are the same.  `in_place`: no difference is allowed all the same.
    """

    first: int
    second: int
    forward: tuple[int, int] | None
    reverse: tuple[int, int] | None
    nest: int = -1
    in_place: bool = False

    def allowed(self, difference: int) -> int:
        """The directions (bits) in which this difference is allowed."""
        if self.in_place and not difference:
            return BOTH
        forward = FORWARD if self.forward is None or not self.forward[0] < difference < self.forward[1] else 0
        reverse = REVERSE if self.reverse is None or not self.reverse[0] < difference < self.reverse[1] else 0
        return forward | reverse

    def forbidden(self, direction: int) -> tuple[int, int] | None:
        """The forbidden interval in one direction."""
        return self.forward if direction == FORWARD else self.reverse


@attrs.frozen
class Problem:
    """Buffers by index, all pairs that constrain each other, and the directions each nest may run in."""

    buffers: tuple[Buffer, ...]
    pairs: tuple[Pair, ...]
    nests: tuple[str, ...]
    directions: tuple[int, ...]
    neighbours: tuple[tuple[Pair, ...], ...] = attrs.field(init=False)

    @neighbours.default
    def _neighbours(self) -> tuple[tuple[Pair, ...], ...]:
        by_buffer: list[list[Pair]] = [[] for _ in self.buffers]
        for pair in self.pairs:
            by_buffer[pair.first].append(pair)
            by_buffer[pair.second].append(pair)
        return tuple(tuple(pairs) for pairs in by_buffer)

    def align(self, index: int, offset: int) -> int:
        """The least offset of a buffer that is aligned and not below the given one (nor below zero)."""
        step = self.buffers[index].alignment_bytes
        return max(0, -(-offset // step) * step)

    def restricted(self, indices: Sequence[int]) -> tuple[Pair, ...]:
        """The pairs among some of the buffers."""
        chosen = set(indices)
        return tuple(dict.fromkeys(p for i in indices for p in self.neighbours[i] if p.first in chosen and p.second in chosen))


def _checked(buffers: Sequence[Buffer]) -> dict[str, int]:
    index = {buffer.name: i for i, buffer in enumerate(buffers)}
    if len(index) != len(buffers):
        raise ValueError("two buffers have one name")
    for buffer in buffers:
        span = buffer.last_step - buffer.first_step
        if buffer.size_bytes < 0 or buffer.alignment_bytes < 1 or span < 0 or (buffer.parts is not None and span):
            raise ValueError(f"no memory can hold {buffer}")
    return index


def _interval(low: int, high: int) -> tuple[int, int] | None:
    """The open interval, or None if no integer lies in it."""
    return (low, high) if high - low > 1 else None


def _shared_pair(sharing: Sharing, nest: int, first: int, second: int, input_size: int, output_size: int) -> Pair:
    forward, reverse = sharing.forward_bytes, sharing.reverse_bytes
    return Pair(
        first,
        second,
        None if forward is None else _interval(-min(forward, output_size), input_size),
        None if reverse is None else _interval(-output_size, min(reverse, input_size)),
        nest,
        sharing.in_place,
    )


def build_problem(buffers: Sequence[Buffer], sharings: Sequence[Sharing]) -> Problem:
    """The pairs of the buffers whose lifetimes meet.

    Raises:
        ValueError: duplicate names, impossible buffers, sharings of unknown buffers or without a direction.
    """
    index = _checked(buffers)
    nests = tuple(dict.fromkeys(sharing.nest for sharing in sharings))
    directions = [BOTH] * len(nests)
    shared: dict[tuple[int, int], Sharing] = {}
    for sharing in sharings:
        if sharing.input not in index or sharing.output not in index or not sharing.directions:
            raise ValueError(f"{sharing} names unknown buffers or no direction")
        directions[nests.index(sharing.nest)] &= sum(DIRECTION_BIT[d] for d in set(sharing.directions))
        first, second = index[sharing.input], index[sharing.output]
        if buffers[first].last_step == buffers[second].first_step and first != second:
            shared[first, second] = sharing
    if 0 in directions:
        raise ValueError(f"nest '{nests[directions.index(0)]}' has no direction in common")
    pairs: list[Pair] = []
    alive: list[int] = []
    for i in sorted(range(len(buffers)), key=lambda i: (buffers[i].first_step, i)):
        alive = [j for j in alive if buffers[j].last_step >= buffers[i].first_step]
        for j in alive:
            if not buffers[i].meets(buffers[j]):
                continue
            for first, second in ((j, i), (i, j)):
                if (first, second) in shared:
                    found = shared[first, second]
                    pairs.append(_shared_pair(found, nests.index(found.nest), first, second, buffers[first].size_bytes, buffers[second].size_bytes))
                    break
            else:
                apart = _interval(-buffers[i].size_bytes, buffers[j].size_bytes)
                pairs.append(Pair(j, i, apart, apart))
        alive.append(i)
    constraining = tuple(pair for pair in pairs if pair.forward is not None or pair.reverse is not None)
    return Problem(tuple(buffers), constraining, nests, tuple(directions))
