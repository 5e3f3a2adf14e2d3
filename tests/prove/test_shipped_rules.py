"""Every shipped rule is proved from nothing; planted wrong ones are refuted, and the interpreter shows it on the counterexample."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.graphs import chain
from tinyir.interp.machine import run
from tinyir.ir.types import F32, TensorType
from tinyir.prove.rules import prove_symbolically
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.rule_book import RuleBook, shipped_rules
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.text.rule_reader import read_rules

BOOK = shipped_rules()


def test_no_shipped_rule_is_assumed() -> None:
    assert not [name for name, rule in BOOK.rules.items() if rule.assumed]


@pytest.mark.parametrize("name", sorted(BOOK.rules))
def test_the_rule_is_proved(name: str) -> None:
    found = prove_symbolically(BOOK.rules[name], BOOK.functions)
    assert found.state == "proved", found.detail
    assert found.cases > 0


WRONG = {
    "graph.relu(graph.negate(x))  =>  graph.relu(x)": ["graph.negate", "graph.relu"],
    "graph.negate(graph.relu(x))  =>  graph.relu(graph.negate(x))": ["graph.relu", "graph.negate"],
    "graph.absolute(graph.relu(x))  =>  x": ["graph.relu", "graph.absolute"],
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_planted_wrong_rule_is_refuted_and_replayed(rule: str) -> None:
    book = RuleBook.of(read_rules(f"group canonical\n\nrule planted   {rule}\n", "planted.rules"))
    planted = book.rules["planted"]
    found = prove_symbolically(planted, book.functions)
    assert found.state == "refuted"
    value = _number(found.detail)
    module = chain([TensorType((1,), F32)], [(name, [position], {}) for position, name in enumerate(WRONG[rule])])
    given = {"input_0": np.array([value], np.float32)}
    before = run(module, given)["output_0"]
    assert apply_rules(module, [compile_rule(planted, book.functions)], PassContext()) == 1
    assert run(module, given)["output_0"].tobytes() != before.tobytes()


def _number(detail: str) -> float:
    """The first value of a counterexample such as `x@0 = -1.5*(2**3)`."""
    found = re.search(r"= (-?[0-9.]+)(?:\*\(2\*\*(-?\d+)\))?", detail)
    assert found is not None, detail
    return float(found.group(1)) * 2.0 ** int(found.group(2) or 0)
