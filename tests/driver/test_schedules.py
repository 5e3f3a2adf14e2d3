"""Schedules of other packages: a file in a folder, or a project with a pass of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinyir.ir.plugins import PROJECT

FASTER = """# Two rows.
schedule two_rows for row by block_rows
  needs pair
  goal speed
  before rows
  stage bytes 1024
  jam outputs 2
"""
FILE = """[project]
name = "lab"
version = "1"
[project.entry-points."tinyir.passes"]
lab = "lab.passes"
[project.entry-points."tinyir.specs"]
lab = "lab.specs"
"""
MARK = """
from tinyir.dialects.product_nests import scheduled_nests
from tinyir.dialects.schedules import plan_for, scheduled
from tinyir.ir.builder import functions
import attrs
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext

@attrs.frozen
class Mark(Pass):
    "Marks nests."

    reads = ("loop",)
    words: int | None = scheduled("mark", "words")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for root in scheduled_nests(function):
                plan = plan_for(self, root, context)
                if plan is not None:
                    root.attributes["schedule"] = plan.describe()
"""
MARKED = """schedule marked for row, reduction by mark
  goal size
  before plain
  where terms < 10
  mark words 3 in {3, 5}
"""


@pytest.fixture
def model(repository: Path) -> Path:
    return repository / "examples" / "mnist" / "mlp_int8.onnx"


def compile(model: Path, folder: Path, *words: str, **variables: str) -> str:
    """The file that `compile` writes, or what it says."""
    command = [sys.executable, "-m", "tinyir", "compile", str(model), "-t", "cortex-m4", "-o", str(folder / "out"), "--name", "net", *words]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env={**os.environ, PROJECT: str(folder), **variables})
    written = sorted((folder / "out").glob("net*.[ct]*")) if run.returncode == 0 else []
    return written[0].read_text() if written else run.stderr


def test_the_schedule_of_a_folder_is_applied_and_told_in_c(model: Path, tmp_path: Path) -> None:
    shipped = {"rows: stage bytes 1024; jam outputs 4", "neighbouring_folds: jam outputs 2"}
    assert set(re.findall(r"schedule (\w+: .*)", compile(model, tmp_path))) == shipped
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "mine.sched").write_text(FASTER)
    found = re.findall(r"schedule (\w+: .*)", compile(model, tmp_path, TINYIR_SPECS=str(tmp_path)))
    assert set(found) == {"two_rows: stage bytes 1024; jam outputs 2", "neighbouring_folds: jam outputs 2"}


def test_a_wrong_one_is_told(model: Path, tmp_path: Path) -> None:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "mine.sched").write_text(FASTER.replace("goal speed", "goal sped"))
    told = compile(model, tmp_path, TINYIR_SPECS=str(tmp_path))
    assert f"{tmp_path}/schedules/mine.sched:4:8: error: no goal 'sped'\n   4 |   goal sped\n" in told
    assert told.endswith("hint: did you mean 'speed'?\n")


def test_the_pass_of_a_project_carries_out_its_schedules(model: Path, tmp_path: Path) -> None:
    for name, text in {"__init__.py": "", "passes/__init__.py": "", "passes/mark.py": MARK, "specs/__init__.py": "", "specs/schedules/a.sched": MARKED}.items():
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text(FILE)
    text = compile(model, tmp_path, "--emit", "loop", "--goal", "size")
    assert text.count('schedule = "marked: mark words 3"') == 1, "one layer has fewer than 10 terms"
    text = compile(model, tmp_path, "--emit", "loop", "--goal", "size", "-p", "loop(default,mark{words=9})")
    assert text.count('schedule = "marked: mark words 9"') == 1
    assert "marked" not in compile(model, tmp_path, "--emit", "loop")
