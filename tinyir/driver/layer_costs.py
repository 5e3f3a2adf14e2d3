"""What each layer costs: the network is run again and again, each time with one layer more, and the differences are told."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from tinyir.backends.profile import Profile
from tinyir.backends.run import build_and_run
from tinyir.backends.target import Target
from tinyir.dialects.schedules import told_schedule
from tinyir.driver.arrays import pattern_rows
from tinyir.driver.compilation import Compilation
from tinyir.driver.multiplications import multiply_accumulates
from tinyir.driver.ports import module_ports
from tinyir.ir.builder import Builder
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation


@attrs.frozen
class Layer:
    """A layer by the nodes that it came from, and its costs in one run on a fixed pattern; None where the target does not tell.

    cycles: modelled; bytes: what its instructions loaded and stored; multiply_accumulates: those that are left when the graph level is left (dead channels
    are gone); least_instructions: what they would take at the machine's limit; classes: how often each class of the table of cycles applied;
    schedules: those that were applied to its nests, each with what it was expected to take beside others.
    """

    name: str
    instructions: int
    cycles: int | None = None
    bytes_loaded: int | None = None
    bytes_stored: int | None = None
    multiply_accumulates: int = 0
    least_instructions: float | None = None
    classes: Mapping[str, int] = attrs.field(factory=dict)
    schedules: tuple[str, ...] = ()

    @property
    def lost_instructions(self) -> float:
        """Those beyond the machine's limit."""
        return self.instructions - (self.least_instructions or 0.0)

    @property
    def percent_of_limit(self) -> float | None:
        """How near to the machine's limit it is; None without multiply-accumulates, or where the target states no limit."""
        if not self.multiply_accumulates or not self.instructions or self.least_instructions is None:
            return None
        return 100.0 * self.least_instructions / self.instructions


def measure_layers(compilation: Compilation, say: Callable[[str], None] | None = None, wanted: Callable[[str], bool] = bool) -> tuple[Layer, ...]:
    """The layers whose names are `wanted`, in the order in which they run.  Lowers the compilation to C.

    Raises:
        TinyirError: the target counts no instructions, or as `Compilation.lower`.
    """
    target = compilation.context.target
    assert isinstance(target, Target)
    products = [(o.location.names, found) for o in compilation.lower("graph").walk() if (found := multiply_accumulates(o))] if not compilation.level else []
    stated = [(o.location.names, text) for o in compilation.lower("loop").walk() if (text := told_schedule(o))]
    module = compilation.lower("c")
    calls = _calls(module)
    numbers = [number for number, call in enumerate(calls) if wanted(_name(call))]
    runs = {}
    for count in sorted({edge for number in numbers for edge in (number, number + 1)}):
        if say is not None:
            say(f"measuring layer {count} of {len(calls)}")
        runs[count] = _run(compilation, _cut(module, count), target)
    homes = _homes(calls)
    work: list[Counter[str]] = [Counter() for _ in calls]
    for names, found in products:
        for home in _home(names, homes):
            work[home].update(found)
    told: list[list[str]] = [[] for _ in calls]
    for names, schedule in stated:
        for home in _home(names, homes):
            told[home].append(schedule)
    layers = [_layer(calls[number], runs[number], runs[number + 1], work[number], target) for number in numbers]
    return tuple(attrs.evolve(layer, schedules=tuple(dict.fromkeys(told[number]))) for layer, number in zip(layers, numbers, strict=True))


def _layer(call: Operation, before: _Counted, after: _Counted, products: Counter[str], target: Target) -> Layer:
    layer = Layer(_name(call), after.instructions - before.instructions, multiply_accumulates=products.total())
    limits = target.costs.multiply_accumulates
    if all(kind in limits for kind in products):
        layer = attrs.evolve(layer, least_instructions=sum(number / limits[kind] for kind, number in products.items()))
    if before.profile is None or after.profile is None:
        return layer
    found = after.profile.minus(before.profile)
    return attrs.evolve(layer, cycles=found.cycles(target.costs), bytes_loaded=found.bytes_loaded, bytes_stored=found.bytes_stored, classes=found.classes)


def _homes(calls: Sequence[Operation]) -> Mapping[str, int]:
    """The call that each node belongs to: the first of whose nodes it is one."""
    homes: dict[str, int] = {}
    for number, call in enumerate(calls):
        for name in call.location.names:
            homes.setdefault(name, number)
    return homes


def _home(names: Sequence[str], homes: Mapping[str, int]) -> list[int]:
    """The call of an operation: the first whose nodes include one of its own, if any does."""
    return [homes[name] for name in names if name in homes][:1]


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


@attrs.frozen
class _Counted:
    instructions: int
    profile: Profile | None


def _run(compilation: Compilation, module: Operation, target: Target) -> _Counted:
    with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
        attrs.evolve(compilation, module=module).generate("net", "").write(Path(scratch))
        result = build_and_run(Path(scratch), target, pattern_rows(module_ports(module).inputs), compilation.context.goal, measure=False)
    if not result.instructions:
        raise TinyirError(f"target '{target.name}' counts no instructions", hint="ask for layers on a target that is simulated")
    return _Counted(result.instructions[0], result.profile)
