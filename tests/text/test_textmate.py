"""The TextMate grammar colours what the reader reads: its scopes are compared with the reader's own view of the same texts."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.text.textmate_matcher import Matcher, Scoped
from tinyir.driver.api import begin
from tinyir.text.outline import read_outline
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

FILE = Path("editors") / "tinyir.tmLanguage.json"
SAMPLES = Path(__file__).resolve().parent / "samples"
NETWORK = """module {
  func.func @net(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {
    %w = graph.constant() {value = dense<[[1.0, 2.0, 0.0, -1.0], [0.5, 0.0, 0.0, 1.0], [0.0, 0.0, 3.0, 0.0]]> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
    %b = graph.constant() {value = dense<[1.0, 0.0, -2.0]> : tensor<3xf32>} : () -> tensor<3xf32>
    %y = "graph.dense"(%x, %w, %b) : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32> loc("dense.1"("net.onnx":1:1))
    return %y : tensor<2x3xf32>
  }
}
"""
OPERATION = "entity.name.function.operation.tinyir"
VALUE = "variable.other.tinyir"
TYPE = "storage.type.tinyir"
NUMBER = "constant.numeric.tinyir"
DIMENSION = "constant.numeric.dimension.tinyir"


@pytest.fixture(scope="module")
def matcher(repository: Path) -> Matcher:
    return Matcher(json.loads((repository / FILE).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """A network at every level, in the forms of its dialects and in generic form."""
    lowered = {level: begin(parse(NETWORK), "cortex-m4").lower(level) for level in ("graph", "loop", "buffer", "c")}
    pretty = {level: print_module(module, locations=True) for level, module in lowered.items()}
    return pretty | {f"{level}, generic": print_module(module, generic=True) for level, module in lowered.items()}


def scopes_of(matcher: Matcher, text: str) -> list[Scoped]:
    found = matcher.scopes(text)
    assert matcher.stack == [matcher.grammar], "a context stays open"
    return found


def words_of(scopes: list[Scoped], text: str, name: str) -> list[str]:
    return [text[scope.begin : scope.end] for scope in scopes if scope.name == name]


def test_the_file_is_what_the_grammar_and_the_dialects_say(repository: Path) -> None:
    made = subprocess.run([sys.executable, "-m", "tinyir.text.textmate"], capture_output=True, text=True, check=True, cwd=repository).stdout
    if os.environ.get("TINYIR_BLESS") == "1":
        (repository / FILE).write_text(made, encoding="utf-8")
    assert (repository / FILE).read_text(encoding="utf-8") == made, f"run: python -m tinyir.text.textmate > {FILE}"


def test_every_operation_is_coloured_as_one(matcher: Matcher, texts: dict[str, str]) -> None:
    for level, text in texts.items():
        coloured = {scope.begin: text[scope.begin : scope.end] for scope in scopes_of(matcher, text) if scope.name == OPERATION}
        outline = read_outline(text)
        assert len(outline.spans) > 4
        expected = {}
        for span in outline.spans:
            head = re.compile(r'(?:%[^=]*= )?"?([\w.$]+)').match(text, span.begin)
            assert head is not None
            expected[head.start(1)] = head.group(1)
            assert span.operation.name.endswith(head.group(1))
        assert coloured == expected, level


def test_every_value_and_symbol_is_coloured_as_one(matcher: Matcher, texts: dict[str, str]) -> None:
    for level, text in texts.items():
        scopes = scopes_of(matcher, text)
        bare = re.sub(r'"[^"]*"', '""', text)
        assert words_of(scopes, text, VALUE) == re.findall(r"%[\w$.\-]+(?:#\d+)?", bare), level
        assert words_of(scopes, text, "entity.name.function.symbol.tinyir") == re.findall(r"@[\w$.]+", bare), level
        assert words_of(scopes, text, "entity.name.label.tinyir") == re.findall(r"\^[\w$.]+", bare), level


def test_every_shape_is_taken_apart(matcher: Matcher, texts: dict[str, str]) -> None:
    for level, text in texts.items():
        scopes = scopes_of(matcher, text)
        shapes = re.findall(r"(?:tensor|memref)<((?:[\d?]+x)*)([a-z]+\d*)", text)
        dimensions = [extent for shape, _ in shapes for extent in re.findall(r"[\d?]+x", shape)]
        assert dimensions, level
        assert words_of(scopes, text, DIMENSION) == dimensions, level
        types = words_of(scopes, text, TYPE)
        assert all(types.count(word) >= count for word, count in ((w, [e for _, e in shapes].count(w)) for _, w in shapes)), level


PLAIN_WORDS = {"input", "output", "network", "apart"}
"""Words that stand for themselves: properties without a value, and words that are values."""


def test_no_other_word_is_left_without_colour(matcher: Matcher, texts: dict[str, str]) -> None:
    for level, text in texts.items():
        rest = list(text)
        for scope in scopes_of(matcher, text):
            rest[scope.begin : scope.end] = " " * (scope.end - scope.begin)
        plain = {word for word in re.findall(r"\w+", "".join(rest)) if not re.fullmatch(r"[ds]\d+", word)}  # dimensions of affine maps
        assert plain <= PLAIN_WORDS, level


LINES = {
    '%0:2 = "a.b"(%x#1) ({ // "c"': [("%0", VALUE), ("2", NUMBER), ("a.b", OPERATION), ("%x#1", VALUE), ('// "c"', "comment")],
    "%v = memref.load %m[%i] : memref<4xi8>": [("memref.load", "entity.name.function.unknown.tinyir"), ("4x", DIMENSION), ("i8", TYPE)],
    "tensor<0xf32>, 0xff : i8": [("tensor", TYPE), ("0x", DIMENSION), ("f32", TYPE), ("0xff", NUMBER), ("i8", TYPE)],
    "tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5:-3>>, index": [
        ("4x", DIMENSION), ("!quant.uniform", "entity.name.type.tinyir"), ("i8", TYPE), ("-127", NUMBER), ("127", NUMBER), ("f32", TYPE),
        ("0.5", NUMBER), ("-3", NUMBER), ("index", TYPE),
    ],
    "memref<8xi8, affine_map<(d0) -> (d0 mod 2)>, 1> {a = true}": [("->", "operator"), ("mod", "word"), ("a", "attribute-name"), ("true", "language")],
    '{-# dialect_resources: { "i8" } #-} i8': [("{-#", "resources"), (' dialect_resources: { "i8" } ', "resources"), ("i8", TYPE)],
    'loc("a.b"("c.d":1:2)) loc("e")': [("loc", "keyword.other"), ('"a.b"', "string"), ('"c.d"', "string"), ('"e"', "string")],
    "memref<4xi8, affine_set<(d0) : (d0 >= 0)>, ?x>": [("4x", DIMENSION), ("affine_set", "keyword.other"), (">=", "operator"), ("?x", DIMENSION)],
    "#m = affine_map<(i) -> (i)>": [("#m", "attribute"), ("=", "operator"), ("affine_map", "keyword.other")],
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_taken_apart(matcher: Matcher, line: str) -> None:
    found = [(line[scope.begin : scope.end], scope.name) for scope in scopes_of(matcher, line)]
    position = 0
    for text, name in LINES[line]:
        matching = [i for i, (t, n) in enumerate(found) if i >= position and t == text and name in n]
        assert matching, (text, name, found)
        position = matching[0] + 1


def test_a_file_of_mlir_leaves_no_context_open(matcher: Matcher) -> None:
    text = (SAMPLES / "dialects.mlir").read_text(encoding="utf-8")
    scopes = scopes_of(matcher, text)
    assert {"scf.for", "affine.load", "tosa.conv2d"} <= set(words_of(scopes, text, "entity.name.function.unknown.tinyir"))
    assert {"func.func", "arith.addf", "return"} <= set(words_of(scopes, text, OPERATION))
