"""The forms of builtin, func, arith, loop and buffer, and of operations without a format."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineMap
from tinyir.ir.attributes import DenseArray, IntegerAttribute, OpaqueAttribute
from tinyir.ir.equality import first_difference
from tinyir.ir.operation import Operation
from tinyir.ir.types import I32, I64, INDEX
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse


def body(*lines: str, arguments: str = "") -> str:
    """A function of the given lines, as it is printed."""
    return "\n".join(["module {", f"  func.func @f({arguments}) {{", *(f"    {line}" for line in lines), "    return", "  }", "}", ""])


def assert_stays(text: str) -> Operation:
    """The text is well-formed and printed as it is; the generic form means the same."""
    module = parse(text)
    assert verify(module) == []
    assert print_module(module) == text
    assert first_difference(module, parse(print_module(module, generic=True))) == ""
    return module


ARITHMETIC = (
    "%0 = arith.constant 1 : i32",
    "%1 = arith.constant 1 : i64",
    "%2 = arith.constant -1 : index",
    "%3 = arith.constant true",
    "%4 = arith.constant 1.500000e+00 : f64",
    "%5 = arith.constant 0xFF800000 : f32",
    "%6 = arith.constant dense<1> : tensor<4xi64>",
    "%7 = arith.constant {a.b = 3 : i8} 4 : i8",
    "%8 = arith.addi %a, %b : i32",
    "%9 = arith.muli %a, %b overflow<nsw, nuw> : i32",
    "%10 = arith.shrsi %a, %b {a.b} : i32",
    "%11 = arith.addf %x, %y fastmath<fast> : f32",
    "%12 = arith.negf %x : f32",
    "%13 = arith.cmpi slt, %a, %b : i32",
    "%14 = arith.cmpf ule, %x, %y fastmath<nnan> : f32",
    "%15 = arith.cmpi eq, %v, %v : vector<4xi32>",
    "%16 = arith.select %c, %a, %b : i32",
    "%17 = arith.extsi %a : i32 to i64",
    "%18 = arith.trunci %a : i32 to i8",
    "%19 = arith.sitofp %a : i32 to f32",
    "%20 = arith.bitcast %x : f32 to i32",
    "%21 = arith.index_cast %i : index to i32",
    "%22:2 = arith.mulsi_extended %a, %b : i32",
    "%23:2 = arith.addui_extended %a, %b : i32, i1",
    "%24 = arith.floordivsi %a, %b : i32",
    "%25 = arith.maximumf %x, %y : f32",
)
ARGUMENTS = "%a: i32, %b: i32, %x: f32, %y: f32, %c: i1, %v: vector<4xi32>, %i: index"
FUNCTIONS = """module @top attributes {a.b = 1 : i32} {
  func.func private @declared(i32, f32 {a.b}) -> (i32 {c.d = 2 : i32})
  func.func @"two results"(%x: i32 {a.b = 1}, %y: index) -> (i32, index) attributes {network} {
    return %x, %y : i32, index
  }
  func.func @nothing() {
    %0:2 = func.call @"two results"(%1, %2) : (i32, index) -> (i32, index)
    %1 = builtin.unrealized_conversion_cast %2 : index to i32
    return
  }
  module {
  }
}
"""


def test_arithmetic_is_printed_as_it_is_written() -> None:
    assert_stays(body(*ARITHMETIC, arguments=ARGUMENTS))


def test_mlir_opt_reads_our_functions_and_arithmetic(require_tool: Callable[[str], str]) -> None:
    tool = require_tool("mlir-opt-19")
    text = body(*ARITHMETIC, arguments=ARGUMENTS)
    command = [tool, "--allow-unregistered-dialect", "--mlir-print-op-generic"]
    module = parse(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)
    assert first_difference(parse(text), module) == ""


def test_flags_that_say_nothing_are_dropped() -> None:
    text = (
        '%0 = arith.constant 1 : i32\n%1 = arith.addi %0, %0 overflow<none> : i32\n'
        '%2 = "arith.addi"(%0, %0) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32\n'
        '%3:2 = "arith.mulsi_extended"(%0, %0) : (i32, i32) -> (i32, i32)\n'
    )
    for fast in (True, False):
        assert all("overflowFlags" not in operation.properties for operation in parse(text, fast=fast).walk())


def test_functions_and_modules_are_printed_as_they_are_written() -> None:
    text = FUNCTIONS.replace("%0:2 = func.call", "%2 = arith.constant 1 : index\n    %0:2 = func.call")
    lines = text.splitlines()
    lines[6:9] = [
        "    %0 = arith.constant 1 : index",
        "    %1 = builtin.unrealized_conversion_cast %0 : index to i32",
        '    %2:2 = func.call @"two results"(%1, %0) : (i32, index) -> (i32, index)',
    ]
    assert_stays("\n".join(lines) + "\n")


def test_a_selection_by_a_vector_is_printed_generic() -> None:
    line = '%0 = "arith.select"(%c, %v, %v) : (vector<4xi1>, vector<4xi32>, vector<4xi32>) -> vector<4xi32>'
    assert_stays(body(line, arguments="%c: vector<4xi1>, %v: vector<4xi32>"))


LOOPS = (
    "%zero = arith.constant 0 : i32",
    "%t = loop.tensor {fold = array<i64: 0, 3>, layout = affine_map<(d0, d1) -> (d1, d0)>} : tensor<25x64xi8>",
    "%s = loop.for %k = 0 to 64 iter(%sum = %zero) -> (i32) {",
    '  loop.for %i = max(0, 1 - %k * 2) to min(3, 26 - %k * 2) step 2 reverse parallel label "kh" {',
    "    %v = loop.read %x[%k * 2 + %i - 1, (%k + 3) floordiv 2] : tensor<25x64xi8>",
    "    loop.define %v, %t[%i mod 4, -%k] : tensor<25x64xi8>",
    "    %z = loop.index affine_map<(d0)[s0] -> (d0 + s0)>(%i, %k)",
    "    loop.yield",
    "  }",
    "  %r = loop.if (%k - 1 >= 0, %k mod 3 == 0) -> (i32) {",
    "    loop.yield %sum : i32",
    "  } else {",
    "    loop.yield %zero : i32",
    "  }",
    "  loop.yield %r : i32",
    "}",
    "%y = loop.reshape %t : tensor<25x64xi8> to tensor<64x25xi8>",
)


def test_loops_are_printed_as_they_are_written() -> None:
    module = assert_stays(body(*(line for line in LOOPS if "s0" not in line), arguments="%x: tensor<25x64xi8>"))
    loop = next(operation for operation in module.walk() if "label" in operation.properties)
    assert loop.properties["operandSegmentSizes"] is DenseArray([1, 1, 0], I32)
    assert str(loop.properties["lower_map"]) == "affine_map<(d0) -> (0, d0 * -2 + 1)>"
    assert loop.properties["step"] is IntegerAttribute(2, INDEX)
    assert [argument.type for argument in loop.body.arguments] == [INDEX]


def test_a_map_without_results_is_written_so_that_it_comes_back() -> None:
    empty = AffineMap(0, 0, [])
    tensor = ("%t = loop.tensor : tensor<i8>", "%1 = loop.read %t[] : tensor<i8>")
    module = assert_stays(body("%0 = loop.index 3", *tensor, "loop.for %i = 0 to 3 {", "  loop.yield", "}"))
    index, _, read, loop, _ = module.body.terminator.body.operations
    assert read.properties["map"] is empty
    index.properties["map"] = loop.properties["lower_map"] = empty
    text = print_module(module)
    assert "%0 = loop.index affine_map<() -> ()>()" in text
    assert "loop.for %i = affine_map<() -> ()>() to 3 {" in text
    assert first_difference(module, parse(text)) == ""


def test_an_affine_map_that_cannot_stand_in_place_is_written_out() -> None:
    module = parse(body(*LOOPS, arguments="%x: tensor<25x64xi8>"))
    text = print_module(module)
    assert "%z = loop.index affine_map<(d0)[s0] -> (d0 + s0)>(%i, %k)" in text
    read = next(operation for operation in module.walk() if operation.name == "loop.read")
    read.properties["map"] = AffineMap(2, 0, list(reversed(AffineMap.identity(2).results)))
    text = print_module(module)
    assert "loop.read %x[affine_map<(d0, d1) -> (d1, d0)>(%k, %i)] : tensor<25x64xi8>" in text
    assert first_difference(module, parse(text)) == ""
    read.operands = [read.operands[0], read.operands[1], read.operands[1]]
    read.properties["map"] = AffineMap(2, 0, [AffineDimension(0) + AffineDimension(1), AffineConstant(0)])
    text = print_module(module)
    assert "loop.read %x[affine_map<(d0, d1) -> (d0 + d1, 0)>(%k, %k)] : tensor<25x64xi8>" in text
    assert first_difference(module, parse(text)) == ""


BUFFERS = """module {
  buffer.global @w {value = dense<[1, 2]> : tensor<2xi8>} : memref<2xi8, "flash">
  buffer.global @arena {alignment = 4 : index} : memref<200xi8, "ram">
  func.func @f(%i: index) -> i8 attributes {network} {
    %a = buffer.get_global @arena : memref<200xi8, "ram">
    %b = buffer.view %a[128] : memref<200xi8, "ram"> to memref<4x8xi8, "ram">
    %v = buffer.load %b[%i, 0] : memref<4x8xi8, "ram">
    buffer.store %v, %b[%i + 1, 1] : memref<4x8xi8, "ram">
    return %v : i8
  }
}
"""


def test_buffers_are_printed_as_they_are_written() -> None:
    assert_stays(BUFFERS)


def test_an_operation_without_a_format_is_written_like_a_call() -> None:
    assert_stays(body("%0 = graph.relu(%x) {a.b = 1} : (tensor<4xf32>) -> tensor<4xf32>", arguments="%x: tensor<4xf32>"))


def test_generic_and_pretty_mix_in_one_text() -> None:
    text = body(
        '%0 = "arith.constant"() <{value = 3 : i32}> : () -> i32',
        "%1 = arith.addi %0, %0 : i32",
        '%2 = "arith.addi"(%1, %0) {overflowFlags = #arith.overflow<nsw>} : (i32, i32) -> i32',
    )
    module = parse(text)
    assert verify(module) == []
    addition = module.body.terminator.body.operations[2]
    assert addition.properties["overflowFlags"] is OpaqueAttribute("#arith.overflow<nsw>")
    assert addition.attributes == {}
    assert "%2 = arith.addi %1, %0 overflow<nsw> : i32" in print_module(module)


def test_short_names_are_read_without_their_dialect() -> None:
    module = parse("module {\n  func.func @f() {\n    func.return\n  }\n  func @g() {\n    call @f() : () -> ()\n    return\n  }\n}")
    assert [o.name for o in module.walk()] == ["builtin.module", "func.func", "func.return", "func.func", "func.call", "func.return"]


def test_locations_follow_the_pretty_form() -> None:
    text = body("%0 = arith.constant 1 : i32 loc(#loc3)").replace("return\n", "return loc(#loc2)\n").replace("  }\n}", "  } loc(#loc1)\n} loc(#loc)")
    text += '#loc = loc("m")\n#loc1 = loc("f")\n#loc2 = loc("r")\n#loc3 = loc("n"("f":1:2))\n'
    module = parse(text)
    assert [str(operation.location) for operation in module.walk()] == ['"m"', '"f"', '"n"("f":1:2)', '"r"']
    assert print_module(module, locations=True) == text


def test_a_result_that_does_not_follow_from_the_form_is_printed_generic() -> None:
    module = parse(
        '%x = "arith.constant"() <{value = 1.5}> : () -> f32\n'
        '%y = "arith.cmpi"(%0, %0) <{predicate = 12 : i64}> : (i32, i32) -> i1\n'
        '%0 = "a.b"() : () -> i32'
    )
    text = print_module(module)
    assert '%x = "arith.constant"() <{value = 1.500000e+00}> : () -> f32' in text
    assert '%y = "arith.cmpi"' in text
    assert first_difference(module, parse(text)) == ""


def test_a_function_whose_arguments_are_not_those_of_its_type_is_printed_generic() -> None:
    module = parse(body(arguments="%x: i32"))
    module.body.terminator.body.arguments[0].type = INDEX
    text = print_module(module)
    assert '"func.func"() <{function_type = (i32) -> (), sym_name = "f"}> ({\n  ^bb0(%x: index):' in text
    assert first_difference(module, parse(text)) == ""


@pytest.mark.parametrize("property", ["lower_map", "step", "operandSegmentSizes"])
def test_a_loop_with_a_broken_property_is_printed_generic(property: str) -> None:
    module = parse(body("loop.for %i = 0 to 4 {", "  loop.yield", "}"))
    loop = module.body.terminator.body.operations[0]
    loop.properties[property] = IntegerAttribute(1, I64)
    text = print_module(module)
    assert '"loop.for"' in text
    assert first_difference(module, parse(text)) == ""
    del loop.properties[property]
    assert '"loop.for"' in print_module(module)
