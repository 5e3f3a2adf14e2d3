"""The oracle against golden bytes, and the rules of its meaning on models small enough to compute by hand."""

import ast
from fractions import Fraction
from itertools import product
from math import exp
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.cases import EXACT_CASES, FLOAT_PREFIX_CASE, FLOAT_SUFFIX_CASES, QuantizedCase
from tests.oracle.exact import Oracle, evaluate
from tests.oracle.rational import Array


def outputs_of(case: QuantizedCase, corpus: Path, count: int | None = None) -> Array:
    oracle = Oracle(case.path(corpus))
    (name,) = oracle.graph.outputs
    return np.stack([oracle.run(sample).tensors[name].ravel() for sample in case.inputs(corpus, count)])


@pytest.mark.parametrize("case", EXACT_CASES, ids=lambda case: case.name)
def test_every_golden_byte_is_the_exact_one(case: QuantizedCase, corpus: Path) -> None:
    assert np.array_equal(outputs_of(case, corpus), case.expected(corpus))


def test_a_float_prefix_differs_by_one_step_of_the_output_at_most(corpus: Path) -> None:
    step = float(read_scalar(FLOAT_PREFIX_CASE.path(corpus), "linear_2_scale"))
    difference = np.abs(outputs_of(FLOAT_PREFIX_CASE, corpus) - FLOAT_PREFIX_CASE.expected(corpus))
    assert difference.max() <= 1.001 * step


@pytest.mark.parametrize("case", FLOAT_SUFFIX_CASES, ids=lambda case: case.name)
def test_a_float_softmax_behind_the_last_quantization_is_close_to_onnxruntimes(case: QuantizedCase, corpus: Path) -> None:
    result, expected = outputs_of(case, corpus), case.expected(corpus)
    assert result.dtype == np.float32
    # Equal but for a byte that onnxruntime's binary32 rounds the other way: one step of the logits moves a probability by s * p.
    assert np.abs(result - expected).max() <= 2e-3


def read_scalar(path: Path, name: str) -> float:
    (tensor,) = [t for t in onnx.load(str(path)).graph.initializer if t.name == name]
    return float(numpy_helper.to_array(tensor))


def model_of(nodes: list[onnx.NodeProto], constants: dict[str, Array], shape: list[int], opset: int = 13) -> onnx.ModelProto:
    """A model from int8 `x` to int8 `y`; the usual scales 's...' and zero points are among the constants."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.INT8, shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT8, None)],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def quantized_around(operator: onnx.NodeProto) -> list[onnx.NodeProto]:
    return [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["real_x"]),
        operator,
        helper.make_node("QuantizeLinear", ["real_y", "sy", "zy"], ["y"]),
    ]


def parameters(sx: float, zx: int, sy: float, zy: int) -> dict[str, Array]:
    return {"sx": np.array(sx, np.float32), "zx": np.array(zx, np.int8), "sy": np.array(sy, np.float32), "zy": np.array(zy, np.int8)}


def test_an_int32_bias_at_the_rounded_scale_counts_at_the_exact_product() -> None:
    sx, sw = np.float32(0.1), np.float32(0.3)
    product_of_scales = Fraction(float(sx)) * Fraction(float(sw))
    rounded = np.float32(float(product_of_scales))
    assert Fraction(float(rounded)) != product_of_scales
    bias = 2**30 - 1
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["real_x"]),
        helper.make_node("DequantizeLinear", ["w", "sw"], ["real_w"]),
        helper.make_node("DequantizeLinear", ["b", "sb"], ["real_b"]),
        helper.make_node("Gemm", ["real_x", "real_w", "real_b"], ["real_y"]),
        helper.make_node("QuantizeLinear", ["real_y", "sy", "zy"], ["y"]),
    ]
    results = {}
    for name, scale in (("as the product", rounded), ("as itself", np.nextafter(rounded, np.float32(1)))):
        constants = parameters(float(sx), 0, 1.0, 0) | {
            "w": np.array([[1]], np.int8),
            "sw": np.array(sw),
            "b": np.array([bias], np.int32),
            "sb": np.array(scale),
        }
        oracle = Oracle(model_of(nodes, constants, [1, 1]))
        rounding = oracle.run({"x": np.array([[1]], np.int8)}).roundings["y"]
        results[name] = int(rounding.value.numerator.ravel()[0]) * rounding.value.unit.ravel()[0]
    assert results["as the product"] == 2**30 * product_of_scales
    assert results["as itself"] == product_of_scales + bias * Fraction(float(np.nextafter(rounded, np.float32(1))))


def test_softmax_between_bytes_is_its_named_integer_definition() -> None:
    scale = float(np.float32(0.12))
    model = model_of(quantized_around(helper.make_node("Softmax", ["real_x"], ["real_y"])), parameters(scale, 7, 1 / 256, -128), [1, 4])
    logits = np.array([[100, 99, 60, -128]], np.int8)
    table = [round(exp(-scale * (100 - logit)) * 2**24) for logit in logits[0].tolist()]
    expected = [min(round(Fraction(256 * entry, sum(table))) - 128, 127) for entry in table]
    assert evaluate(model, {"x": logits})["y"].tolist() == [expected]


@pytest.mark.parametrize("operator", ["Sigmoid", "Tanh"])
def test_sigmoid_and_tanh_are_the_real_functions_rounded(operator: str) -> None:
    scale = float(np.float32(0.03))
    model = model_of(quantized_around(helper.make_node(operator, ["real_x"], ["real_y"])), parameters(scale, 0, 1 / 256, -60), [1, 256])
    every_byte = np.arange(-128, 128).astype(np.int8)
    argument = every_byte * scale
    real = np.tanh(argument) if operator == "Tanh" else 1 / (1 + np.exp(-argument))
    expected = np.clip(np.rint(real * 256) - 60, -128, 127)
    assert (evaluate(model, {"x": every_byte[None]})["y"][0] == expected).all()


def test_an_average_of_two_rounds_half_to_even() -> None:
    pool = helper.make_node("AveragePool", ["real_x"], ["real_y"], kernel_shape=[1, 2], strides=[1, 2])
    model = model_of(quantized_around(pool), parameters(0.5, 0, 0.5, 0), [1, 1, 1, 8])
    samples = np.array([[[[0, 1, 1, 2, 2, 3, -1, 0]]]], np.int8)
    assert evaluate(model, {"x": samples})["y"].ravel().tolist() == [0, 2, 2, 0]


def test_a_window_outside_of_the_image_is_refused() -> None:
    pool = helper.make_node("MaxPool", ["real_x"], ["real_y"], kernel_shape=[1, 2], dilations=[1, 2], pads=[0, 1, 0, 1])
    model = model_of(quantized_around(pool), parameters(0.5, 0, 0.5, 0), [1, 1, 1, 1])
    with pytest.raises(ValueError, match="outside of the image"):
        evaluate(model, {"x": np.array([[[[1]]]], np.int8)})


def naive_convolution(data: Array, weight: Array, strides: tuple[int, int], pads: list[int], dilations: tuple[int, int], group: int) -> Array:
    outputs, channels = weight.shape[:2]
    padded = np.pad(data, [(0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])])
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(weight.shape[2:], dilations, strict=True)]
    rows, columns = ((size - extent) // stride + 1 for size, extent, stride in zip(padded.shape[2:], reach, strides, strict=True))
    result = np.zeros((1, outputs, rows, columns), np.int64)
    for o, p, q, i, j, c in product(range(outputs), range(rows), range(columns), range(weight.shape[2]), range(weight.shape[3]), range(channels)):
        source = padded[0, o // (outputs // group) * channels + c, p * strides[0] + i * dilations[0], q * strides[1] + j * dilations[1]]
        result[0, o, p, q] += int(source) * int(weight[o, c, i, j])
    return result


@pytest.mark.parametrize("group", [1, 2, 4])
def test_a_convolution_is_the_sum_of_its_definition(group: int) -> None:
    generator = np.random.default_rng(group)
    data = generator.integers(-128, 127, size=(1, 4, 7, 6)).astype(np.int8)
    weight = generator.integers(-127, 127, size=(4, 4 // group, 3, 2)).astype(np.int8)
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["real_x"]),
        helper.make_node("DequantizeLinear", ["w", "sw"], ["real_w"]),
        helper.make_node("Conv", ["real_x", "real_w"], ["real_y"], strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2], group=group),
        helper.make_node("QuantizeLinear", ["real_y", "sy", "zy"], ["y"]),
    ]
    constants = parameters(1.0, 5, 512.0, 3) | {"w": weight, "sw": np.array(1.0, np.float32)}
    total = naive_convolution(data.astype(np.int64) - 5, weight, (2, 1), [1, 0, 2, 1], (1, 2), group)
    expected = [min(max(round(Fraction(int(t), 512)) + 3, -128), 127) for t in total.ravel()]
    assert evaluate(model_of(nodes, constants, [1, 4, 7, 6]), {"x": data})["y"].ravel().tolist() == expected


def test_given_tensors_reach_the_readers_and_not_the_verdict() -> None:
    nodes = [
        *quantized_around(helper.make_node("Relu", ["real_x"], ["real_y"])),
        helper.make_node("DequantizeLinear", ["y", "sy", "zy"], ["again"]),
        helper.make_node("QuantizeLinear", ["again", "sx", "zx"], ["last"]),
    ]
    model = model_of(nodes, parameters(1.0, 0, 1.0, 0), [1, 2])
    model.graph.output.append(helper.make_tensor_value_info("last", TensorProto.INT8, None))
    evaluation = Oracle(model).run({"x": np.array([[-5, 9]], np.int8)}, given={"y": np.array([[1, 2]], np.int8)})
    assert evaluation.roundings["y"].result.tolist() == [[0, 9]]
    assert evaluation.roundings["last"].result.tolist() == [[1, 2]]


def test_an_unknown_operator_is_a_key_error() -> None:
    model = model_of(quantized_around(helper.make_node("NonZero", ["real_x"], ["real_y"])), parameters(1.0, 0, 1.0, 0), [1, 2])
    with pytest.raises(KeyError, match="NonZero"):
        evaluate(model, {"x": np.array([[1, 2]], np.int8)})


def test_the_oracle_shares_no_code_with_the_compiler(repository: Path) -> None:
    sources = sorted((repository / "tests" / "oracle").glob("*.py"))
    trees = [ast.walk(ast.parse(source.read_text())) for source in sources]
    modules = {node.module for tree in trees for node in tree if isinstance(node, ast.ImportFrom)}
    assert "tests.oracle.rational" in modules
    assert not {name for name in modules if name and name.split(".")[0] == "tinyir"}
