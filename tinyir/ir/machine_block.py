"""A straight piece of machine code as data: what it is to compute, and the lines that do.

Values are numbers.  A place is the name of a register or of an accumulator; a line that loads or stores words moves its
pointer on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

WORD_BYTES = 4


@attrs.frozen
class AccessForm:
    """How to load or store `least` to `most` neighbouring words at once, over {pointer}, {registers} and {bytes}.

    `aligned`: the address is a multiple of a word; `most_bytes`: as far as the pointer may move on, 0: to the end of the words.
    `ascending`: the words lie in the order of their registers' numbers.
    """

    kind: str
    least: int
    most: int
    aligned: bool
    ascending: bool
    most_bytes: int
    text: str

    def fits(self, kind: str, words: int, advance: int, aligned: bool) -> bool:
        """Whether so many words can be moved, and the pointer by `advance` words."""
        far_enough = advance == words if self.most_bytes == 0 else advance * WORD_BYTES <= self.most_bytes
        return self.kind == kind and self.least <= words <= self.most and far_enough and (aligned or not self.aligned)


@attrs.frozen
class BlockForm:
    """What a target's blocks are made of (`block` in `specs/isa/*.isa`).

    `registers`: those that a block names itself, ascending; `operands`: those that hold accumulators and pointers, in the order
    in which they are taken.  One that stands in both lists is an operand where so many are needed.
    `accesses`: how words are moved, the best first.
    `until`: the assembly that goes back to {label} until {pointer} is {end} (a word in memory), over {register}, which is free.
    """

    condition: str
    registers: tuple[str, ...]
    operands: tuple[str, ...]
    accesses: tuple[AccessForm, ...]
    until: tuple[str, ...]

    def beside(self, operands: int) -> tuple[str, ...]:
        """The registers that a block of so many operands names itself."""
        taken = self.operands[:operands]
        return tuple(register for register in self.registers if register not in taken)

    @property
    def all_registers(self) -> int:
        """How many there are for everything."""
        return len({*self.registers, *self.operands})


@attrs.frozen
class Pointer:
    """What one pointer does in an iteration: it loads or stores `words` words from where it is, and ends `step` words further."""

    kind: str
    words: int
    step: int
    aligned: bool


@attrs.frozen
class WordAccess:
    """Value number `value` is the word that stands `word` words from where the pointer is at the start, or goes there."""

    pointer: int
    word: int
    value: int


@attrs.frozen
class Step:
    """Value number `value` is the instruction's result on other values."""

    instruction: str
    operands: tuple[int, ...]
    value: int


@attrs.frozen
class BlockBody:
    """One iteration: from the accumulators' values 0 .. accumulators - 1 to `results`, loads first, stores last."""

    accumulators: int
    pointers: tuple[Pointer, ...]
    accesses: tuple[WordAccess, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]


@attrs.frozen
class AccessLine:
    """Moves words between memory and registers, and the pointer by `advance` words; `form` is the number of the access form."""

    pointer: int
    registers: tuple[str, ...]
    advance: int
    form: int


@attrs.frozen
class StepLine:
    """One instruction from places to a place."""

    instruction: str
    target: str
    sources: tuple[str, ...]


Line = AccessLine | StepLine


def accumulator_place(number: int) -> str:
    """The place of an accumulator."""
    return f"sum{number}"


def register_number(register: str) -> int:
    """The number by which registers are in order."""
    return int(register.lstrip("abcdefghijklmnopqrstuvwxyz"))


class NoRoomError(Exception):
    """The registers of a block are not enough, or it cannot move its words."""


@attrs.frozen
class _Chunk:
    """Words that one line moves."""

    pointer: int
    values: tuple[int, ...]
    advance: int
    form: int


def allocate(body: BlockBody, form: BlockForm) -> tuple[Line, ...]:
    """The fewest lines found that compute a body, each load as late as it may stand, all stores at the end.

    Steps come in the order in which results ask for them, or as they stand; lines move as many words as they can, or fewer.

    Raises:
        NoRoomError: more values live at once than there are registers, more operands are needed than a block has, or words
            lie so that no form moves them.
    """
    operands = body.accumulators + len(body.pointers)
    if operands > len(form.operands):
        raise NoRoomError(f"{body.accumulators} accumulators and {len(body.pointers)} pointers are more than {len(form.operands)} operands")
    registers = form.beside(operands)
    found: list[tuple[Line, ...]] = []
    errors: list[NoRoomError] = []
    for ordered in (attrs.evolve(body, steps=_in_order_of_need(body)), body):
        for most in range(max(access.most for access in form.accesses), 0, -1):
            accesses = tuple(attrs.evolve(access, most=min(access.most, most)) for access in form.accesses)
            try:
                found.append(_Allocation(ordered, attrs.evolve(form, registers=registers, accesses=accesses)).run())
            except NoRoomError as error:
                errors.append(error)
    if not found:
        raise errors[0]
    return min(found, key=len)


def _in_order_of_need(body: BlockBody) -> tuple[Step, ...]:
    """The steps in the order in which results and stores ask for them, so that little is alive at once."""
    by_value = {step.value: step for step in body.steps}
    ordered: dict[int, Step] = {}

    def need(value: int) -> None:
        step = by_value.get(value)
        if step is not None and value not in ordered:
            for operand in reversed(step.operands):  # what was accumulated so far comes last, and first in time
                need(operand)
            ordered[value] = step

    for value in (*body.results, *(access.value for access in body.accesses if body.pointers[access.pointer].kind == "store")):
        need(value)
    return tuple(ordered.values())


def used_registers(lines: Sequence[Line], form: BlockForm) -> tuple[str, ...]:
    """The registers that the lines name, and the first, over which a block goes round."""
    named = {form.registers[0]}
    for line in lines:
        named.update(line.registers if isinstance(line, AccessLine) else (line.target, *line.sources))
    return tuple(register for register in form.registers if register in named)


class _Allocation:
    def __init__(self, body: BlockBody, form: BlockForm) -> None:
        self.body = body
        self.form = form
        self.places = {number: accumulator_place(number) for number in range(body.accumulators)}
        self.free = list(form.registers)
        self.lines: list[Line] = []
        self.pending = [chunk for number, pointer in enumerate(body.pointers) if pointer.kind == "load" for chunk in _chunks(body, form, number)]
        self.loads = {value: chunk for chunk in self.pending for value in chunk.values}
        self.last_use = {operand: number for number, step in enumerate(body.steps) for operand in step.operands}
        self.stored = {access.value for access in body.accesses if body.pointers[access.pointer].kind == "store"}
        self.accumulator_of = _accumulator_chains(body)

    def run(self) -> tuple[Line, ...]:
        for number, step in enumerate(self.body.steps):
            for operand in step.operands:
                if operand in self.loads and self.loads[operand] in self.pending:
                    self._load(self.loads[operand])
            sources = tuple(self.places[operand] for operand in step.operands)
            for operand in dict.fromkeys(step.operands):
                if self.last_use[operand] == number and operand not in self.stored:
                    self._release(self.places[operand])
            self.lines.append(StepLine(step.instruction, self._place(step.value), sources))
        for chunk in list(self.pending):
            if chunk in self.pending:
                self._load(chunk)
        for number, pointer in enumerate(self.body.pointers):
            if pointer.kind == "store":
                self._store(number)
        return tuple(self.lines)

    def _load(self, chunk: _Chunk) -> None:
        """Loads a chunk, and before it those that its pointer comes by first."""
        while True:
            first = next(each for each in self.pending if each.pointer == chunk.pointer)
            if len(self.free) < len(first.values):
                raise NoRoomError(f"{len(first.values)} words for {len(self.free)} registers")
            taken, self.free = self.free[: len(first.values)], self.free[len(first.values) :]
            self.places.update(zip(first.values, taken, strict=True))
            self.lines.append(AccessLine(first.pointer, tuple(taken), first.advance, first.form))
            self.pending.remove(first)
            if first is chunk:
                return

    def _store(self, number: int) -> None:
        for chunk in _chunks(self.body, self.form, number, self.places):
            registers = tuple(self.places[value] for value in chunk.values)
            self.lines.append(AccessLine(number, registers, chunk.advance, chunk.form))

    def _release(self, place: str) -> None:
        if place in self.form.registers:
            self.free = [register for register in self.form.registers if register in self.free or register == place]

    def _place(self, value: int) -> str:
        if value in self.accumulator_of:
            place = accumulator_place(self.accumulator_of[value])
        elif self.free:
            place = self.free.pop(0)
        else:
            raise NoRoomError("no register is free for a result")
        self.places[value] = place
        return place


def _chunks(body: BlockBody, form: BlockForm, number: int, places: Mapping[int, str] | None = None) -> list[_Chunk]:
    """The words of a pointer in the order of their addresses, as many to a line as one may move; from `places`, if the registers are known.

    Raises:
        NoRoomError: they are not neighbours, or no form moves them.
    """
    pointer = body.pointers[number]
    accesses = sorted((access for access in body.accesses if access.pointer == number), key=lambda access: access.word)
    if [access.word for access in accesses] != list(range(pointer.words)):
        raise NoRoomError(f"the words of pointer {number} are not neighbours")
    found: list[_Chunk] = []
    first = 0
    while first < pointer.words:
        found.append(_chunk(pointer, accesses, first, form, number, places))
        first += len(found[-1].values)
    return found


def _chunk(
    pointer: Pointer, accesses: Sequence[WordAccess], first: int, form: BlockForm, number: int, places: Mapping[int, str] | None
) -> _Chunk:
    for count in range(pointer.words - first, 0, -1):
        advance = count if first + count < pointer.words else pointer.step - first
        values = tuple(each.value for each in accesses[first : first + count])
        numbers = [register_number(places[value]) for value in values] if places is not None else []
        for index, access in enumerate(form.accesses):
            if access.fits(pointer.kind, count, advance, pointer.aligned) and (not access.ascending or numbers == sorted(numbers)):
                return _Chunk(number, values, advance, index)
    raise NoRoomError(f"no line moves a word of pointer {number} and then the pointer")


def _accumulator_chains(body: BlockBody) -> dict[int, int]:
    """For each value that an accumulator holds on its way to the result: which accumulator.

    Raises:
        NoRoomError: a value on the way is used once more, or a result does not come from its accumulator.
    """
    steps = {step.value: step for step in body.steps}
    uses = [operand for step in body.steps for operand in step.operands]
    found: dict[int, int] = {}
    for number, result in enumerate(body.results):
        value = result
        while value != number:
            step = steps.get(value)
            if step is None or (value != result and uses.count(value) != 1):
                raise NoRoomError(f"accumulator {number} is no chain of instructions")
            found[value] = number
            value = step.operands[-1]
    return found
