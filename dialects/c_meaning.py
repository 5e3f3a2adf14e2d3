"""What operations of the C level compute, for proofs of rules: C99 on integers at least as wide as int.

Signed arithmetic that overflows, a shift by the width or more, a shift to the left of a negative number or out of the type, and a
division by zero have no meaning (C99 6.5).  A negative number is shifted to the right with its sign, as every compiler of `specs/targets`
does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinyir.ir.scalar_signature import ScalarSignature
from tinyir.ir.types import IntegerType

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def binary_signature(properties: Mapping[str, object]) -> ScalarSignature:
    """The types of `c.binary` with the operator that a pattern names."""
    operator = properties.get("operator")
    if operator in ("<<", ">>"):
        return ScalarSignature(("t", "s"), "t", {"t": "c integer", "s": "c integer"})
    if operator in COMPARISONS:
        return ScalarSignature(("t", "t"), "b", {"t": "c integer", "b": "boolean"})
    if operator in ("&&", "||"):
        return ScalarSignature(("b", "b"), "b", {"b": "boolean"})
    return ScalarSignature(("t", "t"), "t", {"t": "c integer"})


def binary(machine: Any, operands: Sequence[Any], use: Any) -> Any:
    """The result of `c.binary`.

    Raises:
        ValueError: the pattern names no operator.
    """
    operator, (a, b), z3 = use.properties.get("operator"), operands, machine.z3
    type = use.operands[0]
    signed = isinstance(type, IntegerType) and not type.is_unsigned
    if operator in ("<<", ">>"):
        return _shift(machine, operator, a, b, signed)
    if operator in COMPARISONS:
        return machine.truth(_compare(z3, operator, a, b, signed))
    if operator in ("+", "-", "*") and signed:
        machine.require(f"no overflow of {type}", _exact(z3, operator, a, b))
    if operator in ("/", "%"):
        machine.require("a division by a number that is not 0", b != 0)
        if signed:
            machine.require(f"a division that does not overflow {type}", z3.Not(z3.And(machine.is_least(a), b == -1)))
    table: dict[Any, Callable[[], Any]] = {
        "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "&": lambda: a & b, "|": lambda: a | b, "^": lambda: a ^ b,
        "/": lambda: a / b if signed else z3.UDiv(a, b), "%": lambda: z3.SRem(a, b) if signed else z3.URem(a, b),
        "&&": lambda: a & b, "||": lambda: a | b,
    }  # fmt: skip
    if operator not in table:
        raise ValueError("proofs need the operator of 'c.binary' as a word: {operator = \"+\"}")
    return table[operator]()


def _exact(z3: Any, operator: str, a: Any, b: Any) -> Any:
    """Whether a signed operation gives the same in twice the width."""
    width = a.size()
    x, y = z3.SignExt(width, a), z3.SignExt(width, b)
    wide, narrow = {"+": (x + y, a + b), "-": (x - y, a - b), "*": (x * y, a * b)}[operator]
    return wide == z3.SignExt(width, narrow)


def _shift(machine: Any, operator: str, a: Any, b: Any, signed: bool) -> Any:
    z3, width = machine.z3, a.size()
    machine.require(f"a shift by less than {width}", z3.ULT(b, width))
    amount = z3.Extract(width - 1, 0, b) if b.size() >= width else z3.ZeroExt(width - b.size(), b)
    if operator == ">>":
        return a >> amount if signed else z3.LShR(a, amount)
    if signed:
        machine.require("a shift to the left without overflow", z3.And(a >= 0, (a << amount) >> amount == a))
    return a << amount


def _compare(z3: Any, operator: str, a: Any, b: Any, signed: bool) -> Any:
    if operator in ("==", "!="):
        return a == b if operator == "==" else a != b
    if signed:
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]
    return {"<": z3.ULT, "<=": z3.ULE, ">": z3.UGT, ">=": z3.UGE}[operator](a, b)
