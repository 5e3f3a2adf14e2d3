"""canonicalize: the rules of the group `canonical`, each constant once, nothing dead."""

from __future__ import annotations

from functools import lru_cache

import attrs

from tinyir.ir.operation import Operation
from tinyir.rewrite.common import merge_equal
from tinyir.rewrite.constants import gather_constants
from tinyir.rewrite.evaluation import evaluations
from tinyir.rewrite.greedy import RuleIndex, apply_rules, erase_dead
from tinyir.rewrite.kept_rules import reachable_rules
from tinyir.rewrite.passes import Pass, PassContext


def canonical_rewrites(module: Operation) -> RuleIndex:
    """What brings the operations of a module to their one form."""
    return _rewrites_of(frozenset({operation.name for operation in module.walk()}))


@lru_cache(maxsize=64)
def _rewrites_of(operations: frozenset[str]) -> RuleIndex:
    """What is constant is computed first: that leaves less for rules."""
    return RuleIndex([*evaluations(operations), *reachable_rules(operations, "canonical")])


@attrs.frozen
class Canonicalize(Pass):
    """Brings every operation to its one form."""

    def run(self, module: Operation, context: PassContext) -> None:
        gather_constants(module)
        rewrites = canonical_rewrites(module)
        while apply_rules(module, rewrites, context):
            gather_constants(module)
        merge_equal(module, lambda definition: "constant" in definition.traits)
        erase_dead(module)
