"""What an operator says wrong is told at the operator, whichever part of the compiler asks for its equations first."""

from __future__ import annotations

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.ir.instance import instantiate
from tinyir.ir.operator import Operator
from tinyir.ir.types import F32, TensorType
from tinyir.text.operator_reader import read_definitions
from tinyir.text.specifications import function_named

MISTAKES = {
    "y[i] = x[j]": "uses the unknown name 'j'",
    "y[i] = u[i]": "uses the unknown tensor 'u'",
    "z[i] = x[i]": "has no equation for 'y'",
    "y[i] = x[i, i]": "reads 'x' of rank 1 with 2 indices",
    "y[i] = x[i] << 2": "'<<' is not defined on f32",
    "y[i] = i": "computes 'y' in index, but it holds f32",
    "y[i] = x[i] + i8(x[i])": "'+' needs operands of one type, not f32 and i8",
    "y[i] = max(x[i])": "'max' takes 2 arguments, not 1",
    "y[i] = select(x[i], 1.0)": "'select' takes 3 arguments, not 2",
    "y[i] = lowest(t)": "asks for lowest(t), and f32 is no integer",
    "y[i] = scale(x)": "asks for scale(x), which names no type",
    "y[i] = product()": "calls 'product' without arguments",
    "y[2 * i] = x[i]": "defines an element at 2 * i, which is no variable",
    "y[d...] = x[d...]": "has no list D for d...",
    "y[i] = sum(j > 3) x[i]": "folds over j > 3: write a variable, < and how far it goes",
    "y[i] = x[1.5]": "1.5 is no index",
    "y[i] = min(j < 3) j": "'min' is not defined on index",
}


@pytest.mark.parametrize("equation", MISTAKES)
def test_a_mistake_is_told_at_the_operator(equation: str) -> None:
    (operator,) = read_definitions(f"# Mine.\nop graph.mine(x: t[N]) -> (y: t[N])\n  {equation}\n", "mine.op")
    assert isinstance(operator, Operator)
    with pytest.raises(TinyirError) as caught:
        instantiate(operator, [TensorType((4,), F32)], {})
    (diagnostic,) = caught.value.diagnostics
    assert MISTAKES[equation] in diagnostic.message
    assert diagnostic.message.endswith("(for operands of tensor<4xf32>)")
    assert (diagnostic.place.file, diagnostic.place.line, diagnostic.place.text) == ("mine.op", 2, "op graph.mine(x: t[N]) -> (y: t[N])")


def test_a_function_that_is_not_there_is_told() -> None:
    with pytest.raises(TinyirError, match=r"unknown scalar function 'logstic'\n +hint: did you mean 'logistic'"):
        function_named("logstic")


def test_an_equation_that_runs_beyond_its_tensor_is_told() -> None:
    text = "# Halves.\nop graph.halves(x: t[N, C]) -> (y: t[N, C / 2])\n  y[n, c] = x[n, c]\n"
    (operator,) = read_definitions(text, "mine.op")
    assert isinstance(operator, Operator)
    with pytest.raises(TinyirError, match=r"mine\.op:2:1: error: 'graph\.halves' defines 'y' at c = 0 \.\. 7 along axis 1, whose extent is 4 \(for operands"):
        instantiate(operator, [TensorType((3, 8), F32)], {})
