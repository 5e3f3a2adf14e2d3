"""loop -> loop: what selects both factors of a sum of products stands outermost, so that within it each factor moves alone.

    for %p { for %o { sum of x[%p, (%o floordiv 4) * 4 + %k] * w[%o, %k] } }
=>
    for %g { for %p { for %o { sum of x[%p, %g * 4 + %k] * w[%g * 4 + %o, %k] } } }

Groups of channels, batches and heads are such: each of them is then blocked as a product of its own.  Nests in which no factor
would move alone (depthwise layers) stay as they are.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from tinyir.dialects.group_nests import LEAST_OUTPUTS, hoist
from tinyir.dialects.product_nests import find_product_nest, whole_nests
from tinyir.ir.builder import functions
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class HoistGroups(Pass):
    """Splits loops at the groups that a factor divides them into, and puts the loops that both factors move with around the others.

    `least_outputs`: with fewer outputs in a group than this, copies of its terms would be used too seldom.
    """

    name: ClassVar[str] = "hoist_groups"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    least_outputs: int = LEAST_OUTPUTS

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for root in whole_nests(function):
                nest = find_product_nest(root)
                if nest is not None:
                    hoist(nest, self.least_outputs)
