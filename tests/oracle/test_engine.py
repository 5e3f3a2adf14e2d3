"""onnxruntime, layer by layer on its own inputs, optimizations off: it may differ only where the exact value is next to a
rounding boundary, and then by one step."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.oracle.cases import EXACT_CASES, FLOAT_PREFIX_CASE, FLOAT_SUFFIX_CASES, QuantizedCase, soaking
from tests.oracle.engine import HEADING, Engine, compare_layers, compare_tensors
from tests.oracle.exact import Oracle
from tests.oracle.models import quantized_case

_NEAR = Fraction(1, 10_000)  # of a step
_SELECTED_SAMPLES = 6


def test_every_difference_to_onnxruntime_is_one_step_next_to_a_boundary(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["", HEADING]
    comparisons = {}
    for case in (*EXACT_CASES, FLOAT_PREFIX_CASE, *FLOAT_SUFFIX_CASES):
        comparison = compare_layers(case.path(corpus), case.inputs(corpus, None if soaking() else _SELECTED_SAMPLES))
        comparisons[case.name] = comparison
        lines.append(comparison.row(case.name))
    with capsys.disabled():
        print("\n".join(lines))
    assert all(comparison.compared > 0 for comparison in comparisons.values())
    assert {name for name, comparison in comparisons.items() if comparison.greatest_step > 1} == set()
    assert {name for name, comparison in comparisons.items() if comparison.greatest_distance > _NEAR} == set()


def test_a_planted_difference_is_counted_and_measured() -> None:
    case = quantized_case(3)
    evaluation = Oracle(case.model).run(case.inputs[0])
    tensors = {name: rounding.result.astype(np.int64) for name, rounding in evaluation.roundings.items()}
    assert compare_tensors(evaluation, tensors).differing == 0
    name, rounding = next(iter(evaluation.roundings.items()))
    tensors[name].flat[0] += 3
    comparison = compare_tensors(evaluation, tensors)
    real = int(rounding.value.numerator.flat[0]) * Fraction(rounding.value.unit.flat[0]) / rounding.scale.flat[0]
    assert (comparison.differing, comparison.greatest_step) == (1, 3)
    assert comparison.greatest_distance == abs(real % 1 - Fraction(1, 2))


# Its int8 kernels round float biases to int32, so the model that has them is left to torch (the golden bytes).
@pytest.mark.parametrize("case", [case for case in EXACT_CASES if case.name != "mnist_cnn_int8ptq"], ids=lambda case: case.name)
def test_onnxruntimes_int8_kernels_give_the_exact_output(case: QuantizedCase, corpus: Path) -> None:
    oracle = Oracle(case.path(corpus))
    engine = Engine(onnx.load(str(case.path(corpus))), optimized=True, int8_kernels=True)
    (name,) = oracle.graph.outputs
    for sample in case.inputs(corpus, None if soaking() else _SELECTED_SAMPLES):
        assert np.array_equal(engine.run(sample)[name], oracle.run(sample).tensors[name])


def test_float_biases_as_int32_cost_onnxruntime_a_step_in_a_few_bytes(corpus: Path) -> None:
    (case,) = [case for case in EXACT_CASES if case.name == "mnist_cnn_int8ptq"]
    oracle = Oracle(case.path(corpus))
    engine = Engine(onnx.load(str(case.path(corpus))), optimized=True, int8_kernels=True)
    (name,) = oracle.graph.outputs
    samples = case.inputs(corpus)
    step = float(oracle.graph.constants["val_28"])
    differences = np.stack([np.abs(engine.run(sample)[name] - oracle.run(sample).tensors[name]) for sample in samples])
    assert np.count_nonzero(differences) <= 0.004 * differences.size
    assert differences.max() <= 1.001 * step
