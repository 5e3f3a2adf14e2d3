"""Every row of a ring is read after it was defined and before another row is folded over it.

A ring keeps row x of a tensor in place x mod `length`.  One loop of steps defines rows and reads them; a step defines all its
rows before it reads them (or reads before it defines, where both happen element by element in the same order).
Row x may be read at step t if

    define(x) <= t   and   every other row that shares its place, x + k * length with k >= 1, is defined after t.

With rows defined in increasing order that is all there is to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.ir.affine import AffineExpression
from tinyir.prove.claim import Claim, Negation, Verdict, conjunction, disjunction, proved, refuted, symbol
from tinyir.prove.overlap import Access, Iteration, Loop, evaluate_over
from tinyir.prove.smt_affine import spell

Pairs = NDArray[numpy.int64]
"""Distinct (step, row) pairs in increasing order."""


@attrs.frozen
class RingRead:
    """The rows that one read touches; dimension 0 is the step, then come the access's inner loops.

    `before_define`: within a step it comes before what the step defines.
    """

    access: Access
    before_define: bool = False


@attrs.frozen
class RingClaim(Claim):
    """No read of a ring meets a row that is not there yet, or no longer.

    `define`: as the reads, the rows that a step defines.  `witness`: the step and then the inner loops of `define` at which
    row d0 is defined.  Rows below `initial` are defined before the first step, rows at and above `final` are read after the last.
    `per_step`: the ring does not outlive a step.
    """

    steps: Loop
    length: int
    define: Access
    witness: tuple[AffineExpression, ...]
    reads: tuple[RingRead, ...]
    initial: int = 0
    final: tuple[int, ...] = ()
    per_step: bool = False

    # -- by looking at every step

    def decide(self) -> Verdict:
        defined = _pairs(self.steps, self.define)
        defined = numpy.concatenate([[(self.steps.low - 1, row) for row in range(self.initial)], defined]) if self.initial else defined
        backwards = numpy.flatnonzero(numpy.diff(defined[:, 1]) <= 0)
        if len(backwards):
            step, row = defined[backwards[0] + 1]
            return refuted("exhaustion", {"step": int(step), "row": int(row), "after_row": int(defined[backwards[0], 1])})
        for read, pairs in self._all_reads():
            witness = self._broken(defined, pairs, read.before_define)
            if witness is not None:
                return refuted("exhaustion", witness)
        return proved("exhaustion")

    def _all_reads(self) -> Iterable[tuple[RingRead, Pairs]]:
        for read in self.reads:
            yield read, _pairs(self.steps, read.access)
        yield RingRead(self.define), numpy.array([(self.steps.high, row) for row in self.final], numpy.int64).reshape(-1, 2)

    def _broken(self, defined: Pairs, reads: Pairs, before_define: bool) -> dict[str, int] | None:
        """The first read of a row that is not in its place."""
        if not len(reads):
            return None
        place = numpy.searchsorted(defined[:, 1], reads[:, 1])
        found = defined[numpy.minimum(place, len(defined) - 1)]
        known = (place < len(defined)) & (found[:, 1] == reads[:, 1]) & (found[:, 0] < reads[:, 0] + (not before_define))
        if self.per_step:
            known &= found[:, 0] == reads[:, 0]
        latest = numpy.searchsorted(defined[:, 0], reads[:, 0], side="left" if before_define else "right") - 1
        newest = defined[numpy.maximum(latest, 0), 1]
        folded = _sharing(defined[:, 1], reads[:, 1], newest, self.length)
        wrong = numpy.flatnonzero(~known | folded)
        if not len(wrong):
            return None
        step, row = (int(v) for v in reads[wrong[0]])
        return {"step": step, "row": row, "newest_row": int(newest[wrong[0]]), "length": self.length}

    # -- for z3

    def negation(self, prefix: str = "") -> Negation:
        declarations: list[tuple[str, str]] = []
        broken = [self._out_of_order(prefix, declarations)]
        for number, read in enumerate(self.reads):
            broken += self._misread(f"{prefix}{number}_", read, declarations)
        broken += [self._lost_at_the_end(f"{prefix}final{row}_", row, declarations) for row in self.final]
        return Negation(tuple(declarations), (disjunction(broken),))

    def _instance(self, access: Access, prefix: str, declarations: list[tuple[str, str]]) -> tuple[str, str, list[str]]:
        """Step and row of one symbolic access, and what holds there."""
        at = Iteration.of((self.steps, *access.inner), prefix)
        declarations += at.declarations
        return at.values[0], spell(access.address, at.values), [*at.limits, *(f"(>= {spell(guard, at.values)} 0)" for guard in access.guards)]

    def _out_of_order(self, prefix: str, declarations: list[tuple[str, str]]) -> str:
        first = self._instance(self.define, f"{prefix}first_", declarations)
        second = self._instance(self.define, f"{prefix}second_", declarations)
        wrong = disjunction([conjunction([f"(< {first[1]} {second[1]})", f"(> {first[0]} {second[0]})"]), f"(< {first[1]} {self.initial})"])
        return conjunction([*first[2], *second[2], wrong])

    def _misread(self, prefix: str, read: RingRead, declarations: list[tuple[str, str]]) -> list[str]:
        """A read of a row whose definition comes too late, and one of a row over which another was folded."""
        less = "<" if read.before_define else "<="
        step, row, there = self._instance(read.access, f"{prefix}read_", declarations)
        missing = conjunction([*there, f"(>= {row} {self.initial})", f"(not {self._is_defined(row, step, '=' if self.per_step else less)})"])
        return [missing, self._folded(prefix, step, row, there, less, declarations)]

    def _lost_at_the_end(self, prefix: str, row: int, declarations: list[tuple[str, str]]) -> str:
        end = str(self.steps.high)
        missing = f"(not {self._is_defined(str(row), end, '<')})" if row >= self.initial else "false"
        return disjunction([missing, self._folded(prefix, end, str(row), [], "<", declarations)])

    def _folded(self, prefix: str, step: str, row: str, there: Sequence[str], less: str, declarations: list[tuple[str, str]]) -> str:
        write, over, done = self._instance(self.define, f"{prefix}write_", declarations)
        turns = symbol(f"{prefix}turns")
        declarations.append((turns, "Int"))
        return conjunction([*there, *done, f"({less} {write} {step})", f"(>= {turns} 1)", f"(= {over} (+ {row} (* {self.length} {turns})))"])

    def _is_defined(self, row: str, step: str, less: str) -> str:
        """The witness is an iteration that defines the row in time."""
        values = [spell(expression, [row]) for expression in self.witness]
        limits = []
        for loop, value in zip((self.steps, *self.define.inner), values, strict=True):
            limits += [f"(<= {loop.low} {value})", f"(< {value} {loop.high})"]
        limits += [f"(>= {spell(guard, values)} 0)" for guard in self.define.guards]
        return conjunction([*limits, f"(= {spell(self.define.address, values)} {row})", f"({less} {values[0]} {step})"])


def _pairs(steps: Loop, access: Access) -> Pairs:
    """All distinct (step, row) pairs of an access."""
    rows, allowed = evaluate_over((steps, *access.inner), access.address, access.guards)
    shape = rows.shape
    at = numpy.broadcast_to((steps.low + steps.step * numpy.arange(steps.count)).reshape((-1,) + (1,) * (len(shape) - 1)), shape)
    return numpy.unique(numpy.stack([at[allowed], rows[allowed]], axis=1), axis=0).astype(numpy.int64).reshape(-1, 2)


def _sharing(rows: NDArray[numpy.int64], read: NDArray[numpy.int64], newest: NDArray[numpy.int64], length: int) -> NDArray[numpy.bool_]:
    """Whether a row in the place of the one read, and above it, is among the rows up to the newest."""
    folded = numpy.zeros(len(read), numpy.bool_)
    for turns in range(int(max((newest - read).max() // length, 0))):
        place = read + (turns + 1) * length
        position = numpy.minimum(numpy.searchsorted(rows, place), len(rows) - 1)
        folded |= (place <= newest) & (rows[position] == place)
    return folded

