"""Layers that read elements of one size and write elements of another over the same memory, as optimizing compilers see them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyir.backends.run import build_and_run
from tinyir.backends.target import load_target
from tinyir.driver.api import compile
from tinyir.text.reader import parse

Q = "!quant.uniform<i8:f32, 0.5:3>"
WIDEN = f"""
func.func @net(%x: tensor<1x100x{Q}>) -> tensor<1x100xf32> attributes {{input_names = ["x"], output_names = ["y"]}} {{
  %y = graph.dequantize(%x) : (tensor<1x100x{Q}>) -> tensor<1x100xf32>
  func.return %y : tensor<1x100xf32>
}}"""


@pytest.mark.parametrize("toolchain", ["gcc", "clang"])
@pytest.mark.parametrize("goal", ["speed", "size", "ram"])
def test_a_layer_that_widens_its_input_in_place_is_not_taken_for_one_without_effect(
    goal: str, toolchain: str, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    require_tool({"gcc": "gcc", "clang": "clang-19"}[toolchain])
    compiled = compile(parse(WIDEN), "host", goal=goal, output=tmp_path)
    assert compiled.c.manifest.arena_bytes == 400
    rows = np.arange(200, dtype=np.int8).reshape(2, 100)
    result = build_and_run(tmp_path, load_target("host"), {"x": rows}, goal, measure=False, toolchain=toolchain)
    assert result.outputs["y"].reshape(2, 100).tolist() == ((rows.astype(np.float32) - 3) * 0.5).tolist()
