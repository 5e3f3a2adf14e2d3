"""How `specs/isa/*.isa` says what blocks are made of and what immediates are: read, and its mistakes at their place."""

from __future__ import annotations

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.ir.machine_block import AccessForm
from tinyir.text.instruction_reader import read_instruction_set

HEAD = "isa m when 1\n\n"
LINES = (
    "registers r3 r4",
    "operands r0 r1",
    'load 2..4 aligned ascending "ldmia {pointer}!, {{{registers}}}"',
    'store 1 within 255 "str {registers}, [{pointer}], #{bytes}"',
    'until "bne {label}"',
)


def _block(*lines: str) -> str:
    return HEAD + "block when defined(A) && !defined(B)\n" + "".join(f"  {line}\n" for line in lines)


def test_a_block_is_read() -> None:
    form = read_instruction_set(_block(*LINES)).block
    assert form is not None
    assert (form.condition, form.registers, form.operands, form.until) == ("defined(A) && !defined(B)", ("r3", "r4"), ("r0", "r1"), ("bne {label}",))
    assert form.accesses == (
        AccessForm("load", 2, 4, True, True, 0, "ldmia {pointer}!, {{{registers}}}"),
        AccessForm("store", 1, 1, False, False, 255, "str {registers}, [{pointer}], #{bytes}"),
    )


def test_bytes_distances_and_pointers_that_move_alone_are_read() -> None:
    lines = (
        'store 1 byte within 255 "strb {registers}, [{pointer}], #{bytes}"',
        'load 2 aligned at -1020..1020 "ldrd {registers}, [{pointer}, #{bytes}]"',
        'move within 4095 "add {pointer}, {pointer}, #{bytes}"',
        'move byte within 99 "add {pointer}, {pointer}, #{bytes}"',
    )
    form = read_instruction_set(_block(*LINES, *lines)).block
    assert form is not None
    assert form.accesses[2:] == (
        AccessForm("store", 1, 1, False, False, 255, "strb {registers}, [{pointer}], #{bytes}", unit=1),
        AccessForm("load", 2, 2, True, False, 0, "ldrd {registers}, [{pointer}, #{bytes}]", offsets=(-1020, 1020)),
        AccessForm("move", 0, 0, False, False, 4095, "add {pointer}, {pointer}, #{bytes}"),
        AccessForm("move", 0, 0, False, False, 99, "add {pointer}, {pointer}, #{bytes}", unit=1),
    )


def test_an_immediate_is_no_register() -> None:
    text = HEAD + 'instr shift(a: i32, s: immediate 1..31) -> i32\n  lane 0 = a >> s\n  asm "asr %0, %1, #%2"\n'
    instruction = read_instruction_set(text).instructions["shift"]
    assert [operand.name for operand in instruction.registers] == ["a"]
    assert [(operand.name, operand.immediate) for operand in instruction.immediates] == [("s", (1, 31))]
    assert instruction.is_scalar


@pytest.mark.parametrize("missing", range(len(LINES)))
def test_a_block_needs_all_its_parts(missing: int) -> None:
    lines = [line for number, line in enumerate(LINES) if number != missing]
    if missing in (2, 3):
        assert read_instruction_set(_block(*lines)).block is not None, "one access is enough"
        lines = [line for line in lines if not line.startswith(("load", "store"))]
    with pytest.raises(TinyirError, match="a block needs registers, operands, loads of words, and what ends its loop") as caught:
        read_instruction_set(_block(*lines), "m.isa")
    assert str(caught.value).startswith("m.isa:3:1: error:")


NONSENSE = (
    'load many "ldr"',
    "load 1 ldr",
    'fetch 1 "ldr"',
    "registers",
    'load 1 far 255 "ldr"',
    'load 1 at 3 "ldr"',
    'move 1 "add"',
    'store 2 ascending aligned "stm"',
)


@pytest.mark.parametrize("line", NONSENSE)
def test_a_line_that_says_nothing_is_an_error_at_its_place(line: str) -> None:
    with pytest.raises(TinyirError, match=r"expected 'registers \.\.\.', 'operands") as caught:
        read_instruction_set(_block(*LINES, line), "m.isa")
    assert str(caught.value).startswith("m.isa:9:1: error:")


@pytest.mark.parametrize("type", ["immediate", "immediate 1", "immediate 1..", "immediate 1..b", "immediate -1..3", "immediate 1..3 4"])
def test_an_immediate_needs_its_range(type: str) -> None:
    text = HEAD + f'instr shift(a: i32, s: {type}) -> i32\n  lane 0 = a >> s\n  asm "asr"\n'
    with pytest.raises(TinyirError, match=r"no operand such as 'a: i16\[2\]'") as caught:
        read_instruction_set(text, "m.isa")
    assert str(caught.value).startswith("m.isa:3:1: error:")
