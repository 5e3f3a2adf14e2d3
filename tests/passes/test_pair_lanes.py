"""Loops over rows of 16-bit lanes take words only where two elements lie side by side in one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.passes.product_layers import apply
from tinyir.backends.target import load_target
from tinyir.interp.machine import run
from tinyir.ir.operation import Operation
from tinyir.passes.pair_lanes import PairLanes
from tinyir.prove.claim import Verdict, unknown
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.rewrite.passes import PassContext
from tinyir.text.reader import parse

SUM = """
module {{
  buffer.port input "input_0" in @x[{start}] : memref<40xi16, "ram">
  buffer.global @w {{value = dense<{weights}> : tensor<40xi16>, alignment = 4 : index}} : memref<40xi16, "flash">
  buffer.port output "output_0" in @y[0] : memref<1xi32, "ram">
  buffer.global @x {{alignment = 4 : index}} : memref<84xi8, "ram">
  buffer.global @y {{alignment = 4 : index}} : memref<4xi8, "ram">
  func.func @net() attributes {{network}} {{
    %xs = buffer.get_global @x : memref<84xi8, "ram">
    %ys = buffer.get_global @y : memref<4xi8, "ram">
    %x = buffer.view %xs[{start}] : memref<84xi8, "ram"> to memref<40xi16, "ram">
    %y = buffer.view %ys[0] : memref<4xi8, "ram"> to memref<1xi32, "ram">
    %w = buffer.get_global @w : memref<40xi16, "flash">
    %0 = arith.constant 9 : i32
    %s = loop.for %k = 0 to {terms} iter(%a = %0) -> (i32) {{
      %1 = buffer.load %x[{x}] : memref<40xi16, "ram">
      %2 = arith.extsi %1 : i16 to i32
      %3 = buffer.load %w[{w}] : memref<40xi16, "flash">
      %4 = arith.extsi %3 : i16 to i32
      %5 = arith.muli %2, %4 : i32
      %6 = arith.addi %a, %5 : i32
      loop.yield %6 : i32
    }}
    buffer.store %s, %y[0] : memref<1xi32, "ram">
    return
  }}
}}
"""


def _check(terms: int, x: str = "%k", w: str = "%k", start: int = 0, text: str = SUM) -> bool:
    """Whether words are used in a sum whose bytes must not change."""
    module = parse(text.format(terms=terms, x=x, w=w, start=start, weights=[(7 * i) % 31 - 15 for i in range(40)]))
    given = {"input_0": np.random.default_rng(terms).integers(-999, 999, 40).astype(np.int16)}
    expected = run(module, given)["output_0"].tolist()
    ledger = apply(module, [PairLanes()])
    assert ledger.summary()["proved"] == len(ledger)
    assert run(module, given)["output_0"].tolist() == expected
    return _uses_words(module)


def _uses_words(module: Operation) -> bool:
    return any(o.name.startswith("isa.") for o in module.walk())


@pytest.mark.parametrize("terms", [4, 5, 7, 8, 18])
def test_whole_steps_take_words_and_the_rest_stays(terms: int) -> None:
    assert _check(terms)


@pytest.mark.parametrize(
    ("x", "w", "start"),
    [
        ("%k * 2", "%k", 0),  # no neighbours
        ("%k * 2", "%k * 2", 0),
        ("%k + 1", "%k", 0),  # lanes of different words
        ("%k + 1", "%k + 1", 0),  # words that begin in the middle of another
        ("%k", "%k", 2),
        ("19 - %k", "%k", 0),  # the other way round
    ],
)
def test_lanes_that_make_no_aligned_words_stay_alone(x: str, w: str, start: int) -> None:
    assert not _check(8, x, w, start)


@pytest.mark.parametrize(("x", "w"), [("%k + 2", "%k"), ("%k", "%k + 4"), ("19 - %k", "19 - %k")])
def test_lanes_that_do_are_paired(x: str, w: str) -> None:
    assert _check(8, x, w)


def test_fewer_terms_than_a_step_stay_alone() -> None:
    assert not _check(3)


class _Undecided(Ledger):
    """A ledger whose prover gives up."""

    def add(self, obligation: Obligation, verdict: Verdict | None = None) -> Verdict:
        return super().add(obligation, unknown("z3", "out of budget"))


def test_without_a_proof_no_sum_takes_words() -> None:
    module, ledger = parse(SUM.format(terms=8, x="%k", w="%k", start=0, weights=[1] * 40)), _Undecided()
    PairLanes().run(module, PassContext(target=load_target("cortex-m4"), ledger=ledger))
    assert len(ledger)
    assert not _uses_words(module)


BYTES = SUM.replace("tensor<40xi16>", "tensor<40xi8>").replace('memref<40xi16, "flash">', 'memref<40xi8, "flash">').replace("%3 : i16", "%3 : i8")
EVEN_AND_ODD = "affine_map<(d0) -> (d0 floordiv 4 * 4 + d0 mod 2 * 2 + d0 floordiv 2 mod 2)>(%k)"


@pytest.mark.parametrize(
    ("x", "w", "paired"),
    [
        (EVEN_AND_ODD, "%k + 3", True),  # bytes 0 and 2 share a word, 1 and 3
        ("%k", "%k", False),  # no instruction widens bytes 0 and 1
        (EVEN_AND_ODD, "%k * 2", False),
        (EVEN_AND_ODD, "19 - %k", False),
    ],
)
def test_bytes_are_widened_on_their_way_as_instructions_do(x: str, w: str, paired: bool) -> None:
    assert _check(18, x, w, text=BYTES) == paired


COPY = """
module {{
  buffer.port input "input_0" in @x[0] : memref<12xi8, "ram">
  buffer.port output "output_0" in @y[0] : memref<16xi16, "ram">
  buffer.global @x {{alignment = 4 : index}} : memref<12xi8, "ram">
  buffer.global @y {{alignment = 4 : index}} : memref<32xi8, "ram">
  func.func @net() attributes {{network}} {{
    %x = buffer.get_global @x : memref<12xi8, "ram">
    %ys = buffer.get_global @y : memref<32xi8, "ram">
    %y = buffer.view %ys[0] : memref<32xi8, "ram"> to memref<16xi16, "ram">
    loop.for %k = 0 to 10 parallel {{
      %1 = buffer.load %x[%k] : memref<12xi8, "ram">
      %2 = arith.extsi %1 : i8 to i16
      %3 = arith.constant -7 : i16
      %4 = arith.subi %2, %3 : i16
      buffer.store %4, %y[{y}] : memref<16xi16, "ram">
      loop.yield
    }}
    return
  }}
}}
"""


@pytest.mark.parametrize(
    ("y", "used"),
    [
        ("affine_map<(d0) -> (d0 floordiv 4 * 4 + d0 mod 2 * 2 + d0 floordiv 2 mod 2)>(%k)", ["sxtb16", "sxtb16_ror8", "ssub16", "ssub16"]),
        ("%k + 2", ["sxtb16", "sxtb16_ror8", "ssub16", "ssub16", "pkhbt_low", "pkhtb_high"]),  # neighbours share a word
        ("%k + 1", []),
    ],
)
def test_widened_bytes_go_to_the_words_that_they_share(y: str, used: list[str]) -> None:
    module = parse(COPY.format(y=y))
    given = {"input_0": np.arange(-60, 60, 10).astype(np.int8)}
    expected = run(module, given)["output_0"].tolist()
    apply(module, [PairLanes()])
    assert [o.name.removeprefix("isa.") for o in module.walk() if o.name.startswith("isa.")] == used
    assert run(module, given)["output_0"].tolist() == expected
