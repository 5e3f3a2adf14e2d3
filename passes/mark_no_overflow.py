"""Marks the integer operations that cannot overflow: `arith.addi %a, %b : i32` becomes `arith.addi %a, %b overflow<nsw> : i32`.

An operation without the mark wraps around, which C says with unsigned types; with it plain signed arithmetic does.
What is marked is a `range` obligation, one for each nest at the root of a function.
"""

from __future__ import annotations

import attrs

from tinyir.dialects.value_ranges import OVERFLOWING, ValueRanges, type_range
from tinyir.ir.attributes import OpaqueAttribute
from tinyir.ir.builder import functions
from tinyir.ir.operation import Operation
from tinyir.ir.types import IntegerType
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext

NO_SIGNED_WRAP = OpaqueAttribute("#arith.overflow<nsw>")
OPERATORS = {"arith.addi": "+", "arith.subi": "-", "arith.muli": "*", "arith.shli": "<<"}


@attrs.frozen
class MarkNoOverflow(Pass):
    """Proves by intervals which operations keep within their type."""

    name = "mark_no_overflow"
    reads = ("builtin", "func", "arith", "loop", "buffer")
    leaves = ()
    preserves = (ValueRanges,)

    def run(self, module: Operation, context: PassContext) -> None:
        ranges = context.analyses.get(ValueRanges, module)
        for function in functions(module):
            for root in function.body:
                steps = _mark(root, ranges)
                if steps:
                    bits = max(_bits_needed(step) for step in steps)
                    statement = f"{len(steps)} integer operations fit their types, the widest result has {bits} bits"
                    context.ledger.add(Obligation("range", _place(root, function), statement, ArithmeticClaim(tuple(dict.fromkeys(steps)))))


def _mark(root: Operation, ranges: ValueRanges) -> list[ArithmeticStep]:
    """Marks what is proved inside one operation of a function's root."""
    steps = []
    for operation in root.walk():
        if operation.name not in OVERFLOWING or not isinstance(operation.result.type, IntegerType) or operation.result.type.width == 1:
            continue
        exact, whole = ranges.exact(operation), type_range(operation.result.type)
        if exact is not None and whole[0] <= exact[0] and exact[1] <= whole[1]:
            left, right = (ranges.of(operand) for operand in operation.operands)
            operation.properties["overflowFlags"] = NO_SIGNED_WRAP
            steps.append(ArithmeticStep(OPERATORS[operation.name], left, right, operation.result.type.width))
    return steps


def _bits_needed(step: ArithmeticStep) -> int:
    return max((result if result >= 0 else -result - 1).bit_length() for _, _, result in step.corners()) + 1


def _place(root: Operation, function: Operation) -> str:
    names = root.location.names
    name = function.properties["sym_name"]
    return ", ".join(names) if names else str(name).strip('"')
