"""The buffer and the C level as text, and what their verifiers refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.passes.models import SAME, Network
from tests.passes.pipeline import apply
from tinyir.dialects.buffer import global_type, size_bytes
from tinyir.ir.affine import AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute, StringAttribute, SymbolReference, TypeAttribute
from tinyir.ir.equality import structurally_equal
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, I32, I64, INDEX, MemRefType
from tinyir.ir.verifier import verify
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.collapse_loops import CollapseLoops
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.mark_no_overflow import MarkNoOverflow
from tinyir.passes.merge_functions import MergeFunctions
from tinyir.passes.outline_layers import OutlineLayers
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.prove_bounds import ProveBounds
from tinyir.passes.simplify_c import SimplifyC
from tinyir.rewrite.passes import Pass
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

STAGES: tuple[Pass, ...] = (
    Bufferize(),
    CollapseLoops(long_enough=0),
    PlanMemory(),
    OutlineLayers(),
    MarkNoOverflow(),
    ProveBounds(),
    LowerToC(canonical=True),
    MergeFunctions(),
    SimplifyC(),
)


def network() -> Operation:
    n = Network("net", (6, 5, 3), 4)
    first = n.convolution("first", 4, (3, 3), SAME)
    n.convolution("second", 4, (3, 3), SAME)
    n.add("third", first, n.last)
    n.dense("fourth", 4)
    return n.finish()


@pytest.mark.parametrize("generic", [False, True], ids=["pretty", "generic"])
def test_every_stage_is_valid_and_reads_back_as_it_was_printed(generic: bool) -> None:
    module = network()
    for one in STAGES:
        apply(module, [one])
        assert verify(module) == [], one.name
        text = print_module(module, generic=generic)
        again = parse(text)
        assert structurally_equal(module, again), one.name
        assert print_module(again, generic=generic) == text, one.name


def buffered() -> Operation:
    module = network()
    apply(module, [Bufferize(), PlanMemory()])
    return module


def first(module: Operation, name: str) -> Operation:
    return next(operation for operation in module.walk() if operation.name == name)


def change(name: str, property: str, value: Attribute) -> Callable[[Operation], None]:
    def make(module: Operation) -> None:
        first(module, name).properties[property] = value

    return make


def store_into_flash(module: Operation) -> None:
    constant = next(op for op in module.walk() if op.name == "buffer.get_global" and '"flash"' in str(op.result.type))
    store = first(module, "buffer.store")
    store.operands = (store.operands[0], constant.result, *store.operands[2:])


WRONG: dict[str, tuple[Callable[[Operation], None], str]] = {
    "a view beyond its source": (change("buffer.view", "offset", IntegerAttribute(1 << 20, INDEX)), "do not fit into the"),
    "a port beyond its storage": (change("buffer.port", "offset", IntegerAttribute(1 << 20, INDEX)), "do not fit into memref"),
    "a port of nothing": (change("buffer.port", "storage", SymbolReference("nowhere")), "there is no buffer.global @nowhere"),
    "a port that is neither": (change("buffer.port", "direction", StringAttribute("both")), '"input" or "output"'),
    "a load with too few indices": (change("buffer.load", "map", AffineMap(1, 0, ())), "needs 1 indices, not 0"),
    "a global of another shape": (change("buffer.global", "type", TypeAttribute(MemRefType([3], I8, None, StringAttribute("flash")))), "where memref<3xi8"),
    "a global that is no memory": (change("buffer.global", "type", TypeAttribute(I32)), "a memref of static shape"),
    "a store into flash": (store_into_flash, "flash is not written"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_buffer_operation_is_told(make: Callable[[Operation], None], message: str) -> None:
    module = buffered()
    make(module)
    assert any(message in diagnostic.message for diagnostic in verify(module))


def lowered() -> Operation:
    module = network()
    apply(module, [Bufferize(), PlanMemory(), OutlineLayers(), LowerToC()])
    return module


def assign_a_constant(module: Operation) -> None:
    assign = first(module, "c.assign")
    assign.operands = (assign.operands[1], assign.operands[1])


def compare_for_sum(module: Operation) -> None:
    total = next(op for op in module.walk() if op.name == "c.binary" and op.properties["operator"] is StringAttribute("+"))
    total.properties["operator"] = StringAttribute("==")


def count_by_nothing(module: Operation) -> None:
    first(module, "c.for").properties["step"] = IntegerAttribute(0, I32)


def index_of_no_width(module: Operation) -> None:
    first(module, "c.for").body.arguments[0].type = INDEX


WRONG_C: dict[str, tuple[Callable[[Operation], None], str]] = {
    "an unknown operator": (change("c.binary", "operator", StringAttribute("<>")), "there is no operator '<>'"),
    "a comparison as a sum": (compare_for_sum, "is no i"),
    "an assignment to a value": (assign_a_constant, "only a c.variable is assigned"),
    "a loop that never moves": (count_by_nothing, "a loop does not step by 0"),
    "an index of no width": (index_of_no_width, "C knows no index"),
    "an array that is none": (change("c.array", "value", IntegerAttribute(3, I64)), "needs dense elements as 'value'"),
}


@pytest.mark.parametrize(("make", "message"), WRONG_C.values(), ids=WRONG_C.keys())
def test_a_wrong_c_operation_is_told(make: Callable[[Operation], None], message: str) -> None:
    module = lowered()
    make(module)
    assert any(message in diagnostic.message for diagnostic in verify(module))


def test_the_size_of_a_global_is_that_of_its_elements() -> None:
    sizes = {size_bytes(global_type(op)) for op in buffered().body if op.name == "buffer.global"}
    assert 4 * 3 * 3 * 3 in sizes
