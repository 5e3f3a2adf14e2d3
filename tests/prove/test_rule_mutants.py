"""Proved rules, changed at random: whatever the prover still calls proved agrees in the interpreter on random operands."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import attrs
import numpy as np
import pytest

from tinyir.ir.errors import TinyirError
from tinyir.prove.rule_replay import Example, UndefinedRightError, random_data, replay
from tinyir.prove.rules import prove_rule
from tinyir.prove.scalar_cases import ScalarCase, scalar_cases
from tinyir.prove.scalar_rules import _example, python_value
from tinyir.rewrite.rule_book import shipped_rules
from tinyir.rewrite.rule_compiler import CompiledRule, compile_rule
from tinyir.rewrite.rule_types import is_scalar_rule
from tinyir.text import rule_syntax as ast
from tinyir.text.rule_reader import read_rules

SOAK = os.environ.get("TINYIR_SOAK") == "1"
MUTANTS = 600 if SOAK else 60
INTEGERS = ("arith.addi", "arith.subi", "arith.muli", "arith.andi", "arith.ori", "arith.xori", "arith.maxsi", "arith.minsi", "arith.shli", "arith.divui")
MORE = read_rules(
    """
rule power   arith.muli(x, constant c)  =>  arith.shli(x, constant(log2(value(c))))   where is_power_of_two(value(c))
rule shifts   arith.shli(arith.shli(x, constant a), constant b)  =>  arith.shli(x, constant(value(a) + value(b)))   where value(a) + value(b) < bits(element(x))
rule compared   arith.cmpi(arith.addi(x, constant a), constant b) {predicate = "eq"}  =>  arith.cmpi(x, constant(value(b) - value(a))) {predicate = "eq"}
rule clamped   arith.minsi(arith.maxsi(x, constant a), constant b)  =>  arith.maxsi(arith.minsi(x, b), a)   where value(a) <= value(b)
rule chosen   arith.select(arith.xori(c, 1), x, y)  =>  arith.select(c, y, x)
"""
)


def mutants(rule: ast.Rule, choose: random.Random) -> Iterator[ast.Rule]:
    """The rule with its sides swapped, an operation or number changed, operands exchanged, or without its condition."""
    if isinstance(rule.result, ast.Application):
        yield attrs.evolve(rule, pattern=rule.result, result=rule.pattern)
        yield attrs.evolve(rule, result=_changed(rule.result, choose))
    if rule.condition is not None:
        yield attrs.evolve(rule, condition=None)
    changed = _changed(rule.pattern, choose)
    assert isinstance(changed, ast.Application)
    yield attrs.evolve(rule, pattern=changed)


def _changed(pattern: ast.Pattern, choose: random.Random) -> ast.Pattern:
    if isinstance(pattern, ast.Splat):
        return ast.Splat(pattern.value + choose.choice((-1, 1)))
    if not isinstance(pattern, ast.Application):
        return pattern
    way = choose.randrange(3)
    if way == 0 and pattern.operation in INTEGERS:
        return attrs.evolve(pattern, operation=choose.choice(INTEGERS))
    if way == 1 and len(pattern.operands) == 2:
        return attrs.evolve(pattern, operands=pattern.operands[::-1])
    place = choose.randrange(len(pattern.operands))
    operands = tuple(_changed(operand, choose) if i == place else operand for i, operand in enumerate(pattern.operands))
    return attrs.evolve(pattern, operands=operands)


def _all() -> list[ast.Rule]:
    choose = random.Random(7)
    shipped = [rule for rule in shipped_rules().rules.values() if is_scalar_rule(rule) and rule.pattern.operation.startswith("arith.")]
    rules = shipped + [r for r in MORE if isinstance(r, ast.Rule)]
    found = [mutant for rule in rules for mutant in mutants(rule, choose)]
    choose.shuffle(found)
    return found[:MUTANTS]


@pytest.mark.parametrize("mutant", _all(), ids=str)
def test_what_is_proved_agrees_in_the_interpreter(mutant: ast.Rule) -> None:
    try:
        proof = prove_rule(mutant, {})
    except TinyirError:
        return  # it is no rule any more: the compiler says why
    if proof.state == "proved":
        assert not list(_differences(mutant)), f"{mutant} is called proved"
    else:
        assert proof.detail


def _differences(rule: ast.Rule) -> Iterator[str]:
    compiled = compile_rule(rule, {})
    for seed, case in enumerate(scalar_cases(rule, {})):
        if None in case.types.values() or seed > 40:
            continue
        example = _example(rule, case, {})
        for number in range(6):
            yield from _difference(compiled, case, example, np.random.default_rng(seed * 100 + number))


def _difference(compiled: CompiledRule, case: ScalarCase, example: Example, generator: np.random.Generator) -> Iterator[str]:
    for name, type in example.types.items():
        fixed = python_value(case.machine.z3, case.leaves[name])
        data = random_data((), type, generator)
        example.data[name] = data if fixed is None else np.asarray(fixed).astype(data.dtype)
    z3 = case.machine.z3
    pairs = [
        (term, case.machine.constant(int(example.data[name]), example.types[name])) for name, term in case.leaves.items() if python_value(z3, term) is None
    ]
    if not z3.is_true(z3.simplify(z3.substitute(z3.And(case.assumed), *pairs))):
        return
    try:
        found = replay(compiled, example)
    except UndefinedRightError as error:
        yield str(error)
        return
    if found.differs:
        yield f"{example.data}: {found.before} becomes {found.after}"
