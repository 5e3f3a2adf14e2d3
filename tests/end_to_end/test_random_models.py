"""Models that nobody has seen, through the whole compiler: the C on the host, the interpreter at every level, and the judge agree."""

from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.staged import LEVELS, Staged, stage
from tests.oracle.cases import soaking
from tests.oracle.models import Case, float_case, quantized_case
from tests.oracle.networks import network_case
from tinyir.backends.target import load_target
from tinyir.backends.toolchain import check_warnings
from tinyir.driver.arguments import GOALS
from tinyir.driver.arrays import Array

SEEDS = range(400 if soaking() else 24)
SIMULATED_SEEDS = range(1000, 1120 if soaking() else 1012)
NETWORK_SEEDS = range(600 if soaking() else 20)
NETWORK_TARGETS = ("cortex-m4", "cortex-m4", "host", "cortex-m4", "cortex-m33", "cortex-m4", "cortex-m0", "cortex-m4", "cortex-m55", "cortex-m4", "rv32imc")
INTERPRETED = 2
TOLERANCE = 1e-5  # of the output's greatest value


def compiled(case: Case, folder: Path, target: str, goal: str) -> Staged:
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    rows = {name: np.stack([sample[name].reshape(-1) for sample in case.inputs]) for name in case.inputs[0]}
    staged = stage(folder / "model.onnx", rows, folder / "net", target, goal)
    check_warnings(staged.folder, load_target(target), goal)
    return staged


def outputs_by_name(case: Case, staged: Staged) -> dict[str, tuple[Array, Array]]:
    """What the C gives and what is expected, [rows, elements] each; all levels give the bytes of the C."""
    outputs = staged.run().outputs
    for level in LEVELS:
        for name, values in staged.interpret(level, INTERPRETED).items():
            assert values.tobytes() == outputs[name][:INTERPRETED].tobytes(), f"{name} at the {level} level"
    expected = {name: np.stack([sample[name].reshape(-1) for sample in case.expected]) for name in case.expected[0]}
    return {name: (outputs[name].reshape(values.shape), values) for name, values in expected.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quantized_model_gives_every_byte_of_the_oracle(seed: int, tmp_path: Path) -> None:
    case = quantized_case(seed)
    for name, (found, expected) in outputs_by_name(case, compiled(case, tmp_path, "host", GOALS[seed % len(GOALS)])).items():
        assert found.dtype == expected.dtype, name
        assert np.array_equal(found, expected), name


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
@pytest.mark.parametrize("seed", SIMULATED_SEEDS)
def test_so_it_does_on_a_simulator(seed: int, target: str, tmp_path: Path) -> None:
    case = quantized_case(seed)
    for name, (found, expected) in outputs_by_name(case, compiled(case, tmp_path, target, GOALS[seed % len(GOALS)])).items():
        assert found.dtype == expected.dtype, name
        assert np.array_equal(found, expected), name


@pytest.mark.parametrize("seed", NETWORK_SEEDS)
def test_a_network_of_a_usual_kind_gives_every_byte_of_the_oracle(seed: int, tmp_path: Path) -> None:
    target, goal = NETWORK_TARGETS[seed % len(NETWORK_TARGETS)], GOALS[seed % len(GOALS)]
    case = network_case(seed)
    for name, (found, expected) in outputs_by_name(case, compiled(case, tmp_path, target, goal)).items():
        assert found.dtype == expected.dtype, name
        assert np.array_equal(found, expected), name


@pytest.mark.parametrize("seed", SEEDS)
def test_a_float_model_stays_close_to_onnxruntime(seed: int, tmp_path: Path) -> None:
    case = float_case(seed)
    for name, (found, expected) in outputs_by_name(case, compiled(case, tmp_path, "host", GOALS[seed % len(GOALS)])).items():
        difference = np.abs(found.astype(np.float64) - expected)
        assert difference.max() <= TOLERANCE * max(1e-6, float(np.abs(expected).max())), name
