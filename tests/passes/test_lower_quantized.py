"""Quantized regions in integers, judged byte by byte by the exact oracle."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.oracle.cases import EXACT_CASES, FLOAT_PREFIX_CASE, QuantizedCase, soaking
from tests.oracle.exact import Oracle
from tests.oracle.models import quantized_case
from tests.oracle.rational import Array
from tests.passes.quantized_networks import ALL, Lowered, Network, Quantized, assert_exact, lowered
from tinyir.dialects import graph_reals
from tinyir.frontend import import_model
from tinyir.interp.equations import call_function
from tinyir.ir.quantities import fractions_of, integer_of
from tinyir.passes.dead_channels import DeadChannels
from tinyir.passes.lower_quantized import LowerQuantized
from tinyir.rewrite.passes import Pass, PassContext

X = Quantized(0.05, 3)
Y = Quantized(0.11, -7)


def same_in_some_order(tensor: Array, expected: Array) -> bool:
    """Whether the elements are equal after a permutation of axes (the compiler keeps channels last, ONNX first)."""
    orders = permutations(range(expected.ndim)) if expected.ndim == 4 else [tuple(range(expected.ndim))]
    return tensor.size == expected.size and any(np.array_equal(tensor.ravel(), expected.transpose(order).ravel()) for order in orders)


@pytest.mark.parametrize("passes", [ALL[:1], ALL], ids=["lower_quantized", "all"])
@pytest.mark.parametrize("case", EXACT_CASES, ids=lambda case: case.name)
def test_every_golden_byte_is_equal(case: QuantizedCase, passes: tuple[Pass, ...], corpus: Path) -> None:
    result = lowered(case.path(corpus), passes)
    count = None if soaking() else 4
    outputs = [next(iter(result.run(sample).values())).ravel() for sample in case.inputs(corpus, count)]
    assert np.array_equal(np.stack(outputs), case.expected(corpus)[:count])
    assert result.ledger.summary()["proved"] == len(result.ledger)
    assert not [remark for remark in result.context.remarks if "float" in remark]


@pytest.mark.parametrize("case", EXACT_CASES, ids=lambda case: case.name)
def test_every_quantized_tensor_is_that_of_the_oracle(case: QuantizedCase, corpus: Path) -> None:
    model = onnx.load(str(case.path(corpus)))
    (sample,) = case.inputs(corpus, 1)
    result = lowered(case.path(corpus), (ALL[0], ALL[2]))
    oracle = Oracle(case.path(corpus)).run(sample).tensors
    tensors = result.tensors(sample)
    quantizing = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.output[0] in oracle]
    # a node that changes nothing leaves nothing behind
    remaining = [node for node in quantizing if node.name in tensors]
    assert len(remaining) >= len(quantizing) - 1
    for node in remaining:
        assert any(same_in_some_order(tensor, oracle[node.output[0]]) for tensor in tensors[node.name]), node.name


@pytest.mark.parametrize("seed", range(1000 if soaking() else 60))
def test_random_networks_give_the_bytes_of_the_oracle_without_floats(seed: int) -> None:
    case = quantized_case(seed)
    result = lowered(case.model)
    for inputs, expected in zip(case.inputs, case.expected, strict=True):
        outputs = result.run(inputs)
        for name, values in expected.items():
            if values.dtype.kind == "f":
                assert np.abs(outputs[name].ravel() - values.ravel()).max() <= 1e-5 * np.abs(values).max()
            else:
                assert np.array_equal(outputs[name].ravel(), values.ravel())
    assert result.ledger.summary()["proved"] == len(result.ledger)
    assert not [remark for remark in result.context.remarks if "stays float" in remark]


def dense_model(activation: str = "", bias: str = "int32") -> onnx.ModelProto:
    network = Network([1, 5], X)
    random = np.random.default_rng(3)
    scales = np.array([0.01, 0.02, 0.03], np.float32)
    weight = network.weight(random.integers(-127, 127, (3, 5)), scales)
    product = (np.float32(X.scale) * scales).astype(np.float32)
    values = network.bias([500, -700, 20], product) if bias == "int32" else network.constant(np.array([0.3, -1.7, 0.9], np.float32))
    if bias == "int32 of another scale":
        values = network.bias([500, -700, 20], product * np.float32(1.5))
    result = network.node("Gemm", network.x, weight, values, transB=1)
    if activation == "relu":
        result = network.node("Relu", result)
    if activation == "clip":
        result = network.node("Clip", result, network.constant(np.float32(-0.4)), network.constant(np.float32(1.3)))
    return network.model(result, Y)


def test_an_activation_becomes_the_bounds_of_the_requantization() -> None:
    requantize = assert_exact(dense_model("relu"), passes=ALL[:1]).one("graph.requantize")
    assert (integer_of(requantize, "low"), integer_of(requantize, "high")) == (Y.zero_point, 127)
    requantize = assert_exact(dense_model("clip"), passes=ALL[:1]).one("graph.requantize")
    assert (integer_of(requantize, "low"), integer_of(requantize, "high")) == (Y.zero_point - 4, Y.zero_point + 12)


def test_an_int32_bias_at_the_product_of_scales_counts_in_the_accumulator() -> None:
    requantize = assert_exact(dense_model(), passes=ALL[:1]).one("graph.requantize")
    assert "offset" not in requantize.properties
    assert len(fractions_of(requantize["scale"])) == 3


@pytest.mark.parametrize("bias", ["float", "int32 of another scale"])
def test_any_other_bias_is_an_exact_offset_less_than_half_a_unit(bias: str) -> None:
    requantize = assert_exact(dense_model(bias=bias), passes=ALL[:1]).one("graph.requantize")
    scales, offsets = fractions_of(requantize["scale"]), fractions_of(requantize["offset"])
    assert any(offsets)
    assert all(2 * abs(offset) <= scale for scale, offset in zip(scales, offsets, strict=True))
    assert_exact(dense_model(bias=bias))


def add_model(second: Quantized, result: Quantized, operator: str = "Add") -> onnx.ModelProto:
    network = Network([1, 64], X)
    other = network.input("x2", [1, 64], second)
    return network.model(network.node(operator, network.x, other), result)


def test_a_residual_sum_is_one_fixed_point_sum() -> None:
    assert assert_exact(add_model(Quantized(0.07, -5), Y)).names["graph.add_fixed"] == 1
    assert assert_exact(add_model(Quantized(0.07, 250, "uint8"), Y, "Sub")).names["graph.add_fixed"] == 1


def test_a_sum_with_ties_rounds_halves_to_even() -> None:
    result = assert_exact(add_model(X, Quantized(0.1, 4)))  # the mean of two tensors
    assert result.names["graph.add_half_even"] == 1


def test_a_sum_with_ties_of_an_even_divisor_is_divided() -> None:
    result = assert_exact(add_model(Quantized(0.25, 1), Quantized(1.5)))
    assert "i64" in str(result.one("graph.add_division").properties["sum_type"])
    network = Network([1, 64], Quantized(0.25, 3))
    result = assert_exact(network.model(network.node("Add", network.x, network.input("x2", [1, 64], Quantized(0.25, 1))), Quantized(1.5)))
    assert "sum_type" not in result.one("graph.add_division").properties


@pytest.mark.parametrize(("second", "result"), [(1.0, 1.5e-9), (1.0, 2**-30), (2**-31, 2**-30), (0.7, 1e-8)])
def test_a_sum_far_beyond_the_scale_of_its_result_saturates(second: float, result: float) -> None:
    network = Network([1, 64], Quantized(1.5, 3))
    assert_exact(network.model(network.node("Add", network.x, network.input("x2", [1, 64], Quantized(second, -7))), Quantized(result, 5)))


def test_a_product_of_two_tensors_is_requantized() -> None:
    result = assert_exact(add_model(Quantized(0.07, -5), Y, "Mul"))
    assert result.names["graph.multiply_widening"] == 1


def test_a_chain_of_functions_of_one_tensor_is_one_table() -> None:
    network = Network([1, 40], X)
    one = network.constant(np.float32(1))
    softplus = network.node("Log", network.node("Add", network.node("Exp", network.x), one))
    mish = network.node("Mul", network.x, network.node("Tanh", softplus))
    model = network.model(mish, Quantized(0.05, -100))
    result = lowered(model)
    assert result.names["graph.lookup"] == 1
    assert not [name for name in result.names if name in ("graph.exp", "graph.tanh", "graph.dequantize")]
    stored = np.arange(-128, 127, 8)[:40].astype(np.int8)
    inputs = np.resize(stored, 40)
    real = (inputs.astype(np.float64) - X.zero_point) * float(np.float32(X.scale))
    wanted = np.clip(np.rint(real * np.tanh(np.log1p(np.exp(real))) / float(np.float32(0.05))) - 100, -128, 127)
    assert np.array_equal(result.run({"x": inputs})["y"].ravel(), wanted)
    assert [o.kind for o, _ in result.ledger] == ["approximation"]


def test_an_operator_without_a_real_meaning_means_what_it_computes_in_binary32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_reals, "UNARY", graph_reals.UNARY - {"graph.tanh"})
    network = Network([1, 256], X)
    result = lowered(network.model(network.node("Tanh", network.x), Quantized(1 / 128, 1)))
    x = np.arange(-128, 128).astype(np.int8)
    computed = call_function("tanh", [(x.astype(np.float32) - X.zero_point) * np.float32(X.scale)])
    assert np.array_equal(result.run({"x": x})["y"].ravel(), np.clip(np.rint(computed * 128) + 1, -128, 127))


@pytest.mark.parametrize("operator", ["Sigmoid", "Tanh", "Relu"])
def test_a_function_of_one_tensor_is_correctly_rounded(operator: str) -> None:
    network = Network([1, 256], X)
    assert_exact(network.model(network.node(operator, network.x), Quantized(1 / 128, 1)))


@pytest.mark.parametrize("slope", [float("inf"), float("nan")])
def test_a_slope_without_an_exact_value_stays_among_the_floats(slope: float) -> None:
    network = Network([1, 4], X)
    result = lowered(network.model(network.node("LeakyRelu", network.x, alpha=slope), X), ALL[:1])
    assert result.names["graph.leaky_relu"] == result.names["graph.dequantize"] == 1


def test_a_function_of_the_same_step_is_a_clamp_or_nothing() -> None:
    network = Network([1, 4], X)
    assert assert_exact(network.model(network.node("Relu", network.x), X)).names["graph.clamp"] == 1
    network = Network([1, 4], X)
    assert not {"graph.clamp", "graph.lookup"} & set(assert_exact(network.model(network.node("Identity", network.x), X)).names)


def test_an_average_without_its_padding_is_exact() -> None:
    network = Network([1, 2, 5, 5], X)
    pool = network.node("AveragePool", network.x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    result = assert_exact(network.model(pool, X))
    assert (result.names["graph.sum_pool2d"], result.names["graph.multiply"]) == (1, 1)


def test_maxima_are_taken_of_integers() -> None:
    network = Network([1, 2, 6, 6], X)
    result = assert_exact(network.model(network.node("MaxPool", network.x, kernel_shape=[2, 2], strides=[2, 2]), Y))
    pool = result.one("graph.max_pool2d")
    assert "i8" in str(pool.result.type)


def test_a_concatenation_brings_each_operand_to_the_scale_of_the_result() -> None:
    network = Network([1, 4], X)
    other = network.input("x2", [1, 4], Y)
    result = assert_exact(network.model(network.node("Concat", network.x, other, axis=1), X))
    assert (result.names["graph.concat"], result.names["graph.lookup"]) == (1, 1)


def softmax_model(classes: int, result: Quantized) -> onnx.ModelProto:
    network = Network([1, classes], X)
    return network.model(network.node("Softmax", network.x, axis=1), result)


def test_softmax_divides_in_32_bits_where_the_output_scale_is_a_256th() -> None:
    result = assert_exact(softmax_model(10, Quantized(1 / 256, -128)))
    assert result.names["graph.softmax_quantized_short"] == 1
    assert sorted(o.kind for o, _ in result.ledger) == ["approximation", "requantize"]
    assert assert_exact(softmax_model(16, Quantized(1 / 256, -128))).names["graph.softmax_quantized_short"] == 1
    assert assert_exact(softmax_model(17, Quantized(1 / 256, -128))).names["graph.softmax_quantized"] == 1


def test_softmax_takes_any_scale_and_many_classes() -> None:
    assert assert_exact(softmax_model(12, Quantized(0.0039, -120))).names["graph.softmax_quantized"] == 1
    assert assert_exact(softmax_model(300, Quantized(1 / 300, -128))).names["graph.softmax_quantized"] == 1


def test_both_softmaxes_give_the_same_bytes() -> None:
    model = softmax_model(10, Quantized(1 / 256, -128))
    short, inputs = lowered(model), np.random.default_rng(5).integers(-128, 127, (400, 10)).astype(np.int8)
    oracle = Oracle(model)
    for row in inputs:
        assert np.array_equal(short.run({"x": row})["y"].ravel(), oracle.run({"x": row}).tensors["y"].ravel())


def test_a_softmax_of_equal_classes_rounds_halves_to_even() -> None:
    model = softmax_model(512, Quantized(1 / 256, -128))  # every class has half a step
    assert set(lowered(model).run({"x": np.zeros(512, np.int8)})["y"].ravel()) == {-128}
    assert set(Oracle(model).run({"x": np.zeros(512, np.int8)}).tensors["y"].ravel()) == {-128}


def remarks_of(result: Lowered) -> str:
    return "\n".join(result.context.remarks)


def test_float_weights_stay_float_and_say_why() -> None:
    network = Network([1, 4], X)
    weight = network.constant(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    result = lowered(network.model(network.node("MatMul", network.x, weight, name="mixed"), Y))
    assert result.names["graph.dense"] + result.names["graph.matmul"] == 1
    assert "stays float: 'node_mixed'" in remarks_of(result)
    assert "its weights are float" in remarks_of(result)


def test_what_is_not_quantized_in_between_stays_float() -> None:
    network = Network([1, 4], X)
    weight = network.weight(np.eye(4), 0.5)
    first = network.node("MatMul", network.x, weight, name="first")
    result = lowered(network.model(network.node("MatMul", network.node("Sigmoid", first), weight, name="second"), Y))
    assert "stays float: 'node_second'" in remarks_of(result)
    assert "stays float: 'node_first'" in remarks_of(result)


def test_the_boundary_to_float_stays_as_it_is() -> None:
    network = Network([1, 4], X)
    result = lowered(network.model(network.requantize(network.node("Relu", network.x), Y), None))
    assert result.names["graph.dequantize"] == 1
    assert not result.context.remarks


def test_a_float_prefix_stays_float_and_the_rest_does_not(corpus: Path) -> None:
    case = FLOAT_PREFIX_CASE
    result = lowered(case.path(corpus), (LowerQuantized(), DeadChannels()))
    assert {"graph.average_pool2d", "graph.quantize", "graph.requantize"} <= set(result.names)
    (name,) = Oracle(case.path(corpus)).graph.outputs
    element: Any = result.all("graph.dequantize")[-1].operands[0].type
    for sample in case.inputs(corpus, 4):
        difference = result.run(sample)[name].ravel() - Oracle(case.path(corpus)).run(sample).tensors[name].ravel()
        assert np.abs(difference).max() <= 1.001 * element.element.scale


def test_lowering_twice_changes_nothing() -> None:
    result = lowered(dense_model("relu"), passes=ALL[:1])
    before = [operation.name for operation in result.module.walk()]
    LowerQuantized().run(result.module, result.context)
    assert [operation.name for operation in result.module.walk()] == before


def test_nothing_is_said_of_a_network_that_is_float_throughout(repository: Path) -> None:
    context = PassContext()
    LowerQuantized().run(import_model(repository / "examples" / "mnist" / "mlp.onnx"), context)
    assert context.remarks == []
