"""Scalars as sums of terms: what a nest computes, with one value for each iteration of the loops around it.

A term is a product of factors (numbers, as grids over the loops) and of at most two unknowns, summed up over some axes: elements of
tensors that other nests define, or nodes: operations of which nothing is known but that equal operands give equal results.
A value of an integer type is its terms modulo a power of two.  Where `fits` is set it is their exact sum: it has not been wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod

import attrs
import numpy

from tinyir.prove.grids import Axes, Grid, joined, wrapped

Interval = tuple[int, int]
Extents = Mapping[int, int]
MOST_UNKNOWNS = 2
SUMS_BITS = 32
"""Of values as wide as this it depends on how a nest is written whether bounds of its terms say that they fit: they are not asked."""


class UndecidedError(Exception):
    """Why two nests cannot be compared."""


@attrs.frozen(eq=False)
class Elements:
    """Elements of tensors by their numbers among all elements, and the bounds of their type."""

    numbers: Grid
    bounds: Interval

    @property
    def axes(self) -> Axes:
        return self.numbers.axes


@attrs.frozen(eq=False)
class Node:
    """An operation on values.  A fold binds an axis and placeholders (`binds`, by number) for what the iteration before gives.

    `placeholders`: those that it depends on and that are bound outside of it.
    """

    name: str
    details: str
    bits: int
    operands: tuple[Value, ...] = ()
    axis: int | None = None
    binds: tuple[int, ...] = ()
    placeholders: frozenset[int] = frozenset()

    @property
    def axes(self) -> Axes:
        return tuple(axis for axis in joined(operand.axes for operand in self.operands) if axis != self.axis)


@attrs.frozen(eq=False)
class Term:
    """The product of unknowns and factors, summed up over some axes."""

    unknowns: tuple[Elements | Node, ...]
    factors: tuple[Grid, ...]
    sums: frozenset[int] = frozenset()

    @property
    def axes(self) -> Axes:
        every = joined([*(unknown.axes for unknown in self.unknowns), *(factor.axes for factor in self.factors)])
        return tuple(axis for axis in every if axis not in self.sums)

    @property
    def is_number(self) -> bool:
        return not self.unknowns and not self.sums

    @property
    def is_linear(self) -> bool:
        """Whether all unknowns are elements."""
        return all(isinstance(unknown, Elements) for unknown in self.unknowns)

    def times(self, other: Term, extents: Extents) -> Term:
        if (self.sums and set(self.sums) & {*other.axes}) or (other.sums and set(other.sums) & {*self.axes}) or self.sums & other.sums:
            raise UndecidedError("a product of sums over one loop")
        if len(self.unknowns) + len(other.unknowns) > MOST_UNKNOWNS:
            raise UndecidedError(f"a product of more than {MOST_UNKNOWNS} unknowns")
        return Term((*self.unknowns, *other.unknowns), gathered((*self.factors, *other.factors)), self.sums | other.sums)

    def interval(self, extents: Extents) -> Interval:
        """Bounds of the exact sum."""
        low, high = 1, 1
        for least, greatest in (*map(_bounds, self.unknowns), *map(_extremes, self.factors)):
            ends = [a * b for a in (low, high) for b in (least, greatest)]
            low, high = min(ends), max(ends)
        count = prod(extents[axis] for axis in self.sums)
        return low * count, high * count


@attrs.frozen(eq=False)
class Value:
    """A sum of terms.  `bits` of its type (0: no integer; then it is one unknown)."""

    bits: int
    terms: tuple[Term, ...]
    fits: bool = False

    @classmethod
    def number(cls, grid: Grid, bits: int) -> Value:
        return cls(bits, (Term((), (Grid(grid.axes, wrapped(grid.data, bits)),)),), True)

    @classmethod
    def unknown(cls, unknown: Elements | Node, bits: int) -> Value:
        return cls(bits, (Term((unknown,), ()),), bits > 0)

    @property
    def axes(self) -> Axes:
        return joined(term.axes for term in self.terms)

    @property
    def constant(self) -> Grid | None:
        """The number that it is, if it is one."""
        if not self.terms:
            return Grid.number(0)
        return self.terms[0].factors[0] if len(self.terms) == 1 and self.terms[0].is_number and len(self.terms[0].factors) == 1 else None

    @property
    def placeholders(self) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for term in self.terms:
            for unknown in term.unknowns:
                if isinstance(unknown, Node):
                    found |= unknown.placeholders
        return found

    def interval(self, extents: Extents) -> Interval:
        ends = [term.interval(extents) for term in self.terms]
        return sum(low for low, _ in ends), sum(high for _, high in ends)

    def fits_in(self, bits: int, extents: Extents) -> bool:
        """Whether the exact sum of the terms is a number of so many bits."""
        if self.fits and bits >= self.bits:
            return True
        low, high = self.interval(extents)
        return low >= -(1 << bits - 1) and high < 1 << bits - 1


def gathered(factors: Iterable[Grid]) -> tuple[Grid, ...]:
    """As few factors as there can be without one that depends on more axes than any of them."""
    found: list[Grid] = []
    for factor in sorted(factors, key=lambda each: -len(each.axes)):
        axes = set(factor.axes)
        place = next((n for n, each in enumerate(found) if axes <= set(each.axes)), None)
        if place is None:
            found.append(factor)
        elif factor.scalar != 1:
            found[place] = found[place] * factor
    return tuple(found) if len(found) != 1 or found[0].scalar != 1 else ()


def added(first: Value, second: Value, sign: int = 1) -> Value:
    """The sum, or the difference if `sign` is -1."""
    others = second.terms if sign == 1 else tuple(attrs.evolve(t, factors=gathered((*t.factors, Grid.number(-1))) or (Grid.number(1),)) for t in second.terms)
    numbers = [term for term in (*first.terms, *others) if term.is_number]
    rest = tuple(term for term in (*first.terms, *others) if not term.is_number)
    if not numbers:
        return Value(first.bits, rest)
    total = _product(numbers[0].factors)
    for term in numbers[1:]:
        total = total + _product(term.factors)
    total = Grid(total.axes, wrapped(total.data, first.bits))
    if rest and total.scalar == 0:
        return Value(first.bits, rest)
    return Value(first.bits, (*rest, Term((), (total,))), not rest)


def multiplied(first: Value, second: Value, extents: Extents) -> Value:
    """The product."""
    terms = tuple(a.times(b, extents) for a in first.terms for b in second.terms)
    if all(term.is_number for term in terms):
        total = Grid.number(0)
        for term in terms:
            total = total + _product(term.factors)
        return Value.number(total, first.bits)
    return Value(first.bits, terms)


def _product(factors: Sequence[Grid]) -> Grid:
    found = Grid.number(1)
    for factor in factors:
        found = found * factor
    return found


def masked(value: Value, mask: Grid) -> Value:
    """The value where the mask holds, else zero."""
    truth = Grid(mask.axes, mask.data.astype(numpy.int64))
    terms = tuple(attrs.evolve(term, factors=gathered((*term.factors, truth))) for term in value.terms)
    number = value.constant
    return Value.number(number * truth, value.bits) if number is not None else Value(value.bits, terms, value.fits)


def summed(value: Value, axis: int, mask: Grid | None, extents: Extents) -> Value:
    """The sum over all iterations of a loop at which the mask holds."""
    inside = value if mask is None else masked(value, mask)
    terms = []
    for term in inside.terms:
        if term.is_number:
            total = _summed(_product(term.factors), axis, extents[axis])
            terms.append(Term((), (Grid(total.axes, wrapped(total.data, value.bits)),)))
        else:
            terms.append(attrs.evolve(term, sums=term.sums | {axis}))
    return Value(value.bits, tuple(terms))


def _summed(grid: Grid, axis: int, extent: int) -> Grid:
    if axis not in grid.axes:
        return grid * extent
    place = grid.axes.index(axis)
    return Grid(tuple(other for other in grid.axes if other != axis), grid.data.sum(axis=place))


Change = Callable[[Grid], Grid]


def changed(value: Value, change: Change, axes: Mapping[int, int] | None = None, placeholders: Mapping[int, int] | None = None) -> Value:
    """The value with other grids; bound axes and placeholders renamed."""
    axes, placeholders = axes or {}, placeholders or {}

    def node(old: Node) -> Node:
        binds = tuple(placeholders.get(each, each) for each in old.binds)
        free = frozenset(placeholders.get(each, each) for each in old.placeholders)
        details = str(next(iter(free))) if old.name == PLACEHOLDER else old.details
        operands = tuple(changed(operand, change, axes, placeholders) for operand in old.operands)
        axis = old.axis if old.axis is None else axes.get(old.axis, old.axis)
        return attrs.evolve(old, details=details, operands=operands, binds=binds, placeholders=free, axis=axis)

    terms = []
    for term in value.terms:
        unknowns = tuple(attrs.evolve(u, numbers=change(u.numbers)) if isinstance(u, Elements) else node(u) for u in term.unknowns)
        sums = frozenset(axes.get(axis, axis) for axis in term.sums)
        terms.append(Term(unknowns, tuple(change(factor) for factor in term.factors), sums))
    return attrs.evolve(value, terms=tuple(terms))


PLACEHOLDER = "placeholder"


def placeholder(number: int, bits: int) -> Value:
    """What the iteration before gives."""
    return Value.unknown(Node(PLACEHOLDER, str(number), bits, placeholders=frozenset({number})), bits)


def _bounds(unknown: Elements | Node) -> Interval:
    if isinstance(unknown, Elements):
        return unknown.bounds
    return (-(1 << unknown.bits - 1), (1 << unknown.bits - 1) - 1) if unknown.bits else (0, 0)


def _extremes(factor: Grid) -> Interval:
    return (int(factor.data.min()), int(factor.data.max())) if factor.data.size else (0, 0)
