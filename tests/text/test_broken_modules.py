"""The printer prints whatever a pass left behind, and the verifier says what is wrong with it; neither throws."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyir.ir.attributes import ArrayAttribute, IntegerAttribute, StringAttribute, UnitAttribute
from tinyir.ir.operation import Block, Operation
from tinyir.ir.types import I8, I32, FunctionType, TensorType
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse, parse_file

COUNT = 5000 if os.environ.get("TINYIR_SOAK") == "1" else 150
LOOPS = """func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = arith.constant 2.0 : f32
  %t = loop.tensor : tensor<4xf32>
  loop.for %i = 0 to 4 {
    %v = loop.read %x[%i] : tensor<4xf32>
    %w = arith.mulf %v, %c : f32
    loop.define %w, %t[%i] : tensor<4xf32>
  }
  %y = graph.relu(%t) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}"""
Mutation = Callable[[Any, Operation, random.Random], None]
"""Breaks an operation, given as `Any` because what it does is against the types; the other one is from the same module."""


def lose_an_operand(operation: Any, _other: Operation, _choice: random.Random) -> None:
    operation._operands = (*operation._operands[:-1], None)


def lose_a_property(operation: Any, _other: Operation, choice: random.Random) -> None:
    if operation.properties:
        del operation.properties[choice.choice(list(operation.properties))]


def spoil_a_property(operation: Any, _other: Operation, choice: random.Random) -> None:
    for name in operation.properties:
        operation.properties[name] = choice.choice([UnitAttribute(), StringAttribute("x"), IntegerAttribute(3, I32), ArrayAttribute(()), None, [5]])


def spoil_a_type(operation: Any, _other: Operation, choice: random.Random) -> None:
    for result in operation.results:
        result.type = choice.choice([I32, TensorType([2], I8), FunctionType([], []), None])


def lose_the_terminator(operation: Any, _other: Operation, _choice: random.Random) -> None:
    for region in operation.regions:
        for block in region.blocks:
            if block.last is not None:
                block.last.detach()


def go_nowhere(operation: Any, _other: Operation, _choice: random.Random) -> None:
    operation.successors = (Block(),)


def use_another(operation: Any, other: Operation, _choice: random.Random) -> None:
    operation.operands = [*operation._operands, *other.results]


def lose_regions(operation: Any, _other: Operation, _choice: random.Random) -> None:
    operation.regions = []


def rename(operation: Any, _other: Operation, choice: random.Random) -> None:
    operation.name = choice.choice(["", "x", "arith.addi", "func.func", "loop.for", "graph.conv2d", '"q'])


def lose_results(operation: Any, _other: Operation, _choice: random.Random) -> None:
    operation.results = ()


def name_results_badly(operation: Any, _other: Operation, _choice: random.Random) -> None:
    for result in operation.results:
        result.name = "a b\n"


def lose_arguments(operation: Any, _other: Operation, _choice: random.Random) -> None:
    for region in operation.regions:
        for block in region.blocks:
            block.arguments = ()


MUTATIONS: tuple[Mutation, ...] = (
    lose_an_operand,
    lose_a_property,
    spoil_a_property,
    spoil_a_type,
    lose_the_terminator,
    go_nowhere,
    use_another,
    lose_regions,
    rename,
    lose_results,
    name_results_badly,
    lose_arguments,
)


@pytest.mark.parametrize(("value", "told"), [([5], "<<[5]>>"), (None, "<<missing>>")])
def test_what_is_no_attribute_is_printed_where_the_name_is_known(value: object, told: str) -> None:
    module = parse('"a.b"() <{map = 1 : i32}> : () -> ()\n"a.b"() <{map = 2 : i32}> : () -> ()')
    last: Any = module.body.last
    last.properties["map"] = value
    assert f'"a.b"() <{{map = {told}}}>' in print_module(module, generic=True)


def test_an_operand_that_is_wrong_is_told_beside_one_that_is_missing() -> None:
    text = '"a.b"() ({\n%b = "g.h"() : () -> i32\n}) : () -> ()\n%a = "g.h"() : () -> i32\n"e.f"(%a, %a) : (i32, i32) -> ()'
    module: Any = parse(text)
    hidden = next(operation for operation in module.walk() if operation.results)
    module.body.last._operands = (None, hidden.result)
    assert [d.message for d in verify(module) if "reach" in d.message] == ["operand 1 of 'e.f' (%b) is used where its definition does not reach"]


@pytest.mark.parametrize("sample", ["loops", "values.mlir"])
def test_broken_modules_are_printed_and_told(sample: str) -> None:
    choice = random.Random(0)
    start = parse(LOOPS) if sample == "loops" else parse_file(Path(__file__).parent / "samples" / sample)
    told = 0
    for _ in range(COUNT):
        module = start.clone()
        for _ in range(choice.randint(1, 3)):
            operations = list(module.walk())
            mutate = choice.choice(MUTATIONS)
            try:
                mutate(choice.choice(operations), choice.choice(operations), choice)
            except (AttributeError, ValueError, KeyError):
                continue  # the IR itself does not let that happen
        for generic in (True, False):
            assert print_module(module, generic=generic, locations=True)
        told += any(str(diagnostic) for diagnostic in verify(module))
    assert told > COUNT / 3
