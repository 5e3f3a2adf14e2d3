"""Arithmetic on literals is done, and what adds zero or multiplies by one is left out, at the C level.

`lower_to_c{canonical}` keeps index arithmetic in full so that `merge_functions` can compare it; this is what follows.  The algebra is
the rules of the group `c`; products of literals that meet stay here, because no prover decides that they do not overflow:
(x * a) * b is x * (a * b), and if neither product on the left overflows, the one on the right is the same number.
"""

from __future__ import annotations

import attrs

from tinyir.dialects.buffer import referenced_symbol, symbol_name
from tinyir.dialects.c import text_property
from tinyir.dialects.c_writer import literal_of
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation
from tinyir.ir.types import IntegerType
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.kept_rules import reachable_rules
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class SimplifyC(Pass):
    """Applies the rules of the group `c`, and leaves out constants that nobody reads any more."""

    name = "simplify_c"
    reads = ("builtin", "c")
    leaves = ("builtin", "c")

    def run(self, module: Operation, context: PassContext) -> None:
        operations = frozenset({operation.name for operation in module.walk()})
        apply_rules(module, reachable_rules(operations, "c"), context)
        for function in list(module.body):
            if function.name == "c.function":
                joined = [_join(operation) for operation in list(function.walk()) if operation.name == "c.binary"]
                if any(joined):
                    _erase_unused(function)
        used = {referenced_symbol(operation, "name") for operation in module.walk() if operation.name == "c.address"}
        for array in list(module.body):
            if array.name == "c.array" and symbol_name(array) not in used:
                array.erase()


def _join(operation: Operation) -> bool:
    """(x * a) * b is x * (a * b)."""
    literal, inner = literal_of(operation.operands[1]), operation.operands[0].definer
    if literal is None or text_property(operation, "operator") != "*" or inner is None or inner.name != "c.binary":
        return False
    other, type = literal_of(inner.operands[1]), operation.result.type
    if other is None or text_property(inner, "operator") != "*" or not inner.result.has_one_use:
        return False
    if not isinstance(type, IntegerType) or not type.lowest <= other * literal <= type.greatest:
        return False
    combined = Builder.before(operation).create("c.literal", (), [type], {"value": IntegerAttribute(other * literal, type)}).result
    operation.operands = (inner.operands[0], combined)
    return True


def _erase_unused(function: Operation) -> None:
    for operation in reversed(list(function.walk())):
        if operation.name in ("c.literal", "c.binary") and not operation.result.use_count:
            operation.erase()
