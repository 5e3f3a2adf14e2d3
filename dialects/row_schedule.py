"""When each row of several nests is made if they run together, row by row, and how many rows of each tensor must be kept.

Row x of nest n is made at step period_n * x + delay_n: a nest behind a stride of 2 makes a row every second step.  Periods
follow from how far the windows move; delays are the least at which every row has been made before it is read, and those of
nests that read nothing of the group the greatest, so that their rows do not wait.  Several such steps may be one: within it each
nest makes all of its rows before the next nest does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.dialects.row_nests import RowNest, RowRead
from tinyir.ir.operation import Value

Rows = NDArray[numpy.int64]


@attrs.frozen(eq=False)
class Timing:
    """A nest's blocks of `rows` rows come at steps period * block + delay; block 0 begins `shift` rows before row 0."""

    period: int
    delay: int
    rows: int = 1
    shift: int = 0

    def step(self, row: int) -> int:
        return self.period * ((row + self.shift) // self.rows) + self.delay

    def steps(self, rows: Rows) -> Rows:
        return self.period * ((rows + self.shift) // self.rows) + self.delay

    def made(self, steps: Rows) -> Rows:
        """How many rows there are, of any number, once steps are done."""
        return ((steps - self.delay) // self.period + 1) * self.rows - self.shift

    def blocks(self, rows: int) -> int:
        return -(-(rows + self.shift) // self.rows)

    def together(self, steps: int) -> Timing | None:
        """The same where so many steps are one; None if some have more rows than others."""
        if steps % self.period == 0:
            rows = steps // self.period
            delay, shift = divmod(self.delay // self.period, rows)
            return Timing(1, delay, rows, shift)
        return Timing(self.period // steps, self.delay // steps) if self.period % steps == 0 else None


@attrs.frozen(eq=False)
class RowSchedule:
    """Of a group of nests: when they run, within `steps` steps, and the rows that each tensor between them needs (its ring).

    `passing`: the rings whose rows are all read in the step that makes them; with the nest that makes and the last that reads them.
    """

    nests: tuple[RowNest, ...]
    timings: tuple[Timing, ...]
    steps: int
    rings: Mapping[Value, int]
    passing: Mapping[Value, tuple[int, int]]


Link = tuple[int, int, RowRead]


@attrs.frozen(eq=False)
class RowPace:
    """How nests follow each other in a stream, however many of its steps are one: the links from makers to readers, and of each nest period and delay."""

    nests: tuple[RowNest, ...]
    makers: Mapping[Value, list[int]]
    links: Sequence[Link]
    periods: Sequence[int]
    delays: Sequence[int]


def row_pace(nests: Sequence[RowNest]) -> RowPace | None:
    """Of nests in the order of the program; None if their windows do not move together, or some are not linked.

    Several nests may make parts of the rows of one tensor.
    """
    makers: dict[Value, list[int]] = {}
    for number, nest in enumerate(nests):
        if not nest.carries_sums:
            makers.setdefault(nest.tensor, []).append(number)
    links = [(maker, number, read) for number, nest in enumerate(nests) for read in nest.reads for maker in makers.get(read.tensor, ())]
    periods = _periods(len(nests), links)
    return RowPace(tuple(nests), makers, links, periods, _delays(periods, links)) if periods is not None else None


def row_schedule(pace: RowPace, rings: Sequence[Value], together: int = 1) -> RowSchedule | None:
    """The schedule of nests, so many steps in one; None if they do not fit into each other so.

    `rings`: the tensors that nothing but the nests reads.
    """
    nests, links = pace.nests, pace.links
    timed = [Timing(period, delay).together(together) for period, delay in zip(pace.periods, pace.delays, strict=True)]
    timings = tuple(timing for timing in timed if timing is not None)
    if len(timings) < len(timed):
        return None
    steps = max(timing.step(nest.rows - 1) for timing, nest in zip(timings, nests, strict=True)) + 1
    lengths = dict.fromkeys(rings, 1)
    for maker, reader, read in links:
        if read.tensor in lengths:
            lengths[read.tensor] = max(lengths[read.tensor], _kept(timings[maker], nests[maker].rows, timings[reader], read))
    passing: dict[Value, tuple[int, int]] = {}
    for tensor in rings:
        using = [(maker, reader, read) for maker, reader, read in links if read.tensor is tensor]
        if using and all(_passes(timings[maker], timings[reader], read) for maker, reader, read in using):
            passing[tensor] = pace.makers[tensor][0], max(reader for _, reader, _ in using)
    kept = {tensor: min(length, nests[pace.makers[tensor][0]].rows) for tensor, length in lengths.items()}
    return RowSchedule(nests, timings, steps, kept, passing)


def _periods(count: int, links: Sequence[Link]) -> list[int] | None:
    """Whole numbers without a common factor such that a reader's is its maker's times the slope of its window."""
    found: dict[int, Fraction] = {0: Fraction(1)}
    pending = [0]
    while pending:
        current = pending.pop()
        for maker, reader, read in links:
            if read.slope <= 0:
                return None
            for known, other, period in ((maker, reader, read.slope), (reader, maker, 1 / read.slope)):
                if known == current and other not in found:
                    found[other] = found[known] * period
                    pending.append(other)
    if len(found) < count or any(found[reader] != found[maker] * read.slope for maker, reader, read in links):
        return None
    scale = lcm(*(period.denominator for period in found.values()))
    whole = [int(found[number] * scale) for number in range(count)]
    common = gcd(*whole)
    return [period // common for period in whole]


def _delays(periods: Sequence[int], links: Sequence[Link]) -> list[int]:
    """The least delays that the links allow, sources as late as they may be; the first step is 0."""
    delays = [0] * len(periods)
    sources = [number for number in range(len(periods)) if all(reader != number for _, reader, _ in links)]
    lags = [int(periods[maker] * read.ahead) for maker, _, read in links]
    for number in range(len(periods)):
        bounds = [delays[maker] + lag for (maker, reader, _), lag in zip(links, lags, strict=True) if reader == number]
        delays[number] = max(bounds, default=0)
    for source in sources:
        latest = [delays[reader] - lag for (maker, reader, _), lag in zip(links, lags, strict=True) if maker == source]
        delays[source] = min(latest, default=delays[source])
    least = min(delays)
    return [delay - least for delay in delays]


def _passes(maker: Timing, reader: Timing, read: RowRead) -> bool:
    """Whether every row is read in the step that makes it, and in no other."""
    rows = read.runs
    steps = reader.steps(rows)
    return bool((maker.steps(read.first[rows]) == steps).all() and (maker.steps(read.last[rows]) == steps).all())


def _kept(maker: Timing, rows: int, reader: Timing, read: RowRead) -> int:
    """The rows that must be there so that none is folded over before its last read: from the first that is read to the last that was made."""
    runs = read.runs
    newest = numpy.minimum(maker.made(reader.steps(runs)), rows)
    return int((newest - read.first[runs]).max(initial=1))
