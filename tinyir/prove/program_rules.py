"""Proofs of rules over programs: from every state of memory the right side gives the same and leaves the same memory.

What z3 has a counterexample to is tried in the interpreter, on small programs that the left side matches (`program_examples`); it
counts as refuted where the two sides differ there, or where the right side lacks what it needs to be defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyir.prove.program_cases import ProgramCase, program_cases
from tinyir.prove.program_examples import find_difference
from tinyir.prove.scalar_rules import RLIMIT, ScalarAnswer
from tinyir.text import rule_syntax as ast


def prove_program(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> ScalarAnswer:
    """Proves a rule over programs.

    Raises:
        NoMeaningError: proofs do not know what something means.
    """
    count = questions = firing = 0
    for case in program_cases(rule, functions):
        count += 1
        if not firing:
            firing += _check(case, case.terms.true()) != "unsat"
            questions += 1
        for what, goal in case.goals:
            goal = case.terms.z3.simplify(goal, expand_select_store=True)
            if case.terms.z3.is_true(goal):
                continue
            questions += 1
            outcome = _check(case, case.terms.z3.Not(goal))
            if outcome == "unsat":
                continue
            return _failed(rule, functions, case, what, outcome, ScalarAnswer("", count, questions))
    if not firing:
        return ScalarAnswer("vacuous", count, questions, "no program satisfies the pattern and its condition: the rule can never apply")
    return ScalarAnswer("proved", count, questions)


def _check(case: ProgramCase, claim: Any) -> str:
    solver = case.terms.z3.Solver(ctx=case.terms.context)
    solver.set("rlimit", RLIMIT)
    solver.add(*case.assumed, claim)
    return str(solver.check())


def _failed(rule: ast.Rule, functions: Mapping[str, ast.Function], case: ProgramCase, what: str, outcome: str, so_far: ScalarAnswer) -> ScalarAnswer:
    found = find_difference(rule, functions)
    is_memory = what in ("", "memory")
    if found:
        return ScalarAnswer("refuted", so_far.cases, so_far.questions, found)
    if outcome == "sat" and not is_memory:
        detail = f"the right side is not defined, it needs {what}"
        return ScalarAnswer("refuted" if _is_plain(what) else "unknown", so_far.cases, so_far.questions, detail)
    subject = {"memory": "what memory holds afterwards", "": "the results"}.get(what, what)
    if outcome == "sat":
        detail = f"z3 has a counterexample about {subject} that the interpreter does not confirm"
    else:
        detail = f"z3 gave up on {subject} within {RLIMIT} steps"
    return ScalarAnswer("unknown", so_far.cases, so_far.questions, detail)


def _is_plain(what: str) -> bool:
    """Whether a need is one of a single operation, of which all is known: not that of a body or loop."""
    return not what.startswith(("the loop", "the body", "the branch", "what stands between"))
