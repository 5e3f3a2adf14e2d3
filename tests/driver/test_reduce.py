"""The reducer: what is left is small, still shows what was looked for, and is a valid module if the first one was."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyir.driver.command_line import main
from tinyir.driver.reduce import Interesting, Reducer, count_operations
from tinyir.driver.reductions import PHASES
from tinyir.ir.verifier import verify
from tinyir.text.reader import parse

T = "tensor<1x8x8x16xf32>"
LOOPS = """
func.func @f(%m: memref<8xf32>, %n: index) {
  %zero = arith.constant 0.0 : f32
  loop.for %i = 0 to 8 {
    loop.for %j = 0 to 4 {
      %s = loop.for %k = 0 to 2 iter(%acc = %zero) -> (f32) {
        %t = arith.addf %acc, %zero : f32
        %u = arith.divf %t, %acc : f32
        loop.yield %u : f32
      }
      "test.use"(%s, %i) : (f32, index) -> ()
      loop.yield
    }
    loop.yield
  }
  func.return
}
"""


def thousand_operations() -> str:
    """A module in which every operation uses one or two of the nine values before it."""
    choose = random.Random(0)
    values, lines = ["%x"], []
    for number in range(1000):
        name, one, other = f"%v{number}", choose.choice(values[-9:]), choose.choice(values[-9:])
        match number:
            case 400:
                lines.append(f"{name} = graph.sqrt({one}) : ({T}) -> {T}")
            case 700:
                lines.append(f"{name} = graph.divide(%v400, {one}) : ({T}, {T}) -> {T}")
            case _ if number % 2:
                lines.append(f"{name} = graph.add({one}, {other}) : ({T}, {T}) -> {T}")
            case _:
                lines.append(f"{name} = graph.clamp({one}) {{low = -1.0 : f32, high = {number}.0 : f32}} : ({T}) -> {T}")
        values.append(name)
    return f"func.func @f(%x: {T}) -> ({T}, {T}) {{\n" + "\n".join(lines) + f"\nfunc.return {values[-1]}, {values[-3]} : {T}, {T}\n}}\n"


def reduced(text: str, interesting: Interesting) -> Reducer:
    module = parse(text)
    reducer = Reducer(module, interesting, must_verify=not verify(module))
    assert interesting(reducer.spell(module))
    reducer.run(*PHASES)
    return reducer


def holds(*words: str) -> Callable[[str], bool]:
    return lambda text: all(word in text for word in words)


def test_a_thousand_operations_come_down_to_the_two_that_matter() -> None:
    reducer = reduced(thousand_operations(), holds("graph.sqrt", "graph.divide"))
    assert reducer.spell(reducer.module).splitlines()[1:-1] == [
        "  func.func @f(%arg0: tensor<1x1x1x1xf32>) {",
        "    %0 = graph.sqrt(%arg0) : (tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>",
        "    %1 = graph.divide(%0, %arg0) : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>",
        "    return",
        "  }",
    ]
    assert reducer.tests <= 100


def test_a_use_that_matters_stays() -> None:
    def divides_a_root(text: str) -> bool:
        return any(o.name == "graph.divide" and o.operands[0].definer is not None and o.operands[0].definer.name == "graph.sqrt" for o in parse(text).walk())

    assert count_operations(reduced(thousand_operations(), divides_a_root).module) == 4


def test_every_candidate_that_is_tested_verifies() -> None:
    seen: list[str] = []

    def remember(text: str) -> bool:
        seen.append(text)
        return "arith.divf" in text

    reduced(LOOPS, remember)
    assert len(seen) > 5
    assert all(not verify(parse(text)) for text in seen)


def test_bodies_come_out_of_their_loops() -> None:
    reducer = reduced(LOOPS, holds("arith.divf"))
    assert [operation.name for operation in reducer.module.walk()] == ["builtin.module", "func.func", "arith.divf", "func.return"]


def test_a_loop_that_matters_stays_with_nothing_in_it() -> None:
    reducer = reduced(LOOPS, lambda text: text.count("loop.for") >= 2)
    assert [operation.name for operation in reducer.module.walk()].count("loop.for") == 2
    assert count_operations(reducer.module) <= 6


def test_attributes_constants_and_shapes_become_simple() -> None:
    text = f"""
    func.func @f(%x: tensor<6x4xf32>) -> tensor<6x3xf32> attributes {{note = "x", input_names = ["x"]}} {{
      %w = graph.constant() {{value = dense<[{", ".join("[1.0, 2.0, 3.0, 4.0]" for _ in range(3))}]> : tensor<3x4xf32>}} : () -> tensor<3x4xf32>
      %b = graph.constant() {{value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>}} : () -> tensor<3xf32>
      %y = "graph.dense"(%x, %w, %b) {{comment = "a long story"}} : (tensor<6x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<6x3xf32>
      func.return %y : tensor<6x3xf32>
    }}
    """
    reducer = reduced(text, lambda text: "graph.dense" in text and "graph.constant" in text and "x3xf32>" in text)
    found = reducer.spell(reducer.module)
    assert "attributes" not in found
    assert "long story" not in found
    assert "6" not in found
    assert found.count("graph.constant") == 1
    assert "dense<0.000000e+00> : tensor<" in found


def test_a_module_that_does_not_verify_can_be_reduced_too() -> None:
    text = 'func.func @f(%x: i32) {\n%a = "test.a"(%x) : (i32) -> i32\n"arith.addi"(%a) : (i32) -> ()\nfunc.return\n}'
    assert verify(parse(text))
    reducer = reduced(text, holds("arith.addi"))
    assert "test.a" not in reducer.spell(reducer.module)


def test_the_command_writes_what_is_left_with_the_header_of_a_reproducer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "big.tir").write_text("// tinyir opt -p cse\n// because\n" + thousand_operations())
    test = "grep -q graph.sqrt {} && head -1 {} | grep -q 'opt -p cse'"
    assert main(["reduce", str(tmp_path / "big.tir"), "--test", test, "-o", str(tmp_path / "small.tir")]) == 0
    lines = (tmp_path / "small.tir").read_text().splitlines()
    assert lines[:3] == ["// tinyir opt -p cse", "// because", "module {"]
    assert len(lines) == 8
    assert capsys.readouterr().err.startswith("note: 1002 operations became 3, by ")


def test_a_test_that_fails_from_the_start_or_takes_too_long_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loops.tir").write_text(LOOPS)
    assert main(["reduce", str(tmp_path / "loops.tir"), "--test", "grep -q nothing"]) == 1
    assert capsys.readouterr().err.startswith(f"error: the test does not succeed on {tmp_path / 'loops.tir'} itself\n")
    assert main(["reduce", str(tmp_path / "loops.tir"), "--test", "sleep 5", "--timeout", "0.05"]) == 1
