"""Formulas of SMT-LIB at given values, in Python's numbers: counterexamples of z3 are looked at without z3.

Integers, reals (as fractions) and bit vectors, without quantifiers.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import combinations, pairwise

import attrs

Number = int | Fraction
Tree = str | list["Tree"]
_TOKEN = re.compile(r"\|[^|]*\||[()]|[^\s()]+")
_BITS_SORT = re.compile(r"\(_ BitVec (\d+)\)")


class NotEvaluatedError(Exception):
    """A formula holds what is not known here."""


@attrs.frozen
class Bits:
    """A bit vector as the unsigned number that it is."""

    number: int
    width: int

    @classmethod
    def of(cls, number: int, width: int) -> Bits:
        """The lowest bits of a number."""
        return cls(number % (1 << width), width)

    @property
    def signed(self) -> int:
        """The number in two's complement."""
        return self.number - (self.number >> (self.width - 1) << self.width)


Known = int | Fraction | bool | Bits


def are_met(assertions: Sequence[str], declarations: Sequence[tuple[str, str]], values: Mapping[str, Number]) -> bool:
    """Whether all assertions hold at values of the declared names (name, sort); those without one are 0, bit vectors are given as numbers.

    Raises:
        NotEvaluatedError: they hold what is not known here.
    """
    known: dict[str, Known] = {}
    for name, sort in declarations:
        value = values.get(name.strip("|"), 0)
        bits = _BITS_SORT.fullmatch(sort)
        known[name] = Bits.of(int(value), int(bits[1])) if bits else value
    return all(_evaluate(_read(assertion), known) is True for assertion in assertions)


def _read(text: str) -> Tree:
    stack: list[list[Tree]] = [[]]
    for token in _TOKEN.findall(text):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    return stack[0][0]


def _evaluate(tree: Tree, known: Mapping[str, Known]) -> Known:
    if isinstance(tree, str):
        return known[tree] if tree in known else _literal(tree)
    head, *rest = tree
    if head == "let":
        bindings, body = rest
        pairs = [binding for binding in bindings if isinstance(binding, list)]
        return _evaluate(body, {**known, **{str(name): _evaluate(value, known) for name, value in pairs}})
    if head == "ite":
        return _evaluate(rest[1] if _evaluate(rest[0], known) else rest[2], known)
    if head == "_":
        return Bits.of(int(str(rest[0]).removeprefix("bv")), int(str(rest[1])))
    if head in ("and", "or"):
        decides = head == "or"
        return decides if any(_evaluate(each, known) is decides for each in rest) else not decides
    if isinstance(head, str) and head not in _OPERATIONS:
        raise NotEvaluatedError(f"'{head}' is not evaluated")
    operands = [_evaluate(each, known) for each in rest]
    return _of_bits(head[1:], operands[0]) if isinstance(head, list) else _OPERATIONS[head](operands)


def _literal(text: str) -> Known:
    if text in ("true", "false"):
        return text == "true"
    try:
        return Fraction(text) if "." in text else int(text)
    except ValueError as error:
        raise NotEvaluatedError(f"'{text}' is not known") from error


def _of_bits(head: Sequence[Tree], value: Known) -> Bits:
    """(_ extract HIGH LOW) and (_ sign_extend MORE)."""
    name, *numbers = head
    if not isinstance(value, Bits) or name not in ("extract", "sign_extend"):
        raise NotEvaluatedError(f"'{name}' is not evaluated")
    places = [int(str(each)) for each in numbers]
    if name == "sign_extend":
        return Bits.of(value.signed, value.width + places[0])
    return Bits.of(value.number >> places[1], places[0] - places[1] + 1)


def _number(value: Known) -> Number:
    if isinstance(value, Bits):
        raise NotEvaluatedError("a bit vector in place of a number")
    return value


def _divided(dividend: Number, divisor: Number) -> int:
    """The quotient that leaves a remainder of at least 0."""
    if not divisor:
        raise NotEvaluatedError("a division by 0")
    return int(dividend // divisor) if divisor > 0 else -int(dividend // -divisor)


def _quotient(dividend: Number, divisor: Number) -> Fraction:
    if not divisor:
        raise NotEvaluatedError("a division by 0")
    return Fraction(dividend) / divisor


Operation = Callable[[list[Known]], Known]


def _folded(function: Callable[[Number, Number], Number]) -> Operation:
    return lambda operands: reduce(function, map(_number, operands))


def _chained(function: Callable[[Number, Number], bool]) -> Operation:
    return lambda operands: all(function(_number(a), _number(b)) for a, b in pairwise(operands))


def _with_bits(function: Callable[[int, int], int | bool]) -> Operation:
    """An operation on signed bit vectors of one width."""

    def evaluate(operands: list[Known]) -> Known:
        first, second = operands
        if not isinstance(first, Bits) or not isinstance(second, Bits):
            raise NotEvaluatedError("a number in place of a bit vector")
        made = function(first.signed, second.signed)
        return made if isinstance(made, bool) else Bits.of(made, first.width)

    return evaluate


def _subtracted(operands: list[Known]) -> Known:
    first, *others = map(_number, operands)
    return first - sum(others) if others else -first


def _negated_bits(operands: list[Known]) -> Known:
    (value,) = operands
    if not isinstance(value, Bits):
        raise NotEvaluatedError("a number in place of a bit vector")
    return Bits.of(-value.number, value.width)


_OPERATIONS: dict[str, Operation] = {
    "+": _folded(operator.add),
    "*": _folded(operator.mul),
    "-": _subtracted,
    "/": _folded(_quotient),
    "div": _folded(_divided),
    "mod": _folded(lambda a, b: a - b * _divided(a, b)),
    "abs": lambda operands: max(_number(operands[0]), -_number(operands[0])),
    "<": _chained(operator.lt),
    "<=": _chained(operator.le),
    ">": _chained(operator.gt),
    ">=": _chained(operator.ge),
    "=": lambda operands: all(a == b for a, b in pairwise(operands)),
    "distinct": lambda operands: all(a != b for a, b in combinations(operands, 2)),
    "not": lambda operands: not operands[0],
    "xor": lambda operands: sum(map(bool, operands)) % 2 == 1,
    "bvadd": _with_bits(operator.add),
    "bvsub": _with_bits(operator.sub),
    "bvmul": _with_bits(operator.mul),
    "bvashr": _with_bits(lambda a, b: a >> (b if 0 <= b < 64 else 64)),  # the distance has no sign
    "bvsle": _with_bits(operator.le),
    "bvsge": _with_bits(operator.ge),
    "bvneg": _negated_bits,
}
