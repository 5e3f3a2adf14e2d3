"""loop -> loop: each nest is told which schedule will be applied to it, by what the cost model says of all that could be.

    loop.for %o parallel { ... }
=>
    loop.for %o parallel attributes {plan = "rows: stage bytes 1024; jam outputs 4", expected = "9,364 instructions; neighbours 13,680"} { ... }

The passes that carry out schedules do then what the nest says, and leave alone what another is to do.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from tinyir.dialects.nest_classes import facts_of
from tinyir.dialects.product_nests import scheduled_nests
from tinyir.dialects.schedule_choice import Choice, choose
from tinyir.dialects.schedules import EXPECTED, PLAN, schedules
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.builder import functions
from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class ChooseSchedules(Pass):
    """Chooses a schedule for each nest of which costs are known; the others get the first that fits.

    `only`: the schedules that are weighed, by their names; empty: all.
    """

    name: ClassVar[str] = "choose_schedules"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    only: tuple[str, ...] = ()

    def run(self, module: Operation, context: PassContext) -> None:
        known = [each.name for each in schedules()]
        for name in self.only:
            if name not in known:
                raise TinyirError(f"no schedule '{name}'", hint=did_you_mean(name, known) or f"there are {', '.join(known)}")
        for function in functions(module):
            nests = [(nest, facts_of(nest)) for nest in scheduled_nests(function)]
            for choice in choose(nests, context, self.only):
                choice.nest.attributes[PLAN] = StringAttribute(str(choice.chosen.plan))
                if choice.chosen.cost is not None:
                    choice.nest.attributes[EXPECTED] = StringAttribute(_expected(choice, choice.chosen.cost.instructions))


def _expected(choice: Choice, instructions: float) -> str:
    """`9,364 instructions; neighbours 13,680`: the best of each other schedule beside the one that was chosen."""
    others: dict[str, float] = {}
    for each in choice.others:
        name = each.plan.schedule.name
        if each.cost is not None and name != choice.chosen.plan.schedule.name:
            others[name] = min(others.get(name, each.instructions), each.instructions)
    return "; ".join((f"{instructions:,.0f} instructions", *(f"{name} {number:,.0f}" for name, number in others.items())))
