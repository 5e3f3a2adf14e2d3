"""The obligations of accesses: all of them are stated, wrong ones are refuted, and indices are as wide as they must be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

from tests.graphs import chain
from tests.passes.loop_programs import Program
from tests.passes.models import MODELS, SAME, Network
from tests.passes.pipeline import apply, generate, run
from tinyir.dialects.buffer import access_map
from tinyir.ir.affine import AffineMap
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.builder import functions
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, I32, INDEX, TensorType
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.lower_to_loops import LowerToLoops
from tinyir.passes.outline_layers import OutlineLayers
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.prove_bounds import ProveBounds
from tinyir.prove.obligations import Ledger, discharge
from tinyir.rewrite.passes import PassContext


def proved(module: Operation, int_bits: int = 32) -> Ledger:
    ledger = Ledger()
    target = SimpleNamespace(name="test", c=SimpleNamespace(int_bits=int_bits), memories=(), costs=None)
    apply(module, [ProveBounds()], PassContext(target=target, ledger=ledger))
    return ledger


def lowered(module: Operation) -> Operation:
    apply(module, [Bufferize(), PlanMemory(), OutlineLayers()])
    return module


@pytest.mark.parametrize("name", MODELS)
def test_every_access_of_the_models_is_proved(name: str) -> None:
    module = lowered(MODELS[name]())
    accesses = sum(op.name in ("buffer.load", "buffer.store") for op in module.walk())
    ledger = proved(module)
    assert sum(obligation.kind == "bounds" for obligation, _ in ledger) == accesses
    assert ledger.summary()["proved"] == len(ledger)


def padded() -> Operation:
    n = Network("net", (6, 5, 2), 4)
    n.depthwise("window", (3, 3), SAME)
    n.dense("dense", 4)
    return lowered(n.finish())


def test_z3_agrees_on_a_padded_window() -> None:
    states = [discharge(obligation, "z3").state for obligation, _ in proved(padded())]
    assert set(states) == {"proved"}


def test_an_access_moved_by_one_element_is_refuted() -> None:
    """Each load and store in turn, by one column: at the border it leaves its memory."""
    count = sum(op.name in ("buffer.load", "buffer.store") for op in padded().walk())
    for number in range(count):
        module = padded()
        moved = [op for op in module.walk() if op.name in ("buffer.load", "buffer.store")][number]
        mapping = access_map(moved)
        moved.properties["map"] = AffineMap(mapping.dimensions, 0, [*mapping.results[:-1], mapping.results[-1] + 1])
        assert proved(module).summary()["refuted"] == 1


def test_a_condition_guards_its_first_branch_alone() -> None:
    """The load of a padding stands where its index is inside; where it is outside, the load leaves its memory."""
    for turned in (False, True):
        module = chain([TensorType((2, 3), I8)], [("graph.pad", [0], {"low": [0, 1], "high": [0, 2]})])
        apply(module, [LowerToLoops(), Bufferize()])
        (condition,) = [operation for operation in module.walk() if operation.name == "loop.if"]
        inside, outside = (region.blocks[0] for region in condition.regions)
        if turned:
            moved, kept = list(inside), list(outside)
            for operation in (*moved, *kept):
                operation.detach()
            for operation in moved:
                outside.append(operation)
            for operation in kept:
                inside.append(operation)
        assert proved(module).summary()["refuted"] == int(turned)


def test_an_index_from_data_stays_within_what_its_type_allows() -> None:
    def lookup(mask: int) -> Operation:
        p = Program("net", {"x": TensorType([8], I8)}, {"y": TensorType([8], I32)})
        table, y = p.constant(numpy.arange(16, dtype=numpy.int32)), p.tensor([8], I32)
        with p.loop(0, 8, parallel=True) as i:
            wanted = p.arith("andi", p.widen(p.read(p.inputs[0], i.index)), p.scalar(mask, I32))
            p.define(p.read(table, p.new_index(p.arith("index_cast", wanted, type=INDEX))), y, i.index)
        return lowered(p.finish(y))

    assert proved(lookup(15)).summary()["refuted"] == 0
    assert proved(lookup(31)).summary()["refuted"] == 1


def copy(elements: int) -> Operation:
    p = Program("net", {"x": TensorType([elements], I8)}, {"y": TensorType([elements], I8)})
    y = p.tensor([elements], I8)
    with p.loop(0, elements, parallel=True) as i:
        p.define(p.read(p.inputs[0], i.index), y, i.index)
    return p.finish(y)


@pytest.mark.parametrize(("elements", "bits"), [(32767, 16), (32768, 32)])
def test_indices_have_sixteen_bits_where_int_has_and_that_is_enough(elements: int, bits: int) -> None:
    module = copy(elements)
    apply(module, [Bufferize(), OutlineLayers()])
    proved(module, int_bits=16)
    chosen = [function.attributes["index_bits"] for function in functions(module) if "index_bits" in function.attributes]
    assert [attribute.value for attribute in chosen if isinstance(attribute, IntegerAttribute)] == [bits]


def test_a_program_with_indices_of_sixteen_bits_runs(tmp_path: Path) -> None:
    module = copy(300)
    apply(module, [Bufferize(), OutlineLayers()])
    proved(module, int_bits=16)
    generated = generate(module, [LowerToC()])
    assert "int16_t" in generated.source
    assert "int32_t" not in generated.source
    x = numpy.arange(300).astype(numpy.int8)[None]
    assert run(generated, tmp_path, {"x": x}).outputs["y"].tolist() == x.tolist()
