"""For pytest: files `.tir` and `.rules` that begin with `// RUN:` (`# RUN:`) are tests.  `tinyir.driver.text_tests` tells their form.

pytest finds it by itself where tinyir is installed.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tinyir.driver.text_tests import TextTest, bless, is_expected, is_text_test, output_of, read_text_tests
from tinyir.ir.plugins import PROJECT

BLESS = "TINYIR_BLESS"
_SCRATCH = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tinyir").addoption("--bless", action="store_true", help="write what text tests print as what they must print")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault(PROJECT, str(config.rootpath))
    if config.getoption("--bless"):
        os.environ[BLESS] = "1"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return TextTestFile.from_parent(parent, path=file_path) if is_text_test(file_path) else None


class DifferentError(Exception):
    """A text test printed something else than it must; the message is the difference."""


class TextTestFile(pytest.File):
    """A file of text tests."""

    def collect(self) -> Iterator[pytest.Item]:
        for test in read_text_tests(self.path):
            yield TextTestItem.from_parent(self, name=test.name, test=test)


class TextTestItem(pytest.Item):
    """One text test."""

    def __init__(self, *, test: TextTest, name: str, parent: pytest.Collector) -> None:
        super().__init__(name, parent)
        self.test = test

    def runtest(self) -> None:
        found = output_of(self.test, _scratch(self.config))
        if os.environ.get(BLESS) == "1":
            bless(self.test, found)
        elif self.test.expected is None:
            raise DifferentError(f"the test does not say what is expected; it prints\n{found}")
        elif not is_expected(self.test, found):
            lines = unified_diff(self.test.expected.splitlines(keepends=True), found.splitlines(keepends=True), "expected", "found")
            raise DifferentError("".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, DifferentError):
            return f"tinyir {self.test.command}\n{excinfo.value}\n`pytest --bless` makes this what is expected"
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name} {self.name}"


def _scratch(config: pytest.Config) -> Path:
    """A folder for what the tests write, one for all of a process, gone at its end."""
    if _SCRATCH not in config.stash:
        folder = TemporaryDirectory(prefix="tinyir-")
        atexit.register(folder.cleanup)
        config.stash[_SCRATCH] = Path(folder.name)
    return config.stash[_SCRATCH]
