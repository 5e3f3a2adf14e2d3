"""Integer operations that are exact modulo any power of two, by the name of the `arith` operation.

The functions take Python integers, numpy arrays and whatever else has these operators; `wrapped` brings a Python integer
into its type.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tinyir.ir.types import I1, IntegerType, Type

RING: dict[str, Callable[[Any, Any], Any]] = {
    "arith.addi": operator.add,
    "arith.subi": operator.sub,
    "arith.muli": operator.mul,
    "arith.andi": operator.and_,
    "arith.ori": operator.or_,
    "arith.xori": operator.xor,
}
ONE_BIT = {"arith.addi": "arith.xori", "arith.subi": "arith.xori", "arith.muli": "arith.andi"}
"""What sums and products are on one bit, for those who hold it as a truth value."""
INDEX_BITS = 64
"""The width at which MLIR computes constants of type index."""


def wrapped(value: int, type: Type) -> int:
    """The value of the type that is congruent to an integer."""
    bits = type.width if isinstance(type, IntegerType) else INDEX_BITS
    value &= (1 << bits) - 1
    if type is I1 or (isinstance(type, IntegerType) and type.is_unsigned):
        return value
    return value - (1 << bits) if value >> (bits - 1) else value
