"""The tutorial does what it says: every block of its chapters is executed, and prints what the page shows.

`pytest --bless` writes what is really printed into the pages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.blocks import Block, BlockError, Runner, make_scripts, matches, read_blocks

FOLDER = REPOSITORY / "docs" / "tutorial"
CHAPTERS = sorted(FOLDER.glob("[0-9]_*.md"))
EXECUTED = {"console", "python", "text"}


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Runner]:
    """A function that makes ready to execute a page, in a folder from which the page's paths lead to the examples."""
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    scripts = make_scripts(tmp_path / "bin", str)
    monkeypatch.delenv("TINYIR_PROJECT", raising=False)
    return lambda page: Runner(page, tmp_path, scripts)


def test_there_are_five_chapters() -> None:
    assert [path.stem for path in CHAPTERS] == ["1_read_the_ir", "2_write_a_rule", "3_write_a_pass", "4_add_an_operator", "5_add_a_target"]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_block_does_what_the_page_says(chapter: Path, runner: Callable[[str], Runner], require_tool: Callable[[str], str]) -> None:
    page = chapter.read_text(encoding="utf-8")
    for tool in re.findall(r"^<!-- needs (\S+) -->$", page, re.MULTILINE):
        require_tool(tool)
    run = runner(page)
    try:
        run.run()
    except BlockError:
        if os.environ.get("TINYIR_BLESS") != "1":
            raise
        chapter.write_text(run.blessed, encoding="utf-8")
    assert run.executed >= 8


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_block_is_of_a_kind_that_is_executed_and_links_lead_somewhere(chapter: Path) -> None:
    page = chapter.read_text(encoding="utf-8")
    blocks = read_blocks(page)
    assert [block.line for block in blocks if not block.file and block.language not in EXECUTED] == []
    assert page.count("\n```") == 2 * len(blocks)
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        assert link.startswith("https://") or (FOLDER / link).exists(), link


def test_a_page_that_says_something_else_is_found_out(runner: Callable[[str], Runner]) -> None:
    right = "```console\n$ echo a; echo b\na\n...\n```\n```python\nprint(1 + 1)\n```\n```text\n2\n```\n"
    runner(right).run()
    for old, new in (("...", "c"), ("2\n", "3\n"), ("echo b", "false")):
        run = runner(right.replace(old, new).replace("a\n...\n", "a\nb\n") if old == "echo b" else right.replace(old, new))
        with pytest.raises(BlockError):
            run.run()
    assert matches("a...c", "a b\nc")
    assert not matches("a...c", "a b\nd")
    runner("```console figures\n$ echo '1,234   x 5.5 ms'\n9 x 0.1 ms\n```\n").run()
    with pytest.raises(BlockError):
        runner("```console figures\n$ echo '1,234 x'\n9 y\n```\n").run()


def test_blocks_know_their_files() -> None:
    (block,) = read_blocks("text\n```tir file=a/net.tir\nmodule {}\n```\n")
    assert block == Block("tir", "a/net.tir", False, "module {}\n", 27, 37, 2)
