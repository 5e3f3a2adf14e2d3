"""Nests come in the order that takes the least memory, and compute what they did."""

from __future__ import annotations

import numpy
import pytest

from tests.oracle.cases import soaking
from tests.passes.loop_programs import Window
from tests.passes.models import SAME, Network
from tests.passes.pipeline import apply
from tinyir.dialects.buffer import global_type, size_bytes, symbol_name
from tinyir.interp.machine import run
from tinyir.ir.operation import Operation
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.order_nests import OrderNests
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.stream_rows import StreamRows
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext
from tinyir.text.printer import print_module


def branches(widths: tuple[int, ...], breadth_first: bool = True) -> Operation:
    """From one input a wide tensor for each branch, of each a narrow one, and the sum of these: layer by layer, or branch by branch."""
    n = Network("net", (6, 6, 2), 3, sum(widths))
    source, ends = n.last, []
    if breadth_first:
        wide = [n.convolution(f"wide{number}", width, (1, 1), Window(), source) for number, width in enumerate(widths)]
        ends = [n.convolution(f"narrow{number}", 2, (3, 3), SAME, each) for number, each in enumerate(wide)]
    else:
        for number, width in enumerate(widths):
            wide_one = n.convolution(f"wide{number}", width, (1, 1), Window(), source)
            ends.append(n.convolution(f"narrow{number}", 2, (3, 3), SAME, wide_one))
    total = ends[0]
    for number, end in enumerate(ends[1:]):
        total = n.add(f"add{number}", total, end)
    n.dense("last", 3)
    return n.finish()


def layers(module: Operation) -> list[str]:
    (function,) = [operation for operation in module.body if operation.name == "func.func"]
    return [" ".join(operation.location.names) for operation in function.body if operation.name == "loop.for"]


def arena_bytes(module: Operation) -> int:
    apply(module, [Bufferize(), PlanMemory()], PassContext(ledger=Ledger()))
    return next(size_bytes(global_type(op)) for op in module.body if op.name == "buffer.global" and symbol_name(op) == "arena")


def test_branches_run_one_after_the_other() -> None:
    module = branches((16, 16))
    apply(module, [OrderNests()])
    assert layers(module) == ["wide0", "narrow0", "wide1", "narrow1", "add0", "last"]


@pytest.mark.parametrize("widths", [(16, 16), (12, 30, 20)])
def test_the_same_bytes_in_less_memory(widths: tuple[int, ...]) -> None:
    given, ordered = branches(widths), branches(widths)
    x = {"x": numpy.random.default_rng(0).integers(-128, 128, (1, 6, 6, 2)).astype(numpy.int8)}
    expected = run(given, x)["y"].tolist()
    apply(ordered, [OrderNests()])
    assert run(ordered, x)["y"].tolist() == expected
    before, after = arena_bytes(given), arena_bytes(ordered)
    assert after <= before - 36 * min(widths) + 36 * 2 * len(widths), "one wide tensor at a time"
    assert run(ordered, x)["y"].tolist() == expected


def test_an_order_that_is_good_stays_to_the_letter() -> None:
    for module in (branches((16, 16), breadth_first=False), branches((1, 1))):
        text = print_module(module)
        apply(module, [OrderNests()])
        assert print_module(module) == text


def test_the_order_is_the_same_every_time() -> None:
    texts = set()
    for _ in range(3):
        module = branches((12, 12, 12))
        apply(module, [OrderNests()])
        texts.add(print_module(module))
    assert len(texts) == 1


def test_a_search_that_takes_too_long_leaves_the_order() -> None:
    module = branches((16, 16))
    apply(module, [OrderNests(most_sets=2)])
    assert layers(module)[:2] == ["wide0", "wide1"]


@pytest.mark.parametrize("seed", range(100 if soaking() else 8))
def test_random_graphs_take_no_more(seed: int) -> None:
    random = numpy.random.default_rng(seed)

    def network() -> Operation:
        draw = numpy.random.default_rng(seed)
        n = Network("net", (5, 4, 2), 3, seed)
        tensors = [n.last]
        for layer in range(6):
            source = tensors[int(draw.integers(max(len(tensors) - 3, 0), len(tensors)))]
            same = [each for each in tensors if each.type == source.type and each is not source and each is not tensors[0]]
            if same and draw.integers(2):
                tensors.append(n.add(f"add{layer}", source, same[int(draw.integers(len(same)))]))
            else:
                tensors.append(n.convolution(f"window{layer}", int(draw.choice([2, 4, 9])), (1, 1), Window(), source))
        n.dense("last", 3)
        return n.finish()

    x = {"x": random.integers(-128, 128, (1, 5, 4, 2)).astype(numpy.int8)}
    given, ordered, streamed = network(), network(), network()
    expected = run(given, x)["y"].tolist()
    apply(ordered, [OrderNests()])
    apply(streamed, [OrderNests(streamed=True), StreamRows()], PassContext(ledger=Ledger()))
    assert run(ordered, x)["y"].tolist() == run(streamed, x)["y"].tolist() == expected
    assert arena_bytes(ordered) <= 1.01 * arena_bytes(given), "the planner knows more pairs that share than the order counts on"
