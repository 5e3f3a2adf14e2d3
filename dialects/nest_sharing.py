"""How near to each other an input that dies in a nest and an output that is born there may lie, by the order of its reads and writes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import MemoryAccess
from tinyir.dialects.nest_instances import instances, step_loop
from tinyir.ir.affine import AffineConstant
from tinyir.ir.operation import Operation
from tinyir.prove.overlap import Access, Direction, InPlaceClaim, Nest, smallest_distance


@attrs.frozen(eq=False)
class NestSharing:
    """The nest as the provers see it, the loops that are its steps, and how far apart the two must be in either direction (None: any distance will do).

    `in_place`: both may begin at the same byte.
    """

    nest: Nest
    loops: tuple[Operation, ...]
    directions: tuple[Direction, ...]
    forward: int | None
    reverse: int | None
    in_place: bool

    @classmethod
    def of(
        cls, reads: Sequence[MemoryAccess], writes: Sequence[MemoryAccess], given_bytes: int, made_bytes: int, reverse: bool, most_steps: int
    ) -> NestSharing | None:
        """Of the reads of an input and the writes of an output; None if they cannot be told apart, or take more steps than that.

        `reverse`: the nest may be turned round, if all its steps are parallel.
        """
        loops = _step_loops(reads, writes)
        if loops is None:
            return None
        nest = _nest(loops, reads, writes, given_bytes, made_bytes)
        if nest.steps > most_steps:
            return None
        turnable = reverse and all(loop.is_parallel(each) for each in loops)
        directions: tuple[Direction, ...] = ("forward", "reverse") if turnable else ("forward",)
        ahead = smallest_distance(nest, "forward")
        behind = smallest_distance(nest, "reverse") if turnable else given_bytes
        nearer = [needed for direction, needed in (("forward", ahead), ("reverse", behind)) if direction in directions]
        in_place = not any(needed is None or needed <= 0 for needed in nearer) and InPlaceClaim(nest).decide().state == "proved"
        return cls(nest, loops, directions, ahead, behind, in_place)

    def saved_bytes(self, given_bytes: int, made_bytes: int) -> int:
        """What both may have in common, at most."""
        if self.in_place or self.forward is None or self.reverse is None:
            return min(given_bytes, made_bytes)
        ahead, behind = max(self.forward, 0) + given_bytes, max(self.reverse, 0) + made_bytes
        together = min(max(ahead, made_bytes), max(behind, given_bytes))
        return max(given_bytes + made_bytes - together, 0)


def _step_loops(reads: Sequence[MemoryAccess], writes: Sequence[MemoryAccess]) -> tuple[Operation, ...] | None:
    """The loops around all accesses, if in each of their iterations every read comes before every write; else None."""
    common: list[Operation] = []
    for level in zip(*(access.loops for access in (*reads, *writes)), strict=False):
        if any(each is not level[0] for each in level) or loop.constant_bounds(level[0]) is None:
            break
        common.append(level[0])
    depth = len(common)
    for read in reads:
        for write in writes:
            deeper = read.loops[depth : depth + 1]
            if (deeper and deeper == write.loops[depth : depth + 1]) or not _comes_before(read.operation, write.operation):
                return None
    return tuple(common)


def _comes_before(first: Operation, second: Operation) -> bool:
    """Whether an operation stands before another one in the text of the function."""
    chains = [[operation, *operation.ancestors()][::-1] for operation in (first, second)]
    for a, b in zip(*chains, strict=False):
        if a is not b:
            if a.parent is not b.parent:
                return False
            following = a.next
            while following is not None and following is not b:
                following = following.next
            return following is b
    return False


def _nest(loops: tuple[Operation, ...], reads: Sequence[MemoryAccess], writes: Sequence[MemoryAccess], read_size: int, write_size: int) -> Nest:
    steps = tuple(step_loop(each, number) for number, each in enumerate(loops))
    return Nest(steps, tuple(_nest_access(a, loops, write_size) for a in writes), tuple(_nest_access(a, loops, read_size) for a in reads))


def _nest_access(access: MemoryAccess, steps: tuple[Operation, ...], size: int) -> Access:
    """The access over the step loops and its own inner ones; anywhere in the memory if its address is not known."""
    if access.address is None:
        return Access(AffineConstant(0), size)
    return instances(access.loops, access.conditions, len(steps), access.address, access.bytes)
