"""Locations under short names: how they are printed, that they are read from anywhere, what mlir-opt says to them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.text.alias_lines import alias_lines, named_places
from tinyir.ir.builder import create_module
from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.location import UNKNOWN, CallSiteLocation, FileLocation, Location, NameLocation, fuse
from tinyir.ir.operation import Block, Operation, Region
from tinyir.ir.types import I32
from tinyir.text.printer import print_module, print_operations
from tinyir.text.reader import parse

MODERATE = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
CONVOLUTION, ACTIVATION = NameLocation("conv_1"), NameLocation("relu_1", FileLocation("net.py", 3, 4))

GENERIC = """\
#loc1 = loc("in")
"builtin.module"() ({
  "t.layers"() ({
  ^bb0(%x: i32 loc(#loc1), %y: i32 loc(unknown)):
    %0 = "t.a"(%x) : (i32) -> i32 loc(#loc4)
    %1 = "t.b"(%0) : (i32) -> i32 loc(#loc2)
    "t.c"(%1) : (i32) -> () loc(#loc4)
    "t.d"() : () -> () loc("net.py":9:1)
  }) : () -> () loc(#loc)
}) : () -> () loc(unknown)
#loc = loc("layers")
#loc2 = loc("conv_1")
#loc3 = loc("relu_1"("net.py":3:4))
#loc4 = loc(fused[#loc2, #loc3])
"""


def test_each_location_is_written_once_behind_the_operations_and_before_them_if_an_argument_has_it() -> None:
    module = create_module(UNKNOWN)
    block = Block([I32, I32])
    block.arguments[0].name, block.arguments[0].location = "x", NameLocation("in")
    block.arguments[1].name = "y"
    first = Operation("t.a", [block.arguments[0]], [I32], location=fuse(CONVOLUTION, ACTIVATION))
    second = Operation("t.b", [first.result], [I32], location=CONVOLUTION)
    for operation in (
        first,
        second,
        Operation("t.c", [second.result], location=fuse(CONVOLUTION, ACTIVATION)),
        Operation("t.d", location=FileLocation("net.py", 9, 1)),
    ):
        block.append(operation)
    module.body.append(Operation("t.layers", regions=[Region([block])], location=NameLocation("layers")))
    text = print_module(module, generic=True, locations=True)
    assert text == GENERIC
    for fast in (True, False):
        assert first_difference(module, parse(text, fast=fast), locations=True) == ""
    assert "#" not in print_module(module, generic=True)


def test_a_loop_of_the_pretty_form_keeps_where_its_arguments_come_from() -> None:
    text = """\
module {
  func.func @f() {
    loop.for %i loc("f.py":1:2) = 0 to 4 {
      loop.yield loc(unknown)
    } loc("f.py":1:1)
    loop.for %i = 0 to 4 {
      loop.yield loc(unknown)
    } loc("f.py":2:1)
    return loc(unknown)
  } loc(unknown)
} loc(unknown)
"""
    module = parse(text)
    loops = [operation for operation in module.walk() if operation.name == "loop.for"]
    assert [loop.body.arguments[0].location for loop in loops] == [FileLocation("f.py", 1, 2), UNKNOWN]
    assert print_module(module, locations=True) == text


def test_where_no_location_is_written_an_argument_comes_from_its_place_in_the_text() -> None:
    module = parse("func.func @f() {\n  loop.for %i = 0 to 4 {\n  }\n  return\n}", "f.tir")
    (loop,) = [operation for operation in module.walk() if operation.name == "loop.for"]
    assert (loop.body.arguments[0].location.place.line, loop.body.arguments[0].location.place.column) == (2, 12)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "tables"])
def test_the_arguments_of_a_block_have_places_in_all_spellings(fast: bool) -> None:
    places = ['"a, %b: i32 loc(":1:2', "#x", "unknown", '"f":3:4', '"in"("f":3:4)', "fused[#x, #y]", '"a loc(b)":1:2']
    arguments = ", ".join(f"%a{i}: {'!t' if i % 2 else 'tensor<2xi8>'} loc({place})" for i, place in enumerate(places))
    block = f'"t.a"() ({{\n^bb0({arguments}):\n  "t.b"(%a2) : (tensor<2xi8>) -> ()\n}}) : () -> () loc(#x)\n'
    text = f'!t = tuple<i8>\n{block}{block}#x = loc("x")\n#y = loc("y")\n'
    for operation in parse(text, fast=fast).body:
        found = [str(argument.location) for argument in operation.regions[0].blocks[0].arguments]
        assert found == [place.replace("#x", '"x"').replace("#y", '"y"') for place in places]


def test_several_functions_share_the_names() -> None:
    module = parse("\n".join(f'func.func @f{i}() {{\n  return loc("r")\n}} loc("f{i}")' for i in range(2)))
    text = print_operations(module.body.operations, locations=True)
    assert alias_lines(text) == ([], ['#loc = loc("f0")', '#loc1 = loc("r")', '#loc2 = loc("f1")'])
    assert first_difference(module, parse(text + "\n"), locations=False) == ""
    assert [str(operation.location) for operation in parse(text).walk()][1:] == ['"f0"', '"r"', '"f1"', '"r"']


def test_what_broken_ir_has_instead_of_a_location_is_printed() -> None:
    operation = Operation("t.a")
    vars(Operation)["location"].__set__(operation, None)
    assert print_module(operation, locations=True) == '"t.a"() : () -> () loc(None)\n'


def test_a_position_gets_a_name_if_that_of_its_file_is_long() -> None:
    short, long = "a_folder/and_a_file.tir", "a_folder/and/others/and_a_file.tir"
    text = '"t.a"() : () -> ()\n"t.b"() : () -> ()'
    for file, expected in ((short, []), (long, [f'#loc = loc("{long}":{line}:{column})' for line, column in ((1, 1), (2, 1))])):
        module = parse(text, file)
        module.location = UNKNOWN
        printed = print_module(module, generic=True, locations=True)
        assert alias_lines(printed)[1] == [line.replace("#loc", f"#loc{number or ''}", 1) for number, line in enumerate(expected)]
        assert first_difference(module, parse(printed), locations=True) == ""


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "tables"])
def test_a_name_may_be_defined_anywhere_at_the_top_and_in_any_order(fast: bool) -> None:
    uses = [f'"t.a"() : () -> () loc(#{name})' for name in ("both", "odd", "site", "late", "tight", "indented")]
    definitions = [
        '#both = loc(fused[#late, "f":1:2, unknown, "b"])',
        r'#odd = loc("\22\n"("\\":1:2))',
        "#site = loc(callsite(#late at #both))",
        '#late = loc("late"(#odd))',
        '#tight=loc( fused<"why">[ "x" , #late ] ) // why not',
        '  #indented = loc("in" ( "f" : 3 : 4 ))',
    ]
    expected = ['fused["late"("\\22\\0A"("\\\\":1:2)), "f":1:2, "b"]']
    for text in ("\n".join([*uses, *definitions]), "\n".join([*definitions, *uses]), "\n".join([*definitions[3:], *uses, *definitions[:3]])):
        found = [str(operation.location) for operation in parse(text, fast=fast).body]
        assert found[:1] == expected
        assert found[2:4] == [f"callsite({found[3]} at {found[0]})", "late".join(('"', '"("\\22\\0A"("\\\\":1:2))'))]
        assert found[4:] == [f'fused<"why">["x", {found[3]}]', '"in"("f":3:4)']


def test_a_long_chain_of_definitions_is_read() -> None:
    chain = ['#loc = loc("n0")', *(f'#loc{i} = loc("n{i}"(#loc{i - 1 or ""}))' for i in range(1, 60))]
    location = parse("\n".join(['"t.a"() : () -> () loc(#loc59)', *chain])).body.terminator.location
    for i in range(59, -1, -1):
        assert isinstance(location, NameLocation)
        assert location.name == f"n{i}"
        location = location.child


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "tables"])
@pytest.mark.parametrize(
    ("argument", "column", "message"),
    [
        ("%x: i32<5>", 13, "expected ',' or ')', found '<'"),
        ('%x: i32 loc("a" 5)', 22, "expected '(', ')' or ':', found '5'"),
        ('%x: i32 loc("a":1)', 23, "expected ':', found ')'"),
        ("%x: i32 loc(#lost)", 18, "alias '#lost' is not defined"),
        ("%x: tensor<4xx>, %y: i1", 19, "expected a type or a dimension, found 'x'"),
    ],
)
def test_a_wrong_argument_of_a_block_is_an_error_at_its_place(argument: str, column: int, message: str, fast: bool) -> None:
    with pytest.raises(TinyirError) as caught:
        parse(f'"t.a"() ({{\n^bb0({argument}):\n  "t.b"() : () -> ()\n}}) : () -> ()', fast=fast)
    assert [(d.place.line, d.place.column, d.message) for d in caught.value.diagnostics] == [(2, column, message)]


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "tables"])
def test_what_is_wrong_with_a_name_is_said_once_and_the_rest_is_read(fast: bool) -> None:
    lines = [
        '#loc = loc("a" "b")',
        '%x = "t.a"() : () -> i32 loc(#loc)',
        '"t.b"(%x) : (i32) -> () loc(#lost)',
        '"t.b"(%y) : (i32) -> () loc(#loc)',
        "#ring = loc(callsite(#ring at #ring))",
    ]
    with pytest.raises(TinyirError) as caught:
        parse("\n".join(lines), fast=fast)
    found = [(diagnostic.place.line, diagnostic.message) for diagnostic in caught.value.diagnostics]
    assert found == [
        (1, "expected '(', ')' or ':', found '\"b\"'"),
        (3, "alias '#lost' is not defined"),
        (5, "alias '#ring' is defined by itself"),
    ]
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics[1:])


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "tables"])
@pytest.mark.parametrize("kind", ["#a = 1", "!a = i32", '#a = loc("x")'])
def test_a_name_is_defined_once(kind: str, fast: bool) -> None:
    for text in (f"{kind}\n{kind}", f"{kind} {kind}"):
        with pytest.raises(TinyirError, match="is defined twice") as caught:
            parse(text, "f.tir", fast=fast)
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.hint
        if "\n" in text:
            assert (diagnostic.place.line, diagnostic.notes[0][1].line) == (2, 1)


def test_among_very_many_names_none_is_looked_for_that_is_like_one() -> None:
    names = [f'#loc{i} = loc("n{i}")' for i in range(600)]
    with pytest.raises(TinyirError, match="'#loc700' is not defined") as caught:
        parse("\n".join([*names, '"t.a"() : () -> () loc(#loc700)']))
    assert "outside of all regions" in caught.value.diagnostics[0].hint


# -- against mlir-opt

words = st.sampled_from(["a", "b", "c", "d e", 'q"', "é"])
files = st.sampled_from(["f", "g.py", "a_folder/of/some_long_name/f.py"])
names = st.recursive(
    st.builds(NameLocation, words, st.none()),
    lambda inner: st.one_of(
        st.builds(NameLocation, words, inner),
        st.builds(CallSiteLocation, inner, inner),
        st.builds(lambda parts: fuse(*parts), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=4,
)
places = st.recursive(
    st.one_of(names, st.just(UNKNOWN), st.builds(FileLocation, files, st.integers(1, 3), st.integers(1, 3))),
    lambda inner: st.one_of(
        st.builds(NameLocation, words, inner),
        st.builds(CallSiteLocation, inner, inner),
        st.builds(lambda parts: fuse(*parts), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=4,
)


@st.composite
def located_modules(draw: st.DrawFn, locations: st.SearchStrategy[Location]) -> Operation:
    """Operations, nested ones and block arguments, with locations."""

    def fill(block: Block, depth: int) -> None:
        for _ in range(draw(st.integers(0, 4))):
            regions = []
            for _ in range(draw(st.integers(0, 2)) if depth else 0):
                inner = Block([I32] * draw(st.integers(0, 2)))
                for argument in inner.arguments:
                    argument.location = draw(locations)
                fill(inner, depth - 1)
                regions.append(Region([inner]))
            block.append(Operation("t.a", regions=regions, location=draw(locations)))

    module = create_module(draw(locations))
    fill(module.body, 2)
    return module


def through_mlir(tool: str, text: str) -> str:
    command = [tool, "--allow-unregistered-dialect", "--mlir-print-op-generic", "--mlir-print-debuginfo"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:1000]
    return done.stdout


@MODERATE
@given(st.lists(places, min_size=1, max_size=6))
def test_a_definition_that_is_written_out_is_read_the_same_by_the_short_cut(found: list[Location]) -> None:
    uses = [f'"t.a"() : () -> () loc(#x{number})' for number in range(len(found))]
    definitions = [f"#x{number} = loc({location})" for number, location in enumerate(found)]
    for text in ("\n".join([*definitions, *uses]), "\n".join([*uses, *definitions])):
        for fast in (True, False):
            assert [str(operation.location) for operation in parse(text, fast=fast).body] == list(map(str, found))


@MODERATE
@given(st.lists(places, min_size=1, max_size=6))
def test_a_location_that_is_written_out_is_read_the_same_by_the_short_cut(found: list[Location]) -> None:
    lines = [f'%r{number} = "t.a"() ({{\n  ^bb0(%a: i32 loc({location})):\n  }}) : () -> i32 loc({location})' for number, location in enumerate(found)]
    lines += [f'"t.b"(%r{number}) : (i32) -> () loc({location})' for number, location in enumerate(found)]
    for fast in (True, False):
        operations = list(parse("\n".join(lines), fast=fast).body)
        assert [operation.location for operation in operations] == found * 2
        assert [operation.body.arguments[0].location for operation in operations[: len(found)]] == found


@MODERATE
@given(located_modules(names))
def test_mlir_opt_defines_the_same_names_in_the_same_lines(require_tool: Callable[[str], str], module: Operation) -> None:
    text = print_module(module, generic=True, locations=True)
    assert alias_lines(through_mlir(require_tool("mlir-opt-19"), text)) == alias_lines(text)


@MODERATE
@given(located_modules(places))
def test_beside_unknown_and_positions_mlir_opt_names_the_same_in_the_same_order(require_tool: Callable[[str], str], module: Operation) -> None:
    text = print_module(module, generic=True, locations=True)
    theirs = through_mlir(require_tool("mlir-opt-19"), text)
    assert named_places(theirs) == named_places(text)
    for printed in (theirs, text, print_module(module, locations=True)):
        for fast in (True, False):
            assert first_difference(module, parse(printed, fast=fast), locations=True) == ""
