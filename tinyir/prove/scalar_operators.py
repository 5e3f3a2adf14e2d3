"""The operators that rules may name, with their equations: those of `specs/ops`, and arithmetic on scalars.

An operation of `arith` means itself: its equation is the operator of the operator language that stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tinyir.ir.expression import INTEGER_OPERATORS
from tinyir.ir.integer_arithmetic import RING
from tinyir.ir.operator import Operator
from tinyir.text.operator_reader import read_definitions
from tinyir.text.specifications import operators


@cache
def meanings() -> Mapping[str, Operator]:
    """All operators by name."""
    return {**operators(), **scalar_operators()}


@cache
def scalar_operators() -> Mapping[str, Operator]:
    """The operations on two integers of one width, on tensors of rank 0."""
    signs = {operation: sign for sign, operation in INTEGER_OPERATORS.items()}
    text = "\n".join(f"op {name}(x: t[], y: t[]) -> (z: t[])\n  z[] = x[] {signs[name]} y[]\n" for name in RING)
    return {found.name: found for found in read_definitions(text, "arith") if isinstance(found, Operator)}
