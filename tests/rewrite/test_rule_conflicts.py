"""Rules in each other's way are told with both places; the shipped ones are in nobody's way."""

from __future__ import annotations

import pytest

from tinyir.rewrite.rule_book import RuleBook, shipped_rules
from tinyir.rewrite.rule_conflicts import find_conflicts, find_overlaps
from tinyir.text.rule_reader import read_rules


def conflicts(text: str) -> list[str]:
    rules = list(RuleBook.of(read_rules(text, "mine.rules")).rules.values())
    return [found.render() for found in find_conflicts(rules)]


def test_shipped_rules_have_no_conflicts() -> None:
    assert not find_conflicts(list(shipped_rules().rules.values()))


CONFLICTS = {
    "shadowed": (
        "rule general   arith.xori(x, y) => arith.subi(x, y)\nrule special   arith.xori(x, 0) => x",
        "mine.rules:2:6: error: rule 'special' can never apply: 'general' is tried first and matches whatever it matches",
        "mine.rules:1:6: note: 'general' is here",
    ),
    "twice": (
        "rule one   arith.andi(x, x) => x\nrule two   arith.andi(y, y) => y",
        "mine.rules:2:6: error: rule 'two' can never apply: 'one' is tried first and matches whatever it matches",
        "mine.rules:1:6: note: 'one' is here",
    ),
    "without an order": (
        "rule first   graph.relu(x) => graph.clamp(x) {low = 0.0, high = 1.0} where rank(x) == 1\n"
        "rule second   graph.relu(x) => graph.clamp(x) {low = 0.0, high = 2.0} where is_float(element(x))",
        "mine.rules:2:6: error: rules 'first' and 'second' match the same, and nothing says which comes first",
        "mine.rules:1:6: note: 'first' is here",
    ),
    "endless": (
        "rule swap   arith.addi(x, y) => arith.addi(y, x)",
        "mine.rules:1:6: error: rule 'swap' matches what it makes: it never comes to an end",
    ),
    "growing": (
        "rule grow   graph.relu(x) => graph.relu(graph.relu(x))",
        "mine.rules:1:6: error: rule 'grow' matches what it makes: it never comes to an end",
    ),
    "undoing": (
        "rule distribute   arith.muli(arith.addi(x, y), z) => arith.addi(arith.muli(x, z), arith.muli(y, z))\n"
        "rule factor   arith.addi(arith.muli(x, z), arith.muli(y, z)) => arith.muli(arith.addi(x, y), z)",
        "mine.rules:1:6: error: rules undo each other: 'distribute' -> 'factor' -> 'distribute'",
        "mine.rules:2:6: note: 'factor' is here",
    ),
    "undoing in three steps": (
        "rule a   graph.negate(graph.exp(x)) => graph.exp(graph.negate(x))\n"
        "rule b   graph.exp(graph.negate(x)) => graph.tanh(graph.relu(x))\n"
        "rule c   graph.tanh(graph.relu(x)) => graph.negate(graph.exp(x))",
        "mine.rules:1:6: error: rules undo each other: 'a' -> 'b' -> 'c' -> 'a'",
        "mine.rules:3:6: note: 'c' is here",
    ),
}


@pytest.mark.parametrize("kind", CONFLICTS)
def test_conflicts_are_told_with_both_places(kind: str) -> None:
    text, *expected = CONFLICTS[kind]
    found = "\n".join(conflicts(text))
    assert all(line in found.splitlines() for line in expected), found


ALLOWED = {
    "ordered": "rule general   arith.xori(x, y) => arith.subi(x, y)\nrule special before general   arith.xori(x, 0) => x",
    "special first": "rule special   arith.xori(x, 0) => x\nrule general   arith.xori(x, y) => arith.subi(x, y)",
    "associative": "rule right   arith.addi(arith.addi(x, y), z) => arith.addi(x, arith.addi(y, z))",
    "constants to the right": "rule right   arith.addi(constant c, x) => arith.addi(x, c) where not is_constant(x)",
    "another condition": "rule swap   graph.add(x, y) => graph.add(y, x) where rank(x) < rank(y)",
}


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_is_ordered_is_no_conflict(kind: str) -> None:
    assert not conflicts(ALLOWED[kind])


def test_rules_that_overlap_in_part_are_warned_of() -> None:
    rules = list(RuleBook.of(read_rules("rule a   arith.addi(x, 0) => x\nrule b   arith.addi(arith.subi(x, y), z) => x\n", "mine.rules")).rules.values())
    (found,) = find_overlaps(rules, ["a"])
    assert found.render().startswith("mine.rules:2:6: warning: rules 'a' and 'b' may match the same operations: 'a' is tried first")
