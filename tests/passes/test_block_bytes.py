"""Sums of products over rows of whole vectors keep every bit, on the way down to instructions too."""

from __future__ import annotations

import attrs
import pytest

from tests.oracle.cases import soaking
from tests.passes.product_layers import BUFFER, INSTRUCTIONS, LOOP, WINDOWS, Layer, apply, assert_same_bytes, branches, random_layer
from tinyir.backends.target import load_target
from tinyir.passes.block_bytes import BlockBytes
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext

M55 = "cortex-m55"
LAYERS = {
    "pointwise, whole vectors": Layer((3, 3), 32, 4),
    "pointwise, a rest of terms": Layer((4, 2), 19, 4, zero=7),
    "pointwise, few channels": Layer((3, 3), 2, 6),
    **{name: attrs.evolve(layer, outputs=6) for name, layer in WINDOWS.items()},
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


@pytest.mark.parametrize("seed", range(1000 if soaking() else 12))
def test_random_layers_keep_every_bit(seed: int) -> None:
    schedule = BlockBytes(scratch_bytes=(0, 64, 4096)[seed % 3], positions=1 + seed % 4, outputs=1 + seed // 4 % 2)
    layer = random_layer(seed)
    assert_same_bytes(attrs.evolve(layer, outputs=2 * layer.outputs).module(seed), schedule, seed, target=M55)


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
