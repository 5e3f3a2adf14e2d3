"""A lock is written from what has changed: rules whose line is valid are not proved again."""

from __future__ import annotations

import pytest

from tinyir.driver import specification_proofs
from tinyir.driver.specification_proofs import lock_of, prove_shipped
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
