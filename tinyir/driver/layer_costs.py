"""What each layer costs: the network is run again and again, each time with one layer more, and the differences are told."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import attrs

from tinyir.backends.run import build_and_run
from tinyir.backends.target import Target
from tinyir.driver.arrays import pattern_rows
from tinyir.driver.compilation import Compilation
from tinyir.driver.ports import module_ports
from tinyir.ir.builder import Builder
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation


@attrs.frozen
class Layer:
    """A layer by the nodes that it came from, and its instructions in one run on a fixed pattern."""

    name: str
    instructions: int


def measure_layers(compilation: Compilation, say: Callable[[str], None] | None = None) -> tuple[Layer, ...]:
    """The layers in the order in which they run.  Lowers the compilation to C.

    Raises:
        TinyirError: the target counts no instructions, or as `Compilation.lower`.
    """
    target = compilation.context.target
    assert isinstance(target, Target)
    module = compilation.lower("c")
    names = [_name(call) for call in _calls(module)]
    counts = []
    for count in range(len(names) + 1):
        if say is not None:
            say(f"measuring layer {count} of {len(names)}")
        counts.append(_instructions(compilation, _cut(module, count), target))
    return tuple(Layer(name, after - before) for name, (before, after) in zip(names, pairwise(counts), strict=True))


def _network(module: Operation) -> Operation:
    return next(operation for operation in module.body if operation.name == "c.function" and "network" in operation.properties)


def _calls(module: Operation) -> list[Operation]:
    return [operation for operation in _network(module).body if operation.name == "c.call"]


def _name(call: Operation) -> str:
    return ", ".join(call.location.names) or str(call.properties["callee"]).lstrip("@")


def _cut(module: Operation, count: int) -> Operation:
    """A copy of the module that returns after `count` layers; what follows stays, unreached, as the file's other parts are made from it."""
    copy = module.clone()
    for call in _calls(copy)[count : count + 1]:
        Builder.before(call).create("c.return")
    return copy


def _instructions(compilation: Compilation, module: Operation, target: Target) -> int:
    with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
        attrs.evolve(compilation, module=module).generate("net", "").write(Path(scratch))
        result = build_and_run(Path(scratch), target, pattern_rows(module_ports(module).inputs), compilation.context.goal, measure=False)
    if not result.instructions:
        raise TinyirError(f"target '{target.name}' counts no instructions", hint="ask for layers on a target that is simulated")
    return result.instructions[0]
