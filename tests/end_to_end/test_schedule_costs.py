"""What schedules say that they cost, beside what is counted: layers of each class under every schedule that can be applied to them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import onnx
import pytest

from tests.end_to_end.test_layer_costs import SAME, conv, dense
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


def expected_instructions(module: Operation) -> float:
    stated = [o.attributes[EXPECTED] for o in module.walk() if EXPECTED in o.attributes]
    return sum(float(cast(StringAttribute, each).value.partition(" ")[0].replace(",", "")) for each in stated)


@pytest.mark.parametrize("name", LAYERS)
def test_costs_are_near_what_is_counted_and_in_its_order(name: str, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    target = load_target("cortex-m4")
    make, schedules = LAYERS[name]
    meter = VariantMeter(import_onnx(make().SerializeToString()), target, "model")
    found: list[tuple[float, int]] = []
    for schedule in schedules:
        variant = Variant("speed").with_option("choose_schedules", "only", (schedule,))
        expected = expected_instructions(start(meter.module.clone(), target, passes=variant.pipeline("model")).lower("loop"))
        counted = meter.measure(variant).instructions
        assert counted is not None
        stays = "padding" in name and schedule.startswith("neighbour")
        assert abs(expected / counted - 1) <= (PLAIN_WITHIN if stays else WITHIN), f"{schedule}: {expected:.0f}, counted {counted}"
        found.append((expected, counted))
    ordered = sorted(found)
    for (less, first), (more, second) in pairwise(ordered):
        assert first < second or more < SAME_COST * less, f"{schedules}: {found}"
    counted = meter.measure(Variant("speed")).instructions
    assert counted is not None
    assert counted <= SAME_COST * min(each for _, each in found), "the one that is chosen is about the best"
