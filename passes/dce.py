"""dce: removes operations that write nothing and whose results nobody uses."""

from __future__ import annotations

import attrs

from tinyir.ir.operation import Operation
from tinyir.rewrite.greedy import erase_dead
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class DeadCodeElimination(Pass):
    """Removes operations that write nothing and whose results nobody uses."""

    name = "dce"

    def run(self, module: Operation, context: PassContext) -> None:
        erase_dead(module)
