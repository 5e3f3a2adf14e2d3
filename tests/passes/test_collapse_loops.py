"""Collapsed loops: what becomes one loop, what stays two, and that nothing changes but the number of loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pytest

from tests.passes.loop_programs import Index, Program
from tests.passes.models import HALVED, MODELS, SAME, Network
from tests.passes.pipeline import apply
from tinyir.dialects import loop
from tinyir.interp.machine import run
from tinyir.ir.affine import AffineDimension
from tinyir.ir.attributes import UnitAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import F32, I8, TensorType
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.collapse_loops import CollapseLoops
from tinyir.passes.prove_bounds import ProveBounds
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext


def loops(module: Operation) -> list[Operation]:
    return [operation for operation in module.walk() if operation.name == "loop.for"]


def collapsed(module: Operation, long_enough: int = 0) -> Operation:
    ledger = Ledger()
    apply(module, [Bufferize(), CollapseLoops(long_enough=long_enough), ProveBounds()], PassContext(ledger=ledger))
    assert ledger.summary()["proved"] == len(ledger)
    return module


def network() -> Operation:
    n = Network("net", (7, 6, 3), 4, seed=5)
    first = n.convolution("first", 5, (3, 3), SAME)
    n.convolution("second", 5, (3, 3), SAME, first)
    n.add("third", first, n.last)
    n.depthwise("fourth", (3, 3), HALVED)
    n.dense("fifth", 4)
    return n.finish()


def test_a_row_of_pixels_and_channels_is_one_loop_and_gives_the_same_bytes() -> None:
    x = numpy.random.default_rng(2).integers(-128, 128, (7, 6, 3)).astype(numpy.int8)
    plain = network()
    apply(plain, [Bufferize()])
    short = collapsed(network())
    # columns and channels of two windows, all three axes of the sum
    assert len(loops(plain)) - len(loops(short)) == 1 + 1 + 2
    assert run(short, {"x": x})["y"].tolist() == run(plain, {"x": x})["y"].tolist()


def test_long_loops_of_constant_length_are_left_alone_on_request() -> None:
    assert len(loops(collapsed(network(), long_enough=4))) == len(loops(collapsed(network()))) + 1


def sums(outer: tuple[int, int], inner: tuple[int, int], shape: Sequence[int], place: Sequence[Index], reverse: bool = False) -> Operation:
    """y[0] = the sum of x[place] over two loops, in floats so that their order can be seen."""
    p = Program("net", {"x": TensorType(shape, F32)}, {"y": TensorType([1], F32)})
    y = p.tensor([1], F32)
    with p.loop(*outer, [p.scalar(0.0, F32)]) as i:
        with p.loop(*inner, i.accumulators) as j:
            p.yield_(p.arith("addf", j.accumulators[0], p.read(p.inputs[0], *place)))
        p.yield_(*j.results)
    p.define(i.results[0], y, 0)
    module = p.finish(y)
    if reverse:

        loops(module)[1].properties["reverse"] = UnitAttribute()
    return module


ROW, COLUMN = AffineDimension(0), AffineDimension(1)
CASES = {
    "rows": (((0, 4), (0, 5), (4, 5), (ROW, COLUMN)), 1),
    "a part of the rows": (((1, 3), (0, 5), (4, 5), (ROW, COLUMN)), 1),
    "columns": (((0, 4), (0, 5), (5, 4), (COLUMN, ROW)), 2),
    "a part of each row": (((0, 4), (0, 3), (4, 5), (ROW, COLUMN)), 2),
    "rows from the second element": (((0, 4), (1, 5), (4, 5), (ROW, COLUMN)), 2),
    "overlapping windows": (((0, 4), (0, 2), (9, 1), (ROW + COLUMN, 0)), 2),
    "neither moves": (((0, 4), (0, 5), (4, 5), (2, 3)), 1),
    "every second element": (((0, 4), (0, 5), (4, 10), (ROW, COLUMN * 2)), 1),
    "a division": (((0, 4), (0, 5), (4, 5), (ROW, COLUMN // 2)), 2),
}


@pytest.mark.parametrize(("arguments", "left"), CASES.values(), ids=CASES.keys())
def test_loops_collapse_where_their_addresses_do(arguments: tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[Index, Index]], left: int) -> None:
    x = numpy.random.default_rng(3).normal(size=arguments[2]).astype(numpy.float32)
    plain, short = sums(*arguments), collapsed(sums(*arguments))
    apply(plain, [Bufferize()])
    assert len(loops(short)) == left
    assert run(short, {"x": x})["y"].tobytes() == run(plain, {"x": x})["y"].tobytes()


def test_loops_that_run_in_different_directions_stay_apart() -> None:
    assert len(loops(collapsed(sums((0, 4), (0, 5), (4, 5), (ROW, COLUMN), reverse=True)))) == 2


def test_an_index_that_is_used_as_a_number_keeps_its_loop() -> None:
    p = Program("net", {"x": TensorType([4, 5], I8)}, {"y": TensorType([4, 5], I8)})
    y = p.tensor([4, 5], I8)
    with p.loop(0, 4, parallel=True) as i, p.loop(0, 5, parallel=True) as j:
        number = p.create("loop.index", [p.indices[1]], [I8], {"map": p.access([j.index])[0]}).result
        p.define(p.arith("addi", number, p.read(p.inputs[0], i.index, j.index)), y, i.index, j.index)
    assert len(loops(collapsed(p.finish(y)))) == 2


def test_sums_are_not_parallel_because_the_loop_inside_was() -> None:
    module = collapsed(MODELS["ad"]())
    for operation in loops(module):
        assert loop.is_parallel(operation) == (not operation.results)
