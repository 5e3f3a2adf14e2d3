"""Sums over windows that run on staged lines keep every bit, whatever windows move over them."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from tests.graphs import Array, Step
from tests.passes.product_layers import TO_BYTES, Layer, apply, assert_same_bytes, constants, in_loops
from tinyir.ir.types import I8, TensorType
from tinyir.passes.stage_lines import StageLines
from tinyir.passes.stream_rows import StreamRows

RGB = Layer((5, 6), 3, 4, (3, 3), (1, 1, 1, 1), zero=5)


def _lines(layer: Layer) -> int:
    return (layer.size[0] + layer.pad[0] + layer.pad[2] - layer.dilation[0] * (layer.kernel[0] - 1) - 1) // layer.stride[0] + 1


def _staged(layer: Layer) -> list[str]:
    return [f"lines: tile lines {_lines(layer)}; unroll terms 24; jam positions 2, outputs 2"]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("width", "channels"), [(2, 1), (2, 3), (3, 1), (3, 2), (3, 3), (5, 1), (5, 3)])
def test_kernels_of_every_width(width: int, stride: int, channels: int) -> None:
    pad = (1, width // 2, 1, (width - 1) // 2)
    layer = attrs.evolve(RGB, channels=channels, kernel=(3, width), pad=pad, stride=(stride, stride), size=(5, 9))
    assert assert_same_bytes(layer.module(width), StageLines(), width) == _staged(layer)


@pytest.mark.parametrize(
    "layer",
    [
        attrs.evolve(RGB, pad=(0, 0, 0, 0)),
        attrs.evolve(RGB, pad=(1, 0, 0, 1), zero=0),
        attrs.evolve(RGB, pad=(2, 1, 2, 1), dilation=(2, 1), size=(6, 7)),
        attrs.evolve(RGB, pad=(1, 2, 2, 0), stride=(2, 1)),
        attrs.evolve(RGB, pad=(0, 0, 1, 1), stride=(2, 2), size=(8, 8), zero=-128),
        attrs.evolve(RGB, outputs=5, size=(4, 4)),
        attrs.evolve(RGB, outputs=3, size=(7, 7)),
        attrs.evolve(RGB, residual=True),
        attrs.evolve(RGB, requantized=False, size=(3, 7)),
    ],
)
def test_windows_and_what_follows_them(layer: Layer) -> None:
    assert assert_same_bytes(layer.module(), StageLines()) == _staged(layer)


@pytest.mark.parametrize(("room", "lines"), [(4 * 48, 1), (5 * 48, 1), (6 * 48, 2), (7 * 48, 2), (100 * 48, 3)])
def test_blocks_of_lines_are_as_many_as_there_is_room_for(room: int, lines: int) -> None:
    layer = attrs.evolve(RGB, size=(7, 6), stride=(2, 2), pad=(0, 1, 0, 1))
    assert assert_same_bytes(layer.module(), StageLines(scratch_bytes=room)) == [f"lines: tile lines {lines}; unroll terms 24; jam positions 2, outputs 2"]


def test_without_room_for_the_lines_of_one_window_nothing_is_staged() -> None:
    module = RGB.module()
    apply(module, [StageLines(scratch_bytes=100)])
    assert not any("schedule" in operation.attributes for operation in module.walk())


def test_windows_that_words_are_copied_for_cheaply_stay() -> None:
    module = attrs.evolve(RGB, channels=16, outputs=16).module()
    apply(module, [StageLines()])
    assert not any("schedule" in operation.attributes for operation in module.walk())


def test_an_image_with_its_channels_apart() -> None:
    layer = attrs.evolve(RGB, planar=True)
    module = layer.module()
    assert assert_same_bytes(module, StageLines()) == _staged(layer)


@pytest.mark.parametrize("outputs", [24, 23])
@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize(
    ("channels", "window"),
    [
        (1, {"pad": (1, 1, 1, 1)}),
        (3, {"pad": (1, 1, 1, 1)}),
        (3, {"pad": (0, 0, 1, 1), "stride": (2, 2)}),
        (2, {"pad": (2, 1, 2, 1), "dilation": (2, 1)}),
        (3, {"pad": (0, 0, 0, 0)}),
    ],
)
def test_rows_that_come_one_at_a_time(channels: int, window: dict[str, tuple[int, ...]], ring: bool, outputs: int) -> None:
    """The lines are those of one row of positions, of a tensor or of a ring of its rows."""
    random = np.random.default_rng(channels + sum(window["pad"]))
    shapes = [(outputs, 3, 3, channels), (1, 1, 1, outputs)]
    windows: list[dict[str, tuple[int, ...] | int]] = [{"x_zero_point": 3, **window}, {}]
    if ring:
        shapes, windows = [(outputs, 1, 1, 1), (channels, 1, 1, outputs), *shapes], [{}, {}, *windows]
    given: list[TensorType | Array] = [TensorType((1, 12, 8, 1 if ring else channels), I8)]
    for shape in shapes:
        given += constants(random, shape)
    layers: list[Step] = []
    for number, each in enumerate(windows):
        first, last = 1 + 5 * number, len(given) + len(layers)
        layers.append(("graph.conv2d", [last - 1 if number else 0, first, first + 1], each))
        layers.append(("graph.requantize_high", [last, first + 2, first + 3, first + 4], TO_BYTES))
    module = in_loops(given, layers)
    assert apply(module, [StreamRows(at_any_cost=True)]).summary()["proved"]
    assert assert_same_bytes(module, StageLines(), goal="ram") == ["lean_lines: tile lines 1; unroll terms 24; jam positions 2, outputs 2"]
