"""Tests that are texts: a module (or rules), a command, and what it must say, in one file.

    // RUN: opt -p canonicalize --expensive-checks
    // Of two clamps one is left.
    func.func @net(...) { ... }

    // EXPECT:
    // module {
    //   ...
    // }

`// -----` begins the next test of a file.  The command is one of `tinyir`; it finds the text of its test in a file of the same name.
What it prints is compared as a whole: standard output, then standard error, then the exit code if that is not 0.
`{{...}}` in an expected line is a regular expression.
`pytest --bless` writes what is found as what is expected: read the difference before you commit it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from itertools import zip_longest
from pathlib import Path

import attrs

from tinyir.driver.command_line import main
from tinyir.ir.errors import TinyirError

COMMENTS = {".tir": "//", ".rules": "#", ".isa": "#"}
"""How comments begin in the files that can be tests."""
RUN, EXPECT, NEXT = "RUN:", "EXPECT:", "-----"
_WILD = re.compile(r"\{\{(.*?)\}\}")


@attrs.frozen
class TextTest:
    """One test of a file.  `expected`: None if the file does not say."""

    file: Path
    number: int
    title: str
    command: str
    text: str
    expected: str | None

    @property
    def name(self) -> str:
        """Its number and title."""
        return f"{self.number}: {self.title}" if self.title else str(self.number)


def is_text_test(file: Path) -> bool:
    """Whether a file begins as a test."""
    mark = COMMENTS.get(file.suffix)
    if mark is None or not file.is_file():
        return False
    start = f"{mark} {RUN}".encode()
    with file.open("rb") as stream:
        return stream.read(len(start)) == start


def read_text_tests(file: Path) -> list[TextTest]:
    """The tests of a file in order.

    Raises:
        TinyirError: a part has no command.
    """
    parts = _parts(file.read_text(encoding="utf-8"), COMMENTS[file.suffix])
    return [_read(file, number, part) for number, part in enumerate(parts, 1)]


def _parts(text: str, mark: str) -> list[str]:
    return text.split(f"\n{mark} {NEXT}\n")


def _read(file: Path, number: int, part: str) -> TextTest:
    mark = COMMENTS[file.suffix]
    first, _, rest = part.lstrip("\n").partition("\n")
    if not first.startswith(f"{mark} {RUN}"):
        raise TinyirError(f"{file}: test {number} begins with no '{mark} {RUN} COMMAND'")
    second = rest.partition("\n")[0]
    title = second.removeprefix(mark).strip() if second.startswith(f"{mark} ") and EXPECT not in second else ""
    text, found, expected = part.lstrip("\n").partition(f"\n{mark} {EXPECT}\n")
    lines = [line.removeprefix(mark).removeprefix(" ") for line in expected.rstrip("\n").split("\n")]
    said = "".join(f"{line}\n" for line in lines) if found and expected.strip() else ""
    return TextTest(file, number, title, first.removeprefix(f"{mark} {RUN}").strip(), text + "\n", said if found else None)


def output_of(test: TextTest, scratch: Path) -> str:
    """What the command of a test prints; files that it writes go into `scratch`."""
    words = shlex.split(test.command)
    (scratch / test.file.name).write_text(test.text, encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    with chdir(scratch), redirect_stdout(out), redirect_stderr(err):
        try:
            code: object = main([words[0], test.file.name, *words[1:], "--quiet"])
        except SystemExit as left:
            code = left.code
    lines = (out.getvalue() + err.getvalue()).split("\n")
    return "\n".join(line.rstrip() for line in lines) + (f"exit code {code}\n" if code else "")


def is_expected(test: TextTest, found: str) -> bool:
    """Whether a test has printed what it must."""
    expected = None if test.expected is None else test.expected.split("\n")
    lines = found.split("\n")
    return expected is not None and len(expected) == len(lines) and all(map(_fits, expected, lines))


def _fits(expected: str, line: str) -> bool:
    parts = _WILD.split(expected)
    pattern = "".join(part if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return expected == line or (len(parts) > 1 and re.fullmatch(pattern, line) is not None)


def bless(test: TextTest, found: str) -> None:
    """Makes what was found what is expected; lines with wildcards stay where they fit."""
    old = (test.expected or "").split("\n")
    lines = [kept if _WILD.search(kept) and _fits(kept, line) else line for kept, line in zip_longest(old, found.split("\n"), fillvalue="")]
    found = "\n".join(lines[: found.count("\n") + 1])
    mark = COMMENTS[test.file.suffix]
    with _locked(test.file):
        parts = _parts(test.file.read_text(encoding="utf-8"), mark)
        text = parts[test.number - 1].partition(f"\n{mark} {EXPECT}\n")[0].rstrip("\n")
        expected = "".join(f"{mark} {line}".rstrip() + "\n" for line in found.rstrip("\n").split("\n")) if found.strip() else ""
        parts[test.number - 1] = f"{text}\n\n{mark} {EXPECT}\n{expected}"
        test.file.write_text(f"\n{mark} {NEXT}\n".join(part.rstrip("\n") + "\n" for part in parts), encoding="utf-8")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Tests of one file may run in several processes (where there are no such locks, in one)."""
    with file.open("rb") as stream:
        if os.name == "posix":
            locks = import_module("fcntl")
            locks.flock(stream, locks.LOCK_EX)
        yield
