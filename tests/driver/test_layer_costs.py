"""Layer by layer: the parts sum up to the whole, in the order of the model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.driver.test_commands import tinyir
from tinyir.driver.api import begin
from tinyir.driver.layer_costs import Layer, measure_layers
from tinyir.driver.tables import layers_table


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
    assert 0.98 <= sum(layer["cycles"] for layer in layers) / found["cycles"] <= 1.02
    assert all(layer["bytes_loaded"] > 0 for layer in layers)
    worked = [layer for layer in layers if layer["multiply_accumulates"]]
    assert sum(layer["multiply_accumulates"] for layer in worked) == found["multiply_accumulates"]
    for layer in worked:
        assert layer["least_instructions"] == layer["multiply_accumulates"] / 2
        assert layer["percent_of_limit"] == pytest.approx(100 * layer["least_instructions"] / layer["instructions"])
    pools = measure_layers(begin(model, "cortex-m4", goal=goal), wanted=lambda name: "pool" in name)
    assert [(pool.name, pool.instructions) for pool in pools] == [(layer["name"], layer["instructions"]) for layer in layers if "pool" in layer["name"]]
    single = [number for name, number in layers[0]["classes"].items() if not name.endswith(("_per_register", "refill"))]
    assert sum(single) == layers[0]["instructions"]


def test_the_layer_that_loses_most_stands_first() -> None:
    near = Layer("near", 600, 700, 10, 10, 1000, 500.0, {"multiply": 600})
    far = Layer("far, further", 400, 500, 20, 10, 100, 50.0, {"load": 400})
    moving = Layer("moving", 200, None, 0, 0)
    lines = layers_table([near, far, moving]).splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["2", "far"], ["3", "moving"], ["1", "near"]]
    assert lines[1].split()[-2:] == ["12.5%", "350"]
    assert lines[2].split()[-2:] == ["-", "200"]
    assert lines[-1] == "classes: multiply 600, load 400"


def test_a_target_without_a_count_is_an_error(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("bench", repository / "examples" / "mnist" / "mlp.onnx", "-t", "host", "--per-layer") == 1
    assert capsys.readouterr().err.startswith("error: target 'host' counts no instructions\n")
