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
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.stream_rows import StreamRows
from tinyir.prove.obligations import Ledger, discharge
from tinyir.prove.ring import RingClaim
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pipeline import PassPipeline

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
    monkeypatch.setattr(RowGroups, "_ending_at", lambda self, last: _every_group(self, last, together))
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


def _every_group(groups: RowGroups, last: int, together: int) -> list[Group]:
    """Streams of several rows a step, and stages that stand alone."""
    streams = [first for first in range(last) if all(stage.nest is not None for stage in groups.stages[first : last + 1])]
    paces = [(first, pace) for first in streams if (pace := groups._pace(first, last)) is not None]
    found = [group for first, pace in paces if (group := groups._group(first, last, pace, together)) is not None]
    return [Group(last, last, None, *groups._bytes(last, last, None)), *found]


def test_nothing_is_streamed_where_nothing_is_gained() -> None:
    module = MODELS["ad"]()
    assert not len(streamed(module))
    assert not rings(module)
