"""Generates modules of any size in MLIR's generic form, for measuring; `mlir-opt` takes them all.

usage: python -m tests.bench.irgen FOLDER [N ...]        (N: number of operations; default 1000 10000)

fold    constants and integer arithmetic that folds to one constant
cse     bitwise operations on arguments, each written four times
dce     a live chain of every tenth operation, the rest unused
loops   nests of three `scf.for` around loads, a multiply-add and a store
graph   a long graph of tensor operations of an unregistered dialect, with attributes
located integer additions, each with a location: a node's name, a position, a name at a position, or several fused
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

Lines = list[str]


def function(inputs: str, arguments: str, results: str, body: Lines) -> str:
    """A module of one function @main."""
    return "\n".join(
        [
            '"builtin.module"() ({',
            f'  "func.func"() <{{function_type = ({inputs}) -> {results}, sym_name = "main"}}> ({{',
            *([f"  ^bb0({arguments}):"] if arguments else []),
            *(f"    {line}" for line in body),
            "  }) : () -> ()",
            "}) : () -> ()",
            "",
        ]
    )


def fold(count: int) -> str:
    """About `count` operations: a constant and an addition, subtraction or product in turn."""
    choose = random.Random(0)
    lines = [f'%0 = "arith.constant"() <{{value = {choose.randint(1, 1000)} : i32}}> : () -> i32']
    total = 0
    for number in range(1, count - 1, 2):
        value, operation = choose.randint(1, 1000), choose.choice(("addi", "muli", "subi"))
        lines.append(f'%{number} = "arith.constant"() <{{value = {value} : i32}}> : () -> i32')
        lines.append(f'%{number + 1} = "arith.{operation}"(%{total}, %{number}) <{{overflowFlags = #arith.overflow<none>}}> : (i32, i32) -> i32')
        total = number + 1
    lines.append(f'"func.return"(%{total}) : (i32) -> ()')
    return function("", "", "i32", lines)


def cse(count: int) -> str:
    """About `count` operations, every expression four times."""
    choose = random.Random(1)
    values = ["%a0", "%a1", "%a2", "%a3"]
    lines: Lines = []
    for number in range(0, count - 3, 4):
        left, right = choose.choice(values[-8:]), choose.choice(values[-8:])
        operation = choose.choice(("xori", "andi", "ori"))
        lines += [f'%{number + copy} = "arith.{operation}"({left}, {right}) : (i32, i32) -> i32' for copy in range(4)]
        values.append(f"%{number + choose.randrange(4)}")
    lines.append(f'"func.return"({values[-1]}) : (i32) -> ()')
    return function("i32, i32, i32, i32", "%a0: i32, %a1: i32, %a2: i32, %a3: i32", "i32", lines)


def dce(count: int) -> str:
    """About `count` operations, nine of ten unused."""
    choose = random.Random(2)
    live, dead = "%a0", "%a1"
    lines: Lines = []
    for number in range(count):
        operation = choose.choice(("xori", "andi", "ori"))
        left, right = (live, "%a1") if number % 10 == 0 else (dead, live)
        lines.append(f'%{number} = "arith.{operation}"({left}, {right}) : (i32, i32) -> i32')
        if number % 10 == 0:
            live = f"%{number}"
        else:
            dead = f"%{number}"
    lines.append(f'"func.return"({live}) : (i32) -> ()')
    return function("i32, i32", "%a0: i32, %a1: i32", "i32", lines)


def loops(count: int) -> str:
    """About `count` operations in nests of twelve."""
    memory = "memref<64x64xf32>"
    lines = [f'%c{value} = "arith.constant"() <{{value = {value} : index}}> : () -> index' for value in (0, 1, 64)]
    for nest in range((count - 5) // 12):
        for depth, name in enumerate("ijk"):
            lines += [f'{"  " * depth}"scf.for"(%c0, %c64, %c1) ({{', f"{'  ' * depth}^bb0(%{name}{nest}: index):"]
        lines += [
            f'      %{value}{nest} = "memref.load"(%{source}, %{row}{nest}, %{column}{nest}) <{{nontemporal = false}}> : ({memory}, index, index) -> f32'
            for value, source, row, column in (("a", "A", "i", "k"), ("b", "B", "k", "j"), ("cc", "C", "i", "j"))
        ]
        lines += [
            f'      %m{nest} = "arith.mulf"(%a{nest}, %b{nest}) <{{fastmath = #arith.fastmath<none>}}> : (f32, f32) -> f32',
            f'      %s{nest} = "arith.addf"(%cc{nest}, %m{nest}) <{{fastmath = #arith.fastmath<none>}}> : (f32, f32) -> f32',
            f'      "memref.store"(%s{nest}, %C, %i{nest}, %j{nest}) <{{nontemporal = false}}> : (f32, {memory}, index, index) -> ()',
        ]
        for depth in (2, 1, 0):
            lines += [f'{"  " * depth}  "scf.yield"() : () -> ()', f"{'  ' * depth}}}) : (index, index, index) -> ()"]
    lines.append('"func.return"() : () -> ()')
    return function(f"{memory}, {memory}, {memory}", f"%A: {memory}, %B: {memory}, %C: {memory}", "()", lines)


def graph(count: int) -> str:
    """About `count` operations: convolution, addition, clamp in turn."""
    data, weight, bias = "tensor<1x16x32x32xf32>", "tensor<16x16x3x3xf32>", "tensor<16xf32>"
    convolution = 'dilations = [1, 1], group = 1 : i64, pads = [1, 1, 1, 1], strides = [1, 1], layout = "NCHW"'
    lines: Lines = []
    current = skip = "%x"
    for number in range(0, count - 2, 3):
        lines += [
            f'%{number} = "g.conv2d"({current}, %w, %b) {{{convolution}}} : ({data}, {weight}, {bias}) -> {data}',
            f'%{number + 1} = "g.add"(%{number}, {skip}) : ({data}, {data}) -> {data}',
            f'%{number + 2} = "g.clamp"(%{number + 1}) {{min = 0.000000e+00 : f32, max = 6.000000e+00 : f32}} : ({data}) -> {data}',
        ]
        current = f"%{number + 2}"
        if number % 6 == 0:
            skip = current
    lines.append(f'"func.return"({current}) : ({data}) -> ()')
    return function(f"{data}, {weight}, {bias}", f"%x: {data}, %w: {weight}, %b: {bias}", data, lines)


def located(count: int) -> str:
    """About `count` operations, each of which comes from one of some hundred places, written out."""
    choose = random.Random(3)
    nodes = [f'"functional_1/block_{number}/conv/BiasAdd;functional_1/block_{number}/relu"' for number in range(120)]
    positions = [f'"model.py":{line}:3' for line in range(1, 61)]
    places = [*nodes, *positions, *(f'"n{number}"({positions[number % 60]})' for number in range(60))]
    places += [f"fused[{', '.join(choose.sample(nodes + positions, choose.randint(2, 5)))}]" for _ in range(200)]
    values = ["%a0", "%a1"]
    lines: Lines = []
    for number in range(count - 3):
        left, right = choose.choice(values[-50:]), choose.choice(values[-50:])
        lines.append(f'%{number} = "arith.addi"({left}, {right}) : (i32, i32) -> i32 loc({choose.choice(places)})')
        values.append(f"%{number}")
    lines.append(f'"func.return"({values[-1]}) : (i32) -> () loc({places[0]})')
    return function("i32, i32", f"%a0: i32 loc({places[0]}), %a1: i32 loc({places[-1]})", "i32", lines)


KINDS: dict[str, Callable[[int], str]] = {"fold": fold, "cse": cse, "dce": dce, "loops": loops, "graph": graph, "located": located}


def write_all(folder: Path, counts: list[int]) -> None:
    """Writes KIND_N.mlir for every kind and count."""
    folder.mkdir(parents=True, exist_ok=True)
    for count in counts:
        for kind, generate in KINDS.items():
            (folder / f"{kind}_{count}.mlir").write_text(generate(count), encoding="utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), [int(argument) for argument in sys.argv[2:]] or [1000, 10000])
