"""Streaming row by row: the same bytes in less memory, in rings as short as they can be."""

from __future__ import annotations

import attrs
import numpy
import pytest

from tests.oracle.cases import soaking
from tests.passes.loop_programs import Window
from tests.passes.models import HALVED, MODELS, SAME, Network
from tests.passes.pipeline import apply
from tinyir.backends.target import load_target
from tinyir.dialects.buffer import global_type, size_bytes, symbol_name
from tinyir.dialects.nest_translation import NestTranslation
from tinyir.dialects.row_groups import Group, RowGroups
from tinyir.interp.machine import InterpreterError, run
from tinyir.ir.attributes import DenseArray
from tinyir.ir.operation import Operation
from tinyir.ir.types import I64
from tinyir.passes import stream_rows
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.stream_rows import StreamRows
from tinyir.prove.claim import Verdict
from tinyir.prove.obligations import Ledger, Obligation, discharge
from tinyir.prove.ring import RingClaim
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.reader import parse

SEEDS = range(200 if soaking() else 12)


def streamed(module: Operation) -> Ledger:
    ledger = Ledger()
    apply(module, [StreamRows()], PassContext(ledger=ledger))
    return ledger


def arena_bytes(module: Operation) -> int:
    apply(module, [Bufferize(), PlanMemory()], PassContext(ledger=Ledger()))
    return next(size_bytes(global_type(op)) for op in module.body if op.name == "buffer.global" and symbol_name(op) == "arena")


def rings(module: Operation) -> list[Operation]:
    return [operation for operation in module.walk() if operation.name == "loop.tensor" and "fold" in operation.properties]


def random_network(seed: int) -> Operation:
    """A chain of windows of all kinds, with a residual now and then."""
    random = numpy.random.default_rng(seed)
    channels = int(random.integers(2, 6))
    n = Network("net", (int(random.integers(8, 15)), int(random.integers(4, 8)), channels), 3, seed)
    for layer in range(int(random.integers(2, 6))):
        kind = random.integers(5)
        if min(n.shape[1:3]) < 3:
            break
        if kind == 0:
            n.depthwise(f"depthwise{layer}", (3, 3), SAME if random.integers(2) else HALVED)
        elif kind == 1:
            n.convolution(f"point{layer}", int(random.integers(2, 9)), (1, 1), Window((2, 2)) if random.integers(2) else Window())
        elif kind == 2:
            n.convolution(f"window{layer}", int(random.integers(2, 9)), (3, 2), Window((int(random.integers(1, 3)), 1), (1, 0, 1, 1)))
        else:
            skip = n.last
            made = n.convolution(f"branch{layer}", n.shape[3], (3, 3), SAME)
            if kind == 4:
                skip = n.convolution(f"skip{layer}", n.shape[3], (1, 1), Window(), skip)
            n.add(f"add{layer}", skip, made)
    n.dense("last", 3)
    return n.finish()


def inputs_of(module: Operation, seed: int) -> dict[str, numpy.ndarray]:
    (function,) = [operation for operation in module.body if operation.name == "func.func"]
    (argument,) = function.body.arguments
    shape = getattr(argument.type, "shape", ())
    return {"x": numpy.random.default_rng(seed).integers(-128, 128, shape).astype(numpy.int8)}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_gives_the_same_bytes_streamed(seed: int) -> None:
    plain, loops, memory = (random_network(seed) for _ in range(3))
    x = inputs_of(plain, seed)
    expected = run(plain, x)["y"].tolist()
    ledger = streamed(loops)
    assert ledger.summary()["proved"] == len(ledger) >= len(rings(loops))
    assert run(loops, x)["y"].tolist() == expected
    streamed(memory)
    assert arena_bytes(memory) <= arena_bytes(plain)
    assert run(memory, x)["y"].tolist() == expected


@pytest.mark.parametrize(("name", "most_bytes"), [("ic", 17_000), ("vww", 28_000)])
def test_mlperf_tiny_needs_less_than_its_layers_do(name: str, most_bytes: int) -> None:
    module = MODELS[name]()
    assert len(streamed(module)) == len(rings(module)) > 0
    assert arena_bytes(module) <= most_bytes


def test_no_ring_could_be_shorter() -> None:
    module = MODELS["ic"]()
    claims = [obligation for obligation, _ in streamed(module) if isinstance(obligation.claim, RingClaim)]
    assert claims
    for obligation in claims:
        claim = obligation.claim
        assert isinstance(claim, RingClaim)
        assert discharge(obligation, "z3").state == "proved"
        if claim.length > 1:
            shorter = attrs.evolve(obligation, claim=attrs.evolve(claim, length=claim.length - 1))
            assert discharge(shorter).state == discharge(shorter, "z3").state == "refuted"


def test_the_interpreter_finds_a_ring_that_is_too_short() -> None:
    module = MODELS["ic"]()
    streamed(module)
    ring = next(operation for operation in rings(module) if max(_fold(operation)) > 1)
    ring.properties["fold"] = DenseArray([max(length - 1, 0) for length in _fold(ring)], I64)
    with pytest.raises(InterpreterError, match="folded over"):
        run(module, inputs_of(module, 0))


def _fold(operation: Operation) -> list[int]:
    fold = operation.properties["fold"]
    assert isinstance(fold, DenseArray)
    return [int(length) for length in fold.values]


def test_a_tensor_that_several_nests_make_parts_of_is_one_ring() -> None:
    def module() -> Operation:
        n = Network("net", (16, 6, 3), 3)
        n.convolution("stem", 4, (1, 1), Window())
        n.convolution("wide", 8, (1, 1), Window())
        wide = n.last
        branches = [n.convolution(f"branch{size}", 2 + size, (size, size), Window((1, 1), (size // 2,) * 4), wide) for size in (1, 3)]
        n.join("joined", branches)
        n.convolution("last", 2, (3, 3), SAME)
        n.dense("dense", 3)
        return n.finish()

    plain, loops = module(), module()
    ledger = streamed(loops)
    joined = next(ring for ring in rings(loops) if sum(user.name == "loop.define" for user in ring.result.users) == 2)
    assert max(_fold(joined)) < 16
    assert ledger.summary()["proved"] == len(ledger) > len(rings(loops))
    x = inputs_of(plain, 0)
    assert run(loops, x)["y"].tolist() == run(plain, x)["y"].tolist()
    assert arena_bytes(loops) < arena_bytes(plain)


def signal(length: int, stride: int, pad: int) -> Operation:
    """Windows over an image one element wide, a residual and sums over all rows."""
    n = Network("net", (length, 1, 6), 3)
    n.convolution("stem", 8, (3, 1), Window((1, 1), (pad, 0, 2 - pad, 0)))
    skip = n.convolution("halved", 8, (5, 1), Window((stride, 1), (2, 0, 2, 0)))
    n.add("added", skip, n.convolution("branch", 8, (3, 1), Window((1, 1), (1, 0, 1, 0))))
    n.depthwise("pool", (n.shape[1], 1), Window())
    n.dense("dense", 3)
    return n.finish()


@pytest.mark.parametrize(("length", "stride", "pad", "together"), [(24, 1, 1, 4), (24, 2, 1, 4), (21, 1, 2, 6), (23, 2, 0, 2), (19, 2, 1, 8)])
def test_a_step_may_make_several_rows(length: int, stride: int, pad: int, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whole blocks and in parts of them, at the start and at the end."""
    monkeypatch.setattr(RowGroups, "best", lambda self: _longest_groups(self, together))
    plain, loops = signal(length, stride, pad), signal(length, stride, pad)
    ledger = Ledger()
    context = PassContext(target=load_target("cortex-m4"), ledger=ledger, goal="ram", translations=(NestTranslation(),))
    PassPipeline([StreamRows(at_any_cost=True), BlockProducts(), JamOutputs()]).run(loops, context)
    assert not context.remarks
    assert ledger.summary()["proved"] == len(ledger) > len(rings(loops)) > 2
    assert any("lean_blocks" in str(o.attributes.get("schedule")) and o.parent_operation is not None for o in loops.walk())
    for obligation, _ in ledger:
        if isinstance(obligation.claim, RingClaim):
            assert discharge(obligation, "z3").state == "proved"
    x = inputs_of(plain, 0)
    expected = run(plain, x)["y"].tolist()
    assert run(loops, x)["y"].tolist() == expected
    apply(loops, [Bufferize(), PlanMemory()], PassContext(ledger=Ledger()))
    assert run(loops, x)["y"].tolist() == expected


SUMS = """func.func @f(%x: tensor<13x4xi32>) -> tensor<4xi32> {
  %zero = arith.constant 0 : i32
  %a = loop.tensor : tensor<13x4xi32>
  loop.for %p = 0 to 13 parallel {
    loop.for %c = 0 to 4 parallel {
      %v = loop.read %x[%p, %c] : tensor<13x4xi32>
      loop.define %v, %a[%p, %c] : tensor<13x4xi32>
      loop.yield
    }
    loop.yield
  }
  %b = loop.tensor : tensor<11x4xi32>
  loop.for %p = 0 to 11 parallel {
    loop.for %c = 0 to 4 parallel {
      %v = loop.read %a[%p, %c] : tensor<13x4xi32>
      %w = loop.read %a[%p + 2, %c] : tensor<13x4xi32>
      %d = arith.muli %v, %w : i32
      loop.define %d, %b[%p, %c] : tensor<11x4xi32>
      loop.yield
    }
    loop.yield
  }
  %y = loop.tensor : tensor<4xi32>
  loop.for %c = 0 to 4 parallel {
    %s = loop.for %p = 0 to 11 iter(%sum = %zero) -> (i32) {
      %v = loop.read %b[%p, %c] : tensor<11x4xi32>
      %t = arith.addi %sum, %v : i32
      loop.yield %t : i32
    }
    loop.define %s, %y[%c] : tensor<4xi32>
    loop.yield
  }
  return %y : tensor<4xi32>
}
"""


def streamed_sums(together: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Operation, list[tuple[Obligation, Verdict]]]:
    """The module, and what is stated of its sums."""
    monkeypatch.setattr(RowGroups, "best", lambda self: _longest_groups(self, together))
    ledger, module = Ledger(), parse(SUMS)
    StreamRows(at_any_cost=True).run(module, PassContext(ledger=ledger))
    return module, [(obligation, verdict) for obligation, verdict in ledger if "_sums' are kept" in obligation.statement]


@pytest.mark.parametrize("together", [2, 3, 4, 16])
def test_sums_are_carried_through_several_rows_a_step(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module, stated = streamed_sums(together, monkeypatch)
    assert [verdict.state for _, verdict in stated] == [discharge(obligation, "z3").state for obligation, _ in stated] == ["proved"]
    x = {"input_0": numpy.arange(52, dtype=numpy.int32).reshape(13, 4)}
    assert run(module, x)["output_0"].tolist() == run(parse(SUMS), x)["output_0"].tolist()


@pytest.mark.parametrize("late", [-1, 1])
def test_sums_of_rows_that_come_in_another_step_than_they_must_are_refuted(late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = stream_rows.row_bounds
    monkeypatch.setattr(stream_rows, "row_bounds", lambda timing, rows: bounds(attrs.evolve(timing, shift=timing.shift + late), rows))
    assert [verdict.state for _, verdict in streamed_sums(4, monkeypatch)[1]] == ["refuted"]


def _longest_groups(groups: RowGroups, together: int) -> tuple[int, list[Group]]:
    """As many stages in a stream as there can be, with so many steps in one, and the peak that they take."""
    found: list[Group] = []
    while (first := found[-1].last + 1 if found else 0) < len(groups.stages):
        ends = [last for last in range(first + 1, len(groups.stages)) if all(stage.nest is not None for stage in groups.stages[first : last + 1])]
        paces = [(last, pace) for last in reversed(ends) if (pace := groups._pace(first, last)) is not None]
        streams = [group for last, pace in paces if (group := groups._group(first, last, pace, together)) is not None]
        found.append(streams[0] if streams else Group(first, first, None, *groups._bytes(first, first, None)))
    return max(group.bytes for group in found), found


def test_nothing_is_streamed_where_nothing_is_gained() -> None:
    module = MODELS["ad"]()
    assert not len(streamed(module))
    assert not rings(module)
