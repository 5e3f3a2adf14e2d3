"""The judge itself: it rounds once an operation, wraps integers, and refuses what the language leaves undefined."""

import re

import numpy as np
import pytest

from tests.functions.evaluate import FUNCTIONS, UndefinedOperationError, function, parse
from tests.functions.truth import inputs
from tinyir.interp.equations import call_function


def i32(text: str, *values: int) -> list[int]:
    x = np.array(values, np.int32)
    return list(parse(f"function f(x: i32) -> i32\n  return {text}\n")(x).tolist())


def f32(text: str, *values: float) -> list[float]:
    x = np.array(values, np.float32)
    return list(parse(f"function f(x: f32) -> f32\n  return {text}\n")(x).tolist())


def test_each_float_operation_rounds_once() -> None:
    assert f32("x * x - 1.0", 1 + 2.0**-12, 1 + 2.0**-23) == [2.0**-11, 2.0**-22]
    assert f32("(x + 8388608.0) - 8388608.0", 0.5, 1.5, 2.5) == [0.0, 2.0, 2.0]


def test_integers_wrap() -> None:
    assert i32("x + 1", 2**31 - 1) == [-(2**31)]
    assert i32("x * x", 65537) == [131073]
    assert i32("x << 1", 2**30) == [-(2**31)]


def test_shifts_are_arithmetic_or_logical() -> None:
    assert i32("x >> 4", -32) == [-2]
    assert i32("x >>> 28", -(2**28)) == [15]
    assert i32("x + 1 >>> 28", -1) == [0]


@pytest.mark.parametrize("text", ["i32(x * 2147483648.0)", "i32(x * nan)", "1 << i32(x * 32.0)", "i32(x) + x", "select(x, 1, 2)", "1 / 2"])
def test_what_is_undefined_is_refused(text: str) -> None:
    broken = parse(f"function f(x: f32) -> i32\n  return {text}\n")
    with pytest.raises(UndefinedOperationError):
        broken(np.array([1.0], np.float32))


def test_a_literal_that_binary32_does_not_hold_is_refused() -> None:
    with pytest.raises(UndefinedOperationError, match=re.escape("0.1 is not a binary32 number")):
        f32("x + 0.1", 1.0)


@pytest.mark.parametrize("name", sorted(path.stem for path in FUNCTIONS.glob("*.op")))
def test_the_interpreter_gives_the_bits_of_the_judge(name: str) -> None:
    arguments = [argument[::7] for argument in inputs(name)]
    expected, found = function(name)(*arguments), call_function(name, arguments)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), ~numbers)
    np.testing.assert_array_equal(found[numbers].view(np.int32), expected[numbers].view(np.int32))
