"""canonicalize: the rules of the group `canonical`, each constant once, nothing dead."""

from __future__ import annotations

import attrs

from tinyir.ir.operation import Operation
from tinyir.ir.registry import has_trait
from tinyir.rewrite.common import merge_equal
from tinyir.rewrite.greedy import apply_rules, erase_dead
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.rule_book import compiled_rules


@attrs.frozen
class Canonicalize(Pass):
    """Brings every operation to its one form."""

    def run(self, module: Operation, context: PassContext) -> None:
        apply_rules(module, compiled_rules("canonical"), context)
        merge_equal(module, lambda operation: has_trait(operation, "constant"))
        erase_dead(module)
