"""Which neighbouring nests run together, row by row, so that the peak of memory is least: a partition of a function's root.

The bytes of one group are those of all tensors that live while it runs: whole ones, rings for what is made and used inside of it,
and less what an input that dies and an output that is born may share, row by row.  Where instructions are known, the peak is the
least whose best partition takes at most half as many again as the goal speed would; among the partitions of that peak the one of the
fewest instructions wins, and where nothing is known of these that which streams the fewest nests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import tensor_access
from tinyir.dialects.nest_sharing import NestSharing
from tinyir.dialects.row_nests import RowNest, RowRead, is_constant, row_bytes, row_elements, row_nest, stored, tensor_bytes
from tinyir.dialects.row_schedule import RowPace, Rows, RowSchedule, Timing, row_pace, row_schedule
from tinyir.dialects.schedule_choice import RAM_SLOWDOWN
from tinyir.dialects.stream_costs import StreamCosts
from tinyir.ir.attributes import element_bytes
from tinyir.ir.operation import Operation, Value

MOST_STEPS = 1 << 18
"""Iterations up to which a nest is looked at element by element."""
LONGEST_GROUP = 32
"""Nests that run together at most: what there is to gain is gained by then, and planning stays linear in their number."""
MOST_SLOWDOWN = 0.97 * RAM_SLOWDOWN
"""Estimates are a few hundredths off."""
TOGETHER = (2, 4, 6, 8, 12, 16, 24, 32)
"""How many steps of a stream may be one."""
SCRATCH_BYTES = (0, 256, 512, 1024, 2048, 4096)
"""What the peaks that are tried leave for scratch beside some group."""
SCRATCH_SHARE = 4
MOST_SCRATCH_BYTES = 4096
"""Scratch for the nests of a stream may make the peak higher by a quarter, by so much at most, and never higher than it is without streams."""


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

    @property
    def nests(self) -> int:
        return self.last - self.first + 1


class RowGroups:
    """The stages of one function, and what running some of them together costs."""

    def __init__(self, function: Operation, costs: StreamCosts | None = None) -> None:
        self.costs = costs
        self.stages = [stage for operation in function.body if (stage := _stage(operation)) is not None]
        self.lives = _lives(function, self.stages)
        self.bound = 1 << 62
        self.shared: dict[tuple[int, Value, Value], int] = {}
        self.alive_at: list[list[Value]] = [[] for _ in self.stages]
        for tensor, (born, dies) in self.lives.items():
            for number in range(max(born, 0), min(dies, len(self.stages) - 1) + 1):
                self.alive_at[number].append(tensor)
        self.reshaped = {stored(o.result) for o in function.body if o.name == "loop.reshape"}

    def peak(self, streamed: bool) -> int:
        """The most bytes that live at once: of the best groups, or of the stages one after the other."""
        return self.best()[0] if streamed else max((self._bytes(stage, stage, None)[0] for stage in range(len(self.stages))), default=0)

    def shared_bytes(self, stage: int, given: Value, made: Value) -> int:
        """The bytes that an input which dies in a stage and an output which is born there may share: by rows, or if that is not all by elements."""
        key = stage, given, made
        if key not in self.shared:
            by_rows = self._common(stage, stage, None, given, made)
            self.shared[key] = by_rows if by_rows == min(tensor_bytes(given), tensor_bytes(made)) else max(by_rows, self._shared_elements(stage, given, made))
        return self.shared[key]

    def _shared_elements(self, stage: int, given: Value, made: Value) -> int:
        inner = list(self.stages[stage].root.walk())
        reads = [tensor_access(o) for o in inner if o.name == "loop.read" and stored(loop.accessed_tensor(o)) is given]
        writes = [tensor_access(o) for o in inner if o.name == "loop.define" and stored(loop.accessed_tensor(o)) is made]
        sizes = tensor_bytes(given), tensor_bytes(made)
        found = NestSharing.of(reads, writes, *sizes, reverse=True, most_steps=MOST_STEPS) if reads and writes else None
        return found.saved_bytes(*sizes) if found is not None else 0

    def best(self) -> tuple[int, list[Group]]:
        """The groups that cover all stages in order, and the peak of memory that they keep within."""
        count = len(self.stages)
        self.bound = self.peak(streamed=False)
        groups = [self._ending_at(last) for last in range(count)]
        peaks = [0] * (count + 1)
        for last in range(count):
            peaks[last + 1] = min(max(peaks[group.first], group.bytes) for group in groups[last])
        least = peaks[count]
        if self.costs is None:
            return least, self._partition(groups, least, lambda group: float(group.nests if group.schedule is not None else 0))[1]
        budget = MOST_SLOWDOWN * sum(self.costs.fast(stage.root) for stage in self.stages)
        tried = {group.bytes + scratch for found in groups for group in found for scratch in SCRATCH_BYTES}
        peaks_tried = sorted({peak for peak in tried if least <= peak <= self.bound} | {least, self.bound})
        low, high = 0, len(peaks_tried) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._cheapest(groups, peaks_tried[middle])[0] <= budget else (middle + 1, high)
        return peaks_tried[low], self._cheapest(groups, peaks_tried[low])[1]

    def scratch(self, group: Group, peak: int) -> tuple[int, int]:
        """The bytes that the nests of a group may take beside the tensors, and how many of them make the peak higher."""
        if group.schedule is None:
            return max(peak - group.apart, 0), 0
        free = peak - group.bytes
        if self.costs is not None:
            return free, 0  # the peak was chosen for what scratch saves
        spare = max(free, min(peak // SCRATCH_SHARE, MOST_SCRATCH_BYTES, self.bound - group.bytes))
        return spare, spare - free

    def _cheapest(self, groups: Sequence[Sequence[Group]], peak: int) -> tuple[float, list[Group]]:
        """The partition of the fewest instructions within a peak."""
        return self._partition(groups, peak, lambda group: self._instructions(group, self.scratch(group, peak)[0]))

    def _instructions(self, group: Group, spare: int) -> float:
        assert self.costs is not None
        if group.schedule is None:
            return self.costs.whole(self.stages[group.first].root, spare)
        return sum(self.costs.by_rows(nest, timing, spare) for nest, timing in zip(group.schedule.nests, group.schedule.timings, strict=True))

    def _partition(self, groups: Sequence[Sequence[Group]], peak: int, cost: Callable[[Group], float]) -> tuple[float, list[Group]]:
        """The groups of the least cost none of which needs more bytes than that, and what they cost."""
        costs = [0.0] + [math.inf] * len(groups)
        choice: list[Group | None] = [None] * (len(groups) + 1)
        for last, found in enumerate(groups):
            for group in found:
                total = costs[group.first] + cost(group) if group.bytes <= peak and costs[group.first] < math.inf else math.inf
                if total < costs[last + 1]:
                    costs[last + 1], choice[last + 1] = total, group
        chosen: list[Group] = []
        end = len(groups)
        while end:
            best = choice[end]
            assert best is not None
            chosen.append(best)
            end = best.first
        return costs[-1], chosen[::-1]

    def _ending_at(self, last: int) -> list[Group]:
        """All groups whose last stage is this one."""
        found = [Group(last, last, None, *self._bytes(last, last, None))]
        for first in range(last, max(last - LONGEST_GROUP, -1), -1):
            if self.stages[first].nest is None:
                break
            pace = self._pace(first, last) if first < last else None
            group = self._group(first, last, pace, 1) if pace is not None else None
            if pace is not None and group is not None and group.schedule is not None:
                found.append(group)
                if _ring_bytes(group.schedule) > self.bound:
                    break  # more nests need more rings
                if self.costs is not None:
                    several = [self._group(first, last, pace, steps) for steps in TOGETHER]
                    found += [each for each in several if each is not None and each.bytes <= self.bound]
        return found

    def _pace(self, first: int, last: int) -> RowPace | None:
        nests = [nest for stage in self.stages[first : last + 1] if (nest := stage.nest) is not None]
        assert len(nests) == last - first + 1
        return row_pace(nests) if self._reads_sums_after(nests) else None

    def _group(self, first: int, last: int, pace: RowPace, together: int) -> Group | None:
        schedule = row_schedule(pace, [nest.tensor for nest in pace.nests if self._is_inside(nest, first, last)], together)
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
        alone = schedule is None and first == last
        shared = [self.shared_bytes(first, i, o) if alone else self._common(first, last, schedule, i, o) for i in dying for o in born]
        return total - max(shared, default=0), total

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
    rows: Rows = numpy.arange(maker.rows, dtype=numpy.int64)
    ends = (rows + 1) * row_bytes(maker.tensor)
    needed = -(1 << 60)
    for timing, read in reads:
        runs = read.runs
        steps = timing.steps(runs)
        later = numpy.minimum.accumulate((read.first[runs] * bytes_of_row)[::-1])[::-1]
        after = numpy.searchsorted(steps, written.steps(rows), side="right")
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
