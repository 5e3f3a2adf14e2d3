"""The blocks of a page of documentation, executed in order in one folder.

    ```console            $ COMMAND lines run in a shell; what follows them must be printed (... stands for anything)
    ```python             runs; the next ```text block, if it follows at once, must be printed
    ```LANGUAGE file=X    is written to the file X

Behind `console` or `text` the word `figures` says that numbers may be others, since they get better, or depend on the machine.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import attrs

from tests.conftest import REPOSITORY
from tinyir.ir.plugins import PROJECT

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "..."


class BlockError(AssertionError):
    """A block did something else than the page says."""


@attrs.frozen
class Block:
    """`language`, `file` and `figures` as the fence says; `start` and `end` of the text inside."""

    language: str
    file: str
    figures: bool
    text: str
    start: int
    end: int
    line: int


def read_blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for match in _FENCE.finditer(page):
        language, _, rest = match[1].partition(" ")
        file = re.search(r"file=(\S+)", rest)
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(language, file[1] if file else "", "figures" in rest.split(), match[2], match.start(2), match.end(2), line))
    return found


@attrs.define
class Runner:
    """Executes a page.  `blessed` is the page with what was really printed."""

    page: str
    folder: Path
    scripts: Path
    blessed: str = ""
    executed: int = 0
    differences: list[str] = attrs.field(factory=list)
    _names: dict[str, Any] = attrs.field(factory=dict)

    def run(self) -> None:
        """
        Raises:
            BlockError: a block failed, or printed something else.
        """
        blocks = read_blocks(self.page)
        edits: list[tuple[Block, str]] = []
        for number, block in enumerate(blocks):
            following = blocks[number + 1] if number + 1 < len(blocks) else None
            edits += self._execute(block, following)
        self.blessed = self.page
        for block, text in reversed(edits):
            self.blessed = self.blessed[: block.start] + text + self.blessed[block.end :]
        if self.differences:
            raise BlockError("\n".join(self.differences))

    def _execute(self, block: Block, following: Block | None) -> Iterator[tuple[Block, str]]:
        if block.file:
            self.executed += 1
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            yield block, self._console(block)
        elif block.language == "python":
            said = self._python(block)
            gap = self.page[block.end : following.start].strip() if following is not None else ""
            if following is not None and following.language == "text" and re.fullmatch(r"```\s*```text", gap):
                yield following, self._compare(following, following.text, said)
            elif said:
                raise BlockError(f"line {block.line}: prints what the page does not show:\n{said}")

    def _compare(self, block: Block, expected: str, found: str) -> str:
        """What the page should show; a difference is noted."""
        if matches(expected, found) or (block.figures and matches(without_figures(expected), without_figures(found))):
            return expected
        self.differences.append(f"line {block.line}: expected\n{expected}found\n{found}")
        return found

    def _console(self, block: Block) -> str:
        shown = []
        for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE):
            if not part.strip():
                continue
            head, _, expected = part.partition("\n")
            while head.endswith("\\"):
                more, _, expected = expected.partition("\n")
                head += f"\n{more}"
            shown.append(f"{head}\n{self._compare(block, expected, self._shell(head.removeprefix('$ '), block))}")
        return "".join(shown)

    def _shell(self, command: str, block: Block) -> str:
        self.executed += 1
        environment = {key: value for key, value in os.environ.items() if key not in (PROJECT, "TINYIR_BLESS", "PYTEST_ADDOPTS")}
        environment |= {"PATH": f"{self.scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "COLUMNS": "120"}
        environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "TINYIR_CACHE": str(self.scripts.parent / "cache")}
        outcome = subprocess.run(
            ["sh", "-c", f"{command} 2>&1"], cwd=self.folder, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False
        )
        said = "\n".join(line.rstrip() for line in outcome.stdout.split("\n"))
        if "Traceback" in said:
            raise BlockError(f"line {block.line}: {command}\n{said}")
        return said

    def _python(self, block: Block) -> str:
        self.executed += 1
        out = io.StringIO()
        with chdir(self.folder), redirect_stdout(out):
            exec(compile(block.text, f"line {block.line}", "exec"), self._names)
        return out.getvalue()


def matches(expected: str, found: str) -> bool:
    """Whether a text is what is expected, where `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in expected.split(ANYTHING))
    return re.fullmatch(pattern, found, re.DOTALL) is not None


def without_figures(text: str) -> str:
    """The text with all numbers alike, and columns as wide as they need be."""
    return re.sub(r" +", " ", re.sub(r"-?\d[\d,.]*(?:e[+-]\d+)?", "0", text))


def make_scripts(folder: Path, tool: Callable[[str], str]) -> Path:
    """A folder with the commands `tinyir` and `pytest` of this interpreter."""
    folder.mkdir()
    plugin = "-p tinyir.driver.pytest_plugin -p no:cacheprovider"
    for name, words in (("tinyir", "-m tinyir"), ("pytest", f"-m pytest {plugin}"), ("python", "")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{tool(sys.executable)}" {words} "$@"\n')
        script.chmod(0o755)
    return folder
