"""What nests will take as they stand and row by row, told before either is done: by the schedules that the goal ram could give them.

Of nests that no schedule with a cost fits, a rough number is good enough: they take little, and the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_classes import NestFacts, facts_of
from tinyir.dialects.row_nests import RowNest, row_elements
from tinyir.dialects.schedule_choice import Candidate, plans_for, quick_enough, weighed
from tinyir.dialects.schedules import Plan
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import PassContext

ELEMENT, TERM = 8.0, 3.0
"""The instructions for an element, and for each term of a fold, of nests of which nothing else is known (counted in code for Cortex-M4)."""
STEP = 40.0
"""What a nest takes in each step of a stream beside its rows: bounds, places in rings."""


class StreamCosts:
    """Estimates of instructions, for one context."""

    def __init__(self, context: PassContext) -> None:
        self.context = context
        self.plans: dict[tuple[Operation, str, str], list[Plan]] = {}
        self.facts: dict[Operation, NestFacts] = {}
        self.found: dict[tuple[Operation, int, int], float] = {}

    def fast(self, root: Operation) -> float:
        """A nest as it stands, with the goal speed."""
        return self._least(root, self._facts(root), "speed")

    def whole(self, root: Operation, spare: int) -> float:
        """A nest as it stands, with so many bytes of memory to spare."""
        key = root, 0, spare
        if key not in self.found:
            self.found[key] = self._least(root, attrs.evolve(self._facts(root), spare=spare), "ram")
        return self.found[key]

    def by_rows(self, nest: RowNest, rows: int, spare: int) -> float:
        """All rows of a nest, so many in each step of a stream."""
        key = nest.root, rows, spare
        if key not in self.found:
            self.found[key] = self._by_rows(nest, rows, spare)
        return self.found[key]

    def _by_rows(self, nest: RowNest, rows: int, spare: int) -> float:
        steps, inner = -(-nest.rows // rows), row_body(nest)
        if inner is None:
            return self._rough(self._facts(nest.root)) + STEP * steps
        one = self._facts(inner)
        facts = attrs.evolve(one, spare=spare, run=min([one.run, *(row_elements(read.tensor) for read in nest.reads)]))
        return steps * (STEP + self._least(inner, facts, "ram"))

    def _facts(self, nest: Operation) -> NestFacts:
        if nest not in self.facts:
            self.facts[nest] = facts_of(nest)
        return self.facts[nest]

    def _least(self, nest: Operation, facts: NestFacts, goal: str) -> float:
        known = [each for each in weighed(self._plans(nest, facts, goal), facts, self.context) if each.cost is not None]
        return self._fewest(nest, known, facts, goal) if known else self._rough(facts)

    def _plans(self, nest: Operation, facts: NestFacts, goal: str) -> list[Plan]:
        key = nest, facts.kind, goal
        if key not in self.plans:
            self.plans[key] = plans_for(nest, facts, self.context, goal)
        return self.plans[key]

    def _fewest(self, nest: Operation, known: Sequence[Candidate], facts: NestFacts, goal: str) -> float:
        """With the goal ram of those that are quick enough and need the least memory beyond what there is to spare."""
        if goal == "ram":
            known = quick_enough(known, weighed(self._plans(nest, facts, "speed"), facts, self.context))
            least = min(each.memory(facts) for each in known)
            known = [each for each in known if each.memory(facts) <= least]
        return min(each.instructions for each in known)

    @staticmethod
    def _rough(facts: NestFacts) -> float:
        return facts.positions * facts.outputs * (ELEMENT + TERM * facts.terms)


def stream_costs(context: PassContext) -> StreamCosts | None:
    """The estimates for a target whose table says what nests take; None for another."""
    return StreamCosts(context) if context.target is not None and context.target.costs.instructions else None


def row_body(nest: RowNest) -> Operation | None:
    """The nest that makes one row, if that is all that the loop over the rows does."""
    first = nest.root.body.first
    alone = not nest.carries_sums and first is not None and first.name == "loop.for" and first.next is nest.root.body.terminator
    return first if alone and first is not None and loop.is_parallel(first) else None
