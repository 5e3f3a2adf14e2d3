"""Proofs of rules over scalars, at every choice of types: the right side is defined and equal wherever the left side is defined.

Equations between polynomials are looked at as such (`polynomials`).  Else z3 first reasons on bits; what it does not answer so is asked
again with bit-vectors taken as integers, which knows division.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from tinyir.interp.scalar import dtype_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import TinyirError
from tinyir.ir.types import I8
from tinyir.prove.polynomials import are_equal, is_polynomial
from tinyir.prove.rule_replay import Example, Replay, UndefinedRightError, random_data, replay
from tinyir.prove.scalar_cases import ScalarCase, scalar_cases
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.rewrite.rule_functions import property_attribute, word_attribute
from tinyir.rewrite.rule_types import words_of
from tinyir.text import rule_syntax as ast

RLIMIT = 3_000_000


@attrs.frozen
class ScalarAnswer:
    """`state`: "proved", "refuted" or "unknown"; `values`: of operands and constants in the counterexample; `fires`: of `cases`, how many
    can apply."""

    state: str
    cases: int = 0
    questions: int = 0
    detail: str = ""
    case: ScalarCase | None = None
    values: Mapping[str, Any] = attrs.field(factory=dict)


def prove_scalars(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> ScalarAnswer:
    """Proves a rule over scalars at all types.

    Raises:
        NoMeaningError: proofs do not know what something means.
        TinyirError: the types of the rule contradict each other.
    """
    count = questions = firing = 0
    polynomial = rule.exact and is_polynomial(rule)
    for case in scalar_cases(rule, functions):
        count += 1
        as_numbers = polynomial and are_equal(case.machine.z3, case.machine.context, rule, case.types)
        questions += polynomial
        for what, goal in [] if as_numbers else [*case.required, ("", case.left == case.right)]:
            asked, answer = _ask(case, goal)
            questions += asked
            if answer.state == "unknown" and not what:
                answer = _sampled(rule, functions, case) or answer
            if answer.state != "proved":
                return attrs.evolve(answer, cases=count, questions=questions, detail=_describe(rule, functions, case, what, answer))
        if not firing:
            firing += _fires(case)
            questions += 1
    if not count or not firing:
        return ScalarAnswer("vacuous", count, questions, "no values satisfy its condition: the rule can never apply")
    return ScalarAnswer("proved", count, questions)


def _fires(case: ScalarCase) -> int:
    """Whether the rule can apply in the case, as far as z3 finds out."""
    solver = case.machine.z3.Solver(ctx=case.machine.context)
    solver.set("rlimit", RLIMIT)
    solver.add(*case.assumed)
    return int(solver.check() != case.machine.z3.unsat)


def _ask(case: ScalarCase, goal: Any) -> tuple[int, ScalarAnswer]:
    z3, context = case.machine.z3, case.machine.context
    goal = z3.simplify(goal)
    if z3.is_true(goal):
        return 0, ScalarAnswer("proved")
    reason = ""
    for solver in (z3.Solver(ctx=context), z3.SimpleSolver(ctx=context)):
        if reason:
            solver.set("smt.bv.solver", 2)
        solver.set("rlimit", RLIMIT)
        solver.add(*case.assumed, z3.Not(goal))
        outcome = solver.check()
        if outcome == z3.unsat:
            return 1, ScalarAnswer("proved")
        if outcome == z3.sat:
            model = solver.model()
            values = {name: model.eval(term, model_completion=True) for name, term in case.leaves.items()}
            return 1, ScalarAnswer("refuted", case=case, values=values)
        reason = solver.reason_unknown()
    return 2, ScalarAnswer("unknown", detail=f"z3 gave up ({reason}) within {RLIMIT} steps", case=case)


def _describe(rule: ast.Rule, functions: Mapping[str, ast.Function], case: ScalarCase, what: str, answer: ScalarAnswer) -> str:
    types = ", ".join(f"{name}: {type}" for name, type in case.types.items() if type is not None)
    at = ", ".join([*([types] if types else []), *(f"{name} = {word}" for name, word in case.words.items())])
    if answer.state == "unknown":
        return f"at {at}: {answer.detail}"
    values = ", ".join(f"{name} = {spell_value(case, value)}" for name, value in answer.values.items())
    if what:
        stopped = _stopped(rule, functions, case, answer.values)
        return f"at {at}, with {values}: the right side is not defined, it needs {what}{f' (in the interpreter: {stopped})' if stopped else ''}"
    left, right = (spell_value(case, side) for side in _sides(case, answer.values))
    found = replay_scalars(rule, functions, case, answer.values)
    checked = "" if found is None else f" (in the interpreter: {found.before.item()!r} and {found.after.item()!r})"
    return f"at {at}, with {values}: the left side is {left}, the right side {right}{checked}"


def _stopped(rule: ast.Rule, functions: Mapping[str, ast.Function], case: ScalarCase, values: Mapping[str, Any]) -> str:
    """What the interpreter says where it finds the right side not defined; it runs on where only some machines stop."""
    try:
        replay(compile_rule(rule, functions), _concrete(rule, case, values))
    except UndefinedRightError as error:
        return str(error)
    except (TinyirError, ValueError):
        pass
    return ""


def replay_scalars(rule: ast.Rule, functions: Mapping[str, ast.Function], case: ScalarCase, values: Mapping[str, Any]) -> Replay | None:
    """The counterexample in the interpreter; None if it does not know the operations, or the rule declines what z3 found."""
    try:
        found = replay(compile_rule(rule, functions), _concrete(rule, case, values))
    except (TinyirError, ValueError, UndefinedRightError):
        return None
    return found if found.applied and found.differs else None


def _concrete(rule: ast.Rule, case: ScalarCase, values: Mapping[str, Any]) -> Example:
    """The left side of the case with the values of a counterexample."""
    z3, opaque = case.machine.z3, list[str]()

    def number(term: Any) -> int | float:
        found = python_value(z3, term)
        if found is not None:
            return found
        opaque.append(str(term))  # a value of a type of which nothing is known: different ones become different numbers
        return sorted(set(opaque)).index(str(term))

    return _example(rule, case, {name: number(value) for name, value in values.items()})


def _example(rule: ast.Rule, case: ScalarCase, values: Mapping[str, int | float]) -> Example:
    """The left side of the case with values for its operands."""
    types = {path: type or I8 for path, type in case.paths.items() if path[0] == 0}
    leaves = {name: type or I8 for name, type in case.types.items()}
    data = {name: np.asarray(value).astype(dtype_of(leaves[name])) for name, value in values.items()}
    constants = frozenset(leaf.name for a in ast.applications(rule.pattern) for leaf in a.operands if isinstance(leaf, ast.Constant))
    properties = {path: {n: _attribute(rule, path, n, v) for n, v in found.items()} for path, found in case.properties.items()}
    return Example(leaves, data, constants, properties, types, types)


SAMPLES = 256


def _sampled(rule: ast.Rule, functions: Mapping[str, ast.Function], case: ScalarCase) -> ScalarAnswer | None:
    """A counterexample that the interpreter finds among random operands, and z3's arithmetic confirms."""
    z3, compiled = case.machine.z3, compile_rule(rule, functions)
    if any(type is None for type in case.types.values()) or case.machine.ideal:
        return None
    for seed in range(4):
        random = np.random.default_rng(seed)
        example = _example(rule, case, {})
        for name, type in example.types.items():
            example.data[name] = random_data(() if name in example.constants else (SAMPLES,), type, random)
        try:
            found = replay(compiled, example)
        except (TinyirError, ValueError, ZeroDivisionError, UndefinedRightError):
            return None
        apart = found.before != found.after if found.applied and found.differs else np.False_
        different = np.argwhere(np.broadcast_to(apart, (SAMPLES,)))
        for (index,) in different[:8]:
            data = {name: array if array.ndim == 0 else array[index] for name, array in example.data.items()}
            values = {name: case.machine.constant(value.item(), example.types[name]) for name, value in data.items()}
            pairs = [(case.leaves[name], value) for name, value in values.items() if z3.is_const(case.leaves[name]) and not z3.is_bv_value(case.leaves[name])]
            holds = z3.simplify(z3.substitute(z3.And([*case.assumed, case.left != case.right]), *pairs))
            if z3.is_true(holds):
                return ScalarAnswer("refuted", case=case, values=values)
    return None


def _attribute(rule: ast.Rule, path: tuple[int, ...], name: str, value: Any) -> Attribute:
    pattern: ast.Pattern = rule.pattern
    for position in path[1:]:
        assert isinstance(pattern, ast.Application)
        pattern = pattern.operands[position]
    assert isinstance(pattern, ast.Application)
    words = words_of(pattern.operation, name)
    return word_attribute(value, words) if words else property_attribute(value, None)


def _sides(case: ScalarCase, values: Mapping[str, Any]) -> tuple[Any, Any]:
    pairs = [(case.leaves[name], value) for name, value in values.items() if not case.machine.z3.is_bv_value(case.leaves[name])]
    left, right = (case.machine.z3.simplify(case.machine.z3.substitute(side, *pairs)) for side in (case.left, case.right))
    return left, right


def spell_value(case: ScalarCase, term: Any) -> str:
    """A value of a counterexample as a number."""
    number = python_value(case.machine.z3, term)
    return repr(number) if number is not None else str(term)


def python_value(z3: Any, term: Any) -> int | float | None:
    """A literal as a Python number."""
    if z3.is_bv_value(term):
        return int(term.as_long() if term.size() == 1 else term.as_signed_long())
    if z3.is_fp_value(term):
        if term.isNaN():
            return float("nan")
        if term.isInf():
            return float("-inf" if term.isNegative() else "inf")
        if term.isZero():
            return -0.0 if term.isNegative() else 0.0
        exponent = int(term.exponent_as_long(False))
        significand = float(term.significand_as_long()) / 2 ** (term.sbits() - 1)
        normal = not term.isSubnormal()
        return float((-1.0 if term.sign() else 1.0) * ((1.0 if normal else 0.0) + significand) * 2.0**exponent)
    if z3.is_rational_value(term):
        return int(term.numerator_as_long()) / int(term.denominator_as_long())
    return None
