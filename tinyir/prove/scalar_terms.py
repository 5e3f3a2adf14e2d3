"""Scalar expressions as z3 terms: bit-vectors and IEEE binary32, or in ideal mode integers and reals.

What is symbolic in an expression becomes a constant; an application of a function without a meaning here an unknown function.
Integers wrap around, a division by zero or a shift by the width has any value.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from tinyir.ir import expression as ex
from tinyir.ir.integer_arithmetic import ONE_BIT
from tinyir.ir.types import I1, INDEX, FloatType, IntegerType, Type
from tinyir.prove.symbolic import ElementData, FoldData, NoMeaningError, Session, TermData


class Terms:
    """The z3 terms of the expressions of a session; each symbolic part has one constant, `elements` and `folds` list them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.z3 = session.z3
        self.known: dict[int, tuple[ex.Expression, Any]] = {}
        self.parameters: dict[int, Any] = {}
        self.elements: dict[int, ElementData] = {}
        self.folds: dict[int, FoldData] = {}
        self.facts: list[Any] = []

    def of(self, expression: ex.Expression) -> Any:
        """The term of an expression."""
        found = self.known.get(id(expression))
        if found is None:
            found = self.known[id(expression)] = expression, self._make(expression)
        return found[1]

    def _make(self, expression: ex.Expression) -> Any:
        if isinstance(expression, ex.Constant):
            return self.session.constant(expression.value, expression.type)
        if isinstance(expression, ex.Parameter):
            return self._parameter(expression)
        if isinstance(expression, ex.Scalar):
            return self._scalar(expression)
        if isinstance(expression, ex.Apply):
            return self._apply(expression)
        raise NoMeaningError(type(expression).__name__)

    def _parameter(self, parameter: ex.Parameter) -> Any:
        data = self.session.leaves[parameter.index]
        if isinstance(data, TermData):
            return data.term
        if parameter.index not in self.parameters:
            name = "fold" if isinstance(data, FoldData) else data.tensor
            term = self.session.const(f"{name}@{parameter.index}", self.session.sort(parameter.type))
            self.parameters[parameter.index] = term
            if isinstance(data, FoldData):
                self.folds[parameter.index] = data
            else:
                self.elements[parameter.index] = data
                self._bound(data, term)
        return self.parameters[parameter.index]

    def _bound(self, data: ElementData, term: Any) -> None:
        """What is known of an element."""
        z3 = self.z3
        if self.session.abstract:
            return
        if data.known == "positive":
            zero = 0 if self.session.ideal else z3.FPVal(0.0, z3.Float32(self.session.context), ctx=self.session.context)
            self.facts.append(term > zero)
            if not self.session.ideal:
                self.facts.append(z3.Not(z3.fpIsInf(term, self.session.context)))
        elif isinstance(data.storage, FloatType):
            if self.session.ideal:
                self.facts += [term < self.session.constant(inf, data.storage), term > self.session.constant(-inf, data.storage)]
        elif isinstance(data.storage, IntegerType) and data.storage is not I1 and (self.session.ideal or term.size() > data.storage.width):
            self.facts.append(z3.And(term >= data.storage.lowest, term <= data.storage.greatest))

    def _apply(self, apply: ex.Apply) -> Any:
        operands = [self.of(operand) for operand in apply.operands]
        if self.session.ideal and apply.function == "round_half_even":
            return self._round_real(operands[0])
        sorts = [operand.sort() for operand in operands]
        return self.z3.Function(apply.function, *sorts, self.session.sort(apply.type))(*operands)

    def quotient(self, dividend: Any, divisor: Any) -> Any:
        """Over the reals: the product with the reciprocal, of which all is known that there is to know where the divisor is not zero."""
        z3 = self.z3
        if z3.is_rational_value(divisor) and divisor.as_fraction() != 0:
            return dividend / divisor
        reciprocal = z3.Function("reciprocal", divisor.sort(), divisor.sort())(divisor)
        self.facts.append(z3.Implies(divisor != 0, reciprocal * divisor == 1))
        factors = dividend.children() if z3.is_mul(dividend) else [dividend]
        same = next((number for number, factor in enumerate(factors) if factor.eq(divisor)), None)
        if same is None:
            return dividend * reciprocal
        rest = z3.Product([z3.RealVal(1, self.session.context), *factors[:same], *factors[same + 1 :]])
        return z3.If(divisor != 0, rest, dividend * reciprocal)  # told, since z3 does not find it beside a rounding

    def _round_real(self, value: Any) -> Any:
        z3 = self.z3
        floor = z3.ToInt(value)
        rest = value - z3.ToReal(floor)
        half = z3.RealVal("1/2", self.session.context)
        up = z3.Or(rest > half, z3.And(rest == half, floor % 2 == 1))
        return z3.ToReal(z3.If(up, floor + 1, floor))

    def _scalar(self, scalar: ex.Scalar) -> Any:
        name = scalar.operation.removeprefix("arith.")
        if self.session.ideal and name in ("mulf", "addf", "subf", "divf", "muli", "addi"):
            found = self._into_fold(scalar, name)
            if found is not None:
                return found
        operands = [self.of(operand) for operand in scalar.operands]
        if self.session.abstract and name != "select" and not (scalar.type is I1 and name in BOOLEAN):
            sorts = [operand.sort() for operand in operands]
            known = f"{name} {scalar.predicate} {scalar.type}"
            return self.z3.Function(known, *sorts, self.session.sort(scalar.type))(*operands)
        if name in ("cmpi", "cmpf"):
            return self._compare(scalar.predicate, operands, isinstance(scalar.operands[0].type, FloatType))
        if name == "select":
            return self.z3.If(*operands)
        if name in CASTS:
            return self._cast(name, operands[0], scalar.operands[0].type, scalar.type)
        if scalar.type is I1:
            return BOOLEAN[ONE_BIT.get(scalar.operation, scalar.operation).removeprefix("arith.")](self.z3, *operands)
        table = IDEAL if self.session.ideal else MACHINE
        if name not in table:
            raise NoMeaningError(scalar.operation)
        return table[name](self, *operands)

    def _into_fold(self, scalar: ex.Scalar, name: str) -> Any:
        """Over the reals: factor * sum = sum of factor * term, and sum + value = sum that starts with the value more.

        And value - greatest = least of value - term, so that what all have more or less goes away.
        """
        if name == "subf":
            last = scalar.operands[1]
            data = self.session.leaves[last.index] if isinstance(last, ex.Parameter) else None
            if isinstance(data, FoldData) and data.kind == "max" and not data.conditions and isinstance(data.start, ex.Constant) and data.start.value == -inf:
                less = ex.Scalar(scalar.operation, (scalar.operands[0], data.body), scalar.type)
                return self.of(self.session.leaf(FoldData("min", data.variables, (), less, ex.start_of("min", scalar.type)), scalar.type))
        for i in (0, 1) if name not in ("divf", "subf") else (0,):
            operand, other = scalar.operands[i], scalar.operands[1 - i]
            data = self.session.leaves[operand.index] if isinstance(operand, ex.Parameter) else None
            if not isinstance(data, FoldData) or data.kind != "sum":
                continue

            def scaled(part: ex.Expression, other: ex.Expression = other) -> ex.Expression:
                return ex.Scalar(scalar.operation, (part, other), scalar.type)

            body = scaled(data.body) if name in ("mulf", "muli", "divf") else data.body
            moved = FoldData(data.kind, data.variables, data.conditions, body, scaled(data.start))
            return self.of(self.session.leaf(moved, scalar.type))
        return None

    def _compare(self, predicate: str, operands: list[Any], floats: bool) -> Any:
        z3, (a, b) = self.z3, operands
        if floats and not self.session.ideal:
            ordered = {"eq": z3.fpEQ, "ne": z3.fpNEQ, "lt": z3.fpLT, "le": z3.fpLEQ, "gt": z3.fpGT, "ge": z3.fpGEQ}
            return ordered[predicate[1:]](a, b, self.session.context)
        kind = predicate if predicate in ("eq", "ne") else predicate[1:]
        unsigned = predicate.startswith("u") and not floats and not self.session.ideal
        if kind in ("eq", "ne"):
            return a == b if kind == "eq" else a != b
        if unsigned:
            return {"lt": z3.ULT, "le": z3.ULE, "gt": z3.UGT, "ge": z3.UGE}[kind](a, b)
        return {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[kind]

    def _cast(self, name: str, term: Any, source: Type, type: Type) -> Any:
        if name in ("index_cast", "index_castui") and not self.session.ideal:
            return self.z3.Function("index_cast", term.sort(), self.session.sort(type))(term)
        if self.session.ideal:
            return self._ideal_cast(term, source, type)
        z3 = self.z3
        if isinstance(source, IntegerType) and isinstance(type, IntegerType):
            return self._integer_cast(term, source, type)
        if isinstance(source, IntegerType) and name != "bitcast":
            convert = z3.fpUnsignedToFP if name == "uitofp" else z3.fpSignedToFP
            return convert(self.session.rounding, term, self.session.sort(type), self.session.context)
        return self.z3.Function(f"{name}_{type}", term.sort(), self.session.sort(type))(term)

    def _integer_cast(self, term: Any, source: IntegerType, type: IntegerType) -> Any:
        z3 = self.z3
        if source is I1:
            one, zero = (z3.BitVecVal(i, type.width, self.session.context) for i in (1, 0))
            return z3.If(term, one, zero)
        if type.width <= source.width:
            return z3.Extract(type.width - 1, 0, term) if type.width < source.width else term
        extend = z3.ZeroExt if source.is_unsigned else z3.SignExt
        return extend(type.width - source.width, term)

    def _ideal_cast(self, term: Any, source: Type, type: Type) -> Any:
        integral = (IntegerType, type_of_index)
        if source is I1:
            term, source = self.z3.If(term, self.session.integer(1), self.session.integer(0)), INDEX
        if isinstance(type, FloatType):
            return term if isinstance(source, FloatType) else self.z3.ToReal(term)
        if isinstance(source, integral):
            return term
        floor = self.z3.ToInt(term)
        return self.z3.If(self.z3.Or(term >= 0, self.z3.IsInt(term)), floor, floor + 1)


type_of_index = type(INDEX)
CASTS = {"extsi", "extui", "trunci", "bitcast", "sitofp", "uitofp", "fptosi", "fptoui", "index_cast", "index_castui"}
BOOLEAN: dict[str, Callable[..., Any]] = {
    "andi": lambda z3, a, b: z3.And(a, b),
    "ori": lambda z3, a, b: z3.Or(a, b),
    "xori": lambda z3, a, b: z3.Xor(a, b),
}


def _floor_divide(terms: Terms, a: Any, b: Any) -> Any:
    z3 = terms.z3
    quotient = a / b
    inexact = z3.And(quotient * b != a, (a < 0) != (b < 0))
    return z3.If(inexact, quotient - 1, quotient)


MACHINE: dict[str, Callable[..., Any]] = {
    "addi": lambda t, a, b: a + b,
    "subi": lambda t, a, b: a - b,
    "muli": lambda t, a, b: a * b,
    "andi": lambda t, a, b: a & b,
    "ori": lambda t, a, b: a | b,
    "xori": lambda t, a, b: a ^ b,
    "shli": lambda t, a, b: a << b,
    "shrsi": lambda t, a, b: a >> b,
    "shrui": lambda t, a, b: t.z3.LShR(a, b),
    "maxsi": lambda t, a, b: t.z3.If(b > a, b, a),
    "minsi": lambda t, a, b: t.z3.If(b < a, b, a),
    "maxui": lambda t, a, b: t.z3.If(t.z3.UGT(b, a), b, a),
    "minui": lambda t, a, b: t.z3.If(t.z3.ULT(b, a), b, a),
    "divui": lambda t, a, b: t.z3.UDiv(a, b),
    "floordivsi": _floor_divide,
    "addf": lambda t, a, b: t.z3.fpAdd(t.session.rounding, a, b, t.session.context),
    "subf": lambda t, a, b: t.z3.fpSub(t.session.rounding, a, b, t.session.context),
    "mulf": lambda t, a, b: t.z3.fpMul(t.session.rounding, a, b, t.session.context),
    "divf": lambda t, a, b: t.z3.fpDiv(t.session.rounding, a, b, t.session.context),
    "negf": lambda t, a: t.z3.fpNeg(a, t.session.context),
}
IDEAL: dict[str, Callable[..., Any]] = {
    "addi": lambda t, a, b: a + b,
    "subi": lambda t, a, b: a - b,
    "muli": lambda t, a, b: a * b,
    "maxsi": lambda t, a, b: t.z3.If(b > a, b, a),
    "minsi": lambda t, a, b: t.z3.If(b < a, b, a),
    "maxui": lambda t, a, b: t.z3.If(b > a, b, a),
    "minui": lambda t, a, b: t.z3.If(b < a, b, a),
    "addf": lambda t, a, b: a + b,
    "subf": lambda t, a, b: a - b,
    "mulf": lambda t, a, b: a * b,
    "divf": lambda t, a, b: t.quotient(a, b),
    "negf": lambda t, a: -a,
}
