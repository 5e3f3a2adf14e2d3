"""What `--goal ram` promises of networks that nobody tuned for: no more memory than goal speed takes, and at most 1.5 times its instructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.graphs import Array, Step, chain
from tests.oracle.cases import soaking
from tests.oracle.models import quantized_case
from tests.oracle.networks import network_case
from tests.passes.product_layers import TO_BYTES, constants
from tinyir.driver.api import begin, compile, run
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, TensorType

MOST_SLOWDOWN = 1.5
RANDOM = [
    *((quantized_case, seed) for seed in (range(200) if soaking() else (8, 45, 57, 106))),
    *((network_case, seed) for seed in (range(200) if soaking() else (15, 16))),
]
"""Among them networks whose streams, or moves of which the quantization of their input is a part, would need more memory than plain nests."""


def arena_bytes(model: Path, goal: str) -> int:
    compilation = begin(model, "cortex-m4", goal=goal)
    arena = compilation.generate("net", "").manifest.arena_bytes
    assert compilation.ledger.summary()["proved"] == len(compilation.ledger)
    return arena


@pytest.mark.parametrize(("case", "seed"), RANDOM)
def test_no_network_takes_more_memory_than_with_the_goal_speed(case: Callable[[int], Any], seed: int, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(case(seed).model.SerializeToString())
    assert arena_bytes(model, "ram") <= arena_bytes(model, "speed")


def signal(length: int, channels: Sequence[int], kernel: int, pool: str = "") -> Operation:
    """A chain of convolutions over a signal, as front ends import it: an image one element wide; a pool over all of it after the last."""
    random = np.random.default_rng(0)
    given: list[TensorType | Array] = [TensorType((1, length, 1, channels[0]), I8)]
    for inputs, outputs in pairwise(channels):
        given += constants(random, (outputs, kernel, 1, inputs))
    steps: list[Step] = []
    last = 0
    for layer in range(len(channels) - 1):
        first, made = 1 + 5 * layer, len(given) + 2 * layer
        steps.append(("graph.conv2d", [last, first, first + 1], {"x_zero_point": -128, "pad": (kernel // 2, 0, kernel // 2, 0)}))
        steps.append(("graph.requantize_high", [made, *range(first + 2, first + 5)], TO_BYTES))
        last = made + 1
    if pool:
        steps.append((pool, [last], {"kernel": (length, 1), "stride": (length, 1)}))
    return chain(given, steps)


def test_a_network_over_a_signal_takes_little_memory_and_not_much_more_time(require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    fast, lean = (measured(signal(64, (8, 16, 32, 16), 5), goal) for goal in ("speed", "ram"))
    assert lean[0] <= 0.6 * fast[0]
    assert lean[1] <= MOST_SLOWDOWN * fast[1]


def test_a_maximum_over_all_rows_is_not_streamed_since_nothing_could_be_proved_of_it() -> None:
    result = compile(signal(64, (8, 16, 32), 5, "graph.max_pool2d"), "cortex-m4", goal="ram")
    assert result.ledger.summary()["proved"] == len(result.ledger)
    assert not [remark for remark in result.remarks if "not scheduled" in remark]


def measured(module: Operation, goal: str) -> tuple[int, int]:
    """Bytes of RAM and instructions."""
    figures = run(module, "cortex-m4", goal=goal).figures
    assert figures is not None
    assert figures.ram_bytes is not None
    assert figures.instructions is not None
    return figures.ram_bytes, figures.instructions
