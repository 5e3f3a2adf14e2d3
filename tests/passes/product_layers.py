"""Random quantized layers with constant weights, at loop level, for the tests of the schedules of sums of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import attrs
import numpy as np

from tests.graphs import Array, Step, chain, random_inputs
from tinyir.backends.target import load_target
from tinyir.dialects.nest_translation import NestTranslation
from tinyir.interp.machine import run
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, I32, TensorType
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.collapse_loops import CollapseLoops
from tinyir.passes.fold_reads import FoldReads
from tinyir.passes.form_blocks import FormBlocks
from tinyir.passes.fuse_nests import FuseNests
from tinyir.passes.lower_to_loops import LowerToLoops
from tinyir.passes.mark_no_overflow import MarkNoOverflow
from tinyir.passes.outline_layers import OutlineLayers
from tinyir.passes.pair_chains import PairChains
from tinyir.passes.pair_lanes import PairLanes
from tinyir.passes.plan_memory import PlanMemory
from tinyir.passes.prove_bounds import ProveBounds
from tinyir.passes.select_instructions import SelectInstructions
from tinyir.passes.select_scalars import SelectScalars
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import Pass, PassContext

LOOP: tuple[Pass, ...] = (LowerToLoops(), FuseNests(sums_apart=True), FoldReads())
BUFFER: tuple[Pass, ...] = (Bufferize(), CollapseLoops(), PlanMemory(), OutlineLayers(), MarkNoOverflow(), ProveBounds())
INSTRUCTIONS: tuple[Pass, ...] = (SelectInstructions(), PairLanes(), PairChains(), SelectScalars(), FormBlocks())


def apply(module: Operation, passes: Sequence[Pass], goal: str = "speed", target: str = "cortex-m4") -> Ledger:
    """Runs the passes for a target; gives what they stated."""
    ledger = Ledger()
    for one in passes:
        one.run(module, PassContext(target=load_target(target), ledger=ledger, goal=goal))
    return ledger


def translated(module: Operation, schedule: Pass, goal: str = "speed", target: str = "cortex-m4") -> Ledger:
    """Runs a schedule for a target; gives what it stated, and what is stated of the nests that it has changed."""
    context = PassContext(target=load_target(target), ledger=Ledger(), goal=goal)
    translation = NestTranslation()
    translation.before(schedule, module, context)
    schedule.run(module, context)
    translation.settle(context)
    assert isinstance(context.ledger, Ledger)
    return context.ledger


def assert_same_bytes(module: Operation, schedule: Pass, seed: int = 0, goal: str = "speed", target: str = "cortex-m4") -> list[str]:
    """A schedule keeps every bit of a module at loop level, and so does all that follows down to instructions; everything is proved.

    Gives what the scheduled loops say of themselves.
    """
    given = random_inputs(module, seed)
    expected = run(module, given)
    stated = [translated(module, schedule, goal, target)]
    found = [cast(StringAttribute, o.attributes["schedule"]).value for o in module.walk() if "schedule" in o.attributes]
    _assert_equal(run(module, given), expected, "loops")
    stated.append(apply(module, BUFFER, goal, target))
    _assert_equal(run(module, given), expected, "buffers")
    stated.append(apply(module, INSTRUCTIONS, goal, target))
    _assert_equal(run(module, given), expected, "instructions")
    assert all(each.summary()["proved"] == len(each) for each in stated)
    return found


def _assert_equal(found: dict[str, Array], expected: dict[str, Array], what: str) -> None:
    for name, values in expected.items():
        assert found[name].tobytes() == values.tobytes(), what


@attrs.frozen
class Layer:
    """A convolution of [1, height, width, channels] by [outputs, *kernel, channels of a group], as it is or requantized."""

    size: tuple[int, int] = (4, 3)
    channels: int = 2
    outputs: int = 3
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    zero: int = 0
    requantized: bool = True
    residual: bool = False
    planar: bool = False
    """The image comes as [1, channels, height, width]."""

    def module(self, seed: int = 0) -> Operation:
        """The layer in loops, as the schedules find it."""
        module = self.graph(seed)
        apply(module, LOOP)
        return module

    def graph(self, seed: int = 0) -> Operation:
        random = np.random.default_rng(seed)
        kernel = (self.outputs, *self.kernel, self.channels // self.groups)
        size = (self.channels, *self.size) if self.planar else (*self.size, self.channels)
        given: list[TensorType | Array] = [TensorType((1, *size), I8), *constants(random, kernel)]
        if self.residual:
            given.append(TensorType((1, *self._positions(), self.outputs), I32))
        window = {"pad": self.pad, "stride": self.stride, "dilation": self.dilation, "groups": self.groups, "x_zero_point": self.zero}
        steps: list[Step] = [("graph.transpose", [0], {"permutation": (0, 2, 3, 1)})] if self.planar else []
        steps.append(("graph.conv2d", [len(given) if self.planar else 0, 1, 2], window))
        if self.residual:
            steps.append(("graph.add", [len(given) + len(steps) - 1, len(given) - 1], {}))
        if self.requantized:
            steps.append(("graph.requantize_high", [len(given) + len(steps) - 1, 3, 4, 5], TO_BYTES))
        return chain(given, steps)

    def _positions(self) -> tuple[int, int]:
        def count(axis: int) -> int:
            reach = self.size[axis] + self.pad[axis] + self.pad[axis + 2] - self.dilation[axis] * (self.kernel[axis] - 1) - 1
            return reach // self.stride[axis] + 1

        return count(0), count(1)


def branches(outputs: Sequence[int], axes: str = "NHWC", size: tuple[int, int] = (4, 6), channels: int = 3) -> Operation:
    """Convolutions (1x1 and 3x3 in turn) of one tensor, joined along the channels, the result with its axes in the given order; at graph level."""
    random = np.random.default_rng(len(outputs))
    given: list[TensorType | Array] = [TensorType((1, *size, channels), I8)]
    for number, count in enumerate(outputs):
        given += constants(random, (count, *((3, 3) if number % 2 else (1, 1)), channels))
    steps: list[Step] = []
    for number in range(len(outputs)):
        first, convolved = 1 + 5 * number, len(given) + len(steps)
        steps.append(("graph.conv2d", [0, first, first + 1], {"pad": (number % 2,) * 4, "x_zero_point": 3}))
        steps.append(("graph.requantize_high", [convolved, first + 2, first + 3, first + 4], TO_BYTES))
    ends = range(len(given) + 1, len(given) + len(steps), 2)
    if axes == "NCHW":
        steps += [("graph.transpose", [end], {"permutation": (0, 3, 1, 2)}) for end in ends]
        ends = range(len(given) + len(steps) - len(outputs), len(given) + len(steps))
    steps.append(("graph.concat", list(ends), {"axis": axes.index("C")}))
    return chain(given, steps)


TO_BYTES = {"low": -128, "high": 127, "zero_point": 0, "result_type": I8}


def constants(random: np.random.Generator, shape: Sequence[int]) -> list[Array]:
    """Weights [outputs, ...] of the whole range, biases, and how the outputs are requantized: multipliers, roundings and one shift."""
    outputs = shape[0]
    shift = int(random.integers(1, 4))
    return [
        random.integers(-128, 128, shape).astype(np.int8),
        random.integers(-999, 999, outputs).astype(np.int32),
        random.integers(1 << 24, 1 << 28, outputs).astype(np.int32),
        random.integers(-40, 40, outputs).astype(np.int32),
        np.full(outputs, shift, np.int32),
    ]


def in_loops(given: Sequence[TensorType | Array], steps: Sequence[Step]) -> Operation:
    """The steps as loops, as the schedules find them."""
    module = chain(given, steps)
    apply(module, LOOP)
    return module


WINDOWS = {
    "one channel": Layer((4, 4), 1, 5, (3, 3), (1, 1, 1, 1)),
    "three channels, padded": Layer((5, 4), 3, 2, (3, 3), (1, 1, 1, 1), zero=-128),
    "padded at one side": Layer((5, 5), 8, 4, (3, 3), (0, 0, 1, 1), (2, 2), zero=127),
    "padded at the other": Layer((5, 5), 9, 2, (3, 3), (2, 1, 0, 0)),
    "a column of five": Layer((7, 4), 2, 3, (5, 1), (2, 0, 1, 0), zero=3),
    "strided columns": Layer((5, 7), 8, 3, (1, 1), stride=(2, 2)),
    "dilated": Layer((6, 6), 3, 3, (3, 3), (1, 1, 1, 1), dilation=(2, 2)),
    "strided and dilated": Layer((7, 9), 8, 2, (3, 3), (2, 2, 2, 2), (2, 1), (1, 2), zero=-5),
    "a residual before the requantization": Layer((3, 5), 6, 3, residual=True, zero=1),
    "a residual on padded positions": Layer((4, 3), 8, 5, (3, 3), (1, 1, 1, 1), residual=True),
    "sums as they are": Layer((3, 3), 7, 9, requantized=False),
}
"""Layers that differ in what their windows read of x, and in what follows their sums."""


def random_layer(seed: int) -> Layer:
    """Of up to 12 channels and outputs, a window of up to 3 by 3 or 5 elements, at few positions."""
    random = np.random.default_rng(seed)
    kernel = ((1, 1), (3, 3), (5, 1), (1, 5), (2, 2), (1, 1))[seed % 6]
    top, left, bottom, right = (int(v) for v in random.integers(0, 3, 4))
    stride, dilation = ((int(a), int(b)) for a, b in random.integers(1, 3, (2, 2)))
    height, width = (d * (k - 1) + 1 + int(more) for d, k, more in zip(dilation, kernel, random.integers(1, 4, 2), strict=True))
    pad = (top, left, bottom, right) if kernel != (1, 1) else (0, 0, 0, 0)
    channels, outputs = (int(v) for v in random.integers(1, 13, 2))
    return Layer((height, width), channels, outputs, kernel, pad, stride, dilation, zero=int(random.integers(-128, 128)), residual=seed % 4 == 3)
