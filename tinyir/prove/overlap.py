"""How closely the output of one loop nest may follow its input in the same memory.

Steps run in order; in each step all reads come before all writes.  A write must not meet a byte that a later step reads.
If the nest runs forwards and every write at step t ends at or below

    distance + the least address read at any later step

(addresses relative to the two buffers), then every placement with input - output >= distance is safe.  The least such
distance is a suffix minimum over the steps.  Run backwards, the mirror image holds for output - input.

Where every step reads and writes bytes of its own (one channel of many), the output may begin where the input does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms
from tinyir.prove.claim import Claim, Negation, Verdict, conjunction, disjunction, linear, number, proved, refuted, symbol, unknown, within
from tinyir.prove.smt_affine import dimensions_of, spell

Direction = Literal["forward", "reverse"]
_NEVER_READ = 1 << 60


@attrs.frozen
class Loop:
    """A variable that takes low, low + step, ... below high."""

    name: str
    low: int
    high: int
    step: int = 1

    @property
    def count(self) -> int:
        return max(0, -(-(self.high - self.low) // self.step))

    @property
    def last(self) -> int:
        return self.low + (self.count - 1) * self.step


@attrs.frozen
class Access:
    """`bytes` bytes from `address` on, for every value of the `inner` loops at which all `guards` are >= 0.

    Dimensions of the expressions: the loops of the nest, then the inner loops.
    """

    address: AffineExpression
    bytes: int
    inner: tuple[Loop, ...] = ()
    guards: tuple[AffineExpression, ...] = ()


@attrs.frozen
class Nest:
    """One buffer is written and one is read; a step is one iteration of all `loops` (outermost first)."""

    loops: tuple[Loop, ...]
    writes: tuple[Access, ...]
    reads: tuple[Access, ...]

    @property
    def steps(self) -> int:
        return prod(loop.count for loop in self.loops)


def _narrowed(access: Access, outer: int, greatest: bool) -> Access:
    """The access with inner loops that only shift the address replaced by the end that makes it extreme."""
    inside = {position for node in linear_terms(access.address) if not isinstance(node, AffineDimension) for position in dimensions_of(node)}
    inside |= {position for guard in access.guards for position in dimensions_of(guard)}
    terms = linear_terms(access.address)
    values: list[AffineExpression] = [AffineDimension(i) for i in range(outer)]
    kept: list[Loop] = []
    for position, loop in enumerate(access.inner, start=outer):
        if position in inside or not loop.count:
            values.append(AffineDimension(outer + len(kept)))
            kept.append(loop)
        else:
            upwards = (terms.get(AffineDimension(position), 0) > 0) == greatest
            values.append(AffineConstant(loop.last if upwards else loop.low))
    return Access(access.address.replace(values), access.bytes, tuple(kept), tuple(guard.replace(values) for guard in access.guards))


def _settled(access: Access, outer: int, greatest: bool) -> Access | None:
    """The access with groups of inner loops that depend on no step replaced by the end that makes it extreme; None if it never runs.

    Loops are of one group where a guard or a division mentions both.
    """
    terms = linear_terms(access.address)
    links = [dimensions_of(node) for node in (*terms, *access.guards)]
    address, guards, gone = access.address, list(access.guards), set[int]()
    for first in range(outer, outer + len(access.inner)):
        group = _linked(first, links)
        if first in gone or min(group) < outer:
            continue
        own = {node: factor for node, factor in terms.items() if dimensions_of(node) & group}
        value: AffineExpression = AffineConstant(0)
        for node, factor in own.items():
            value = value + node * factor
        order = sorted(group)
        place = [AffineDimension(order.index(position)) if position in group else AffineConstant(0) for position in range(outer + len(access.inner))]
        inside = [guard for guard in guards if dimensions_of(guard) & group]
        values, allowed = evaluate_over([access.inner[p - outer] for p in order], value.replace(place), [guard.replace(place) for guard in inside])
        if not allowed.any():
            return None
        address = address - value + int(values[allowed].max() if greatest else values[allowed].min())
        guards = [guard for guard in guards if guard not in inside]
        gone |= group
    kept = [position for position in range(outer, outer + len(access.inner)) if position not in gone]
    moved: list[AffineExpression] = [AffineDimension(position) for position in range(outer)]
    moved += [AffineDimension(outer + kept.index(p)) if p in kept else AffineConstant(0) for p in range(outer, outer + len(access.inner))]
    return Access(address.replace(moved), access.bytes, tuple(access.inner[p - outer] for p in kept), tuple(guard.replace(moved) for guard in guards))


def _linked(first: int, links: Sequence[frozenset[int]]) -> set[int]:
    """The dimensions that are mentioned together with one, directly or through others."""
    group = {first}
    while True:
        grown = group.union(*(link for link in links if link & group))
        if grown == group:
            return group
        group = grown


def _extremes(nest: Nest, accesses: Sequence[Access], greatest: bool) -> NDArray[numpy.int64]:
    """Per step the greatest end (or least start) of the bytes accessed; minus (plus) infinity where there are none."""
    outer = len(nest.loops)
    nothing = -_NEVER_READ if greatest else _NEVER_READ
    result = numpy.full(nest.steps, nothing, numpy.int64)
    for narrowed in (_narrowed(access, outer, greatest) for access in accesses):
        access = _settled(narrowed, outer, greatest)
        if access is None:
            continue
        addresses, allowed = evaluate_over((*nest.loops, *access.inner), access.address, access.guards)
        addresses = numpy.where(allowed, addresses + (access.bytes if greatest else 0), nothing).reshape(nest.steps, -1)
        if not addresses.shape[1]:
            continue
        result = numpy.maximum(result, addresses.max(axis=1)) if greatest else numpy.minimum(result, addresses.min(axis=1))
    return result


def evaluate_over(
    loops: Sequence[Loop], expression: AffineExpression, guards: Sequence[AffineExpression]
) -> tuple[NDArray[numpy.int64], NDArray[numpy.bool_]]:
    """The expression at every point of the loops, one axis each, and whether all guards are >= 0 there."""
    shape = tuple(loop.count for loop in loops)
    grid = numpy.meshgrid(*(loop.low + loop.step * numpy.arange(loop.count) for loop in loops), indexing="ij", sparse=True)
    allowed = numpy.ones(shape, bool)
    for guard in guards:
        allowed = allowed & (_evaluate(guard, grid) >= 0)
    return numpy.broadcast_to(_evaluate(expression, grid), shape), allowed


def _evaluate(expression: AffineExpression, grid: Sequence[Any]) -> NDArray[numpy.int64]:
    """The expression on arrays that broadcast together."""
    return numpy.asarray(expression.evaluate(grid), numpy.int64)


def _needed(nest: Nest, direction: Direction) -> NDArray[numpy.int64]:
    """For each step but the last to run, the distance that its writes need from all reads at steps that run later."""
    if direction == "forward":
        writes, reads = _extremes(nest, nest.writes, True)[:-1], _extremes(nest, nest.reads, False)
        later = numpy.minimum.accumulate(reads[::-1])[::-1][1:]
        return numpy.where((writes > -_NEVER_READ) & (later < _NEVER_READ), writes - later, -_NEVER_READ)
    writes, reads = _extremes(nest, nest.writes, False)[1:], _extremes(nest, nest.reads, True)
    later = numpy.maximum.accumulate(reads)[:-1]
    return numpy.where((writes < _NEVER_READ) & (later > -_NEVER_READ), later - writes, -_NEVER_READ)


def smallest_distance(nest: Nest, direction: Direction = "forward") -> int | None:
    """The least D such that input - output >= D (forward) or output - input >= D (reverse) is safe, in bytes.

    None: no write has a later read, so every placement is safe.  D may be negative.
    """
    if nest.steps < 2:
        return None
    needed = _needed(nest, direction)
    return int(needed.max()) if needed.max() > -_NEVER_READ else None


@attrs.frozen
class OverlapClaim(Claim):
    """No write of the nest meets a byte read later, for every placement at least `distance` apart.

    Forward: input - output >= distance.  Reverse (the nest runs backwards): output - input >= distance.
    """

    nest: Nest
    distance: int
    direction: Direction = "forward"

    def decide(self) -> Verdict:
        least = smallest_distance(self.nest, self.direction)
        if least is None or least <= self.distance:
            return proved("exhaustion")
        return refuted("exhaustion", {**self._witness(), "needed": least, "given": self.distance})

    def _witness(self) -> dict[str, int]:
        """The step of a write and a later step that reads what it may overwrite."""
        worst = int(numpy.argmax(_needed(self.nest, self.direction)))
        if self.direction == "forward":
            write = worst
            read = write + 1 + int(numpy.argmin(_extremes(self.nest, self.nest.reads, False)[write + 1 :]))
        else:
            write = worst + 1
            read = int(numpy.argmax(_extremes(self.nest, self.nest.reads, True)[:write]))
        return {**self._step("write", write), **self._step("read", read)}

    def _step(self, what: str, index: int) -> dict[str, int]:
        counts = tuple(loop.count for loop in self.nest.loops)
        places = numpy.unravel_index(index, counts) if counts else ()
        return {f"{what}_{loop.name}": loop.low + loop.step * int(i) for loop, i in zip(self.nest.loops, places, strict=True)}

    def negation(self, prefix: str = "") -> Negation:
        writer = Iteration.of(self.nest.loops, f"{prefix}write_")
        reader = Iteration.of(self.nest.loops, f"{prefix}read_")
        earlier, later = (writer, reader) if self.direction == "forward" else (reader, writer)
        limits = [*writer.limits, *reader.limits]

        def meets(write: Access, written: str, read: Access, seen: str) -> list[str]:
            if self.direction == "forward":
                return [f"(< (+ {seen} {number(self.distance)}) (+ {written} {write.bytes}))"]
            return [f"(< (+ {written} {number(self.distance)}) (+ {seen} {read.bytes}))"]

        declarations, meetings = _meetings(self.nest, writer, reader, meets, prefix)
        return Negation(tuple(declarations), (*limits, _before(earlier.counters, later.counters), disjunction(meetings)))


def _meetings(
    nest: Nest, writer: Iteration, reader: Iteration, meets: Callable[[Access, str, Access, str], list[str]], prefix: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """What is declared, and for each write and each read the condition under which both are made, and `meets` holds of their addresses."""
    declarations, found = [*writer.declarations, *reader.declarations], []
    for w, write in enumerate(nest.writes):
        for r, read in enumerate(nest.reads):
            at_write = Iteration.of(write.inner, f"{prefix}w{w}_{r}_")
            at_read = Iteration.of(read.inner, f"{prefix}r{w}_{r}_")
            declarations += [*at_write.declarations, *at_read.declarations]
            places = (*writer.values, *at_write.values), (*reader.values, *at_read.values)
            guards = [f"(>= {spell(g, values)} 0)" for access, values in zip((write, read), places, strict=True) for g in access.guards]
            met = meets(write, spell(write.address, places[0]), read, spell(read.address, places[1]))
            found.append(conjunction([*at_write.limits, *at_read.limits, *guards, *met]))
    return declarations, found


MOST_TOUCHED = 1 << 21
"""Accesses to bytes up to which a nest is looked at one by one."""


@attrs.frozen
class InPlaceClaim(Claim):
    """The two buffers may begin at one address: no byte that is written at one step is read at another one, in whatever order they run."""

    nest: Nest

    @property
    def touched(self) -> int:
        """How many accesses to bytes there are."""
        return self.nest.steps * sum(prod(loop.count for loop in access.inner) * access.bytes for access in (*self.nest.writes, *self.nest.reads))

    def decide(self) -> Verdict:
        if self.touched > MOST_TOUCHED:
            return unknown("exhaustion", f"{self.touched} accesses are more than {MOST_TOUCHED}")
        reads = [self._touches(access) for access in self.nest.reads]
        low = min((int(bytes.min(initial=0)) for bytes, _ in reads), default=0)
        end = max((int(bytes.max(initial=low)) for bytes, _ in reads), default=low) + 1
        first, last = numpy.full(end - low, _NEVER_READ, numpy.int64), numpy.full(end - low, -1, numpy.int64)
        for bytes, steps in reads:
            numpy.minimum.at(first, bytes - low, steps)
            numpy.maximum.at(last, bytes - low, steps)
        for bytes, steps in (self._touches(access) for access in self.nest.writes):
            seen = (bytes >= low) & (bytes < end)
            bytes, steps = bytes[seen], steps[seen]
            wrong = (last[bytes - low] >= 0) & ((first[bytes - low] != steps) | (last[bytes - low] != steps))
            if wrong.any():
                place = int(numpy.argmax(wrong))
                step, byte = int(steps[place]), int(bytes[place])
                other = first if first[byte - low] != step else last
                return refuted("exhaustion", {"byte": byte, "write": step, "read": int(other[byte - low])})
        return proved("exhaustion")

    def _touches(self, access: Access) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64]]:
        """The bytes of an access, and the number of the step at which each is touched."""
        addresses, allowed = evaluate_over((*self.nest.loops, *access.inner), access.address, access.guards)
        number = numpy.arange(self.nest.steps).reshape(*(loop.count for loop in self.nest.loops), *(1 for _ in access.inner))
        steps = numpy.broadcast_to(number, addresses.shape)[allowed]
        bytes = addresses[allowed]
        return numpy.concatenate([bytes + each for each in range(access.bytes)]), numpy.concatenate([steps] * access.bytes)

    def negation(self, prefix: str = "") -> Negation:
        writer = Iteration.of(self.nest.loops, f"{prefix}write_")
        reader = Iteration.of(self.nest.loops, f"{prefix}read_")

        def meets(write: Access, written: str, read: Access, seen: str) -> list[str]:
            return [f"(< {seen} (+ {written} {write.bytes}))", f"(< {written} (+ {seen} {read.bytes}))"]

        declarations, meetings = _meetings(self.nest, writer, reader, meets, prefix)
        apart = disjunction([f"(distinct {a} {b})" for a, b in zip(writer.counters, reader.counters, strict=True)])
        return Negation(tuple(declarations), (*writer.limits, *reader.limits, apart, disjunction(meetings)))


@attrs.frozen
class Iteration:
    """One symbolic iteration of some loops: a counter per loop and the value of its variable."""

    counters: tuple[str, ...]
    values: tuple[str, ...]
    declarations: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]

    @classmethod
    def of(cls, loops: Sequence[Loop], prefix: str) -> Iteration:
        counters = tuple(symbol(f"{prefix}{loop.name}") for loop in loops)
        values = tuple(linear([(loop.step, name)], loop.low) for loop, name in zip(loops, counters, strict=True))
        limits = tuple(within(name, 0, loop.count - 1) for loop, name in zip(loops, counters, strict=True))
        return cls(counters, values, tuple((name, "Int") for name in counters), limits)


def _before(first: Sequence[str], second: Sequence[str]) -> str:
    """The first iteration comes before the second in lexicographic order."""
    cases = []
    for depth in range(len(first)):
        equal = [f"(= {a} {b})" for a, b in zip(first[:depth], second[:depth], strict=True)]
        cases.append(conjunction([*equal, f"(< {first[depth]} {second[depth]})"]))
    return disjunction(cases)
