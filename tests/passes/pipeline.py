"""Compiles modules of the tests with some passes and runs them on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from tinyir.backends.c_printer import GeneratedC, print_c
from tinyir.backends.run import RunResult, build_and_run
from tinyir.backends.target import load_target
from tinyir.ir.operation import Operation
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.outline_layers import OutlineLayers
from tinyir.passes.simplify_c import SimplifyC
from tinyir.rewrite.passes import Pass, PassContext

SHORTEST: tuple[Pass, ...] = (Bufferize(), OutlineLayers(), LowerToC(), SimplifyC(programs=False))
"""The least that leads from loops to C."""


def apply(module: Operation, passes: Sequence[Pass], context: PassContext | None = None) -> PassContext:
    """Runs the passes in order; gives the context with what they stated."""
    context = context or PassContext()
    for one in passes:
        one.run(module, context)
    return context


def generate(module: Operation, passes: Sequence[Pass] = SHORTEST, name: str = "net") -> GeneratedC:
    """The C of a loop-level module."""
    apply(module, passes)
    return print_c(module, name, target="host")


def run(generated: GeneratedC, folder: Path, inputs: Mapping[str, NDArray[Any]], target: str = "host", goal: str = "speed", sanitize: bool = True) -> RunResult:
    """Builds and runs; every input is [rows, ...]."""
    generated.write(folder)
    rows = {name: numpy.reshape(value, (len(value), -1)) for name, value in inputs.items()}
    return build_and_run(folder, load_target(target), rows, goal, sanitize=sanitize)
