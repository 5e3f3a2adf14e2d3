"""buffer -> buffer: innermost loops that only load words and run instructions are marked to become one asm statement each.

    loop.for %t iter(...) { words, isa.* }   =>   loop.for %t iter(...) attributes {block = "armv7e-m"} { words, isa.* }

A compiler allocates registers for what may follow; a block knows that its words are used once, so that neighbouring ones are
loaded together (LDM).  Each block states that its lines compute the loop's body (`instr`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects.isa_block import MachineLoop, best_round, by_strides, machine_loop, most_lines
from tinyir.ir.attributes import IntegerAttribute, StringAttribute, UnitAttribute
from tinyir.ir.instruction import InstructionSet
from tinyir.ir.machine_block import Line, NoRoomError, allocate
from tinyir.ir.operation import Operation
from tinyir.ir.types import INDEX
from tinyir.prove.blocks import BlockClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set


@attrs.frozen
class FormBlocks(Pass):
    """Marks the loops that fit the form of the target's blocks, with the iterations of one round.

    Blocks that differ in nothing but how far apart the bytes lie that they store are one text if they read these distances from
    memory: those that share a text so do it, where it costs all runs together at most the share `shared_strides` of the
    instructions in blocks.

    Blocks that differ in nothing but their trips are one text if they run the same `rounds`: of these (where a block carries sums
    `sum_rounds`) the first is taken that divides the trips and costs all runs together at most the share `shared_text` of the
    instructions in blocks more than what is best for the loop alone.  `least_instructions`: loops that carry nothing and run fewer stay
    loops: the distances of their words and bytes are numbers of their blocks, so that few of them would be one text.
    """

    name: ClassVar[str] = "form_blocks"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ()

    rounds: tuple[int, ...] = (1, 4)
    sum_rounds: tuple[int, ...] = (4, 3, 1)
    shared_text: float = 0.004
    shared_strides: float = 0.05
    least_instructions: int = 0

    def run(self, module: Operation, context: PassContext) -> None:
        names = getattr(context.target, "isa", ()) if getattr(context.target, "assembly", "blocks") == "blocks" else ()
        sets = [s for name in names if (s := instruction_set(name)) is not None and s.block is not None]
        for instructions in sets[:1]:
            assert instructions.block is not None
            formed: list[_Formed] = []
            for nest in [o for o in module.walk() if o.name == "loop.for"]:
                found = machine_loop(nest)
                block = _formed(nest, found, instructions) if found is not None and self._is_long_enough(nest) else None
                if block is not None and _is_proved(block, instructions, context):
                    nest.attributes["block"] = StringAttribute(instructions.name)
                    formed.append(block)
            total = sum(block.instructions for block in formed)
            formed = self._by_strides(formed, total, instructions, context)
            for block in formed:
                round = self._round(block, len(instructions.block.until), self.shared_text * total)
                block.nest.attributes["round"] = IntegerAttribute(round, INDEX)

    def _is_long_enough(self, nest: Operation) -> bool:
        return bool(nest.results) or sum(each.name.startswith("isa.") for each in nest.body) >= self.least_instructions

    def _by_strides(self, formed: Sequence[_Formed], total: int, instructions: InstructionSet, context: PassContext) -> list[_Formed]:
        """The blocks, and in place of those that share a text by it those with strides; they are marked."""
        groups: dict[tuple[object, ...], list[tuple[_Formed, _Formed]]] = {}
        for block in formed:
            strided = _formed(block.nest, by_strides(block.found), instructions)
            if strided is not None and strided.found.strides:
                groups.setdefault((strided.found.body, strided.lines), []).append((block, strided))
        left = self.shared_strides * total
        taken: dict[Operation, _Formed] = {}
        for pairs in sorted(groups.values(), key=_added):
            if len({strided.found.strides for _, strided in pairs}) > 1 and _added(pairs) <= left:
                left -= _added(pairs)
                for _, strided in pairs:
                    if _is_proved(strided, instructions, context):
                        strided.nest.attributes["strided"] = UnitAttribute()
                        taken[strided.nest] = strided
        return [taken.get(block.nest, block) for block in formed]

    def _round(self, block: _Formed, turn: int, most: float) -> int:
        """The iterations of one round; going round takes `turn` instructions, and all runs may take `most` more than with the best."""
        trips, lines = block.found.trips, block.lines
        best, runs = best_round(trips, lines), _runs(block.nest)
        turns = trips // best if best else 0
        rounds = self.sum_rounds if block.nest.results else self.rounds
        fitting = [n for n in rounds if trips % n == 0 and (n == 1 or n * len(lines) <= most_lines(lines))]
        return next((n for n in fitting if (trips // n - turns) * turn * runs <= most), best)


@attrs.frozen(eq=False)
class _Formed:
    """A loop that becomes a block, and the lines of one iteration."""

    nest: Operation
    found: MachineLoop
    lines: tuple[Line, ...]

    @property
    def instructions(self) -> int:
        return _runs(self.nest) * self.found.trips * len(self.lines)


def _formed(nest: Operation, found: MachineLoop, instructions: InstructionSet) -> _Formed | None:
    """A loop with its lines; None if the registers are not enough."""
    assert instructions.block is not None
    try:
        return _Formed(nest, found, allocate(found.body, instructions.block))
    except NoRoomError:
        return None


def _is_proved(block: _Formed, instructions: InstructionSet, context: PassContext) -> bool:
    assert instructions.block is not None
    body = block.found.body
    ascending = tuple(number for number, access in enumerate(instructions.block.accesses) if access.ascending)
    where = ", ".join(block.nest.location.names) or "a loop"
    strides = ", whatever its strides are" if body.strides else ""
    statement = f"{len(block.lines)} lines of {instructions.name} compute an iteration of '{block.nest.body.arguments[0].name or 'i'}'{strides}"
    claim = BlockClaim(body, block.lines, ascending, instructions.block.operands[: body.operands])
    return bool(context.ledger.add(Obligation("instr", where, statement, claim)).state == "proved")


def _added(pairs: Sequence[tuple[_Formed, _Formed]]) -> int:
    """What all runs of blocks take more with strides."""
    return sum(strided.instructions - block.instructions for block, strided in pairs)


def _runs(nest: Operation) -> int:
    """How often a loop is entered, at most, as far as the bounds around it are known."""
    runs = 1
    for each in nest.ancestors():
        if each.name == "loop.for":
            upper = [e.constant_value for e in loop.upper_map(each).results if e.constant_value is not None]
            lower = [e.constant_value for e in loop.lower_map(each).results if e.constant_value is not None]
            runs *= max(min(upper, default=1) - max(lower, default=0), 0) // loop.step(each)
    return runs
