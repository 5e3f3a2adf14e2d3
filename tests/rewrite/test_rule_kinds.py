"""An expression of the wrong kind is told at its word; what has no value for what a rule matched keeps the rule from being applied."""

from __future__ import annotations

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.rewrite.rule_functions import BUILT_IN, DeclinedError, calculate
from tinyir.rewrite.rule_kinds import FUNCTIONS
from tinyir.text import rule_syntax as ast
from tinyir.text.printer import print_module
from tinyir.text.reader import parse
from tinyir.text.rule_reader import read_rules

HELPERS = """\
function endless(n) = endless(n)
function ping(n) = pong(n) + 1
function pong(n) = ping(n)
function twice(n) = 2 * n
function same(n) = n
"""
WRONG = {
    "1": ("a condition is needed, and '1' is a number", "1"),
    '"a"': ("a condition is needed", '"a"'),
    "shape(x)": ("'shape(x)' is a list", "shape"),
    "x": ("'x' is an operand", "x"),
    "not 3": ("a condition is needed", "3"),
    "rank(x) and rank(x) == 1": ("a condition is needed", "rank(x) and"),
    "all(i < 3) i": ("'i' is a number", "i "),
    "rank(x) / 0 == 1": ("a division by 0", "0"),
    "max() == 1": ("function 'max' takes 2 arguments, not 0", "max"),
    "max(1, 2, 3) == 1": ("function 'max' takes 2 arguments, not 3", "max"),
    "min(x) == 1": ("a map is needed, and 'x' is an operand", "x) == 1"),
    'shape(x)["a"] == 1': ("a number is needed", '"a"'),
    "rank(x)[0] == 1": ("a list is needed", "rank(x)[0]"),
    "bits(3) == 3": ("a type is needed, and '3' is a number", "3) == 3"),
    "element(x) == 3": ("'==' compares a type with a number", "3"),
    "element(x) < f32": ("a number is needed, and 'element(x)' is a type", "element"),
    "rank(shape(x)) == 1": ("an operand is needed", "shape"),
    '"a" + 1 == 2': ("a number is needed", '"a" + 1'),
    "[1] + [2] == [1]": ("a number is needed, and '[1]' is a list", "1] + [2]"),
    "[[1]] == [1]": ("a list is of numbers", "1]] =="),
    '[1, "a"] == [1]': ("a list is of numbers, or of texts, and not of both", '"a"'),
    '["a"][0] + 1 == 2': ("a number is needed, and '[\"a\"][0]' is a text", '"a"'),
    "[x for i < 2] == [1]": ("a list is of numbers, or of texts, and 'x' is an operand", "x for"),
    "[i for i < 10000000000][3] == 3": ("more than 1024 elements", "10000000000"),
    '[i for i < "a"] == [1]': ("a number is needed", '"a"'),
    "complement(shape(x)) == [1]": ("function 'complement' takes 2 arguments, not 1", "complement"),
    "twice(1, 2) == 1": ("takes 1 arguments, not 2", "twice(1"),
    "same(3)": ("a condition is needed, and 'same(3)' is a number", "same(3)"),
}


def compile_last(text: str) -> None:
    statements = read_rules(text, "mine.rules")
    rule = statements[-1]
    assert isinstance(rule, ast.Rule)
    compile_rule(rule, {s.name: s for s in statements if isinstance(s, ast.Function)})


@pytest.mark.parametrize("condition", WRONG)
def test_the_wrong_kind_is_told_at_its_word(condition: str) -> None:
    with pytest.raises(TinyirError) as caught:
        compile_last(f"{HELPERS}rule r   graph.relu(x)  =>  x  where {condition} \n")
    message, word = WRONG[condition]
    (diagnostic,) = caught.value.diagnostics
    assert message in diagnostic.message
    assert diagnostic.place.line == 6
    assert diagnostic.place.text[diagnostic.place.column - 1 :].startswith(word)


@pytest.mark.parametrize(("call", "line", "message"), [
    ("endless(1)", 1, "function 'endless' calls itself"),
    ("ping(1)", 3, "function 'ping' calls itself"),
    ("twice(shape(x))", 4, "a number is needed, and 'n' is a list"),
])  # fmt: skip
def test_a_wrong_function_is_told_where_it_stands_with_its_caller(call: str, line: int, message: str) -> None:
    with pytest.raises(TinyirError) as caught:
        compile_last(f"{HELPERS}rule r   graph.relu(x)  =>  x  where {call} == 1\n")
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.message, diagnostic.place.line) == (message, line)
    assert [note for note, _ in diagnostic.notes] == ["it is called here"]


def test_each_built_in_function_says_what_it_takes() -> None:
    assert set(FUNCTIONS) == {*BUILT_IN, "select"} - {"min", "max"}


def test_the_operation_that_is_wrong_is_meant_not_the_first_of_its_name() -> None:
    with pytest.raises(TinyirError) as caught:
        compile_last("rule r   graph.add(x, y)  =>  graph.add(y)\n")
    assert caught.value.diagnostics[0].place.column == len("rule r   graph.add(x, y)  =>  ") + 1


def result_of(rule: str, type: str = "tensor<4xf32>", constant: str = "0.0") -> str:
    """The module of two relus and a product after the rule, which is taken to be right; empty if it was not applied."""
    (statement,) = (s for s in read_rules(f'rule r assumed "to see it applied"  {rule}\n') if isinstance(s, ast.Rule))
    module = parse(f"""func.func @f(%x: {type}) -> {type} {{
  %c = graph.constant() {{value = dense<{constant}> : tensor<f32>}} : () -> tensor<f32>
  %a = graph.relu(%x) : ({type}) -> {type}
  %b = graph.multiply(%a, %c) : ({type}, tensor<f32>) -> {type}
  return %b : {type}
}}
""")
    applied = apply_rules(module, [compile_rule(statement, {})], PassContext(most_rewrites=1))
    return print_module(module) if applied else ""


@pytest.mark.parametrize(("condition", "type", "applied"), [
    ("shape(x)[0] == 4", "tensor<4xf32>", True),
    ("shape(x)[1] == 4", "tensor<4xf32>", False),
    ("shape(x)[1] == 4", "tensor<3x4xf32>", True),
    ("shape(x)[-1] == 4", "tensor<4xf32>", False),
    ("rank(x) / (shape(x)[0] - 4) == 0", "tensor<4xf32>", False),
    ("shape(x)[0] == 4 or shape(x)[7] == 1", "tensor<4xf32>", True),
    ("shape(x)[0] << 1.5 == 8", "tensor<4xf32>", False),
])  # fmt: skip
def test_a_condition_without_a_value_does_not_hold(condition: str, type: str, applied: bool) -> None:
    assert bool(result_of(f"graph.relu(x) => graph.absolute(x) where {condition}", type)) is applied


def test_a_quotient_of_floats_is_not_rounded() -> None:
    rule = "graph.multiply(x, constant c) => graph.multiply(x, constant(value(c) / 2.0)) where value(c) == 3.0"
    assert "dense<1.500000e+00>" in result_of(rule, constant="3.0")


@pytest.mark.parametrize("condition", [
    "value(c) & 1 == 1", "value(c) ^ value(c) == 0", "value(c) << 1 == 6", "value(c) >> 1 == 1", "log2(value(c)) == 2", "is_power_of_two(value(c))",
    "shape(x)[value(c) - 4.0] == 4", "[i for i < value(c)] == [0, 1, 2, 3]", "complement(shape(x), value(c)) == [0, 1, 2, 3]",
    "length([i for i < 2000 * rank(x)]) == 2000",
])  # fmt: skip
def test_a_float_is_no_number_of_bits_or_elements(condition: str) -> None:
    assert result_of("graph.multiply(x, constant c) => graph.absolute(x)", constant="4.0")
    assert not result_of(f"graph.multiply(x, constant c) => graph.absolute(x) where {condition}", constant="4.0")


NO_VALUES = [("/", 1, 0), ("%", 1, 0), ("<<", 1, 10**12), ("<<", 1, -1), (">>", 1, 0.5), ("&", 1, 2.5), ("/", 10**400, 2.0)]


@pytest.mark.parametrize(("operator", "left", "right"), NO_VALUES)
def test_what_has_no_value_is_declined(operator: str, left: float, right: float) -> None:
    with pytest.raises(DeclinedError):
        calculate(operator, left, right)
