"""Scalar operations become the one instruction that computes them, and no others do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.passes.product_layers import apply
from tinyir.interp.machine import run
from tinyir.passes.select_scalars import SelectScalars
from tinyir.text.reader import parse

PROGRAM = """
module {{
  buffer.port input "input_0" in @x[0] : memref<16xi32, "ram">
  buffer.port output "output_0" in @y[0] : memref<16xi32, "ram">
  buffer.global @x {{alignment = 4 : index}} : memref<64xi8, "ram">
  buffer.global @y {{alignment = 4 : index}} : memref<64xi8, "ram">
  func.func @net() attributes {{network}} {{
    %xs = buffer.get_global @x : memref<64xi8, "ram">
    %ys = buffer.get_global @y : memref<64xi8, "ram">
    %x = buffer.view %xs[0] : memref<64xi8, "ram"> to memref<16xi32, "ram">
    %y = buffer.view %ys[0] : memref<64xi8, "ram"> to memref<16xi32, "ram">
    loop.for %i = 0 to 16 parallel {{
      %a = buffer.load %x[%i] : memref<16xi32, "ram">
      %b = buffer.load %x[15 - %i] : memref<16xi32, "ram">
      {lines}
      buffer.store %r, %y[%i] : memref<16xi32, "ram">
      loop.yield
    }}
    return
  }}
}}
"""
EXTREMES = [-(1 << 31), (1 << 31) - 1, -1, 0, 1, 127, 128, -128, -129, 1024, -1024, 1 << 30, -(1 << 30), 65535, 32768, -32769]


def _used(lines: str) -> Counter[str]:
    """The instructions in place of some operations, whose results on extremes must not change."""
    module = parse(PROGRAM.format(lines=lines))
    given = {"input_0": np.array(EXTREMES, np.int32)}
    expected = run(module, given)["output_0"].tolist()
    ledger = apply(module, [SelectScalars()])
    assert ledger.summary()["proved"] == len(ledger)
    assert run(module, given)["output_0"].tolist() == expected
    return Counter(o.name.removeprefix("isa.") for o in module.walk() if o.name.startswith("isa."))


def _high(shift: int = 32, left: str = "%a", right: str = "%b", result: str = "%r") -> str:
    return f"""
      %wa = arith.extsi {left} : i32 to i64
      %wb = arith.extsi {right} : i32 to i64
      %product = arith.muli %wa, %wb : i64
      %distance = arith.constant {shift} : i64
      %shifted = arith.shrsi %product, %distance : i64
      {result} = arith.trunci %shifted : i64 to i32"""


def _clamp(low: int = -128, high: int = 127, value: str = "%a", first: str = "maxsi", second: str = "minsi") -> str:
    bounds = {"maxsi": low, "minsi": high}
    return f"""
      %one = arith.constant {bounds[first]} : i32
      %other = arith.constant {bounds[second]} : i32
      %inner = arith.{first} {value}, %one : i32
      %r = arith.{second} %inner, %other : i32"""


def _shift(distance: int) -> str:
    return f"%d = arith.constant {distance} : i32 %s = arith.shrsi %a, %d : i32 "


ADDED = "%r = arith.addi %h, %b : i32"


@pytest.mark.parametrize(
    ("lines", "instruction"),
    [
        (_high(), "smmul"),
        (_high(left="%a", right="%a"), "smmul"),
        (_high(result="%h") + ADDED, "smmla"),
        (_high(result="%h") + "%r = arith.addi %b, %h : i32", "smmla"),
        (_clamp(), "ssat8"),
        (_high(left="%a", right="%a", result="%h") + ADDED.replace("%b", "%a"), "smmla"),
        (_shift(1) + _clamp(value="%s"), "ssat8_asr"),
        (_shift(31) + _clamp(value="%s"), "ssat8_asr"),
    ],
)
def test_one_instruction_is_used(lines: str, instruction: str) -> None:
    assert _used(lines) == {instruction: 1}


@pytest.mark.parametrize(
    "lines",
    [
        _high(shift=31),
        _high(shift=33),
        _clamp(low=-127),
        _clamp(high=126),
        _clamp(low=-128, high=-129),
        "%r = arith.subi %a, %b : i32",
    ],
)
def test_other_operations_stay(lines: str) -> None:
    assert not _used(lines)


def test_a_shift_beyond_the_immediates_stays_beside_the_clamp() -> None:
    assert _used(_shift(0) + _clamp(value="%s")) == {"ssat8": 1}


def test_a_difference_is_no_sum() -> None:
    assert _used(_high(result="%h") + "%r = arith.subi %h, %b : i32") == {"smmul": 1}


def test_a_result_that_is_used_elsewhere_stays_as_well() -> None:
    assert _used(_high(result="%h") + "%g = arith.addi %h, %b : i32 %r = arith.muli %g, %h : i32") == {"smmla": 1, "smmul": 1}
