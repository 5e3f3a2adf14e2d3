"""Loops over words that may not be blocks are written in rounds, as many iterations as divide their number."""

from __future__ import annotations

import pytest

from tests.passes.test_form_blocks import ADD, PROGRAM, YIELD, load_line
from tinyir.backends.target import load_target
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.operation import Operation
from tinyir.passes.form_blocks import FormBlocks
from tinyir.passes.walk_words import WalkWords
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext
from tinyir.text.reader import parse


def _rounds(module: Operation) -> list[int]:
    found = [o.attributes["rounds"] for o in module.walk() if "rounds" in o.attributes]
    return [attribute.value for attribute in found if isinstance(attribute, IntegerAttribute)]


def _walk(trips: int, line: str = "", most: int = 4) -> list[int]:
    text = PROGRAM.format(lines=(line or load_line()) + ADD + YIELD).replace("0 to 4", f"0 to {trips}")
    module = parse(text)
    WalkWords(most_rounds=most).run(module, PassContext(target=load_target("cortex-m4").with_assembly("none"), ledger=Ledger()))
    return _rounds(module)


@pytest.mark.parametrize(("trips", "rounds"), [(8, [4]), (10, [2]), (9, [3]), (4, []), (7, []), (1, [])])
def test_a_round_has_the_most_iterations_that_divide_all(trips: int, rounds: list[int]) -> None:
    assert _walk(trips) == rounds


def test_no_round_is_longer_than_allowed() -> None:
    assert _walk(16, most=2) == [2]


def test_a_loop_over_other_things_stays() -> None:
    assert _walk(8, load_line("d0")) == []


@pytest.mark.parametrize(("assembly", "rounds"), [("blocks", []), ("instructions", [4]), ("none", [4])])
def test_rounds_are_where_no_blocks_may_be(assembly: str, rounds: list[int]) -> None:
    module = parse(PROGRAM.format(lines=load_line() + ADD + YIELD).replace("0 to 4", "0 to 8"))
    target = load_target("cortex-m4")
    target = {kind: target.with_assembly(kind) for kind in ("blocks", "instructions", "none")}[assembly]
    context = PassContext(target=target, ledger=Ledger())
    FormBlocks().run(module, context)
    WalkWords().run(module, context)
    assert _rounds(module) == rounds
