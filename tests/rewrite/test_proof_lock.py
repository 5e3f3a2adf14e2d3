"""The lock of proofs: what is stale or missing does not load, and users' own rules are proved once."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from tinyir.ir.errors import Place, TinyirError
from tinyir.prove import rules as prover
from tinyir.rewrite.proof_lock import Entry, digest_of, is_cached, lock_file, locked, read_lock, write_lock
from tinyir.rewrite.rule_book import compile_proved, shipped_rules
from tinyir.rewrite.rule_compiler import used_functions
from tinyir.text import rule_syntax as ast
from tinyir.text.rule_reader import read_rules

BOOK = shipped_rules()


def rule_of(text: str) -> ast.Rule:
    (found,) = read_rules(text, "mine.rules")
    assert isinstance(found, ast.Rule)
    return found


def test_every_shipped_rule_has_a_valid_line() -> None:
    expected = {name: Entry(digest_of(rule, used_functions(rule, BOOK.functions)), "proved") for name, rule in BOOK.rules.items()}
    assert read_lock(lock_file().read_text("utf-8"), Place("specs/proofs.lock")) == expected
    assert write_lock(expected) == lock_file().read_text("utf-8")


def test_a_changed_rule_does_not_load() -> None:
    changed = attrs.evolve(BOOK.rules["relu_of_relu"], condition=ast.Binary("==", ast.Number(1), ast.Number(1)))
    with pytest.raises(TinyirError) as caught:
        compile_proved(changed, BOOK.functions)
    text = str(caught.value)
    assert text.startswith(str(changed.place))
    assert "rule 'relu_of_relu' has changed since it was proved" in text
    assert "tinyir prove rules --update" in text


def test_a_new_shipped_rule_does_not_load() -> None:
    new = attrs.evolve(BOOK.rules["relu_of_relu"], name="brand_new")
    with pytest.raises(TinyirError, match="rule 'brand_new' has no proof"):
        compile_proved(new, BOOK.functions)


def test_a_helper_function_counts() -> None:
    rule = BOOK.rules["transpose_of_transpose"]
    used = used_functions(rule, BOOK.functions)
    other = [attrs.evolve(f, value=ast.Name("p")) for f in used]
    assert digest_of(rule, used) != digest_of(rule, other)


def test_an_assumed_rule_loads_and_says_so() -> None:
    assumed = rule_of('rule trusted assumed "measured"   graph.relu(x)  =>  graph.negate(x)')
    assert compile_proved(assumed, {}).state == "assumed"


def test_ones_own_rule_is_proved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYIR_CACHE", str(tmp_path))
    rule = rule_of("rule mine   arith.muli(x, 2)  =>  arith.addi(x, x)")
    assert not is_cached(digest_of(rule, ()))
    compile_proved(rule, {})
    assert is_cached(digest_of(rule, ()))
    monkeypatch.setattr(prover, "prove_rule", lambda *_: pytest.fail("it is proved again"))
    compile_proved(rule, {})


def test_ones_own_wrong_rule_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYIR_CACHE", str(tmp_path))
    with pytest.raises(TinyirError) as caught:
        compile_proved(rule_of("rule mine   arith.muli(x, 2)  =>  arith.addi(x, 2)"), {})
    assert str(caught.value).startswith("mine.rules:1:6: error: rule 'mine' is refuted: at x: i8")
    assert not list(tmp_path.rglob("*"))


def test_a_broken_lock_names_the_line() -> None:
    with pytest.raises(TinyirError, match="no line of a lock") as caught:
        read_lock("# comment\na b proved\nnonsense\n", Place("specs/proofs.lock"))
    assert "specs/proofs.lock:3:1" in str(caught.value)


def test_the_lock_is_read_with_the_rules() -> None:
    assert set(locked()) >= set(BOOK.rules)
