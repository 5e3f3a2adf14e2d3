"""buffer -> buffer: innermost loops that only load words and run instructions are marked to become one asm statement each.

    loop.for %t iter(...) { words, isa.* }   =>   loop.for %t iter(...) attributes {block = "armv7e-m"} { words, isa.* }

A compiler allocates registers for what may follow; a block knows that its words are used once, so that neighbouring ones are
loaded together (LDM).  Each block states that its lines compute the loop's body (`instr`).
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from tinyir.dialects.isa_block import machine_loop
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.machine_block import NoRoomError, allocate
from tinyir.ir.operation import Operation
from tinyir.prove.blocks import BlockClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set


@attrs.frozen
class FormBlocks(Pass):
    """Marks the loops that fit the form of the target's blocks."""

    name: ClassVar[str] = "form_blocks"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ()

    def run(self, module: Operation, context: PassContext) -> None:
        names = getattr(context.target, "isa", ()) if getattr(context.target, "assembly", "blocks") == "blocks" else ()
        sets = [s for name in names if (s := instruction_set(name)) is not None and s.block is not None]
        for instructions in sets[:1]:
            assert instructions.block is not None
            ascending = tuple(number for number, access in enumerate(instructions.block.accesses) if access.ascending)
            for nest in [o for o in module.walk() if o.name == "loop.for"]:
                found = machine_loop(nest)
                if found is None:
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
