"""The order of least memory is that which trying all orders finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy
import pytest

from tinyir.dialects.nest_order import OrderProblem, least_peak_order

BRANCHES = OrderProblem(
    touches=[(0, 1), (0, 2), (1, 3), (2, 4), (3, 4, 5)],
    predecessors=[0, 0, 1 << 0, 1 << 1, 1 << 2 | 1 << 3],
    sizes=[10, 100, 100, 10, 10, 10],
    given=frozenset({0}),
    kept=frozenset({5}),
)
"""An input, two large tensors of it, a small one of each, and their sum."""


def peak(problem: OrderProblem, order: Sequence[int]) -> int:
    """By the definition: a tensor lives from the first step that touches it to the last."""
    most = 0
    for time in range(len(order)):
        total = 0
        for tensor, size in enumerate(problem.sizes):
            times = [at for at, step in enumerate(order) if tensor in problem.touches[step]]
            first = 0 if tensor in problem.given else min(times, default=len(order))
            last = len(order) if tensor in problem.kept else max(times, default=-1)
            total += size if times and first <= time <= last else 0
        most = max(most, total)
    return most


def orders(problem: OrderProblem, done: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if len(done) == len(problem.touches):
        yield done
    for step, before in enumerate(problem.predecessors):
        if step not in done and all(before >> other & 1 == 0 or other in done for other in range(len(problem.touches))):
            yield from orders(problem, (*done, step))


def random_problem(seed: int) -> OrderProblem:
    """Each step makes one tensor of some earlier ones; the last tensors are kept now and then."""
    random = numpy.random.default_rng(seed)
    count = int(random.integers(2, 7))
    made = range(1, count + 1)
    reads = [[int(t) for t in random.choice(tensor, min(tensor, int(random.integers(1, 3))), replace=False)] for tensor in made]
    return OrderProblem(
        touches=[(*sources, tensor) for sources, tensor in zip(reads, made, strict=True)],
        predecessors=[sum(1 << (source - 1) for source in sources if source) for sources in reads],
        sizes=[int(size) for size in random.integers(1, 20, count + 1)],
        given=frozenset({0}),
        kept=frozenset({count, *(tensor for tensor in made if random.random() < 0.2)}),
    )


def test_one_branch_comes_after_the_other() -> None:
    order = least_peak_order(BRANCHES, 100)
    assert order == [0, 2, 1, 3, 4]
    assert (peak(BRANCHES, range(5)), peak(BRANCHES, order)) == (210, 120)


@pytest.mark.parametrize("seed", range(40))
def test_no_order_is_better(seed: int) -> None:
    problem = random_problem(seed)
    least = min(peak(problem, order) for order in orders(problem))
    given = peak(problem, range(len(problem.touches)))
    found = least_peak_order(problem, 1000)
    assert (found is None) == (least == given)
    assert found is None or (tuple(found) in set(orders(problem)) and peak(problem, found) == least)


def test_some_of_the_random_problems_have_a_better_order() -> None:
    assert sum(least_peak_order(random_problem(seed), 1000) is not None for seed in range(40)) >= 5


def test_too_many_sets_leave_the_order_as_it_is() -> None:
    assert least_peak_order(BRANCHES, 3) is None


def test_what_dies_and_what_is_born_may_share() -> None:
    """Either of two steps may come last; whether the input may share bytes with what the first one makes decides."""
    problem = OrderProblem([(0, 1), (0, 2), (1, 2, 3)], [0, 0, 0b11], [10, 50, 60, 1], frozenset({0}), frozenset({3}))
    assert least_peak_order(problem, 100) is None
    assert least_peak_order(attrs.evolve(problem, shared=_over_the_input), 100) == [1, 0, 2]


def _over_the_input(step: int, dying: int, born: int) -> int:
    return 10 if (step, dying, born) == (0, 0, 1) else 0
