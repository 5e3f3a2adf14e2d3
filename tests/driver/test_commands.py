"""The commands, from words to files and text: on a small quantized network that is written as IR."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyir.backends.target import list_targets
from tinyir.driver.command_line import main
from tinyir.rewrite.pass_finder import known_passes
from tinyir.text.reader import parse

Q = "!quant.uniform<i8:f32, 0.5>"
NETWORK = f"""module {{
  func.func @net(%x: tensor<1x4x{Q}>) -> tensor<1x3xf32> attributes {{input_names = ["in"], output_names = ["out"]}} {{
    %a = graph.dequantize(%x) : (tensor<1x4x{Q}>) -> tensor<1x4xf32>
    %w = graph.constant() {{value = dense<[[1.0, 2.0, 0.0, -1.0], [0.5, 0.0, 0.0, 1.0], [0.0, 0.0, 3.0, 0.0]]> : tensor<3x4xf32>}} : () -> tensor<3x4xf32>
    %b = graph.constant() {{value = dense<[1.0, 0.0, -2.0]> : tensor<3xf32>}} : () -> tensor<3xf32>
    %y = "graph.dense"(%a, %w, %b) : (tensor<1x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3xf32>
    func.return %y : tensor<1x3xf32>
  }}
}}
"""
INPUT = np.array([[2, 4, 6, 8], [-2, 0, 127, -128]], np.int8)
EXPECTED = [[2.0, 4.5, 7.0], [64.0, -64.5, 188.5]]


def tinyir(*words: str | Path) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    (tmp_path / "net.tir").write_text(NETWORK)
    np.save(tmp_path / "x.npy", INPUT)
    return tmp_path / "net.tir"


@pytest.mark.parametrize("level", ["graph", "loop", "buffer", "c"])
def test_the_interpreter_runs_every_level(network: Path, level: str) -> None:
    folder = network.parent
    assert tinyir("run", network, "--level", level, "--input", folder / "x.npy", "--output", folder / "y.npy") == 0
    assert np.load(folder / "y.npy").reshape(2, 3).tolist() == EXPECTED


@pytest.mark.parametrize("target", ["host", "cortex-m4", "rv32imc"])
def test_a_target_runs_the_c_and_reports_json(network: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = network.parent
    assert tinyir("run", network, "-t", target, "--input", folder / "x.npy", "--output", folder / "y.npz", "--json") == 0
    assert np.load(folder / "y.npz")["out"].reshape(2, 3).tolist() == EXPECTED
    report = json.loads(capsys.readouterr().out)
    keys = "model target goal instructions cycles code_bytes weight_bytes flash_bytes arena_bytes ram_bytes stack_bytes proofs"
    assert list(report)[:12] == keys.split()
    assert (report["model"], report["target"], report["goal"], report["proofs"]["refuted"]) == ("net.tir", target, "speed", 0)
    assert (report["instructions"] is None) == (target == "host")


def test_compile_writes_three_files_that_run_reads(network: Path, capsys: pytest.CaptureFixture[str], require_tool: Callable[[str], str]) -> None:
    require_tool("cc")
    folder = network.parent
    assert tinyir("compile", network, "-t", "host", "-o", folder / "out", "--name", "tiny", "--goal", "size") == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["tiny.c", "tiny.h", "tiny.json"]
    assert capsys.readouterr().out.startswith(f"{folder / 'out' / 'tiny'}.c, tiny.h, tiny.json: ")
    manifest = json.loads((folder / "out" / "tiny.json").read_text())
    assert (manifest["model"], manifest["target"], manifest["goal"]) == ("net.tir", "host", "size")
    assert list(manifest["versions"]) == ["tinyir"]
    assert tinyir("run", folder / "out", "--input", folder / "x.npy", "--output", folder / "y.npy") == 0
    assert np.load(folder / "y.npy").reshape(2, 3).tolist() == EXPECTED


def test_without_an_input_a_pattern_is_run_and_said_so(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("run", network, "--level", "graph") == 0
    said = capsys.readouterr()
    assert said.err == "note: no --input: the inputs are a fixed pattern\n"
    assert said.out.startswith("out: 1 row of float32 [1, 3]; first: ")


def test_import_prints_what_opt_reads_and_emit_writes_every_level(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = network.parent
    assert tinyir("import", network, "-o", folder / "a.tir") == 0
    assert tinyir("opt", folder / "a.tir", "-p", "canonicalize,dce", "-o", folder / "b.tir") == 0
    for level in ("graph", "loop", "buffer"):
        assert tinyir("compile", folder / "b.tir", "-t", "host", "--emit", level, "-o", folder, "--name", "n") == 0
        assert tinyir("run", folder / f"n.{level}.tir", "--level", "buffer", "--input", folder / "x.npy", "--output", folder / "y.npy") == 0
        assert np.load(folder / "y.npy").reshape(2, 3).tolist() == EXPECTED
    capsys.readouterr()
    assert tinyir("compile", network, "-t", "host", "--emit", "loop") == 0
    assert "loop.for" in {operation.name for operation in parse(capsys.readouterr().out).walk()}


def test_opt_prints_the_generic_form_on_request(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", network, "--generic") == 0
    assert capsys.readouterr().out.startswith('"builtin.module"() ({\n')


def test_prove_prints_every_obligation_with_its_state(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = network.parent
    assert tinyir("prove", network, "-t", "host", "--smtlib", folder / "smt") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].split() == ["kind", "where", "statement", "state", "how", "time"]
    assert lines[-1].endswith("0 refuted, 0 unknown, 0 not attempted")
    assert len(list((folder / "smt").glob("*.smt2"))) == len(lines) - 2
    assert tinyir("prove", network, "--json") == 0
    assert {entry["state"] for entry in json.loads(capsys.readouterr().out)} == {"proved"}


def test_z3_can_judge_every_obligation(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("prove", network, "--prover", "z3", "--json") == 0
    assert {entry["how"] for entry in json.loads(capsys.readouterr().out)} == {"z3"}


def test_bench_gives_one_object_for_each_model_and_target(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("bench", network, network, "-t", "cortex-m4,host", "--goal", "size", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(entry["model"], entry["target"]) for entry in found] == [(str(network), "cortex-m4"), (str(network), "host")] * 2
    assert tinyir("bench", network, "-t", "host") == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:4] == ["model", "target", "goal", "instructions"]


def test_targets_lists_each_target_with_its_tools(capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("targets") == 0
    text = capsys.readouterr().out
    assert [line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")] == sorted(list_targets())
    assert "  simulator  native   runs the program itself\n" in text


def test_a_file_that_cannot_be_read_as_text_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tir").write_bytes(b"\xff\xfe\x00")
    assert tinyir("opt", tmp_path / "a.tir") == 1
    assert capsys.readouterr().err == f"{tmp_path / 'a.tir'}: error: is not UTF-8 text: byte 0\n"


def test_passes_lists_what_there_is_and_tells_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["passes", "--goal", "size"]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert [line.split()[0] for line in lines[: lines.index("")]] == list(known_passes())
    assert "The compiler runs, for the goal size:\ngraph(" in said
    assert said.endswith(",\nc(lower_to_c{canonical=true},merge_functions,simplify_c)\n")
    assert main(["passes", "jam_outputs"]) == 0
    assert "- `factor`: int or none, default what the schedule says (`jam outputs`)" in capsys.readouterr().out
    assert main(["passes", "jam_output"]) == 1
    assert "did you mean 'jam_outputs'?" in capsys.readouterr().err


def test_diff_sees_through_names_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>\n  return %a : tensor<4xf32>\n}\n"
    files = [tmp_path / name for name in ("a.tir", "b.tir", "c.tir")]
    for file, changed in zip(files, (text, text.replace("%a", "%b"), text.replace("%a", "%b").replace("relu", "exp")), strict=True):
        file.write_text(changed)
    a, b, c = map(str, files)
    assert main(["diff", a, b]) == 0
    assert capsys.readouterr().out == ""
    assert main(["diff", a, c]) == 1
    said = capsys.readouterr().out
    assert "-    %0 = graph.relu(%arg0)" in said
    assert "+    %0 = graph.exp(%arg0)" in said
    assert said.endswith("'graph.relu' against 'graph.exp'\n")
    assert main(["diff", a, a, "--locations"]) == 0
    assert main(["diff", a, b, "--locations"]) == 1
