"""The outline of a text: names are found where they are defined, and seen where the reader sees them; no text breaks it."""

import os
import random
import re
from pathlib import Path

import pytest

from tests.text.test_hostile_texts import SAMPLES, mutated
from tinyir.driver.hover import hover_text
from tinyir.ir.errors import TinyirError
from tinyir.ir.verifier import verify_or_raise
from tinyir.text.outline import Outline, read_outline
from tinyir.text.reader import parse

COUNT = 5_000 if os.environ.get("TINYIR_SOAK") else 60
TEXT = """module {
  %o = "a.outer"() : () -> i32
  "a.open"() ({
  ^bb0(%p: i32):
    %q = "a.use"(%o, %p) : (i32, i32) -> i32
    "a.jump"()[^bb2] : () -> ()
  ^bb1:
    "a.end"(%later) : (i32) -> ()
  ^bb2:
    %later = "a.use"(%q, %q) : (i32, i32) -> i32
    "a.jump"()[^bb1] : () -> ()
  }, {
  ^bb0(%p: f32):
    %pair:2 = "a.two"(%p) : (f32) -> (i32, f32)
    "a.use"(%pair#0, %pair#1) : (i32, f32) -> ()
  }) : () -> ()
  "func.func"() <{sym_name = "f", function_type = (i32) -> ()}> ({
  ^bb0(%o: i32):
    func.call @f(%o) : (i32) -> ()
    "func.return"() : () -> ()
  }) : () -> ()
  func.func private @g()
  func.func @h() {
    func.call @g() : () -> ()
    return
  }
}
"""
USES = {
    "%o, %p)": "%o = ",
    "%p) : (i32, i32)": "%p: i32",
    "%p) : (f32)": "%p: f32",
    "%later)": "%later = ",
    "^bb1]": "^bb1:",
    "^bb2]": "^bb2:",
    "%pair#0": "%pair:2",
    "%pair#1": "%pair:2",
    "%o) : (i32) -> ()": "%o: i32",
    "@f(%o)": '"f", function_type',
    "@g() : ()": "@g()\n",
    "%q = ": "%q = ",
}
"""A name where it stands, and where it leads to."""


def definition(outline: Outline, offset: int) -> int | None:
    token = outline.token_at(offset)
    found = outline.definition_of(token) if token is not None else None
    return found.offset if found is not None else None


@pytest.mark.parametrize("use", USES)
def test_a_use_leads_to_its_definition(use: str) -> None:
    assert definition(read_outline(TEXT), TEXT.index(use)) == TEXT.index(USES[use])


def test_a_function_does_not_see_the_values_around_it() -> None:
    text = 'module {\n  %o = "a.outer"() : () -> i32\n  func.func @f() {\n    "a.use"(%o) : (i32) -> ()\n    return\n  }\n}\n'
    outline = read_outline(text)
    assert [d.message for d in outline.diagnostics] == ["value '%o' is not defined"]
    assert definition(outline, text.index("%o)")) is None
    assert definition(outline, text.index("%o =")) == text.index("%o =")


def test_a_block_is_seen_in_its_region_alone() -> None:
    text = '"a.open"() ({\n^bb0:\n  "a.in"() ({\n    "a.jump"()[^bb0] : () -> ()\n  }) : () -> ()\n}) : () -> ()\n'
    assert definition(read_outline(text), text.index("^bb0]")) is None
    assert definition(read_outline(text), text.index("^bb0:")) == text.index("^bb0:")


def test_a_text_that_is_right_has_no_diagnostics() -> None:
    verify_or_raise(parse(TEXT))
    assert read_outline(TEXT).diagnostics == ()


def test_what_stands_before_a_mistake_is_known() -> None:
    text = TEXT[: TEXT.index('"a.jump"')] + '"a.use"(%q, %o'
    outline = read_outline(text)
    assert outline.diagnostics
    assert definition(outline, text.rindex("%q")) == text.index("%q =")
    assert definition(outline, text.rindex("%o")) == text.index("%o =")


BAD = sorted((Path(__file__).resolve().parent.parent / "bad").glob("*.tir"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_diagnostics_are_those_of_the_reader_and_the_verifier(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    with pytest.raises(TinyirError) as caught:
        verify_or_raise(parse(text, path.name))
    assert read_outline(text, path.name).diagnostics == caught.value.diagnostics


def test_nothing_is_said_of_an_empty_name() -> None:
    text = '"a.b"() {sym_name = ""} : () -> ()'
    assert hover_text(read_outline(text), text.index('""') + 1) is None


def test_no_text_breaks_the_outline_or_a_hover() -> None:
    generator = random.Random(7)
    for _ in range(COUNT):
        text = mutated(generator.choice([TEXT, *SAMPLES]), generator)
        outline = read_outline(text)
        try:
            verify_or_raise(parse(text))
            expected: tuple[str, ...] = ()
        except TinyirError as error:
            expected = tuple(diagnostic.message for diagnostic in error.diagnostics)
        assert tuple(diagnostic.message for diagnostic in outline.diagnostics) == expected, text
        for match in re.finditer(r"[%@^#!]?[\w.]+", text):
            hover_text(outline, match.start())
            found = definition(outline, match.start())
            assert found is None or 0 <= found < len(text)
