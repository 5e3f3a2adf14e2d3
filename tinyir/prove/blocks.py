"""A block of machine code computes what the loop's iteration does: its lines are run on symbolic values, from any state.

Places hold value numbers or strides, which are symbols; accesses take the words in the order of their addresses, each instruction must find the operands of
one of the body's steps, and in the end every accumulator must hold its result, every input what it held, every word of memory
what is stored there, and every pointer must have moved as far as the loop moves.  What the instructions mean is the claim of another obligation.
"""

from __future__ import annotations

import attrs

from tinyir.ir.machine_block import (
    BlockBody,
    Line,
    StepLine,
    StrideLine,
    accumulator_place,
    input_place,
    named_registers,
    register_number,
)
from tinyir.prove.claim import Claim, Negation, Verdict, number, proved, refuted

UNKNOWN_VALUE = -1


@attrs.frozen(eq=False)
class BlockClaim(Claim):
    """The lines leave in each accumulator the result that the body states.

    `ascending`: the access forms that go by register numbers.  `pinned`: the registers that hold accumulators and pointers.
    """

    body: BlockBody
    lines: tuple[Line, ...]
    ascending: tuple[int, ...]
    pinned: tuple[str, ...] = ()

    def decide(self) -> Verdict:
        for place, (found, expected) in enumerate(self._final()):
            if found != expected:
                return refuted("symbolic execution", {"place": place, "found": found, "expected": expected})
        return proved("symbolic execution")

    def _final(self) -> list[tuple[int, int]]:
        """What accumulators, stored words and pointers hold in the end, and what they should."""
        return _Run(self).final()

    def negation(self, prefix: str = "") -> Negation:
        differences = " ".join(f"(distinct {number(found)} {number(expected)})" for found, expected in self._final())
        return Negation((), (f"(or false {differences})",))


class _Run:
    """The lines on their way through symbolic values."""

    def __init__(self, claim: BlockClaim) -> None:
        self.claim = claim
        body = self.body = claim.body
        self.inputs = {input_place(n): body.accumulators + n for n in range(body.inputs)}
        self.places = {**{accumulator_place(n): n for n in range(body.accumulators)}, **self.inputs}
        self.strides: dict[str, int] = {}
        self.moved = [Distance() for _ in body.pointers]
        self.memory: dict[tuple[int, Distance], int] = {}
        self.words = {(access.pointer, Distance.of(access.word, access.stride)): access.value for access in body.accesses}
        self.steps = {(step.instruction, step.immediates, step.operands): step.value for step in body.steps}

    def final(self) -> list[tuple[int, int]]:
        """Pairs of what is found and what is expected, all equal if the claim holds."""
        if not all(self._runs(line) for line in self.claim.lines):
            return [(UNKNOWN_VALUE, 0)]
        body = self.body
        results = [(self.places[accumulator_place(n)], result) for n, result in enumerate(body.results)]
        results += [(self.places[place], value) for place, value in self.inputs.items()]
        stored = {key: value for key, value in self.words.items() if body.pointers[key[0]].kind == "store"}
        keys = sorted({*stored, *self.memory}, key=lambda key: (key[0], key[1].words, key[1].strides))
        results += [(self.memory.get(key, UNKNOWN_VALUE), stored.get(key, UNKNOWN_VALUE - 1)) for key in keys]
        by_stride = [place for place, pointer in enumerate(body.pointers) if pointer.stride is not None]
        for place in by_stride:  # words that may meet
            expected = [key for key in stored if key[0] == place]
            results.append((int([key for key in self.memory if key[0] == place] == expected), 1))
        ends = [Distance.of(pointer.step, pointer.stride) for pointer in body.pointers]
        pairs = list(zip(self.moved, ends, strict=True))
        results += [(found.words, expected.words) for found, expected in pairs]
        return results + [(int(found.strides == expected.strides), 1) for found, expected in pairs]

    def _runs(self, line: Line) -> bool:
        """Runs a line; False if it does what no block may do."""
        if any(register in self.claim.pinned for register in named_registers(line)):
            return False  # an operand lives there
        if isinstance(line, StrideLine):
            self._write(line.register, UNKNOWN_VALUE)
            self.strides[line.register] = line.stride
            return True
        if isinstance(line, StepLine):
            operands = tuple(self.places.get(source, UNKNOWN_VALUE) for source in line.sources)
            self._write(line.target, self.steps.get((line.instruction, line.immediates, operands), UNKNOWN_VALUE))
            return True
        if line.form in self.claim.ascending and list(line.registers) != sorted(line.registers, key=register_number):
            return False  # the machine goes by the numbers of the registers
        if line.distance and line.distance not in self.strides:
            return False
        distance = Distance.of(0, self.strides[line.distance]) if line.distance else Distance()
        start = self.moved[line.pointer]
        for word, register in enumerate(line.registers, line.offset):
            key = line.pointer, start + distance + Distance(word)
            if self.body.pointers[line.pointer].kind == "load":
                if self.memory:
                    return False  # a load after a store might see it
                self._write(register, self.words.get(key, UNKNOWN_VALUE))
            else:
                self.memory.pop(key, None)  # in the order of the last stores
                self.memory[key] = self.places.get(register, UNKNOWN_VALUE)
        self.moved[line.pointer] = start + Distance(line.advance) + (Distance() if line.registers else distance)
        return True

    def _write(self, place: str, value: int) -> None:
        self.places[place] = value
        self.strides.pop(place, None)


@attrs.frozen
class Distance:
    """Words and strides, which are symbols by their numbers: how far apart two places are."""

    words: int = 0
    strides: tuple[int, ...] = ()

    @classmethod
    def of(cls, words: int, stride: int | None) -> Distance:
        """Words, and a stride if there is one."""
        return cls(words, () if stride is None else (stride,))

    def __add__(self, other: Distance) -> Distance:
        return Distance(self.words + other.words, tuple(sorted((*self.strides, *other.strides))))
