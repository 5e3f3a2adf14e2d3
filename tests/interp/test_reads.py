"""Reads outside of a tensor: an error at the operator, unless the equation says what is there or the value is not used."""

import numpy as np
import pytest

from tinyir.interp.equations import run_instance
from tinyir.interp.machine import InterpreterError
from tinyir.ir.instance import instantiate
from tinyir.ir.operator import Operator
from tinyir.ir.types import F32, TensorType
from tinyir.text.operator_reader import read_definitions


def run(equation: str) -> list[float]:
    (operator,) = read_definitions(f"# Mine.\nop graph.mine(x: f32[N]) -> (y: f32[N])\n  {equation}\n", "mine.op")
    assert isinstance(operator, Operator)
    (result,) = run_instance(instantiate(operator, [TensorType((3,), F32)], {}), [np.array([1, 2, 3], np.float32)])
    return [float(number) for number in result]


@pytest.mark.parametrize(
    ("equation", "index"),
    [
        ("y[n] = x[n + 1]", 3),
        ("y[n] = x[n - 2]", -2),
        ("y[n] = sum(k < 3) x[n + k]", 3),
        ("y[n] = x[n + 1 | x[n + 3]]", 5),
        ("y[n] = select(x[n] < 3.0, x[n], x[n + 1])", 3),
    ],
)
def test_a_read_outside_is_an_error_at_the_operator(equation: str, index: int) -> None:
    message = rf"mine\.op:2:1: error: 'graph\.mine' reads 'x' at \[{index}\], outside of its shape \[3\]"
    with pytest.raises(InterpreterError, match=message):
        run(equation)


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("y[n] = x[n + 1 | 7.0]", [2.0, 3.0, 7.0]),
        ("y[n] = sum(k < 3) x[n + k | skip]", [6.0, 5.0, 3.0]),
        ("y[n] = select(x[n] < 3.0, x[n + 1], 7.0)", [2.0, 3.0, 7.0]),
        ("y[n] = x[n + 1 | x[n - 2]]", [2.0, 3.0, 1.0]),
    ],
)
def test_what_is_not_used_is_not_read(equation: str, expected: list[float]) -> None:
    assert run(equation) == expected
