"""Cost models: functions that tell from a program's tree and a target's tables what its code will take.  Plug-ins, like passes.

    [project.entry-points."tinyir.costs"]
    mine = "mine.costs"        # a module, or a package of modules, each with a function `cost(module, target) -> Cost`
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import attrs

from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.ir.plugins import modules_of
from tinyir.rewrite.passes import Target

ENTRY_POINTS = "tinyir.costs"
OWN = {"static_costs": "tinyir.dialects.static_costs"}


@attrs.frozen
class Cost:
    """Estimates: what one run executes, and the bytes of code and of RAM without the stack."""

    instructions: float
    cycles: float
    code_bytes: float
    ram_bytes: int


CostModel = Callable[[Operation, Target], Cost]


def find_cost_model(name: str = "static_costs") -> CostModel:
    """The cost model of that name.

    Raises:
        TinyirError: there is none.
    """
    known = {**modules_of(ENTRY_POINTS), **OWN}
    if name not in known:
        raise TinyirError(f"no cost model '{name}': there are {', '.join(sorted(known))}", hint=did_you_mean(name, known))
    model: CostModel = import_module(known[name]).cost
    return model
