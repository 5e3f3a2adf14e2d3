"""A straight piece of machine code as data: what it is to compute, and the lines that do.

Values are numbers.  A place is the name of a register or of an accumulator; a line that loads several words puts them into
ascending registers from a pointer that it moves on.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class BlockForm:
    """What a target's blocks are made of (`block` in `specs/isa/*.isa`).

    `registers`: those that a block names itself, ascending; `operands`: how many more the compiler can give it.
    `load`: the assembly of a load of up to `most_words` neighbouring words, over {pointer} and {registers}.
    `until`: the assembly that goes back to {label} until {pointer} is {end} (a word in memory), over {register}, which is free.
    """

    condition: str
    registers: tuple[str, ...]
    operands: int
    most_words: int
    load: str
    until: tuple[str, ...]


@attrs.frozen
class WordLoad:
    """Value number `value` is the word that stands `word` words from where the pointer is at the start."""

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
    """One iteration: from the accumulators' values 0 .. accumulators - 1 to `results`; each pointer moves on by its words."""

    accumulators: int
    words: tuple[int, ...]
    loads: tuple[WordLoad, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]


@attrs.frozen
class LoadLine:
    """Loads words from a pointer into registers, and moves the pointer on."""

    pointer: int
    registers: tuple[str, ...]


@attrs.frozen
class StepLine:
    """One instruction from places to a place."""

    instruction: str
    target: str
    sources: tuple[str, ...]


Line = LoadLine | StepLine


def accumulator_place(number: int) -> str:
    """The place of an accumulator."""
    return f"sum{number}"


class NoRoomError(Exception):
    """The registers of a block are not enough."""


def allocate(body: BlockBody, form: BlockForm) -> tuple[Line, ...]:
    """Lines that compute a body, its steps in order, each load as late as it may stand.

    Raises:
        NoRoomError: more values live at once than there are registers, or more operands are needed than a block has.
    """
    if body.accumulators + len(body.words) > form.operands:
        raise NoRoomError(f"{body.accumulators} accumulators and {len(body.words)} pointers are more than {form.operands} operands")
    return _Allocation(body, form).run()


class _Allocation:
    def __init__(self, body: BlockBody, form: BlockForm) -> None:
        self.body = body
        self.form = form
        self.places = {number: accumulator_place(number) for number in range(body.accumulators)}
        self.free = list(form.registers)
        self.lines: list[Line] = []
        self.chunks = {load.value: chunk for chunk in _chunks(body, form) for load in chunk}
        self.loaded: set[int] = set()
        self.last_use = {operand: number for number, step in enumerate(body.steps) for operand in step.operands}
        self.accumulator_of = _accumulator_chains(body)

    def run(self) -> tuple[Line, ...]:
        for number, step in enumerate(self.body.steps):
            for operand in step.operands:
                if operand in self.chunks and operand not in self.loaded:
                    self._load(self.chunks[operand])
            sources = tuple(self.places[operand] for operand in step.operands)
            for operand in dict.fromkeys(step.operands):
                if self.last_use[operand] == number:
                    self._release(self.places[operand])
            self.lines.append(StepLine(step.instruction, self._place(step.value), sources))
        return tuple(self.lines)

    def _load(self, chunk: Sequence[WordLoad]) -> None:
        """Loads a chunk, and before it those that its pointer comes by first."""
        for other in dict.fromkeys(id(c) for c in self.chunks.values()):
            earlier = next(c for c in self.chunks.values() if id(c) == other)
            if earlier[0].pointer == chunk[0].pointer and earlier[0].word < chunk[0].word and earlier[0].value not in self.loaded:
                self._load(earlier)
        if len(self.free) < len(chunk):
            raise NoRoomError(f"{len(chunk)} words for {len(self.free)} registers")
        taken = self.free[: len(chunk)]
        for register, load in zip(taken, chunk, strict=True):
            self.places[load.value] = register
            self.loaded.add(load.value)
        self.free = self.free[len(chunk) :]
        self.lines.append(LoadLine(chunk[0].pointer, tuple(taken)))

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


def _chunks(body: BlockBody, form: BlockForm) -> list[list[WordLoad]]:
    """The loads of each pointer in the order of their addresses, as many to a line as one may load.

    Raises:
        NoRoomError: they are not neighbours that fill the pointer's step.
    """
    found: list[list[WordLoad]] = []
    for pointer, words in enumerate(body.words):
        loads = sorted((load for load in body.loads if load.pointer == pointer), key=lambda load: load.word)
        if [load.word for load in loads] != list(range(words)):
            raise NoRoomError(f"the words of pointer {pointer} are not neighbours")
        found += [loads[i : i + form.most_words] for i in range(0, words, form.most_words)]
    return found


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
