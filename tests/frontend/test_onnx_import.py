"""What the imported module looks like: names, types, locations; and several mistakes in one run."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.frontend.small_models import SmallModel, node
from tests.oracle.rational import Array
from tests.oracle.spoil import valid_model
from tinyir.frontend import import_onnx
from tinyir.interp.machine import Network
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.builder import functions
from tinyir.ir.errors import Diagnostic, TinyirError
from tinyir.ir.operation import Operation
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

MATRIX = {"x": [2, 6]}


def function_of(module: Operation) -> Operation:
    (function,) = functions(module)
    return function


def errors_of(content: bytes) -> tuple[Diagnostic, ...]:
    with pytest.raises(TinyirError) as caught:
        import_onnx(content, file="m.onnx")
    return caught.value.diagnostics


def test_a_small_model_reads_as_expected() -> None:
    nodes = [node("d = DequantizeLinear(x, s, z)"), node("m = MatMul(d, w)"), node("r = Relu(m)"), node("y = QuantizeLinear(r, s, z)")]
    constants = {"s": np.float32(0.5), "z": np.int8(3), "w": np.ones((2, 1), np.float32)}
    module = SmallModel(nodes, {"x": (TensorProto.INT8, ["N", 2])}, constants).imported()
    expected = """\
"builtin.module"() ({
  "func.func"() <{sym_name = "small", function_type = (tensor<1x2x!quant.uniform<i8:f32, 0.5:3>>) -> tensor<1x1x!quant.uniform<i8:f32, 0.5:3>>}> ({
  ^bb0(%x: tensor<1x2x!quant.uniform<i8:f32, 0.5:3>>):
    %d = "graph.dequantize"(%x) : (tensor<1x2x!quant.uniform<i8:f32, 0.5:3>>) -> tensor<1x2xf32>
    %w = "graph.constant"() <{value = dense<1.000000e+00> : tensor<2x1xf32>}> : () -> tensor<2x1xf32>
    %0 = "graph.transpose"(%w) <{permutation = array<i64: 1, 0>}> : (tensor<2x1xf32>) -> tensor<1x2xf32>
    %1 = "graph.constant"() <{value = dense<0.000000e+00> : tensor<1xf32>}> : () -> tensor<1xf32>
    %m = "graph.dense"(%d, %0, %1) : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
    %r = "graph.relu"(%m) : (tensor<1x1xf32>) -> tensor<1x1xf32>
    %y = "graph.quantize"(%r) <{result_type = !quant.uniform<i8:f32, 0.5:3>}> : (tensor<1x1xf32>) -> tensor<1x1x!quant.uniform<i8:f32, 0.5:3>>
    "func.return"(%y) : (tensor<1x1x!quant.uniform<i8:f32, 0.5:3>>) -> ()
  }) {input_names = ["x"], output_names = ["y"]} : () -> ()
}) : () -> ()
"""
    assert print_module(module, generic=True) == print_module(parse(expected), generic=True)


def test_weights_are_stored_as_plain_integers_under_a_quantized_type() -> None:
    nodes = [node("d = DequantizeLinear(w, s, z)", axis=0), node("y = Gemm(x, d)", transB=1)]
    constants = {"w": np.array([[1, -2], [3, 4]], np.int8), "s": np.array([0.5, 0.1], np.float32), "z": np.array([0, 1], np.int8)}
    constant = function_of(SmallModel(nodes, {"x": [1, 2]}, constants).imported()).body.first
    assert constant is not None
    assert str(constant["value"]) == "dense<[[1, -2], [3, 4]]> : tensor<2x2xi8>"
    assert str(constant.result.type) == "tensor<2x2x!quant.uniform<i8:f32:0, {0.5, 0.10000000149011612:1}>>"


def test_names_become_identifiers_and_the_original_ones_are_kept() -> None:
    model = SmallModel([node("größe/0 = Relu(1:in put)"), node('*/#error" = Relu(größe/0)')], {"1:in put": [1]}, {}, ('*/#error"', "größe/0")).proto()
    model.graph.name = "int"
    function = function_of(import_onnx(model.SerializeToString()))
    assert [argument.name for argument in function.body.arguments] == ["input_1_in_put"]
    assert [operation.results[0].name for operation in function.body if operation.results] == ["gr_e_0", "error"]
    assert str(function.attributes["input_names"]) == '["1:in put"]'
    assert str(function.attributes["output_names"]) == '["*/#error\\22", "gr\\C3\\B6\\C3\\9Fe/0"]'
    assert function["sym_name"] is StringAttribute("int_model")


def test_the_function_is_called_as_the_file(tmp_path: Path) -> None:
    path = tmp_path / "3-layer net.onnx"
    path.write_bytes(SmallModel([node("y = Relu(x)")], MATRIX).content())
    assert function_of(import_onnx(path))["sym_name"] is StringAttribute("model_3_layer_net")
    assert function_of(import_onnx(path, "mine"))["sym_name"] is StringAttribute("mine")


def test_a_node_without_a_name_is_located_by_operator_and_place() -> None:
    model = SmallModel([node("a = Relu(x)"), node("y = Tanh(a)")], MATRIX).proto()
    model.graph.node[1].name = ""
    located = [operation.location.names for operation in function_of(import_onnx(model.SerializeToString())).body]
    assert located == [("a",), ("Tanh_1",), ("small",)]


def test_a_constant_that_several_nodes_read_is_there_once() -> None:
    nodes = [node("a = Add(x, w)"), node("b = Mul(a, w)"), node("y = Sub(b, w)")]
    module = SmallModel(nodes, MATRIX, {"w": np.ones(6, np.float32)}).imported()
    assert [operation.name for operation in function_of(module).body].count("graph.constant") == 1


def test_constants_that_older_models_list_as_inputs_are_no_inputs() -> None:
    model = SmallModel([node("y = Add(x, w)")], MATRIX, {"w": np.ones(6, np.float32)}).proto()
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [6]))
    assert len(function_of(import_onnx(model.SerializeToString())).body.arguments) == 1


def test_nodes_that_no_output_needs_are_left_out_whatever_they_are() -> None:
    module = SmallModel([node("y = Relu(x)"), node("n = NonMaxSuppression(x, x)")], MATRIX).imported()
    assert [operation.name for operation in function_of(module).body] == ["graph.relu", "func.return"]


def test_an_output_may_be_an_input_or_a_constant() -> None:
    module = SmallModel([node("y = Identity(w)")], MATRIX, {"w": np.ones(2, np.float32)}, ("x", "y")).imported()
    last = function_of(module).body.last
    assert last is not None
    assert [str(operand.type) for operand in last.operands] == ["tensor<2x6xf32>", "tensor<2xf32>"]


def test_independent_mistakes_are_told_in_one_run() -> None:
    nodes = [node("a = Relu(x)", slope=1.0), node("b = Frobnicate(x)"), node("c = Flatten(x)", axis=9), node("d = Tanh(a)"), node("y = Sum(c, d, b)")]
    found = errors_of(SmallModel(nodes, MATRIX).content())
    assert [str(diagnostic.message) for diagnostic in found] == [
        "node 'a' (Relu): has no attribute 'slope' (schema of opset 14)",
        "node 'b' (Frobnicate): the operator 'Frobnicate' is not supported",
    ]
    nodes = [node("a = Flatten(x)", axis=9), node("b = Gather(x, i)"), node("y = Sum(a, b)")]
    found = errors_of(SmallModel(nodes, MATRIX, {"i": np.int64(7)}).content())
    assert [str(diagnostic.message) for diagnostic in found] == [
        "node 'a' (Flatten): axis 9 does not exist: the rank is 2",
        "node 'b' (Gather): has indices that do not lie within axis 0 of shape [2, 6]",
    ]


def test_of_very_many_mistakes_twenty_are_told() -> None:
    nodes = [*(node(f"t{i} = Flatten(x)", axis=9) for i in range(50)), node(f"y = Sum({', '.join(f't{i}' for i in range(50))})")]
    found = errors_of(SmallModel(nodes, MATRIX).content())
    assert len(found) == 21
    assert found[-1].message == "and 30 more errors"


def test_one_unsupported_operator_in_many_nodes_is_one_error() -> None:
    (found,) = errors_of(SmallModel([node("a = Det(x)"), node("b = Det(x)"), node("y = Add(a, b)")], MATRIX).content())
    assert found.message == "node 'a' (Det): the operator 'Det' is not supported (in 2 nodes)"


def test_a_type_that_the_model_declares_wrongly_inside_is_an_error_at_its_node() -> None:
    model = SmallModel([node("a = Relu(x)"), node("y = Tanh(a)")], MATRIX).proto()
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [2, 7]))
    (found,) = errors_of(model.SerializeToString())
    assert found.message == "node 'a' (Relu): makes 'a' of type 2x6xf32, but the model declares 2x7xf32"


def test_outputs_that_are_not_made_must_not_be_read() -> None:
    pool = node("y i = MaxPool(x)", kernel_shape=[2, 2])
    image = {"x": [1, 1, 4, 4]}
    SmallModel([pool], image).imported()
    (found,) = errors_of(SmallModel([pool], image, outputs=("y", "i")).content())
    assert found.message == "node 'y' (MaxPool): its output 1, 'i', is used, which is not supported"


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


BLOWN_UP = {
    "a shape": ([node("s = Expand(t, n)"), node("y = Reshape(x, s)")], {"t": whole(1), "n": whole(2**22)}, "'y' (Reshape): has 4194304 integers"),
    "a larger shape": ([node("s = Expand(t, n)"), node("y = Reshape(x, s)")], {"t": whole(1), "n": whole(2**24)}, "'s' (Expand): would compute 134217728"),
    "a range": ([node("s = Range(a, b, c)"), node("y = Reshape(x, s)")], {"a": whole(0), "b": whole(2**63 - 1), "c": whole(1)}, "'s' (Range)"),
    "a sum": ([node("s = Add(a, b)"), node("y = Reshape(x, s)")], {"a": np.ones((1, 4096)), "b": np.ones((4096, 1))}, "'s' (Add)"),
    "indices": ([node("y = Gather(x, i)")], {"i": np.zeros((100, 100), np.int64)}, "'y' (Gather): has 10000 indices"),
    "a constant": ([node("c = ConstantOfShape(s)"), node("y = Add(x, c)")], {"s": whole(2**14, 2**14, 2)}, "'c' (ConstantOfShape)"),
    "doublings": (
        [*(node(f"t{i + 1} = Concat(t{i}, t{i})", axis=0) for i in range(60)), node("y = Reshape(x, t60)")],
        {"t0": whole(1)},
        "'t24' (Concat): would compute",
    ),
}


@pytest.mark.parametrize(("nodes", "constants", "message"), BLOWN_UP.values(), ids=BLOWN_UP)
def test_small_constants_that_a_model_blows_up_are_refused_at_once(nodes: list[Any], constants: dict[str, Any], message: str) -> None:
    integers = {name: np.asarray(value).astype(np.int64) for name, value in constants.items()}
    content = SmallModel(nodes, MATRIX, integers).content()
    tracemalloc.start()
    (found,) = errors_of(content)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"node {message}" in found.message
    assert len(found.message) < 1000
    assert peak_bytes < 200 << 20


@pytest.mark.parametrize("kind", [np.int16, np.uint16])
def test_quantization_to_16_bits_is_refused_at_its_node(kind: type) -> None:
    nodes = [node("q = QuantizeLinear(x, s, z)"), node("y = DequantizeLinear(q, s, z)")]
    found = errors_of(SmallModel(nodes, MATRIX, {"s": np.float32(1), "z": kind(0)}, opset=21).content())
    assert [diagnostic.message for diagnostic in found] == [f"node 'q' (QuantizeLinear): quantization to integers of type {kind.__name__} is not supported"]


def test_scales_per_block_are_refused() -> None:
    scale = {"s": np.ones((2, 3), np.float32)}
    (found,) = errors_of(SmallModel([node("y = QuantizeLinear(x, s)", axis=1, block_size=2)], MATRIX, scale, opset=21).content())
    assert "scales per block" in found.message


@pytest.mark.parametrize(("made", "attributes"), [("q = QuantizeLinear(x, s, z)", {"precision": 10}), ("y = DequantizeLinear(q, s, z)", {"output_dtype": 10})])
def test_quantization_that_computes_in_16_bits_is_refused(made: str, attributes: dict[str, int]) -> None:
    texts = ("q = QuantizeLinear(x, s, z)", "y = DequantizeLinear(q, s, z)")
    nodes = [node(text, **(attributes if text == made else {})) for text in texts]
    (found,) = errors_of(SmallModel(nodes, MATRIX, {"s": np.float32(1), "z": np.int8(0)}, opset=28).content())
    assert "computes in float16" in found.message


def test_the_newest_versions_of_the_format_are_read() -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])], [])
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3]))
    import_onnx(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("raw", [True, False])
def test_weights_of_16_bits_that_are_made_wider_are_read(raw: bool) -> None:
    weights = np.array([1.5, -0.25, 65504, 6e-8, 0, -1], np.float16)
    stored = weights.tobytes() if raw else weights.view(np.uint16).tolist()
    nodes = [node("c = Cast(w)", to=TensorProto.FLOAT), node("y = Add(x, c)")]
    model = SmallModel(nodes, MATRIX).proto()
    model.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT16, [6], stored if raw else weights, raw=raw))
    found = Network(import_onnx(model.SerializeToString())).run({"x": np.zeros((2, 6), np.float32)})
    assert np.array_equal(found["y"][0], weights.astype(np.float32))


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    model = valid_model()
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    inside = print_module(import_onnx(path))
    (tmp_path / "data").mkdir()
    offset = 0
    with (tmp_path / "data" / "w.bin").open("wb") as file:
        for tensor in model.graph.initializer:
            file.write(tensor.raw_data)
            for key, value in (("location", "data/w.bin"), ("offset", offset), ("length", len(tensor.raw_data))):
                tensor.external_data.add(key=key, value=str(value))
            offset += len(tensor.raw_data)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
    path.write_bytes(model.SerializeToString())
    assert print_module(import_onnx(path)) == inside
    assert "has no folder" in errors_of(path.read_bytes())[0].message


def test_importing_twice_gives_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(valid_model().SerializeToString())
    assert print_module(import_onnx(path)) == print_module(import_onnx(path))
