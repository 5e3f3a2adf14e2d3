"""Exact search for the smallest arena: branch and bound on which buffer of a pair lies above the other.

Decisions are lower bounds x_j >= x_i + c.  The least offsets that satisfy them (rounded up to the alignments) are unique and
only grow with further decisions, so a branch whose least arena reaches the best known one is cut, and offsets that break no
pair are the best of their branch.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.prove.memory_problem import BOTH, FORWARD, REVERSE, Pair, Problem

Edge = tuple[int, int, int]  # x[second] >= x[first] + distance


@attrs.frozen
class Outcome:
    """The best offsets found below the bound, if any; `complete`: there are no better ones."""

    offsets: dict[int, int] | None
    arena_bytes: int
    complete: bool


@attrs.define
class _Search:
    problem: Problem
    indices: tuple[int, ...]
    pairs: tuple[Pair, ...]
    bound: int  # arenas of this size or more are not of interest
    goal: int  # arenas of this size or less cannot be improved
    nodes_left: int
    best: dict[int, int] | None = None
    complete: bool = True

    def run(self, offsets: dict[int, int], edges: dict[int, list[tuple[int, int]]], directions: dict[int, int]) -> None:
        if self.nodes_left <= 0:
            self.complete = False
            return
        self.nodes_left -= 1
        violated = self._violated(offsets, directions)
        if violated is None:
            self.best, self.bound = dict(offsets), self._arena(offsets)
            return
        branches = []
        for order, (added, fixed) in enumerate(self._options(violated, directions)):
            grown, moved = edges, dict(offsets)
            for edge in added:
                grown = {**grown, edge[0]: [*grown.get(edge[0], []), edge[1:]]}
            if all(self._move(moved, grown, edge) for edge in added):
                branches.append((self._arena(moved), order, grown, fixed, moved))
        for arena, _, grown, fixed, moved in sorted(branches, key=lambda branch: branch[:2]):
            if arena < self.bound and self.bound > self.goal:
                self.run(moved, grown, {**directions, **fixed})

    def _arena(self, offsets: dict[int, int]) -> int:
        return max(offsets[i] + self.problem.buffers[i].size_bytes for i in self.indices)

    def _violated(self, offsets: dict[int, int], directions: dict[int, int]) -> Pair | None:
        """The pair of most bytes that is broken in every direction that its nest may still take."""
        joint = dict(directions)
        found: list[Pair] = []
        for pair in self.pairs:
            allowed = pair.allowed(offsets[pair.second] - offsets[pair.first])
            possible = directions[pair.nest] if pair.nest >= 0 else BOTH
            if not allowed & possible:
                found.append(pair)
            elif pair.nest >= 0:
                joint[pair.nest] &= allowed
        if not found:
            found = [pair for pair in self.pairs if pair.nest >= 0 and not joint[pair.nest]]
        sizes = self.problem.buffers
        return max(found, key=lambda p: sizes[p.first].size_bytes + sizes[p.second].size_bytes, default=None)

    def _options(self, pair: Pair, directions: dict[int, int]) -> list[tuple[list[Edge], dict[int, int]]]:
        """The ways to mend a pair: bounds, and the direction that they take for granted."""
        if pair.nest < 0:
            return [(edge, {}) for edge in _edges(pair, FORWARD)]
        options: list[tuple[list[Edge], dict[int, int]]] = []
        if pair.in_place:
            options.append(([(pair.first, pair.second, 0), (pair.second, pair.first, 0)], {}))
        for direction in (FORWARD, REVERSE):
            if directions[pair.nest] & direction:
                options += [(edge, {pair.nest: direction}) for edge in _edges(pair, direction)]
        return options

    def _move(self, offsets: dict[int, int], edges: dict[int, list[tuple[int, int]]], edge: Edge) -> bool:
        """Moves buffers to the least offsets with one more bound (of `edges`); False if they reach the bound of the search."""
        work = [edge]
        while work:
            source, target, distance = work.pop()
            least = self.problem.align(target, offsets[source] + distance)
            if least <= offsets[target]:
                continue
            if least + self.problem.buffers[target].size_bytes >= self.bound:
                return False
            offsets[target] = least
            work += [(target, *following) for following in edges.get(target, ())]
        return True


def _edges(pair: Pair, direction: int) -> list[list[Edge]]:
    forbidden = pair.forbidden(direction)
    if forbidden is None:
        return [[]]
    return [[(pair.first, pair.second, forbidden[1])], [(pair.second, pair.first, -forbidden[0])]]


def search(problem: Problem, indices: Sequence[int], bound: int, goal: int = 0, nodes: int = 20_000) -> Outcome:
    """The smallest arena below `bound` for some of the buffers; stops at `goal` or after `nodes` branches."""
    chosen = tuple(indices)
    pairs = problem.restricted(chosen)
    directions = {pair.nest: problem.directions[pair.nest] for pair in pairs if pair.nest >= 0}
    run = _Search(problem, chosen, pairs, bound, goal, nodes)
    start = dict.fromkeys(chosen, 0)
    if chosen and run._arena(start) < bound:
        run.run(start, {}, directions)
    return Outcome(run.best, run.bound, run.complete)
