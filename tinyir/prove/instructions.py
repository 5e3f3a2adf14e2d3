"""A sequence of instructions means what it claims: composed lane by lane, with no lane leaving its width.

Each instruction's meaning is exact over the integers where its result fits its lane, which the ranges of the lanes
decide; then meanings compose as polynomials, and the claim is an equality of two of them.  The last accumulator may
wrap: it does so in the same way on both sides, since addition modulo 2^32 is associative.
"""

from __future__ import annotations

import attrs

from tinyir.ir import operator as ast
from tinyir.ir.instruction import InstructionSequence, InstructionSet, Lane, Operand, Polynomial, lanes_of, polynomial, total, value_range
from tinyir.prove.claim import Claim, Negation, Verdict, number, proved, refuted


@attrs.frozen(eq=False)
class InstructionClaim(Claim):
    """A sequence of an instruction set equals its stated meaning, for lanes of these ranges (the whole width where absent)."""

    instructions: InstructionSet
    sequence: InstructionSequence
    ranges: tuple[tuple[Lane, tuple[int, int]], ...] = ()

    def decide(self) -> Verdict:
        values = {operand.name: lanes_of(operand) for operand in self.sequence.operands}
        composed, too_wide = self._compose(self.sequence.value, values)
        if too_wide:
            return refuted("polynomials", {too_wide: 1})
        meant = polynomial(self.sequence.meaning, values)
        difference = {term: composed[0].get(term, 0) - meant.get(term, 0) for term in {*composed[0], *meant}}
        wrong = sorted(term for term, coefficient in difference.items() if coefficient)
        if wrong:
            return refuted("polynomials", {f"{name}[{lane}]": 1 for name, lane in wrong[0]} or {"constant": 1})
        return proved("polynomials")

    def _known(self) -> dict[Lane, tuple[int, int]]:
        known = {(o.name, lane): _whole(o) for o in self.sequence.operands for lane in range(o.lanes)}
        known.update(self.ranges)
        return known

    def _compose(self, expression: ast.Expression, values: dict[str, list[Polynomial]]) -> tuple[list[Polynomial], str]:
        """The lanes of nested calls, and the name of the first instruction whose inner result may leave its lane."""
        if isinstance(expression, ast.Name):
            return values[expression.name], ""
        assert isinstance(expression, ast.Call)
        instruction = self.instructions.instructions[expression.name]
        arguments: dict[str, list[Polynomial]] = {}
        for operand, item in zip(instruction.operands, expression.items, strict=True):
            arguments[operand.name], wide = self._compose(item.expression, values)
            if wide:
                return [], wide
        lanes = [polynomial(lane, arguments) for lane in instruction.lanes]
        if instruction.result.lanes > 1:
            low, high = _whole(instruction.result)
            for lane in lanes:
                least, greatest = value_range(lane, self._known())
                if least < low or greatest > high:
                    return [], expression.name
        return lanes, ""

    def negation(self, prefix: str = "") -> Negation:
        names = {(o.name, lane): f"{prefix}{o.name}{lane}" for o in self.sequence.operands for lane in range(o.lanes)}
        values = {operand.name: lanes_of(operand) for operand in self.sequence.operands}
        composed, _ = self._compose(self.sequence.value, values)
        bounds = tuple(f"(<= {number(low)} {names[lane]} {number(high)})" for lane, (low, high) in sorted(self._known().items()))
        left = _spelled(composed[0], names) if composed else "0"
        right = _spelled(polynomial(self.sequence.meaning, values), names)
        return Negation(tuple((name, "Int") for name in names.values()), (*bounds, f"(distinct {left} {right})"))

    logic = "QF_NIA"


def _whole(operand: Operand) -> tuple[int, int]:
    return -(1 << (operand.width - 1)), (1 << (operand.width - 1)) - 1


def _spelled(poly: Polynomial, names: dict[Lane, str]) -> str:
    terms = [f"(* {number(c)} {' '.join(names[lane] for lane in term)})" if term else number(c) for term, c in sorted(poly.items())]
    return f"(+ 0 {' '.join(terms)})"


@attrs.frozen
class Use:
    """An instruction on the word of memory at `place` (base, element), and on a word of two weights (their numbers)."""

    instruction: str
    place: tuple[int, int]
    weights: tuple[int, ...]


@attrs.frozen(eq=False)
class WrittenSumClaim(Claim):
    """Instructions that each add products of lanes have together just the terms of a sum: (base, element, weight) each."""

    instructions: InstructionSet
    uses: tuple[Use, ...]
    terms: tuple[tuple[int, int, int], ...]

    logic = "QF_NIA"

    def decide(self) -> Verdict:
        found, wanted = self._sides()
        difference = total(found, wanted, -1)
        if difference:
            return refuted("polynomials", {f"{name}[{lane}]": 1 for name, lane in min(difference)})
        return proved("polynomials")

    def _sides(self) -> tuple[Polynomial, Polynomial]:
        found: Polynomial = {}
        for use in self.uses:
            instruction = self.instructions.instructions[use.instruction]
            base, element = use.place
            x: list[Polynomial] = [{((f"x{base}", element + lane),): 1} for lane in range(2)]
            y: list[Polynomial] = [{(("w", weight),): 1} for weight in use.weights]
            arguments = dict(zip((operand.name for operand in instruction.operands), (x, y, [found]), strict=True))
            found = polynomial(instruction.lanes[0], arguments)
        wanted: Polynomial = {}
        for base, element, weight in self.terms:
            wanted = total(wanted, {tuple(sorted([(f"x{base}", element), ("w", weight)])): 1})
        return found, wanted

    def negation(self, prefix: str = "") -> Negation:
        found, wanted = self._sides()
        lanes = sorted({lane for side in (found, wanted) for term in side for lane in term})
        names = {lane: f"{prefix}{lane[0]}_{lane[1]}".replace("-", "m") for lane in lanes}
        return Negation(tuple((name, "Int") for name in names.values()), (f"(distinct {_spelled(found, names)} {_spelled(wanted, names)})",))


@attrs.frozen(eq=False)
class IdentityClaim(Claim):
    """Products of unknowns, each with its coefficient, sum up to zero."""

    terms: tuple[tuple[tuple[str, ...], int], ...]

    logic = "QF_NIA"

    def decide(self) -> Verdict:
        summed: dict[tuple[str, ...], int] = {}
        for names, coefficient in self.terms:
            key = tuple(sorted(names))
            summed[key] = summed.get(key, 0) + coefficient
        wrong = sorted(key for key, coefficient in summed.items() if coefficient)
        return refuted("polynomials", dict.fromkeys(wrong[0], 1)) if wrong else proved("polynomials")

    def negation(self, prefix: str = "") -> Negation:
        names = sorted({name for term, _ in self.terms for name in term})
        parts = [f"(* {number(coefficient)} {' '.join(prefix + name for name in term)})" for term, coefficient in self.terms]
        return Negation(tuple((prefix + name, "Int") for name in names), (f"(distinct 0 (+ {' '.join(parts)}))",))
