"""The C level runs as C99 says, and stops where it says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinyir.interp.machine import InterpreterError, Machine, UnknownOperationError
from tinyir.ir.builder import find_symbol
from tinyir.text.reader import parse


def call(body: str, *arguments: Any, parameters: str = "%a: i32, %b: i32", result: str = "i32", more: str = "") -> Any:
    """What a function gives; its last value is %r."""
    given = f"c.return %r : {result}" if result else "c.return"
    module = parse(f"module {{\n{more}\nc.function @f({parameters}) -> ({result}) {{\n{body}\n{given}\n}}\n}}\n")
    function = find_symbol(module, "f")
    assert function is not None
    found = Machine(module).call(function, list(arguments))
    return found[0] if found else None


def binary(operator: str, a: int, b: int, type: str = "i32", result: str = "") -> int:
    dtype = np.dtype(f"{'u' * type.startswith('u')}int{type.lstrip('ui')}").type
    return int(call(f'%r = c.binary %a "{operator}" %b : {type}', dtype(a), dtype(b), parameters=f"%a: {type}, %b: {type}", result=result or type))


@pytest.mark.parametrize(
    ("operator", "a", "b", "type", "expected"),
    [
        ("+", 2**31 - 2, 1, "i32", 2**31 - 1),
        ("+", 2**32 - 1, 2, "ui32", 1),
        ("-", 0, 1, "ui32", 2**32 - 1),
        ("*", 2**31, 2, "ui32", 0),
        ("*", -(2**31), 2**31, "i64", -(2**62)),
        ("/", -7, 2, "i32", -3),
        ("%", -7, 2, "i32", -1),
        ("%", 7, -2, "i32", 1),
        ("/", 2**32 - 7, 2, "ui32", 2**31 - 4),
        ("<<", 3, 4, "i32", 48),
        ("<<", 2**31, 1, "ui32", 0),
        (">>", -8, 1, "i32", -4),
        (">>", 2**32 - 8, 1, "ui32", 2**31 - 4),
        ("&", -2, 7, "i32", 6),
        ("^", 2**32 - 1, 1, "ui32", 2**32 - 2),
    ],
)
def test_arithmetic_is_exact_or_wraps_where_it_is_unsigned(operator: str, a: int, b: int, type: str, expected: int) -> None:
    assert binary(operator, a, b, type) == expected


@pytest.mark.parametrize(
    ("operator", "a", "b", "message"),
    [
        ("+", 2**31 - 1, 1, "2147483647 [+] 1 does not fit i32"),
        ("-", -(2**31), 1, "does not fit i32"),
        ("*", 2**16, 2**15, "does not fit i32"),
        ("/", 1, 0, "1 / 0 divides by 0"),
        ("%", 1, 0, "divides by 0"),
        ("/", -(2**31), -1, "does not fit i32"),
        ("%", -(2**31), -1, "does not fit i32"),
        ("<<", 1, 32, "by its width or more"),
        (">>", 1, -1, "by its width or more"),
        ("<<", -1, 1, "a negative number to the left"),
        ("<<", 3, 30, "does not fit i32"),
    ],
)
def test_what_has_no_meaning_is_told(operator: str, a: int, b: int, message: str) -> None:
    with pytest.raises(InterpreterError, match=message):
        binary(operator, a, b)


def test_comparisons_know_the_sign() -> None:
    assert binary("<", -1, 0, result="i1") == 1
    assert binary("<", 2**32 - 1, 0, "ui32", "i1") == 0


def test_a_conversion_cuts_integers_and_refuses_floats_that_do_not_fit() -> None:
    assert call("%r = c.cast %a : i32 to i8", np.int32(300), parameters="%a: i32", result="i8") == 44
    assert call("%r = c.cast %a : i8 to ui32", np.int8(-1), parameters="%a: i8", result="ui32") == 2**32 - 1
    assert call("%r = c.cast %a : f32 to i32", np.float32(-2.75), parameters="%a: f32") == -2
    with pytest.raises(InterpreterError, match="does not fit i32"):
        call("%r = c.cast %a : f32 to i32", np.float32(3e9), parameters="%a: f32")


SUM = """
  %zero = c.literal 0 : i32
  %v = c.variable %zero : i32
  c.for %i = %a to %b by STEP : i32 {
    %n = c.binary %v "+" %i : i32
    c.assign %v, %n : i32
  }
  %r = c.binary %v "+" %zero : i32"""


def test_loops_count_up_below_the_limit_and_down_to_it() -> None:
    assert call(SUM.replace("STEP", "2"), np.int32(1), np.int32(6)) == 1 + 3 + 5
    assert call(SUM.replace("STEP", "-1"), np.int32(3), np.int32(2)) == 3 + 2
    assert call(SUM.replace("STEP", "1"), np.int32(3), np.int32(3)) == 0
    with pytest.raises(InterpreterError, match="the counter 2147483648 of a loop does not fit i32"):
        call(SUM.replace("STEP", "2").replace('%v "+" %i', '%v "+" %zero'), np.int32(2**31 - 2), np.int32(2**31 - 1))


def test_a_variable_that_has_no_value_is_not_read() -> None:
    with pytest.raises(InterpreterError, match="reads a variable that has no value"):
        call('%v = c.variable : i32\n%r = c.binary %v "+" %a : i32', np.int32(1), parameters="%a: i32")


COPY = """
  %m = c.address @w : memref<?xi8, "flash">
  %p = c.offset %m[%a] : memref<?xi8, "flash">
  %r = c.load %p[%b] : memref<?xi8, "flash">"""
ARRAY = "c.array @w = dense<[1, 2, 3, 4]> : tensor<4xi8>"


def test_memory_is_read_inside_of_its_object() -> None:
    assert call(COPY, np.int32(3), np.int32(-1), result="i8", more=ARRAY) == 3
    for start, index in ((0, 4), (0, -1), (3, 1), (5, -2)):
        with pytest.raises(InterpreterError, match="object of 4"):
            call(COPY, np.int32(start), np.int32(index), result="i8", more=ARRAY)


def test_pointers_to_the_bytes_of_one_object_see_each_other() -> None:
    data = np.zeros(8, np.uint8)
    body = "c.store %a, %p[%b] : memref<?xi32>\n%r = c.load %q[%b] : memref<?xi8>"
    parameters = "%a: i32, %b: i32, %p: memref<?xi32>, %q: memref<?xi8>"
    found = call(body, np.int32(0x01020304), np.int32(1), data.view(np.int32), data.view(np.int8)[3:], parameters=parameters, result="i8")
    assert found == 4


def test_functions_call_each_other_and_instructions_are_no_plain_c() -> None:
    twice = 'c.function @g(%x: i32) -> i32 attributes {inline} {\n%y = c.binary %x "+" %x : i32\nc.return %y : i32\n}'
    body = "%s = c.call @g(%a) {pure} : (i32) -> i32\n%r = c.call @g(%s) {pure} : (i32) -> i32"
    assert call(body, np.int32(3), parameters="%a: i32", more=twice) == 12
    with pytest.raises(UnknownOperationError, match="'g' is an instruction of a machine"):
        call(body, np.int32(3), parameters="%a: i32", more='c.instruction @g {text = ""}')
