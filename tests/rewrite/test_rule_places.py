"""What is wrong with a rule that could be read is told at the word that is wrong, or at the rule's name."""

from __future__ import annotations

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.rewrite.rule_book import RuleBook
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.text.rule_reader import read_rules


def compile_all(text: str) -> None:
    book = RuleBook.of(read_rules(text, "mine.rules"))
    for rule in book.rules.values():
        compile_rule(rule, book.functions)


def place_of_error(text: str) -> tuple[int, int, str]:
    with pytest.raises(TinyirError) as caught:
        compile_all(text)
    place = caught.value.diagnostics[0].place
    return place.line, place.column, place.text


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("rule one   graph.relu(graph.rely(x))  =>  x", 1, "graph.rely"),
        ("# Why.\nrule two   graph.relu(x)\n  =>  graph.absolute(why)", 3, "why)"),
        ("rule three   graph.relu(x)  =>  x\n  # not here: lenght(x)\n  where lenght(shape(x)) == 2", 3, "lenght"),
        ("rule four before five   graph.relu(x)  =>  x", 1, "five"),
        ("rule five   arith.addi(x)  =>  x", 1, "arith.addi"),
        ("rule six   graph.relu(x) {slope = 1}  =>  x", 1, "slope"),
        ("function half(n) = m / 2\nrule seven   graph.relu(x)  =>  x where half(rank(x)) == 1", 1, "m "),
        ("rule eight   arith.addi(x, y)  =>  arith.addf(x, y)", 1, "eight"),
    ],
)
def test_an_error_points_at_its_word(text: str, line: int, word: str) -> None:
    found, column, shown = place_of_error(text)
    assert (found, shown) == (line, text.splitlines()[line - 1])
    assert shown[column - 1 :].startswith(word)
