"""A straight piece of machine code as data: what it is to compute, and the lines that do.

Values are numbers.  A place is the name of a register, of an accumulator or of an input; a line that loads or stores words
moves its pointer on, or takes words at a distance from it.  Distances that the lines do not hold as numbers are read from memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import attrs

WORD_BYTES = 4


@attrs.frozen
class AccessForm:
    """How to load or store `least` to `most` neighbouring words at once, over {pointer}, {registers} and {bytes}.

    `aligned`: the address is a multiple of a word; `most_bytes`: as far as the pointer may move on, 0: to the end of the words.
    `ascending`: the words lie in the order of their registers' numbers.  `unit`: the bytes of a word, 1 for bytes.
    `offsets`: the pointer stays, and the words begin so many bytes from it.  `kind` is load, store, or move: no words, the pointer alone.
    `by_register`: the pointer stays and the words begin, or the pointer moves, as many bytes from it as the register {distance} says.
    """

    kind: str
    least: int
    most: int
    aligned: bool
    ascending: bool
    most_bytes: int
    text: str
    unit: int = WORD_BYTES
    offsets: tuple[int, int] | None = None
    by_register: bool = False

    def fits(self, pointer: Pointer, words: int, advance: int) -> bool:
        """Whether so many words can be moved, and the pointer by `advance` words."""
        far_enough = advance == words if self.most_bytes == 0 else advance * self.unit <= self.most_bytes
        return self.offsets is None and not self.by_register and far_enough and self._takes(pointer, words)

    def reaches(self, pointer: Pointer, words: int, offset: int) -> bool:
        """Whether so many words can be moved that begin `offset` words from the pointer."""
        return self.offsets is not None and self.offsets[0] <= offset * self.unit <= self.offsets[1] and self._takes(pointer, words)

    def moves(self, pointer: Pointer, advance: int) -> bool:
        """Whether the pointer can be moved alone by `advance` words."""
        return self.kind == "move" and not self.by_register and self.unit == pointer.unit and advance * self.unit <= self.most_bytes

    def reaches_by_register(self, pointer: Pointer) -> bool:
        """Whether a word can be moved that is as far from the pointer as a register says."""
        return self.by_register and self._takes(pointer, 1)

    def moves_by_register(self, pointer: Pointer) -> bool:
        """Whether the pointer can be moved alone as far as a register says."""
        return self.by_register and self.kind == "move" and self.unit == pointer.unit

    def _takes(self, pointer: Pointer, words: int) -> bool:
        same = self.kind == pointer.kind and self.unit == pointer.unit
        return same and self.least <= words <= self.most and (pointer.aligned or not self.aligned)


@attrs.frozen
class BlockForm:
    """What a target's blocks are made of (`block` in `specs/isa/*.isa`).

    `registers`: those that a block names itself, ascending; `operands`: those that hold accumulators, pointers and inputs, in the
    order in which they are taken.  One that stands in both lists is an operand where so many are needed.
    `accesses`: how words are moved, the best first.
    `until`: the assembly that goes back to {label} until {pointer} is {end} (a word in memory), over {register}, which is free.
    `stride`: the assembly that reads {stride} (a word in memory) into {register}; empty: blocks have no strides.
    """

    condition: str
    registers: tuple[str, ...]
    operands: tuple[str, ...]
    accesses: tuple[AccessForm, ...]
    until: tuple[str, ...]
    stride: str = ""

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
    """What one pointer does in an iteration: it loads or stores `words` words from where it is, and ends `step` words further.

    `unit`: the bytes of its words.  `stride`: the number of the stride by which it ends further, in place of `step`.
    """

    kind: str
    words: int
    step: int
    aligned: bool
    unit: int = WORD_BYTES
    stride: int | None = None


@attrs.frozen
class WordAccess:
    """Value number `value` is the word that stands `word` words from where the pointer is at the start, or goes there.

    `stride`: the number of the stride that is added to this distance.
    """

    pointer: int
    word: int
    value: int
    stride: int | None = None


@attrs.frozen
class Step:
    """Value number `value` is the instruction's result on other values and the numbers within it."""

    instruction: str
    operands: tuple[int, ...]
    value: int
    immediates: tuple[int, ...] = ()


@attrs.frozen
class BlockBody:
    """One iteration: from the accumulators' values 0 .. accumulators - 1 to `results`, loads first, stores last.

    The next `inputs` values are the same in all iterations, and so are the `strides`: distances in bytes that are known only when
    the block runs.  What a pointer with strides stores goes to memory in the order of the accesses, since it may meet.
    """

    accumulators: int
    pointers: tuple[Pointer, ...]
    accesses: tuple[WordAccess, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    inputs: int = 0
    strides: int = 0

    @property
    def operands(self) -> int:
        """How many places the block does not name itself."""
        return self.accumulators + len(self.pointers) + self.inputs


@attrs.frozen
class AccessLine:
    """Moves words between memory, from `offset` words behind the pointer on, and registers, and then the pointer by `advance` words.

    `form` is the number of the access form; `distance` the register of one that goes by it.
    """

    pointer: int
    registers: tuple[str, ...]
    advance: int
    form: int
    offset: int = 0
    distance: str = ""


@attrs.frozen
class StepLine:
    """One instruction from places to a place."""

    instruction: str
    target: str
    sources: tuple[str, ...]
    immediates: tuple[int, ...] = ()


@attrs.frozen
class StrideLine:
    """Reads a stride from memory into a register."""

    stride: int
    register: str


Line = AccessLine | StepLine | StrideLine


def named_registers(line: Line) -> tuple[str, ...]:
    """The places that a line names, but for pointers."""
    if isinstance(line, AccessLine):
        return (*line.registers, line.distance) if line.distance else line.registers
    return (line.register,) if isinstance(line, StrideLine) else (line.target, *line.sources)


def accumulator_place(number: int) -> str:
    """The place of an accumulator."""
    return f"sum{number}"


def input_place(number: int) -> str:
    """The place of an input."""
    return f"in{number}"


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
    offset: int = 0

    def line(self, registers: tuple[str, ...]) -> AccessLine:
        return AccessLine(self.pointer, registers, self.advance, self.form, self.offset)


@lru_cache(maxsize=256)
def allocate(body: BlockBody, form: BlockForm) -> tuple[Line, ...]:
    """The fewest lines found that compute a body, each load as late as it may stand, all stores at the end.

    Steps come in the order in which results ask for them, or as they stand, or as words are loaded; lines move as many words as
    they can, or fewer.

    Raises:
        NoRoomError: more values live at once than there are registers, more operands are needed than a block has, or words
            lie so that no form moves them.
    """
    if body.operands > len(form.operands):
        what = f"{body.accumulators} accumulators, {len(body.pointers)} pointers and {body.inputs} inputs"
        raise NoRoomError(f"{what} are more than {len(form.operands)} operands")
    registers = form.beside(body.operands)
    found: list[tuple[Line, ...]] = []
    errors: list[NoRoomError] = []
    for steps in (_in_order_of_need(body), body.steps, _in_order_of_loads(body)):
        for most in range(max(access.most for access in form.accesses), 0, -1):
            accesses = tuple(attrs.evolve(access, most=min(access.most, most)) for access in form.accesses)
            try:
                found.append(_Allocation(attrs.evolve(body, steps=steps), attrs.evolve(form, registers=registers, accesses=accesses)).run())
                break  # fewer words a line make more lines
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


def _in_order_of_loads(body: BlockBody) -> tuple[Step, ...]:
    """The steps in an order in which words are loaded late: first those that need nothing new, then those that free most."""
    steps, waiting = list(body.steps), {step.value for step in body.steps}
    absent = {access.value for access in body.accesses if body.pointers[access.pointer].kind == "load"}
    uses = [operand for step in steps for operand in step.operands]
    ordered: list[Step] = []

    def cost(step: Step) -> tuple[int, int]:
        return len(absent & set(step.operands)), -sum(uses.count(operand) == step.operands.count(operand) for operand in set(step.operands))

    while steps:
        ready = [step for step in steps if not waiting & set(step.operands)]
        taken = min(ready, key=cost)
        steps.remove(taken)
        waiting.remove(taken.value)
        absent -= set(taken.operands)
        for operand in taken.operands:
            uses.remove(operand)
        ordered.append(taken)
    return tuple(ordered)


def used_registers(lines: Sequence[Line], form: BlockForm) -> tuple[str, ...]:
    """The registers that the lines name, and the first, over which a block goes round."""
    named = {form.registers[0]}
    for line in lines:
        named.update(named_registers(line))
    return tuple(register for register in form.registers if register in named)


class _Allocation:
    def __init__(self, body: BlockBody, form: BlockForm) -> None:
        self.body = body
        self.form = form
        self.places = {number: accumulator_place(number) for number in range(body.accumulators)}
        self.places.update({body.accumulators + number: input_place(number) for number in range(body.inputs)})
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
            self.lines.append(StepLine(step.instruction, self._place(step.value), sources, step.immediates))
        for chunk in list(self.pending):
            if chunk in self.pending:
                self._load(chunk)
        for number, pointer in enumerate(self.body.pointers):
            if pointer.stride is not None:
                self._store_by_strides(number, pointer)
            elif pointer.kind == "store":
                self._store(number)
        return tuple(self.lines)

    def _load(self, chunk: _Chunk) -> None:
        """Loads a chunk, and before it those that move its pointer on."""
        before = self.pending[: self.pending.index(chunk)]
        for each in [*(other for other in before if other.pointer == chunk.pointer and other.advance), chunk]:
            if len(self.free) < len(each.values):
                raise NoRoomError(f"{len(each.values)} words for {len(self.free)} registers")
            taken, self.free = self.free[: len(each.values)], self.free[len(each.values) :]
            self.places.update(zip(each.values, taken, strict=True))
            self.lines.append(each.line(tuple(taken)))
            self.pending.remove(each)

    def _store(self, number: int) -> None:
        for chunk in _chunks(self.body, self.form, number, self.places):
            self.lines.append(chunk.line(tuple(self.places[value] for value in chunk.values)))

    def _store_by_strides(self, number: int, pointer: Pointer) -> None:
        """Stores the words in their order, each where a stride says, and moves the pointer by the last."""
        accesses = [access for access in self.body.accesses if access.pointer == number]
        for place, access in enumerate(accesses):
            forms = [form.reaches(pointer, 1, 0) if access.stride is None else form.reaches_by_register(pointer) for form in self.form.accesses]
            self._by_stride(number, (self.places[access.value],), access.stride, forms)
            later = [*accesses[place + 1 :], *(other for other in self.body.accesses if other.pointer > number)]
            if access.value not in self.body.results and all(other.value != access.value for other in later):
                self._release(self.places[access.value])
        self._by_stride(number, (), pointer.stride, [form.moves_by_register(pointer) for form in self.form.accesses])

    def _by_stride(self, number: int, moved: tuple[str, ...], stride: int | None, forms: Sequence[bool]) -> None:
        """A line of the first form that fits, and before it that which reads its stride."""
        if True not in forms or (stride is not None and not (self.free and self.form.stride)):
            raise NoRoomError(f"no line moves a word of pointer {number}, or the pointer, by a stride")
        if stride is not None:
            self.lines.append(StrideLine(stride, self.free[0]))
        self.lines.append(AccessLine(number, moved, 0, forms.index(True), distance=self.free[0] if stride is not None else ""))

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

    The pointer walks over words that are neighbours; else the first line moves it on, or one of its own after all others.

    Raises:
        NoRoomError: no form moves the words, or the pointer.
    """
    words = _Words(body, form, number, places)
    ways = [words.spread(words.pointer.step), words.spread(0)]
    if [access.word for access in words.accesses] == list(range(len(words.accesses))):
        ways = [words.walk(words.pointer.step), words.walk(len(words.accesses)), *ways]
    found = next((way for way in ways if way is not None), None)
    if found is None:
        raise NoRoomError(f"no line moves a word of pointer {number} and then the pointer")
    return found


class _Words:
    """The words that one pointer is to move."""

    def __init__(self, body: BlockBody, form: BlockForm, number: int, places: Mapping[int, str] | None) -> None:
        self.pointer = body.pointers[number]
        self.accesses = sorted((access for access in body.accesses if access.pointer == number), key=lambda access: access.word)
        self.form = form
        self.number = number
        self.places = places

    def walk(self, end: int) -> list[_Chunk] | None:
        """Each line moves the pointer over its words, the last to `end`."""
        found: list[_Chunk] = []
        first = 0
        while first < len(self.accesses):
            for count in range(len(self.accesses) - first, 0, -1):
                advance = count if first + count < len(self.accesses) else end - first
                form = self._form(first, count, [access.fits(self.pointer, count, advance) for access in self.form.accesses])
                if form is not None:
                    found.append(_Chunk(self.number, self._values(first, count), advance, form))
                    first += count
                    break
            else:
                return None
        return self._moved(found, end)

    def spread(self, start: int) -> list[_Chunk] | None:
        """The first line moves the pointer by `start`, and the others find their words from there."""
        found: list[_Chunk] = []
        first = 0
        while first < len(self.accesses):
            offset = self.accesses[first].word - start
            for count in range(self._neighbours(first), 0, -1):
                moves = first == 0 and start != 0
                fits = [access.fits(self.pointer, count, start) if moves else access.reaches(self.pointer, count, offset) for access in self.form.accesses]
                form = self._form(first, count, fits)
                if form is not None:
                    found.append(_Chunk(self.number, self._values(first, count), start if moves else 0, form, 0 if moves else offset))
                    first += count
                    break
            else:
                return None
        return self._moved(found, start)

    def _neighbours(self, first: int) -> int:
        """How many words from one on lie side by side."""
        count = 1
        while first + count < len(self.accesses) and self.accesses[first + count].word == self.accesses[first].word + count:
            count += 1
        return count

    def _values(self, first: int, count: int) -> tuple[int, ...]:
        return tuple(each.value for each in self.accesses[first : first + count])

    def _form(self, first: int, count: int, fits: Sequence[bool]) -> int | None:
        """The first form that fits, and whose registers may be those of the words."""
        numbers = [register_number(self.places[value]) for value in self._values(first, count)] if self.places is not None else []
        in_order = numbers == sorted(numbers)
        return next((index for index, access in enumerate(self.form.accesses) if fits[index] and (in_order or not access.ascending)), None)

    def _moved(self, chunks: list[_Chunk], position: int) -> list[_Chunk] | None:
        """The chunks, and a line that moves the pointer from a position to where it ends."""
        rest = self.pointer.step - position
        if rest == 0:
            return chunks
        form = next((index for index, access in enumerate(self.form.accesses) if access.moves(self.pointer, rest)), None)
        return [*chunks, _Chunk(self.number, (), rest, form)] if form is not None else None


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
