"""Measures variants of one model on one target: compiled, built, run on a fixed pattern of inputs.  What is the same C is compiled once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs

from tinyir.backends.c_printer import GeneratedC
from tinyir.backends.measure import Measurement
from tinyir.backends.run import build_and_run
from tinyir.backends.target import Target
from tinyir.driver.arrays import pattern_rows
from tinyir.driver.compilation import Compilation, start
from tinyir.driver.ports import manifest_ports
from tinyir.driver.variant import Variant
from tinyir.ir.operation import Operation
from tinyir.rewrite.costs import Cost, find_cost_model
from tinyir.rewrite.observer import Hooks


class VariantMeter:
    """`toolchain` and `simulator` say what the last measurement was taken with."""

    def __init__(self, module: Operation, target: Target, io: str, say: Callable[[str], None] | None = None) -> None:
        self.module, self.target, self.io, self.say = module, target, io, say
        self.toolchain = self.simulator = ""
        self._started: dict[Variant, Compilation] = {}
        self._estimated: dict[Variant, Cost] = {}
        self._generated: dict[Variant, GeneratedC] = {}
        self._measured: dict[tuple[str, tuple[str, ...]], Measurement] = {}

    def measure(self, variant: Variant) -> Measurement:
        """
        Raises:
            TinyirError: as a compilation, or a tool is missing.
        """
        if self.say is not None:
            self.say(f"measuring {variant} on {self.target.name}")
        generated = self._compiled(variant)
        flags = variant.compiler_flags(self.target)
        key = (generated.source, flags)
        if key not in self._measured:
            with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
                attrs.evolve(generated, manifest=attrs.evolve(generated.manifest, flags=flags)).write(Path(scratch))
                result = build_and_run(Path(scratch), self.target, pattern_rows(manifest_ports(generated.manifest).inputs), variant.goal)
            self.toolchain, self.simulator = result.toolchain, result.simulator
            self._measured[key] = result.measurement
        return self._measured[key]

    def estimate(self, variant: Variant) -> Cost:
        """What the cost model says, whatever the flags of the C compiler.

        Raises:
            TinyirError: as a compilation.
        """
        bare = attrs.evolve(variant, flags=())
        if bare not in self._estimated:
            compilation = self._started[bare] = self._start(bare)
            self._estimated[bare] = find_cost_model()(compilation.lower("buffer"), self.target)
        return self._estimated[bare]

    def _start(self, bare: Variant) -> Compilation:
        hooks = Hooks(progress=self.say)
        return start(self.module.clone(), self.target, goal=bare.goal, io=self.io, hooks=hooks, passes=bare.pipeline(self.io))

    def _compiled(self, variant: Variant) -> GeneratedC:
        bare = attrs.evolve(variant, flags=())
        if bare not in self._generated:
            compilation = self._started.pop(bare, None) or self._start(bare)
            self._generated[bare] = compilation.generate("net", "")
        return self._generated[bare]
