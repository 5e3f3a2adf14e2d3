"""The pass, the rewrite or the node to blame is found."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.driver.plugins import WRONG, WRONG_C, AddPass, add_pass
from tinyir.driver.bisect import difference_of
from tinyir.driver.command_line import main
from tinyir.driver.layers import LayerDifference, compare_layers, layers_table
from tinyir.driver.pipeline import LEVELS, passes_of
from tinyir.frontend.onnx import import_onnx
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation

__all__ = ["add_pass"]

T = "tensor<1x4xf32>"
CHAIN = f"""module {{
  func.func @net(%x: {T}) -> {T} {{
    %a = graph.relu(%x) : ({T}) -> {T}
    %b = graph.add(%a, %a) : ({T}, {T}) -> {T} loc("one")
    %c = graph.multiply(%b, %b) : ({T}, {T}) -> {T} loc("two")
    %d = graph.add(%c, %a) : ({T}, {T}) -> {T} loc("three")
    func.return %d : {T}
  }}
}}
"""
# Rewrites every sum to a maximum; the first one makes no difference beyond 2, the last one does.
WRONG_RULE = """
        from tinyir.ir.errors import Place
        from tinyir.rewrite.greedy import apply_rules

        class Rule:
            name, roots, depth, statement, exact = "sum_is_maximum", ("graph.add", "graph.multiply"), 1, "", True
            place = Place("planted.rules", 3, 1)

            def rewrite(self, edit):
                return [edit.apply("graph.maximum", edit.root.operands)]

        apply_rules(module, [Rule()], context)
"""


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    (tmp_path / "net.tir").write_text(CHAIN)
    np.save(tmp_path / "x.npy", np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32))
    return tmp_path / "net.tir"


def bisect(chain: Path, *words: str) -> int:
    return main(["bisect", str(chain), "--input", str(chain.parent / "x.npy"), *words])


def test_the_pass_that_changes_a_result_is_found_and_that_no_rule_did_it(chain: Path, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_wrong", WRONG)
    assert bisect(chain, "-p", "cse,canonicalize,planted_wrong,lower_to_loops") == 0
    said = capsys.readouterr().out
    assert said.startswith("pass 3, planted_wrong, changes the outputs by ")
    assert "(output 'output_0', row 0, element [0, 0]: 5.0 became 3.0)" in said
    assert said.endswith("not by a rewrite of a rule: the pass itself does it\n")


NO_RELU = """
        for operation in list(module.walk()):
            if operation.name == "graph.relu":
                operation.replace_by(operation.operands[0])
"""


def test_without_inputs_negative_numbers_are_tried_too(chain: Path, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_relu", NO_RELU)
    assert main(["bisect", str(chain), "-p", "cse,planted_relu,dce"]) == 0
    assert capsys.readouterr().out.startswith("pass 2, planted_relu, changes the outputs by ")


def test_the_rewrite_that_changes_a_result_is_found(chain: Path, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_rule", WRONG_RULE)
    assert bisect(chain, "-p", "cse,planted_rule,dce", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pass"], found["rewrites"], found["index"], found["rewrite"]["nodes"]) == ("planted_rule", 3, 1, ["one"])
    assert bisect(chain, "-p", "cse,planted_rule,dce", "--tolerance", "0.9") == 0
    said = capsys.readouterr().out
    assert "rewrite 2 of 3 does it:\nsum_is_maximum (planted.rules:3:1) for 'two' at " in said
    assert "  - graph.multiply(%b, %b)\n  + graph.maximum(%b, %b)\n" in said


def test_a_pass_at_the_level_of_c_is_found_by_running_the_c(chain: Path, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_c", WRONG_C)
    passes = [name for level in LEVELS for name in passes_of(level, "size", "model")]
    assert bisect(chain, "-t", "host", "-p", ",".join([*passes, "planted_c"])) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"pass {len(passes) + 1}, planted_c, changes the outputs by "), said


@pytest.mark.parametrize("target", [(), ("-t", "host")])
def test_passes_of_a_level_stand_among_those_of_the_compiler(
    chain: Path, add_pass: AddPass, capsys: pytest.CaptureFixture[str], target: tuple[str, ...]
) -> None:
    add_pass("planted_c", WRONG_C)
    assert bisect(chain, *target, "-p", "c(default,planted_c)") == 0
    said = capsys.readouterr().out
    count = sum(len(passes_of(level)) for level in LEVELS)
    assert said.startswith(f"pass {count + 1}, planted_c, changes the outputs by "), said


def test_without_the_tools_of_the_target_the_c_is_left_out_with_a_note(
    chain: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _program: None)
    monkeypatch.setattr("tinyir.backends.tools.find_spec", lambda _name: None)
    assert bisect(chain, "-t", "cortex-m4") == 0
    said = capsys.readouterr()
    assert said.err.startswith("note: the passes of the level of C are not looked at: ")
    assert said.out.startswith("no pass changes the outputs")


def test_right_passes_are_acquitted_down_to_the_last_level(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bisect(chain, "-t", "host") == 0
    assert capsys.readouterr().out == "no pass changes the outputs by more than 1e-05 of the greatest value: at the end they are off by 0\n"


def test_a_reference_that_the_model_does_not_meet_is_an_error(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(chain.parent / "y.npy", np.zeros((2, 4), np.float32))
    assert bisect(chain, "-p", "cse", "--reference", str(chain.parent / "y.npy")) == 1
    assert "the outputs are off the reference before all passes, by " in capsys.readouterr().err
    np.save(chain.parent / "y.npy", np.zeros((3, 4), np.float32))
    assert bisect(chain, "-p", "cse", "--reference", str(chain.parent / "y.npy")) == 1
    assert "the reference has 'output_0' of 12 elements; the outputs are output_0 of 8 elements" in capsys.readouterr().err


def test_a_reference_that_the_model_meets_is_used(chain: Path, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_wrong", WRONG)
    x = np.load(chain.parent / "x.npy")
    np.save(chain.parent / "y.npy", (2 * x) * (2 * x) + x)
    assert bisect(chain, "-p", "cse,planted_wrong", "--reference", str(chain.parent / "y.npy")) == 0
    assert capsys.readouterr().out.startswith("pass 2, planted_wrong, ")


def test_names_of_the_reference_must_be_those_of_the_outputs() -> None:
    with pytest.raises(TinyirError, match="the reference has 'z' of 1 elements; the outputs are y of 1 elements"):
        difference_of({"y": np.zeros((1, 1))}, {"z": np.zeros((1, 1))})


def test_every_node_agrees_with_onnxruntime_on_a_model_of_the_corpus(corpus: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("onnxruntime")
    layers = compare_layers(corpus / "mnist_cnn" / "model.onnx", None)
    assert len(layers) >= 6
    assert max(layer.difference for layer in layers) < 1e-5
    assert {"Conv", "Relu", "Gemm"} <= {layer.operator for layer in layers}


def test_the_first_node_that_is_off_is_told(corpus: Path, require_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("onnxruntime")

    def damaged(content: bytes, file: str) -> Operation:
        network = import_onnx(content, file=file)
        pool = next(operation for operation in network.walk() if operation.name == "graph.max_pool2d")
        pool.properties = {name: value for name, value in pool.properties.items() if name != "dilation"}
        pool.name = "graph.average_pool2d"
        return network

    monkeypatch.setattr("tinyir.driver.layers.import_onnx", damaged)
    layers = compare_layers(corpus / "mnist_cnn" / "model.onnx", None)
    first = next(layer for layer in layers if layer.difference > 1e-5)
    assert first.operator == "MaxPool"
    assert layers_table(layers, 1e-5).splitlines()[-1].startswith(f"{first.node} (MaxPool) is the first that is off by more than 1e-05: row 0, element [")


def test_the_table_of_layers_says_if_none_is_off() -> None:
    table = layers_table([LayerDifference("n" * 80, "Relu", "t", 0.0, "")], 0.5)
    assert table.splitlines()[-1] == "no node is off by more than 0.5 of its greatest value"
    assert max(map(len, table.splitlines())) < 90
