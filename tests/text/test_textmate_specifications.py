"""The TextMate grammar of specifications colours every word of the shipped files as what it is."""

import json
import re
from pathlib import Path

import pytest

from tests.text.textmate_matcher import Matcher
from tinyir.ir.plugins import specification_files
from tinyir.text.operator_reader import read_definitions
from tinyir.text.rule_reader import read_rules
from tinyir.text.textmate_specifications import KEYWORDS, STATEMENTS, WORD_OPERATORS, textmate_text

FILE = Path("editors") / "tinyir-specification.tmLanguage.json"


@pytest.fixture(scope="module")
def matcher(repository: Path) -> Matcher:
    return Matcher(json.loads((repository / FILE).read_text(encoding="utf-8")))


def words_of(matcher: Matcher, text: str, name: str) -> list[str]:
    return [text[scope.begin : scope.end] for scope in matcher.scopes(text) if scope.name == f"{name}.tinyir-specification"]


def test_the_file_is_what_the_grammar_says(repository: Path) -> None:
    assert (repository / FILE).read_text(encoding="utf-8") == textmate_text()


def test_every_word_of_the_languages_is_known(repository: Path) -> None:
    known = set(" ".join((*STATEMENTS, *KEYWORDS, *WORD_OPERATORS)).split()) | {"infinity"}
    for name in ("rule", "operator", "schedule"):
        text = (repository / "tinyir" / "text" / f"{name}.lark").read_text(encoding="utf-8")
        assert set(re.findall(r'"([a-z]+)"', text)) - {"inf", "nan", "true", "false"} <= known, name


def test_operators_and_rules_are_named_and_applied(matcher: Matcher) -> None:
    for file in specification_files("ops", ".op"):
        defined = [definition.name for definition in read_definitions(file.read())]
        assert words_of(matcher, file.read(), "entity.name.function.definition") == defined
    for file in specification_files("rules", ".rules"):
        text = file.read()
        names = words_of(matcher, text, "entity.name.function.definition")
        rules = {statement.name.partition(".")[0] for statement in read_rules(text)}
        assert rules <= set(names)
        operations = words_of(matcher, text, "entity.name.function.operation")
        assert {"graph.relu", "arith.addi", "graph.transpose", "graph.quantize", "c.binary"} & set(operations)
        assert set(operations) >= set(re.findall(r"\b(?:graph|arith)\.\w+", re.sub(r"#.*", "", text)))


def test_the_words_of_a_line_have_their_colours(matcher: Matcher) -> None:
    text = 'rule a over the reals   graph.relu(once graph.pad(x) {low = l})  =>  x   where all(i < 3) (l[i] == 0.5) and not is_float(N)   # "why"\n'
    assert words_of(matcher, text, "keyword.declaration") == ["rule"]
    assert words_of(matcher, text, "keyword.other") == ["over the reals", "once", "where", "all"]
    assert words_of(matcher, text, "keyword.operator.word") == ["and", "not"]
    assert words_of(matcher, text, "constant.numeric") == ["3", "0.5"]
    assert words_of(matcher, text, "entity.name.function.call") == ["is_float"]
    assert words_of(matcher, text, "variable.parameter.extent") == ["N"]
    assert words_of(matcher, text, "comment.line.number-sign") == ['# "why"']
    assert words_of(matcher, 'instr a(x: i8[4]) -> i32\n  asm "smlad %0"\n', "string.quoted.double") == ['"smlad %0"']
