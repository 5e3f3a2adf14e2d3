"""What each operation of the dialect `arith` computes in proofs of rules: bit-vectors (an i1 is one bit) and IEEE floats.

An entry gets the machine, the operands' terms and the `Use`; it gives the result's term, and tells the machine what must hold for the
result to be defined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from tinyir.ir.expression import FLOAT_PREDICATES, INTEGER_PREDICATES
from tinyir.ir.registry import definition_of
from tinyir.ir.scalar_signature import bits_of
from tinyir.ir.types import FloatType, Type


@attrs.frozen
class Use:
    """One use of an operation: the types of operands and of the result that is meant, its properties as Python values, which result it is."""

    operation: str
    operands: tuple[Type | None, ...]
    result: Type | None
    properties: Mapping[str, Any]
    number: int = 0


class Machine:
    """The z3 terms of one case.  `required`: (what, condition) for each operation met since the list was last taken.

    `ideal`: floats are reals.  `context`: of z3, if there is one already.
    """

    def __init__(self, ideal: bool = False, context: Any = None) -> None:
        import z3

        self.z3 = z3
        self.ideal = ideal
        self.context = context or z3.Context()
        self.rounding = z3.RoundNearestTiesToEven(self.context)
        self.required: list[tuple[str, Any]] = []
        self.opaque = z3.DeclareSort("T", self.context)

    def sort(self, type: Type | None) -> Any:
        """The sort of a type; that of an unknown type has elements and nothing else."""
        if type is None:
            return self.opaque
        if isinstance(type, FloatType):
            if self.ideal:
                return self.z3.RealSort(self.context)
            return {16: self.z3.Float16, 32: self.z3.Float32, 64: self.z3.Float64}[type.width](self.context)
        return self.z3.BitVecSort(bits_of(type), self.context)

    def constant(self, value: int | float, type: Type | None) -> Any:
        """A literal; an integer wraps around."""
        if type is None:
            raise ValueError("a literal of a type of which nothing is known")
        if isinstance(type, FloatType) and self.ideal:
            return self.z3.RealVal(repr(value), self.context)
        if isinstance(type, FloatType):
            return self.z3.FPVal(float(value), self.sort(type), ctx=self.context)
        return self.z3.BitVecVal(int(value), bits_of(type), self.context)

    def truth(self, condition: Any) -> Any:
        """A condition as an i1."""
        return self.z3.If(condition, self.z3.BitVecVal(1, 1, self.context), self.z3.BitVecVal(0, 1, self.context))

    def require(self, what: str, condition: Any) -> None:
        self.required.append((what, condition))

    def apply(self, use: Use, operands: Sequence[Any]) -> Any:
        """The result of an operation.

        Raises:
            ValueError: proofs have no meaning for it.
        """
        definition = definition_of(use.operation)
        meaning = MEANINGS.get(use.operation) or (definition.meaning if definition is not None else None)
        if self.ideal and any(isinstance(type, FloatType) for type in (*use.operands, use.result)) and use.operation != "arith.select":
            meaning = IDEAL.get(use.operation)
        if meaning is None:
            raise ValueError(f"proofs have no meaning for '{use.operation}'")
        if use.properties.get("overflowFlags"):
            self._require_no_overflow(use, operands)
        return meaning(self, operands, use)

    def _require_no_overflow(self, use: Use, operands: Sequence[Any]) -> None:
        """What the flags of an operation that wraps say: exact in twice the width."""
        width = operands[0].size()
        for flag, extend in (("nsw", self.z3.SignExt), ("nuw", self.z3.ZeroExt)):
            if flag in use.properties["overflowFlags"]:
                wide = MEANINGS[use.operation](Machine.without_requirements(self), [extend(width, operand) for operand in operands], use)
                narrow = MEANINGS[use.operation](Machine.without_requirements(self), operands, use)
                self.require(f"no overflow ({flag})", wide == extend(width, narrow))

    @classmethod
    def without_requirements(cls, other: Machine) -> Machine:
        """A machine of the same terms whose requirements nobody reads."""
        found = cls.__new__(cls)
        found.__dict__.update(other.__dict__, required=[])
        return found

    def is_least(self, term: Any) -> Any:
        """Whether a signed integer is the lowest of its type."""
        return term == self.z3.BitVecVal(-(1 << (term.size() - 1)), term.size(), self.context)


def _in_order(operation: Callable[[Machine, Any, Any], Any]) -> Callable[[Machine, Sequence[Any], Use], Any]:
    """A commutative operation on floats: its operands in one order, so that both spellings are one term."""
    return lambda m, x, u: operation(m, *sorted(x, key=lambda term: str(term.sexpr())))


def _plain(operation: Callable[..., Any]) -> Callable[[Machine, Sequence[Any], Use], Any]:
    return lambda m, x, u: operation(*x)


def _shift(operation: Callable[[Machine, Any, Any], Any]) -> Callable[[Machine, Sequence[Any], Use], Any]:
    def meaning(machine: Machine, operands: Sequence[Any], use: Use) -> Any:
        left, right = operands
        width = left.size()
        inside = right == 0 if width == 1 else machine.z3.ULT(right, width)
        machine.require(f"a shift of {use.result} by less than {width}", inside)
        return operation(machine, left, right)

    return meaning


def _division(operation: Callable[[Machine, Any, Any], Any], signed: bool) -> Callable[[Machine, Sequence[Any], Use], Any]:
    def meaning(machine: Machine, operands: Sequence[Any], use: Use) -> Any:
        left, right = operands
        machine.require("a division by a number that is not 0", right != 0)
        if signed:
            z3 = machine.z3
            machine.require(f"a division that does not overflow {use.result}", z3.Not(z3.And(machine.is_least(left), right == -1)))
        return operation(machine, left, right)

    return meaning


def floor_divide(machine: Machine, a: Any, b: Any) -> Any:
    """The signed quotient rounded down."""
    quotient, rest = a / b, machine.z3.SRem(a, b)
    return machine.z3.If(machine.z3.And(rest != 0, (rest < 0) != (b < 0)), quotient - 1, quotient)


def _ceil_divide(machine: Machine, a: Any, b: Any) -> Any:
    quotient, rest = a / b, machine.z3.SRem(a, b)
    return machine.z3.If(machine.z3.And(rest != 0, (rest < 0) == (b < 0)), quotient + 1, quotient)


def _ceil_divide_unsigned(machine: Machine, a: Any, b: Any) -> Any:
    quotient = machine.z3.UDiv(a, b)
    return machine.z3.If(quotient * b != a, quotient + 1, quotient)


def _compare_integers(m: Machine, x: Sequence[Any], u: Use) -> Any:
    predicate, (a, b), z3 = _predicate(u, INTEGER_PREDICATES), x, m.z3
    table: dict[str, Callable[[], Any]] = {
        "eq": lambda: a == b, "ne": lambda: a != b,
        "slt": lambda: a < b, "sle": lambda: a <= b, "sgt": lambda: a > b, "sge": lambda: a >= b,
        "ult": lambda: z3.ULT(a, b), "ule": lambda: z3.ULE(a, b), "ugt": lambda: z3.UGT(a, b), "uge": lambda: z3.UGE(a, b),
    }  # fmt: skip
    return m.truth(table[predicate]())


def _compare_floats(m: Machine, x: Sequence[Any], u: Use) -> Any:
    predicate, (a, b), z3 = _predicate(u, FLOAT_PREDICATES), x, m.z3
    unordered = z3.Or(z3.fpIsNaN(a, m.context), z3.fpIsNaN(b, m.context))
    if predicate in ("false", "true"):
        return m.truth(z3.BoolVal(predicate == "true", m.context))
    if predicate in ("ord", "uno"):
        return m.truth(unordered if predicate == "uno" else z3.Not(unordered))
    table = {"eq": z3.fpEQ, "ne": z3.fpNEQ, "lt": z3.fpLT, "le": z3.fpLEQ, "gt": z3.fpGT, "ge": z3.fpGEQ}
    found = table[predicate[1:]](a, b, m.context)
    return m.truth(z3.Or(unordered, found) if predicate[0] == "u" else z3.And(z3.Not(unordered), found))


def _predicate(use: Use, names: Sequence[str]) -> str:
    predicate = use.properties["predicate"]
    if isinstance(predicate, int):
        if not 0 <= predicate < len(names):
            raise ValueError(f"there is no predicate {predicate}")
        return names[predicate]
    if predicate not in names:
        raise ValueError(f"there is no predicate '{predicate}'")
    return str(predicate)


def _extreme_float(m: Machine, x: Sequence[Any], greater: bool, nan_wins: bool) -> Any:
    z3, (a, b) = m.z3, sorted(x, key=lambda term: str(term.sexpr()))
    wins = z3.fpGT(a, b, m.context) if greater else z3.fpLT(a, b, m.context)
    zeros = z3.If(z3.fpIsNegative(a, m.context), b, a) if greater else z3.If(z3.fpIsNegative(a, m.context), a, b)
    number = z3.If(z3.fpEQ(a, b, m.context), zeros, z3.If(wins, a, b))
    first, second = (a, b) if nan_wins else (b, a)
    return z3.If(z3.fpIsNaN(a, m.context), first, z3.If(z3.fpIsNaN(b, m.context), second, number))


def _to_integer(m: Machine, x: Sequence[Any], u: Use, signed: bool) -> Any:
    z3, value, bits = m.z3, x[0], bits_of(u.result)
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1)) if signed else (0.0, 2.0**bits)
    whole = z3.fpRoundToIntegral(z3.RTZ(m.context), value, m.context)
    inside = z3.And(z3.fpGEQ(whole, m.constant(low, u.operands[0]), m.context), z3.fpLT(whole, m.constant(high, u.operands[0]), m.context))
    m.require(f"a float that fits {u.result}", inside)
    return (z3.fpToSBV if signed else z3.fpToUBV)(z3.RTZ(m.context), value, z3.BitVecSort(bits, m.context), m.context)


def _bitcast(m: Machine, x: Sequence[Any], u: Use) -> Any:
    source, target = (isinstance(type, FloatType) for type in (u.operands[0], u.result))
    if source == target:
        return x[0]
    return m.z3.fpToIEEEBV(x[0], m.context) if source else m.z3.fpBVToFP(x[0], m.sort(u.result), m.context)


def _index_cast(m: Machine, x: Sequence[Any], u: Use, signed: bool) -> Any:
    have, bits = x[0].size(), bits_of(u.result)
    if bits <= have:
        return m.z3.Extract(bits - 1, 0, x[0]) if bits < have else x[0]
    return (m.z3.SignExt if signed else m.z3.ZeroExt)(bits - have, x[0])


def _product_extended(m: Machine, x: Sequence[Any], u: Use, signed: bool) -> Any:
    """The low or the high half of a product."""
    width = x[0].size()
    a, b = ((m.z3.SignExt if signed else m.z3.ZeroExt)(width, operand) for operand in x)
    return x[0] * x[1] if u.number == 0 else m.z3.Extract(2 * width - 1, width, a * b)


def _sum_extended(m: Machine, x: Sequence[Any], u: Use) -> Any:
    """The sum, or its carry."""
    width = x[0].size()
    a, b = (m.z3.ZeroExt(1, operand) for operand in x)
    return x[0] + x[1] if u.number == 0 else m.z3.Extract(width, width, a + b)


MEANINGS: dict[str, Callable[[Machine, Sequence[Any], Use], Any]] = {
    "arith.addi": _plain(lambda a, b: a + b),
    "arith.subi": _plain(lambda a, b: a - b),
    "arith.muli": _plain(lambda a, b: a * b),
    "arith.andi": _plain(lambda a, b: a & b),
    "arith.ori": _plain(lambda a, b: a | b),
    "arith.xori": _plain(lambda a, b: a ^ b),
    "arith.shli": _shift(lambda m, a, b: a << b),
    "arith.shrsi": _shift(lambda m, a, b: a >> b),
    "arith.shrui": _shift(lambda m, a, b: m.z3.LShR(a, b)),
    "arith.divsi": _division(lambda m, a, b: a / b, True),
    "arith.remsi": _division(lambda m, a, b: m.z3.SRem(a, b), True),
    "arith.floordivsi": _division(floor_divide, True),
    "arith.ceildivsi": _division(_ceil_divide, True),
    "arith.divui": _division(lambda m, a, b: m.z3.UDiv(a, b), False),
    "arith.remui": _division(lambda m, a, b: m.z3.URem(a, b), False),
    "arith.ceildivui": _division(_ceil_divide_unsigned, False),
    "arith.addui_extended": _sum_extended,
    "arith.mulsi_extended": lambda m, x, u: _product_extended(m, x, u, True),
    "arith.mului_extended": lambda m, x, u: _product_extended(m, x, u, False),
    "arith.maxsi": lambda m, x, u: m.z3.If(x[0] > x[1], x[0], x[1]),
    "arith.minsi": lambda m, x, u: m.z3.If(x[0] < x[1], x[0], x[1]),
    "arith.maxui": lambda m, x, u: m.z3.If(m.z3.UGT(x[0], x[1]), x[0], x[1]),
    "arith.minui": lambda m, x, u: m.z3.If(m.z3.ULT(x[0], x[1]), x[0], x[1]),
    "arith.addf": _in_order(lambda m, a, b: m.z3.fpAdd(m.rounding, a, b, m.context)),
    "arith.subf": lambda m, x, u: m.z3.fpSub(m.rounding, x[0], x[1], m.context),
    "arith.mulf": _in_order(lambda m, a, b: m.z3.fpMul(m.rounding, a, b, m.context)),
    "arith.divf": lambda m, x, u: m.z3.fpDiv(m.rounding, x[0], x[1], m.context),
    "arith.negf": lambda m, x, u: m.z3.fpNeg(x[0], m.context),
    "arith.maximumf": lambda m, x, u: _extreme_float(m, x, True, True),
    "arith.minimumf": lambda m, x, u: _extreme_float(m, x, False, True),
    "arith.maxnumf": lambda m, x, u: _extreme_float(m, x, True, False),
    "arith.minnumf": lambda m, x, u: _extreme_float(m, x, False, False),
    "arith.cmpi": _compare_integers,
    "arith.cmpf": _compare_floats,
    "arith.select": lambda m, x, u: m.z3.If(x[0] == 1, x[1], x[2]),
    "arith.extsi": lambda m, x, u: m.z3.SignExt(bits_of(u.result) - x[0].size(), x[0]),
    "arith.extui": lambda m, x, u: m.z3.ZeroExt(bits_of(u.result) - x[0].size(), x[0]),
    "arith.trunci": lambda m, x, u: m.z3.Extract(bits_of(u.result) - 1, 0, x[0]),
    "arith.index_cast": lambda m, x, u: _index_cast(m, x, u, True),
    "arith.index_castui": lambda m, x, u: _index_cast(m, x, u, False),
    "arith.sitofp": lambda m, x, u: m.z3.fpSignedToFP(m.rounding, x[0], m.sort(u.result), m.context),
    "arith.uitofp": lambda m, x, u: m.z3.fpUnsignedToFP(m.rounding, x[0], m.sort(u.result), m.context),
    "arith.fptosi": lambda m, x, u: _to_integer(m, x, u, True),
    "arith.fptoui": lambda m, x, u: _to_integer(m, x, u, False),
    "arith.extf": lambda m, x, u: m.z3.fpFPToFP(m.rounding, x[0], m.sort(u.result), m.context),
    "arith.truncf": lambda m, x, u: m.z3.fpFPToFP(m.rounding, x[0], m.sort(u.result), m.context),
    "arith.bitcast": _bitcast,
}


def _ideal_division(m: Machine, x: Sequence[Any], u: Use) -> Any:
    m.require("a division by a number that is not 0", x[1] != 0)
    return x[0] / x[1]


def _ideal_comparison(m: Machine, x: Sequence[Any], u: Use) -> Any:
    predicate, (a, b) = _predicate(u, FLOAT_PREDICATES), x
    if predicate in ("false", "uno", "true", "ord"):
        return m.truth(m.z3.BoolVal(predicate in ("true", "ord"), m.context))
    table = {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}
    return m.truth(table[predicate[1:]])


IDEAL: dict[str, Callable[[Machine, Sequence[Any], Use], Any]] = {
    "arith.addf": _plain(lambda a, b: a + b),
    "arith.subf": _plain(lambda a, b: a - b),
    "arith.mulf": _plain(lambda a, b: a * b),
    "arith.divf": _ideal_division,
    "arith.negf": _plain(lambda a: -a),
    "arith.maximumf": lambda m, x, u: m.z3.If(x[0] > x[1], x[0], x[1]),
    "arith.minimumf": lambda m, x, u: m.z3.If(x[0] < x[1], x[0], x[1]),
    "arith.maxnumf": lambda m, x, u: m.z3.If(x[0] > x[1], x[0], x[1]),
    "arith.minnumf": lambda m, x, u: m.z3.If(x[0] < x[1], x[0], x[1]),
    "arith.cmpf": _ideal_comparison,
}
"""Over the reals."""
