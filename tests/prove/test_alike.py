"""What one proof about unknown elements shows of several rules; and what it does not."""

from __future__ import annotations

import pytest

from tinyir.prove.alike import form_of
from tinyir.prove.equality import Prover
from tinyir.prove.rules import Known, prove_rule
from tinyir.rewrite.rule_book import RuleBook, shipped_rules
from tinyir.text import rule_syntax as ast
from tinyir.text.rule_reader import read_rules

BOOK = shipped_rules()


def rules_of(text: str) -> list[ast.Rule]:
    return list(RuleBook.of(read_rules(text, "mine.rules")).rules.values())


def test_a_proof_about_unknown_elements_stands_for_all_operators_of_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known()
    first = prove_rule(BOOK.rules["transpose_sinks_below_both.add"], BOOK.functions, known)
    monkeypatch.setattr(Prover, "equal", lambda *_: pytest.fail("proved again"))
    for name in ("subtract", "multiply", "maximum"):
        assert prove_rule(BOOK.rules[f"transpose_sinks_below_both.{name}"], BOOK.functions, known) == first
    assert first.state == "proved"


APART = {
    "other attributes": ("rule one  graph.elu(graph.reshape(x) {shape = s}) => graph.reshape(graph.elu(x)) {shape = s}",
                         "rule two  graph.leaky_relu(graph.reshape(x) {shape = s}) => graph.reshape(graph.leaky_relu(x)) {shape = s}"),
    "one type of elements": ("rule one  graph.negate(graph.reshape(x) {shape = s}) => graph.reshape(graph.negate(x)) {shape = s}",
                             "rule two  graph.exp(graph.reshape(x) {shape = s}) => graph.reshape(graph.exp(x)) {shape = s}"),
    "another condition": ("rule one  graph.add(graph.negate(x), y) => graph.add(x, y) where rank(x) == 1",
                          "rule two  graph.multiply(graph.negate(x), y) => graph.multiply(x, y) where rank(x) == 2"),
    "operands exchanged": ("rule one  graph.add(graph.reshape(x) {shape = s}, y) => graph.add(x, y)",
                           "rule two  graph.multiply(y, graph.reshape(x) {shape = s}) => graph.multiply(x, y)"),
}


@pytest.mark.parametrize("kind", APART)
def test_other_rules_are_not_alike(kind: str) -> None:
    one, two = (form_of(rules_of(text)[0], {}) for text in APART[kind])
    assert one != two or one is None


ALIKE = "graph.{0}(graph.transpose(x) {{permutation = p}}) => graph.transpose(graph.{0}(x)) {{permutation = p}}"


def test_what_computes_nothing_folds_or_is_two_operators_has_no_form() -> None:
    texts = [
        "graph.transpose(graph.transpose(x) {permutation = p}) {permutation = q} => x",
        "graph.softmax(graph.transpose(x) {permutation = p}) => graph.transpose(graph.softmax(x)) {permutation = p}",
        "graph.relu(graph.negate(x)) => graph.negate(graph.relu(x))",
    ]
    assert [form_of(rules_of(f"rule r  {text}")[0], {}) for text in texts] == [None] * 3
    relu, absolute = (form_of(rules_of(f"rule r  {ALIKE.format(name)}")[0], {}) for name in ("relu", "absolute"))
    assert relu == absolute
    assert relu is not None


def test_what_holds_for_one_operator_alone_is_not_taken_from_it() -> None:
    known = Known()
    commutes = [prove_rule(rules_of(f"rule r  graph.{name}(x, y) => graph.{name}(y, x)")[0], {}, known).state for name in ("add", "subtract")]
    assert commutes == ["proved", "refuted"]
