"""Searches the best variant of a model for a target and a goal, by measuring: one option after the other is given each of its values, the best is kept, until
a whole round changes nothing.  Every measurement is written down at once, so a search that is stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import attrs

from tinyir.backends.measure import Measurement
from tinyir.backends.target import Target
from tinyir.backends.toolchain import choose_toolchain
from tinyir.driver.load import load
from tinyir.driver.pipeline import GOALS
from tinyir.driver.tuning import FIGURES, Costs, Entry, Tuning, entry_key, model_hash, read_tuning, tuning_path
from tinyir.driver.variant import Variant, searchable_options
from tinyir.driver.variant_meter import VariantMeter
from tinyir.ir.errors import TinyirError

ORDER = {
    "speed": ("instructions", "cycles", "flash_bytes"),
    "size": ("flash_bytes", "instructions", "ram_bytes"),
    "ram": ("ram_bytes", "instructions", "flash_bytes"),
}
"""What decides, and what decides among equals."""
EXPECTED = {"speed": "instructions", "size": "code_bytes", "ram": "ram_bytes"}
"""The figure of the cost model for what decides."""
Report = Callable[[Variant, Costs, Costs], None]
"""Gets a variant, its costs, and those of the best so far."""


class Tuner:
    """One search.  `path`: the file that holds what was measured."""

    def __init__(self, model: str, target: Target, goal: str, io: str, report: Report, say: Callable[[str], None] | None = None) -> None:
        """
        Raises:
            TinyirError: the model or its file cannot be read, or a tool is missing.
        """
        self.goal, self.io, self.report = goal, io, report
        self.path = tuning_path(model)
        self.key = entry_key(target, goal, io)
        self.target = target
        self.meter = VariantMeter(load(model), target, io, say)
        self.tuning = self._read(model_hash(model))
        self.measured_with = {"compiler": compiler_hash(), "toolchain": choose_toolchain(target).version}
        known = self.tuning.entries.get(self.key)
        self.measured: dict[str, Costs] = dict(known.measured) if known is not None and known.measured_with == self.measured_with else {}

    def _read(self, model: str) -> Tuning:
        if self.path.is_file():
            found = read_tuning(self.path)
            if found.model == model:
                return found
        return Tuning(model)

    def search(self) -> Variant:
        """The best variant, which the file names from then on.

        Raises:
            TinyirError: the goal's own variant cannot be compiled or run.
        """
        best = Variant(self.goal)
        self._costs(best, best)
        while True:
            before = best
            for variants in self._neighbours:
                for variant in sorted(variants(best), key=self._expected):
                    if self._rank(variant, best) < self._rank(best, best):
                        best = variant
            if best == before:
                self._write(best)
                return best

    @property
    def _neighbours(self) -> Iterator[Callable[[Variant], list[Variant]]]:
        """For each thing that can be varied: the variants of one with all its values."""

        def goals(best: Variant) -> list[Variant]:
            return [Variant(goal, (), best.flags) for goal in GOALS if goal != best.goal]

        def flags(best: Variant) -> list[Variant]:
            return [attrs.evolve(best, flags=(flag,)) for flag in self.target.flags.candidates if (flag,) != best.flags]

        yield goals
        yield flags
        for name, option, values in sorted({entry for goal in GOALS for entry in searchable_options(goal, self.io)}, key=str):

            def options(best: Variant, name: str = name, option: str = option, values: tuple[object, ...] = values) -> list[Variant]:
                here = {entry[:2] for entry in searchable_options(best.goal, self.io)}
                return [best.with_option(name, option, value) for value in values] if (name, option) in here else []

            yield options

    def _expected(self, variant: Variant) -> float:
        """What the cost model says of a variant, by which the most promising is measured first; infinite if it cannot be compiled."""
        try:
            return float(getattr(self.meter.estimate(variant), EXPECTED[self.goal]))
        except TinyirError:
            return math.inf

    def _rank(self, variant: Variant, best: Variant) -> tuple[int, ...]:
        costs = self._costs(variant, best)
        if costs[ORDER[self.goal][0]] is None:  # it could not be compiled
            return (1, 0, 0, 0)
        return (0, *(costs[name] or 0 for name in ORDER[self.goal]))  # what a target never measures decides nothing

    def _costs(self, variant: Variant, best: Variant) -> Costs:
        if str(variant) not in self.measured:
            costs = self._measure(variant)
            decisive = ORDER[self.goal][0]
            if costs[decisive] is None and variant == best:
                raise TinyirError(f"target '{self.target.name}' does not measure {decisive}", hint="tune for a target that is simulated")
            self.measured[str(variant)] = costs
            self._write(best)
            self.report(variant, costs, self.measured[str(best)])
        return self.measured[str(variant)]

    def _measure(self, variant: Variant) -> Costs:
        """The figures of a variant; none of one that cannot be compiled, if it is not the goal's own."""
        try:
            found = self.meter.measure(variant)
        except TinyirError:
            if variant == Variant(self.goal):
                raise
            found = Measurement()
        return {name: getattr(found, name) for name in FIGURES}

    def _write(self, best: Variant) -> None:
        self.tuning.entries[self.key] = Entry(str(best), self.measured_with, self.measured)
        self.tuning.write(self.path)


def compiler_hash() -> str:
    """A hash of everything that decides what tinyir compiles: its own files."""
    state = hashlib.sha256()
    for package in ("tinyir", "tinyir.dialects", "tinyir.passes", "tinyir.backends", "tinyir.specs"):
        folder = Path(import_module(package).__path__[0])
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            state.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]
