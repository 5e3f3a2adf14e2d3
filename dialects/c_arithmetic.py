"""Scalar arithmetic in C: one entry for each operation of the arith dialect.

Signed arithmetic where it is known not to overflow, unsigned where it may wrap, and in int32 what is narrower than int.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from tinyir.dialects.buffer import integer_property
from tinyir.dialects.c_helpers import Helpers
from tinyir.dialects.c_writer import CWriter, unsigned
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I1, I32, IndexType, IntegerType, Type


@attrs.frozen
class Arithmetic:
    """One operation of the arith dialect, where it is written, and the type of its result in C."""

    helpers: Helpers
    operation: Operation
    writer: CWriter
    type: Type

    @property
    def cannot_overflow(self) -> bool:
        return isinstance(self.operation.result.type, IndexType) or "nsw" in str(self.operation.get("overflowFlags"))

    def integer(self, operator: str, left: Value, right: Value) -> Value:
        """left operator right on integers: in the unsigned type if it may wrap, in int32 if the type is narrower than int."""
        assert isinstance(self.type, IntegerType)
        if self.type is I1:
            return self._logical({"+": "!=", "-": "!=", "^": "!=", "*": "&&", "&": "&&", "|": "||"}[operator], left, right)
        if self.type.width < 32:
            return self.writer.cast(self.writer.binary(operator, self.writer.cast(left, I32), self.writer.cast(right, I32)), self.type)
        if operator in ("&", "|", "^") or self.cannot_overflow:
            return self.writer.binary(operator, left, right)
        return self.writer.wrapping(operator, left, right)

    def _logical(self, operator: str, left: Value, right: Value) -> Value:
        return self.writer.binary(operator, left, right)

    def zero_extended(self, value: Value, type: Type) -> Value:
        """The integer read as unsigned, in a type that holds it."""
        if value.type is I1:
            return self.writer.conditional(value, self.writer.literal(1, type), self.writer.literal(0, type))
        return self.writer.cast(self.writer.cast(value, unsigned(value.type)), type)

    def sign_extended(self, value: Value, type: Type) -> Value:
        if value.type is I1:
            return self.writer.conditional(value, self.writer.literal(-1, type), self.writer.literal(0, type))
        return self.writer.cast(value, type)

    def truncated(self, value: Value) -> Value:
        if self.type is I1:
            return self.writer.binary("!=", self.writer.binary("&", value, self.writer.literal(1, value.type)), self.writer.literal(0, value.type))
        return self.writer.cast(value, self.type)

    def shifted(self, operator: str, left: Value, right: Value) -> Value:
        """A shift by less than the width; to the left in the unsigned type."""
        if operator == "<<" and not self.cannot_overflow:
            moved = self.writer.cast(left, unsigned(left.type))
            return self.writer.cast(self.writer.binary("<<", moved, right), self.type)
        return self.writer.binary(operator, left, right)

    def logical_shift(self, left: Value, right: Value) -> Value:
        return self.writer.cast(self.writer.binary(">>", self.writer.cast(left, unsigned(left.type)), right), self.type)

    def as_unsigned(self, make: Callable[[Value, Value], Value], left: Value, right: Value) -> Value:
        if left.type is I1:  # a truth value in C is 0 or 1, which is what an i1 is without its sign
            return make(left, right)
        type = unsigned(left.type)
        made = make(self.writer.cast(left, type), self.writer.cast(right, type))
        return made if made.type is I1 else self.writer.cast(made, self.type)

    def compared(self, left: Value, right: Value) -> Value:
        """`arith.cmpi`: the predicate by MLIR's number."""
        code = integer_property(self.operation, "predicate")
        operator = ("==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">=")[code]
        if code >= 6:
            return self.as_unsigned(lambda a, b: self.writer.binary(operator, a, b), left, right)
        if left.type is I1:  # with its sign, an i1 is 0 or -1, and C's 0 and 1 stand in the opposite order
            left, right = right, left
        return self.writer.binary(operator, left, right)

    def extreme(self, operator: str, left: Value, right: Value, signed: bool) -> Value:
        """The greater (`>`) or the lesser (`<`) of two integers."""
        if self.type is I1:
            return self._logical("||" if (operator == ">") != signed else "&&", left, right)
        if signed:
            return self.helpers.extreme(self.writer, operator, left, right)
        return self.as_unsigned(lambda a, b: self.helpers.extreme(self.writer, operator, a, b), left, right)

    def floating(self, value: Value) -> Value:
        """A signed integer as a float."""
        if value.type is I1:
            return self.writer.conditional(value, self.writer.literal(-1.0, self.type), self.writer.literal(0.0, self.type))
        return self.writer.cast(value, self.type)

    def compared_floats(self, left: Value, right: Value) -> Value:
        """`arith.cmpf`: ordered predicates are C's; an unordered one is the opposite of the opposite ordered one, and `!=` is C's."""
        w, code = self.writer, integer_property(self.operation, "predicate")
        ordered = {1: "==", 2: ">", 3: ">=", 4: "<", 5: "<="}
        opposite = {9: "<=", 10: "<", 11: ">=", 12: ">"}
        if code in ordered:
            return w.binary(ordered[code], left, right)
        if code in opposite:
            return w.unary("!", w.binary(opposite[code], left, right))
        if code == 13:
            return w.binary("!=", left, right)
        apart = w.binary("||", w.binary("<", left, right), w.binary(">", left, right))
        equal_or_unordered = w.unary("!", apart)
        is_ordered = w.binary("&&", w.binary("==", left, left), w.binary("==", right, right))
        return {0: lambda: w.literal(0, I1), 6: lambda: apart, 7: lambda: is_ordered, 8: lambda: equal_or_unordered, 14: lambda: w.unary("!", is_ordered)}.get(
            code, lambda: w.literal(1, I1)
        )()


ARITHMETIC: dict[str, Callable[..., Value]] = {
    "arith.addi": lambda a, x, y: a.integer("+", x, y),
    "arith.subi": lambda a, x, y: a.integer("-", x, y),
    "arith.muli": lambda a, x, y: a.integer("*", x, y),
    "arith.andi": lambda a, x, y: a.integer("&", x, y),
    "arith.ori": lambda a, x, y: a.integer("|", x, y),
    "arith.xori": lambda a, x, y: a.integer("^", x, y),
    "arith.shli": lambda a, x, y: a.shifted("<<", x, y),
    "arith.shrsi": lambda a, x, y: a.shifted(">>", x, y),
    "arith.shrui": lambda a, x, y: a.logical_shift(x, y),
    "arith.divsi": lambda a, x, y: a.writer.binary("/", x, y),
    "arith.remsi": lambda a, x, y: a.writer.binary("%", x, y),
    "arith.divui": lambda a, x, y: a.as_unsigned(lambda p, q: a.writer.binary("/", p, q), x, y),
    "arith.remui": lambda a, x, y: a.as_unsigned(lambda p, q: a.writer.binary("%", p, q), x, y),
    "arith.floordivsi": lambda a, x, y: a.helpers.floor_divide(a.writer, x, y),
    "arith.maxsi": lambda a, x, y: a.extreme(">", x, y, signed=True),
    "arith.minsi": lambda a, x, y: a.extreme("<", x, y, signed=True),
    "arith.maxui": lambda a, x, y: a.extreme(">", x, y, signed=False),
    "arith.minui": lambda a, x, y: a.extreme("<", x, y, signed=False),
    "arith.extsi": lambda a, x: a.sign_extended(x, a.type),
    "arith.extui": lambda a, x: a.zero_extended(x, a.type),
    "arith.trunci": lambda a, x: a.truncated(x),
    "arith.index_cast": lambda a, x: a.writer.cast(x, a.type),
    "arith.index_castui": lambda a, x: a.zero_extended(x, a.type),
    "arith.cmpi": lambda a, x, y: a.compared(x, y),
    "arith.cmpf": lambda a, x, y: a.compared_floats(x, y),
    "arith.select": lambda a, c, x, y: a.writer.conditional(c, x, y),
    "arith.addf": lambda a, x, y: a.writer.binary("+", x, y),
    "arith.subf": lambda a, x, y: a.writer.binary("-", x, y),
    "arith.mulf": lambda a, x, y: a.writer.binary("*", x, y),
    "arith.divf": lambda a, x, y: a.writer.binary("/", x, y),
    "arith.negf": lambda a, x: a.writer.unary("-", x),
    "arith.maximumf": lambda a, x, y: a.helpers.float_extreme(a.writer, ">=", x, y),
    "arith.minimumf": lambda a, x, y: a.helpers.float_extreme(a.writer, "<=", x, y),
    "arith.sitofp": lambda a, x: a.floating(x),
    "arith.uitofp": lambda a, x: a.writer.cast(x if x.type is I1 else a.writer.cast(x, unsigned(x.type)), a.type),
    "arith.fptosi": lambda a, x: a.writer.cast(x, a.type),
    "arith.fptoui": lambda a, x: a.writer.cast(a.writer.cast(x, unsigned(a.type)), a.type),
    "arith.extf": lambda a, x: a.writer.cast(x, a.type),
    "arith.truncf": lambda a, x: a.writer.cast(x, a.type),
    "arith.bitcast": lambda a, x: a.writer.bits(x, a.type),
}
"""Gets the operation as `Arithmetic` and its operands in C; gives its result."""
