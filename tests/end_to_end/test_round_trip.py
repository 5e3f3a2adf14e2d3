"""Every stage of every model is text that reads back as the same module, and that mlir-opt reads too."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.end_to_end.cases import ALL_CASES, Case
from tests.oracle.cases import soaking
from tests.text.alias_lines import named_places
from tinyir.driver.api import begin
from tinyir.ir.equality import first_difference
from tinyir.rewrite.observer import Hooks, Observer, PassReport, PassRun
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

GOALS = ("speed", "size") if soaking() else ("speed",)
LARGE = ("mlperf_vww/fp32", "mlperf_ad/fp32")
READ_BY_MLIR = ("kws/qdq", "mnist_dsnet/model", "bcancer_tab/model", "cnn_int8ptq/model")


@attrs.frozen
class ReadsBack(Observer):
    """Reads every stage back, in both forms."""

    passes: list[str] = attrs.field(factory=list)

    def after(self, run: PassRun, report: PassReport) -> None:
        self.passes.append(report.name)
        for generic in (False, True):
            text = print_module(run.module, generic, locations=True)
            assert first_difference(parse(text, "stage.tir"), run.module, locations=True) == "", (report.text, generic)
            assert print_module(parse(text), generic, locations=True) == text, (report.text, generic)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("case", [case for case in ALL_CASES if soaking() or str(case) not in LARGE], ids=str)
def test_every_stage_reads_back_as_itself(case: Case, goal: str, corpus: Path) -> None:
    reader = ReadsBack()
    begin(case.path(corpus), "cortex-m4", goal=goal, hooks=Hooks(observers=(reader,))).lower("c")
    assert reader.passes[-1] in ("lower_to_c", "simplify_c", "merge_functions")


@attrs.frozen
class ReadByMlir(Observer):
    """Has mlir-opt read and verify the generic form of every stage, and compares what it gives back."""

    tool: str
    passes: list[str] = attrs.field(factory=list)

    def after(self, run: PassRun, report: PassReport) -> None:
        self.passes.append(report.name)
        command = [self.tool, "--allow-unregistered-dialect", "--mlir-print-op-generic", "--mlir-print-debuginfo"]
        text = print_module(run.module, True, locations=True)
        outcome = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, (report.text, outcome.stderr[:2000])
        assert first_difference(run.module, parse(outcome.stdout), locations=True) == "", report.text
        assert named_places(outcome.stdout) == named_places(text), report.text


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("case", [case for case in ALL_CASES if str(case).endswith("" if soaking() else READ_BY_MLIR)], ids=str)
def test_every_stage_comes_back_equal_from_mlir_opt(case: Case, goal: str, corpus: Path, require_tool: Callable[[str], str]) -> None:
    reader = ReadByMlir(require_tool("mlir-opt-19"))
    begin(case.path(corpus), "cortex-m4", goal=goal, hooks=Hooks(observers=(reader,))).lower("c")
    assert len(reader.passes) > 10
