"""The operator language: what its texts mean, and what is said of texts that are wrong."""

from __future__ import annotations

import re

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.ir.instance import InstanceError, instantiate, result_types
from tinyir.ir.operator import Operator, ScalarFunction
from tinyir.ir.types import F32, I8, I32, TensorType, Type
from tinyir.text.operator_reader import read_definitions
from tinyir.text.specifications import functions, operators

SMALL = """# Twice.
op toy.twice(x: t[D...]) -> (y: t[D...])
  attributes factor F = 2
  y[d...] = x[d...] * F
"""


def operator(text: str) -> Operator:
    (definition,) = read_definitions(text, "toy.op")
    assert isinstance(definition, Operator)
    return definition


def test_the_comment_above_an_operator_is_its_summary() -> None:
    assert operator(SMALL).summary == "Twice."


def test_a_file_may_hold_several_definitions() -> None:
    definitions = read_definitions(SMALL + "\nfunction half(x: f32) -> f32\n  return x * 0.5\n")
    assert [type(d) for d in definitions] == [Operator, ScalarFunction]


def test_all_shipped_operators_and_functions_are_read() -> None:
    assert {"graph.conv2d", "graph.softmax", "graph.transpose"} <= set(operators())
    assert {"exp", "tanh"} <= set(functions())


def test_each_wrong_definition_is_one_error_at_its_place() -> None:
    text = SMALL + "\nop toy.bad(x: t[D...]) -> (y: t[D...]\n  y[d...] = x[d...]\n\nop toy.worse(x t[D]) -> (y: t[D])\n  y[d] = x[d]\n"
    with pytest.raises(TinyirError) as caught:
        read_definitions(text, "toy.op")
    assert [(d.place.line, d.place.file) for d in caught.value.diagnostics] == [(6, "toy.op"), (9, "toy.op")]


def test_result_types_come_from_the_equations() -> None:
    assert result_types(operator(SMALL), [TensorType((2, 3), F32)], {}) == [TensorType((2, 3), F32)]


@pytest.mark.parametrize(
    ("name", "types", "message"),
    [
        ("graph.dense", [((1, 4), F32), ((3, 5), F32), ((3,), F32)], "has K = 5 in 'weight', but 4 before it"),
        ("graph.dense", [((1, 4), F32), ((3, 4), F32)], "takes 3 operands, not 2"),
        ("graph.conv2d", [((1, 4, 4, 3), F32), ((8, 3, 3, 2), F32), ((8,), F32)], "requires C == G * K, with C = 3, G = 1, K = 2"),
        ("graph.conv2d", [((1, 2, 2, 3), F32), ((8, 9, 3, 3), F32), ((8,), F32)], "would have a result of shape"),
        ("graph.add", [((2, 3), F32), ((2, 4), F32)], "cannot broadcast shapes [2, 3] and [2, 4]"),
        ("graph.add", [((2, 3), F32), ((2, 3), I8)], "needs elements of type f32 in 'y', not i8"),
        ("graph.reduce_sum", [((2, 3), F32)], "needs the property 'axes'"),
    ],
)
def test_operands_that_do_not_fit_are_explained_with_their_numbers(name: str, types: list[tuple[tuple[int, ...], Type]], message: str) -> None:
    with pytest.raises(InstanceError, match=re.escape(message)):
        result_types(operators()[name], [TensorType(shape, element) for shape, element in types], {})


def test_an_index_that_cannot_leave_its_tensor_has_no_condition() -> None:
    types = [TensorType((1, 8, 8, 4), I8), TensorType((2, 3, 3, 4), I8), TensorType((2,), I32)]
    (equation,) = instantiate(operators()["graph.conv2d"], types, {}).equations
    from tinyir.ir.expression import Fold

    assert isinstance(equation.body, Fold)
    assert equation.body.conditions == ()
    assert equation.names == ("n", "p", "q", "o", "i", "j", "k")
