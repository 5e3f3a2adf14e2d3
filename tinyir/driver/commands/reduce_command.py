"""`tinyir reduce FILE --test 'CMD'`: the smallest module found on which the command still exits with 0."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs

from tinyir.driver.load import load
from tinyir.driver.output import write_text
from tinyir.driver.progress import Progress
from tinyir.driver.reduce import Reducer, count_operations
from tinyir.driver.reductions import PHASES
from tinyir.ir.errors import TinyirError
from tinyir.ir.verifier import verify

PLACEHOLDER = "{}"


@attrs.frozen
class CommandTest:
    """A shell command on a file that holds the candidate after `header`, the comment lines that the first file began with."""

    command: str
    file: Path
    header: str
    timeout_seconds: float

    def __call__(self, text: str) -> bool:
        self.file.write_text(self.header + text, encoding="utf-8")
        try:
            return subprocess.run(["sh", "-c", self._line()], capture_output=True, timeout=self.timeout_seconds, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def _line(self) -> str:
        name = shlex.quote(str(self.file))
        return self.command.replace(PLACEHOLDER, name) if PLACEHOLDER in self.command else f"{self.command} {name}"


def execute(arguments: argparse.Namespace) -> int:
    module = load(arguments.model)
    header = _header(arguments.model)
    with tempfile.TemporaryDirectory(prefix="tinyir-") as folder, Progress.on_terminal(arguments.quiet) as progress:
        test = CommandTest(arguments.test, Path(folder) / "candidate.tir", header, arguments.timeout)
        reducer = Reducer(module, test, must_verify=not verify(module), say=progress)
        before = count_operations(module)
        if not test(reducer.spell(module)):
            reducer.locations = True
            if not test(reducer.spell(module)):
                hint = "it must exit with 0 as long as the file shows what you look for"
                raise TinyirError(f"the test does not succeed on {arguments.model} itself", hint=hint)
        try:
            reducer.run(*PHASES)
        except KeyboardInterrupt:
            sys.stderr.write("interrupted: this is the smallest so far\n")
    sys.stderr.write(f"note: {before} operations became {count_operations(reducer.module)}, by {reducer.tests} tests\n")
    write_text(arguments.output, header + reducer.spell(reducer.module))
    return 0


def _header(path: str) -> str:
    """The comment lines with which a file of IR begins: those of a reproducer say what to run."""
    if path == "-" or Path(path).suffix not in (".tir", ".mlir"):
        return ""
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("//")), len(lines))
    return "".join(lines[:count])
