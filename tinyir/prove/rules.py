"""Proofs of rewrite rules.

A rule claims: where the left side is defined and the side conditions hold, the right side is defined and equal, element by
element.  The two sides are read from the operators' equations (`meaning`), in every case of ranks and types (`rule_cases`),
and compared at one arbitrary index (`equality`).
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from tinyir.prove.equality import Answer, Prover
from tinyir.prove.rule_cases import MOST_DIMENSIONS, Case, Undefined, cases, chooses_axes
from tinyir.text import rule_syntax as ast


@attrs.frozen
class RuleProof:
    """`state`: "proved", "refuted" or "unknown"; `cases` were looked at with `questions` to z3; `detail` for what failed."""

    state: str
    cases: int = 0
    questions: int = 0
    detail: str = ""
    dimensions: int = MOST_DIMENSIONS


def prove_symbolically(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> RuleProof:
    """Proves a rule for all ranks up to `MOST_DIMENSIONS`, all extents, indices, elements and attributes.

    Lists of axes are symbolic at first; what is not proved so is tried with each list in turn.
    """
    first = _prove(rule, functions, False)
    if first.state == "proved" or not chooses_axes(rule):
        return first
    return _prove(rule, functions, True)


def _prove(rule: ast.Rule, functions: Mapping[str, ast.Function], chosen: bool) -> RuleProof:
    count = 0
    answers: dict[str, Answer] = {}
    for case in cases(rule, functions, chosen):
        prover = Prover(case.session, answers)
        answer = _undefined(prover, case) if isinstance(case, Undefined) else _decide(prover, case)
        count += 1
        if answer.state != "proved":
            return RuleProof(answer.state, count, len(answers), answer.detail)
    return RuleProof("proved" if count else "unknown", count, len(answers), "" if count else "no case is defined")


def _undefined(prover: Prover, case: Undefined) -> Answer:
    """The right side has no meaning: fine if the left side has none either."""
    if prover.holds(prover.session.boolean(False)):
        return Answer("proved")
    return Answer("unknown", f"the right side is not defined: {case.reason}")


def _decide(prover: Prover, case: Case) -> Answer:
    for what, goal in case.session.goals:
        answer = prover.implied(goal)
        if answer.state != "proved":
            return attrs.evolve(answer, detail=f"{what}: {answer.detail}")
    return prover.equal(*case.values)
