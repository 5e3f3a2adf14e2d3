"""In which order steps that make and use tensors take the least memory: the exact order, for graphs whose branches are few.

A tensor lives from the first step that touches it to the last, an argument from the start, a result to the end.  What is done is
a set of steps; from it every step may follow whose predecessors are in it.  Sets are visited in the order of the least peak that
leads to them (Dijkstra's algorithm, with the greatest in place of the sum), and those whose peak is not below that of the given
order are left out, so that a chain costs nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import attrs


@attrs.frozen
class OrderProblem:
    """Steps in their given order, tensors by number.

    `touches`: the tensors that each step reads or defines.  `predecessors`: as bits, the steps that must come before each; all of
    them are earlier in the given order.  `sizes`: bytes of each tensor.  `given` and `kept`: those that live before the first step
    and after the last.  `shared`: the bytes that a step saves if the first tensor, which dies, and the second, which is born,
    overlap.
    """

    touches: Sequence[Sequence[int]]
    predecessors: Sequence[int]
    sizes: Sequence[int]
    given: frozenset[int]
    kept: frozenset[int]
    shared: Callable[[int, int, int], int] = lambda step, dying, born: 0


def least_peak_order(problem: OrderProblem, most_sets: int) -> list[int] | None:
    """The order of the steps whose peak is least; None if the given one is as good, or if more sets than so many were reached."""
    search = _Search(problem)
    bound = search.peak(range(len(problem.touches)))
    everything = (1 << len(problem.touches)) - 1
    reached = {0: 0}
    came: dict[int, tuple[int, int]] = {}
    waiting = [(0, 0, 0, 0, search.start)]
    serial = 0
    while waiting:
        peak, _, _, done, alive = heapq.heappop(waiting)
        if done == everything:
            return _way(came, done)
        if peak > reached[done]:
            continue
        for step, predecessors in enumerate(problem.predecessors):
            if done >> step & 1 or predecessors & ~done:
                continue
            during, after = search.step(done, alive, step)
            following, highest = done | 1 << step, max(peak, during)
            if highest >= bound or reached.get(following, bound) <= highest:
                continue
            reached[following], came[following] = highest, (done, step)
            if len(reached) > most_sets:
                return None
            serial += 1
            heapq.heappush(waiting, (highest, -following.bit_count(), serial, following, after))
    return None


def _way(came: dict[int, tuple[int, int]], done: int) -> list[int]:
    order: list[int] = []
    while done:
        done, step = came[done]
        order.append(step)
    return order[::-1]


class _Search:
    def __init__(self, problem: OrderProblem) -> None:
        self.problem = problem
        self.users = [0] * len(problem.sizes)
        for step, tensors in enumerate(problem.touches):
            for tensor in tensors:
                self.users[tensor] |= 1 << step
        self.start = sum(problem.sizes[tensor] for tensor in problem.given if self.users[tensor])

    def step(self, done: int, alive: int, step: int) -> tuple[int, int]:
        """The bytes that live during a step and after it, if `alive` live before."""
        problem, after = self.problem, done | 1 << step
        born = [t for t in problem.touches[step] if not self.users[t] & done and t not in problem.given]
        dying = [t for t in problem.touches[step] if not self.users[t] & ~after and t not in problem.kept]
        during = alive + sum(problem.sizes[t] for t in born)
        saved = max((problem.shared(step, d, b) for d in dying if d not in born for b in born if b not in dying), default=0)
        return during - saved, during - sum(problem.sizes[t] for t in dying)

    def peak(self, order: Sequence[int]) -> int:
        """The most that lives during any of the steps in this order."""
        peak, done, alive = 0, 0, self.start
        for step in order:
            during, alive = self.step(done, alive, step)
            peak, done = max(peak, during), done | 1 << step
        return peak
