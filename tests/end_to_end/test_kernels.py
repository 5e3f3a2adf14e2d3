"""Layers of awkward shapes through all passes for speed, on the simulated machine: the bytes are those of the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest

from tests.graphs import Array, Step, chain
from tests.passes.product_layers import TO_BYTES, Layer, branches, constants
from tinyir.backends.target import Assembly, load_target
from tinyir.driver.api import run
from tinyir.driver.arrays import pattern_rows
from tinyir.driver.load import load
from tinyir.driver.ports import module_ports
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, TensorType
from tinyir.text.printer import print_module

PADDED = Layer((5, 5), 3, 5, (3, 3), (1, 1, 1, 1), zero=-128)
LAYERS = {
    "pointwise, odd": Layer((3, 5), 7, 5, zero=5),
    "pointwise, long rows": Layer((4, 4), 40, 3, zero=-128),
    "padded": PADDED,
    "strided and dilated": attrs.evolve(PADDED, size=(9, 8), stride=(2, 1), dilation=(1, 2), pad=(0, 2, 1, 1)),
    "eight channels": attrs.evolve(PADDED, channels=8, outputs=4),
    "depthwise": attrs.evolve(PADDED, outputs=3, groups=3),
    "depthwise, strided": attrs.evolve(PADDED, outputs=3, groups=3, size=(6, 9), stride=(2, 2), kernel=(3, 5)),
}


OTHERS: dict[str, Callable[[], Operation]] = {
    "one row": lambda: _row(70),
    "one short row": lambda: _row(19),
    "several images": lambda: _images(),
    "branches": lambda: branches((4, 3, 1)),
    "branches, channels first": lambda: branches((4, 3, 2), "NCHW"),
}


@pytest.mark.parametrize("goal", ["speed", "ram", "size"])
@pytest.mark.parametrize("name", [*LAYERS, *OTHERS])
def test_the_machine_gives_the_bytes_of_the_interpreter(name: str, goal: str, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    machine = load_target("cortex-m4")
    require_tool("arm-none-eabi-gcc")
    require_tool(machine.simulators[0].programs[0])
    model = tmp_path / "net.tir"
    model.write_text(print_module(LAYERS[name].graph() if name in LAYERS else OTHERS[name]()))
    rows = pattern_rows(module_ports(load(str(model))).inputs, 1)
    expected = run(str(model), "cortex-m4", rows, level="graph").outputs
    found = run(str(model), "cortex-m4", rows, goal=goal).outputs
    for port, values in expected.items():
        assert np.asarray(found[port]).tobytes() == np.asarray(values).tobytes()


@pytest.mark.parametrize("assembly", ["instructions", "none"])
@pytest.mark.parametrize("name", [*LAYERS, *OTHERS])
def test_so_it_does_with_less_assembly(name: str, assembly: Assembly, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    machine = load_target("cortex-m4").with_assembly(assembly)
    require_tool("arm-none-eabi-gcc")
    require_tool(machine.simulators[0].programs[0])
    model = tmp_path / "net.tir"
    model.write_text(print_module(LAYERS[name].graph() if name in LAYERS else OTHERS[name]()))
    rows = pattern_rows(module_ports(load(str(model))).inputs, 1)
    expected = run(str(model), machine, rows, level="graph").outputs
    found = run(str(model), machine, rows).outputs
    for port, values in expected.items():
        assert np.asarray(found[port]).tobytes() == np.asarray(values).tobytes()


def _row(terms: int) -> Operation:
    weights, *others = constants(np.random.default_rng(terms), (5, terms))
    given: list[TensorType | Array] = [TensorType((1, terms), I8), np.maximum(weights, -127).astype(np.int8), *others]
    return chain(given, [("graph.dense", [0, 1, 2], {"x_zero_point": 3}), ("graph.requantize_high", [6, 3, 4, 5], TO_BYTES)])


def _images() -> Operation:
    """Two layers on three images: what runs row by row for one image runs image by image."""
    random = np.random.default_rng(5)
    given: list[TensorType | Array] = [TensorType((3, 5, 4, 2), I8), *constants(random, (5, 3, 3, 2)), *constants(random, (5, 3, 3, 1))]
    steps: list[Step] = [
        ("graph.conv2d", [0, 1, 2], {"pad": (1, 1, 1, 1), "x_zero_point": 3}),
        ("graph.requantize_high", [11, 3, 4, 5], TO_BYTES),
        ("graph.conv2d", [12, 6, 7], {"groups": 5}),
        ("graph.requantize_high", [13, 8, 9, 10], TO_BYTES),
    ]
    return chain(given, steps)
