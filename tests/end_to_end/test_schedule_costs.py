"""What schedules say that they cost, beside what is counted: layers of each class under every schedule that can be applied to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import onnx
import pytest

from tests.end_to_end.test_layer_costs import SAME, conv, dense
from tests.end_to_end.test_unusual_networks import Layers, X
from tinyir.backends.target import load_target
from tinyir.dialects.schedules import EXPECTED
from tinyir.driver.compilation import start
from tinyir.driver.variant import Variant
from tinyir.driver.variant_meter import VariantMeter
from tinyir.frontend import import_onnx
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.operation import Operation

WITHIN = 0.34
"""How far an estimate may be from what is counted, as a share of it."""
PLAIN_WITHIN = 0.8
"""Of sums over padding that stay as they are: what compilers make of bounds that move is anybody's guess."""
SAME_COST = 1.15
"""Costs that differ by less may be ordered otherwise than what is counted."""
LAYERS: dict[str, tuple[Callable[[], onnx.ModelProto], tuple[str, ...]]] = {
    "product of a few outputs": (lambda: conv(64, 10, 10, outputs=2, kernel=(1, 1)), ("blocks", "neighbours")),
    "product of many outputs": (lambda: conv(16, 12, 12, outputs=16, kernel=(1, 1)), ("blocks", "neighbours")),
    "product over padding": (lambda: conv(3, 16, 16, outputs=8, kernel=(3, 3), strides=[2, 2], **SAME), ("blocks", "neighbours")),
    "short rows": (lambda: dense(7, 50), ("rows", "neighbours")),
    "rows of three outputs": (lambda: dense(200, 3), ("rows", "neighbours")),
    "long rows": (lambda: dense(320, 32), ("rows", "neighbours")),
    "depthwise over padding": (lambda: conv(4, 14, 14, outputs=4, kernel=(7, 7), group=4, pads=[3] * 4), ("planes", "neighbouring_channels")),
    "depthwise of one position": (lambda: conv(64, 3, 3, outputs=64, kernel=(3, 3), group=64), ("planes", "neighbouring_channels")),
    "depthwise in time": (lambda: conv(4, 100, 1, outputs=4, kernel=(36, 1), group=4), ("planes", "neighbouring_channels")),
}


SMALL_LAYERS: dict[str, tuple[Callable[[], onnx.ModelProto], tuple[str, ...]]] = {
    "a window of three channels": (lambda: conv(3, 16, 16, outputs=8, kernel=(3, 3), strides=[2, 2], **SAME), ("gathered", "plain")),
    "a window of one": (lambda: conv(1, 16, 16, outputs=6, kernel=(5, 5)), ("gathered", "plain")),
    "a window of words": (lambda: conv(16, 8, 8, outputs=16, kernel=(3, 3), **SAME), ("gathered", "plain")),
    "a window in time": (lambda: conv(9, 1, 40, outputs=32, kernel=(1, 3)), ("gathered", "plain")),
    "channels": (lambda: _second(16, 1), ("gathered", "plain")),
    "groups of words": (lambda: _second(8, 3, group=2, **SAME), ("gathered", "plain")),
    "groups of four channels": (lambda: _second(4, 3, group=4, **SAME), ("gathered", "plain")),
    "planes": (lambda: conv(8, 12, 12, outputs=8, kernel=(3, 3), group=8, **SAME), ("alike_planes", "plain")),
    "planes of every second column": (lambda: conv(8, 12, 12, outputs=8, kernel=(3, 3), group=8, strides=[2, 2], **SAME), ("alike_planes", "plain")),
    "small planes": (lambda: conv(64, 3, 3, outputs=64, kernel=(3, 3), group=64, **SAME), ("alike_planes", "plain")),
    "planes of great windows": (lambda: conv(4, 14, 14, outputs=4, kernel=(7, 7), group=4, pads=[3] * 4), ("alike_planes", "plain")),
    "long rows": (lambda: dense(320, 32), ("long_rows", "plain")),
}
"""At goal size."""


def _second(inputs: int, size: int, **attributes: Any) -> onnx.ModelProto:
    """A layer of 16 channels that another has made; `inputs`: those that each output reads."""
    layers = Layers((1, 1, 8, 8), X).conv(16, 1, 3, 3, **SAME).relu()
    return layers.conv(16, inputs, size, size, **attributes).end(1.0, 0, X.kind)


def expected_instructions(module: Operation) -> float:
    stated = [o.attributes[EXPECTED] for o in module.walk() if EXPECTED in o.attributes]
    return sum(float(cast(StringAttribute, each).value.partition(" ")[0].replace(",", "")) for each in stated)


@pytest.fixture
def meter_of(require_tool: Callable[[str], str]) -> Callable[..., VariantMeter]:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    return lambda model, target="cortex-m4": VariantMeter(import_onnx(model.SerializeToString()), load_target(target), "model")


def told_and_counted(meter: VariantMeter, goal: str, schedule: str) -> tuple[float, int]:
    """The instructions that a layer is expected to take under a schedule, and those that are counted."""
    variant = Variant(goal).with_option("choose_schedules", "only", (schedule,))
    lowered = start(meter.module.clone(), meter.target, goal=goal, passes=variant.pipeline("model")).lower("loop")
    counted = meter.measure(variant).instructions
    assert counted is not None
    return expected_instructions(lowered), counted


def assert_in_order(found: Sequence[tuple[float, int]]) -> None:
    for (less, first), (more, second) in pairwise(sorted(found)):
        assert first < second or more < SAME_COST * less, str(found)


@pytest.mark.parametrize("name", LAYERS)
def test_costs_are_near_what_is_counted_and_in_its_order(name: str, meter_of: Callable[..., VariantMeter]) -> None:
    make, schedules = LAYERS[name]
    meter = meter_of(make())
    found: list[tuple[float, int]] = []
    for schedule in schedules:
        expected, counted = told_and_counted(meter, "speed", schedule)
        stays = "padding" in name and schedule.startswith("neighbour")
        assert abs(expected / counted - 1) <= (PLAIN_WITHIN if stays else WITHIN), f"{schedule}: {expected:.0f}, counted {counted}"
        found.append((expected, counted))
    assert_in_order(found)
    fastest = meter.measure(Variant("speed")).instructions
    assert fastest is not None
    assert fastest <= SAME_COST * min(each for _, each in found), "the one that is chosen is about the best"


@pytest.mark.parametrize("name", SMALL_LAYERS)
def test_so_are_those_at_goal_size(name: str, meter_of: Callable[..., VariantMeter]) -> None:
    make, schedules = SMALL_LAYERS[name]
    meter = meter_of(make())
    found = [told_and_counted(meter, "size", schedule) for schedule in schedules]
    for schedule, (expected, counted) in zip(schedules, found, strict=True):
        assert abs(expected / counted - 1) <= (PLAIN_WITHIN if schedule == "plain" else WITHIN), f"{schedule}: {expected:.0f}, counted {counted}"
    assert_in_order(found)


@pytest.mark.parametrize(("terms", "outputs"), [(196, 26), (100, 8)])
def test_with_vectors_only_the_rest_of_a_row_comes_one_by_one(terms: int, outputs: int, meter_of: Callable[..., VariantMeter]) -> None:
    meter = meter_of(dense(terms, outputs), "cortex-m55")
    found = [told_and_counted(meter, "speed", schedule) for schedule in ("rows", "neighbours")]
    assert all(abs(expected / counted - 1) <= WITHIN for expected, counted in found), str(found)
    assert_in_order(found)
    assert meter.measure(Variant("speed")).instructions == min(counted for _, counted in found)
