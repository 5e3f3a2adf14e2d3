"""Cost models: functions that tell from a program's tree and a target's tables what its code will take.  Plug-ins, like passes.

[project.entry-points."tinyir.costs"]
mine = "mine.costs"        # a module, or a package of modules, each with a function `cost(module, target) -> Cost`
                           # and one `nest_cost(schedule, values, facts, target) -> NestCost | None`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType

import attrs

from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.ir.plugins import modules_of
from tinyir.ir.schedule import Option, Schedule
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


@attrs.frozen
class NestCost:
    """Estimates of what a schedule makes of a nest: what one run of it executes, the bytes of its code, and of memory beside the tensors."""

    instructions: float
    code_bytes: float = 0.0
    scratch_bytes: float = 0.0


CostModel = Callable[[Operation, Target], Cost]
NestCostModel = Callable[[Schedule, Mapping[Option, int], Mapping[str, float], Target | None], NestCost | None]
"""Of a schedule with the values of its parameters on a nest of which the numbers are given; None: nothing is known."""


def find_cost_model(name: str = "static_costs") -> CostModel:
    """The cost model of that name.

    Raises:
        TinyirError: there is none.
    """
    model: CostModel = _module(name).cost
    return model


def find_nest_cost_model(name: str = "static_costs") -> NestCostModel:
    """The same for nests that no schedule was applied to yet.

    Raises:
        TinyirError: there is none.
    """
    model: NestCostModel = _module(name).nest_cost
    return model


@cache
def _module(name: str) -> ModuleType:
    known = {**modules_of(ENTRY_POINTS), **OWN}
    if name not in known:
        raise TinyirError(f"no cost model '{name}': there are {', '.join(sorted(known))}", hint=did_you_mean(name, known))
    return import_module(known[name])
