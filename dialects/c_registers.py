"""Values of a function get a register of their own in loops beside blocks of assembly.

Blocks take almost all registers, so that compilers keep what a whole function uses in memory (gcc 12 splits no live range), and
read it there again in each iteration of loops that have registers to spare.  A variable that begins before such a loop is kept
in a register.
"""

from __future__ import annotations

from collections.abc import Collection

from tinyir.ir.attributes import UnitAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import IntegerType


def give_registers(function: Operation, values: Collection[Value]) -> None:
    """Lets the outermost loops without assembly read variables of their own in place of those values that inner loops read."""
    if not _has_assembly(function):
        return
    for nest in [operation for operation in function.walk() if operation.name == "c.for"]:
        around = [above.name for above in nest.ancestors() if above.name in ("c.for", "c.alternative") and not _has_assembly(above)]
        if _has_assembly(nest) or around or any(above.name == "c.alternative" for above in nest.ancestors()):
            continue
        inner = [each for top in nest.walk() if top.name == "c.for" and top is not nest for each in top.walk()]
        read = dict.fromkeys(operand for each in inner for operand in each.operands if operand in values and isinstance(operand.type, IntegerType))
        for value in read:
            variable = Builder.before(nest).create("c.variable", [value], [value.type], {"fresh": UnitAttribute()}).result
            variable.name = value.name
            for each in nest.walk():
                for place, operand in enumerate(each.operands):
                    if operand is value:
                        each.set_operand(place, variable)


def _has_assembly(operation: Operation) -> bool:
    return any(each.name == "c.assembly" for each in operation.walk())
