"""Layer by layer: the parts sum up to the whole, in the order of the model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.driver.test_commands import tinyir


@pytest.mark.parametrize("goal", ["speed", "size"])
def test_the_layers_sum_up_to_the_network(repository: Path, goal: str, require_tool: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    model = repository / "examples" / "mnist" / "cnn_int8.onnx"
    assert tinyir("bench", model, "-t", "cortex-m4", "--goal", goal, "--per-layer", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    layers = found["layers"]
    assert 0.98 <= sum(layer["instructions"] for layer in layers) / found["instructions"] <= 1.02
    names = [layer["name"] for layer in layers]
    assert [index for index, name in enumerate(names) if "node_conv2d" in name] == sorted(index for index, name in enumerate(names) if "node_conv2d" in name)
    assert "node_linear" in names[-1]


def test_a_target_without_a_count_is_an_error(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("bench", repository / "examples" / "mnist" / "mlp.onnx", "-t", "host", "--per-layer") == 1
    assert capsys.readouterr().err.startswith("error: target 'host' counts no instructions\n")
