"""Wrong texts, each with the exact words that answer it: tests/bad/NAME.tir and NAME.expected.

TINYIR_BLESS=1 writes the expected texts anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.ir.verifier import verify_or_raise
from tinyir.text.reader import parse

FOLDER = Path(__file__).resolve().parent.parent / "bad"
FILES = sorted(FOLDER.glob("*.tir"))


def errors_of(path: Path, fast: bool = True) -> TinyirError:
    """What is said of a file."""
    with pytest.raises(TinyirError) as caught:
        verify_or_raise(parse(path.read_text(encoding="utf-8"), path.name, fast))
    return caught.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_wrong_text_is_answered_with_the_expected_words(path: Path) -> None:
    found = f"{errors_of(path)}\n"
    expected = path.with_suffix(".expected")
    if os.environ.get("TINYIR_BLESS") == "1":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_words_do_not_depend_on_the_short_cut(path: Path) -> None:
    assert str(errors_of(path)) == str(errors_of(path, fast=False))


def test_five_mistakes_are_five_errors_and_no_more() -> None:
    error = errors_of(FOLDER / "five_mistakes.tir")
    assert [diagnostic.place.line for diagnostic in error.diagnostics] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_error_is_short_and_its_caret_stands_under_the_token(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    for diagnostic in errors_of(path).diagnostics:
        rendered = diagnostic.render().split("\n")
        assert len(rendered) <= 6
        if diagnostic.place.text:
            assert diagnostic.place.text == lines[diagnostic.place.line - 1]
            assert rendered[2].index("^") - rendered[1].index("|") - 2 == diagnostic.place.column - 1
        found = re.search(r"found '([^']+)'$", diagnostic.message)
        if found is not None:
            assert diagnostic.place.text[diagnostic.place.column - 1 :].startswith(found.group(1))
