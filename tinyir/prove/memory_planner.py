"""Plans the arena: offsets of all buffers and directions of all nests, as small as can be found, with a proof where it is least.

A lower bound comes from the buffers that live at one step, solved exactly; the plan from first fit, a beam search in time
order and, for the buffers around the peak, exact search.  Where plan and bound meet the plan is optimal for the given
order of steps.  All of it is deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from tinyir.prove.memory_heuristics import Offsets, arena_of, greedy, walk
from tinyir.prove.memory_problem import FORWARD, Buffer, Problem, Sharing, build_problem
from tinyir.prove.memory_search import search
from tinyir.prove.overlap import Direction

_FEW = 64  # buffers up to which local search pays
_SMALL = 32  # buffers up to which exact search is tried
_WIDTHS = (4, 48)  # states kept while walking
_CLIQUE = 10  # live buffers up to which one step is solved exactly


@attrs.frozen
class Plan:
    """Offsets in bytes by buffer name, the direction of every nest that shares, and the size of the arena.

    `lower_bound_bytes`: no plan for this order of steps is smaller.  `optimal`: the two are equal.
    """

    offsets: Mapping[str, int]
    directions: Mapping[str, Direction]
    arena_bytes: int
    lower_bound_bytes: int

    @property
    def optimal(self) -> bool:
        return self.arena_bytes == self.lower_bound_bytes


def _live_sets(problem: Problem) -> list[tuple[int, ...]]:
    """The buffers alive together, for each step at which one is born, and each part of it."""
    buffers = problem.buffers
    born: dict[int, list[int]] = {}
    for i, buffer in enumerate(buffers):
        born.setdefault(buffer.first_step, []).append(i)
    alive: list[int] = []
    sets: list[tuple[int, ...]] = []
    for step in sorted(born):
        alive = [i for i in alive if buffers[i].last_step >= step] + born[step]
        firsts = sorted({parts[0] for i in alive if (parts := buffers[i].parts) is not None})
        sets += [tuple(i for i in alive if (parts := buffers[i].parts) is None or parts[0] <= first <= parts[1]) for first in firsts] or [tuple(alive)]
    return sets


def _overlap_bound(problem: Problem, live: Sequence[int]) -> int:
    """Sizes of all live buffers less what pairs of one nest may have in common: of no buffer more than all of it."""
    sizes = [buffer.size_bytes for buffer in problem.buffers]
    common: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for pair in problem.restricted(live):
        if pair.nest >= 0:
            for side, buffer in zip(common, (pair.first, pair.second), strict=True):
                side[buffer] = side.get(buffer, 0) + min(sizes[pair.first], sizes[pair.second])
    saved = min(sum(min(bytes, sizes[buffer]) for buffer, bytes in side.items()) for side in common)
    return max(sum(sizes[i] for i in live) - saved, max((sizes[i] for i in live), default=0))


def lower_bound(problem: Problem) -> int:
    """No arena for this order of steps is smaller, in bytes."""
    bound = 0
    for live in sorted(_live_sets(problem), key=lambda live: -sum(problem.buffers[i].size_bytes for i in live)):
        total = sum(problem.buffers[i].size_bytes + problem.buffers[i].alignment_bytes for i in live)
        if total <= bound:
            break
        if len(live) <= _CLIQUE:
            outcome = search(problem, live, total + 1, bound)
            if outcome.complete and outcome.offsets is not None:
                bound = max(bound, outcome.arena_bytes)
                continue
        bound = max(bound, _overlap_bound(problem, live))
    return bound


def _walk_lower(problem: Problem, best: Offsets, bound: int) -> Offsets:
    """Lowers the ceiling by bisection between the bound and the best plan, walking under it."""
    low, high = bound, arena_of(problem, best)
    trial = low
    while trial < high:
        found = next((f for width in _WIDTHS if (f := walk(problem, trial, width)) is not None), None)
        if found is not None:
            best = found
            high = arena_of(problem, found)
        else:
            low = trial + 1
        trial = (low + high) // 2
    return best


def _window(problem: Problem, best: Offsets) -> tuple[int, ...]:
    """Up to `_SMALL` buffers around the step with the most live bytes."""
    sets = _live_sets(problem)
    peak = max(range(len(sets)), key=lambda s: sum(problem.buffers[i].size_bytes for i in sets[s]))
    reach = 0
    window = set(sets[peak])
    while reach < len(sets):
        grown = {i for live in sets[max(0, peak - reach) : peak + reach + 1] for i in live}
        if len(grown) > _SMALL:
            break
        window, reach = grown, reach + 1
    return tuple(sorted(window & best.keys()))


def plan_memory(buffers: Sequence[Buffer], sharings: Sequence[Sharing] = (), tries: int = 300, nodes: int = 20_000) -> Plan:
    """The smallest arena found for these lifetimes; `tries` exchanges of local search, `nodes` branches of exact search.

    Raises:
        ValueError: duplicate names, impossible buffers, sharings of unknown buffers or without a direction.
    """
    problem = build_problem(buffers, sharings)
    bound = lower_bound(problem)
    best = greedy(problem, bound, tries if len(buffers) <= _FEW else 0)
    if arena_of(problem, best) > bound:
        best = _walk_lower(problem, best, bound)
    size = arena_of(problem, best)
    if size > bound:
        window = _window(problem, best)
        outcome = search(problem, window, size, bound, nodes)
        if outcome.complete:
            bound = max(bound, outcome.arena_bytes)
        if outcome.offsets is not None and len(window) == len(buffers):
            best, size = outcome.offsets, outcome.arena_bytes
    names = [buffer.name for buffer in buffers]
    return Plan({name: best[i] for i, name in enumerate(names)}, _directions(problem, best), size, bound)


def _directions(problem: Problem, offsets: Offsets) -> dict[str, Direction]:
    """A direction of each nest that all its pairs allow, forward if it may be."""
    masks = list(problem.directions)
    for pair in problem.pairs:
        if pair.nest >= 0:
            masks[pair.nest] &= pair.allowed(offsets[pair.second] - offsets[pair.first])
    return {name: "forward" if mask & FORWARD else "reverse" for name, mask in zip(problem.nests, masks, strict=True)}
