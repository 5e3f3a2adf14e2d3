"""No operation on machine integers leaves its type, given the intervals of its operands.

Sums are monotone and products bilinear, so the extreme results stand at the corners of the operands' intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, number, proved, refuted
from tinyir.prove.ranges import width_range

Interval = tuple[int, int]
_OPERATORS: dict[str, Callable[[int, int], int]] = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "<<": lambda a, b: a << b}


@attrs.frozen
class ArithmeticStep:
    """left operator right, each within its (inclusive) interval, as a signed integer of `bits` bits; operator is + - * or <<."""

    operator: str = attrs.field(validator=attrs.validators.in_(tuple(_OPERATORS)))
    left: Interval
    right: Interval
    bits: int

    def corners(self) -> list[tuple[int, int, int]]:
        """(left, right, result) at the ends of the intervals."""
        return [(a, b, _OPERATORS[self.operator](a, b)) for a in self.left for b in self.right]

    def overflow(self) -> tuple[int, int, int] | None:
        """A corner whose result does not fit."""
        low, high = width_range(self.bits)
        return next((corner for corner in self.corners() if not low <= corner[2] <= high), None)


@attrs.frozen
class ArithmeticClaim(Claim):
    """None of the steps overflows."""

    steps: tuple[ArithmeticStep, ...]

    def decide(self) -> Verdict:
        for index, step in enumerate(self.steps):
            corner = step.overflow()
            if corner is not None:
                return refuted("interval", {"step": index, "left": corner[0], "right": corner[1], "result": corner[2]})
        return proved("interval")

    def parts(self) -> Sequence[Claim]:
        return [ArithmeticClaim((step,)) for step in self.steps]

    def negation(self, prefix: str = "") -> Negation:
        cases = [_outside(step, f"{prefix}a{index}", f"{prefix}b{index}") for index, step in enumerate(self.steps)]
        names = [f"{prefix}{letter}{index}" for index in range(len(self.steps)) for letter in "ab"]
        return Negation(tuple((name, "Int") for name in names), (disjunction(cases),))


def _outside(step: ArithmeticStep, left: str, right: str) -> str:
    """The step has operands within their intervals and a result outside of its type; products only at the corners."""
    low, high = width_range(step.bits)
    inside = f"(<= {number(step.left[0])} {left} {number(step.left[1])}) (<= {number(step.right[0])} {right} {number(step.right[1])})"
    if step.operator in ("+", "-"):
        result = f"({step.operator} {left} {right})"
        return f"(and {inside} (or (< {result} {number(low)}) (> {result} {number(high)})))"
    corners = [
        f"(and (= {left} {number(a)}) (= {right} {number(b)}) (or (< {number(result)} {number(low)}) (> {number(result)} {number(high)})))"
        for a, b, result in step.corners()
    ]
    return f"(and {inside} {disjunction(corners)})"
