"""Which neighbouring nests run together, row by row, so that the peak of memory is least: a partition of a function's root.

The bytes of one group are those of all tensors that live while it runs: whole ones, rings for what is made and used inside of it,
and less what an input that dies and an output that is born may share, row by row.  Among the partitions of the least peak that
one wins which streams the fewest nests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy

from tinyir.dialects import loop
from tinyir.dialects.row_nests import RowNest, RowRead, is_constant, row_bytes, row_elements, row_nest, stored, tensor_bytes
from tinyir.dialects.row_schedule import RowSchedule, Timing, row_schedule
from tinyir.ir.attributes import element_bytes
from tinyir.ir.operation import Operation, Value

LONGEST_GROUP = 32
"""Nests that run together at most: what there is to gain is gained by then, and planning stays linear in their number."""
Shared = tuple[int, int, int]
"""Of two tensors, for each the bytes of its rows, and how far the output's must stay behind the input's."""


@attrs.frozen(eq=False)
class Stage:
    """An operation at the root that reads or defines tensors."""

    root: Operation
    reads: tuple[Value, ...]
    defines: tuple[Value, ...]
    nest: RowNest | None


@attrs.frozen(eq=False)
class Group:
    """Stages `first` to `last` (inclusive); `schedule` is None where a stage stands alone, as it is.

    `bytes`: what lives while it runs; `apart`: the same if no input shares bytes with an output.
    """

    first: int
    last: int
    schedule: RowSchedule | None
    bytes: int
    apart: int


class RowGroups:
    """The stages of one function, and what running some of them together costs."""

    def __init__(self, function: Operation) -> None:
        self.stages = [stage for operation in function.body if (stage := _stage(operation)) is not None]
        self.lives = _lives(function, self.stages)
        self.bound = 1 << 62
        self.alive_at: list[list[Value]] = [[] for _ in self.stages]
        for tensor, (born, dies) in self.lives.items():
            for number in range(max(born, 0), min(dies, len(self.stages) - 1) + 1):
                self.alive_at[number].append(tensor)
        self.reshaped = {stored(o.result) for o in function.body if o.name == "loop.reshape"}

    def peak(self, streamed: bool) -> int:
        """The most bytes that live at once: of the best groups, or of the stages one after the other."""
        groups = [group.bytes for group in self.best()] if streamed else [self._bytes(stage, stage, None)[0] for stage in range(len(self.stages))]
        return max(groups, default=0)

    def shared_bytes(self, stage: int, given: Value, made: Value) -> int:
        """The bytes that an input which dies in a stage and an output which is born there may share."""
        return self._common(stage, stage, None, given, made)

    def best(self) -> list[Group]:
        """The groups that cover all stages in order."""
        count = len(self.stages)
        self.bound = max((self._bytes(stage, stage, None)[0] for stage in range(count)), default=0)
        groups = [self._ending_at(last) for last in range(count)]
        peak = [0] * (count + 1)
        for last in range(count):
            peak[last + 1] = min(max(peak[group.first], group.bytes) for group in groups[last])
        chosen: list[Group] = []
        streamed = [0] + [1 << 30] * count
        choice: list[Group | None] = [None] * (count + 1)
        for last in range(count):
            for group in groups[last]:
                cost = streamed[group.first] + (group.last - group.first + 1 if group.schedule is not None else 0)
                if group.bytes <= peak[count] and cost < streamed[last + 1]:
                    streamed[last + 1], choice[last + 1] = cost, group
        end = count
        while end:
            best = choice[end]
            assert best is not None
            chosen.append(best)
            end = best.first
        return chosen[::-1]

    def _ending_at(self, last: int) -> list[Group]:
        """All groups whose last stage is this one."""
        found = [Group(last, last, None, *self._bytes(last, last, None))]
        for first in range(last, max(last - LONGEST_GROUP, -1), -1):
            if self.stages[first].nest is None:
                break
            group = self._group(first, last) if first < last else None
            if group is not None and group.schedule is not None:
                found.append(group)
                if _ring_bytes(group.schedule) > self.bound:
                    break  # more nests need more rings
        return found

    def _group(self, first: int, last: int) -> Group | None:
        nests = [stage.nest for stage in self.stages[first : last + 1]]
        assert all(nest is not None for nest in nests)
        known = [nest for nest in nests if nest is not None]
        if not self._reads_sums_after(known):
            return None
        schedule = row_schedule(known, [nest.tensor for nest in known if self._is_inside(nest, first, last)])
        return Group(first, last, schedule, *self._bytes(first, last, schedule)) if schedule is not None else None

    @staticmethod
    def _reads_sums_after(nests: Sequence[RowNest]) -> bool:
        """Whether nothing in the group reads a sum that is finished only when the group is."""
        sums = {nest.tensor for nest in nests if nest.carries_sums}
        return not any(read.tensor in sums for nest in nests for read in nest.reads)

    def _is_inside(self, nest: RowNest, first: int, last: int) -> bool:
        born, dies = self.lives[nest.tensor]
        return first <= born and dies <= last and nest.tensor not in self.reshaped and not nest.carries_sums

    # -- bytes

    def _bytes(self, first: int, last: int, schedule: RowSchedule | None) -> tuple[int, int]:
        rings: Mapping[Value, int] = schedule.rings if schedule is not None else {}
        alive = dict.fromkeys(tensor for number in range(first, last + 1) for tensor in self.alive_at[number] if tensor not in rings)
        total = sum(tensor_bytes(tensor) for tensor in alive) + (_ring_bytes(schedule) if schedule is not None else 0)
        dying = [tensor for tensor in alive if self.lives[tensor][1] <= last and self.lives[tensor][0] < first]
        born = [tensor for tensor in alive if self.lives[tensor][0] >= first and self.lives[tensor][1] > last]
        return total - max((self._common(first, last, schedule, i, o) for i in dying for o in born), default=0), total

    def _common(self, first: int, last: int, schedule: RowSchedule | None, given: Value, made: Value) -> int:
        """The bytes that an input and an output of a group may share."""
        nests = [stage.nest for stage in self.stages[first : last + 1]]
        makers = [n for n in nests if n is not None and n.tensor is made and not n.carries_sums]
        readers = [n for n in nests if n is not None and any(read.tensor is given for read in n.reads)]
        if not makers or not readers or any(nest is None for nest in nests) or (schedule is not None and any(maker in readers for maker in makers)):
            return 0
        timings = (
            {id(makers[0]): Timing(1, 0)} if schedule is None else {id(nest): timing for nest, timing in zip(schedule.nests, schedule.timings, strict=True)}
        )
        reads = [(timings[id(nest)], read) for nest in readers for read in nest.reads if read.tensor is given]
        distance = max(0, *(_distance(timings[id(maker)], maker, reads, row_bytes(given)) for maker in makers))
        return tensor_bytes(given) + tensor_bytes(made) - max(distance + tensor_bytes(given), tensor_bytes(made))


def _distance(written: Timing, maker: RowNest, reads: Sequence[tuple[Timing, RowRead]], bytes_of_row: int) -> int:
    """How far the output must start before the input so that no row is written over one that is still to be read."""
    rows = numpy.arange(maker.rows)
    ends = (rows + 1) * row_bytes(maker.tensor)
    needed = -(1 << 60)
    for timing, read in reads:
        runs = read.runs
        steps = timing.period * runs + timing.delay
        later = numpy.minimum.accumulate((read.first[runs] * bytes_of_row)[::-1])[::-1]
        after = numpy.searchsorted(steps, written.period * rows + written.delay, side="right")
        meets = after < len(steps)
        if meets.any():
            needed = max(needed, int((ends[meets] - later[after[meets]]).max()))
    return needed


def _ring_bytes(schedule: RowSchedule) -> int:
    """The memory of what is between the nests, and of sums that they carry."""
    kept = sum(rows * row_bytes(tensor) for tensor, rows in schedule.rings.items() if tensor not in schedule.passing)
    passing = [(span, schedule.rings[tensor] * row_bytes(tensor)) for tensor, span in schedule.passing.items()]
    most = max((sum(size for (first, last), size in passing if first <= number <= last) for number in range(len(schedule.nests))), default=0)
    return kept + most + sum(_sum_bytes(nest) for nest in schedule.nests if nest.carries_sums)


def _sum_bytes(nest: RowNest) -> int:
    """The memory of the sums that a nest carries from row to row."""
    assert nest.carrier.results
    type = nest.carrier.results[0].type
    return row_elements(nest.tensor) * (tensor_bytes(nest.tensor) // max(row_bytes(nest.tensor), 1)) * element_bytes(type)


def _stage(operation: Operation) -> Stage | None:
    inner = list(operation.walk())
    reads = [stored(loop.accessed_tensor(o)) for o in inner if o.name == "loop.read" and not is_constant(loop.accessed_tensor(o))]
    defines = [stored(loop.accessed_tensor(o)) for o in inner if o.name == "loop.define"]
    if not reads and not defines:
        return None
    return Stage(operation, tuple(dict.fromkeys(reads)), tuple(dict.fromkeys(defines)), row_nest(operation))


def _lives(function: Operation, stages: Sequence[Stage]) -> dict[Value, tuple[int, int]]:
    """The stages between which each tensor is kept: arguments from the start, results to the end."""
    times: dict[Value, list[int]] = {argument: [-1] for argument in function.body.arguments}
    for number, stage in enumerate(stages):
        for tensor in (*stage.reads, *stage.defines):
            times.setdefault(tensor, []).append(number)
    for value in function.body.terminator.operands:
        times.setdefault(stored(value), []).append(len(stages))
    return {tensor: (min(steps), max(steps)) for tensor, steps in times.items() if not is_constant(tensor)}
