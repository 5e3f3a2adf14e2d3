"""Names that would break C, its comments or its headers: the files still compile without a warning, in C and for C++."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyir.backends.target import load_target
from tinyir.backends.toolchain import STRICT_FLAGS, check_warnings
from tinyir.driver.api import compile as compile_model
from tinyir.driver.naming import model_name

NAMES = (
    *("/* x", "x */", "*/ int y; /*", "??/", "???", "a b", "a_b", "A_b", "net_output_a_b", "line\nbreak", "\r#error no", "\u202eright to left", "größe"),
    *("exp", "printf", "memcpy", "gamma", "uint8_t", "INT8_MAX", "int", "operator", "main", "../../up", '"quoted\\', "x" * 3000, "net_run", "arena"),
)


def model_of_names() -> bytes:
    """A matrix product for each name, one after the other; every second result leaves the model."""
    random = np.random.default_rng(0)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in NAMES]
    weights = [numpy_helper.from_array(random.normal(size=(2, 2)).astype(np.float32), f"{name} ") for name in NAMES]
    nodes = [helper.make_node("MatMul", [before, f"{name} "], [name], name=name) for before, name in pairwise(NAMES)]
    graph = helper.make_graph(nodes, "*/ net", ports[:1], ports[1::2], weights)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def test_no_name_of_a_model_breaks_the_files_made_from_it(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    (tmp_path / "net.onnx").write_bytes(model_of_names())
    folder = tmp_path / "out"
    compile_model(tmp_path / "net.onnx", "host", name="net", output=folder)
    check_warnings(folder, load_target("host"), "speed")
    assert [port["name"] for port in json.loads((folder / "net.json").read_text())["outputs"]] == list(NAMES[1::2])
    (tmp_path / "main.cc").write_text('#include "out/net.h"\nint main() { net_run(); return 0; }\n')
    flags = [flag for flag in STRICT_FLAGS if not flag.startswith("-std=")]
    subprocess.run([require_tool("g++"), *flags, "-fsyntax-only", tmp_path / "main.cc"], check=True)


@pytest.mark.parametrize(
    ("file", "name"),
    [("a/my net-2.onnx", "my_net_2"), ("int.onnx", "m_int"), ("main.onnx", "m_main"), ("9.onnx", "m_9"), ("_.onnx", "model"), ("exp.onnx", "exp")],
)
def test_every_file_name_gives_a_name_for_c(file: str, name: str) -> None:
    assert model_name(file) == name
