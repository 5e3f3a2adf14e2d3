"""Every access lies inside its buffer: for all values of the loop variables that satisfy the guards, 0 <= index <= size - extent.

Bounds of a variable may be the greatest of several affine expressions of outer variables (and the least of several), and
expressions may divide by constants.  Tried in turn: intervals; elimination over the polytope, with a fresh variable per
division; looking at every point where there are not too many; z3.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineBinary, AffineConstant, AffineDimension, AffineExpression, linear_terms
from tinyir.prove.claim import Claim, Negation, Verdict, disjunction, proved, refuted, symbol
from tinyir.prove.elimination import Inequality, are_contradictory
from tinyir.prove.smt_affine import spell

Interval = tuple[int, int]
_MOST_POINTS = 1 << 22


@attrs.frozen
class Variable:
    """An integer with every `lower` <= it < every `upper`, both over the variables before it; it starts at its lower bound.

    With a step other than 1 there is one lower bound: lower, lower + step, ...
    """

    name: str
    lower: tuple[AffineExpression, ...]
    upper: tuple[AffineExpression, ...]
    step: int = 1

    def __attrs_post_init__(self) -> None:
        if self.step < 1 or not self.lower or not self.upper or (self.step > 1 and len(self.lower) > 1):
            raise ValueError(f"variable '{self.name}' needs bounds, a positive step, and one lower bound if it has a step")

    @classmethod
    def between(cls, name: str, low: int, high: int, step: int = 1) -> Variable:
        """low, low + step, ... below high."""
        return cls(name, (AffineConstant(low),), (AffineConstant(high),), step)


def interval_of(expression: AffineExpression, box: Sequence[Interval]) -> Interval:
    """The least and greatest value that intervals of the dimensions allow; exact where no dimension occurs in two divisions.

    Raises:
        ValueError: a symbol.
    """
    low = high = 0
    for node, factor in linear_terms(expression).items():
        least, greatest = _factor_interval(node, box)
        low += min(factor * least, factor * greatest)
        high += max(factor * least, factor * greatest)
    return low, high


def _factor_interval(node: AffineExpression, box: Sequence[Interval]) -> Interval:
    if isinstance(node, AffineDimension):
        return box[node.position]
    if isinstance(node, AffineConstant):
        return node.value, node.value
    divisor = node.right.constant_value if isinstance(node, AffineBinary) else None
    if not isinstance(node, AffineBinary) or divisor is None or node.kind == "*":
        raise ValueError(f"{node} is not affine in dimensions of known size")
    low, high = interval_of(node.left, box)
    if node.kind == "floordiv":
        return low // divisor, high // divisor
    if node.kind == "ceildiv":
        return -(-low // divisor), -(-high // divisor)
    return (low % divisor, high % divisor) if low // divisor == high // divisor else (0, divisor - 1)


def box_of(variables: Sequence[Variable]) -> list[Interval] | None:
    """The interval of each variable, or None if one has no value at all."""
    box: list[Interval] = []
    for variable in variables:
        low = max(interval_of(bound, box)[0] for bound in variable.lower)
        high = min(interval_of(bound, box)[1] for bound in variable.upper) - 1
        if low > high:
            return None
        if variable.step > 1 and variable.lower[0].constant_value is not None:
            high -= (high - low) % variable.step
        box.append((low, high))
    return box


class _System:
    """Inequalities over the variables and one fresh variable per division."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self.inequalities: list[Inequality] = []
        self.quotients: dict[tuple[AffineExpression, int], int] = {}
        self.count = len(variables)
        for position, variable in enumerate(variables):
            for bound in variable.lower:
                self.require(AffineDimension(position) - bound)
            for bound in variable.upper:
                self.require(bound - AffineDimension(position) - 1)
            if variable.step > 1:
                self._quotient(AffineDimension(position) - variable.lower[0], variable.step, exact=True)

    def require(self, expression: AffineExpression) -> None:
        """Adds expression >= 0."""
        terms, constant = self._linear(expression)
        self.inequalities.append(Inequality.of(terms, constant))

    def contradicts(self, expression: AffineExpression) -> bool | None:
        """Whether the inequalities rule out expression >= 0."""
        terms, constant = self._linear(expression)
        return are_contradictory([*self.inequalities, Inequality.of(terms, constant)])

    def _linear(self, expression: AffineExpression) -> tuple[dict[int, int], int]:
        terms: dict[int, int] = {}
        constant = 0
        for node, factor in linear_terms(expression).items():
            if isinstance(node, AffineConstant):
                constant += factor * node.value
                continue
            for inner, inner_factor in self._factor(node).items():
                if inner < 0:
                    constant += factor * inner_factor
                else:
                    terms[inner] = terms.get(inner, 0) + factor * inner_factor
        return terms, constant

    def _factor(self, node: AffineExpression) -> dict[int, int]:
        """A node as variables with factors; the constant under -1."""
        if isinstance(node, AffineDimension):
            return {node.position: 1}
        divisor = node.right.constant_value if isinstance(node, AffineBinary) else None
        if not isinstance(node, AffineBinary) or divisor is None or node.kind == "*":
            raise ValueError(f"{node} is not affine in dimensions of known size")
        if node.kind == "ceildiv":
            return {self._quotient(-node.left, divisor): -1}
        quotient = self._quotient(node.left, divisor)
        if node.kind == "floordiv":
            return {quotient: 1}
        terms, constant = self._linear(node.left)
        return {**terms, quotient: terms.get(quotient, 0) - divisor, -1: constant}

    def _quotient(self, numerator: AffineExpression, divisor: int, exact: bool = False) -> int:
        """The variable q with 0 <= numerator - divisor * q < divisor (or = 0)."""
        key = (numerator, divisor)
        if key not in self.quotients:
            terms, constant = self._linear(numerator)
            quotient = self.quotients[key] = self.count
            self.count += 1
            self.inequalities.append(Inequality.of({**terms, quotient: -divisor}, constant))
            most = 0 if exact else divisor - 1
            self.inequalities.append(Inequality.of({**{v: -f for v, f in terms.items()}, quotient: divisor}, most - constant))
        return self.quotients[key]


@attrs.frozen
class BoundsClaim(Claim):
    """0 <= index and index + extent <= size at every point of the domain where all guards are >= 0.

    Dimension i of the expressions is the i-th variable.  Unit of index, extent and size: whatever the access counts in.
    """

    variables: tuple[Variable, ...]
    index: AffineExpression
    size: int
    extent: int = 1
    guards: tuple[AffineExpression, ...] = ()

    def decide(self) -> Verdict:
        box = box_of(self.variables)
        if box is None:
            return proved("interval")
        low, high = interval_of(self.index, box)
        if low >= 0 and high + self.extent <= self.size:
            return proved("interval")
        system = _System(self.variables)
        for guard in self.guards:
            system.require(guard)
        if system.contradicts(-self.index - 1) and system.contradicts(self.index + self.extent - self.size - 1):
            return proved("elimination")
        if prod(high - low + 1 for low, high in box) <= _MOST_POINTS:
            witness = self._first_outside(box)
            return proved("exhaustion") if witness is None else refuted("exhaustion", witness)
        return self.decide_with_z3()

    def _first_outside(self, box: Sequence[Interval]) -> dict[str, int] | None:
        """The first point of the box that is in the domain and outside the buffer."""
        shape = tuple(high - low + 1 for low, high in box)
        grid = numpy.meshgrid(*(numpy.arange(low, high + 1) for low, high in box), indexing="ij", sparse=True)
        wrong = numpy.ones(shape, bool)
        for position, variable in enumerate(self.variables):
            value = AffineDimension(position)
            for bound in variable.lower:
                wrong = wrong & (_values(value - bound, grid) >= 0)
            for bound in variable.upper:
                wrong = wrong & (_values(bound - value, grid) > 0)
            if variable.step > 1:
                wrong = wrong & (_values(value - variable.lower[0], grid) % variable.step == 0)
        for guard in self.guards:
            wrong = wrong & (_values(guard, grid) >= 0)
        index = _values(self.index, grid)
        found = numpy.argwhere(wrong & ((index < 0) | (index + self.extent > self.size)))
        if not len(found):
            return None
        point = [low + int(i) for (low, _), i in zip(box, found[0], strict=True)]
        return {**{v.name: x for v, x in zip(self.variables, point, strict=True)}, "index": self.index.evaluate(point)}

    def negation(self, prefix: str = "") -> Negation:
        names = [symbol(f"{prefix}{variable.name}") for variable in self.variables]
        declarations = [(name, "Int") for name in names]
        limits: list[str] = []
        for name, variable in zip(names, self.variables, strict=True):
            limits += [f"(>= {name} {spell(bound, names)})" for bound in variable.lower]
            limits += [f"(< {name} {spell(bound, names)})" for bound in variable.upper]
            if variable.step > 1:
                count = symbol(f"{prefix}{variable.name}_count")
                declarations.append((count, "Int"))
                limits.append(f"(= {name} (+ {spell(variable.lower[0], names)} (* {variable.step} {count})))")
        limits += [f"(>= {spell(guard, names)} 0)" for guard in self.guards]
        index = spell(self.index, names)
        outside = disjunction([f"(< {index} 0)", f"(> (+ {index} {self.extent}) {self.size})"])
        return Negation(tuple(declarations), (*limits, outside))


def _values(expression: AffineExpression, grid: Sequence[Any]) -> NDArray[numpy.int64]:
    return numpy.asarray(expression.evaluate(grid), numpy.int64)
