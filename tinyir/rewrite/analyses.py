"""What passes find out about a program without changing it, kept until something changes.

    @attrs.frozen
    class LoopDepths(Analysis):
        "How many loops are around each operation."

        depths: Mapping[Operation, int]

        @classmethod
        def compute(cls, root: Operation, analyses: Analyses) -> LoopDepths: ...

A pass asks `context.analyses.get(LoopDepths, function)`.  After each pass everything is forgotten but what it `preserves`.
The expensive checks compute what was preserved anew, and compare.
"""

from __future__ import annotations

from typing import Self, TypeVar

import attrs

from tinyir.ir.operation import Operation
from tinyir.ir.record import Record


class Analysis:
    """Base of analyses.  Those that are equal when they say the same need nothing but `compute`."""

    @classmethod
    def compute(cls, root: Operation, analyses: Analyses) -> Self:
        """What there is to say of an operation and all inside; `analyses` has what it builds upon."""
        raise NotImplementedError(cls.__name__)

    def difference(self, fresh: Self) -> str:
        """What one that was computed just now says otherwise; empty if nothing."""
        return "" if self == fresh else f"{self} became {fresh}"


A = TypeVar("A", bound=Analysis)
Kind = type[Analysis]
Key = tuple[Kind, Operation]


@attrs.frozen(eq=False, repr=False)
class _Entry(Record):
    """An analysis and those that it was computed from."""

    found: Analysis
    sources: frozenset[Key]


@attrs.define(eq=False, repr=False)
class Analyses(Record):
    """The analyses of one compilation that are still right."""

    _entries: dict[Key, _Entry] = attrs.field(factory=dict, init=False)
    _open: list[set[Key]] = attrs.field(factory=list, init=False)

    def get(self, kind: type[A], root: Operation) -> A:
        """The analysis of an operation, computed now unless it is known.

        Raises:
            RuntimeError: it needs itself.
        """
        key = (kind, root)
        for sources in self._open:
            sources.add(key)
        if key not in self._entries:
            self._entries[key] = self._compute(key)
        found = self._entries[key].found
        assert isinstance(found, kind)
        return found

    def known(self, kind: type[A], root: Operation) -> A | None:
        """The analysis, if nothing need be computed."""
        entry = self._entries.get((kind, root))
        return entry.found if entry is not None and isinstance(entry.found, kind) else None

    def _compute(self, key: Key) -> _Entry:
        kind, root = key
        if len(self._open) > 100:
            raise RuntimeError(f"the analysis {kind.__name__} needs itself")
        sources: set[Key] = set()
        self._open.append(sources)
        try:
            return _Entry(kind.compute(root, self), frozenset(sources))
        finally:
            self._open.pop()

    def keep(self, kinds: tuple[Kind, ...]) -> None:
        """Forgets all others, and those that were computed from what is forgotten."""
        left = {key: entry for key, entry in self._entries.items() if issubclass(key[0], kinds)}
        while True:
            kept = {key: entry for key, entry in left.items() if entry.sources <= left.keys()}
            if len(kept) == len(left):
                self._entries = kept
                return
            left = kept

    def forget(self, root: Operation) -> None:
        """Forgets what is known of one operation, of all inside it and of all around it: it has just been changed."""
        around = {root, *root.ancestors(), *root.walk()}
        self._entries = {key: entry for key, entry in self._entries.items() if key[1] not in around}
        self.keep((Analysis,))

    def outdated(self) -> str:
        """The first analysis that no longer holds, and how; empty if all do."""
        for (kind, root), entry in self._entries.items():
            difference = entry.found.difference(kind.compute(root, Analyses()))
            if difference:
                return f"{kind.__name__} of '{root.name}': {difference}"
        return ""

    def __len__(self) -> int:
        return len(self._entries)
