"""Depthwise sums over staged planes keep every bit, whatever window moves over them."""

from __future__ import annotations

import attrs
import pytest

from tests.passes.product_layers import Layer, apply, assert_same_bytes
from tinyir.backends.target import load_target
from tinyir.passes.stage_planes import StagePlanes
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

STAGED = ["stage planes, jam 2 columns"]
SAME = Layer((5, 5), 3, 3, (3, 3), (1, 1, 1, 1), groups=3, zero=5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("columns", [5, 6])
def test_kernels_of_every_width(width: int, stride: int, columns: int) -> None:
    layer = Layer((5, columns), 3, 3, (3, width), (1, width // 2, 1, (width - 1) // 2), (stride, stride), groups=3, zero=-128)
    assert assert_same_bytes(layer.module(width), StagePlanes(), width) == STAGED


@pytest.mark.parametrize(
    "layer",
    [
        attrs.evolve(SAME, pad=(0, 0, 0, 0)),
        attrs.evolve(SAME, pad=(1, 0, 0, 1), zero=0),
        attrs.evolve(SAME, pad=(2, 2, 2, 2), dilation=(2, 2), size=(6, 7)),
        attrs.evolve(SAME, pad=(1, 2, 2, 0), stride=(2, 1)),
        attrs.evolve(SAME, pad=(0, 0, 1, 1), stride=(2, 2), size=(6, 6)),
        attrs.evolve(SAME, residual=True),
        attrs.evolve(SAME, requantized=False, size=(3, 7)),
        attrs.evolve(SAME, channels=2, outputs=2, groups=2, size=(4, 3)),
    ],
)
def test_windows_and_what_follows_them(layer: Layer) -> None:
    assert assert_same_bytes(layer.module(), StagePlanes()) == STAGED


def test_sums_of_too_many_terms_and_those_over_channels_are_left_alone() -> None:
    for layer, most in ((SAME, 8), (attrs.evolve(SAME, groups=1), 36)):
        module = layer.module()
        apply(module, [StagePlanes(most_terms=most)])
        assert not any("schedule" in o.attributes for o in module.walk())


def test_a_target_without_pairs_of_lanes_is_left_alone() -> None:
    module = SAME.module()
    StagePlanes().run(module, PassContext(target=load_target("rv32imc"), ledger=Ledger()))
    assert not any("schedule" in o.attributes for o in module.walk())


def test_a_window_clipped_otherwise_than_by_the_plane_is_left_alone() -> None:
    text = print_module(SAME.module())
    assert "min(3, 6 - %q)" in text
    module = parse(text.replace("min(3, 6 - %q)", "min(3, 5 - %q)"))
    assert assert_same_bytes(module, StagePlanes()) == []
