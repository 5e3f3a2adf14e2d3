"""Accesses to elements of a tensor, each at a time, and how formulas for z3 speak of them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.ir.affine import AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.prove.bounds import Variable, box_of
from tinyir.prove.claim import conjunction, disjunction, number, symbol
from tinyir.prove.digits import digits
from tinyir.prove.smt_affine import spell


@attrs.frozen
class Condition:
    """All constraints are >= 0; or, if it does not hold, not all of them are."""

    constraints: tuple[AffineExpression, ...]
    holds: bool = True


@attrs.frozen
class ElementAccess:
    """The elements at `indices`, each accessed at `time`, for all values of the variables at which the conditions are met.

    Components of the time: numbers, variables, or (for loops that run backwards) negated variables, outermost first.
    """

    time: tuple[AffineExpression, ...]
    indices: tuple[AffineExpression, ...]
    variables: tuple[Variable, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def mentioned(self) -> set[int]:
        """The variables in indices and conditions."""
        expressions = [*self.indices, *(constraint for condition in self.conditions for constraint in condition.constraints)]
        return {position for expression in expressions for position in used_dimensions(expression)}


def instance(access: ElementAccess, prefix: str) -> tuple[list[str], list[str]]:
    """The names of the variables of one symbolic access, and what holds there."""
    names = [symbol(f"{prefix}{place}_{variable.name}") for place, variable in enumerate(access.variables)]
    limits: list[str] = []
    for name, variable in zip(names, access.variables, strict=True):
        limits += [f"(>= {name} {spell(bound, names)})" for bound in variable.lower]
        limits += [f"(< {name} {spell(bound, names)})" for bound in variable.upper]
        limits += [f"(= (mod (- {name} {spell(variable.lower[0], names)}) {variable.step}) 0)"] if variable.step > 1 else []
    for condition in access.conditions:
        met = conjunction([f"(>= {spell(constraint, names)} 0)" for constraint in condition.constraints])
        limits.append(met if condition.holds else f"(not {met})")
    return names, limits


def iteration(access: ElementAccess, names: Sequence[str], indices: Sequence[str]) -> dict[int, str]:
    """Values of variables at which an element is accessed, and first, if it is accessed at all; those that nothing tells are left out.

    Where an index counts variables as digits, they follow from it.  Of a variable that makes no difference but to the time, the
    earliest value is as good as any.
    """
    box = box_of(access.variables)
    if box is None:
        return {}
    known: dict[int, str] = {}
    for expression, index in zip(access.indices, indices, strict=True):
        rest = index
        for factor, position, low in digits(expression, box) or ():
            if position not in known:
                above = f"(- {rest} {number(low)})" if low else rest
                known[position] = f"(div {above} {factor})" if factor > 1 else above
            rest = f"(- {rest} (* {factor} {names[position]}))"
    mentioned = access.mentioned() | {p for variable in access.variables for bound in (*variable.lower, *variable.upper) for p in used_dimensions(bound)}
    for position, variable in enumerate(access.variables):
        if position in known or position in mentioned or not is_constant(variable):
            continue
        directions = {linear_terms(component).get(AffineDimension(position)) for component in access.time if position in used_dimensions(component)}
        if directions <= {1} or directions == {-1}:
            known[position] = number(box[position][directions == {-1}])
    return known


def equalities(some: Sequence[AffineExpression], names: Sequence[str], others: Sequence[AffineExpression], spelled: Sequence[str]) -> list[str]:
    return [f"(= {spell(a, names)} {spell(b, spelled)})" for a, b in zip(some, others, strict=True)]


def earlier(time: Sequence[AffineExpression], names: Sequence[str], other: Sequence[AffineExpression], others: Sequence[str]) -> str:
    """One time comes before another."""
    equal = equalities(time, names, other, others)
    return disjunction([conjunction([*equal[:n], f"(< {spell(a, names)} {spell(b, others)})"]) for n, (a, b) in enumerate(zip(time, other, strict=True))])


def range_of(variable: Variable) -> range | None:
    """Its values if its bounds are numbers."""
    lower, upper = ([bound.constant_value for bound in bounds] for bounds in (variable.lower, variable.upper))
    lows, highs = [low for low in lower if low is not None], [high for high in upper if high is not None]
    return range(max(lows), min(highs), variable.step) if len(lows) == len(lower) and len(highs) == len(upper) else None


def is_constant(variable: Variable) -> bool:
    return range_of(variable) is not None
