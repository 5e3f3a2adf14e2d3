"""canonicalize on scalar arithmetic: to the same module as mlir-opt, with the same values as before."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

from tests.bench.irgen import KINDS, function
from tests.oracle.cases import soaking
from tinyir.interp.machine import Machine
from tinyir.interp.scalar import dtype_of, evaluate
from tinyir.ir.equality import first_difference
from tinyir.ir.integer_arithmetic import RING, wrapped
from tinyir.ir.operation import Operation
from tinyir.ir.types import I1, IntegerType
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.rewrite.trace import Trace
from tinyir.text.reader import parse

CONSTANTS = (0, 1, -1, 2, 3, -7, 100)


def canonical(text: str) -> Operation:
    module = parse(text)
    PassPipeline(["canonicalize"]).run(module)
    return module


def program(seed: int, length: int = 30) -> str:
    """Random arithmetic on one type: operands are mostly recent results, and constants that have a meaning of their own."""
    choose = random.Random(seed)
    type = choose.choice(("i1", "i8", "i16", "i32", "i64"))
    values = ["%x", "%y"]
    lines = []
    for number in range(length):
        if choose.random() < 0.3:
            value = choose.choice(("true", "false")) if type == "i1" else f"{choose.choice(CONSTANTS)} : {type}"
            lines.append(f'%{number} = "arith.constant"() <{{value = {value}}}> : () -> {type}')
        else:
            left, right = choose.choice(values[-6:]), choose.choice(values[-6:])
            lines.append(f'%{number} = "{choose.choice(sorted(RING))}"({left}, {right}) : ({type}, {type}) -> {type}')
        values.append(f"%{number}")
    kept = choose.sample(values, 3)
    lines.append(f'"func.return"({", ".join(kept)}) : ({", ".join([type] * 3)}) -> ()')
    return function(f"{type}, {type}", f"%x: {type}, %y: {type}", f"({', '.join([type] * 3)})", lines)


def ordered(module: Operation) -> Operation:
    """The module with the constants of its function sorted: mlir-opt's order hangs on the order in which it makes them."""
    body = next(iter(module.body)).body
    constants = [operation for operation in body if operation.name == "arith.constant"]
    for constant in sorted(constants, key=lambda operation: str(operation["value"])):
        assert body.last is not None
        constant.move_before(body.last)
    return module


def by_mlir_opt(tool: str, texts: list[str]) -> list[Operation]:
    command = [tool, "--canonicalize", "--mlir-print-op-generic", "--allow-unregistered-dialect", "--split-input-file"]
    printed = subprocess.run(command, input="\n// -----\n".join(texts), capture_output=True, text=True, check=True).stdout
    return [parse(text) for text in printed.split("// -----")]


def test_measured_modules_become_those_of_mlir_opt(require_tool: Callable[[str], str]) -> None:
    given = [generate(count) for generate in KINDS.values() for count in (60, 300, 1000)]
    for text, expected in zip(given, by_mlir_opt(require_tool("mlir-opt-19"), given), strict=True):
        assert first_difference(canonical(text), expected) == "", text


def test_random_arithmetic_becomes_that_of_mlir_opt(require_tool: Callable[[str], str]) -> None:
    given = [program(seed) for seed in range(2000 if soaking() else 60)]
    for text, expected in zip(given, by_mlir_opt(require_tool("mlir-opt-19"), given), strict=True):
        assert first_difference(ordered(canonical(text)), ordered(expected)) == "", text


def computed(module: Operation, inputs: list[np.generic]) -> list[int]:
    with np.errstate(all="ignore"):
        return [int(value) for value in Machine(module).call(next(iter(module.body)), inputs)]


@pytest.mark.parametrize("seed", range(5))
def test_the_program_computes_what_it_did(seed: int) -> None:
    module = parse(program(seed))
    after = canonical(program(seed))
    (type, _) = (argument.type for argument in next(iter(module.body)).body.arguments)
    choose = random.Random(seed)
    for _ in range(20):
        inputs = [dtype_of(type).type(wrapped(choose.randint(-130, 300), type)) for _ in "xy"]
        assert computed(module, inputs) == computed(after, inputs)


@pytest.mark.parametrize("name", sorted(RING))
@pytest.mark.parametrize("type", [I1, IntegerType(8)], ids=str)
def test_what_is_computed_while_compiling_is_what_the_interpreter_computes(name: str, type: IntegerType) -> None:
    values = [wrapped(value, type) for value in range(1 << type.width)]
    left, right = (side.ravel() for side in np.meshgrid(np.array(values, dtype_of(type)), np.array(values, dtype_of(type))))
    with np.errstate(all="ignore"):
        expected = evaluate(name, [left, right], type)
    found = [wrapped(RING[name](int(a), int(b)), type) for a, b in zip(left, right, strict=True)]
    assert found == [int(value) for value in expected]


def test_the_rewrites_of_constants_are_traced() -> None:
    context = PassContext(trace=Trace())
    PassPipeline(["canonicalize"]).run(parse(KINDS["fold"](6)), context)
    assert context.trace is not None
    first = context.trace.rewrites[0]
    assert (first.rule, first.after[:17]) == ("evaluate_constants", "arith.constant() ")
    assert first.before.count("arith.constant() {value = ") == 2
