"""What the models may cost at most: arena, code, flash, weights and instructions on a Cortex-M4, and the time that a compilation takes."""

from collections.abc import Callable
from pathlib import Path
from time import process_time

import onnx
import pytest

from tests.end_to_end.test_layer_costs import SAME
from tests.end_to_end.test_unusual_networks import Layers, X
from tinyir.backends.target import load_target
from tinyir.driver.api import Figures, begin, bench
from tinyir.ir.attributes import DenseElements
from tinyir.ir.operation import Operation

KB = 1024
ARENA_BYTES = {"kws": 8_640, "ic": 34_500, "vww": 42_000, "ad": 1_410}
FAST_ARENA_BYTES = {"kws": 16_500, "ic": 56_300, "vww": 51_000, "ad": 1_410}
FAST_INSTRUCTIONS = {"kws": 2_910_000, "ic": 11_100_000, "vww": 5_180_000, "ad": 270_000}
FAST_FLASH_BYTES = {"kws": 31_500, "ic": 90_800, "vww": 46_000, "ad": 274_000}
PLAIN_INSTRUCTIONS = {"kws": 3_450_000, "ic": 13_900_000, "vww": 6_800_000, "ad": 326_000}
STREAMED_INSTRUCTIONS = {"kws": 3_900_000, "ic": 15_000_000, "vww": 5_800_000, "ad": 320_000}
STREAMED_RAM_BYTES = {"kws": 6_100, "ic": 18_400, "vww": 28_700, "ad": 1_000}
SMALL_INSTRUCTIONS = {"kws": 4_100_000, "ic": 17_800_000, "vww": 8_500_000, "ad": 310_000}
"""At most twice those of `FAST_INSTRUCTIONS`."""
GREATEST_CODE_BYTES = 4 * KB
GREATEST_VWW_WEIGHT_BYTES = 32 * KB
GREATEST_COMPILE_SECONDS = 20.0


@pytest.fixture(scope="module", params=ARENA_BYTES)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def measure(require_tool: Callable[[str], str]) -> Callable[..., Figures]:
    """The figures of one model on a Cortex-M4, with the tools that official figures are taken with."""
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")

    def one(model: Path, goal: str, io: str = "model") -> Figures:
        (found,) = bench([model], ["cortex-m4"], goal=goal, io=io)
        return found

    return one


def test_a_small_model_keeps_to_its_arena_and_code_and_takes_little_longer(name: str, measure: Callable[..., Figures], corpus: Path) -> None:
    found = measure(corpus / f"mlperf_{name}" / "qdq.onnx", "size")
    assert found.arena_bytes is not None
    assert found.code_bytes is not None
    assert found.instructions is not None
    assert found.instructions <= SMALL_INSTRUCTIONS[name]
    assert found.arena_bytes <= ARENA_BYTES[name]
    assert found.code_bytes <= GREATEST_CODE_BYTES
    assert {state: number for state, number in found.proofs.items() if number and state != "proved"} == {}


def _groups_and_planes() -> onnx.ModelProto:
    layers = Layers((1, 3, 12, 12), X).conv(16, 3, 3, 3, **SAME).relu()
    for groups, stride in ((4, 1), (8, 1), (32, 1), (32, 2), (32, 1)):
        layers.conv(32, (16 if groups == 4 else 32) // groups, 3, 3, group=groups, strides=[stride] * 2, **SAME).relu()
    layers.conv(20, 32, 1, 1).relu().conv(20, 20, 3, 3, **SAME).relu().conv(24, 20, 5, 5, pads=[2] * 4).relu()
    return layers.then("GlobalAveragePool").end(1.0, 0, X.kind)


def _few_channels() -> onnx.ModelProto:
    """None of them whole words."""
    layers = Layers((1, 3, 12, 12), X).conv(6, 3, 3, 3, **SAME).relu().conv(7, 6, 1, 1).relu().conv(9, 7, 3, 3, **SAME).relu()
    layers.conv(6, 9, 5, 5, pads=[2] * 4).relu().conv(6, 1, 3, 3, group=6, **SAME).relu()
    return layers.then("GlobalAveragePool").end(1.0, 0, X.kind)


@pytest.mark.parametrize("make", [_groups_and_planes, _few_channels])
def test_so_do_networks_that_nothing_was_fitted_to(make: Callable[[], onnx.ModelProto], measure: Callable[..., Figures], tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    onnx.save(make(), model)
    small, fast = measure(model, "size"), measure(model, "speed")
    assert small.code_bytes is not None
    assert small.instructions is not None
    assert fast.instructions is not None
    assert small.code_bytes <= GREATEST_CODE_BYTES
    assert small.instructions <= 2 * fast.instructions
    assert {state: number for state, number in small.proofs.items() if number and state != "proved"} == {}


def test_a_fast_model_takes_few_instructions(name: str, measure: Callable[..., Figures], corpus: Path) -> None:
    found = measure(corpus / f"mlperf_{name}" / "qdq.onnx", "speed")
    assert found.instructions is not None
    assert found.flash_bytes is not None
    assert found.arena_bytes is not None
    assert found.instructions <= FAST_INSTRUCTIONS[name]
    assert found.flash_bytes <= FAST_FLASH_BYTES[name]
    assert found.arena_bytes <= FAST_ARENA_BYTES[name]
    assert {state: number for state, number in found.proofs.items() if number and state != "proved"} == {}


def test_so_does_one_without_blocks(name: str, corpus: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    (found,) = bench([corpus / f"mlperf_{name}" / "qdq.onnx"], [load_target("cortex-m4").with_assembly("none")])
    assert found.instructions is not None
    assert found.instructions <= PLAIN_INSTRUCTIONS[name]


def test_a_streamed_model_takes_little_memory_and_not_much_more_time(name: str, measure: Callable[..., Figures], corpus: Path) -> None:
    found = measure(corpus / f"mlperf_{name}" / "qdq.onnx", "ram", "quantized")
    assert found.ram_bytes is not None
    assert found.instructions is not None
    assert found.ram_bytes <= STREAMED_RAM_BYTES[name]
    assert found.instructions <= STREAMED_INSTRUCTIONS[name]
    assert {state: number for state, number in found.proofs.items() if number and state != "proved"} == {}


def test_the_shipped_models_fit_small_chips(measure: Callable[..., Figures], repository: Path) -> None:
    perceptron = measure(repository / "examples" / "mnist" / "mlp_int8.onnx", "size", "quantized")
    network = measure(repository / "examples" / "mnist" / "cnn_int8.onnx", "size", "quantized")
    assert perceptron.code_bytes is not None
    assert network.flash_bytes is not None
    assert perceptron.flash_bytes is not None
    assert perceptron.code_bytes <= 1.2 * KB
    assert perceptron.flash_bytes <= 8 * KB
    assert network.flash_bytes <= 9 * KB


def weight_bytes(module: Operation) -> int:
    """The 8-bit constants of a module at the graph level."""
    values = [operation.properties["value"] for operation in module.walk() if operation.name == "graph.constant"]
    return sum(value.type.element_count for value in values if isinstance(value, DenseElements) and str(value.type.element) == "i8")


def test_dead_channels_leave_few_weights_of_vww(corpus: Path) -> None:
    module = begin(corpus / "mlperf_vww" / "qdq.onnx").lower("graph")
    assert 0 < weight_bytes(module) <= GREATEST_VWW_WEIGHT_BYTES


def test_a_compilation_with_its_proofs_takes_seconds(name: str, corpus: Path) -> None:
    start = process_time()
    begin(corpus / f"mlperf_{name}" / "qdq.onnx", "cortex-m4").generate("net", "")
    assert process_time() - start <= GREATEST_COMPILE_SECONDS
