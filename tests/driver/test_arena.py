"""`compile --arena caller`: the memory is the caller's, so two networks, or one twice, run side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

from tests.driver.test_commands import INPUT, NETWORK, tinyir
from tinyir.backends.target import load_target
from tinyir.backends.toolchain import check_warnings

TWICE = """
#include "net.h"
static net_arena one, two;
int main(void) {
    for (int i = 0; i < NET_INPUT_SIZE; i++) { net_input(&one)[i] = 1.0f; net_input(&two)[i] = 2.0f; }
    net_run(&one);
    const float first = net_output(&one)[0];
    net_run(&two);
    return net_output(&one)[0] == first && net_output(&two)[0] != first && sizeof(net_arena) == NET_ARENA_BYTES ? 0 : 1;
}
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    (tmp_path / "net.tir").write_text(NETWORK)
    return tmp_path / "net.tir"


def test_a_network_runs_twice_side_by_side(network: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("cc")
    folder = network.parent / "out"
    assert tinyir("compile", network, "-t", "host", "--arena", "caller", "-o", folder) == 0
    (folder / "main.c").write_text(TWICE)
    words = ["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-o", "twice", "net.c", "main.c"]
    run(words, cwd=folder, check=True)
    assert run([folder / "twice"], check=False).returncode == 0


@pytest.mark.parametrize("goal", ["speed", "size", "ram"])
@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_it_computes_and_costs_what_a_static_one_does(
    goal: str, target: str, repository: Path, tmp_path: Path, require_tool: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    require_tool("cc" if target == "host" else "arm-none-eabi-gcc")
    model = repository / "examples" / "mnist" / "cnn_int8.onnx"
    figures = {}
    for arena in ("static", "caller"):
        assert tinyir("compile", model, "-t", target, "--goal", goal, "--arena", arena, "-o", tmp_path / arena) == 0
        check_warnings(tmp_path / arena, load_target(target), goal)
        capsys.readouterr()
        assert tinyir("run", tmp_path / arena, "--output", tmp_path / f"{arena}.npy", "--json") == 0
        figures[arena] = json.loads(capsys.readouterr().out)
    assert np.load(tmp_path / "static.npy").tobytes() == np.load(tmp_path / "caller.npy").tobytes()
    assert figures["static"]["arena_bytes"] == figures["caller"]["arena_bytes"]
    assert "static union" not in (tmp_path / "caller" / "cnn_int8.c").read_text()
    if target == "cortex-m4":
        assert abs(figures["caller"]["ram_bytes"] - figures["static"]["ram_bytes"]) <= 128
        assert figures["caller"]["instructions"] <= 1.05 * figures["static"]["instructions"]


def test_the_self_test_brings_its_memory(network: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("cc")
    folder = network.parent / "out"
    np.save(network.parent / "x.npy", INPUT)
    assert tinyir("compile", network, "-t", "host", "--arena", "caller", "-o", folder, "--selftest", network.parent / "x.npy") == 0
    run(["cc", "-std=c99", "-o", "test", "net.c", "net_test.c"], cwd=folder, check=True)
    assert run([folder / "test"], check=False).returncode == 0
