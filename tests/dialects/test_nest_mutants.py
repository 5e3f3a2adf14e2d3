"""Schedules that make one mistake at random: what is proved of them all the same gives every byte, whatever the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import attrs
import numpy as np
import pytest

from tests.graphs import random_inputs
from tests.oracle.cases import soaking
from tests.passes.product_layers import Layer, translated
from tests.passes.test_stream_rows import inputs_of, random_network
from tinyir.backends.target import load_target
from tinyir.dialects import loop
from tinyir.dialects.nest_translation import NestTranslation
from tinyir.interp.machine import InterpreterError, run
from tinyir.ir.affine import AffineMap, AffineSet
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import IntegerType, TensorType
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.block_rows import BlockRows
from tinyir.passes.gather_rows import GatherRows
from tinyir.passes.hoist_groups import HoistGroups
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.stage_lines import StageLines
from tinyir.passes.stage_planes import StagePlanes
from tinyir.passes.stream_rows import StreamRows
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline

Mistake = Callable[[], None]
SCHEDULES: tuple[tuple[Pass, str, bool], ...] = (
    (BlockProducts(), "speed", False),
    (GatherRows(), "size", False),
    (StageLines(), "speed", False),
    (StagePlanes(), "speed", True),
    (BlockRows(), "speed", False),
    (JamOutputs(factor=3), "speed", False),
)
"""With the goal, and whether each channel is a group."""


def mistakes(module: Operation, random: np.random.Generator) -> Iterator[Mistake]:
    """One for each thing in a module that can be another number."""
    for operation in module.walk():
        if operation.name in ("loop.read", "loop.define") and loop.access_map(operation).results:
            yield partial(_next_element, operation, int(random.integers(64)))
        elif operation.name == "loop.for" and loop.constant_bounds(operation) is not None:
            yield partial(_one_less, operation)
        elif operation.name == "loop.if":
            yield partial(_other_condition, operation, int(random.integers(64)))
        elif operation.name == "arith.constant":
            yield partial(_other_number, operation, int(random.integers(1 << 20)))


def _next_element(access: Operation, place: int) -> None:
    map, type = loop.access_map(access), loop.accessed_tensor(access).type
    assert isinstance(type, TensorType)
    axis = place % len(map.results)
    results = [(e + 1) % type.shape[axis] if number == axis else e for number, e in enumerate(map.results)]
    access.properties["map"] = AffineMap(map.dimensions, 0, results)


def _one_less(nest: Operation) -> None:
    bounds = loop.constant_bounds(nest)
    assert bounds is not None
    nest.properties["upper_map"] = AffineMap.constant(bounds[1] - 1)


def _other_condition(branch: Operation, place: int) -> None:
    condition = branch.properties["condition"]
    assert isinstance(condition, AffineSet)
    chosen = place % len(condition.constraints)
    constraints = [(e - 1 if number == chosen else e, equal) for number, (e, equal) in enumerate(condition.constraints)]
    branch.properties["condition"] = AffineSet(condition.dimensions, 0, constraints)


def _other_number(constant: Operation, place: int) -> None:
    value, type = constant.properties["value"], constant.result.type
    if isinstance(value, IntegerAttribute) and isinstance(type, IntegerType):
        constant.properties["value"] = IntegerAttribute(value.value - 1 if value.value > 0 else value.value + 1, type)
    elif isinstance(value, DenseElements) and isinstance(type, TensorType) and isinstance(type.element, IntegerType):
        elements = [int(element) for element in value.elements()]
        elements[place % len(elements)] += 1 if elements[place % len(elements)] < 0 else -1
        constant.properties["value"] = DenseElements.of(type, elements)


@attrs.frozen(eq=False)
class Mistaken(Pass):
    """A schedule, and one mistake."""

    schedule: Pass
    random: np.random.Generator

    reads = ("loop", "arith", "func", "builtin")
    leaves = ("loop", "arith", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        self.schedule.run(module, context)
        found = list(mistakes(module, self.random))
        found[int(self.random.integers(len(found)))]()


def a_layer(random: np.random.Generator, is_depthwise: bool, is_row: bool) -> Layer:
    kernel = (1, 1) if is_row else ((1, 1), (3, 3), (2, 3))[int(random.integers(3))]
    pad = (0, 0, 0, 0) if kernel == (1, 1) else (1, 1, 1, 1)
    channels = int(random.integers(2, 9))
    size = (1, 1) if is_row else (4, 5)
    outputs, groups = (channels, channels) if is_depthwise else (int(random.integers(2, 7)), 1)
    return Layer(size, channels, outputs, kernel, pad, groups=groups, zero=int(random.integers(-9, 9)), requantized=bool(random.integers(2)))


@pytest.mark.parametrize("seed", range(2000 if soaking() else 48))
def test_what_is_proved_of_a_mistaken_schedule_gives_every_byte(seed: int) -> None:
    random = np.random.default_rng(seed)
    schedule, goal, is_depthwise = SCHEDULES[seed % len(SCHEDULES)]
    layer = a_layer(random, is_depthwise, isinstance(schedule, BlockRows))
    before, after = layer.module(seed), layer.module(seed)
    ledger = translated(after, Mistaken(schedule, random), goal)
    if is_right(ledger):
        assert_equal(before, after, seed)


@pytest.mark.parametrize("seed", range(400) if soaking() else (*range(8), 71))
def test_so_it_does_of_mistaken_streams(seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = random_network(seed), random_network(seed)
    context = PassContext(target=load_target("cortex-m4"), ledger=Ledger(), goal="ram", translations=(NestTranslation(),))
    streams = [StreamRows(at_any_cost=True), HoistGroups(), BlockProducts(), StagePlanes(), *([Mistaken(JamOutputs(), random)] if seed % 4 else [JamOutputs()])]
    PassPipeline(streams).run(after, context)
    assert isinstance(context.ledger, Ledger)
    assert seed % 4 or (is_right(context.ledger) and not context.remarks)
    if is_right(context.ledger):
        given = inputs_of(before, seed)
        try:
            (found,) = run(after, given).values()
        except InterpreterError:
            return
        (expected,) = run(before, given).values()
        assert found.tobytes() == expected.tobytes()


def is_right(ledger: Ledger) -> bool:
    return all(verdict.state == "proved" for _, verdict in ledger)


def assert_equal(before: Operation, after: Operation, seed: int) -> None:
    """Both give the same, unless a read or definition is one that another prover refuses."""
    for number in range(3):
        given = random_inputs(before, seed + number)
        try:
            (found,) = run(after, given).values()
        except InterpreterError:
            return
        (expected,) = run(before, given).values()
        assert found.tobytes() == expected.tobytes()


def test_most_mistakes_are_refuted() -> None:
    refuted = 0
    for seed in range(24):
        random = np.random.default_rng(seed)
        schedule, goal, is_depthwise = SCHEDULES[seed % len(SCHEDULES)]
        module = a_layer(random, is_depthwise, isinstance(schedule, BlockRows)).module(seed)
        refuted += any(verdict.state == "refuted" for _, verdict in translated(module, Mistaken(schedule, random), goal))
    assert refuted >= 12
