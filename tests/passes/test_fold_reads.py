"""Reads of constants that are known become scalars."""

from __future__ import annotations

import numpy as np

from tests.graphs import Array, chain, random_inputs
from tinyir.interp.machine import run
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import I32, TensorType
from tinyir.passes.fold_reads import FoldReads
from tinyir.passes.lower_to_loops import LowerToLoops
from tinyir.rewrite.passes import PassContext


def _requantization(multipliers: list[int]) -> Operation:
    shift = np.array([20], np.int32)
    steps = [("graph.requantize_fixed", [0, 1, 2, 3], {"zero_point": 3, "low": -128, "high": 127})]
    inputs: list[TensorType | Array] = [TensorType((2, 3), I32), np.array(multipliers, np.int32), np.array([1 << 19]), shift]
    module = chain(inputs, steps)
    LowerToLoops().run(module, PassContext())
    return module


def _values(module: Operation) -> list[int]:
    attributes = [o.properties["value"] for o in module.walk() if o.name == "arith.constant"]
    return [a.value for a in attributes if isinstance(a, IntegerAttribute)]


def test_one_shift_for_all_becomes_a_number_in_the_wider_type() -> None:
    module = _requantization([1000, 2000, 3000])
    given = random_inputs(module, low=-(1 << 15), high=1 << 15)
    expected = run(module, given)["output_0"]
    FoldReads().run(module, PassContext())
    assert 20 in _values(module)
    assert sum(o.name == "loop.read" for o in module.walk()) == 2, "the accumulator and the multiplier are still read"
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()


def test_equal_multipliers_become_one_number() -> None:
    module = _requantization([1234, 1234, 1234])
    FoldReads().run(module, PassContext())
    assert 1234 in _values(module)
    assert sum(o.name == "loop.read" for o in module.walk()) == 1
