"""Runs z3 on SMT-LIB scripts, within a budget of work and in a fresh context for each claim, so that results repeat.

Two engines are tried in turn: the incremental core, which decides most of our queries at once, and the strategy that z3
has for the declared logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import attrs

_OUT_OF_BUDGET = ("canceled", "max. resource limit exceeded")


@attrs.frozen
class Answer:
    """`unsat`, `sat` with the numbers of the model (bit vectors as signed ones), or `unknown` with z3's reason; and the work it took."""

    state: Literal["unsat", "sat", "unknown"]
    model: Mapping[str, int | Fraction]
    reason: str
    rlimit: int


class Solver:
    """Answers scripts, one after the other, in one context: a new one costs more than most of our questions.

    z3 counts its work over all of a context, so what one question takes depends on those before it, and on nothing else.
    """

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        import z3

        self._context = z3.Context()
        self._counted = 0

    def solve(self, script: str, logic: str, rlimit: int) -> Answer:
        """z3's answer to the script within `rlimit` units of work per engine."""
        first = self._run(script, "", rlimit)
        if first.state != "unknown":
            return first
        self._renew()
        second = self._run(script, logic, rlimit)
        return attrs.evolve(second, rlimit=first.rlimit + second.rlimit)

    def _run(self, script: str, logic: str, rlimit: int) -> Answer:
        import z3

        solver = z3.SolverFor(logic, ctx=self._context) if logic else z3.SimpleSolver(ctx=self._context)
        solver.set("rlimit", rlimit)
        solver.from_string(script)
        outcome = solver.check()
        counted = next((int(value) for key, value in solver.statistics() if key == "rlimit count"), self._counted)
        spent, self._counted = counted - self._counted, counted
        if outcome == z3.unsat:
            return Answer("unsat", {}, "", spent)
        if outcome == z3.unknown:
            reason = solver.reason_unknown()
            return Answer("unknown", {}, f"budget of {rlimit} units spent" if reason in _OUT_OF_BUDGET else reason, spent)
        model = solver.model()
        values = {str(d): value for d in model.decls() if (value := _number(model[d])) is not None}
        return Answer("sat", dict(sorted(values.items())), "", spent)


def _number(value: object) -> int | Fraction | None:
    import z3

    if isinstance(value, z3.IntNumRef):
        return int(value.as_long())
    if isinstance(value, z3.BitVecNumRef):
        return int(value.as_signed_long())
    return Fraction(value.as_fraction()) if isinstance(value, z3.RatNumRef) else None
