"""Differences of texts of modules."""

from tinyir.text.difference import Change, StableTexts, lines_changed, module_difference
from tinyir.text.reader import parse

MODULE = """
  %0 = "a.one"() : () -> i32
  %1 = "a.two"(%0) : (i32) -> i32
  "a.three"(%1) : (i32) -> ()
"""


def test_changed_lines_come_with_their_place() -> None:
    assert lines_changed("a\nb\nc\nd\n", "a\nx\ny\nc\n") == (Change(1, ("b",), ("x", "y")), Change(3, ("d",), ()))
    assert lines_changed("a\n", "a\n") == ()


def test_equal_modules_have_no_difference() -> None:
    assert module_difference(parse(MODULE), parse(MODULE)) == ""


def test_the_difference_of_modules_is_a_unified_diff() -> None:
    text = module_difference(parse(MODULE), parse(MODULE.replace("a.two", "a.four")), "old", "new")
    assert text.startswith("--- old\n+++ new\n@@ ")
    assert '-  %1 = "a.two"(%0) : (i32) -> i32\n+  %1 = "a.four"(%0) : (i32) -> i32\n' in text


def test_values_keep_their_numbers_from_text_to_text() -> None:
    module, texts = parse(MODULE), StableTexts()
    before = texts.spell(module)
    module.body.insert_before(module.body.terminator, parse(MODULE).body.operations[0].clone())
    changes = lines_changed(before, texts.spell(module))
    assert changes == (Change(3, (), ('  %2 = "a.one"() : () -> i32',)),)
