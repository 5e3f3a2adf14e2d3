"""Sums of products in blocks keep every bit, whatever the shape of the layer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracle.cases import soaking
from tests.passes.product_layers import LOOP, Layer, apply, assert_same_bytes, branches
from tinyir.backends.target import load_target
from tinyir.dialects import loop
from tinyir.passes.block_products import BlockProducts
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext

PADDED = "pad rounds 4, permille 4"
LAYERS = {
    "pointwise, odd positions and outputs": Layer((3, 3), 2, 3),
    "pointwise, even positions and outputs": Layer((4, 2), 4, 4, zero=7),
    "one output": Layer((3, 3), 5, 1),
    "one channel": Layer((4, 4), 1, 5, (3, 3), (1, 1, 1, 1)),
    "three channels, padded": Layer((5, 4), 3, 2, (3, 3), (1, 1, 1, 1), zero=-128),
    "padded at one side": Layer((5, 5), 3, 4, (3, 3), (0, 0, 1, 1), (2, 2), zero=127),
    "padded at the other": Layer((5, 5), 9, 2, (3, 3), (2, 1, 0, 0)),
    "a column of five": Layer((7, 4), 2, 3, (5, 1), (2, 0, 1, 0), zero=3),
    "strided columns": Layer((5, 7), 8, 3, (1, 1), stride=(2, 2)),
    "dilated": Layer((6, 6), 3, 3, (3, 3), (1, 1, 1, 1), dilation=(2, 2)),
    "strided and dilated": Layer((7, 9), 4, 2, (3, 3), (2, 2, 2, 2), (2, 1), (1, 2), zero=-5),
    "a residual before the requantization": Layer((3, 5), 6, 3, residual=True, zero=1),
    "a residual on padded positions": Layer((4, 3), 3, 5, (3, 3), (1, 1, 1, 1), residual=True),
    "sums as they are": Layer((3, 3), 7, 9, requantized=False),
    "an image in planes": Layer((3, 3), 4, 7, zero=3, planar=True),
    "an image in planes, padded": Layer((4, 3), 5, 4, (3, 3), (1, 1, 1, 1), planar=True),
}


@pytest.mark.parametrize(("room", "padding"), [(None, None), (40, 0), (None, 100_000), (60, 100_000)])
@pytest.mark.parametrize("name", LAYERS)
def test_the_result_keeps_every_bit(name: str, room: int | None, padding: int | None) -> None:
    found = assert_same_bytes(LAYERS[name].module(), BlockProducts(scratch_bytes=room, most_padding=padding))
    assert len(found) == (LAYERS[name].outputs > 1), "the loop over one output is none"


@pytest.mark.parametrize("axes", ["NHWC", "NCHW"])
@pytest.mark.parametrize("outputs", [(2, 3), (4, 2, 5), (1, 4), (4, 1)])
def test_layers_that_define_parts_of_one_tensor_keep_every_bit(outputs: tuple[int, ...], axes: str) -> None:
    module = branches(outputs, axes)
    apply(module, LOOP)
    assert len([o for o in module.walk() if o.name == "loop.tensor"]) == 1, "the branches write into the joined tensor"
    assert len(assert_same_bytes(module, BlockProducts())) == sum(count > 1 for count in outputs)


def _random_layer(seed: int) -> Layer:
    random = np.random.default_rng(seed)

    def numbers(low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(int(v) for v in random.integers(low, high, count))

    kernel = ((1, 1), (3, 3), (5, 1), (1, 5), (2, 2), (1, 1))[seed % 6]
    (top, left, bottom, right), stride, dilation = numbers(0, 3, 4), numbers(1, 3, 2), numbers(1, 3, 2)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    height, width = (r + extra for r, extra in zip(reach, numbers(1, 4, 2), strict=True))
    channels, outputs, zero = *numbers(1, 10, 2), numbers(-128, 128, 1)[0]
    pad = (top, left, bottom, right) if kernel != (1, 1) else (0, 0, 0, 0)
    return Layer(
        (height, width),
        channels,
        outputs,
        kernel,
        pad,
        (stride[0], stride[1]),
        (dilation[0], dilation[1]),
        1,
        zero,
        residual=seed % 4 == 3,
        planar=seed % 5 == 1,
    )


def _random_blocking(seed: int) -> BlockProducts:
    return BlockProducts(scratch_bytes=(None, 40, 64, 300)[seed % 4], most_padding=(0, 100_000, None)[seed % 3])


@pytest.mark.parametrize("seed", range(1000 if soaking() else 12))
def test_random_layers_keep_every_bit(seed: int) -> None:
    assert_same_bytes(_random_layer(seed).module(seed), _random_blocking(seed), seed)


def test_most_of_the_random_layers_are_blocked() -> None:
    blocked = 0
    for seed in range(16):
        module = _random_layer(seed).module(seed)
        apply(module, [BlockProducts()])
        blocked += any("schedule" in o.attributes for o in module.walk())
    assert blocked >= 10


@pytest.mark.parametrize("target", ["host", "rv32imc"])
def test_a_target_without_pairs_of_lanes_is_left_alone(target: str) -> None:
    module = Layer((3, 3), 4, 4).module()
    BlockProducts().run(module, PassContext(target=load_target(target), ledger=Ledger()))
    assert not any("schedule" in o.attributes for o in module.walk())


def test_a_small_room_makes_several_blocks_and_a_large_one_a_single_block() -> None:
    layer = Layer((4, 4), 4, 2)
    for room, positions in ((4 * 2 * 6, 6), (1000, 16)):
        expected = f"blocks: tile positions {positions}; jam positions 2, outputs 2; {PADDED}"
        assert assert_same_bytes(layer.module(), BlockProducts(scratch_bytes=room)) == [expected]


@pytest.mark.parametrize(
    ("size", "channels", "kernel", "room", "expected"),
    [
        ((1, 2), 4, (1, 1), 1000, "blocks: tile positions 2; jam positions 2, outputs 1"),
        ((1, 5), 8, (1, 1), 1000, "blocks: tile positions 5; jam positions 5, outputs 1"),
        ((4, 1), 4, (3, 1), 1000, "blocks: tile positions 4; jam positions 4, outputs 1"),
        ((1, 7), 4, (1, 1), 4 * 2 * 4, "blocks: tile positions 4; jam positions 4, outputs 1"),
        ((1, 5), 6, (1, 1), 1000, "blocks: tile positions 6; jam positions 2, outputs 2"),  # a row of weights is no number of words
        ((3, 4), 4, (1, 1), 1000, "blocks: tile positions 12; jam positions 2, outputs 2"),  # a copy of the weights pays
        ((1, 5), 8, (1, 1), 2 * 8 * 3, "blocks: tile positions 3; jam positions 3, outputs 1"),
    ],
)
def test_few_positions_go_side_by_side_with_the_weights_as_they_lie(
    size: tuple[int, int], channels: int, kernel: tuple[int, int], room: int, expected: str
) -> None:
    pad = (kernel[0] // 2, kernel[1] // 2, (kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
    layer = Layer(size, channels, 3, kernel, pad, zero=-128)
    module = layer.module()
    assert assert_same_bytes(module, BlockProducts(scratch_bytes=room)) == [f"{expected}; {PADDED}"]
    assert any("block" in o.attributes and len(o.results) > 1 for o in module.walk() if o.name == "loop.for")


@pytest.mark.parametrize(("size", "labels"), [((6, 4), {"l", "m"}), ((4, 5), {"l", "m"}), ((3, 5), {"m"})])
def test_positions_are_staged_by_lines_where_their_number_is_even(size: tuple[int, int], labels: set[str]) -> None:
    layer = Layer(size, 4, 4, (3, 3), (1, 1, 1, 1))
    module = layer.module()
    apply(module, [BlockProducts()])
    found = {loop.induction_variable(o).name for o in module.walk() if o.name == "loop.for"}
    assert found & {"l", "m"} == labels
    assert_same_bytes(layer.module(), BlockProducts())
