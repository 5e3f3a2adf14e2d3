"""The arena: as small as it can be, and the network gives the same bytes in it."""

from __future__ import annotations

import attrs
import numpy
import pytest

from tests.passes.loop_programs import Array, Program, Window
from tests.passes.models import HALVED, MODELS, SAME, Network
from tests.passes.pipeline import apply
from tinyir.dialects import loop
from tinyir.dialects.buffer import global_type, integer_property, size_bytes, symbol_name
from tinyir.interp.machine import run
from tinyir.ir.attributes import DenseArray
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import F32, I8, I64, TensorType
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.plan_memory import PlanMemory
from tinyir.prove.memory_check import PlanClaim
from tinyir.prove.memory_planner import Plan, plan_memory
from tinyir.prove.memory_problem import Buffer
from tinyir.prove.obligations import Ledger, discharge
from tinyir.prove.overlap import InPlaceClaim, OverlapClaim
from tinyir.rewrite.passes import PassContext


def arena_bytes(module: Operation) -> int:
    return next(size_bytes(global_type(op)) for op in module.body if op.name == "buffer.global" and symbol_name(op) == "arena")


def offsets(module: Operation) -> dict[str, int]:
    return {op.result.name: integer_property(op, "offset") for op in module.walk() if op.name == "buffer.view"}


def planned(module: Operation, share: bool = True) -> Ledger:
    ledger = Ledger()
    apply(module, [Bufferize(), PlanMemory(share=share)], PassContext(ledger=ledger))
    return ledger


@pytest.mark.parametrize(("name", "most_bytes"), [("kws", 8384), ("ic", 33311), ("vww", 36871), ("ad", 767)])
def test_the_arenas_of_mlperf_tiny_are_the_least_possible(name: str, most_bytes: int) -> None:
    module = MODELS[name]()
    ledger = planned(module)
    assert arena_bytes(module) == most_bytes
    plan = [obligation for obligation, _ in ledger if "least possible" in obligation.statement]
    assert len(plan) == 1
    assert ledger.summary()["proved"] == len(ledger)


def small_network() -> Operation:
    n = Network("net", (9, 7, 4), 3, seed=3)
    skip = n.convolution("first", 8, (3, 3), SAME)
    n.depthwise("second", (3, 3), SAME)
    second = n.last
    n.add("third", n.convolution("branch", 8, (1, 1), Window(), skip), second)
    n.convolution("fourth", 6, (3, 3), HALVED)
    n.dense("fifth", 3)
    return n.finish()


def test_a_network_gives_the_same_bytes_in_its_arena() -> None:
    x = numpy.random.default_rng(1).integers(-128, 128, (1, 9, 7, 4)).astype(numpy.int8)
    apart, together = small_network(), small_network()
    apply(apart, [Bufferize()])
    planned(together)
    ram = sum(size_bytes(global_type(op)) for op in apart.body if op.name == "buffer.global" and "value" not in op.properties)
    assert arena_bytes(together) < 0.6 * ram
    assert run(together, {"x": x})["y"].tolist() == run(apart, {"x": x})["y"].tolist()


def stepwise(rows: int) -> Operation:
    """A ring of two rows under two shapes between two loops over the rows, both with scratch of their own."""
    program = Program("net", {"x": TensorType([1, rows, 6], I8)}, {"y": TensorType([1, rows, 6], I8)})
    (x,) = program.inputs
    ring, y = program.tensor([1, rows, 6], I8), program.tensor([1, rows, 6], I8, "y")
    assert ring.definer is not None
    ring.definer.properties["fold"] = DenseArray([0, 2, 0], I64)
    pairs = program.reshape(ring, [1, rows, 2, 3])
    with program.loop(0, rows) as step:
        for source, target in ((x, ring), (pairs, y)):
            with program.loop(0, 1, parallel=True):
                scratch = program.tensor([6], I8)
                with program.loop(0, 2, parallel=True) as i, program.loop(0, 3, parallel=True) as j:
                    at = [step.index, i.index * 3 + j.index] if source is x else [step.index, i.index, j.index]
                    program.define(program.read(source, 0, *at), scratch, i.index * 3 + j.index)
                with program.loop(0, 6, parallel=True) as k:
                    program.define(program.read(scratch, 5 - k.index), target, 0, step.index, k.index)
    return program.finish(y)


def test_scratch_of_different_parts_of_a_nest_lies_in_the_same_bytes() -> None:
    plain, together = stepwise(5), stepwise(5)
    x = numpy.arange(30, dtype=numpy.int8).reshape(1, 5, 6)
    ledger = planned(together)
    assert not any(operation.name == "buffer.allocate" for operation in together.walk())
    assert arena_bytes(together) == 30 + 2 * 6 + 6
    assert ledger.summary()["proved"] == len(ledger)
    assert run(together, {"x": x})["y"].tolist() == run(plain, {"x": x})["y"].tolist() == x.tolist()


def test_iterations_that_follow_each_other_through_a_ring_run_one_by_one() -> None:
    program = Program("net", {"x": TensorType([6, 4], I8)}, {"y": TensorType([6, 4], I8)})
    (x,) = program.inputs
    ring, y = program.tensor([6, 4], I8), program.tensor([6, 4], I8, "y")
    assert ring.definer is not None
    ring.definer.properties["fold"] = DenseArray([1, 0], I64)
    with program.loop(0, 6, parallel=True) as row:
        with program.loop(0, 4, parallel=True) as i:
            program.define(program.read(x, row.index, i.index), ring, row.index, i.index)
        with program.loop(0, 4, parallel=True) as i:
            program.define(program.read(ring, row.index, i.index), y, row.index, i.index)
    values = numpy.arange(24, dtype=numpy.int8).reshape(6, 4)
    assert run(program.finish(y), {"x": values})["y"].tolist() == values.tolist()


def test_scratch_of_one_part_is_kept_apart() -> None:
    one, other = Buffer("a", 4, 1, 1, parts=(1, 2)), Buffer("b", 4, 1, 1, parts=(3, 3))
    for second, arena in ((other, 4), (attrs.evolve(other, parts=(2, 3)), 8), (attrs.evolve(other, parts=None), 8)):
        plan = plan_memory([one, second])
        assert plan.arena_bytes == plan.lower_bound_bytes == arena
        assert PlanClaim.of([one, second], [], plan).check("z3").state == "proved"
    together = Plan({"a": 0, "b": 0}, {}, 8, 0)
    assert PlanClaim.of([one, other], [], together).check().state == "proved"
    assert PlanClaim.of([one, attrs.evolve(other, parts=(2, 3))], [], together).check().state == "refuted"


def test_every_shared_byte_has_a_proof_that_one_byte_closer_would_break() -> None:
    ledger = planned(small_network())
    claims = [obligation for obligation, _ in ledger if isinstance(obligation.claim, OverlapClaim)]
    assert claims
    tight = 0
    for obligation in claims:
        claim = obligation.claim
        assert isinstance(claim, OverlapClaim)
        assert discharge(obligation, "z3").state == "proved"
        closer = attrs.evolve(obligation, claim=attrs.evolve(claim, distance=claim.distance - 1))
        tight += discharge(closer).state == "refuted"
    assert tight


def channels_of_their_own(rows: int, step: int) -> Operation:
    """Each channel is copied into scratch, then every so many of its rows go into the result, last row first."""
    program = Program("net", {"x": TensorType([rows, 5], I8)}, {"y": TensorType([rows // step, 5], I8)})
    (x,) = program.inputs
    y = program.tensor([rows // step, 5], I8, "y")
    with program.loop(0, 5, parallel=True) as channel:
        scratch = program.tensor([rows], I8)
        with program.loop(0, rows, parallel=True) as row:
            program.define(program.read(x, row.index, channel.index), scratch, row.index)
        with program.loop(0, rows // step, parallel=True) as row:
            program.define(program.read(scratch, rows - 1 - row.index * step), y, row.index, channel.index)
    return program.finish(y)


@pytest.mark.parametrize("step", [1, 2])
def test_a_result_lies_in_place_of_channels_that_are_read_one_by_one(step: int) -> None:
    module = channels_of_their_own(12, step)
    x = numpy.random.default_rng(step).integers(-128, 128, (12, 5)).astype(numpy.int8)
    ledger = planned(module)
    assert arena_bytes(module) == 12 * 5 + 12
    assert [discharge(o, prover).state for o, _ in ledger if isinstance(o.claim, InPlaceClaim) for prover in ("native", "z3")] == ["proved"] * 2
    assert numpy.array_equal(run(module, {"x": x})["y"], x[::-1][::step])


def test_without_sharing_all_that_lives_at_once_is_apart() -> None:
    module = small_network()
    planned(module, share=False)
    assert not any("reverse" in op.properties for op in module.walk())
    assert arena_bytes(module) == 3 * 9 * 7 * 8  # skip, second and branch


def two_stencils(parallel: bool) -> Operation:
    """Twice the sum of each element and its neighbours, sixteen elements."""
    p = Program("net", {"x": TensorType([16], I8)}, {"y": TensorType([16], I8)})
    last: Value = p.inputs[0]
    for name in ("middle", "y"):
        made = p.tensor([16], I8, name)
        with p.loop(0, 16, parallel=parallel) as i:
            with p.loop([0, i.index - 1], [16, i.index + 2], [p.scalar(0, I8)]) as j:
                p.yield_(p.arith("addi", j.accumulators[0], p.read(last, j.index)))
            p.define(j.results[0], made, i.index)
        last = made
    return p.finish(last)


def test_a_nest_is_turned_round_only_if_its_iterations_may_change_places() -> None:
    free, ordered = two_stencils(parallel=True), two_stencils(parallel=False)
    planned(free)
    planned(ordered)
    assert sum(loop.is_reverse(op) for op in free.walk() if op.name == "loop.for") == 1
    assert not any(loop.is_reverse(op) for op in ordered.walk() if op.name == "loop.for")
    assert (arena_bytes(free), arena_bytes(ordered)) == (17, 18)
    x = numpy.arange(16, dtype=numpy.int8)
    once = numpy.convolve(x, [1, 1, 1], "same")
    expected = numpy.convolve(once, [1, 1, 1], "same").astype(numpy.int8).tolist()
    assert run(free, {"x": x})["y"].tolist() == run(ordered, {"x": x})["y"].tolist() == expected


def test_an_output_that_is_written_before_the_input_is_read_stays_apart() -> None:
    p = Program("net", {"x": TensorType([8], I8)}, {"y": TensorType([8], I8)})
    y = p.tensor([8], I8, "y")
    with p.loop(0, 1, parallel=True):
        with p.loop(0, 4, parallel=True) as i:
            p.define(p.read(p.inputs[0], i.index), y, i.index + 4)
        with p.loop(0, 4, parallel=True) as i:
            p.define(p.read(p.inputs[0], i.index + 4), y, i.index)
    module = p.finish(y)
    planned(module)
    assert arena_bytes(module) == 16


def test_an_address_computed_from_data_may_be_anywhere() -> None:
    p = Program("net", {"x": TensorType([4], I8)}, {"y": TensorType([4], I8)})
    y = p.tensor([4], I8, "y")
    with p.loop(0, 4, parallel=True) as i:
        wanted = p.arith("andi", p.read(p.inputs[0], i.index), p.scalar(3, I8))
        place = p.new_index(p.create("arith.index_cast", [wanted], [p.indices[0].type]).result)
        p.define(p.read(p.inputs[0], place), y, i.index)
    module = p.finish(y)
    planned(module)
    assert arena_bytes(module) == 7  # the last write, and only it, may fall onto a byte that was read for the last time
    assert run(module, {"x": numpy.array([2, 1, 0, 3], numpy.int8)})["y"].tolist() == [0, 1, 2, 3]


def test_elements_of_four_bytes_lie_at_multiples_of_four() -> None:
    p = Program("net", {"x": TensorType([5], I8), "z": TensorType([3], F32)}, {"y": TensorType([3], F32)})
    y, half = p.tensor([3], F32, "y"), p.tensor([3], I8, "half")
    with p.loop(0, 3, parallel=True) as i:
        p.define(p.read(p.inputs[0], i.index + 1), half, i.index)
    with p.loop(0, 3, parallel=True) as i:
        value = p.arith("sitofp", p.widen(p.read(half, i.index)), type=F32)
        p.define(p.arith("addf", value, p.read(p.inputs[1], i.index)), y, i.index)
    module = p.finish(y)
    planned(module)
    assert all(offset % 4 == 0 for name, offset in offsets(module).items() if name in ("z", "y"))
    given: dict[str, Array] = {"x": numpy.arange(5, dtype=numpy.int8), "z": numpy.ones(3, numpy.float32)}
    assert run(module, given)["y"].tolist() == [2.0, 3.0, 4.0]
