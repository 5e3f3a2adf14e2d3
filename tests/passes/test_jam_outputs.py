"""Neighbouring outputs share the loads of their folds, and keep every bit."""

from __future__ import annotations

import pytest

from tests.graphs import chain, random_inputs
from tinyir.backends.target import load_target
from tinyir.dialects import loop
from tinyir.interp.machine import main_function, run
from tinyir.ir.operation import Operation
from tinyir.ir.types import F32, TensorType
from tinyir.passes.fuse_nests import FuseNests
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.lower_to_loops import LowerToLoops
from tinyir.rewrite.passes import PassContext


def _dense(outputs: int) -> Operation:
    types = [TensorType(shape, F32) for shape in ((2, 7), (outputs, 7), (outputs,))]
    module = chain(types, [("graph.dense", [0, 1, 2], {}), ("graph.relu", [3], {})])
    for each in (LowerToLoops(), FuseNests()):
        each.run(module, PassContext())
    return module


def _folds(module: Operation) -> list[int]:
    """The numbers of accumulators of the folds, in order."""
    return [len(o.results) for o in main_function(module).walk() if o.name == "loop.for" and o.results]


@pytest.mark.parametrize(("outputs", "accumulators"), [(8, [4]), (6, [3]), (5, [4, 1]), (7, [3, 1]), (2, [2]), (1, [2]), (13, [4, 1])])
def test_outputs_are_jammed_and_the_rest_is_kept(outputs: int, accumulators: list[int]) -> None:
    module = _dense(outputs)
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    JamOutputs().run(module, PassContext())
    assert _folds(module) == accumulators
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("target", "goal", "outputs", "accumulators"),
    [
        ("cortex-m4", "speed", 16, [8]),
        ("cortex-m4", "speed", 13, [6, 1]),
        ("cortex-m4", "ram", 16, [4]),
        ("cortex-m0", "speed", 16, [4]),  # no registers for floats
        ("cortex-m55", "speed", 16, [4]),  # vectors of floats
    ],
)
def test_more_floats_are_jammed_where_registers_are_for_them(target: str, goal: str, outputs: int, accumulators: list[int]) -> None:
    module = _dense(outputs)
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    JamOutputs().run(module, PassContext(target=load_target(target), goal=goal))
    assert _folds(module) == accumulators
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()


def test_what_the_outputs_share_is_loaded_once() -> None:
    module = _dense(8)
    JamOutputs().run(module, PassContext())
    fold = next(o for o in main_function(module).walk() if o.name == "loop.for" and o.results)
    reads = [o for o in fold.body if o.name == "loop.read"]
    assert len(reads) == 5, "one activation and four weights"


def test_a_loop_around_a_padded_window_is_not_jammed_where_its_bounds_differ() -> None:
    types = [TensorType(shape, F32) for shape in ((1, 4, 4, 1), (1, 3, 3, 1), (1,))]
    module = chain(types, [("graph.conv2d", [0, 1, 2], {"pad": [1, 1, 1, 1]})])
    LowerToLoops().run(module, PassContext())
    before = [loop.step(o) for o in module.walk() if o.name == "loop.for"]
    JamOutputs().run(module, PassContext())
    assert [loop.step(o) for o in module.walk() if o.name == "loop.for"] == before
