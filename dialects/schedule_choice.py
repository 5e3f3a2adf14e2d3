"""Which schedule each nest of a function is given: the candidates are weighed by what the cost model says of them.

    speed    fewest instructions
    ram      fewest instructions within the memory that some nest needs anyway, if each may take half as many instructions again as it must,
             or would with the goal speed
    size     least code, as long as all nests together take at most 1.8 times the instructions that they could with the goal speed;
             those that there is one form of are counted once, so that they leave none to others

Candidates are all schedules whose conditions hold, with all values in braces, if the pass can carry them out; those that stand first win
where costs are equal.  What a schedule without a cost takes nobody knows: it is taken if it stands before all others that could be
carried out, or there is no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import attrs

from tinyir.dialects.nest_classes import FACTS, NestFacts
from tinyir.dialects.schedules import Plan, SchedulingPass, fits, plans_of, schedules
from tinyir.ir.operation import Operation
from tinyir.rewrite.costs import NestCost, find_nest_cost_model
from tinyir.rewrite.pass_finder import find_pass
from tinyir.rewrite.passes import PassContext

RAM_SLOWDOWN = 1.5
SIZE_SLOWDOWN = 1.8
"""Less than twice, since estimates are within a third of what is counted."""


@attrs.frozen(eq=False)
class Candidate:
    """A plan, and what is known of its cost."""

    plan: Plan
    cost: NestCost | None

    @property
    def instructions(self) -> float:
        """Infinite where nothing is known, so that it is taken only if there is no other, or it stands first."""
        return math.inf if self.cost is None else self.cost.instructions

    def memory(self, facts: NestFacts) -> float:
        """The bytes that it makes the network's peak of memory higher than its tensors do, if there is no other nest."""
        return 0.0 if self.cost is None else max(0.0, self.cost.scratch_bytes - facts.spare + facts.beyond)

    @property
    def form(self) -> str:
        """What nests share whose code is one."""
        return str(self.plan)


Options = tuple[Operation, NestFacts, list[Candidate]]


@attrs.frozen(eq=False)
class Choice:
    """What was chosen for a nest, and what else could have been."""

    nest: Operation
    chosen: Candidate
    others: tuple[Candidate, ...]


def choose(nests: Iterable[tuple[Operation, NestFacts]], context: PassContext, only: Sequence[str] = ()) -> list[Choice]:
    """The choices for the nests of a function; each comes with its numbers.  `only`: the schedules that are weighed (empty: all).

    Nests that no schedule can be applied to, or of whose schedules no cost is known, are left out.
    """
    known = [(nest, facts, candidates(nest, facts, context)) for nest, facts in nests]
    found = [(nest, facts, [each for each in plans if not only or each.plan.schedule.name in only]) for nest, facts, plans in known]
    options = [each for each in found if any(candidate.cost is not None for candidate in each[2])]
    decide = {"ram": _least_memory, "size": _least_code}.get(context.goal, _fastest)
    picks = decide(options, context)
    return [Choice(nest, pick, tuple(each for each in plans if each is not pick)) for pick, (nest, _, plans) in zip(picks, options, strict=True)]


def candidates(nest: Operation, facts: NestFacts, context: PassContext, goal: str = "") -> list[Candidate]:
    """All that can be carried out for a nest, in the order in which they stand."""
    return weighed(plans_for(nest, facts, context, goal), facts, context)


def plans_for(nest: Operation, facts: NestFacts, context: PassContext, goal: str = "") -> list[Plan]:
    """The same without their costs."""
    plans = [plan for schedule in schedules() if fits(schedule, facts, context, goal=goal) for plan in plans_of(schedule)]
    return [plan for plan in plans if _takes(plan, nest, context)]


def weighed(plans: Iterable[Plan], facts: NestFacts, context: PassContext) -> list[Candidate]:
    """What plans cost on a nest of these numbers."""
    numbers, model = {name: float(getattr(facts, name)) for name in FACTS}, find_nest_cost_model()
    return [Candidate(plan, model(plan.schedule, plan.values, numbers, context.target)) for plan in plans]


def _takes(plan: Plan, nest: Operation, context: PassContext) -> bool:
    instance = find_pass(plan.schedule.by.text)()
    return not isinstance(instance, SchedulingPass) or instance.takes(nest, plan, context)


def _fastest(options: Sequence[Options], context: PassContext) -> list[Candidate]:
    """Each nest for itself."""
    return [_quickest(found) for _, _, found in options]


def _quickest(found: Sequence[Candidate]) -> Candidate:
    return found[0] if found[0].cost is None else min(found, key=lambda each: each.instructions)


def _least_memory(options: Sequence[Options], context: PassContext) -> list[Candidate]:
    """The fastest that need no more memory than some nest does anyway."""
    within = [_quick_enough(found, candidates(nest, facts, context, "speed")) for nest, facts, found in options]
    needed = max((min(each.memory(facts) for each in found) for (_, facts, _), found in zip(options, within, strict=True)), default=0.0)
    return [_quickest([each for each in found if each.memory(facts) <= needed]) for (_, facts, _), found in zip(options, within, strict=True)]


def _quick_enough(found: Sequence[Candidate], fast: Iterable[Candidate]) -> list[Candidate]:
    """Those that take at most half as many instructions again as the best of all and of the goal speed's; the quickest if none does."""
    most = RAM_SLOWDOWN * min(each.instructions for each in (*found, *fast))
    return [each for each in found if each.instructions <= most] or [_quickest(found)]


def _least_code(options: Sequence[Options], context: PassContext) -> list[Candidate]:
    """Gives all nests of one form another, as long as that makes the code smaller and the network not too slow."""
    picks = _fastest(options, context)
    budget = sum(_most_instructions([*found, *candidates(nest, facts, context, "speed")]) for nest, facts, found in options)
    while True:
        forms = dict.fromkeys(each.form for each in picks)
        changed = [_replaced(picks, options, old, new) for old in forms for new in dict.fromkeys(each.form for _, _, found in options for each in found)]
        better = [each for each in changed if each is not None and _code(each) < _code(picks) and sum(one.instructions for one in each) <= budget]
        if not better:
            return picks
        picks = min(better, key=lambda each: (_code(each), sum(one.instructions for one in each)))


def _most_instructions(found: Sequence[Candidate]) -> float:
    """What a nest adds to the budget of a network.

    Of one form it adds what it takes: it is as slow with any goal, and leaves nothing to others that its estimate may have too much.
    """
    return (SIZE_SLOWDOWN if len({each.form for each in found}) > 1 else 1.0) * _quickest(found).instructions


def _replaced(picks: Sequence[Candidate], options: Sequence[Options], old: str, new: str) -> list[Candidate] | None:
    """The picks with one form in place of another; None: some nest cannot have it."""
    found: list[Candidate] = []
    for pick, (_, _, each) in zip(picks, options, strict=True):
        other = next((candidate for candidate in each if candidate.form == new), None) if pick.form == old else pick
        if other is None:
            return None
        found.append(other)
    return found


def _code(picks: Iterable[Candidate]) -> float:
    """The bytes of code of all forms."""
    return sum({each.form: each.cost.code_bytes for each in picks if each.cost is not None}.values())
