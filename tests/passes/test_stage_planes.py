"""Depthwise sums over staged planes keep every bit, whatever window moves over them."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from tests.graphs import Array, Step
from tests.passes.product_layers import TO_BYTES, Layer, apply, assert_same_bytes, constants, in_loops
from tinyir.backends.target import load_target
from tinyir.dialects import loop
from tinyir.ir.types import I8, TensorType
from tinyir.passes.hoist_groups import HoistGroups
from tinyir.passes.stage_planes import StagePlanes
from tinyir.passes.stream_rows import StreamRows
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

STAGED = ["planes: jam columns 2; pad alike 1"]
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


@pytest.mark.parametrize("hoisted", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        attrs.evolve(SAME, outputs=9),
        attrs.evolve(SAME, outputs=12, stride=(2, 2), size=(6, 7), zero=0),
        attrs.evolve(SAME, outputs=9, channels=3, kernel=(1, 3), pad=(0, 1, 0, 1)),
        attrs.evolve(SAME, outputs=9, residual=True),
    ],
)
def test_outputs_share_the_plane_of_their_channel(layer: Layer, hoisted: bool) -> None:
    module = layer.module()
    if hoisted:
        apply(module, [HoistGroups()])
    assert assert_same_bytes(module, StagePlanes()) == STAGED


@pytest.mark.parametrize(
    ("size", "loops"),
    [
        ((7, 4), [["t", "p"]]),
        ((4, 16), [["p", "t"]]),
        ((9, 5), [["t", "p"], ["p"]]),  # a strip for the last column
    ],
)
def test_the_longer_loop_is_inside(size: tuple[int, int], loops: list[list[str]]) -> None:
    module = attrs.evolve(SAME, size=size).module()
    apply(module, [StagePlanes()])
    sums = [o for o in module.walk() if o.name == "arith.muli" and o.next is not None and o.next.name == "arith.addi"]
    chains = [[loop.induction_variable(each).name for each in o.ancestors() if each.name == "loop.for"][::-1][1:] for o in sums]
    assert list(dict.fromkeys(map(tuple, chains))) == [tuple(names) for names in loops]
    assert_same_bytes(attrs.evolve(SAME, size=size).module(), StagePlanes())


@pytest.mark.parametrize(
    "layer",
    [
        SAME,
        attrs.evolve(SAME, size=(5, 6), zero=0),
        attrs.evolve(SAME, pad=(0, 0, 0, 0)),
        attrs.evolve(SAME, pad=(0, 0, 1, 1), stride=(2, 2), size=(6, 6)),
        attrs.evolve(SAME, pad=(2, 2, 2, 2), dilation=(2, 2), size=(6, 7)),
        attrs.evolve(SAME, residual=True),
        attrs.evolve(SAME, kernel=(1, 3), pad=(0, 1, 0, 1)),
        attrs.evolve(SAME, outputs=6),
    ],
)
def test_planes_that_are_alike_keep_every_bit(layer: Layer) -> None:
    assert assert_same_bytes(layer.module(), StagePlanes(), goal="size") == ["alike_planes: jam columns 2; pad alike 1"]


def test_rows_of_planes_that_are_alike_lie_as_far_apart() -> None:
    given: list[TensorType | Array] = [TensorType((1, 8, 12, 3), I8)]
    for shape in ((3, 3, 3, 1), (3, 3, 3, 1)):
        given += constants(np.random.default_rng(1), shape)
    layers: list[Step] = [
        ("graph.conv2d", [0, 1, 2], {"groups": 3, "pad": (0, 0, 1, 1), "stride": (2, 2)}),
        ("graph.requantize_high", [11, 3, 4, 5], TO_BYTES),
        ("graph.conv2d", [12, 6, 7], {"groups": 3, "pad": (1, 1, 1, 1)}),
        ("graph.requantize_high", [13, 8, 9, 10], TO_BYTES),
    ]
    for last, widths in ((layers, [16, 16]), (layers[:2], [16])):
        module = in_loops(given, last)
        assert len(assert_same_bytes(in_loops(given, last), StagePlanes(), goal="size")) == len(widths)
        apply(module, [StagePlanes()], "size")
        planes = [o.result.type for o in module.walk() if o.name == "loop.tensor" and o.result.name.startswith("x_plane")]
        assert [plane.shape[2] for plane in planes if isinstance(plane, TensorType)] == widths


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


@pytest.mark.parametrize(
    ("kernel", "window"),
    [
        ((3, 3), {"pad": (1, 1, 1, 1)}),
        ((3, 3), {"pad": (0, 1, 0, 1)}),
        ((3, 3), {"pad": (0, 0, 1, 1), "stride": (2, 2)}),
        ((3, 3), {"pad": (2, 2, 2, 2), "dilation": (2, 2)}),
        ((1, 3), {"pad": (0, 1, 0, 1)}),
        ((3, 1), {"pad": (2, 0, 0, 0)}),
    ],
)
def test_rows_that_come_one_at_a_time(kernel: tuple[int, int], window: dict[str, tuple[int, ...]]) -> None:
    random = np.random.default_rng(kernel[0] + sum(window["pad"]))
    given: list[TensorType | Array] = [TensorType((1, 9, 5, 1), I8)]
    for shape in ((24, 1, 1, 1), (24, *kernel, 1), (1, 1, 1, 24)):
        given += constants(random, shape)
    layers: list[Step] = [
        ("graph.conv2d", [0, 1, 2], {"x_zero_point": 3}),
        ("graph.requantize_high", [16, 3, 4, 5], TO_BYTES),
        ("graph.conv2d", [17, 6, 7], {"groups": 24, "x_zero_point": -128, **window}),
        ("graph.requantize_high", [18, 8, 9, 10], TO_BYTES),
        ("graph.conv2d", [19, 11, 12], {}),
        ("graph.requantize_high", [20, 13, 14, 15], TO_BYTES),
    ]
    module = in_loops(given, layers)
    assert apply(module, [StreamRows(at_any_cost=True)]).summary()["proved"]
    assert assert_same_bytes(module, StagePlanes()) == STAGED


def test_planes_of_one_window_are_made_alike() -> None:
    """Rows of one length, and where one plane has an odd number of columns a strip for the last in all, which need not run."""
    random = np.random.default_rng(3)
    given: list[TensorType | Array] = [TensorType((1, 12, 12, 2), I8)]
    for _ in range(3):
        given += constants(random, (2, 3, 3, 1))
    same, half = {"groups": 2, "x_zero_point": -128, "pad": (1, 1, 1, 1)}, {"groups": 2, "x_zero_point": -128, "pad": (0, 0, 1, 1), "stride": (4, 4)}
    layers: list[Step] = [
        ("graph.conv2d", [0, 1, 2], same),
        ("graph.requantize_high", [16, 3, 4, 5], TO_BYTES),
        ("graph.conv2d", [17, 6, 7], half),
        ("graph.requantize_high", [18, 8, 9, 10], TO_BYTES),
        ("graph.conv2d", [19, 11, 12], same),
        ("graph.requantize_high", [20, 13, 14, 15], TO_BYTES),
    ]
    module = in_loops(given, layers)
    apply(module, [StagePlanes()])
    planes = [o.result.type for o in module.walk() if o.name == "loop.tensor" and o.result.name == "x_plane"]
    assert [plane.shape[-1] for plane in planes if isinstance(plane, TensorType)] == [16, 16, 16]
    strips = [o for o in module.walk() if o.name == "loop.for" and loop.induction_variable(o).name == "t"]
    assert [loop.constant_bounds(o) for o in strips] == [(0, 6), (0, 0), (0, 1), (0, 1)]
    assert assert_same_bytes(in_loops(given, layers), StagePlanes()) == STAGED * 3


def test_a_zero_point_moves_into_the_bias() -> None:
    module = attrs.evolve(SAME, zero=-128).module()
    assert [obligation.kind for obligation, _ in apply(module, [StagePlanes()])] == ["rule", "overlap"]
    assert not any(o.name == "arith.subi" for o in module.walk())
