"""Proofs of rewrite rules.

A rule claims: where the left side is defined and the side conditions hold, the right side is defined and equal, element by element.
Rules over tensors: the two sides are read from the operators' equations (`meaning`), in every case of ranks and types (`rule_cases`),
and compared at one arbitrary index (`equality`).  Rules over scalars: at every choice of types (`scalar_rules`).  Rules over programs,
with memory and bodies: both sides run from one arbitrary state (`program_rules`).

What is refuted was seen to differ in the interpreter, or has a right side that is not defined.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from importlib import import_module
from typing import Any

import attrs

from tinyir.ir.errors import TinyirError
from tinyir.ir.types import F32, I32, Type
from tinyir.prove.alike import form_of
from tinyir.prove.equality import RLIMIT, Answer, Asked, Prover
from tinyir.prove.program_rules import prove_program
from tinyir.prove.rule_cases import MOST_DIMENSIONS, Case, Matched, Undefined, Unknown, asks_for_ones, cases, chooses_axes, moves_only, used_operators
from tinyir.prove.scalar_rules import ScalarAnswer, prove_scalars
from tinyir.prove.symbolic import NoMeaningError, Session
from tinyir.prove.tensor_examples import find_counterexample
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.rewrite.rule_types import is_program_rule, is_scalar_rule
from tinyir.text import rule_syntax as ast
from tinyir.text.specifications import operators


@attrs.frozen
class RuleProof:
    """`state`: "proved", "refuted", "unknown", or "vacuous" (no operands satisfy the condition: the rule can never apply).

    `cases` were looked at with `questions` to z3; `detail` for what failed; `dimensions`: the greatest rank looked at, 0 for scalars.
    """

    state: str
    cases: int = 0
    questions: int = 0
    detail: str = ""
    dimensions: int = MOST_DIMENSIONS


@attrs.define(eq=False)
class Known:
    """What the proofs of other rules have shown: questions to z3, and by its form what holds whatever is computed of elements."""

    questions: set[bytes] = attrs.field(factory=set)
    forms: dict[Hashable, RuleProof] = attrs.field(factory=dict)


FIRST_RLIMIT = RLIMIT // 3
"""For each question of an attempt after which another one follows."""
VACUOUS = "no operands and properties satisfy the pattern and its condition: the rule can never apply"


def prove_rule(rule: ast.Rule, functions: Mapping[str, ast.Function], known: Known | None = None) -> RuleProof:
    """Proves a rule of any level, or refutes it.  `known`: from other rules; what this one shows is added.

    Raises:
        TinyirError: the rule names something that does not exist, or its types contradict each other.
    """
    compile_rule(rule, functions)
    try:
        if is_program_rule(rule):
            return _summary(prove_program(rule, functions))
        if not is_scalar_rule(rule):
            strange = [a.operation for side in (rule.pattern, rule.result) for a in ast.applications(side) if a.operation not in operators()]
            if strange:
                meant = "the operators of specs/ops, or on scalars alone"
                return RuleProof("unknown", detail=f"proofs have no meaning for '{strange[0]}' here: a rule is over {meant}")
            return prove_symbolically(rule, functions, known or Known())
        return _summary(prove_scalars(rule, functions))
    except NoMeaningError as error:
        return RuleProof("unknown", detail=f"proofs have no answer: {error}")
    except import_module("z3").Z3Exception as error:
        return RuleProof("unknown", detail=f"an expression mixes values of different kinds ({error})")


def _summary(found: ScalarAnswer) -> RuleProof:
    return RuleProof(found.state, found.cases, found.questions, found.detail, 0)


def prove_symbolically(rule: ast.Rule, functions: Mapping[str, ast.Function], known: Known) -> RuleProof:
    """Proves a rule over tensors for all ranks up to `MOST_DIMENSIONS`, all extents, indices, elements and attributes.

    Where elements are only moved past operators that stand on both sides alike, types make no difference: the proof is tried with one
    that stands for all.  Lists of axes are symbolic at first; what is not proved so is tried with each list in turn, then also with each
    choice of the extents that are 1 (at once, if the condition asks which are).
    """
    form = form_of(rule, functions)
    if form in known.forms:
        return known.forms[form]
    ways = ("",) if not chooses_axes(rule) else ("ones",) if asks_for_ones(rule, functions) else ("", "lists", "ones")
    proof = RuleProof("unknown")
    abstractions = _abstractions(rule)
    reshapes = any(operator.form == "flat" for operator in used_operators(rule))
    for elements in abstractions:
        if elements == (F32,) and proof.state != "vacuous":
            continue
        for choose in ways:
            budget = FIRST_RLIMIT if choose != ways[-1] and reshapes else RLIMIT
            last = elements is abstractions[-1] and choose == ways[-1]
            proof = _Attempt(rule, functions, choose, elements, budget, last, Asked(known.questions)).prove()
            if proof.state == "proved" and form is not None and rule.exact and elements is not None:
                known.forms[form] = proof
            if proof.state in ("proved", "refuted") or (proof.state == "vacuous" and elements is None):
                return proof
            if proof.state == "vacuous":
                break
    return proof


def _abstractions(rule: ast.Rule) -> tuple[tuple[Type, ...] | None, ...]:
    """The types of elements to look at, in turn: one that stands for all, where that may do (of integers: some operators have only those)."""
    if not moves_only(rule):
        return (None,)
    return ((I32,), (F32,), None) if rule.exact else ((F32, I32), None)


class _Attempt:
    """One walk through the cases.  `last`: no other attempt follows, so a counterexample is sought whatever z3 says."""

    def __init__(
        self,
        rule: ast.Rule,
        functions: Mapping[str, ast.Function],
        choose: str,
        elements: tuple[Type, ...] | None,
        rlimit: int,
        last: bool,
        asked: Asked,
    ) -> None:
        self.rlimit = rlimit
        self.last = last
        self.rule = rule
        self.functions = functions
        self.choose = choose
        self.elements = elements
        self.asked = asked

    def prove(self) -> RuleProof:
        count, fires, unknown = 0, False, ""
        for case in cases(self.rule, self.functions, self.choose, self.elements):
            count += 1
            if isinstance(case, Unknown):
                unknown = unknown or f"proofs have no answer: {case.reason}"
                continue
            prover = Prover(case.session, self.asked, self.rlimit)
            answer = self._undefined(prover, case) if isinstance(case, Undefined) else self._decide(prover, case)
            if answer.state != "proved":
                return RuleProof(answer.state, count, len(self.asked.answers), answer.detail)
            fires = fires or (isinstance(case, Case) and case.same_type is not False and _can_hold(case.session))
        if unknown:
            return RuleProof("unknown", count, len(self.asked.answers), unknown)
        return RuleProof("proved", count, len(self.asked.answers)) if fires else RuleProof("vacuous", count, len(self.asked.answers), VACUOUS)

    def _undefined(self, prover: Prover, case: Undefined) -> Answer:
        """The right side has no meaning: fine if the left side has none either."""
        if prover.holds(prover.session.boolean(False)):
            return Answer("proved")
        if not _can_hold(case.session):
            return Answer("proved")
        return Answer("refuted", f"the right side is not defined: {case.reason}{_shapes(case.matched)}")

    def _decide(self, prover: Prover, case: Case) -> Answer:
        for what, goal in case.session.goals:
            answer = prover.implied(goal)
            if answer.state != "proved":
                return self._failed(prover, case.matched, attrs.evolve(answer, detail=f"{what}: {answer.detail}"), goal)
        if case.same_type is False:
            return Answer("proved")
        case.session.hypotheses += [case.session.boolean(goal) for goal in (*(goal for _, goal in case.session.goals), case.same_type)]
        answer = prover.equal(*case.values)
        return answer if answer.state == "proved" else self._failed(prover, case.matched, answer, prover.failed)

    def _failed(self, prover: Prover, matched: Matched, answer: Answer, goal: Any) -> Answer:
        """Refuted if the interpreter says so too."""
        goals = [goal] if answer.state == "refuted" and goal is not None else []
        for tried in [*goals, None] if self.last else goals:
            try:
                found = find_counterexample(self.rule, self.functions, prover.session, matched, prover.terms, tried)
            except TinyirError as error:
                return Answer("refuted", error.diagnostics[0].message)
            if found is not None:
                return Answer("refuted", found.description)
        detail = f"z3 has a counterexample that the interpreter does not confirm: {answer.detail}" if answer.state == "refuted" else answer.detail
        return Answer("unknown", detail)


def _shapes(matched: Matched) -> str:
    """The ranks of a case in words."""
    found = [f"{name} has rank {len(tensor.shape)}" for name, tensor in matched.tensors.items()]
    return f" ({', '.join(found)})" if found else ""


def _can_hold(session: Session) -> bool:
    """Whether the hypotheses of a case are satisfied by something, as far as z3 finds out."""
    solver = session.z3.Solver(ctx=session.context)
    solver.set("rlimit", 1_000_000)
    solver.add(*session.hypotheses)
    return bool(solver.check() != session.z3.unsat)


