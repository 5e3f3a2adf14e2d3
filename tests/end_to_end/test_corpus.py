"""Every model of the corpus: the interpreter at three levels, the C on the host and on simulators give the same bytes, and the right ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.cases import ALL_CASES, INT8_CASES, Case, samples
from tests.end_to_end.staged import Staged, stage
from tests.oracle.cases import soaking
from tests.oracle.exact import Oracle
from tinyir.backends.target import load_target
from tinyir.backends.toolchain import check_warnings
from tinyir.driver.arrays import Array

BOTH_WAYS = [("cortex-m4", "speed"), ("rv32imc", "size")]
SIMULATED = [*BOTH_WAYS, ("cortex-m4", "size"), ("rv32imc", "speed"), ("cortex-m4", "ram"), ("rv32imc", "ram")] if soaking() else BOTH_WAYS


@pytest.fixture(scope="module", params=ALL_CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture(scope="module")
def staged(case: Case, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return stage(case.path(corpus), case.inputs(corpus), tmp_path_factory.mktemp("model") / "net")


@pytest.fixture(scope="module")
def host(staged: Staged) -> Array:
    """[rows, elements]: what the C gives on this machine."""
    outputs = staged.run().outputs[staged.output]
    return outputs.reshape(len(outputs), -1)


def same_bytes(left: Array, right: Array) -> bool:
    return left.dtype == right.dtype and left.size == right.size and left.tobytes() == right.tobytes()


def test_the_outputs_are_the_golden_ones(case: Case, host: Array, corpus: Path) -> None:
    expected = case.expected(corpus)
    count = len(expected)
    assert len(host) >= count
    difference = np.abs(host[:count].astype(np.float64) - expected)
    assert difference.max() <= case.allowed(corpus)


@pytest.mark.parametrize("level", ["graph", "loop", "buffer"])
def test_the_interpreter_gives_the_bytes_of_the_c(staged: Staged, host: Array, level: str) -> None:
    count = min(samples(level), len(host))
    assert same_bytes(staged.interpret(level, count)[staged.output], host[:count])


@pytest.mark.parametrize(("target", "goal"), SIMULATED)
def test_a_simulator_gives_the_bytes_of_the_host(case: Case, host: Array, target: str, goal: str, corpus: Path, tmp_path: Path) -> None:
    there = stage(case.path(corpus), case.inputs(corpus), tmp_path, target, goal, lambda level: level == "graph")
    for toolchain in ("gcc", "clang"):
        check_warnings(tmp_path, load_target(target), goal, toolchain)
    count = min(samples("simulator"), len(host))
    outputs = there.run(count).outputs[there.output]
    assert same_bytes(outputs, host[:count])
    assert same_bytes(there.interpret("graph", count)[there.output], outputs)


@pytest.mark.parametrize("toolchain", ["gcc", "clang"])
def test_compilers_find_nothing_to_warn_of(staged: Staged, toolchain: str, require_tool: Callable[[str], str]) -> None:
    require_tool({"gcc": "gcc", "clang": "clang-19"}[toolchain])
    check_warnings(staged.folder, load_target("host"), "speed", toolchain)


def test_sanitizers_are_silent(staged: Staged, host: Array) -> None:
    assert same_bytes(staged.run(sanitize=True).outputs[staged.output], host)


def test_nothing_is_refuted_unknown_or_left_out(staged: Staged) -> None:
    states = staged.compilation.ledger.summary()
    assert states["proved"] > 0
    assert {state: number for state, number in states.items() if number} == {"proved": states["proved"]}


@pytest.mark.parametrize("quantized", INT8_CASES, ids=str)
def test_the_oracle_agrees_on_every_byte(quantized: Case, corpus: Path, tmp_path: Path) -> None:
    staged = stage(quantized.path(corpus), quantized.inputs(corpus), tmp_path, keep=lambda level: level == "graph")
    oracle = Oracle(quantized.path(corpus))
    (name,) = oracle.graph.inputs
    count = samples("graph")
    results = staged.run(count).outputs[staged.output]
    for row, result in zip(quantized.inputs(corpus), results, strict=False):
        assert oracle.run({name: row}).tensors[staged.output].tobytes() == result.tobytes()
