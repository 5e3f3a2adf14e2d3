"""What nests will take as they stand and row by row, told before either is done: by the schedules that the goal ram could give them.

Of nests that no schedule with a cost fits, a rough number is good enough: they take little, and the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod

import attrs

from tinyir.dialects import loop
from tinyir.dialects.group_nests import hoist
from tinyir.dialects.nest_classes import NestFacts, facts_of
from tinyir.dialects.product_nests import extent_of, find_product_nest, of_one_group
from tinyir.dialects.row_blocks import in_blocks
from tinyir.dialects.row_nests import RowNest, row_elements
from tinyir.dialects.row_schedule import Timing
from tinyir.dialects.schedule_choice import Candidate, plans_for, weighed
from tinyir.dialects.schedules import Plan
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import PassContext

NUMBERS = ("other_element", "other_term", "stream_step")
"""Of the target's table `[costs.instructions]`: what is taken for an element, and for each term of a fold, of nests of which nothing else is
known, and by a nest in each step of a stream beside its rows (bounds, places in rings)."""


@attrs.frozen(eq=False)
class _Nest:
    """The nest that schedules are applied to, how often it runs, and the plans that can be carried out with the goal ram."""

    facts: NestFacts
    times: int
    lean: list[Plan]


class StreamCosts:
    """Estimates of instructions, for one context, with what the target's table says of `NUMBERS`."""

    def __init__(self, context: PassContext, table: Mapping[str, float]) -> None:
        self.context = context
        self.element, self.term, self.step = (table[name] for name in NUMBERS)
        self.quickest: dict[Operation, float] = {}
        self.nests: dict[Operation, _Nest] = {}
        self.blocks: dict[tuple[Operation, tuple[int, int]], _Nest] = {}
        self.found: dict[tuple[Operation, tuple[int, int], int], float] = {}

    def fast(self, root: Operation) -> float:
        """A nest as it stands, with the goal speed."""
        if root not in self.quickest:
            with _hoisted(root) as made:
                inner, times = _one_group(made)
                facts = facts_of(inner)
                known = self._known(plans_for(inner, facts, self.context, "speed"), facts)
            self.quickest[root] = times * min((each.instructions for each in known), default=self._rough(facts))
        return self.quickest[root]

    def whole(self, root: Operation, spare: int) -> float:
        """A nest as it stands, with so many bytes of memory to spare."""
        spare = _rounded(spare)
        key = root, (0, 0), spare
        if key not in self.found:
            nest = self._nest(root)
            self.found[key] = nest.times * self._lean(nest, attrs.evolve(nest.facts, spare=spare))
        return self.found[key]

    def by_rows(self, nest: RowNest, timing: Timing, spare: int) -> float:
        """All rows of a nest as they come in a stream."""
        spare = _rounded(spare)
        key = nest.root, (timing.rows, timing.shift), spare
        if key not in self.found:
            self.found[key] = self._by_rows(nest, timing, spare)
        return self.found[key]

    def _by_rows(self, nest: RowNest, timing: Timing, spare: int) -> float:
        steps, inner = timing.blocks(nest.rows), row_body(nest)
        if inner is None:
            return self._rough(facts_of(nest.root)) + self.step * steps
        one = self._nest(inner) if timing.rows == 1 else self._block(nest.root, timing)
        run = min([one.facts.run, *(row_elements(read.tensor) for read in nest.reads)]) if timing.rows == 1 else 1  # places in rings cost as much
        return steps * (self.step + one.times * self._lean(one, attrs.evolve(one.facts, spare=spare, run=run)))

    def _block(self, root: Operation, timing: Timing) -> _Nest:
        """Several rows of a nest, of which a copy is made and thrown away."""
        key = root, (timing.rows, timing.shift)
        if key not in self.blocks:
            outer = in_blocks(Builder.before(root).insert(root.clone()), timing.rows, timing.shift)
            inner = outer.body.first
            assert inner is not None
            product = find_product_nest(inner)
            self.blocks[key] = self._of(hoist(product) if product is not None else inner)
            outer.erase()
        return self.blocks[key]

    def _nest(self, root: Operation) -> _Nest:
        if root not in self.nests:
            with _hoisted(root) as made:
                self.nests[root] = self._of(made)
        return self.nests[root]

    def _of(self, root: Operation) -> _Nest:
        inner, times = _one_group(root)
        facts = facts_of(inner)
        return _Nest(facts, times, plans_for(inner, facts, self.context, "ram"))

    def _known(self, plans: Sequence[Plan], facts: NestFacts) -> list[Candidate]:
        return [each for each in weighed(plans, facts, self.context) if each.cost is not None]

    def _lean(self, nest: _Nest, facts: NestFacts) -> float:
        """The fastest of the plans that need no more memory than there is to spare; of all, if each needs more."""
        known = self._known(nest.lean, facts)
        enough = [each for each in known if not each.memory(facts)] or known
        return min((each.instructions for each in enough), default=self._rough(facts))

    def _rough(self, facts: NestFacts) -> float:
        return facts.positions * facts.outputs * (self.element + self.term * facts.terms)


@contextmanager
def _hoisted(root: Operation) -> Iterator[Operation]:
    """A nest as it will stand when its groups are loops of their own: if they are not yet, a copy that is thrown away."""
    copy = find_product_nest(Builder.before(root).insert(root.clone())) if find_product_nest(root) is not None else None
    made = hoist(copy) if copy is not None else root
    try:
        yield made
    finally:
        if copy is not None:
            made.erase()


def _one_group(root: Operation) -> tuple[Operation, int]:
    """The nest of one group, which schedules are applied to, and how often it runs."""
    inner = of_one_group(root)
    if inner is root:
        return root, 1
    around = [each for each in inner.ancestors() if each.name == "loop.for" and loop.is_parallel(each)]
    return inner, prod(extent_of(each) for each in around[: around.index(root) + 1])


def _rounded(spare: int) -> int:
    """Down to a number of three bits and zeros, so that few different ones are weighed: it is a quarter less at most."""
    zeros = max(spare.bit_length() - 3, 0)
    return spare >> zeros << zeros


def stream_costs(context: PassContext) -> StreamCosts | None:
    """The estimates for a target whose table says what nests take; None for another."""
    table = context.target.costs.instructions if context.target is not None else {}
    return StreamCosts(context, table) if table.keys() >= {*NUMBERS} else None


def row_body(nest: RowNest) -> Operation | None:
    """The nest that makes one row, if that is all that the loop over the rows does."""
    first = nest.root.body.first
    alone = not nest.carries_sums and first is not None and first.name == "loop.for" and first.next is nest.root.body.terminator
    return first if alone and first is not None and loop.is_parallel(first) else None
