"""Checks a memory plan pair by pair, from the buffers and distances alone: it shares no code with the search."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.prove.claim import Claim, Negation, Verdict, conjunction, disjunction, number, proved, refuted, symbol
from tinyir.prove.memory_planner import Plan
from tinyir.prove.memory_problem import Buffer, Sharing
from tinyir.prove.overlap import Direction


@attrs.frozen
class Collision:
    """Two buffers that live at one step and meet, and how far apart their nest lets them be."""

    first: str
    second: str
    reason: str


def _meet(a: Buffer, b: Buffer) -> bool:
    return a.first_step <= b.last_step and b.first_step <= a.last_step and not (a.parts and b.parts and (a.parts[1] < b.parts[0] or b.parts[1] < a.parts[0]))


def _sharing_of(a: Buffer, b: Buffer, sharings: dict[tuple[str, str], Sharing]) -> Sharing | None:
    """The sharing that lets two buffers overlap, if the input dies where the output is born."""
    for first, second in ((a, b), (b, a)):
        found = sharings.get((first.name, second.name))
        if found is not None and first.last_step == second.first_step:
            return found
    return None


def check_plan(buffers: Sequence[Buffer], sharings: Sequence[Sharing], plan: Plan) -> list[Collision]:
    """All pairs that the plan lets overwrite each other, offsets outside the arena or not aligned; empty if it is safe."""
    found: list[Collision] = []
    by_pair = {(sharing.input, sharing.output): sharing for sharing in sharings}
    for buffer in buffers:
        offset = plan.offsets[buffer.name]
        if offset < 0 or offset + buffer.size_bytes > plan.arena_bytes or offset % buffer.alignment_bytes:
            found.append(Collision(buffer.name, buffer.name, f"offset {offset} is outside the arena or not aligned"))
    for sharing in sharings:
        if plan.directions[sharing.nest] not in sharing.directions:
            found.append(Collision(sharing.input, sharing.output, f"'{sharing.nest}' cannot run {plan.directions[sharing.nest]}"))
    alive: list[Buffer] = []
    for b in sorted(buffers, key=lambda buffer: buffer.first_step):
        alive = [a for a in alive if a.last_step >= b.first_step]
        found += [Collision(a.name, b.name, reason) for a in alive if (reason := _collision(a, b, by_pair, plan))]
        alive.append(b)
    return found


def _collision(a: Buffer, b: Buffer, sharings: dict[tuple[str, str], Sharing], plan: Plan) -> str:
    """Why two live buffers may not lie where they do, or nothing."""
    at, bt = plan.offsets[a.name], plan.offsets[b.name]
    if not _meet(a, b) or at + a.size_bytes <= bt or bt + b.size_bytes <= at:
        return ""
    sharing = _sharing_of(a, b, sharings)
    if sharing is None:
        return f"[{at}, {at + a.size_bytes}) and [{bt}, {bt + b.size_bytes}) overlap"
    difference = plan.offsets[sharing.input] - plan.offsets[sharing.output]
    needed, given = (
        (sharing.forward_bytes, difference) if plan.directions[sharing.nest] == "forward" else (sharing.reverse_bytes, -difference)
    )
    return "" if needed is None or given >= needed or (sharing.in_place and not difference) else f"{given} bytes apart where {needed} are needed"


@attrs.frozen
class PlanClaim(Claim):
    """No buffer of the plan is overwritten while it lives, provided the distances of its sharings are safe (`OverlapClaim`)."""

    buffers: tuple[Buffer, ...]
    sharings: tuple[Sharing, ...]
    offsets: tuple[int, ...]
    directions: tuple[Direction, ...]  # one per sharing
    arena_bytes: int

    @classmethod
    def of(cls, buffers: Sequence[Buffer], sharings: Sequence[Sharing], plan: Plan) -> PlanClaim:
        """The claim that a plan is safe."""
        offsets = tuple(plan.offsets[buffer.name] for buffer in buffers)
        return cls(tuple(buffers), tuple(sharings), offsets, tuple(plan.directions[s.nest] for s in sharings), plan.arena_bytes)

    def decide(self) -> Verdict:
        offsets = {buffer.name: offset for buffer, offset in zip(self.buffers, self.offsets, strict=True)}
        directions = {sharing.nest: direction for sharing, direction in zip(self.sharings, self.directions, strict=True)}
        collisions = check_plan(self.buffers, self.sharings, Plan(offsets, directions, self.arena_bytes, 0))
        if not collisions:
            return proved("pairs")
        first = collisions[0]
        return refuted("pairs", {f"offset_of_{name}": offsets[name] for name in (first.first, first.second)})

    def negation(self, prefix: str = "") -> Negation:
        byte = f"{prefix}byte"
        names = [symbol(f"{prefix}offset_of_{buffer.name}") for buffer in self.buffers]
        placed = [f"(= {name} {number(offset)})" for name, offset in zip(names, self.offsets, strict=True)]
        holds = [f"(and (<= {name} {byte}) (< {byte} (+ {name} {b.size_bytes})))" for name, b in zip(names, self.buffers, strict=True)]
        wrong = []
        for name, buffer in zip(names, self.buffers, strict=True):
            wrong.append(f"(or (< {name} 0) (> (+ {name} {buffer.size_bytes}) {self.arena_bytes}) (distinct (mod {name} {buffer.alignment_bytes}) 0))")
        wrong += [self._clash(i, j, names, holds) for j in range(len(names)) for i in range(j) if _meet(self.buffers[i], self.buffers[j])]
        declarations = tuple((name, "Int") for name in (byte, *names))
        return Negation(declarations, (*placed, disjunction(wrong)))

    def _clash(self, i: int, j: int, names: Sequence[str], holds: Sequence[str]) -> str:
        """Two live buffers hold one byte, closer than their nest allows."""
        by_pair = {(sharing.input, sharing.output): sharing for sharing in self.sharings}
        both = [holds[i], holds[j]]
        sharing = _sharing_of(self.buffers[i], self.buffers[j], by_pair)
        if sharing is not None:
            given, made = (i, j) if self.buffers[i].name == sharing.input else (j, i)
            forward = self.directions[self.sharings.index(sharing)] == "forward"
            needed = sharing.forward_bytes if forward else sharing.reverse_bytes
            apart = f"(- {names[given]} {names[made]})" if forward else f"(- {names[made]} {names[given]})"
            both.append("false" if needed is None else f"(< {apart} {number(needed)})")
            both += [f"(distinct {apart} 0)"] if sharing.in_place else []
        return conjunction(both)
