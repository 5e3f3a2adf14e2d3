"""buffer -> buffer: innermost loops that only load words and run instructions are marked to be written for a compiler that schedules them.

    loop.for %t iter(...) { words, isa.* }   =>   loop.for %t iter(...) attributes {rounds = 4} { words, isa.* }

C then holds several iterations in each round of the loop, one after the other, and pointers that walk through the words: what
`form_blocks` gets from registers of its own choice, as far as a compiler can be led to it.  So it is where the target allows no blocks.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from tinyir.dialects.isa_block import machine_loop
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import I64
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class WalkWords(Pass):
    """Marks the loops over words.

    `most_rounds`: the most iterations that are written out; as many are as divide the whole number.
    """

    name: ClassVar[str] = "walk_words"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ()

    most_rounds: int = 4

    def run(self, module: Operation, context: PassContext) -> None:
        if getattr(context.target, "assembly", "blocks") == "blocks":
            return
        for nest in [o for o in module.walk() if o.name == "loop.for"]:
            found = machine_loop(nest)
            if found is not None:
                rounds = max(count for count in range(1, self.most_rounds + 1) if found.trips % count == 0)
                if 1 < rounds < found.trips:
                    nest.attributes["rounds"] = IntegerAttribute(rounds, I64)
