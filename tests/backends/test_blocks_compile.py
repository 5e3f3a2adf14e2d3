"""Blocks of assembly leave gcc registers enough under whatever it is asked to optimize for, and whatever else it warns of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.driver.test_commands import tinyir
from tests.passes.product_layers import Layer
from tinyir.backends.target import load_target
from tinyir.backends.toolchain import STRICT_FLAGS, choose_toolchain
from tinyir.text.printer import print_module

LEVELS = ("-O1", "-O2", "-O3", "-Os", "-Og", "-O0")
OTHERS = ("-O2 -fno-omit-frame-pointer", "-O3 -funroll-loops", "-O2 -g -fstack-protector-strong", "-Os -fno-omit-frame-pointer")


@pytest.mark.parametrize("goal", ["speed", "ram"])
@pytest.mark.parametrize("model", ["cnn_int8", "mlp_int8"])
def test_strict_compilers_take_blocks(model: str, goal: str, repository: Path, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    assert tinyir("compile", repository / "examples" / "mnist" / f"{model}.onnx", "-t", "cortex-m4", "--goal", goal, "-o", tmp_path) == 0
    source = tmp_path / f"{model}.c"
    assert "ldmia" in source.read_text()
    _compile_strictly(source)


@pytest.mark.parametrize("stride", [1, 2])
def test_strict_compilers_take_blocks_of_all_registers(stride: int, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    """A depthwise layer, whose block holds six words of weights, how to requantize, two pointers and two sums, in a loop over few rows."""
    require_tool("arm-none-eabi-gcc")
    layer = Layer(size=(12, 12), channels=3, outputs=3, kernel=(3, 3), pad=(1, 1, 1, 1), stride=(stride, stride), groups=3, zero=-128)
    (tmp_path / "planes.tir").write_text(print_module(layer.graph()))
    assert tinyir("compile", tmp_path / "planes.tir", "-t", "cortex-m4", "-o", tmp_path) == 0
    text = (tmp_path / "planes.c").read_text()
    assert '[in7] "r"' in text
    assert "KEEP_ROLLED\n" in text
    _compile_strictly(tmp_path / "planes.c")


def _compile_strictly(source: Path) -> None:
    compiler = choose_toolchain(load_target("cortex-m4"), "gcc")
    for words in (*LEVELS, *OTHERS):
        compiler.compile(source, source.with_suffix(".o"), ["-std=c99", *words.split(), *STRICT_FLAGS])
