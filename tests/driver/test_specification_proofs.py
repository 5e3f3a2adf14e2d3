"""A lock is written from what has changed: rules whose line is valid are not proved again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyir.driver import specification_proofs
from tinyir.driver.specification_proofs import lock_of, prove_file, prove_shipped
from tinyir.ir.errors import TinyirError
from tinyir.prove.rules import RuleProof
from tinyir.rewrite.proof_lock import locked
from tinyir.rewrite.rule_book import shipped_rules
from tinyir.text.rule_syntax import Rule


def test_rules_with_a_valid_line_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specification_proofs, "prove_rule", lambda rule, *_: pytest.fail(f"{rule.name} is proved again"))
    ledger = prove_shipped(keep=True)
    assert lock_of(ledger) == {name: locked()[name] for name in shipped_rules().rules}


def test_a_rule_with_a_stale_line_is_proved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    proved: list[str] = []

    def prove_rule(rule: Rule, *_: object) -> RuleProof:
        proved.append(rule.name)
        return RuleProof("unknown", detail="not now")

    monkeypatch.setattr(specification_proofs, "prove_rule", prove_rule)
    monkeypatch.setattr(specification_proofs, "locked", lambda: {name: entry for name, entry in locked().items() if name != "load_again"})
    found = lock_of(prove_shipped(keep=True))
    assert proved == ["load_again"]
    assert set(shipped_rules().rules) - set(found) == {"load_again"}


def test_each_wrong_rule_is_told_and_what_a_function_says_wrong_once(tmp_path: Path) -> None:
    file = tmp_path / "wrong.rules"
    names = [f"rule r{i}   graph.relu(x)  =>  x where y{i} == 1" for i in range(10)]
    callers = [f"rule s{i}   graph.relu(x)  =>  x where half(rank(x)) == {i}" for i in range(3)]
    file.write_text("\n".join(["function half(n) = n / 0", *names, *callers, "rule last   graph.relu(graph.relu(x))  =>  graph.relu(x)", ""]))
    with pytest.raises(TinyirError) as caught:
        prove_file(file)
    assert [(d.place.line, d.message) for d in caught.value.diagnostics[:10]] == [
        (i + 2, f"'y{i}' is not bound by the pattern") for i in range(10)
    ]
    assert [(d.place.line, d.message) for d in caught.value.diagnostics[10:]] == [(1, "a division by 0")]


def test_each_unknown_rule_behind_before_is_told(tmp_path: Path) -> None:
    file = tmp_path / "wrong.rules"
    file.write_text("rule a before nobody before none   graph.relu(x)  =>  x\nrule b before never   graph.relu(x)  =>  x\n")
    with pytest.raises(TinyirError) as caught:
        prove_file(file)
    assert [d.place.column for d in caught.value.diagnostics] == [15, 29, 15]


def test_a_rule_of_a_file_may_be_before_a_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.rules"
    file.write_text("rule mine before relu_of_relu   graph.relu(graph.relu(x))  =>  graph.relu(x)\n")
    ((obligation, verdict),) = prove_file(file)
    assert (obligation.where, verdict.state) == ("mine", "proved")
    file.write_text("rule mine before relu_of_rellu   graph.relu(graph.relu(x))  =>  graph.relu(x)\n")
    with pytest.raises(TinyirError, match=r"unknown rule 'relu_of_rellu'\n(?s:.*)did you mean 'relu_of_relu'"):
        prove_file(file)
