"""fold_pads: what pads an image becomes the padding of the convolution that reads it.

    %p = graph.pad(%x) {low = [0, 0, 0, 0], high = [0, 0, 1, 1]}            %t = graph.transpose(%x)
    %t = graph.transpose(%p)                                         =>     %y = graph.conv2d(%t, %w, %b) {pad = [0, 0, 1, 1]}
    %y = graph.conv2d(%t, %w, %b)

The rules of the group `pads`.  They lead pads down to where images are read; those of `layout_sink`, which come later, lead transposes
past what pads are left.
"""

from __future__ import annotations

import attrs

from tinyir.ir.operation import Operation
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.kept_rules import reachable_rules
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class FoldPads(Pass):
    """Applies the rules of the group `pads` where there is a pad."""

    name = "fold_pads"
    reads = ("builtin", "func", "graph")
    leaves = ()

    def run(self, module: Operation, context: PassContext) -> None:
        operations = frozenset({operation.name for operation in module.walk()})
        if "graph.pad" in operations:
            apply_rules(module, reachable_rules(operations, "pads"), context)
