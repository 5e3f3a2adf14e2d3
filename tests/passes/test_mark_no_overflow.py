"""Which operations are marked: those whose exact result fits for all inputs, and no others."""

from __future__ import annotations

import numpy
import pytest

from tests.passes.loop_programs import Program, Window
from tests.passes.models import Network
from tests.passes.pipeline import apply
from tinyir.dialects.value_ranges import ValueRanges
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import I1, I8, I16, I32, I64, INDEX, TensorType
from tinyir.passes.mark_no_overflow import MarkNoOverflow
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.obligations import Ledger, discharge
from tinyir.rewrite.passes import PassContext


def program() -> Program:
    return Program("net", {"x": TensorType([300], I8)}, {"y": TensorType([300], I32)})


def marks(module: Operation) -> dict[str, list[bool]]:
    """For each kind of operation, in order, whether it was marked."""
    found: dict[str, list[bool]] = {}
    for operation in module.walk():
        if operation.name in ("arith.addi", "arith.subi", "arith.muli", "arith.shli"):
            found.setdefault(operation.name, []).append("overflowFlags" in operation.properties)
    return found


def marked(module: Operation) -> tuple[dict[str, list[bool]], Ledger]:
    ledger = Ledger()
    apply(module, [MarkNoOverflow()], PassContext(ledger=ledger))
    return marks(module), ledger


@pytest.mark.parametrize(("value", "fits"), [(256, True), (257, False)])
def test_the_greatest_product_that_fits_is_marked_and_the_next_is_not(value: int, fits: bool) -> None:
    p = program()
    p.arith("muli", p.arith("extsi", p.read(p.inputs[0], 0), type=I16), p.scalar(value, I16))
    assert marked(p.finish())[0] == {"arith.muli": [fits]}


@pytest.mark.parametrize(("trips", "fits"), [(256, True), (257, False)])
def test_a_sum_is_as_long_as_its_loop(trips: int, fits: bool) -> None:
    """-128 * 256 fits into 16 bits, -128 * 257 does not."""
    p = program()
    with p.loop(0, trips, [p.scalar(0, I16)]) as i:
        p.yield_(p.arith("addi", i.accumulators[0], p.arith("extsi", p.read(p.inputs[0], i.index), type=I16)))
    assert marked(p.finish())[0] == {"arith.addi": [fits]}


def test_windows_count_at_most_their_size_however_their_bounds_are_written() -> None:
    n = Network("net", (5, 5, 3), 4)
    n.convolution("conv", 4, (3, 3), Window((1, 1), (1, 1, 1, 1)))
    ranges = ValueRanges(n.program.module)
    widest = [op.results[0] for op in n.program.module.walk() if op.name == "loop.for" and op.results]
    low, high = ranges.of(widest[0])
    assert 27 * 255 * 126 < high < 27 * 255 * 128 + 1000
    assert -27 * 255 * 128 - 1000 < low < -27 * 255 * 126
    found, ledger = marked(n.finish())
    assert all(all(kind) for kind in found.values())
    assert ledger.summary()["proved"] == len(ledger) == 1
    assert [discharge(obligation, "z3").state for obligation, _ in ledger] == ["proved"]


def test_a_product_of_accumulators_is_left_to_wrap() -> None:
    p = program()
    with p.loop(0, 40, [p.scalar(1, I32)]) as i:
        p.yield_(p.arith("muli", i.accumulators[0], p.scalar(2, I32)))
    assert marked(p.finish())[0] == {"arith.muli": [False]}


def test_accumulators_that_feed_each_other_are_not_bounded() -> None:
    p = program()
    with p.loop(0, 100, [p.scalar(0, I32), p.scalar(1, I32)]) as i:
        a, b = i.accumulators
        p.yield_(b, p.arith("addi", a, b))
    assert marked(p.finish())[0] == {"arith.addi": [False]}


def test_a_greatest_element_is_an_element() -> None:
    p = program()
    with p.loop(0, 300, [p.scalar(-5, I32)]) as i:
        p.yield_(p.arith("maxsi", i.accumulators[0], p.widen(p.read(p.inputs[0], i.index))))
    assert ValueRanges(p.module).of(i.results[0]) == (-128, 127)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("shrsi", 4, (-8, 7)), ("andi", 15, (0, 15)), ("divsi", -3, (-42, 42)), ("floordivsi", 3, (-43, 42)), ("shli", 2, (-512, 508)), ("minsi", 5, (-128, 5))],
)
def test_ranges_of_operations_are_those_of_all_their_results(name: str, value: int, expected: tuple[int, int]) -> None:
    p = program()
    result = p.arith(name, p.widen(p.read(p.inputs[0], 0)), p.scalar(value, I32))
    assert ValueRanges(p.module).of(result) == expected


def test_constants_have_the_range_of_their_elements() -> None:
    p = program()
    table = p.constant(numpy.array([3, -7, 5], numpy.int32))
    place = p.arith("index_cast", p.read(p.inputs[0], 0), type=INDEX)
    assert ValueRanges(p.module).of(p.read(table, 1)) == (-7, 5)
    assert ValueRanges(p.module).of(place) == (-128, 127)


def test_an_unsigned_byte_is_never_negative() -> None:
    p = program()
    value = p.read(p.inputs[0], 0)
    assert ValueRanges(p.module).of(p.arith("extui", value, type=I32)) == (0, 255)
    truth = p.arith("cmpi", value, value, type=I1, predicate=IntegerAttribute(0, I64))
    assert ValueRanges(p.module).of(p.arith("extsi", truth, type=I32)) == (-1, 0)


def test_a_planted_overflow_is_refuted_by_both_provers() -> None:
    step = ArithmeticStep("*", (-128, 127), (-256, 0), 16)
    for prover in ("native", "z3"):
        verdict = ArithmeticClaim((step,)).check(prover)
        assert verdict.state == "refuted"
    assert ArithmeticClaim((ArithmeticStep("-", (0, 100), (-27, 0), 8),)).check().state == "proved"
    assert ArithmeticClaim((ArithmeticStep("-", (0, 100), (-28, 0), 8),)).check("z3").state == "refuted"
