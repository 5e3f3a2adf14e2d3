"""Figures are checked against code whose size, instructions and stack are known to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from tests.backends.models import tensor, write_model
from tinyir.backends.measure import Measurement
from tinyir.backends.run import build_and_run
from tinyir.backends.target import load_target
from tinyir.ir.errors import TinyirError

BARE = ["cortex-m4", "rv32imc"]
RETURN = {"cortex-m4": "bx lr", "rv32imc": "ret"}
SIMULATORS = ["qemu", "unicorn"]
ROWS = {"input": numpy.zeros((3, 4), numpy.int8)}


def assembly(*lines: str) -> str:
    """m_run as the given lines of assembly."""
    head = (".section .text.m_run,\\\"ax\\\"", ".globl m_run", ".balign 4", ".type m_run, %function", "m_run:")
    return "__asm__({});".format(" ".join(f'"{line}\\n"' for line in (*head, *lines, ".text")))


def measure(folder: Path, target: str, simulator: str | None = None) -> Measurement:
    return build_and_run(folder, load_target(target), ROWS, "size", simulator=simulator).measurement


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("target", BARE)
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_instructions_are_those_of_the_function_alone(target: str, simulator: str, count: int, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", assembly(f".rept {count}", "nop", ".endr", RETURN[target]))
    figures = measure(folder, target, simulator)
    assert (figures.instructions, figures.instructions_least, figures.instructions_mean) == (count + 1, count + 1, count + 1)
    assert figures.stack_bytes == 0


@pytest.mark.parametrize("target", BARE)
def test_instructions_differ_by_row(target: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { volatile int8_t n = input[0]; while (n > 0) n = (int8_t)(n - 1); }")
    rows = {"input": numpy.array([[0, 0, 0, 0], [10, 0, 0, 0], [30, 0, 0, 0]], numpy.int8)}
    result = build_and_run(folder, load_target(target), rows, "size")
    none, ten, thirty = result.instructions
    assert (thirty - ten) == 2 * (ten - none) > 0
    figures = result.measurement
    assert (figures.instructions, figures.instructions_least) == (thirty, none)
    assert figures.instructions_mean == pytest.approx((none + ten + thirty) / 3)


@pytest.mark.parametrize("target", BARE)
def test_every_section_counts_once_and_where_it_belongs(target: str, tmp_path: Path) -> None:
    plain = measure(write_model(tmp_path / "plain", "void m_run(void) { }"), target)
    body = """
    static const int8_t table[100] = {1, 2, 3};
    static int8_t filled[40] = {1};
    static int32_t zeroed[25];
    static const int8_t unused[500] = {1};
    int8_t unneeded(int8_t i);
    int8_t unneeded(int8_t i) { return unused[i]; }
    void m_run(void) { output[0] = (int8_t)(table[input[0]] + filled[input[1]] + zeroed[input[2]]++); filled[input[1]]++; }
    """
    full = measure(write_model(tmp_path / "full", body), target)
    assert plain.weight_bytes == 0
    assert full.weight_bytes == 100
    assert plain.code_bytes is not None
    assert full.code_bytes is not None
    assert plain.flash_bytes == plain.code_bytes
    assert full.flash_bytes == full.code_bytes + 100 + 40
    assert 20 < full.code_bytes - plain.code_bytes < 120
    assert plain.ram_bytes == 8
    assert full.stack_bytes is not None
    assert full.ram_bytes == 8 + 40 + 100 + full.stack_bytes


@pytest.mark.parametrize("target", BARE)
def test_known_code_counts_to_the_byte(target: str, tmp_path: Path) -> None:
    short = measure(write_model(tmp_path / "short", assembly(RETURN[target])), target)
    long = measure(write_model(tmp_path / "long", assembly(".rept 50", "nop", ".endr", RETURN[target])), target)
    assert long.code_bytes is not None
    assert short.code_bytes is not None
    assert long.code_bytes - short.code_bytes == 100


@pytest.mark.parametrize("target", BARE)
def test_library_code_counts_if_the_model_needs_it(target: str, tmp_path: Path) -> None:
    outputs = [tensor("m_output", "int64", [1])]
    inputs = [tensor("m_input", "int64", [2])]
    rows = {"input": numpy.array([[10**15 + 5, 10**7]], numpy.int64)}

    def code(name: str, operator: str) -> int:
        folder = write_model(tmp_path / name, f"void m_run(void) {{ output[0] = input[0] {operator} input[1]; }}", inputs, outputs)
        result = build_and_run(folder, load_target(target), rows, "size", toolchain="gcc")
        assert result.outputs["output"][0, 0] == (10**8 if operator == "/" else 10**15 + 5 + 10**7)
        assert result.measurement.code_bytes is not None
        return result.measurement.code_bytes

    assert code("divides", "/") - code("adds", "+") > 300


def push(target: str, stack_bytes: int) -> str:
    """m_run with a frame of so many bytes, of which it writes only the lowest word."""
    lines = {
        "cortex-m4": [f"ldr r0, ={stack_bytes}", "mov r1, sp", "subs r1, r1, r0", "str r0, [r1]", "bx lr", ".ltorg"],
        "rv32imc": [f"li t0, {stack_bytes}", "sub t1, sp, t0", "sw t0, 0(t1)", "ret"],
    }
    return assembly(*([".syntax unified", ".thumb_func"] if target == "cortex-m4" else []), *lines[target])


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("target", BARE)
@pytest.mark.parametrize("stack_bytes", [4, 8, 1000, 100_000, 262_140])
def test_the_peak_stack_is_exact_to_the_word(target: str, simulator: str, stack_bytes: int, tmp_path: Path) -> None:
    figures = measure(write_model(tmp_path / "m", push(target, stack_bytes)), target, simulator)
    assert figures.stack_bytes == stack_bytes
    assert figures.ram_bytes == 8 + stack_bytes


@pytest.mark.parametrize("target", BARE)
def test_a_deep_call_chain_is_measured(target: str, tmp_path: Path) -> None:
    body = """
    static void __attribute__((noinline)) fill(volatile int8_t *to, int32_t n) { while (n--) to[n] = 1; }
    static void __attribute__((noinline)) leaf(int8_t v) { volatile int8_t a[1000]; fill(a, 1000); output[0] = (int8_t)(a[v] + v); }
    static void __attribute__((noinline)) middle(int8_t v) { volatile int8_t a[3000]; fill(a, 3000); leaf(v); output[1] = a[v]; }
    void m_run(void) { middle(input[0]); }
    """
    stack_bytes = measure(write_model(tmp_path / "m", body), target).stack_bytes
    assert stack_bytes is not None
    assert 4000 < stack_bytes < 4100


@pytest.mark.parametrize("target", BARE)
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_stack_that_overflows_is_an_error(target: str, simulator: str, tmp_path: Path) -> None:
    body = """
    static int32_t __attribute__((noinline)) sink(volatile int32_t *a) { int32_t i, s = 0; for (i = 0; i < 70000; i++) { a[i] = i; s += a[i]; } return s; }
    void m_run(void) { volatile int32_t a[70000]; output[0] = (int8_t)sink(a); }
    """
    with pytest.raises(TinyirError, match=r"overflow|stopped at"):
        measure(write_model(tmp_path / "m", body), target, simulator)
