"""Blocks of assembly leave gcc registers enough under whatever it is asked to optimize for, and whatever else it warns of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.driver.test_commands import tinyir
from tinyir.backends.target import load_target
from tinyir.backends.toolchain import STRICT_FLAGS, choose_toolchain

LEVELS = ("-O1", "-O2", "-O3", "-Os", "-Og", "-O0")
OTHERS = ("-O2 -fno-omit-frame-pointer", "-O3 -funroll-loops", "-O2 -g -fstack-protector-strong", "-Os -fno-omit-frame-pointer")


@pytest.mark.parametrize("goal", ["speed", "ram"])
@pytest.mark.parametrize("model", ["cnn_int8", "mlp_int8"])
def test_strict_compilers_take_blocks(model: str, goal: str, repository: Path, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    assert tinyir("compile", repository / "examples" / "mnist" / f"{model}.onnx", "-t", "cortex-m4", "--goal", goal, "-o", tmp_path) == 0
    source = tmp_path / f"{model}.c"
    assert "ldmia" in source.read_text()
    compiler = choose_toolchain(load_target("cortex-m4"), "gcc")
    for words in (*LEVELS, *OTHERS):
        compiler.compile(source, tmp_path / "model.o", ["-std=c99", *words.split(), *STRICT_FLAGS])
