"""A scalar instruction computes what some operations of 32 and 64 bits compute: both as terms over exact integers.

An operation that may wrap belongs at the end of a term, where both sides wrap alike, or inside of sums, differences and products
that wrap at the same width: they are those of the integers modulo 2^32.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from tinyir.ir import operator as ast
from tinyir.ir.instruction import Instruction
from tinyir.prove.claim import Claim, Negation, Verdict, proved, unknown

Interval = tuple[int, int]
Exact = tuple[object, ...] | str | int
WIDE = 64
WORD_BITS = 32
RING = ("addi", "subi", "muli")


@attrs.frozen
class Term:
    """A computed value: the operation's name without `arith.`, its operands (terms, names or numbers), the bits of its result."""

    operation: str
    operands: tuple[Term | str | int, ...]
    width: int


@attrs.frozen(eq=False)
class ScalarInstructionClaim(Claim):
    """For all numbers of 32 bits the instruction with these immediates gives what the term computes.

    `same`: operands that are the same number as another, and that other's name, by which the term knows it.
    """

    instruction: Instruction
    immediates: tuple[tuple[str, int], ...]
    computed: Term
    same: tuple[tuple[str, str], ...] = ()

    def decide(self) -> Verdict:
        found, expected = exact(self.computed, wraps=True), meant(self.instruction.lanes[0], {**dict(self.immediates), **dict(self.same)})
        if found is None:
            return unknown("terms", "an inner operation may wrap")
        return proved("terms") if found[0] == expected else unknown("terms", f"{found[0]} is not {expected}")

    logic = "QF_BV"

    def negation(self, prefix: str = "") -> Negation:
        same = dict(self.same)
        names = {operand.name: f"{prefix}{same.get(operand.name, operand.name)}" for operand in self.instruction.registers}
        computed = _bits_of_term(self.computed, names)
        wide = _bits_of_meaning(self.instruction.lanes[0], names, dict(self.immediates))
        declarations = tuple((name, "(_ BitVec 32)") for name in dict.fromkeys(names.values()))
        return Negation(declarations, (f"(distinct {computed} ((_ extract 31 0) {wide}))",))


# -- terms over exact integers


def _made(operator: str, left: Exact, right: Exact) -> Exact:
    """A term in one form: operands of what is commutative in order, an inner and an outer bound as one clamp."""
    if operator in ("min", "max"):
        for bound, inner in ((left, right), (right, left)):
            other = "max" if operator == "min" else "min"
            if isinstance(bound, int) and isinstance(inner, tuple) and inner[0] == other and isinstance(inner[1], int):
                low, high = (inner[1], bound) if operator == "min" else (bound, inner[1])
                if low <= high:
                    return ("clamp", low, high, inner[2])
    if operator in ("+", "*", "min", "max"):
        left, right = sorted((left, right), key=lambda term: (not isinstance(term, int), str(term)))
    return (operator, left, right)


_OPERATORS = {"addi": "+", "subi": "-", "muli": "*", "shrsi": ">>", "minsi": "min", "maxsi": "max"}


def exact(term: Term | str | int, wraps: bool = False) -> tuple[Exact, Interval] | None:
    """The term over exact integers and its range; None if an operation may wrap where it must not (`wraps`: it may)."""
    if isinstance(term, int):
        return term, (term, term)
    if isinstance(term, str):
        return term, (-(1 << 31), (1 << 31) - 1)
    goes_on = wraps and term.operation in RING and term.width == WORD_BITS
    parts = [exact(operand, goes_on) for operand in term.operands]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if term.operation in ("extsi", "trunci"):
        made, range = known[0]
    else:
        (left, a), (right, b) = known
        made, range = _made(_OPERATORS[term.operation], left, right), _range(term.operation, a, b)
    fits = -(1 << (term.width - 1)) <= range[0] and range[1] < 1 << (term.width - 1)
    return (made, range) if fits or wraps else None


def _range(operation: str, a: Interval, b: Interval) -> Interval:
    if operation == "addi":
        return a[0] + b[0], a[1] + b[1]
    if operation == "subi":
        return a[0] - b[1], a[1] - b[0]
    if operation == "muli":
        corners = [x * y for x in a for y in b]
        return min(corners), max(corners)
    if operation == "shrsi":
        return a[0] >> b[0], a[1] >> b[0]
    choose = min if operation == "minsi" else max
    return choose(a[0], b[0]), choose(a[1], b[1])


def meant(expression: ast.Expression, known: Mapping[str, int | str]) -> Exact:
    """An instruction's meaning as a term; `known`: numbers or other names for names."""
    if isinstance(expression, ast.Number):
        return int(expression.value)
    if isinstance(expression, ast.Name):
        return known.get(expression.name, expression.name)
    if isinstance(expression, ast.Unary):
        inner = meant(expression.operand, known)
        assert isinstance(inner, int)
        return -inner
    if isinstance(expression, ast.Call):
        left, right = (meant(item.expression, known) for item in expression.items)
        return _made(expression.name, left, right)
    assert isinstance(expression, ast.Binary)
    return _made(expression.operator, meant(expression.left, known), meant(expression.right, known))


# -- the same as bit vectors


def _constant(value: int, width: int) -> str:
    return f"(_ bv{value % (1 << width)} {width})"


_BITS = {"addi": "bvadd", "subi": "bvsub", "muli": "bvmul", "shrsi": "bvashr"}


def _bits_of_term(term: Term, names: Mapping[str, str]) -> str:
    def operand(each: Term | str | int, width: int) -> str:
        return _constant(each, width) if isinstance(each, int) else names[each] if isinstance(each, str) else _bits_of_term(each, names)

    if term.operation == "extsi":
        return f"((_ sign_extend {term.width - 32}) {operand(term.operands[0], 32)})"
    if term.operation == "trunci":
        return f"((_ extract {term.width - 1} 0) {operand(term.operands[0], WIDE)})"
    left, right = (operand(each, term.width) for each in term.operands)
    if term.operation in ("minsi", "maxsi"):
        return f"(ite ({'bvsle' if term.operation == 'minsi' else 'bvsge'} {left} {right}) {left} {right})"
    return f"({_BITS[term.operation]} {left} {right})"


def _bits_of_meaning(expression: ast.Expression, names: Mapping[str, str], immediates: Mapping[str, int]) -> str:
    """The meaning in 64 bits, which hold it whatever the operands are."""
    if isinstance(expression, ast.Number):
        return _constant(int(expression.value), WIDE)
    if isinstance(expression, ast.Unary):
        return f"(bvneg {_bits_of_meaning(expression.operand, names, immediates)})"
    if isinstance(expression, ast.Name):
        known = immediates.get(expression.name)
        return _constant(known, WIDE) if known is not None else f"((_ sign_extend 32) {names[expression.name]})"
    if isinstance(expression, ast.Call):
        left, right = (_bits_of_meaning(item.expression, names, immediates) for item in expression.items)
        return f"(ite ({'bvsle' if expression.name == 'min' else 'bvsge'} {left} {right}) {left} {right})"
    assert isinstance(expression, ast.Binary)
    left, right = (_bits_of_meaning(side, names, immediates) for side in (expression.left, expression.right))
    return f"({ {'+': 'bvadd', '-': 'bvsub', '*': 'bvmul', '>>': 'bvashr'}[expression.operator]} {left} {right})"
