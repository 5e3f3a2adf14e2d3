"""Blocks of machine code compute the loop's body: proved for the lines that are made, refuted for every fault in them."""

from __future__ import annotations

import attrs
import pytest

from tinyir.ir.machine_block import AccessLine, BlockBody, Line, Pointer, Step, StepLine, StrideLine, WordAccess, allocate
from tinyir.prove.blocks import BlockClaim
from tinyir.text.instruction_reader import instruction_set

ASCENDING = (0, 5)
LDM, LDRD, LDR, LDRD_AT, LDR_AT, STM, STRD, STR, STRB, STRB_AT, _, MOVE, STRB_BY, MOVE_BY = range(14)
SUMS = BlockBody(
    2,
    (Pointer("load", 2, 2, True), Pointer("load", 2, 5, True)),
    (WordAccess(0, 0, 2), WordAccess(0, 1, 3), WordAccess(1, 0, 4), WordAccess(1, 1, 5)),
    (Step("smlad", (2, 4, 0), 6), Step("smlad", (2, 5, 1), 7), Step("smlad", (3, 5, 6), 8)),
    (8, 7),
)
COPY = BlockBody(
    0,
    (Pointer("load", 1, 1, False), Pointer("store", 2, 2, True)),
    (WordAccess(0, 0, 0), WordAccess(1, 0, 1), WordAccess(1, 1, 2)),
    (Step("sxtb16", (0,), 1), Step("sxtb16_ror8", (0,), 2)),
    (),
)
BYTES = BlockBody(
    0,
    (Pointer("load", 2, 1, True), Pointer("store", 2, 300, True, 1)),
    (WordAccess(0, 0, 2), WordAccess(0, 25, 3), WordAccess(1, 0, 4), WordAccess(1, 8, 5)),
    (Step("smlabb", (2, 0, 1), 4), Step("ssat8_asr", (3,), 5, (7,))),
    (),
    inputs=2,
)
SUM_LINES: tuple[Line, ...] = (
    AccessLine(0, ("r3", "r4"), 2, LDM),
    AccessLine(1, ("r5", "r6"), 5, LDRD),
    StepLine("smlad", "sum0", ("r3", "r5", "sum0")),
    StepLine("smlad", "sum1", ("r3", "r6", "sum1")),
    StepLine("smlad", "sum0", ("r4", "r6", "sum0")),
)
COPY_LINES: tuple[Line, ...] = (
    AccessLine(0, ("r3",), 1, LDR),
    StepLine("sxtb16", "r4", ("r3",)),
    StepLine("sxtb16_ror8", "r5", ("r3",)),
    AccessLine(1, ("r4", "r5"), 2, STM),
)


BYTE_LINES: tuple[Line, ...] = (
    AccessLine(0, ("r3",), 1, LDR),
    StepLine("smlabb", "r3", ("r3", "in0", "in1")),
    AccessLine(0, ("r4",), 0, LDR_AT, 24),
    StepLine("ssat8_asr", "r4", ("r4",), (7,)),
    AccessLine(1, ("r3",), 0, STRB_AT),
    AccessLine(1, ("r4",), 0, STRB_AT, 8),
    AccessLine(1, (), 300, MOVE),
)


@pytest.mark.parametrize("prover", ["native", "z3"])
@pytest.mark.parametrize(("body", "lines"), [(SUMS, SUM_LINES), (COPY, COPY_LINES), (BYTES, BYTE_LINES)])
def test_the_lines_compute_the_body(body: BlockBody, lines: tuple[Line, ...], prover: str) -> None:
    assert BlockClaim(body, lines, ASCENDING).check(prover).state == "proved"


@pytest.mark.parametrize("prover", ["native", "z3"])
@pytest.mark.parametrize("body", [SUMS, COPY, BYTES])
def test_what_is_allocated_is_proved(body: BlockBody, prover: str) -> None:
    instructions = instruction_set("armv7e-m")
    assert instructions is not None
    assert instructions.block is not None
    ascending = tuple(number for number, access in enumerate(instructions.block.accesses) if access.ascending)
    assert ascending == ASCENDING
    assert BlockClaim(body, allocate(body, instructions.block), ascending).check(prover).state == "proved"


def _with(lines: tuple[Line, ...], number: int, line: Line | None) -> tuple[Line, ...]:
    return (*lines[:number], *([line] if line is not None else []), *lines[number + 1 :])


def _exchanged(lines: tuple[Line, ...], first: str, second: str) -> tuple[Line, ...]:
    """The steps with two registers in each other's place."""
    other = {first: second, second: first}
    return tuple(
        StepLine(line.instruction, other.get(line.target, line.target), tuple(other.get(source, source) for source in line.sources))
        for line in lines
        if isinstance(line, StepLine)
    )


def test_registers_are_as_good_as_others_where_no_order_is_asked_for() -> None:
    lines = (AccessLine(0, ("r4", "r3"), 2, LDRD), SUM_LINES[1], *_exchanged(SUM_LINES[2:], "r3", "r4"))
    assert BlockClaim(SUMS, lines, ASCENDING).check().state == "proved"


FAULTS: dict[str, tuple[BlockBody, tuple[Line, ...]]] = {
    "registers swapped in an ascending load": (SUMS, (AccessLine(0, ("r4", "r3"), 2, LDM), SUM_LINES[1], *_exchanged(SUM_LINES[2:], "r3", "r4"))),
    "words in each other's register": (SUMS, _with(SUM_LINES, 1, AccessLine(1, ("r6", "r5"), 5, LDRD))),
    "the wrong word multiplied": (SUMS, _with(SUM_LINES, 4, StepLine("smlad", "sum0", ("r3", "r6", "sum0")))),
    "factors in another order": (SUMS, _with(SUM_LINES, 4, StepLine("smlad", "sum0", ("r6", "r4", "sum0")))),
    "another instruction": (SUMS, _with(SUM_LINES, 4, StepLine("smlabb", "sum0", ("r4", "r6", "sum0")))),
    "added to the other sum": (SUMS, _with(SUM_LINES, 3, StepLine("smlad", "sum0", ("r3", "r6", "sum1")))),
    "a pointer not moved far enough": (SUMS, _with(SUM_LINES, 1, AccessLine(1, ("r5", "r6"), 2, LDRD))),
    "a pointer moved too far": (SUMS, _with(SUM_LINES, 0, AccessLine(0, ("r3", "r4"), 3, LDM))),
    "the other pointer": (SUMS, _with(SUM_LINES, 0, AccessLine(1, ("r3", "r4"), 2, LDM))),
    "a load missing": (SUMS, _with(SUM_LINES, 0, None)),
    "a step missing": (SUMS, _with(SUM_LINES, 4, None)),
    "a step twice": (SUMS, (*SUM_LINES, SUM_LINES[4])),
    "a word overwritten before its last use": (SUMS, _with(SUM_LINES, 1, AccessLine(1, ("r3", "r6"), 5, LDRD))),
    "a store missing": (COPY, _with(COPY_LINES, 3, None)),
    "a store of one word alone": (COPY, _with(COPY_LINES, 3, AccessLine(1, ("r4",), 2, STR))),
    "words stored in each other's place": (COPY, _with(COPY_LINES, 3, AccessLine(1, ("r5", "r4"), 2, STRD))),
    "registers swapped in an ascending store": (COPY, (COPY_LINES[0], *_exchanged(COPY_LINES[1:3], "r4", "r5"), AccessLine(1, ("r5", "r4"), 2, STM))),
    "a word stored that was not computed": (COPY, _with(COPY_LINES, 1, None)),
    "one word more than is to be stored": (COPY, _with(COPY_LINES, 3, AccessLine(1, ("r4", "r5", "r6"), 2, STM))),
    "an input overwritten": (BYTES, _with(BYTE_LINES, 3, StepLine("ssat8_asr", "in0", ("r4",), (7,)))),
    "another number in an instruction": (BYTES, _with(BYTE_LINES, 3, StepLine("ssat8_asr", "r4", ("r4",), (8,)))),
    "inputs in each other's place": (BYTES, _with(BYTE_LINES, 1, StepLine("smlabb", "r3", ("r3", "in1", "in0")))),
    "a word at another distance": (BYTES, _with(BYTE_LINES, 2, AccessLine(0, ("r4",), 0, LDR_AT, 25))),
    "a byte stored at another distance": (BYTES, _with(BYTE_LINES, 5, AccessLine(1, ("r4",), 0, STRB_AT, 9))),
    "a pointer not moved": (BYTES, _with(BYTE_LINES, 6, None)),
    "a load after a store": (
        attrs.evolve(COPY, pointers=(Pointer("load", 2, 2, False), COPY.pointers[1]), accesses=(*COPY.accesses, WordAccess(0, 1, 3))),
        (*COPY_LINES, AccessLine(0, ("r6",), 1, LDR)),
    ),
}


@pytest.mark.parametrize("prover", ["native", "z3"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_refuted(fault: str, prover: str) -> None:
    body, lines = FAULTS[fault]
    assert BlockClaim(body, lines, ASCENDING).check(prover).state == "refuted"


def test_a_refutation_says_what_stands_where() -> None:
    claim = BlockClaim(SUMS, _with(SUM_LINES, 1, AccessLine(1, ("r5", "r6"), 2, LDRD)), ASCENDING)
    assert claim.check().counterexample == {"place": 3, "found": 2, "expected": 5}


def test_a_line_that_takes_an_operands_register_is_refuted() -> None:
    assert BlockClaim(SUMS, SUM_LINES, ASCENDING, ("r0", "r7")).decide().state == "proved"
    assert BlockClaim(SUMS, SUM_LINES, ASCENDING, ("r0", "r6")).decide().state == "refuted"
    assert BlockClaim(SUMS, SUM_LINES[1:], ASCENDING, ("r0", "r4")).decide().state == "refuted"


STRIDES = BlockBody(
    0,
    (Pointer("load", 1, 1, True), Pointer("store", 2, 0, True, 1, stride=1)),
    (WordAccess(0, 0, 2), WordAccess(1, 0, 3), WordAccess(1, 0, 4, stride=0)),
    (Step("smlabb", (2, 0, 1), 3), Step("smlatb", (2, 0, 1), 4)),
    (),
    inputs=2,
    strides=2,
)
STRIDE_LINES: tuple[Line, ...] = (
    AccessLine(0, ("r3",), 1, LDR),
    StepLine("smlabb", "r4", ("r3", "in0", "in1")),
    StepLine("smlatb", "r3", ("r3", "in0", "in1")),
    AccessLine(1, ("r4",), 0, STRB_AT),
    StrideLine(0, "r4"),
    AccessLine(1, ("r3",), 0, STRB_BY, distance="r4"),
    StrideLine(1, "r3"),
    AccessLine(1, (), 0, MOVE_BY, distance="r3"),
)


def test_words_a_stride_away_are_proved_for_all_strides() -> None:
    instructions = instruction_set("armv7e-m")
    assert instructions is not None
    assert instructions.block is not None
    assert allocate(STRIDES, instructions.block) == STRIDE_LINES
    assert BlockClaim(STRIDES, STRIDE_LINES, ASCENDING).check().state == "proved"


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        (4, (StrideLine(1, "r4"),)),  # the other stride
        (4, ()),  # the register holds a sum
        (4, (StrideLine(0, "r4"), StepLine("smlabb", "r4", ("r3", "in0", "in1")))),  # no longer a stride
        (5, (AccessLine(1, ("r3",), 0, STRB_BY, 1, distance="r4"),)),
        (7, ()),  # the pointer stays
        (7, (AccessLine(1, (), 1, MOVE_BY, distance="r3"),)),
    ],
)
def test_faults_with_strides_are_refuted(place: int, lines: tuple[Line, ...]) -> None:
    faulty = (*STRIDE_LINES[:place], *lines, *STRIDE_LINES[place + 1 :])
    assert BlockClaim(STRIDES, faulty, ASCENDING).check().state == "refuted"


def test_words_that_may_meet_are_stored_in_their_order() -> None:
    late = (*STRIDE_LINES[:3], StrideLine(0, "r5"), AccessLine(1, ("r3",), 0, STRB_BY, distance="r5"), STRIDE_LINES[3], *STRIDE_LINES[6:])
    assert BlockClaim(STRIDES, late, ASCENDING).check().state == "refuted"
