"""layout: transposes sink towards the outputs until they meet their opposite, become reshapes, or go into weights.

A front end writes a transpose before and after each operator whose images have another order of axes.  The rules of the group
`layout_sink` move them all downwards; `canonical` rules cancel those that meet.  What is left rises above `dequantize`, to the
smaller elements, and each is explained by a remark.
"""

from __future__ import annotations

import attrs

from tinyir.ir.attributes import DenseArray
from tinyir.ir.operation import BlockArgument, Operation, Value
from tinyir.rewrite.common import merge_equal
from tinyir.rewrite.greedy import RuleIndex, apply_rules, erase_dead
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.rule_book import compiled_rules


@attrs.frozen
class Layout(Pass):
    """Removes transposes."""

    reads = ("builtin", "func", "graph")

    def run(self, module: Operation, context: PassContext) -> None:
        apply_rules(module, RuleIndex(compiled_rules("canonical", "layout_sink")), context)
        apply_rules(module, RuleIndex(compiled_rules("layout_settle")), context)
        merge_equal(module)
        erase_dead(module)
        for operation in module.walk():
            if operation.name == "graph.transpose" and not _is_parameter(_source(operation)):
                context.remark(explain(operation))


def explain(transpose: Operation) -> str:
    """Why a transpose is left: "transpose [0, 2, 3, 1] of 1x3x32x32 stays: the model's input 'x' has this order"."""
    permutation = transpose.properties["permutation"]
    assert isinstance(permutation, DenseArray)
    names = transpose.location.names
    where = f" (node '{names[0]}')" if names else ""
    return f"transpose {list(permutation.values)} of {transpose.operands[0].type}{where} stays: {_reason(transpose)}"


def _source(transpose: Operation) -> Value:
    """Where the elements that a transpose moves come from."""
    value = transpose.operands[0]
    while value.definer is not None and value.definer.name in ("graph.quantize", "graph.dequantize", "graph.reshape"):
        value = value.definer.operands[0]
    return value


def _is_parameter(value: Value) -> bool:
    """Whether the constant folder will compute what is made of the value."""
    return value.definer is not None and value.definer.name == "graph.constant"


def _reason(transpose: Operation) -> str:
    value = _source(transpose)
    if isinstance(value, BlockArgument):
        return f"the model's input '{value.name or value.index}' has this order of axes"
    users = transpose.result.users
    if any(user.name == "func.return" for user in users):
        return "the model's output has this order of axes"
    names = ", ".join(sorted({f"'{user.name}'" for user in users}))
    return f"no rule moves it through {names}"
