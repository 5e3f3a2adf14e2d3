"""The reductions in the order in which they are tried: operations first, then all that they carry."""

from __future__ import annotations

from tinyir.driver.reduce import Reduction
from tinyir.driver.reduce_attributes import DropAttributes, DropNames, ShrinkExtents, SimplifyAttributes
from tinyir.driver.reduce_operations import DropArguments, DropReturns, Erase, ReplaceByArgument, ReplaceByOperand, Unwrap

OPERATIONS: tuple[Reduction, ...] = (DropReturns(), Erase(), ReplaceByArgument(), ReplaceByOperand(), Unwrap())
DETAILS: tuple[Reduction, ...] = (
    DropArguments(),
    DropAttributes(),
    SimplifyAttributes(0),
    SimplifyAttributes(1),
    ShrinkExtents(0),
    ShrinkExtents(1),
    ShrinkExtents(2),
    DropNames(),
)
PHASES = (OPERATIONS, (*OPERATIONS, *DETAILS))
