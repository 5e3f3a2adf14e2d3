"""Layers of one shape share a function: with fewer bytes of code, the same bytes of output, and a check that can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import numpy
import pytest

from tests.passes.loop_programs import Program
from tests.passes.models import HALVED, MODELS, SAME, Network
from tests.passes.pipeline import apply, generate, run
from tinyir.dialects.buffer import symbol_name
from tinyir.dialects.c_parameters import Parameters
from tinyir.dialects.c_shapes import Hole
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import F32, I8, I32, TensorType
from tinyir.passes import merge_functions
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.collapse_loops import CollapseLoops
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.mark_no_overflow import MarkNoOverflow
from tinyir.passes.merge_functions import MergeFunctions
from tinyir.passes.outline_layers import OutlineLayers
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.simplify_c import SimplifyC
from tinyir.rewrite.passes import Pass
from tinyir.text.reader import parse

LOWER: tuple[Pass, ...] = (Bufferize(), CollapseLoops(long_enough=0), PlanMemory(), MarkNoOverflow(), OutlineLayers())
APART: tuple[Pass, ...] = (*LOWER, LowerToC(hoist_above=0, apart=False))
MERGED: tuple[Pass, ...] = (*LOWER, LowerToC(canonical=True, hoist_above=0, apart=False), MergeFunctions(), SimplifyC())


def layers(module: Operation) -> list[Operation]:
    return [op for op in module.body if op.name == "c.function" and not {"network", "inline"} & op.properties.keys()]


def lowered(module: Operation) -> Operation:
    apply(module, MERGED)
    return module


def test_the_layers_of_mlperf_tiny_need_few_functions() -> None:
    found = {name: len(layers(lowered(make()))) for name, make in MODELS.items()}
    # kws: conv, depthwise, pointwise, pool, dense; ad: dense only
    assert found["ad"] == 1
    assert found["kws"] <= 4
    assert found["vww"] <= 6
    assert found["ic"] <= 6


def mixed() -> Operation:
    n = Network("net", (8, 9, 3), 4, seed=11)
    first = n.convolution("a", 4, (3, 3), SAME)
    second = n.convolution("b", 6, (3, 3), SAME, first)
    n.convolution("c", 6, (3, 3), SAME, second)
    n.add("d", second, n.last)
    n.depthwise("e", (3, 3), HALVED)
    n.dense("f", 9)
    n.dense("g", 4)
    return n.finish()


@pytest.mark.parametrize("make", [mixed, MODELS["kws"]], ids=["mixed", "kws"])
def test_merged_layers_give_the_same_bytes(require_tool: Callable[[str], str], tmp_path: Path, make: Callable[[], Operation]) -> None:
    require_tool("cc")
    apart, merged = generate(make(), APART), generate(make(), MERGED)
    assert merged.source.count("\nstatic void ") < apart.source.count("\nstatic void ")
    x = numpy.random.default_rng(8).integers(-128, 128, (2, apart.manifest.inputs[0].elements)).astype(numpy.int8)
    (tmp_path / "apart").mkdir()
    (tmp_path / "merged").mkdir()
    expected = run(apart, tmp_path / "apart", {"x": x}).outputs["y"]
    assert run(merged, tmp_path / "merged", {"x": x}).outputs["y"].tolist() == expected.tolist()


def scaled(factors: tuple[float, ...], sizes: tuple[int, ...]) -> Program:
    """A chain of layers, each multiplying a vector of its own size by its own factor."""
    p = Program("net", {"x": TensorType([max(sizes)], F32)}, {"y": TensorType([sizes[-1]], F32)})
    last: Value = p.inputs[0]
    for number, (factor, size) in enumerate(zip(factors, sizes, strict=True)):
        with p.layer(f"layer{number}"):
            made = p.tensor([size], F32, f"t{number}")
            with p.loop(0, size, parallel=True) as i:
                value = p.arith("mulf", p.read(last, i.index), p.scalar(factor, F32))
                p.define(p.arith("addf", value, p.scalar(0.5, F32)), made, i.index)
            last = made
    p.finish(last)
    return p


def test_what_changes_together_is_one_parameter_and_what_does_not_change_is_none() -> None:
    module = lowered(scaled((2.0, 3.0, 4.0), (9, 8, 7)).module)
    (function,) = layers(module)
    assert sorted(str(argument.type) for argument in function.body.arguments) == ["f32", "i32"]  # factor and extent, not 0.5


def test_layers_that_compute_differently_stay_apart() -> None:
    p = scaled((2.0, 3.0), (9, 8))
    last = next(op for op in p.module.walk() if op.name == "arith.addf")
    last.name = "arith.subf"
    assert len(layers(lowered(p.module))) == 2


def test_a_function_that_would_need_more_parameters_than_it_is_worth_stays_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_functions, "PARAMETER_BYTES", 1000)
    assert len(layers(lowered(scaled((2.0, 3.0, 4.0), (9, 8, 7)).module))) == 3


def test_a_call_with_a_wrong_argument_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Parameters.of

    def wrong(rows: Sequence[Sequence[Hole]]) -> Parameters:
        first, *others = right(rows).everything
        return Parameters((attrs.evolve(first, contents=first.contents[::-1]), *others), {})

    monkeypatch.setattr(Parameters, "of", wrong)
    with pytest.raises(AssertionError, match="changed what it does"):
        lowered(scaled((2.0, 3.0), (9, 8)).module)


def test_the_comments_of_merged_layers_stand_at_their_parameters() -> None:
    source = generate(mixed(), MERGED).source
    for name in "abc":
        assert f"/* {name}\n" in source
    assert "layers that differ in numbers only" in source


def folded(make: Callable[[Program], None]) -> str:
    """The C of one layer over four bytes, simplified after it was lowered in full."""
    p = Program("net", {"x": TensorType([64], I8)}, {"y": TensorType([64], I8)})
    make(p)
    return generate(p.module, [Bufferize(), OutlineLayers(), LowerToC(canonical=True, hoist_above=99), SimplifyC()]).source


def test_simplified_index_arithmetic_has_no_neutral_operations_left() -> None:
    def make(p: Program) -> None:
        y = p.tensor([64], I8, "y")
        with p.loop(0, 4) as i, p.loop(0, 8) as j:
            p.define(p.read(p.inputs[0], i.index * 8 + j.index), y, j.index * 4 + i.index + 2)
        p.finish(y)

    assert "[i2 * 4 + i + 2]" in folded(make)


def test_arithmetic_of_the_network_itself_is_not_dropped() -> None:
    """A wrapping sum of an accumulator with zero reads the variable when it stood there."""

    def make(p: Program) -> None:
        y = p.tensor([64], I8, "y")
        with p.loop(0, 4, [p.scalar(1, I32), p.scalar(2, I32)]) as i:
            a, b = i.accumulators
            p.yield_(p.arith("addi", b, p.scalar(0, I32)), p.arith("addi", a, p.scalar(0, I32)))
        p.define(p.arith("trunci", i.results[0], type=I8), y, 0)
        p.finish(y)

    source = folded(make)
    assert "const int32_t" in source  # one of the two is taken before the other changes


def test_symbol_names_stay_those_of_the_layers() -> None:
    assert symbol_name(layers(lowered(scaled((2.0, 3.0), (9, 8)).module))[0]) == "layer0"


def far_and_near(far: int, near: int, end: int) -> str:
    return f"""
  %m = c.address @arena : memref<?xi8, "ram">
  %z = c.literal 0 : i32
  %n = c.literal {end} : i32
  %far = c.literal {far} : i32
  %near = c.literal {near} : i32
  c.for %i = %z to %n by 1 : i32 {{
    %p = c.binary %i "+" %far : i32
    %q = c.binary %i "+" %near : i32
    %a = c.load %m[%p] : memref<?xi8, "ram">
    %b = c.binary %a "+" %a : i8
    %c = c.binary %b "+" %a : i8
    %d = c.binary %c "+" %b : i8
    c.store %d, %m[%q] : memref<?xi8, "ram">
  }}
"""


@pytest.mark.parametrize("apart", [-4, 4])
def test_an_offset_follows_from_one_before_it_whichever_is_less(apart: int) -> None:
    bodies = [far_and_near(far, far + apart, end) for far, end in ((40, 100), (60, 80))]
    functions = "".join(f"c.function @layer_{number}() attributes {{apart}} {{{body}}}\n" for number, body in enumerate(bodies))
    calls = "c.function @net() attributes {network} { c.call @layer_0() : () -> () c.call @layer_1() : () -> () }"
    module = parse(f"c.storage @arena {{bytes = 200, elements = [i8]}}\n{functions}{calls}")
    apply(module, [MergeFunctions()])
    (merged,) = layers(module)
    assert len(merged.body.arguments) == 2, "the second offset is computed from the first"
