"""cse: of equal pure operations the first one stays, and the others use its results."""

from __future__ import annotations

import attrs

from tinyir.ir.operation import Operation
from tinyir.rewrite.common import merge_equal
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class CommonSubexpressionElimination(Pass):
    """Merges equal pure operations without regions."""

    name = "cse"

    def run(self, module: Operation, context: PassContext) -> None:
        merge_equal(module)
