"""Depthwise layers of different sizes become one function: their distances are parameters, which loops beside blocks keep in registers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.graphs import Array, Step
from tests.passes.product_layers import BUFFER, INSTRUCTIONS, TO_BYTES, apply, constants, in_loops
from tinyir.ir.attributes import ArrayAttribute, StringAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, TensorType
from tinyir.passes.form_blocks import FormBlocks
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.merge_functions import MergeFunctions
from tinyir.passes.stage_planes import StagePlanes

SAME = {"groups": 8, "x_zero_point": -128, "pad": (1, 1, 1, 1)}
HALVED = {"groups": 8, "x_zero_point": -128, "pad": (0, 0, 1, 1), "stride": (2, 2)}


def _network() -> Operation:
    """Depthwise layers over 12 x 12, then half of that."""
    random = np.random.default_rng(7)
    given: list[TensorType | Array] = [TensorType((1, 12, 12, 8), I8)]
    layers: list[Step] = []
    windows = (SAME, HALVED, SAME)
    for number, window in enumerate(windows):
        given += constants(random, (8, 3, 3, 1))
        first, x = 1 + 5 * number, 0 if number == 0 else 15 + 2 * number
        layers += [("graph.conv2d", [x, first, first + 1], window), ("graph.requantize_high", [16 + 2 * number, *range(first + 2, first + 5)], TO_BYTES)]
    return in_loops(given, layers)


def _functions(share: float) -> list[Operation]:
    """The functions with blocks where strides may cost a share of the instructions."""
    module = _network()
    *instructions, _ = INSTRUCTIONS
    stated = apply(module, [StagePlanes(), *BUFFER, *instructions, FormBlocks(shared_strides=share)])
    assert stated.summary()["proved"] == len(stated)
    apply(module, [LowerToC(canonical=True), MergeFunctions(share_per_kilobyte=1e6)])
    return [f for f in module.body if f.name == "c.function" and any(o.name == "c.assembly" for o in f.walk())]


def _has_strides(function: Operation) -> bool:
    lines = [line for o in function.walk() if o.name == "c.assembly" for line in _lines(o)]
    return any("%[stride0]" in line.value for line in lines if isinstance(line, StringAttribute))


def _lines(assembly: Operation) -> list[object]:
    lines = assembly.properties["lines"]
    assert isinstance(lines, ArrayAttribute)
    return list(lines.elements)


@pytest.mark.parametrize(("share", "count"), [(0.0, 3), (1.0, 2)])
def test_blocks_with_strides_are_shared(share: float, count: int) -> None:
    functions = _functions(share)
    assert len(functions) == count
    assert [_has_strides(function) for function in functions] == ([False] * 3 if share == 0.0 else [True, False])


def test_loops_of_shared_functions_know_that_they_run_and_read_registers() -> None:
    merged, apart = _functions(1.0)
    assert any("runs" in o.properties for o in merged.walk() if o.name == "c.for")
    fresh = [o for o in merged.walk() if "fresh" in o.properties]
    assert fresh
    for variable in fresh:  # before a loop without a block, and read in it alone
        users = variable.result.users
        assert users
        assert not any(above.name == "c.alternative" for user in users for above in user.ancestors())
    assert not any("fresh" in o.properties or "runs" in o.properties for o in apart.walk())
