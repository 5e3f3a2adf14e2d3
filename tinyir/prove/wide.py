"""Whole numbers without limit as bit-vectors wide enough for them: the values of constants in the conditions of rules.

Each carries the interval in which it lies, so that every operation can take the width that holds its result.
"""

from __future__ import annotations

from typing import Any

import attrs

MOST_BITS = 1024


class TooWideError(Exception):
    """A number may need more bits than proofs carry."""


@attrs.frozen(eq=False)
class Wide:
    """`term`: a signed bit-vector that holds every number from `low` to `high`."""

    z3: Any
    context: Any
    term: Any
    low: int
    high: int

    @classmethod
    def of(cls, z3: Any, context: Any, value: int) -> Wide:
        return cls(z3, context, z3.BitVecVal(value, _bits(value, value), context), value, value)

    def resized(self, bits: int) -> Any:
        """The term sign-extended or cut to so many bits."""
        have = self.term.size()
        if bits == have:
            return self.term
        return self.z3.SignExt(bits - have, self.term) if bits > have else self.z3.Extract(bits - 1, 0, self.term)

    def combine(self, operator: str, other: Wide) -> Any:
        """The result of an operation: a `Wide`, or a z3 condition.  `/` and `%` round down; what is undefined is any number."""
        if operator in _COMPARISONS:
            bits = max(self.term.size(), other.term.size())
            return _COMPARISONS[operator](self.resized(bits), other.resized(bits))
        low, high = _interval(operator, self, other)
        bits = max(_bits(low, high), self.term.size(), other.term.size()) + (1 if operator in "/%" else 0)
        left, right = self.resized(bits), other.resized(bits)
        return Wide(self.z3, self.context, self._operate(operator, left, right), low, high)

    def _operate(self, operator: str, a: Any, b: Any) -> Any:
        z3 = self.z3
        if operator in "/%":
            quotient = a / b
            quotient = z3.If(z3.And(quotient * b != a, (a < 0) != (b < 0)), quotient - 1, quotient)
            return quotient if operator == "/" else a - quotient * b
        functions = {
            "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "<<": lambda: a << b, ">>": lambda: a >> b,
            "&": lambda: a & b, "|": lambda: a | b, "^": lambda: a ^ b,
        }  # fmt: skip
        return functions[operator]()

    def choose(self, condition: Any, other: Wide) -> Wide:
        """This number where the condition holds, else the other."""
        bits = max(self.term.size(), other.term.size())
        term = self.z3.If(condition, self.resized(bits), other.resized(bits))
        return Wide(self.z3, self.context, term, min(self.low, other.low), max(self.high, other.high))


def _bits(low: int, high: int) -> int:
    found = max(low.bit_length(), high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
    if found > MOST_BITS:
        raise TooWideError
    return found


_COMPARISONS: dict[str, Any] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _interval(operator: str, left: Wide, right: Wide) -> tuple[int, int]:
    a, b, c, d = left.low, left.high, right.low, right.high
    if operator == "+":
        return a + c, b + d
    if operator == "-":
        return a - d, b - c
    if operator == "*":
        corners = [x * y for x in (a, b) for y in (c, d)]
        return min(corners), max(corners)
    if operator == "<<":
        most = max(d, 0)
        if most > MOST_BITS:
            most = MOST_SHIFT
        return min(a, 0) << most, max(b, 0) << most
    reach = max(abs(a), abs(b), abs(c), abs(d), 1)
    bound = 1 << reach.bit_length()
    return -bound, bound


MOST_SHIFT = 128
"""A rule whose condition shifts a number by more is not applied."""
