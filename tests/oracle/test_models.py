"""The random models are valid, varied, repeatable, and onnxruntime agrees with the oracle about them."""

from collections import Counter
from fractions import Fraction

import numpy as np
import onnx
import pytest

from tests.oracle.cases import soaking
from tests.oracle.engine import compare_model
from tests.oracle.models import Case, float_case, quantized_case

_SEEDS = range(2000 if soaking() else 150)
_NEAR = Fraction(1, 10_000)  # of a step

OPERATORS = {
    *("Add", "AveragePool", "Clip", "Concat", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "MatMul", "MaxPool", "Mul", "Pad"),
    *("ReduceMean", "Relu", "Reshape", "Sigmoid", "Softmax", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze"),
}


@pytest.fixture(scope="module")
def quantized_cases() -> list[Case]:
    return [quantized_case(seed) for seed in _SEEDS]


@pytest.fixture(scope="module")
def float_cases() -> list[Case]:
    return [float_case(seed) for seed in _SEEDS]


def test_all_models_pass_the_checker_of_onnx(quantized_cases: list[Case], float_cases: list[Case]) -> None:
    for case in quantized_cases + float_cases:
        onnx.checker.check_model(case.model, full_check=True)


def test_onnxruntime_agrees_with_the_oracle_up_to_a_step_at_boundaries(quantized_cases: list[Case]) -> None:
    for case in quantized_cases:
        comparison = compare_model(case.model, list(case.inputs))
        assert comparison.greatest_step <= 1, case.seed
        assert comparison.greatest_distance <= _NEAR, case.seed


def test_float_outputs_are_numbers(float_cases: list[Case]) -> None:
    for case in float_cases:
        assert all(np.isfinite(array).all() for outputs in case.expected for array in outputs.values()), case.seed


def test_every_operator_and_every_variation_occurs(quantized_cases: list[Case], float_cases: list[Case]) -> None:
    for cases in (quantized_cases, float_cases):
        assert frozenset().union(*(case.operators for case in cases)) >= OPERATORS
        models = [case.model for case in cases]
        assert {model.opset_import[0].version for model in models} == set(range(10, 22))
        assert {model.ir_version < 4 for model in models} == {False, True}
        assert {len(model.graph.input) > 1 for model in models if model.ir_version > 3} == {False, True}
        assert {len(model.graph.output) for model in models} == {1, 2}
        assert {model.graph.input[0].type.tensor_type.shape.dim[0].dim_param for model in models} == {"", "batch"}
        assert any("" in node.input for model in models for node in model.graph.node)
        kinds = Counter(attribute.name for model in models for node in model.graph.node for attribute in node.attribute)
        assert kinds.keys() >= {"auto_pad", "ceil_mode", "count_include_pad", "dilations", "group", "transA", "transB", "alpha", "beta", "min", "max"}


def test_outputs_are_not_constant(quantized_cases: list[Case]) -> None:
    constant = [case.seed for case in quantized_cases if all(len(np.unique([o[n] for o in case.expected])) == 1 for n in case.expected[0])]
    assert len(constant) <= 0.04 * len(quantized_cases)


def test_outputs_are_rarely_saturated(quantized_cases: list[Case]) -> None:
    outputs = [array for case in quantized_cases for sample in case.expected for array in sample.values() if array.dtype.kind in "iu"]
    ends = np.concatenate([((array == np.iinfo(array.dtype).min) | (array == np.iinfo(array.dtype).max)).ravel() for array in outputs])
    assert ends.mean() <= 0.25  # a Relu puts about half of its outputs on one end


def test_a_seed_is_the_whole_identity_of_a_case() -> None:
    for make in (quantized_case, float_case):
        first, second, other = make(17), make(17), make(18)
        assert first.model.SerializeToString(deterministic=True) == second.model.SerializeToString(deterministic=True)
        assert all(np.array_equal(a[name], b[name]) for a, b in zip(first.inputs, second.inputs, strict=True) for name in a)
        assert first.model.SerializeToString(deterministic=True) != other.model.SerializeToString(deterministic=True)
