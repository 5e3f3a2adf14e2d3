"""Runs z3 on an SMT-LIB script, in a fresh context and within a budget of work, so that results repeat.

Two engines are tried in turn: the incremental core, which decides most of our queries at once, and the strategy that z3
has for the declared logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

_OUT_OF_BUDGET = ("canceled", "max. resource limit exceeded")


@attrs.frozen
class Answer:
    """`unsat`, `sat` with the integers of the model, or `unknown` with z3's reason; and the work it took."""

    state: Literal["unsat", "sat", "unknown"]
    model: Mapping[str, int]
    reason: str
    rlimit: int


def solve(script: str, logic: str, rlimit: int) -> Answer:
    """z3's answer to the script within `rlimit` units of work per engine."""
    first = _run(script, "", rlimit)
    if first.state != "unknown":
        return first
    second = _run(script, logic, rlimit)
    return attrs.evolve(second, rlimit=first.rlimit + second.rlimit)


def _run(script: str, logic: str, rlimit: int) -> Answer:
    import z3

    context = z3.Context()
    solver = z3.SolverFor(logic, ctx=context) if logic else z3.SimpleSolver(ctx=context)
    solver.set("rlimit", rlimit)
    solver.from_string(script)
    outcome = solver.check()
    spent = next((int(value) for key, value in solver.statistics() if key == "rlimit count"), 0)
    if outcome == z3.unsat:
        return Answer("unsat", {}, "", spent)
    if outcome == z3.unknown:
        reason = solver.reason_unknown()
        return Answer("unknown", {}, f"budget of {rlimit} units spent" if reason in _OUT_OF_BUDGET else reason, spent)
    model = solver.model()
    values = {str(d): model[d].as_long() for d in model.decls() if isinstance(model[d], z3.IntNumRef)}
    return Answer("sat", dict(sorted(values.items())), "", spent)
