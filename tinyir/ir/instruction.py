"""Instructions of a target as data: each with its meaning, lane by lane, over exact integers.

A lane is an integer of its width; a meaning is a polynomial of lanes.  The machine's result is the meaning modulo the
width of the result's lane, which is the meaning itself wherever that fits (`Polynomial.range`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from tinyir.ir import operator as ast
from tinyir.ir.machine_block import BlockForm
from tinyir.ir.types import IntegerType, Type, VectorType

Lane = tuple[str, int]
"""Parameter and number of the lane (0 for a plain integer)."""
Polynomial = Mapping[tuple[Lane, ...], int]
"""Coefficients of products of lanes (sorted; the empty product is the constant)."""


@attrs.frozen
class Operand:
    """`name: i8[4]`, or `name: i32` with one lane, or `name: immediate 1..31`, a number in the instruction itself."""

    name: str
    width: int
    lanes: int
    immediate: tuple[int, int] | None = None

    @property
    def type(self) -> Type:
        element = IntegerType(self.width)
        return element if self.lanes == 1 else VectorType((self.lanes,), element)


@attrs.frozen
class Instruction:
    """One machine instruction: the meaning of each lane of its result, and its assembly over %0 (result), %1, ..., its `spelling` in C over {operand}, or both.
    """

    name: str
    summary: str
    operands: tuple[Operand, ...]
    result: Operand
    lanes: tuple[ast.Expression, ...]
    assembly: str
    spelling: str = ""

    @property
    def registers(self) -> tuple[Operand, ...]:
        """The operands that are values."""
        return tuple(operand for operand in self.operands if operand.immediate is None)

    @property
    def immediates(self) -> tuple[Operand, ...]:
        """The operands that are numbers in the instruction."""
        return tuple(operand for operand in self.operands if operand.immediate is not None)

    @property
    def is_scalar(self) -> bool:
        """Whether all values are plain numbers of 32 bits."""
        return all(operand.lanes == 1 and operand.width == 32 for operand in (*self.registers, self.result))


@attrs.frozen
class InstructionSequence:
    """Instructions in sequence, as nested calls, and what they claim to mean together."""

    name: str
    operands: tuple[Operand, ...]
    result: Operand
    value: ast.Expression
    meaning: ast.Expression


@attrs.frozen
class VectorForm:
    """How C spells vectors of a type that is wider than a word: the header to include, the type's name, and a load over {from}."""

    operand: Operand
    include: str
    spelling: str
    load: str


@attrs.frozen
class InstructionSet:
    """A file of `specs/isa`.

    `condition`: the preprocessor's test that the machine has them; `vectors`: those wider than a word; `block`: how to write several as one;
    `include`: the header that declares the spellings in C.
    """

    name: str
    condition: str
    instructions: Mapping[str, Instruction]
    sequences: Mapping[str, InstructionSequence]
    vectors: tuple[VectorForm, ...] = ()
    block: BlockForm | None = None
    include: str = ""


def polynomial(expression: ast.Expression, values: Mapping[str, Sequence[Polynomial]]) -> Polynomial:
    """The meaning as a polynomial; `values`: the lanes of each name.

    Raises:
        ValueError: something that is no sum or product of lanes.
    """
    if isinstance(expression, ast.Number) and isinstance(expression.value, int):
        return {(): expression.value} if expression.value else {}
    if isinstance(expression, ast.Name):
        return values[expression.name][0]
    if isinstance(expression, ast.Access):
        index = expression.items[0].expression
        assert isinstance(index, ast.Number)
        return values[expression.name][int(index.value)]
    if isinstance(expression, ast.Binary) and expression.operator in ("+", "-", "*"):
        left, right = polynomial(expression.left, values), polynomial(expression.right, values)
        if expression.operator == "*":
            return product(left, right)
        return total(left, right, 1 if expression.operator == "+" else -1)
    raise ValueError("the meaning of an instruction is made of sums and products of lanes")


def total(left: Polynomial, right: Polynomial, sign: int = 1) -> Polynomial:
    """left + sign * right."""
    result = dict(left)
    for term, coefficient in right.items():
        result[term] = result.get(term, 0) + sign * coefficient
    return {term: coefficient for term, coefficient in result.items() if coefficient}


def product(left: Polynomial, right: Polynomial) -> Polynomial:
    result: dict[tuple[Lane, ...], int] = {}
    for first, a in left.items():
        for second, b in right.items():
            term = tuple(sorted(first + second))
            result[term] = result.get(term, 0) + a * b
    return {term: coefficient for term, coefficient in result.items() if coefficient}


def lanes_of(operand: Operand) -> list[Polynomial]:
    """An operand's lanes as unknowns."""
    return [{((operand.name, lane),): 1} for lane in range(operand.lanes)]


def value_range(poly: Polynomial, ranges: Mapping[Lane, tuple[int, int]]) -> tuple[int, int]:
    """An interval that holds the value, term by term."""
    low = high = 0
    for term, coefficient in poly.items():
        least = greatest = 1
        for lane in term:
            a, b = ranges[lane]
            corners = (least * a, least * b, greatest * a, greatest * b)
            least, greatest = min(corners), max(corners)
        low += min(least * coefficient, greatest * coefficient)
        high += max(least * coefficient, greatest * coefficient)
    return low, high
