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
from tinyir.dialects.isa_block import best_round, machine_loop, most_lines
from tinyir.ir.attributes import IntegerAttribute, StringAttribute
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

    Blocks that differ in nothing but their trips are one text if they run the same `rounds`: of these (where a block carries sums
    `sum_rounds`) the first is taken that divides the trips and costs all runs together at most the share `shared_text` of the
    instructions in blocks more than what is best for the loop alone.  `sums_only`: loops that carry nothing stay loops: the distances of
    their words and bytes are numbers of their blocks, so that few of them would be one text.
    """

    name: ClassVar[str] = "form_blocks"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ()

    rounds: tuple[int, ...] = (1, 4)
    sum_rounds: tuple[int, ...] = (4, 1)
    shared_text: float = 0.002
    sums_only: bool = False

    def run(self, module: Operation, context: PassContext) -> None:
        names = getattr(context.target, "isa", ()) if getattr(context.target, "assembly", "blocks") == "blocks" else ()
        sets = [s for name in names if (s := instruction_set(name)) is not None and s.block is not None]
        for instructions in sets[:1]:
            assert instructions.block is not None
            ascending = tuple(number for number, access in enumerate(instructions.block.accesses) if access.ascending)
            formed: list[_Formed] = []
            for nest in [o for o in module.walk() if o.name == "loop.for"]:
                found = machine_loop(nest)
                if found is None or (self.sums_only and not nest.results):
                    continue
                try:
                    lines = allocate(found.body, instructions.block)
                except NoRoomError:
                    continue
                pinned = instructions.block.operands[: found.body.operands]
                where = ", ".join(nest.location.names) or "a loop"
                statement = f"{len(lines)} lines of {instructions.name} compute an iteration of '{nest.body.arguments[0].name or 'i'}'"
                if context.ledger.add(Obligation("instr", where, statement, BlockClaim(found.body, lines, ascending, pinned))).state == "proved":
                    nest.attributes["block"] = StringAttribute(instructions.name)
                    formed.append(_Formed(nest, found.trips, lines))
            most = self.shared_text * sum(block.instructions for block in formed)
            for block in formed:
                block.nest.attributes["round"] = IntegerAttribute(self._round(block, len(instructions.block.until), most), INDEX)

    def _round(self, block: _Formed, turn: int, most: float) -> int:
        """The iterations of one round; going round takes `turn` instructions, and all runs may take `most` more than with the best."""
        trips, lines = block.trips, block.lines
        best, runs = best_round(trips, lines), _runs(block.nest)
        turns = trips // best if best else 0
        rounds = self.sum_rounds if block.nest.results else self.rounds
        fitting = [n for n in rounds if trips % n == 0 and (n == 1 or n * len(lines) <= most_lines(lines))]
        return next((n for n in fitting if (trips // n - turns) * turn * runs <= most), best)


@attrs.frozen(eq=False)
class _Formed:
    """A loop that becomes a block, and the lines of one iteration."""

    nest: Operation
    trips: int
    lines: Sequence[Line]

    @property
    def instructions(self) -> int:
        return _runs(self.nest) * self.trips * len(self.lines)


def _runs(nest: Operation) -> int:
    """How often a loop is entered, at most, as far as the bounds around it are known."""
    runs = 1
    for each in nest.ancestors():
        if each.name == "loop.for":
            upper = [e.constant_value for e in loop.upper_map(each).results if e.constant_value is not None]
            lower = [e.constant_value for e in loop.lower_map(each).results if e.constant_value is not None]
            runs *= max(min(upper, default=1) - max(lower, default=0), 0) // loop.step(each)
    return runs
