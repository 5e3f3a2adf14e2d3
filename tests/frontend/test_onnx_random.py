"""Random models that nobody has seen: what is imported computes what onnxruntime computes."""

import numpy as np
import pytest

from tests.oracle.cases import soaking
from tests.oracle.engine import Engine
from tests.oracle.models import Case, float_case, quantized_case
from tinyir.frontend import import_onnx
from tinyir.interp.machine import Network
from tinyir.ir.verifier import verify

_RARE = 200
SEEDS = range(400 if soaking() else 40)


def imported(case: Case) -> Network:
    module = import_onnx(case.model.SerializeToString())
    assert verify(module) == []
    return Network(module)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_float_model_computes_what_onnxruntime_computes(seed: int) -> None:
    case = float_case(seed)
    network = imported(case)
    for sample, expected in zip(case.inputs, case.expected, strict=True):
        found = network.run(sample)
        for name, array in expected.items():
            reach = max(1.0, float(np.max(np.abs(array))))
            np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-5 * reach)


def test_quantized_models_compute_in_floats_what_onnxruntime_computes() -> None:
    """Without optimizations: all but rare elements, where the last bit of a float sum decides a rounding."""
    differing = total = 0
    for seed in SEEDS:
        case = quantized_case(seed)
        network, engine = imported(case), Engine(case.model, optimized=False)
        for sample in case.inputs:
            found = network.run(sample)
            for name, array in engine.run(sample).items():
                assert found[name].dtype == array.dtype
                reach = max(1.0, float(np.max(np.abs(array.astype(float)))))
                differing += int(np.sum(np.abs(found[name].astype(float) - array) > 1e-5 * reach))
                total += array.size
    assert differing < total / _RARE
