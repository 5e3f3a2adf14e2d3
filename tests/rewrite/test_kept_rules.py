"""The file of kept rules says what the texts of rules say, and counts as absent where they say something else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.rewrite import kept_rules, rule_book
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.proof_lock import locked
from tinyir.text.reader import parse

GRAPH = frozenset(("func.func", "func.return", "graph.relu", "graph.transpose"))
RELUS = """
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.relu(%0) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
"""


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """What was read from files that a test puts in the place of the shipped ones is forgotten."""
    yield
    for cached in (kept_rules.kept_rules, kept_rules.reachable_rules, rule_book.reachable_rules, rule_book.compiled_rules, locked):
        cached.cache_clear()


def test_the_file_is_what_the_rules_say_now() -> None:
    assert kept_rules.rules_file().read_text(encoding="utf-8") == rule_book.keep_shipped_rules(), "tinyir prove rules --update writes it"
    assert kept_rules.kept_rules() is not None


@pytest.mark.parametrize("operations", [GRAPH, frozenset(("arith.addi", "arith.muli"))])
def test_the_same_rules_are_reached_as_in_the_texts(operations: frozenset[str]) -> None:
    short = kept_rules.reachable_rules(operations, "canonical")
    long = rule_book.reachable_rules(operations, "canonical")
    assert [rule.name for rule in short] == [rule.name for rule in long] != []
    for one, other in zip(short, long, strict=True):
        assert isinstance(one, kept_rules.KeptRule)
        for fact in ("roots", "definers", "repeats", "depth", "place", "exact", "assumed", "statement", "source"):
            assert _plain(getattr(one, fact)) == _plain(getattr(other, fact)), fact


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple | list) else value


def test_a_file_of_other_texts_counts_as_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "rules.jsonl"
    stale.write_text(kept_rules.rules_file().read_text("utf-8").replace("rule relu_of_relu", "rule relu_of_relus", 1), encoding="utf-8")
    for file in (stale, tmp_path / "absent.jsonl"):
        monkeypatch.setattr(kept_rules, "rules_file", lambda file=file: file)
        kept_rules.kept_rules.cache_clear()
        kept_rules.reachable_rules.cache_clear()
        assert kept_rules.kept_rules() is None
        assert not any(isinstance(rule, kept_rules.KeptRule) for rule in kept_rules.reachable_rules(GRAPH, "canonical"))


def test_rules_of_others_are_read_from_their_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "more.rules").write_text("group canonical\n\nrule mine   graph.relu(graph.relu(x)) => graph.relu(x)\n", encoding="utf-8")
    monkeypatch.setenv("TINYIR_SPECS", str(tmp_path))
    kept_rules.kept_rules.cache_clear()
    assert kept_rules.kept_rules() is None


def test_a_rule_whose_proof_is_of_something_else_does_not_rewrite(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_rules.kept_rules.cache_clear()
    kept_rules.reachable_rules.cache_clear()
    monkeypatch.setattr("tinyir.rewrite.proof_lock._meaning_text", lambda name: f"{name} means something else")
    with pytest.raises(TinyirError, match="rule 'relu_of_relu' has changed since it was proved"):
        apply_rules(parse(RELUS), kept_rules.reachable_rules(GRAPH, "canonical"), PassContext())
