"""The grammar itself, and the tables kept beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.resources import files

import pytest
from lark import Lark, logger

from tinyir.text import grammar_tables
from tinyir.text.grammar import load_grammar, make_grammar
from tinyir.text.grammar_tables import LANGUAGES, STARTS, Language, Tables, compile_tables, load_tables, spell_tables
from tinyir.text.reader import Reader

FOLDER = files("tinyir.text")
GRAMMAR = (FOLDER / "ir.lark").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_the_kept_tables_are_those_of_the_grammar(language: Language) -> None:
    kept = (FOLDER / language.tables_name).read_text(encoding="utf-8")
    assert kept == spell_tables(language.grammar, language.starts), "run: python -m tinyir.text.grammar_tables"


def test_a_changed_grammar_is_compiled_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(grammar_tables, "key_of", lambda text, starts: f"another {len(text)}")

    def compile_noted(text: str, starts: Sequence[str]) -> Tables:
        called.append(text)
        return compile_tables(text, starts)

    monkeypatch.setattr(grammar_tables, "compile_tables", compile_noted)
    assert load_tables().rules == compile_tables(GRAMMAR).rules
    assert called == [GRAMMAR]


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        Lark(GRAMMAR, parser="lalr", start=list(STARTS), maybe_placeholders=True, debug=True)
    assert [record.message for record in caplog.records if "onflict" in record.message] == []


def test_every_rule_has_its_method() -> None:
    actions = {action for _, _, action, _, _, passes, _ in load_tables().rules if action and not passes}
    assert [action for action in sorted(actions) if not hasattr(Reader, action)] == []


def test_scanners_are_made_for_every_state() -> None:
    grammar = make_grammar(load_tables())
    for state, actions in enumerate(grammar.actions):
        assert grammar.scanner(state)("", 0) is None or "SOUP" in actions
    assert load_grammar() is load_grammar()
