"""Questions that were proved once are not asked again, whatever rule they come from; the sorts of their constants are part of them."""

from __future__ import annotations

import pytest

from tinyir.ir import expression as ex
from tinyir.ir.types import I8, I16, Type
from tinyir.prove.equality import Asked, Prover
from tinyir.prove.rules import Known, prove_rule
from tinyir.prove.symbolic import ElementData, Session
from tinyir.rewrite.rule_book import shipped_rules


def squares_of_equal_numbers(type: Type, proved: set[bytes]) -> str:
    """Whether x = y implies x * x = y * y: a question whose text is the same at each width."""
    session = Session(ideal=False)
    prover = Prover(session, Asked(proved))
    x, y = (session.element(ElementData(name, (), (), "stored", type), type) for name in ("x", "y"))
    session.hypotheses.append(prover.terms.of(x) == prover.terms.of(y))
    return prover.equal(ex.binary("*", x, x), ex.binary("*", y, y)).state


def test_a_question_proved_in_one_context_is_not_asked_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    proved: set[bytes] = set()
    assert squares_of_equal_numbers(I8, proved) == "proved"
    monkeypatch.setattr(Prover, "_ask", lambda *_: pytest.fail("asked again"))
    assert squares_of_equal_numbers(I8, proved) == "proved"


def test_a_rule_leaves_what_was_proved_for_it_to_the_others() -> None:
    book, known = shipped_rules(), Known()
    assert prove_rule(book.rules["transpose_sinks_below_both.add"], book.functions, known).state == "proved"
    found = len(known.questions)
    assert prove_rule(book.rules["transpose_sinks_below_both.add_fixed"], book.functions, known).questions > len(known.questions) - found


def test_questions_at_other_types_are_others() -> None:
    proved: set[bytes] = set()
    for type, questions in ((I8, 1), (I16, 2), (I8, 2)):
        assert squares_of_equal_numbers(type, proved) == "proved"
        assert len(proved) == questions
