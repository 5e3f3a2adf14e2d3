"""Loops become blocks of machine code where they load words, then run instructions, then store words, and where that is proved."""

from __future__ import annotations

import pytest

from tests.passes.product_layers import apply
from tinyir.backends.target import load_target
from tinyir.ir.operation import Operation
from tinyir.passes.form_blocks import FormBlocks
from tinyir.prove.claim import Verdict, unknown
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.rewrite.passes import PassContext
from tinyir.text.reader import parse

PROGRAM = """
module {{
  buffer.global @x {{alignment = 4 : index}} : memref<160xi8, "ram">
  func.func @net() attributes {{network}} {{
    %xs = buffer.get_global @x : memref<160xi8, "ram">
    %x = buffer.view %xs[0] : memref<160xi8, "ram"> to memref<40xi16, "ram">
    %y = buffer.view %xs[80] : memref<160xi8, "ram"> to memref<40xi16, "ram">
    %z = buffer.view %xs[80] : memref<160xi8, "ram"> to memref<80xi8, "ram">
    %0 = arith.constant 9 : i32
    %n = arith.constant 4 : i32
    %s = loop.for %k = 0 to 4 iter(%a = %0) -> (i32) {{
      {lines}
    }}
    return
  }}
}}
"""
ADD = "%r = isa.smlad(%v, %v, %a) : (vector<2xi16>, vector<2xi16>, i32) -> i32 "
YIELD = "loop.yield %r : i32"


def load_line(map: str = "d0 * 2", name: str = "%v", memory: str = "%x") -> str:
    return f'{name} = "buffer.load"({memory}, %k) <{{map = affine_map<(d0) -> ({map})>}}> : (memref<40xi16, "ram">, index) -> vector<2xi16> '


def _store(map: str = "d0 * 2") -> str:
    return f'"buffer.store"(%v, %y, %k) <{{map = affine_map<(d0) -> ({map})>}}> : (vector<2xi16>, memref<40xi16, "ram">, index) -> () '


def _byte(number: str) -> str:
    return f"%b = arith.trunci {number} : i32 to i8 buffer.store %b, %z[%k] : memref<80xi8, \"ram\"> "


def _is_block(lines: str) -> bool:
    module = parse(PROGRAM.format(lines=lines))
    ledger = apply(module, [FormBlocks()])
    assert ledger.summary()["proved"] == len(ledger)
    return _marked(module)


def _marked(module: Operation) -> bool:
    return any("block" in o.attributes for o in module.walk())


@pytest.mark.parametrize(
    "lines",
    [
        load_line() + ADD + YIELD,
        load_line("d0 * 6 + 2") + ADD + YIELD,
        load_line("d0 * 2 + 1") + ADD + YIELD,  # words at any address
        load_line() + ADD + _store() + YIELD,
        load_line() + load_line("d0 * 2", "%u") + ADD.replace("%v, %v", "%v, %u") + YIELD,  # one word loaded twice
        load_line() + ADD + "%t = isa.ssat8_asr(%r) {s = 3 : i32} : (i32) -> i32 loop.yield %t : i32",  # a number in an instruction
        load_line() + ADD.replace("%a)", "%n)").replace("%r", "%t") + _byte("%t") + ADD + YIELD,  # a value from outside, a byte stored
    ],
)
def test_loops_over_words_are_blocks(lines: str) -> None:
    assert _is_block(lines)


@pytest.mark.parametrize(
    "lines",
    [
        load_line("d0") + ADD + YIELD,  # half a word from one iteration to the next
        load_line("d0 * 3") + ADD + YIELD,
        load_line("0") + ADD + YIELD,
        load_line("6 - d0 * 2") + ADD + YIELD,
        load_line("(d0 floordiv 2) * 4") + ADD + YIELD,
        load_line() + _store() + load_line("d0 * 2", "%u", "%y") + ADD.replace("%v, %v", "%v, %u") + YIELD,  # a load after a store
        load_line() + ADD + "%t = arith.addi %r, %r : i32 loop.yield %t : i32",
        load_line() + load_line("d0 * 4", "%u") + ADD.replace("%v, %v", "%v, %u") + YIELD,  # two steps in one memory
        load_line() + ADD.replace("%a)", "%n)") + YIELD,  # no sum
        load_line() + ADD + _byte("%r") + "%c = arith.extsi %b : i8 to i32 loop.yield %c : i32",  # a byte that is used again
    ],
)
def test_other_loops_are_not(lines: str) -> None:
    assert not _is_block(lines)


class _Undecided(Ledger):
    """A ledger whose prover gives up."""

    def add(self, obligation: Obligation, verdict: Verdict | None = None) -> Verdict:
        return super().add(obligation, unknown("z3", "out of budget"))


def test_without_a_proof_there_is_no_block() -> None:
    module, ledger = parse(PROGRAM.format(lines=load_line() + ADD + YIELD)), _Undecided()
    FormBlocks().run(module, PassContext(target=load_target("cortex-m4"), ledger=ledger))
    assert len(ledger)
    assert not _marked(module)


@pytest.mark.parametrize("target", ["host", "rv32imc"])
def test_a_target_without_blocks_is_left_alone(target: str) -> None:
    module = parse(PROGRAM.format(lines=load_line() + ADD + YIELD))
    FormBlocks().run(module, PassContext(target=load_target(target), ledger=Ledger()))
    assert not _marked(module)


@pytest.mark.parametrize("least", [0, 1])
def test_short_loops_that_carry_nothing_stay_loops_where_that_is_wanted(least: int) -> None:
    sums = parse(PROGRAM.format(lines=load_line() + ADD + YIELD))
    copies = parse(PROGRAM.replace("%s = loop.for", "loop.for").replace(" iter(%a = %0) -> (i32)", "").format(lines=load_line() + _store() + "loop.yield"))
    for module, is_block in ((sums, True), (copies, least == 0)):
        apply(module, [FormBlocks(least_instructions=least)])
        assert _marked(module) == is_block
