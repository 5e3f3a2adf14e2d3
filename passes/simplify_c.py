"""Arithmetic on literals is done, and what adds zero or multiplies by one is left out, at the C level.

`lower_to_c` writes index arithmetic in full, so that `merge_functions` can compare it; this is what follows.  All of it is rules,
those of the groups `c`, of arithmetic, and `c_programs`, of loops, branches and memory.
"""

from __future__ import annotations

import attrs

from tinyir.dialects.buffer import referenced_symbol, symbol_name
from tinyir.ir.operation import Operation
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.kept_rules import reachable_rules
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class SimplifyC(Pass):
    """Applies the rules, and leaves out constants that nobody reads any more.

    `programs`: those of loops, branches and memory too.
    """

    name = "simplify_c"
    reads = ("builtin", "c")
    leaves = ("builtin", "c")

    programs: bool = True

    def run(self, module: Operation, context: PassContext) -> None:
        operations = frozenset({operation.name for operation in module.walk()})
        apply_rules(module, reachable_rules(operations, *(("c", "c_programs") if self.programs else ("c",))), context)
        used = {referenced_symbol(operation, "name") for operation in module.walk() if operation.name == "c.address"}
        for array in list(module.body):
            if array.name == "c.array" and symbol_name(array) not in used:
                array.erase()
