"""Passes that exist for the time of one test, found by their files like all others."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from tinyir.rewrite.pass_finder import known_passes

HEAD = """
import attrs
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext

@attrs.frozen
class Planted(Pass):
    def run(self, module: Operation, context: PassContext) -> None:
"""
CRASH = "        raise ZeroDivisionError('division by zero')\n"
BREAK = """
        for operation in module.walk():
            if operation.name == 'graph.relu':
                operation.detach()
                return
"""
WRONG = """
        for operation in module.walk():
            if operation.name == 'graph.relu':
                operation.name = 'graph.negate'
"""
# Turns the first sum of the C into a difference.
WRONG_C = """
        from tinyir.ir.attributes import StringAttribute

        for operation in module.walk():
            if operation.name == "c.binary" and operation.properties["operator"] is StringAttribute("+"):
                operation.properties["operator"] = StringAttribute("-")
                return
"""

AddPass = Callable[[str, str], None]


@pytest.fixture
def add_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddPass]:
    """A function that plants a pass: its name, and the lines of its `run`."""
    folder = tmp_path / "planted_passes"
    folder.mkdir()
    package = import_module("tinyir.passes")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    names: list[str] = []

    def add(name: str, body: str) -> None:
        (folder / f"{name}.py").write_text(HEAD + body)
        invalidate_caches()
        known_passes.cache_clear()
        names.append(name)

    yield add
    known_passes.cache_clear()
    for name in names:
        sys.modules.pop(f"tinyir.passes.{name}", None)
