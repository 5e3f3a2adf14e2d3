"""Written-out sums take words of two lanes only where a word holds what the lanes would be when they were loaded."""

from __future__ import annotations

import numpy as np
import pytest

from tests.passes.product_layers import apply
from tinyir.interp.machine import run
from tinyir.passes.pair_chains import PairChains
from tinyir.text.reader import parse

PROGRAM = """
module {{
  buffer.port input "input_0" in @x[0] : memref<{elements}xi16, "ram">
  buffer.global @w {{value = dense<[3, -5]> : tensor<2xi8>}} : memref<2xi8, "flash">
  buffer.port output "output_0" in @y[0] : memref<2xi32, "ram">
  buffer.global @x {{alignment = 4 : index}} : memref<{bytes}xi8, "ram">
  buffer.global @y {{alignment = 4 : index}} : memref<8xi8, "ram">
  func.func @net() attributes {{network}} {{
    %xs = buffer.get_global @x : memref<{bytes}xi8, "ram">
    %ys = buffer.get_global @y : memref<8xi8, "ram">
    %x = buffer.view %xs[0] : memref<{bytes}xi8, "ram"> to memref<{elements}xi16, "ram">
    %y = buffer.view %ys[0] : memref<8xi8, "ram"> to memref<2xi32, "ram">
    %w = buffer.get_global @w : memref<2xi8, "flash">
    loop.for %t = 0 to 1 parallel {{
      %0 = arith.constant 0 : i32
      %b0 = buffer.load %w[0] : memref<2xi8, "flash">
      %w0 = arith.extsi %b0 : i8 to i32
      %b1 = buffer.load %w[1] : memref<2xi8, "flash">
      %w1 = arith.extsi %b1 : i8 to i32
      {sums}
      loop.yield
    }}
    return
  }}
}}
"""
SUM = """
      %l{n}0 = buffer.load %x[{first}] : memref<{elements}xi16, "ram">
      %e{n}0 = arith.extsi %l{n}0 : i16 to i32
      %m{n}0 = arith.muli %e{n}0, %w0 : i32
      %a{n}0 = arith.addi %0, %m{n}0 : i32
      %l{n}1 = buffer.load %x[{second}] : memref<{elements}xi16, "ram">
      %e{n}1 = arith.extsi %l{n}1 : i16 to i32
      %m{n}1 = arith.muli %e{n}1, %w1 : i32
      {between}
      %a{n}1 = arith.addi %a{n}0, %m{n}1 : i32
      buffer.store %a{n}1, %y[{n}] : memref<2xi32, "ram">
      {after}
"""
STORE = "%c = arith.constant 77 : i16 buffer.store %c, %x[0] : memref<4xi16, \"ram\">"


def _check(elements: int, firsts: tuple[int, int], between: tuple[str, str] = ("", ""), after: str = "") -> int:
    """The number of SMLADs of two sums, one after the other, whose bytes must not change."""
    sums = "".join(
        SUM.format(n=n, elements=elements, first=first, second=first + 1, between=text, after="" if n else after)
        for n, (first, text) in enumerate(zip(firsts, between, strict=True))
    )
    module = parse(PROGRAM.format(elements=elements, bytes=2 * elements, sums=sums))
    given = {"input_0": np.arange(11, 11 + elements).astype(np.int16)}
    expected = run(module, given)["output_0"].tolist()
    ledger = apply(module, [PairChains()])
    assert ledger.summary()["proved"] == len(ledger)
    assert run(module, given)["output_0"].tolist() == expected
    return sum(o.name == "isa.smlad" for o in module.walk())


def test_two_lanes_of_a_word_are_one_instruction() -> None:
    assert _check(4, (0, 2)) == 2
    assert _check(4, (0, 0)) == 2


def test_a_lane_whose_word_would_end_beyond_the_memory_stays_alone() -> None:
    assert _check(3, (0, 1)) == 0


@pytest.mark.parametrize(("between", "used"), [((STORE, ""), 1), (("", STORE), 1)])
def test_no_load_moves_past_a_store(between: tuple[str, str], used: int) -> None:
    assert _check(4, (0, 0), between) == used


def test_a_word_is_loaded_again_after_a_store() -> None:
    assert _check(4, (0, 0), after=STORE) == 2


def test_weights_that_are_needed_alone_share_a_word() -> None:
    """Elements 0 and 2 lie in words of their own: their weights are the two lanes of one word, not each twice in one of its own."""
    sums = "".join(SUM.format(n=n, elements=6, first=first, second=first + 2, between="", after="") for n, first in enumerate((0, 2)))
    module = parse(PROGRAM.format(elements=6, bytes=12, sums=sums))
    given = {"input_0": np.arange(11, 17).astype(np.int16)}
    expected = run(module, given)["output_0"].tolist()
    ledger = apply(module, [PairChains()])
    assert ledger.summary()["proved"] == len(ledger)
    assert run(module, given)["output_0"].tolist() == expected
    used = [o.name for o in module.walk() if o.name.startswith("isa.")]
    assert used == ["isa.pkhbt", "isa.smlabb", "isa.smlabt", "isa.smlabb", "isa.smlabt"]


def test_a_sum_may_use_a_word_of_whose_weights_it_has_one() -> None:
    """The second sum has the first's second weight, and another number in place of its first."""
    sums = SUM.format(n=0, elements=6, first=0, second=1, between="", after="")
    sums += SUM.format(n=1, elements=6, first=2, second=5, between="", after="").replace("%w0", "%w2")
    sums = "%b2 = buffer.load %w[0] : memref<2xi8, \"flash\"> %w2 = arith.extsi %b2 : i8 to i32" + sums
    module = parse(PROGRAM.format(elements=6, bytes=12, sums=sums))
    given = {"input_0": np.arange(11, 17).astype(np.int16)}
    expected = run(module, given)["output_0"].tolist()
    ledger = apply(module, [PairChains()])
    assert ledger.summary()["proved"] == len(ledger)
    assert run(module, given)["output_0"].tolist() == expected
    assert [o.name for o in module.walk() if o.name.startswith("isa.smla")] == ["isa.smlad", "isa.smlabb", "isa.smlatt"]
