"""A block of machine code computes what the loop's iteration does: its lines are run on symbolic values, from any state.

Places hold value numbers; loads take the words in the order of their addresses, each instruction must find the operands of
one of the body's steps, and in the end every accumulator must hold its result and every pointer must have moved as far as
the loop moves.  What the instructions mean is the claim of another obligation.
"""

from __future__ import annotations

import attrs

from tinyir.ir.machine_block import BlockBody, Line, LoadLine, accumulator_place
from tinyir.prove.claim import Claim, Negation, Verdict, number, proved, refuted

UNKNOWN_VALUE = -1


@attrs.frozen(eq=False)
class BlockClaim(Claim):
    """The lines leave in each accumulator the result that the body states."""

    body: BlockBody
    lines: tuple[Line, ...]

    def decide(self) -> Verdict:
        for place, (found, expected) in enumerate(self._final()):
            if found != expected:
                return refuted("symbolic execution", {"place": place, "found": found, "expected": expected})
        return proved("symbolic execution")

    def _final(self) -> list[tuple[int, int]]:
        """What accumulators and pointers hold in the end, and what they should."""
        places = {accumulator_place(n): n for n in range(self.body.accumulators)}
        moved = [0] * len(self.body.words)
        words = {(load.pointer, load.word): load.value for load in self.body.loads}
        steps = {(step.instruction, step.operands): step.value for step in self.body.steps}
        for line in self.lines:
            if isinstance(line, LoadLine):
                if list(line.registers) != sorted(line.registers, key=_register_number):
                    return [(UNKNOWN_VALUE, 0)]  # the machine loads in the order of register numbers
                for register in line.registers:
                    places[register] = words.get((line.pointer, moved[line.pointer]), UNKNOWN_VALUE)
                    moved[line.pointer] += 1
            else:
                operands = tuple(places.get(source, UNKNOWN_VALUE) for source in line.sources)
                places[line.target] = steps.get((line.instruction, operands), UNKNOWN_VALUE)
        results = [(places[accumulator_place(n)], result) for n, result in enumerate(self.body.results)]
        return results + list(zip(moved, self.body.words, strict=True))

    def negation(self, prefix: str = "") -> Negation:
        differences = " ".join(f"(distinct {number(found)} {number(expected)})" for found, expected in self._final())
        return Negation((), (f"(or false {differences})",))


def _register_number(register: str) -> int:
    return int(register.removeprefix("r"))
