"""Delta debugging: a module that shows something becomes the smallest one found that still shows it.

A reduction knows places in a module at which it could make it simpler, and does so at some of them at once.  All places are
tried first, then halves, quarters, ... down to single ones (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing
Input, 2002), from the end of the module to its start.  All reductions take turns at each size, so that what can go goes in large
pieces, while a test is still slow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from tinyir.ir.operation import Operation
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module

Interesting = Callable[[str], bool]
"""Whether a module, given as text, still shows what is looked for."""


class Reduction(Protocol):
    """One kind of simplification."""

    @property
    def name(self) -> str: ...

    def places(self, module: Operation) -> int:
        """The number of places in a module at which it could be made."""

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        """Makes it at some places, in ascending order, wherever it can be made; whether it did anything.

        The module need not be valid afterwards.
        """


@attrs.define
class Reducer:
    """The smallest module so far, and how many candidates were tested.

    `must_verify`: candidates that do not verify are not even tested.  `say` is told of every success.
    """

    module: Operation
    interesting: Interesting
    must_verify: bool = True
    locations: bool = False
    say: Callable[[str], None] | None = None
    tests: int = 0
    _seen: set[str] = attrs.field(factory=set, init=False)
    _spare: Operation | None = attrs.field(default=None, init=False)

    def spell(self, module: Operation) -> str:
        return print_module(module, locations=self.locations)

    def run(self, *phases: Sequence[Reduction]) -> Operation:
        """Applies the reductions of each phase until none of them makes the module any simpler."""
        self._seen.add(self.spell(self.module))
        for reductions in phases:
            self._finish(reductions)
        return self.module

    def _finish(self, reductions: Sequence[Reduction]) -> None:
        parts = 1
        while True:
            successes = sum([self.sweep(reduction, parts) for reduction in reductions])
            if not successes:
                if parts > max(reduction.places(self.module) for reduction in reductions):
                    return
                parts *= 2

    def sweep(self, reduction: Reduction, parts: int) -> int:
        """Applies one reduction to one part of its places after the other, the last one first; the number of successes."""
        successes = 0
        end = reduction.places(self.module)
        size = -(-end // parts)
        while end > 0:
            start = max(0, end - size)
            if self._try(reduction, range(start, end)):
                successes += 1
                end = min(start, reduction.places(self.module))
            else:
                end = start
        return successes

    def _try(self, reduction: Reduction, chosen: Sequence[int]) -> bool:
        candidate = self.module.clone() if self._spare is None else self._spare
        self._spare = None
        if not reduction.apply(candidate, chosen):
            self._spare = candidate
            return False
        if self.must_verify and verify(candidate):
            return False
        text = self.spell(candidate)
        if text in self._seen:
            return False
        self._seen.add(text)
        self.tests += 1
        if not self.interesting(text):
            return False
        self.module = candidate
        if self.say is not None:
            self.say(f"{count_operations(candidate)} operations after {self.tests} tests: {reduction.name}")
        return True


def count_operations(module: Operation) -> int:
    """All operations inside a module."""
    return sum(1 for _ in module.walk()) - 1
