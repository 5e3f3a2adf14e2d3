"""What the cost model says, beside what is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.passes.product_layers import BUFFER, INSTRUCTIONS, Layer, apply
from tinyir.backends.target import load_target
from tinyir.dialects.static_costs import cost, layer_costs
from tinyir.driver.compilation import start
from tinyir.driver.layer_costs import measure_layers
from tinyir.driver.load import load
from tinyir.ir.errors import TinyirError
from tinyir.passes.block_products import BlockProducts
from tinyir.rewrite.costs import Cost, find_cost_model

SMALL = 2500
"""Layers of fewer instructions are mostly what happens once, which the model knows little of."""
LARGE = 0.15
"""How far an estimate may be from what is counted, as a share of it."""


def estimated(layer: Layer, *passes: BlockProducts) -> Cost:
    module = layer.module()
    apply(module, (*passes, *BUFFER, *INSTRUCTIONS))
    return cost(module, load_target("cortex-m4"))


def test_more_work_costs_more_and_blocks_less() -> None:
    small, large = Layer((4, 4), 64, 16), Layer((8, 4), 64, 16)
    assert 1.8 < estimated(large).instructions / estimated(small).instructions < 2.2
    blocked = estimated(large, BlockProducts())
    assert blocked.instructions < estimated(large).instructions
    assert blocked.ram_bytes > estimated(large).ram_bytes, "rows of words"
    assert blocked.code_bytes > 0
    assert blocked.cycles > blocked.instructions


def test_models_are_found_by_name() -> None:
    assert find_cost_model() is cost
    with pytest.raises(TinyirError, match="no cost model 'static'") as caught:
        find_cost_model("static")
    assert caught.value.diagnostics[0].hint == "did you mean 'static_costs'?"


@pytest.mark.parametrize("name", ["ad", "kws"])
def test_estimates_of_layers_are_near_what_is_counted(name: str, corpus: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    model, target = str(corpus / f"mlperf_{name}" / "qdq.onnx"), load_target("cortex-m4")
    module = start(load(model), target).lower("buffer")
    costs = layer_costs(module, target)
    order = [str(o.properties["callee"]).removeprefix("@") for o in module.walk() if o.name == "func.call"]
    measured = measure_layers(start(load(model), target))
    pairs = [(costs[name].instructions, layer.instructions) for name, layer in zip(order, measured, strict=True) if layer.instructions > SMALL]
    wrong = [expected / counted - 1 for expected, counted in pairs]
    assert len(wrong) >= 8
    assert max(map(abs, wrong)) < LARGE
    assert abs(cost(module, target).instructions / sum(layer.instructions for layer in measured) - 1) < LARGE / 2
