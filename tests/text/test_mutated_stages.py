"""Mutated texts of every stage of a model, of specifications and of pipelines: each is read or answered with errors, soon, without a crash."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.oracle.cases import soaking
from tests.text.test_hostile_texts import mutated
from tinyir.driver.api import begin
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.verifier import verify_or_raise
from tinyir.rewrite.observer import Hooks, Observer, PassReport, PassRun
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.instruction_reader import read_instruction_set
from tinyir.text.operator_reader import read_definitions
from tinyir.text.printer import print_module
from tinyir.text.reader import parse
from tinyir.text.rule_reader import read_rules
from tinyir.text.schedule_reader import read_schedules

COUNT = 100_000 if soaking() else 300
MODEL = REPOSITORY / "examples" / "mnist" / "mlp_int8.onnx"
PIPELINES = [
    "canonicalize,cse,dce",
    "graph(canonicalize,fold_constants),plan_memory{share=true,arena=10}",
    "cse,jam_outputs{factor=2},unroll{shape=[1,2]}",
]


class KeepTexts(Observer):
    """The module after each pass, in both forms."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def after(self, run: PassRun, report: PassReport) -> None:
        self.texts += [print_module(run.module, elide=8), print_module(run.module, generic=True, locations=True, elide=8)]


@pytest.fixture(scope="module")
def stages() -> list[str]:
    """The texts of all stages from the model to C."""
    kept = KeepTexts()
    begin(MODEL, "cortex-m4", hooks=Hooks(observers=(kept,))).lower("c")
    return kept.texts


def read_module(text: str) -> Operation:
    """Reads, verifies and prints, broken or not."""
    module = parse(text)
    for generic in (True, False):
        print_module(module, generic=generic, locations=True)
    verify_or_raise(module)
    return module


def answer(read: Callable[[str], object], text: str) -> list[str]:
    """The errors; an exception of another kind is a failure of the test."""
    start = time.process_time()
    try:
        read(text)
        errors = []
    except TinyirError as error:
        errors = [diagnostic.render() for diagnostic in error.diagnostics]
        assert errors
    assert time.process_time() - start < 2
    return errors


def files(pattern: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(Path(REPOSITORY / "specs").glob(pattern))]


def check(read: Callable[[str], object], texts: Sequence[str], count: int, seed: int) -> None:
    choose = random.Random(seed)
    wrong = 0
    for _ in range(count):
        errors = answer(read, mutated(choose.choice(texts), choose))
        wrong += bool(errors)
        assert all(len(error.split("\n")) <= 6 for error in errors)
    assert wrong > count // 8


def test_a_mutated_stage_is_read_or_refused(stages: list[str]) -> None:
    check(read_module, [text for text in stages if len(text) < 40_000], COUNT, 77)


@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        ("ops/*.op", read_definitions),
        ("functions/*.op", read_definitions),
        ("rules/*.rules", read_rules),
        ("isa/*.isa", read_instruction_set),
        ("schedules/*.sched", read_schedules),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mutated_specification_is_read_or_refused(pattern: str, read: Callable[[str], object]) -> None:
    check(read, files(pattern), COUNT // 10, 32)


def test_a_mutated_pipeline_is_read_or_refused() -> None:
    check(partial(PassPipeline.parse), PIPELINES, COUNT // 10, 33)
