"""Lines for a straight piece of machine code: registers in order, words in chunks, and errors where there is no room."""

from __future__ import annotations

import attrs
import pytest

from tinyir.ir.machine_block import (
    AccessForm,
    AccessLine,
    BlockBody,
    BlockForm,
    Line,
    NoRoomError,
    Pointer,
    Step,
    StepLine,
    WordAccess,
    allocate,
    register_number,
    used_registers,
)

LDM, LDRD, LDR, STM, STR = range(5)
FORM = BlockForm(
    "1",
    ("r3", "r4", "r5", "r10"),
    ("r0", "r1", "r2"),
    (
        AccessForm("load", 2, 3, True, True, 0, "ldmia"),
        AccessForm("load", 2, 2, True, False, 1020, "ldrd"),
        AccessForm("load", 1, 1, False, False, 255, "ldr"),
        AccessForm("store", 2, 3, True, True, 0, "stmia"),
        AccessForm("store", 1, 1, False, False, 255, "str"),
    ),
    ("bne {label}",),
)


def _loads(words: int, step: int | None = None, aligned: bool = True) -> BlockBody:
    """One accumulator that takes in the words of one pointer one by one: values 1 .. words, then the sums."""
    accesses = tuple(WordAccess(0, word, word + 1) for word in range(words))
    steps = tuple(Step("add", (word + 1, words + word if word else 0), words + word + 1) for word in range(words))
    return BlockBody(1, (Pointer("load", words, words if step is None else step, aligned),), accesses, steps, (2 * words,))


def _accesses(lines: tuple[Line, ...]) -> list[tuple[tuple[str, ...], int, int]]:
    return [(line.registers, line.advance, line.form) for line in lines if isinstance(line, AccessLine)]


def test_neighbouring_words_are_loaded_at_once_into_ascending_registers() -> None:
    lines = allocate(_loads(3), FORM)
    assert lines == (
        AccessLine(0, ("r3", "r4", "r5"), 3, LDM),
        StepLine("add", "sum0", ("r3", "sum0")),
        StepLine("add", "sum0", ("r4", "sum0")),
        StepLine("add", "sum0", ("r5", "sum0")),
    )
    assert used_registers(lines, FORM) == ("r3", "r4", "r5")


def test_a_register_is_free_again_after_the_last_use_of_its_word() -> None:
    assert _accesses(allocate(_loads(5), FORM)) == [(("r3", "r4", "r5"), 3, LDM), (("r3", "r4"), 2, LDM)]


def test_a_loop_goes_round_over_the_first_register_even_if_no_line_names_it() -> None:
    lines = (AccessLine(0, ("r5", "r10"), 2, LDM), StepLine("add", "sum0", ("r10", "sum0")))
    assert used_registers(lines, FORM) == ("r3", "r5", "r10")


def test_the_order_of_registers_is_that_of_their_numbers() -> None:
    assert register_number("r10") > register_number("r9") > register_number("x3")
    assert _accesses(allocate(_loads(3), attrs.evolve(FORM, registers=("r5", "r8", "r10")))) == [(("r5", "r8", "r10"), 3, LDM)]


def test_a_pointer_that_moves_further_than_its_words_takes_loads_with_a_step() -> None:
    assert _accesses(allocate(_loads(2, step=6), FORM)) == [(("r3", "r4"), 6, LDRD)]
    assert _accesses(allocate(_loads(3, step=6), FORM)) == [(("r3", "r4"), 2, LDM), (("r3",), 4, LDR)]


@pytest.mark.parametrize(("words", "step", "form"), [(2, 255, LDRD), (1, 63, LDR)])
def test_a_step_is_as_far_as_the_instruction_reaches(words: int, step: int, form: int) -> None:
    assert [line[2] for line in _accesses(allocate(_loads(words, step), FORM))] == [form]
    with pytest.raises(NoRoomError, match="no line moves a word"):
        allocate(_loads(words, step + 1), FORM)


def test_words_at_any_address_are_loaded_one_by_one() -> None:
    assert _accesses(allocate(_loads(3, aligned=False), FORM)) == [(("r3",), 1, LDR), (("r3",), 1, LDR), (("r3",), 1, LDR)]


def test_words_that_are_results_are_stored_at_the_end() -> None:
    accesses = (WordAccess(0, 0, 0), WordAccess(1, 0, 1), WordAccess(1, 1, 2))
    steps = (Step("low", (0,), 1), Step("high", (0,), 2))
    body = BlockBody(0, (Pointer("load", 1, 1, False), Pointer("store", 2, 2, True)), accesses, steps, ())
    assert allocate(body, FORM) == (
        AccessLine(0, ("r3",), 1, LDR),
        StepLine("low", "r4", ("r3",)),
        StepLine("high", "r3", ("r3",)),
        AccessLine(1, ("r4",), 1, STR),
        AccessLine(1, ("r3",), 1, STR),
    )


def test_a_word_that_is_stored_later_keeps_its_register() -> None:
    accesses = (WordAccess(0, 0, 0), WordAccess(1, 0, 0), WordAccess(1, 1, 1))
    body = BlockBody(0, (Pointer("load", 1, 1, False), Pointer("store", 2, 2, True)), accesses, (Step("low", (0,), 1),), ())
    assert allocate(body, FORM) == (AccessLine(0, ("r3",), 1, LDR), StepLine("low", "r4", ("r3",)), AccessLine(1, ("r3", "r4"), 2, STM))


def test_words_in_ascending_registers_are_stored_at_once() -> None:
    accesses = (*(WordAccess(0, word, word) for word in range(3)), *(WordAccess(1, word, word) for word in range(3)))
    body = BlockBody(0, (Pointer("load", 3, 3, True), Pointer("store", 3, 3, True)), accesses, (), ())
    assert _accesses(allocate(body, FORM)) == [(("r3", "r4", "r5"), 3, LDM), (("r3", "r4", "r5"), 3, STM)]


def test_words_that_change_places_are_stored_one_by_one() -> None:
    accesses = (WordAccess(0, 0, 0), WordAccess(0, 1, 1), WordAccess(1, 0, 1), WordAccess(1, 1, 0))
    body = BlockBody(0, (Pointer("load", 2, 2, True), Pointer("store", 2, 2, True)), accesses, (), ())
    assert _accesses(allocate(body, FORM)) == [(("r3", "r4"), 2, LDM), (("r4",), 1, STR), (("r3",), 1, STR)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (attrs.evolve(_loads(2), accesses=(WordAccess(0, 0, 1), WordAccess(0, 2, 2))), "no line moves a word"),  # not neighbours
        (attrs.evolve(_loads(1), pointers=(Pointer("load", 1, 1, True),) * 6), "1 accumulators, 6 pointers and 0 inputs are more than 3 operands"),
        (attrs.evolve(_loads(2), results=(1,)), "accumulator 0 is no chain"),
        (attrs.evolve(_loads(2), steps=(*_loads(2).steps, Step("add", (3, 4), 5)), results=(5,)), "accumulator 0 is no chain"),
    ],
)
def test_what_a_block_cannot_hold(body: BlockBody, message: str) -> None:
    with pytest.raises(NoRoomError, match=message):
        allocate(body, FORM)


def test_more_words_than_registers() -> None:
    """Three words are kept for the last step, and three more are to be loaded."""
    accesses = (*(WordAccess(0, word, word + 1) for word in range(3)), *(WordAccess(1, word, word + 4) for word in range(3)))
    steps = (Step("add", (1, 4, 0), 8), Step("add", (2, 5, 8), 9), Step("add", (3, 6, 9), 10))
    body = BlockBody(1, (Pointer("load", 3, 3, True),) * 2, accesses, steps, (10,))
    with pytest.raises(NoRoomError, match="3 words for 1 registers"):
        allocate(body, attrs.evolve(FORM, registers=("r3",)))
    assert len(allocate(body, attrs.evolve(FORM, registers=("r3", "r4", "r5", "r6", "r8", "r9")))) == 5


def test_fewer_words_are_loaded_at_once_where_registers_are_short() -> None:
    """As above: with at most two words to a line, four registers are enough."""
    accesses = (*(WordAccess(0, word, word + 1) for word in range(3)), *(WordAccess(1, word, word + 4) for word in range(3)))
    steps = (Step("add", (1, 4, 0), 8), Step("add", (2, 5, 8), 9), Step("add", (3, 6, 9), 10))
    body = BlockBody(1, (Pointer("load", 3, 3, True),) * 2, accesses, steps, (10,))
    assert [len(registers) for registers, _, _ in _accesses(allocate(body, FORM))] == [2, 2, 1, 1]


OFFSETS = attrs.evolve(
    FORM,
    accesses=(
        *FORM.accesses,
        AccessForm("load", 1, 1, False, False, 0, "ldr", offsets=(-255, 4095)),
        AccessForm("store", 1, 1, False, False, 255, "strb", unit=1),
        AccessForm("store", 1, 1, False, False, 0, "strb", unit=1, offsets=(-255, 4095)),
        AccessForm("move", 0, 0, False, False, 4095, "add"),
    ),
)
LDR_AT, STRB, STRB_AT, ADD = range(5, 9)


def _spread(word: int, step: int = 1) -> BlockBody:
    """Two words that lie apart, added to one accumulator."""
    steps = (Step("add", (1, 0), 3), Step("add", (2, 3), 4))
    return BlockBody(1, (Pointer("load", 2, step, True),), (WordAccess(0, 0, 1), WordAccess(0, word, 2)), steps, (4,))


def test_words_that_lie_apart_are_loaded_from_where_the_first_load_leaves_the_pointer() -> None:
    lines = [line for line in allocate(_spread(25), OFFSETS) if isinstance(line, AccessLine)]
    assert lines == [AccessLine(0, ("r3",), 1, LDR), AccessLine(0, ("r3",), 0, LDR_AT, 24)]


def test_a_pointer_that_no_load_moves_far_enough_is_moved_last() -> None:
    lines = [line for line in allocate(_spread(25, step=100), OFFSETS) if isinstance(line, AccessLine)]
    assert lines == [AccessLine(0, ("r3",), 0, LDR_AT), AccessLine(0, ("r3",), 0, LDR_AT, 25), AccessLine(0, (), 100, ADD)]
    walked = [line for line in allocate(_loads(3, step=100), OFFSETS) if isinstance(line, AccessLine)]
    assert walked == [AccessLine(0, ("r3", "r4", "r5"), 3, LDM), AccessLine(0, (), 97, ADD)]


def test_a_pointer_to_bytes_is_moved_by_bytes() -> None:
    """What moves a pointer to words would move it four times as far."""
    body = BlockBody(0, (Pointer("store", 1, 300, True, 1),), (WordAccess(0, 0, 1),), (Step("shift", (0,), 1),), (), inputs=1)
    with pytest.raises(NoRoomError, match="no line moves a word"):
        allocate(body, OFFSETS)
    form = attrs.evolve(OFFSETS, accesses=(*OFFSETS.accesses, AccessForm("move", 0, 0, False, False, 4095, "add", unit=1)))
    assert allocate(body, form)[-1] == AccessLine(0, (), 299, ADD + 1)


@pytest.mark.parametrize(("word", "step"), [(1025, 1), (1024, 100), (1, 1026)])
def test_distances_are_as_far_as_the_instructions_reach(word: int, step: int) -> None:
    with pytest.raises(NoRoomError, match="no line moves a word"):
        allocate(_spread(word, step), OFFSETS)


def test_inputs_are_operands_and_keep_their_places() -> None:
    body = BlockBody(0, (Pointer("store", 2, 16, True, 1),), (WordAccess(0, 0, 3), WordAccess(0, 8, 4)), (), (), inputs=3)
    steps = (Step("shift", (0, 1), 3, (7,)), Step("shift", (2, 1), 4, (8,)))
    body = attrs.evolve(body, steps=steps)
    form = attrs.evolve(OFFSETS, operands=("r0", "r1", "r2", "r3"))
    assert allocate(body, form) == (
        StepLine("shift", "r4", ("in0", "in1"), (7,)),
        StepLine("shift", "r5", ("in2", "in1"), (8,)),
        AccessLine(0, ("r4",), 16, STRB),
        AccessLine(0, ("r5",), 0, STRB_AT, -8),
    )


def test_steps_wait_for_one_another_where_the_words_of_all_have_no_room() -> None:
    """Two sums over the same words, with one register: in their own order each needs both words at once."""
    accesses = (WordAccess(0, 0, 2), WordAccess(0, 1, 3))
    steps = (Step("add", (2, 0), 4), Step("add", (3, 4), 5), Step("add", (2, 1), 6), Step("add", (3, 6), 7))
    body = BlockBody(2, (Pointer("load", 2, 2, True),), accesses, steps, (5, 7))
    lines = allocate(body, attrs.evolve(FORM, registers=("r3",), operands=("r0", "r1", "r2")))
    assert [line.target for line in lines if isinstance(line, StepLine)] == ["sum0", "sum1", "sum0", "sum1"]


def _columns(rows: int) -> BlockBody:
    """For each of two words one sum of a row: the words of all rows lie beside each other, first the first, then the second."""
    sums = range(rows)
    first, second = ([rows + 1 + number + place * rows for number in sums] for place in range(2))
    accesses = (WordAccess(0, 0, rows), *(WordAccess(1, word, value) for word, value in enumerate((*first, *second))))
    wide = 3 * rows + 1
    steps = [Step("low", (rows,), wide), *(Step("add", (first[n], wide, n), wide + 1 + n) for n in sums)]
    steps += [Step("high", (rows,), wide + rows + 1), *(Step("add", (second[n], wide + rows + 1, wide + 1 + n), wide + rows + 2 + n) for n in sums)]
    results = tuple(wide + rows + 2 + n for n in sums)
    return BlockBody(rows, (Pointer("load", 1, 1, True), Pointer("load", 2 * rows, 2 * rows, True)), accesses, tuple(steps), results)


WIDE = attrs.evolve(FORM, registers=("r3", "r4", "r5", "r6", "r8"), operands=("r0", "r1", "r2", "r8", "r7"))


def test_as_many_words_at_once_as_leave_room_for_what_follows() -> None:
    lines = allocate(_columns(2), WIDE)
    assert _accesses(lines) == [(("r3",), 1, LDR), (("r5", "r6"), 2, LDM), (("r4", "r5"), 2, LDM)]
    assert len(lines) == 3 + 6


def test_a_register_of_both_kinds_is_an_operand_where_it_is_needed() -> None:
    assert (WIDE.beside(3), WIDE.beside(4)) == (("r3", "r4", "r5", "r6", "r8"), ("r3", "r4", "r5", "r6"))
    assert WIDE.all_registers == 9
    roomy = attrs.evolve(WIDE, registers=("r3", "r4", "r5", "r6", "r8", "r9"))
    assert used_registers(allocate(_columns(3), roomy), roomy) == ("r3", "r4", "r5", "r6", "r9")
    with pytest.raises(NoRoomError, match="3 accumulators, 2 pointers and 0 inputs are more than 4 operands"):
        allocate(_columns(3), attrs.evolve(WIDE, operands=WIDE.operands[:4]))
