"""Writes operations of the C level: one method for each.

Index arithmetic is written in full, `a*1 + b*4 + 0`, so that layers that differ in nothing but their numbers have one shape; the pass
`simplify_c` shortens it.  If the writer is not `canonical`, what has a negative factor is subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.dialects.c import ARITHMETIC
from tinyir.ir.affine import AffineBinary, AffineConstant, AffineDimension, AffineExpression, linear_terms
from tinyir.ir.affine_interval import Interval, interval_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseArray, FloatAttribute, IntegerAttribute, StringAttribute, SymbolReference, UnitAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.types import DYNAMIC, I1, I32, FloatType, IntegerType, MemRefType, Type


def pointer_type(element: Type, space: Attribute | None) -> MemRefType:
    """The type of a pointer to elements in a memory space."""
    return MemRefType([DYNAMIC], element, None, space)


def unsigned(type: Type) -> IntegerType:
    """The unsigned type of the same width."""
    assert isinstance(type, IntegerType)
    return IntegerType(type.width, "u")


def literal_of(value: Value) -> int | None:
    """The integer if the value is an integer literal."""
    definer = value.definer
    if definer is None or definer.name != "c.literal":
        return None
    attribute = definer.properties["value"]
    return attribute.value if isinstance(attribute, IntegerAttribute) else None


class CWriter:
    """Creates C operations at the end of a block."""

    def __init__(self, block: Block, index_type: IntegerType, canonical: bool = False) -> None:
        self.builder = Builder.at_end(block)
        self.index_type = index_type
        self.canonical = canonical

    def inside(self, block: Block) -> CWriter:
        """A writer for an inner block, with the same settings."""
        return CWriter(block, self.index_type, self.canonical)

    def _expression(self, operation: str, operands: Sequence[Value], type: Type, **properties: Attribute) -> Value:
        return self.builder.create(f"c.{operation}", operands, [type], properties).result

    # -- expressions

    def literal(self, value: int | float, type: Type) -> Value:
        attribute: Attribute = FloatAttribute.of(value, type) if isinstance(type, FloatType) else IntegerAttribute(int(value), type)
        return self._expression("literal", (), type, value=attribute)

    def float_bits(self, bits: int, type: FloatType) -> Value:
        """The float literal with these bits."""
        return self._expression("literal", (), type, value=FloatAttribute(bits, type))

    def index(self, value: int) -> Value:
        return self.literal(value, self.index_type)

    def binary(self, operator: str, left: Value, right: Value) -> Value:
        """left operator right, in the type of `left`; comparisons and logic give i1."""
        type = left.type if operator in ARITHMETIC else I1
        return self._expression("binary", (left, right), type, operator=StringAttribute(operator))

    def unary(self, operator: str, operand: Value) -> Value:
        return self._expression("unary", (operand,), operand.type, operator=StringAttribute(operator))

    def cast(self, value: Value, type: Type) -> Value:
        """The value converted, or itself if it has the type."""
        if value.type is type:
            return value
        known = literal_of(value)
        if known is not None and isinstance(type, IntegerType) and type.lowest <= known <= type.greatest:
            return self.literal(known, type)
        return self._expression("cast", (value,), type)

    def copy(self, value: Value) -> Value:
        """The value as it is now, for a variable that is about to change."""
        return self._expression("cast", (value,), value.type)

    def wrapping(self, operator: str, left: Value, right: Value) -> Value:
        """left operator right modulo 2^width: C defines it for unsigned types only."""
        type = left.type
        wide = unsigned(type)
        return self.cast(self._expression("binary", (self.cast(left, wide), self.cast(right, wide)), wide, operator=StringAttribute(operator)), type)

    def conditional(self, condition: Value, first: Value, second: Value) -> Value:
        return self._expression("conditional", (condition, first, second), first.type)

    def bits(self, value: Value, type: Type) -> Value:
        return self._expression("bits", (value,), type)

    def address(self, name: str, element: Type, space: Attribute | None) -> Value:
        return self._expression("address", (), pointer_type(element, space), name=SymbolReference(name))

    def offset(self, pointer: Value, index: Value, name: str) -> Value:
        """The address of pointer[index]."""
        made = self._expression("offset", (pointer, index), pointer.type)
        made.name = name
        return made

    def load(self, pointer: Value, index: Value) -> Value:
        assert isinstance(pointer.type, MemRefType)
        return self._expression("load", (pointer, index), pointer.type.element)

    def call(self, callee: str, arguments: Sequence[Value], results: Sequence[Type], pure: bool) -> Operation:
        properties: dict[str, Attribute] = {"callee": SymbolReference(callee)}
        if pure:
            properties["pure"] = UnitAttribute()
        return self.builder.create("c.call", arguments, results, properties)

    # -- statements

    def variable(self, initial: Value | None, type: Type, name: str) -> Value:
        made = self.builder.create("c.variable", () if initial is None else (initial,), [type]).result
        made.name = name
        return made

    def scratch(self, extent: int, element: Type, space: Attribute | None, name: str) -> Value:
        made = self._expression("scratch", (), pointer_type(element, space), extent=IntegerAttribute(extent, self.index_type))
        made.name = name
        return made

    def assign(self, variable: Value, value: Value) -> None:
        self.builder.create("c.assign", (variable, value))

    def store(self, value: Value, pointer: Value, index: Value) -> None:
        self.builder.create("c.store", (value, pointer, index))

    def return_(self, *values: Value) -> None:
        self.builder.create("c.return", values)

    def for_(self, start: Value, limit: Value, step: int, name: str) -> tuple[Value, CWriter]:
        """A loop; gives its counter, and a writer for its body."""
        body = Block([start.type])
        body.arguments[0].name = name
        self.builder.create("c.for", (start, limit), (), {"step": IntegerAttribute(step, start.type)}, [Region([body])])
        return body.arguments[0], self.inside(body)

    def if_(self, condition: Value) -> tuple[CWriter, CWriter]:
        """A condition; gives writers for both branches."""
        blocks = Block(), Block()
        self.builder.create("c.if", (condition,), (), {}, [Region([block]) for block in blocks])
        return self.inside(blocks[0]), self.inside(blocks[1])

    def alternative(self, condition: str) -> tuple[CWriter, CWriter]:
        """Two texts between which the preprocessor chooses; gives writers for both."""
        blocks = Block(), Block()
        self.builder.create("c.alternative", (), (), {"condition": StringAttribute(condition)}, [Region([block]) for block in blocks])
        return self.inside(blocks[0]), self.inside(blocks[1])

    def assembly(self, lines: Sequence[str], operands: Sequence[Sequence[Value]], registers: Sequence[str], pinned: Sequence[str]) -> None:
        """An asm statement over variables: accumulators, pointers that it moves, inputs, perhaps where the first pointer ends, and strides.

        `registers`: those that it names; `pinned`: those that hold its operands.
        """
        properties: dict[str, Attribute] = {
            "lines": ArrayAttribute([StringAttribute(line) for line in lines]),
            "registers": ArrayAttribute([StringAttribute(register) for register in registers]),
            "pinned": ArrayAttribute([StringAttribute(register) for register in pinned]),
            "operandSegmentSizes": DenseArray([len(part) for part in operands], I32),
        }
        self.builder.create("c.assembly", [operand for part in operands for operand in part], (), properties)

    # -- index arithmetic

    def affine(self, expression: AffineExpression, values: Sequence[Value], ranges: Sequence[Interval]) -> Value:
        """An affine expression over `values`, each within its range; floor division and modulo are exact for negative numbers too."""
        total: Value | None = None
        terms = linear_terms(expression)
        constant = terms.pop(AffineConstant(1), 0)
        if not self.canonical and constant > 0 and terms and next(iter(terms.values())) < 0:
            total, constant = self.index(constant), 0
        for factor, coefficient in terms.items():
            total = self._add_term(total, self._factor(factor, values, ranges), coefficient)
        if total is None:
            return self.index(constant)
        if constant < 0 and not self.canonical:
            return self.binary("-", total, self.index(-constant))
        return self.binary("+", total, self.index(constant))

    def _add_term(self, total: Value | None, factor: Value, coefficient: int) -> Value:
        if total is not None and coefficient < 0 and not self.canonical:
            return self.binary("-", total, self.binary("*", factor, self.index(-coefficient)))
        if total is None and coefficient == -1 and not self.canonical:
            return self.unary("-", factor)
        term = self.binary("*", factor, self.index(coefficient))
        return term if total is None else self.binary("+", total, term)

    def _factor(self, factor: AffineExpression, values: Sequence[Value], ranges: Sequence[Interval]) -> Value:
        if isinstance(factor, AffineDimension):
            return values[factor.position]
        assert isinstance(factor, AffineBinary)
        left = self.affine(factor.left, values, ranges)
        divisor = factor.right.constant_value
        assert divisor is not None
        low = interval_of(factor.left, ranges)[0]
        if factor.kind == "ceildiv":
            left, low = self.binary("+", left, self.index(divisor - 1)), low + divisor - 1
        power = divisor.bit_length() - 1 if divisor & (divisor - 1) == 0 else None
        if factor.kind == "mod":
            return self._modulo(left, divisor, low, power)
        if power is not None:
            return self.binary(">>", left, self.index(power))
        if low >= 0:
            return self.binary("/", left, self.index(divisor))
        moved = -(low // divisor)
        shifted = self.binary("+", left, self.index(moved * divisor))
        return self.binary("-", self.binary("/", shifted, self.index(divisor)), self.index(moved))

    def _modulo(self, left: Value, divisor: int, low: int, power: int | None) -> Value:
        if power is not None:
            return self.binary("&", left, self.index(divisor - 1))
        if low < 0:
            left = self.binary("+", left, self.index(-(low // divisor) * divisor))
        return self.binary("%", left, self.index(divisor))
