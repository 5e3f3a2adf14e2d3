"""The language of formats, on a dialect made up here."""

from __future__ import annotations

import pytest

from tinyir.ir.attributes import DenseArray, FloatAttribute, IntegerAttribute, StringAttribute, UnitAttribute
from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.registry import OperationDefinition, definition_of, known_operations, register
from tinyir.ir.types import F32, I8, I32, I64
from tinyir.text.assembly import form_of
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

for _definition in (
    OperationDefinition("toy.plain", properties={"?step": ""}),
    OperationDefinition("toy.source", results=("out",), operands=(), assembly="attr-dict `:` type($out)"),
    OperationDefinition("toy.sink", operands=("first", "rest..."), results=(), assembly="$first (`and` $rest)? attr-dict"),
    OperationDefinition(
        "toy.segments",
        operands=("left...", "right..."),
        results=(),
        properties={"operandSegmentSizes": "of left and right"},
        assembly="`(` $left `)` `[` $right `]` attr-dict (`:` type($left))? (`and` type($right))?",
    ),
    OperationDefinition(
        "toy.properties",
        operands=(),
        results=(),
        properties={"?word": "", "?mark": "", "?count": "", "?scale": "", "?any": "", "?sym_name": "", "?rest": ""},
        assembly="($sym_name)? (`word` $word:word)? (`count` $count:i8=1)? (`scale` $scale:f32)? (`any` $any)? (`mark` $mark:unit)? attr-dict",
    ),
    OperationDefinition("toy.strict", operands=(), results=(), properties={"value": ""}, assembly="$value"),
    OperationDefinition("toy.branch", operands=("values...",), results=(), traits={"terminator"}, assembly="successors (`with` $values)? attr-dict"),
    OperationDefinition("toy.choose", operands=(), results=("out...",), assembly="attr-dict (`->` type($out))? region (`else` region)?"),
    OperationDefinition("toy.short", operands=("in",), results=("out",), traits={"same_type"}, assembly="short $in attr-dict `:` same-type"),
    OperationDefinition("toy.named", assembly="$one `,` $two attr-dict `:` type($two) `->` type(results)"),
    OperationDefinition("toy.call", assembly="$operands attr-dict `:` functional-type"),
    OperationDefinition(
        "toy.count", operands=(), results=(), properties={"kind": ""}, assembly="enum($kind, none some all) attr-dict-with-keyword region"
    ),
):
    register(_definition)


def inside(*lines: str) -> str:
    """The lines in a module, with two values."""
    return "\n".join(["module {", "  %a = toy.source : i32", "  %b = toy.source : f32", *(f"  {line}" for line in lines), "}", ""])


def assert_stays(*lines: str) -> list[Operation]:
    """The lines are printed as they are, and mean the same in generic form."""
    text = inside(*lines)
    module = parse(text)
    assert print_module(module) == text
    assert first_difference(module, parse(print_module(module, generic=True))) == ""
    return module.body.operations[2:]


def first(line: str) -> Operation:
    """The operation of a line inside a module with two values."""
    return parse(inside(line)).body.operations[2]


def test_operands_stand_where_the_format_says() -> None:
    alone, both = assert_stays("toy.sink %a", "toy.sink %a and %b, %a {x = 1}")
    assert [len(operation.operands) for operation in (alone, both)] == [1, 3]
    assert both.operands[1].type is F32


def test_two_variadic_groups_are_told_apart_by_their_segments() -> None:
    operations = assert_stays("toy.segments (%a, %a)[%b] : i32, i32 and f32", "toy.segments ()[%b, %b] and f32, f32", "toy.segments ()[]")
    assert [operation.properties["operandSegmentSizes"] for operation in operations] == [
        DenseArray(sizes, I32) for sizes in ([2, 1], [0, 2], [0, 0])
    ]


@pytest.mark.parametrize("sizes", [[5, 5], [3, -1], [2]])
def test_segments_that_do_not_fit_are_printed_generic(sizes: list[int]) -> None:
    operation = first("toy.segments(%a)[%b] : i32 and f32")
    operation.properties["operandSegmentSizes"] = DenseArray(sizes, I32)
    assert '"toy.segments"' in print_module(operation)


def test_properties_are_written_each_in_its_way() -> None:
    everything, nothing, _ = assert_stays(
        'toy.properties @"a b" word fast count 5 scale -1.500000e+00 any [1, 2] mark {other = 2, rest = "r"}',
        "toy.properties",
        "toy.properties word fast",
    )
    assert everything.properties == {
        "sym_name": StringAttribute("a b"),
        "word": StringAttribute("fast"),
        "count": IntegerAttribute(5, I8),
        "scale": FloatAttribute.of(-1.5, F32),
        "any": everything.properties["any"],
        "mark": UnitAttribute(),
        "rest": StringAttribute("r"),
    }
    assert list(everything.attributes) == ["other"]
    assert nothing.properties == {"count": IntegerAttribute(1, I8)}


def test_what_a_format_cannot_say_is_printed_generic() -> None:
    for name, value in (("word", StringAttribute("two words")), ("count", IntegerAttribute(1, I64)), ("mark", StringAttribute("x"))):
        operation = first("toy.properties")
        operation.properties[name] = value
        assert '"toy.properties"' in print_module(operation)
    operation = first("toy.properties")
    del operation.properties["count"]
    assert '"toy.properties"' in print_module(operation)
    for change in ({"undeclared": UnitAttribute()}, {"count": IntegerAttribute(1, I8)}):
        operation = first("toy.properties")
        operation.attributes.update(change)
        assert ('"toy.properties"' in print_module(operation)) == ("count" in change)
    strict = first("toy.strict 5 : i8")
    assert print_module(strict) == "toy.strict 5 : i8\n"
    strict.attributes["more"] = UnitAttribute()
    assert '"toy.strict"' in print_module(strict)


def test_an_attribute_without_a_type_keeps_the_usual_one() -> None:
    assert print_module(first("toy.strict 5")) == "toy.strict 5 : i64\n"
    assert print_module(first("toy.strict 0.5")) == "toy.strict 5.000000e-01 : f64\n"
    assert print_module(first("toy.strict [5]")) == "toy.strict [5]\n"


def test_regions_and_successors() -> None:
    first_choice, second_choice, third = assert_stays(
        "toy.choose {",
        '  "a.b"() : () -> ()',
        "}",
        "%0:2 = toy.choose -> i32, f32 {",
        "} else {",
        "  toy.branch ^bb1 with %a, %b",
        "^bb1:",
        "  toy.branch ^bb1, ^bb2",
        "^bb2:",
        "  toy.branch ^bb1 {x}",
        "}",
        "toy.count some attributes {a = 1} {",
        "^bb0(%x: i32):",
        "  toy.sink %x",
        "}",
    )
    assert [len(region.blocks) for region in first_choice.regions] == [1, 0]
    assert [len(region.blocks) for region in second_choice.regions] == [1, 3]
    assert third.properties["kind"] is IntegerAttribute(1, I64)


def test_an_operation_without_a_format_is_written_like_a_call() -> None:
    plain, nested = assert_stays(
        "%0:2 = toy.plain(%a, %b) {other = 1, step = 2} : (i32, f32) -> (i32, f32)",
        "toy.plain(%a) ({",
        "^bb0(%i: i32):",
        "  toy.branch ^bb1",
        "^bb1:",
        "  toy.plain()[^bb1] : () -> ()",
        "}, {",
        "}) : (i32) -> ()",
    )
    assert list(plain.properties) == ["step"]
    assert list(plain.attributes) == ["other"]
    assert [len(region.blocks) for region in nested.regions] == [2, 0]
    plain.properties["unknown"] = UnitAttribute()
    assert '"toy.plain"' in print_module(plain)


def test_names_results_and_signatures() -> None:
    assert_stays("%0 = toy.call %a, %b : (i32, f32) -> i32", "%1:2 = toy.named %a, %b : f32 -> i32, i8", "toy.call : () -> ()")
    assert print_module(first("%0 = toy.short %a : i32").clone()).startswith("%0 = short %")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("toy.sink and %a", "expected an SSA operand, found 'and'"),
        ("toy.sink %a %b", "expected ',', ':' or '='"),
        ("toy.segments (%a)[] : i32, i32", "expected an operation"),
        ("toy.properties count 300", "300 does not fit in i8"),
        ("toy.properties {count = 5 : i8}", "'count' has its own place"),
        ("toy.properties scale x", "expected a number, found 'x'"),
        ("toy.count many {", "'many' is none of none, some, all"),
        ("toy.count som {", "did you mean 'some'?"),
        ("%0 = toy.call %a, %b : (i32) -> i32", "2 operands but 1 operand types"),
        ("%0 = toy.call %b : (i32) -> i32", "'%b' has type f32, used as i32"),
        ("%0 = toy.choose -> i32, {", "expected a type"),
        ("toy.branch", "expected a block name"),
    ],
)
def test_a_wrong_line_is_explained(line: str, message: str) -> None:
    with pytest.raises(TinyirError) as caught:
        parse(inside(line))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("assembly", "message"),
    [
        ("$nobody attr-dict", "names 'nobody'"),
        ("attr-dict (`a`", "ends inside a group"),
        ("()? attr-dict", "has an empty group"),
        ("enum($x, a b) attr-dict", "names 'x', which is no property"),
        ("teleport($value)", "has the unknown directive 'teleport'"),
        ("$value:strange", "has unknown kind 'strange'"),
        ("type($other)", "has a type of 'other'"),
        ("enum(value, a)", "where a $name is due"),
        ("enum $value", "has '$value' where '(' is due"),
        ("?", "cannot be read at: ?"),
        ("induction(strange)", "induction of unknown type"),
    ],
)
def test_a_wrong_format_is_refused(assembly: str, message: str) -> None:
    definition = OperationDefinition("toy.wrong", operands=(), results=(), properties={"value": ""}, assembly=assembly)
    with pytest.raises(ValueError, match=r"assembly of 'toy\.wrong'") as caught:
        form_of(definition)
    assert message in str(caught.value)


@pytest.mark.parametrize("dialect", ["builtin", "func", "arith", "graph", "loop", "buffer", "c"])
def test_every_format_of_a_dialect_can_be_compiled(dialect: str) -> None:
    names = known_operations(dialect)
    assert names
    for name in names:
        definition = definition_of(name)
        assert definition is not None
        assert form_of(definition).definition is definition
