"""What mlir-opt prints is read and comes back equal through mlir-opt; what tinyir reads means what mlir-opt reads."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.text.alias_lines import alias_lines, named_places
from tests.text.random_modules import attributes, floats, locations, types
from tinyir.ir.affine import AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import FloatAttribute
from tinyir.ir.builder import create_module
from tinyir.ir.equality import first_difference
from tinyir.ir.location import Location
from tinyir.ir.operation import Operation
from tinyir.ir.types import FloatType, Type
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

SAMPLES = Path(__file__).parent / "samples"
SOAK = os.environ.get("TINYIR_SOAK") == "1"
COUNT = 500 if SOAK else 15
MODERATE = settings(max_examples=COUNT, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


@pytest.fixture(scope="module")
def mlir_opt(require_tool: Callable[[str], str]) -> Callable[..., str]:
    """Text to the generic form, or to that of the dialects."""
    tool = require_tool("mlir-opt-19")

    def run(text: str, *options: str, generic: bool = True) -> str:
        command = [tool, "--allow-unregistered-dialect", *(["--mlir-print-op-generic"] if generic else []), *options]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:1000]
        return done.stdout

    return run


@pytest.mark.parametrize("options", [(), ("--mlir-print-debuginfo",)], ids=["", "locations"])
@pytest.mark.parametrize("sample", ["dialects.mlir", "battery.mlir"])
def test_what_mlir_opt_prints_is_read_and_comes_back_equal(mlir_opt: Callable[..., str], sample: str, options: tuple[str, ...]) -> None:
    locations = bool(options)
    generic = mlir_opt((SAMPLES / sample).read_text(), *options)
    module = parse(generic)
    assert verify(module) == []
    for form in (True, False):
        text = print_module(module, generic=form, locations=locations)
        for fast in (True, False):
            assert first_difference(module, parse(text, fast=fast), locations) == ""
    back = mlir_opt(print_module(module, generic=True, locations=locations), *options)
    assert back == mlir_opt(generic, *options)
    assert first_difference(module, parse(back), locations) == ""


FORMS = """\
func.func @f(%a: i32 loc("arg"), %b: i32 loc(fused["x", "y"])) -> i32 {
  %c = arith.addi %a, %b : i32 loc("sum"("net.py":3:4))
  %d = arith.addi %a, %c : i32 loc(callsite("sum" at fused["x", "y"]))
  "t.region"() ({
  ^bb0(%e: i32 loc("arg")):
    "t.end"() : () -> () loc(unknown)
  }) : () -> () loc(fused<"why">["x", "sum"])
  return %c : i32
}
"""


@pytest.mark.parametrize("generic", [True, False], ids=["generic", "pretty"])
def test_the_locations_that_mlir_opt_names_are_read_in_both_of_its_forms(mlir_opt: Callable[..., str], generic: bool) -> None:
    text = mlir_opt(FORMS, "--mlir-print-debuginfo", generic=generic)
    module = parse(text)
    assert alias_lines(text)[0]
    assert alias_lines(text)[1]
    assert first_difference(module, parse(text, fast=False), locations=True) == ""
    for form in (True, False):
        ours = print_module(module, generic=form, locations=True)
        assert first_difference(module, parse(ours), locations=True) == ""
        assert named_places(ours) == named_places(text)
        assert first_difference(module, parse(mlir_opt(ours, "--mlir-print-debuginfo", generic=generic)), locations=True) == ""


@MODERATE
@given(st.lists(st.tuples(attributes, types, locations), min_size=10, max_size=20))
def test_values_of_all_kinds_come_back_equal(mlir_opt: Callable[..., str], values: list[tuple[Attribute, Type, Location]]) -> None:
    module = create_module()
    for attribute, type, location in values:
        module.body.append(Operation("t.value", result_types=[type], attributes={"x": attribute}, location=location))
    back = mlir_opt(print_module(module, generic=True, locations=True), "--mlir-print-debuginfo")
    assert first_difference(module, parse(back), locations=True) == ""


@MODERATE
@given(floats, st.lists(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.floats(-500, 500)), min_size=30, max_size=60))
def test_a_decimal_number_is_the_same_float_to_both(mlir_opt: Callable[..., str], type: FloatType, numbers: list[float]) -> None:
    text = "\n".join(f'"t.f"() {{x = {number:.17e} : {type}}} : () -> ()' for number in numbers)
    for ours, theirs in zip(parse(text).body.operations, parse(mlir_opt(text)).body.operations, strict=True):
        value = ours.attributes["x"]
        assert isinstance(value, FloatAttribute)
        assert value is theirs.attributes["x"]


def expression(choice: random.Random, depth: int, symbolic: bool = False) -> str:
    """A random affine expression as a text that nobody simplified."""
    leaf = choice.choice(("s0", "s1", str(choice.randint(0, 9))) if symbolic else ("d0", "d1", "d0", "s0", str(choice.randint(0, 9))))
    if depth == 0:
        return leaf
    left = expression(choice, depth - 1, symbolic)
    kind = choice.choice("+++--*fcmn")
    if kind == "n":
        return f"-({left})"
    if kind in "+-":
        return f"{left} {kind} ({expression(choice, depth - 1, symbolic)})"
    right = f"({expression(choice, 1, True)})" if choice.random() < 0.3 else str(choice.randint(1, 8))
    word = {"*": "*", "f": "floordiv", "c": "ceildiv", "m": "mod"}[kind]
    return f"({left}) {word} {right}"


def test_an_affine_expression_comes_back_equal_and_means_what_mlir_reads(mlir_opt: Callable[..., str]) -> None:
    choice = random.Random(0)
    maps = [f"affine_map<(d0, d1)[s0, s1] -> ({expression(choice, 3)})>" for _ in range(10_000 if SOAK else 400)]
    module = parse("\n".join(f'"t.m"() {{x = {map}}} : () -> ()' for map in maps))
    assert first_difference(module, parse(mlir_opt(print_module(module, generic=True)))) == ""
    theirs = parse(mlir_opt("\n".join(f'"t.m"() {{x = {map}}} : () -> ()' for map in maps)))
    for text, ours, other in zip(maps, module.body.operations, theirs.body.operations, strict=True):
        points = [[choice.randint(-20, 20) for _ in range(4)] for _ in range(4)]
        assert [values(ours, point) for point in points] == [values(other, point) for point in points], text


def test_a_set_of_all_relations_is_what_mlir_reads(mlir_opt: Callable[..., str]) -> None:
    text = '"t.s"() {x = affine_set<(d0, d1)[s0] : (d0 <= s0 - 1, d1 * 2 >= d0, s0 == d0 + d1, 3 <= d1)>} : () -> ()'
    assert first_difference(parse(text), parse(mlir_opt(text))) == ""


def values(operation: Operation, point: list[int]) -> tuple[int, ...] | None:
    """The map's results at a point; None where it divides by zero."""
    map = operation.attributes["x"]
    assert isinstance(map, AffineMap)
    try:
        return map.evaluate(point[:2], point[2:])
    except ZeroDivisionError:
        return None
