"""A block of machine code computes what the loop's iteration does: its lines are run on symbolic values, from any state.

Places hold value numbers; accesses take the words in the order of their addresses, each instruction must find the operands of
one of the body's steps, and in the end every accumulator must hold its result, every input what it held, every word of memory
what is stored there, and every pointer must have moved as far as the loop moves.  What the instructions mean is the claim of another obligation.
"""

from __future__ import annotations

import attrs

from tinyir.ir.machine_block import AccessLine, BlockBody, Line, accumulator_place, input_place, register_number
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
        places = {accumulator_place(n): n for n in range(self.body.accumulators)}
        inputs = {input_place(n): self.body.accumulators + n for n in range(self.body.inputs)}
        places.update(inputs)
        moved = [0] * len(self.body.pointers)
        memory: dict[tuple[int, int], int] = {}
        words = {(access.pointer, access.word): access.value for access in self.body.accesses}
        steps = {(step.instruction, step.immediates, step.operands): step.value for step in self.body.steps}
        for line in self.lines:
            if any(register in self.pinned for register in (line.registers if isinstance(line, AccessLine) else (line.target, *line.sources))):
                return [(UNKNOWN_VALUE, 0)]  # an operand lives there
            if not isinstance(line, AccessLine):
                operands = tuple(places.get(source, UNKNOWN_VALUE) for source in line.sources)
                places[line.target] = steps.get((line.instruction, line.immediates, operands), UNKNOWN_VALUE)
                continue
            if line.form in self.ascending and list(line.registers) != sorted(line.registers, key=register_number):
                return [(UNKNOWN_VALUE, 0)]  # the machine goes by the numbers of the registers
            for word, register in enumerate(line.registers, moved[line.pointer] + line.offset):
                if self.body.pointers[line.pointer].kind == "load":
                    if memory:
                        return [(UNKNOWN_VALUE, 0)]  # a load after a store might see it
                    places[register] = words.get((line.pointer, word), UNKNOWN_VALUE)
                else:
                    memory[line.pointer, word] = places.get(register, UNKNOWN_VALUE)
            moved[line.pointer] += line.advance
        results = [(places[accumulator_place(n)], result) for n, result in enumerate(self.body.results)]
        results += [(places[place], value) for place, value in inputs.items()]
        stored = {key: value for key, value in words.items() if self.body.pointers[key[0]].kind == "store"}
        results += [(memory.get(key, UNKNOWN_VALUE), stored.get(key, UNKNOWN_VALUE - 1)) for key in sorted({*stored, *memory})]
        return results + [(distance, pointer.step) for distance, pointer in zip(moved, self.body.pointers, strict=True)]

    def negation(self, prefix: str = "") -> Negation:
        differences = " ".join(f"(distinct {number(found)} {number(expected)})" for found, expected in self._final())
        return Negation((), (f"(or false {differences})",))
