"""Sums of products over rows of whole vectors keep every bit, on the way down to instructions too."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracle.cases import soaking
from tests.passes.product_layers import BUFFER, INSTRUCTIONS, LOOP, Layer, apply, assert_same_bytes, branches
from tinyir.backends.target import load_target
from tinyir.passes.block_bytes import BlockBytes
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext

M55 = "cortex-m55"
LAYERS = {
    "pointwise, whole vectors": Layer((3, 3), 32, 4),
    "pointwise, a rest of terms": Layer((4, 2), 19, 4, zero=7),
    "pointwise, few channels": Layer((3, 3), 2, 6),
    "one channel": Layer((4, 4), 1, 6, (3, 3), (1, 1, 1, 1)),
    "three channels, padded": Layer((5, 4), 3, 2, (3, 3), (1, 1, 1, 1), zero=-128),
    "padded at one side": Layer((5, 5), 8, 4, (3, 3), (0, 0, 1, 1), (2, 2), zero=127),
    "padded at the other": Layer((5, 5), 9, 2, (3, 3), (2, 1, 0, 0)),
    "a column of five": Layer((7, 4), 2, 6, (5, 1), (2, 0, 1, 0), zero=3),
    "strided columns": Layer((5, 7), 8, 6, (1, 1), stride=(2, 2)),
    "dilated": Layer((6, 6), 3, 6, (3, 3), (1, 1, 1, 1), dilation=(2, 2)),
    "strided and dilated": Layer((7, 9), 8, 2, (3, 3), (2, 2, 2, 2), (2, 1), (1, 2), zero=-5),
    "a residual before the requantization": Layer((3, 5), 6, 6, residual=True, zero=1),
    "a residual on padded positions": Layer((4, 3), 8, 6, (3, 3), (1, 1, 1, 1), residual=True),
    "sums as they are": Layer((3, 3), 7, 12, requantized=False),
}


@pytest.mark.parametrize(("positions", "outputs", "room"), [(1, 1, 0), (2, 2, 100), (3, 2, 1000)])
@pytest.mark.parametrize("name", LAYERS)
def test_the_result_keeps_every_bit(name: str, positions: int, outputs: int, room: int) -> None:
    schedule = BlockBytes(scratch_bytes=room, positions=positions, outputs=outputs)
    (told,) = assert_same_bytes(LAYERS[name].module(), schedule, target=M55)
    assert told.startswith("bytes: tile positions ")
    assert told.endswith(f"; jam positions {positions}, outputs {outputs}")


def test_the_sums_are_instructions_on_vectors() -> None:
    module = Layer((4, 4), 3, 6, (3, 3), (1, 1, 1, 1), zero=5).module()
    apply(module, [BlockBytes(positions=2, outputs=3), *BUFFER, *INSTRUCTIONS], target=M55)
    sums = [o for o in module.walk() if o.name == "loop.for" and o.results]
    assert [[sum(inner.name == name for inner in nest.body) for name in ("isa.vmladava", "buffer.load", "arith.muli")] for nest in sums] == [[6, 5, 0]]


def test_layers_that_define_parts_of_one_tensor_keep_every_bit() -> None:
    module = branches((2, 4))
    apply(module, LOOP, target=M55)
    assert len(assert_same_bytes(module, BlockBytes(positions=2, outputs=2), target=M55)) == 2


def _random_layer(seed: int) -> Layer:
    random = np.random.default_rng(seed)
    kernel = ((1, 1), (3, 3), (5, 1), (1, 5), (2, 2), (1, 1))[seed % 6]
    top, left, bottom, right = (int(v) for v in random.integers(0, 3, 4))
    stride, dilation = ((int(a), int(b)) for a, b in random.integers(1, 3, (2, 2)))
    height, width = (d * (k - 1) + 1 + int(more) for d, k, more in zip(dilation, kernel, random.integers(1, 4, 2), strict=True))
    pad = (top, left, bottom, right) if kernel != (1, 1) else (0, 0, 0, 0)
    channels, outputs = int(random.integers(1, 20)), 2 * int(random.integers(1, 7))
    return Layer((height, width), channels, outputs, kernel, pad, stride, dilation, zero=int(random.integers(-128, 128)), residual=seed % 4 == 3)


@pytest.mark.parametrize("seed", range(1000 if soaking() else 12))
def test_random_layers_keep_every_bit(seed: int) -> None:
    schedule = BlockBytes(scratch_bytes=(0, 64, 4096)[seed % 3], positions=1 + seed % 4, outputs=1 + seed // 4 % 2)
    assert_same_bytes(_random_layer(seed).module(seed), schedule, seed, target=M55)


def test_a_target_that_multiplies_words_of_few_lanes_is_left_alone() -> None:
    module = Layer((3, 3), 4, 4).module()
    BlockBytes().run(module, PassContext(target=load_target("cortex-m4"), ledger=Ledger()))
    assert not any("schedule" in o.attributes for o in module.walk())


def test_outputs_that_leave_a_rest_are_left_alone() -> None:
    module = Layer((3, 3), 4, 5).module()
    apply(module, [BlockBytes(outputs=2)], target=M55)
    assert not any("schedule" in o.attributes for o in module.walk())


@pytest.mark.parametrize("name", ["three channels, padded", "strided columns", "a residual on padded positions"])
def test_without_vectors_bytes_are_multiplied_one_by_one(name: str) -> None:
    schedule = BlockBytes(scratch_bytes=100, positions=3, outputs=2)
    (told,) = assert_same_bytes(LAYERS[name].module(), schedule, target="rv32imc")
    assert told.endswith("; jam positions 3, outputs 2")
