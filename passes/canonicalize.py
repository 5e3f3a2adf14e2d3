"""canonicalize: the rules of the group `canonical`, each constant once, nothing dead."""

from __future__ import annotations

from functools import cache

import attrs

from tinyir.ir.operation import Operation
from tinyir.ir.registry import has_trait
from tinyir.rewrite.common import merge_equal
from tinyir.rewrite.constants import gather_constants
from tinyir.rewrite.evaluation import Evaluation
from tinyir.rewrite.greedy import RuleIndex, apply_rules, erase_dead
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.rule_book import compiled_rules


@cache
def canonical_rewrites() -> RuleIndex:
    """What brings operations to their one form."""
    return RuleIndex([*compiled_rules("canonical"), Evaluation.of(("arith",))])


@attrs.frozen
class Canonicalize(Pass):
    """Brings every operation to its one form."""

    def run(self, module: Operation, context: PassContext) -> None:
        gather_constants(module)
        while apply_rules(module, canonical_rewrites(), context):
            gather_constants(module)
        merge_equal(module, lambda operation: has_trait(operation, "constant"))
        erase_dead(module)
