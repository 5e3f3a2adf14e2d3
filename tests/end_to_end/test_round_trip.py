"""Every stage of every model is text that reads back as the same module, and that mlir-opt reads too."""

from collections.abc import Callable
from pathlib import Path
from subprocess import run

import attrs
import pytest

from tests.end_to_end.cases import ALL_CASES, Case
from tests.oracle.cases import soaking
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
            assert first_difference(parse(text, "stage.tir"), run.module) == "", (report.text, generic)
            assert print_module(parse(text), generic, locations=True) == text, (report.text, generic)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("case", [case for case in ALL_CASES if soaking() or str(case) not in LARGE], ids=str)
def test_every_stage_reads_back_as_itself(case: Case, goal: str, corpus: Path) -> None:
    reader = ReadsBack()
    begin(case.path(corpus), "cortex-m4", goal=goal, hooks=Hooks(observers=(reader,))).lower("c")
    assert reader.passes[-1] in ("lower_to_c", "simplify_c", "merge_functions")


@attrs.frozen
class ReadByMlir(Observer):
    """Has mlir-opt read and verify the generic form of every stage.

    It looks up no symbol from inside an operation that it does not know (which might be a symbol table), such as our loops, and so
    refuses every `func.call` there, whatever it calls: calls are shown to it as operations that it does not know either.
    """

    folder: Path
    stages: list[Path] = attrs.field(factory=list)

    def after(self, run: PassRun, report: PassReport) -> None:
        path = self.folder / f"{report.number:02}_{report.name}.mlir"
        path.write_text(print_module(run.module, generic=True).replace('"func.call"', '"unknown.call"'))
        self.stages.append(path)


@pytest.mark.parametrize("case", [case for case in ALL_CASES if str(case).endswith(READ_BY_MLIR)], ids=str)
def test_mlir_opt_reads_every_stage(case: Case, corpus: Path, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    tool = require_tool("mlir-opt-19")
    reader = ReadByMlir(tmp_path)
    begin(case.path(corpus), "cortex-m4", hooks=Hooks(observers=(reader,))).lower("c")
    assert len(reader.stages) > 10
    for stage in reader.stages:
        outcome = run([tool, "--allow-unregistered-dialect", str(stage), "-o", "/dev/null"], capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, (stage.name, outcome.stderr[:2000])
