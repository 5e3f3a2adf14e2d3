"""Zero points move into biases where no padding drops terms."""

from __future__ import annotations

import numpy as np
import pytest

from tests.graphs import chain, random_inputs
from tinyir.interp.machine import run
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, TensorType
from tinyir.passes.fold_zero_points import FoldZeroPoints
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext

RANDOM = np.random.default_rng(5)


def _convolution(pad: list[int], bias: int = 1000) -> Operation:
    weight = RANDOM.integers(-128, 128, (3, 3, 3, 2)).astype(np.int8)
    biases = np.full(3, bias, np.int32)
    properties = {"pad": pad, "x_zero_point": -7, "weight_zero_point": 2}
    return chain([TensorType((1, 6, 5, 2), I8), weight, biases], [("graph.conv2d", [0, 1, 2], properties)])


def _zero_point(module: Operation) -> int:
    operation = next(o for o in module.walk() if o.name == "graph.conv2d")
    value = operation.properties["x_zero_point"]
    assert isinstance(value, IntegerAttribute)
    return value.value


def _folded(module: Operation) -> Ledger:
    ledger = Ledger()
    FoldZeroPoints().run(module, PassContext(ledger=ledger))
    return ledger


def test_without_padding_the_zero_point_goes_and_the_sums_stay() -> None:
    module = _convolution([0, 0, 0, 0])
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    ledger = _folded(module)
    assert _zero_point(module) == 0
    assert ledger.summary() == {"proved": 1, "refuted": 0, "unknown": 0, "not_attempted": 0}
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()


def test_with_padding_nothing_changes() -> None:
    module = _convolution([1, 0, 0, 0])
    assert len(_folded(module)) == 0
    assert _zero_point(module) == -7


@pytest.mark.parametrize("bias", [2**31 - 1, -(2**31)])
def test_a_bias_that_would_leave_its_type_stays(bias: int) -> None:
    module = _convolution([0, 0, 0, 0], bias)
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    _folded(module)
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()
