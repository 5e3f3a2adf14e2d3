"""Every simulated target, by its file alone: the C gives the interpreter's bytes, and what can be measured there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.oracle.cases import soaking
from tinyir.backends.target import list_targets, load_target
from tinyir.driver.api import run
from tinyir.driver.arrays import pattern_rows
from tinyir.driver.load import load
from tinyir.driver.ports import module_ports

SIMULATED = [name for name in list_targets() if load_target(name).simulators[0].helper]
SHIPPED = ("cnn_int8.onnx", "mlp_int8.onnx")
MLPERF = ("mlperf_kws", "mlperf_ic", "mlperf_vww", "mlperf_ad")


def check(model: Path, target: str, goal: str, toolchain: str, require_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    machine = load_target(target)
    require_tool(machine.simulators[0].programs[0])
    require_tool(next(tool for tool in machine.toolchains if tool.name == toolchain).programs[0])
    monkeypatch.setenv("TINYIR_TOOLCHAIN", toolchain)
    rows = pattern_rows(module_ports(load(str(model))).inputs, 1)
    expected = run(model, target, rows, level="graph").outputs
    found = run(model, target, rows, goal=goal)
    for name, values in expected.items():
        assert np.asarray(found.outputs[name]).tobytes() == np.asarray(values).tobytes(), name
    figures = found.figures
    assert figures is not None
    assert figures.instructions is not None
    assert figures.stack_bytes is not None
    assert (figures.cycles is not None) == bool(machine.costs.cycles)
    assert figures.cycles is None or figures.cycles > figures.instructions


@pytest.mark.parametrize("toolchain", ["gcc", "clang"])
@pytest.mark.parametrize("target", SIMULATED)
def test_a_target_gives_the_bytes_of_the_interpreter(
    target: str, toolchain: str, repository: Path, require_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = SIMULATED.index(target)
    model = repository / "examples" / "mnist" / SHIPPED[(number + (toolchain == "clang")) % 2]
    check(model, target, ("speed", "size")[number % 2], toolchain, require_tool, monkeypatch)


if soaking():  # minutes of interpreting

    @pytest.mark.parametrize("toolchain", ["gcc", "clang"])
    @pytest.mark.parametrize("goal", ["speed", "size"])
    @pytest.mark.parametrize("model", MLPERF)
    @pytest.mark.parametrize("target", SIMULATED)
    def test_so_it_does_with_the_models_of_mlperf(
        target: str, model: str, goal: str, toolchain: str, corpus: Path, require_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check(corpus / model / "qdq.onnx", target, goal, toolchain, require_tool, monkeypatch)
