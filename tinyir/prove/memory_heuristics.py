"""Good plans fast: first fit in several orders with local search, and a beam that walks through time towards a given arena.

Both place one buffer after another at a position where it touches the floor, the ceiling or a buffer already placed, and
keep for each nest the set of directions that all its placed pairs allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import attrs

from tinyir.prove.memory_problem import FORWARD, REVERSE, Problem

Offsets = dict[int, int]


def arena_of(problem: Problem, offsets: Mapping[int, int]) -> int:
    """The end of the highest buffer."""
    return max((offset + problem.buffers[i].size_bytes for i, offset in offsets.items()), default=0)


def _positions(problem: Problem, index: int, offsets: Mapping[int, int], ceiling: int | None) -> list[int]:
    """Aligned offsets at which the buffer touches something, in ascending order."""
    buffer = problem.buffers[index]
    step = buffer.alignment_bytes
    wanted = {0}
    for pair in problem.neighbours[index]:
        other = pair.second if pair.first == index else pair.first
        if other not in offsets:
            continue
        for direction in (FORWARD, REVERSE):
            forbidden = pair.forbidden(direction)
            if forbidden is None:
                continue
            low, high = forbidden if pair.second == index else (-forbidden[1], -forbidden[0])
            wanted.add(problem.align(index, offsets[other] + high))
            wanted.add((offsets[other] + low) // step * step)
        wanted.add(offsets[other] // step * step)
    if ceiling is not None:
        wanted.add((ceiling - buffer.size_bytes) // step * step)
    return sorted(p for p in wanted if p >= 0 and (ceiling is None or p + buffer.size_bytes <= ceiling))


def _fits(problem: Problem, index: int, position: int, offsets: Mapping[int, int], masks: Mapping[int, int]) -> dict[int, int] | None:
    """The directions that are left to the nests if the buffer lies there, or None if it may not."""
    left: dict[int, int] = {}
    for pair in problem.neighbours[index]:
        other = pair.second if pair.first == index else pair.first
        if other not in offsets:
            continue
        difference = position - offsets[other] if pair.second == index else offsets[other] - position
        allowed = pair.allowed(difference)
        if pair.nest >= 0:
            allowed &= left.get(pair.nest, masks.get(pair.nest, problem.directions[pair.nest]))
            left[pair.nest] = allowed
        if not allowed:
            return None
    return left


def first_fit(problem: Problem, order: Sequence[int], limit: int | None = None) -> Offsets | None:
    """Each buffer at its lowest possible position, in the given order; None once the arena reaches the limit."""
    offsets: Offsets = {}
    masks: dict[int, int] = {}
    for index in order:
        for position in _positions(problem, index, offsets, None):
            left = _fits(problem, index, position, offsets, masks)
            if left is not None:
                offsets[index] = position
                masks |= left
                break
        else:
            return None
        if limit is not None and offsets[index] + problem.buffers[index].size_bytes >= limit:
            return None
    return offsets


def _orders(problem: Problem) -> Iterator[list[int]]:
    """Orders that often do well: by size, by lifetime, by area, in time and back."""
    everything = range(len(problem.buffers))
    b = problem.buffers
    yield sorted(everything, key=lambda i: (-b[i].size_bytes, i))
    yield sorted(everything, key=lambda i: (-b[i].size_bytes * (b[i].last_step - b[i].first_step + 1), i))
    yield sorted(everything, key=lambda i: (b[i].first_step, i))
    yield sorted(everything, key=lambda i: (-b[i].last_step, i))
    yield sorted(everything, key=lambda i: (b[i].first_step - b[i].last_step, -b[i].size_bytes, i))


def greedy(problem: Problem, goal: int, tries: int, seed: int = 1) -> Offsets:
    """The best first fit of several orders, improved by `tries` random exchanges; stops at the goal."""
    best: Offsets | None = None
    best_order: list[int] = []
    for order in _orders(problem):
        found = first_fit(problem, order)
        if found is not None and (best is None or arena_of(problem, found) < arena_of(problem, best)):
            best, best_order = found, order
    if best is None:
        best_order = list(range(len(problem.buffers)))
        best = _stacked(problem)
    random = Random(seed)
    size = arena_of(problem, best)
    for _ in range(tries if len(best_order) > 1 else 0):
        if size <= goal:
            break
        order = list(best_order)
        i, j = random.sample(range(len(order)), 2)
        if random.random() < 0.5:
            order[i], order[j] = order[j], order[i]
        else:
            order.insert(j, order.pop(i))
        found = first_fit(problem, order, size + 1)
        if found is not None:
            best, best_order, size = found, order, arena_of(problem, found)
    return best


def _stacked(problem: Problem) -> Offsets:
    """Every buffer above the one before: always possible."""
    offsets: Offsets = {}
    top = 0
    for index, buffer in enumerate(problem.buffers):
        offsets[index] = problem.align(index, top)
        top = offsets[index] + buffer.size_bytes
    return offsets


@attrs.frozen
class _State:
    """The live buffers' offsets and the nests' directions after some placements, and how they came about."""

    offsets: Offsets
    masks: dict[int, int]
    waste: int
    placed: tuple[int, int]
    before: _State | None


def walk(problem: Problem, ceiling: int, width: int) -> Offsets | None:
    """Places the buffers in the order of their birth below the ceiling, keeping the `width` most promising states.

    Promising: live buffers close to the floor or to the ceiling, so that the room between them is whole.
    """
    buffers = problem.buffers
    order = sorted(range(len(buffers)), key=lambda i: (buffers[i].first_step, -buffers[i].size_bytes, i))
    states = [_State({}, {}, 0, (-1, 0), None)]
    for index in order:
        now = buffers[index].first_step
        following: dict[tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]], _State] = {}
        for state in states:
            offsets = {i: x for i, x in state.offsets.items() if buffers[i].last_step >= now}
            for position in _positions(problem, index, offsets, ceiling):
                left = _fits(problem, index, position, offsets, state.masks)
                if left is None:
                    continue
                after = {**offsets, index: position}
                masks = {**{n: m for n, m in state.masks.items() if n in left}, **left}
                waste = sum(min(x, ceiling - x - buffers[i].size_bytes) for i, x in after.items())
                key = (tuple(sorted(after.items())), tuple(sorted(masks.items())))
                following.setdefault(key, _State(after, masks, waste, (index, position), state))
        if not following:
            return None
        states = sorted(following.values(), key=lambda s: (s.waste, sorted(s.offsets.items())))[:width]
    return _trace(states[0])


def _trace(state: _State | None) -> Offsets:
    offsets: Offsets = {}
    while state is not None and state.before is not None:
        offsets[state.placed[0]] = state.placed[1]
        state = state.before
    return offsets
