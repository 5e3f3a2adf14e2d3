"""Every shipped rule is proved from nothing; planted wrong ones are refuted, and the interpreter shows it on the counterexample."""

from __future__ import annotations

import re

import pytest

from tinyir.prove.rules import prove_rule
from tinyir.rewrite.rule_book import RuleBook, shipped_rules
from tinyir.text.rule_reader import read_rules

BOOK = shipped_rules()


def test_no_shipped_rule_is_assumed() -> None:
    assert not [name for name, rule in BOOK.rules.items() if rule.assumed]


@pytest.mark.parametrize("name", sorted(BOOK.rules))
def test_the_rule_is_proved(name: str) -> None:
    found = prove_rule(BOOK.rules[name], BOOK.functions)
    assert found.state == "proved", found.detail
    assert found.cases > 0


WRONG = [
    "graph.relu(graph.negate(x))  =>  graph.relu(x)",
    "graph.negate(graph.relu(x))  =>  graph.relu(graph.negate(x))",
    "graph.absolute(graph.relu(x))  =>  x",
]


@pytest.mark.parametrize("rule", WRONG)
def test_a_planted_wrong_rule_is_refuted_and_replayed(rule: str) -> None:
    book = RuleBook.of(read_rules(f"group canonical\n\nrule planted   {rule}\n", "planted.rules"))
    found = prove_rule(book.rules["planted"], book.functions)
    assert found.state == "refuted"
    before, after = re.findall(r"finds (\S+) before and (\S+) after", found.detail)[0]
    assert before != after
