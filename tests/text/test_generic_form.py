"""The generic form, read and printed; what mlir-opt thinks of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyir.ir.attributes import DenseElements, DenseResource, FloatAttribute, IntegerAttribute, OpaqueAttribute, StringAttribute, TypeAttribute
from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.location import CallSiteLocation, FileLocation, FusedLocation, NameLocation
from tinyir.ir.operation import Operation
from tinyir.ir.types import DYNAMIC, I8, IntegerType, MemRefType, QuantizedType, TensorType, VectorType
from tinyir.text.printer import print_module
from tinyir.text.reader import parse, parse_file

SAMPLES = Path(__file__).parent / "samples"
MLIR_OPT = "mlir-opt-19"


def attribute(text: str) -> object:
    """The attribute that a text spells."""
    return parse(f'"a.b"() {{x = {text}}} : () -> ()').body.terminator.attributes["x"]


def mlir_generic(tool: str, text: str, *options: str) -> str:
    """What mlir-opt prints for a text in generic form."""
    command = [tool, "--allow-unregistered-dialect", "--mlir-print-op-generic", *options]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def assert_same(first: Operation, second: Operation, locations: bool = False) -> None:
    assert first_difference(first, second, locations) == ""


def test_every_kind_of_value_is_printed_as_it_was_read() -> None:
    module = parse_file(SAMPLES / "values.mlir")
    text = print_module(module, generic=True, locations=True)
    again = parse(text)
    assert_same(module, again, locations=True)
    assert print_module(again, generic=True, locations=True) == text


def test_the_tables_of_the_grammar_read_the_same_as_the_short_cut() -> None:
    text = (SAMPLES / "values.mlir").read_text()
    assert_same(parse(text), parse(text, fast=False), locations=True)


def test_mlir_opt_reads_every_kind_of_value_and_gives_it_back(require_tool: Callable[[str], str]) -> None:
    tool = require_tool(MLIR_OPT)
    module = parse_file(SAMPLES / "values.mlir")
    printed = print_module(module, generic=True, locations=True)
    assert_same(module, parse(mlir_generic(tool, printed, "--mlir-print-debuginfo")), locations=True)


def test_what_mlir_opt_prints_for_many_dialects_is_read_and_comes_back_equal(require_tool: Callable[[str], str]) -> None:
    tool = require_tool(MLIR_OPT)
    generic = mlir_generic(tool, (SAMPLES / "dialects.mlir").read_text())
    module = parse(generic)
    for text in (print_module(module, generic=True), print_module(module)):
        assert_same(module, parse(text))
    assert mlir_generic(tool, print_module(module, generic=True)) == generic


def test_the_locations_that_mlir_opt_prints_at_the_end_are_found(require_tool: Callable[[str], str]) -> None:
    tool = require_tool(MLIR_OPT)
    text = '"a.b"() : () -> () loc(fused["x"("f":1:2), callsite("g":3:4 at "h")])\n'
    module = parse(mlir_generic(tool, text, "--mlir-print-debuginfo"))
    location = module.body.terminator.location
    assert str(location) == 'fused["x"("f":1:2), callsite("g":3:4 at "h")]'
    assert isinstance(location, FusedLocation)
    assert isinstance(location.children[0], NameLocation)
    assert isinstance(location.children[1], CallSiteLocation)


def test_numbers_take_their_types() -> None:
    assert attribute("200 : i8") is IntegerAttribute(-56, I8)
    assert attribute("200 : ui8") is IntegerAttribute(200, IntegerType(8, "u"))
    assert attribute("0x10 : i32") is attribute("16 : i32")
    assert attribute("7") is attribute("7 : i64")
    assert attribute("1.5") is attribute("1.5 : f64")
    nan = attribute("0x7FC00001 : f32")
    assert isinstance(nan, FloatAttribute)
    assert nan.bits == 0x7FC00001
    assert str(attribute("-0.0 : f32")) == "-0.000000e+00 : f32"
    assert str(attribute("0.1 : f32")) == "1.000000e-01 : f32"


def test_strings_are_bytes() -> None:
    found = attribute(r'"a\22\0A\\\C3\A9\t"')
    assert found is StringAttribute('a"\n\\é\t')
    assert str(found) == r'"a\22\0A\\\C3\A9\09"'


def test_dense_elements_are_splat_lists_or_hexadecimal() -> None:
    values = attribute("dense<[[1, -2], [3, 127]]> : tensor<2x2xi8>")
    assert isinstance(values, DenseElements)
    assert values.elements() == [1, -2, 3, 127]
    assert attribute('dense<"0x01FE037F"> : tensor<2x2xi8>') is values
    assert attribute("dense<3> : tensor<5xi8>") is attribute("dense<[3, 3, 3, 3, 3]> : tensor<5xi8>")
    assert attribute('dense<"0x05"> : tensor<8xi1>') is attribute("dense<[true, false, true, false, false, false, false, false]> : tensor<8xi1>")
    large = DenseElements.of(TensorType([101], I8), list(range(101)))
    assert '"0x000102' in str(large)
    assert attribute(str(large)) is large


def test_types_have_their_parts() -> None:
    def type_of(text: str) -> object:
        found = attribute(text)
        assert isinstance(found, TypeAttribute)
        return found.type

    assert type_of("tensor<?x4xi8>") is TensorType([DYNAMIC, 4], I8)
    assert type_of("vector<[4]x2xi8>") is VectorType([4, 2], I8, [True, False])
    memref = type_of('memref<2x3xi8, strided<[4, 1], offset: ?>, "flash">')
    assert isinstance(memref, MemRefType)
    assert str(memref.space) == '"flash"'
    assert str(memref.layout) == "strided<[4, 1], offset: ?>"
    quantized = type_of("!quant.uniform<u8<1:254>:f32:1, {0.5:3, 0.25}>")
    assert isinstance(quantized, QuantizedType)
    assert (quantized.scales, quantized.zero_points, quantized.axis) == ((0.5, 0.25), (3, 0), 1)
    assert (quantized.lowest, quantized.greatest, quantized.storage.is_unsigned) == (1, 254, True)
    assert type_of("!quant.uniform<u8<1:254>:f32:0x1, {0.5:3, 0.25}>") is quantized
    for text in ("!foo.bar<a, \">\", (->)>", "!llvm.struct<(i32, ptr)>", "() -> (() -> ())", "tensor<2xi8, #foo.encoding>", "memref<*xf32, 3>"):
        assert str(type_of(text)) == text


def test_what_no_dialect_explains_is_kept() -> None:
    for text in ('#foo.bar<a, "b>", {c}>', "distinct[3]<unit>", "sparse<[[0, 1]], [5]> : tensor<2x2xi8>", '#foo<"x">', "#a.b : i32"):
        found = attribute(text)
        assert isinstance(found, OpaqueAttribute)
        assert str(found) == text


def test_aliases_may_be_defined_anywhere_and_use_each_other() -> None:
    text = '"a.b"() {x = #m, y = !t} : () -> ()\n#m = [#n, !t]\n#n = 5 : i8\n!t = tuple<!u>\n!u = i7\n'
    attributes = parse(text).body.terminator.attributes
    assert str(attributes["x"]) == "[5 : i8, tuple<i7>]"
    assert str(attributes["y"]) == "tuple<i7>"


def test_an_alias_means_something_else_in_another_file() -> None:
    for value in ("1 : i8", "2 : i8"):
        found = parse(f'#x = {value}\n"a.b"() {{x = #x}} : () -> ()').body.terminator.attributes["x"]
        assert str(found) == value


def test_resources_are_kept() -> None:
    resources = '{-# dialect_resources: { builtin: { w: "0x0400000001" } } #-}'
    module = parse(f'"a.b"() {{x = dense_resource<w> : tensor<1xi8>}} : () -> ()\n{resources}')
    assert isinstance(module.body.terminator.attributes["x"], DenseResource)
    printed = print_module(module)
    assert printed.endswith(resources + "\n")
    assert_same(module, parse(printed))
    assert resources in print_module(module.clone())


def test_large_constants_are_left_out_on_request() -> None:
    large = DenseElements.of(TensorType([20], I8), list(range(20)))
    module = parse(f'"a.b"() {{x = [{large}], y = {{z = {large}}}, w = dense<[1, 2]> : tensor<2xi8>}} : () -> ()')
    text = print_module(module, elide=16)
    assert text.count("dense_resource<__elided__> : tensor<20xi8>") == 2
    assert "dense<[1, 2]>" in text
    assert "__elided__" not in print_module(module)


def test_operations_at_the_top_are_wrapped_and_a_module_is_not() -> None:
    assert [operation.name for operation in parse('"a.b"() : () -> ()\n"a.c"() : () -> ()').body] == ["a.b", "a.c"]
    assert [operation.name for operation in parse("module {\n}").walk()] == ["builtin.module"]
    assert [operation.name for operation in parse("module {\n}\nmodule {\n}").walk()] == ["builtin.module"] * 3
    assert parse("// nothing\n").body.first is None


def test_an_operation_knows_its_place_in_the_text() -> None:
    module = parse('"a.b"() : () -> ()\n  %x = "a.c"() : () -> i32\n', "some.tir")
    place = module.body.terminator.location.place
    assert (place.file, place.line, place.column) == ("some.tir", 2, 3)
    assert place.text == '  %x = "a.c"() : () -> i32'
    assert str(module.body.terminator.location) == '"some.tir":2:3'
    written = print_module(module, generic=True, locations=True)
    assert parse(written).body.terminator.location is FileLocation("some.tir", 2, 3)


def test_names_are_kept_and_numbers_are_not() -> None:
    module = parse('%x = "a.b"() : () -> i32\n%7 = "a.b"() : () -> i32\n%y:2 = "a.c"(%x, %7) : (i32, i32) -> (i32, i32)\n"a.d"(%y#1) : (i32) -> ()')
    text = print_module(module, generic=True)
    for line in ('%x = "a.b"()', '%0 = "a.b"()', '%y:2 = "a.c"(%x, %0)', '"a.d"(%y#1)'):
        assert line in text


def test_names_that_collide_or_are_no_names_are_changed() -> None:
    module = parse('%x = "a.b"() : () -> i32\n%0 = "a.b"() : () -> i32\n%1 = "a.b"() : () -> i32\n"a.c"(%x, %0, %1) : (i32, i32, i32) -> ()')
    operations = module.body.operations
    operations[1].result.name = "x"
    operations[2].result.name = "7 é"
    text = print_module(module, generic=True)
    assert '"a.c"(%x, %x_0, %_7__)' in text
    assert_same(module, parse(text))


def test_a_value_may_be_used_before_its_definition() -> None:
    module = parse('"a.b"(%x) : (i32) -> ()\n%x = "a.c"() : () -> i32')
    use, definition = module.body.operations
    assert use.operands[0] is definition.results[0]
    assert definition.results[0].users == (use,)


def test_a_first_block_that_is_branched_to_keeps_its_label() -> None:
    module = parse('"a.b"() ({\n^bb0:\n  "a.c"()[^bb0] : () -> ()\n}) : () -> ()')
    for generic in (True, False):
        assert_same(module, parse(print_module(module, generic=generic)))


def test_the_name_of_an_operation_is_a_string() -> None:
    module = parse(r'"odd\22 \0A name"() : () -> ()')
    assert module.body.terminator.name == 'odd" \n name'
    assert_same(module, parse(print_module(module)))


def test_broken_operations_are_printed_all_the_same() -> None:
    module = parse("func.func @f(%x: i32) -> i32 {\n  %y = arith.addi %x, %x : i32\n  return %y : i32\n}")
    function = module.body.terminator
    addition = function.body.operations[0]
    addition.properties["overflowFlags"] = IntegerAttribute(1, I8)
    function.body.terminator.move_before(addition)
    del function.properties["function_type"]
    text = print_module(module)
    assert '"arith.addi"(%x, %x) <{overflowFlags = 1 : i8}>' in text
    assert '"func.func"() <{sym_name = "f"}>' in text
    alone = addition.clone()
    assert print_module(alone, generic=True) == '%y = "arith.addi"(%x, %x) <{overflowFlags = 1 : i8}> : (i32, i32) -> i32\n'


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(TinyirError, match="cannot read"):
        parse_file(tmp_path / "nothing.tir")
    (tmp_path / "bytes.tir").write_bytes(b'"a.b\xff"() : () -> ()')
    with pytest.raises(TinyirError, match="is not UTF-8 text: byte 4"):
        parse_file(tmp_path / "bytes.tir")
