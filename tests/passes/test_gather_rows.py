"""Sums of products over gathered rows keep every bit, and layers that differ in numbers only become one function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.graphs import Array, Step
from tests.oracle.cases import soaking
from tests.passes.product_layers import (
    BUFFER,
    INSTRUCTIONS,
    LOOP,
    TO_BYTES,
    WINDOWS,
    Layer,
    apply,
    assert_same_bytes,
    branches,
    constants,
    in_loops,
    random_layer,
)
from tinyir.backends.target import load_target
from tinyir.dialects import loop
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, TensorType
from tinyir.passes.form_blocks import FormBlocks
from tinyir.passes.gather_rows import GatherRows
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.merge_functions import MergeFunctions
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext

ANY = GatherRows()
LAYERS = {
    "pointwise, an odd number of positions": Layer((3, 3), 8, 3),
    "pointwise, channels that are no whole words": Layer((4, 2), 7, 4, zero=7),
    "pointwise, few channels": Layer((3, 3), 2, 5),
    "groups of two words": Layer((4, 4), 16, 6, (3, 3), (1, 1, 1, 1), groups=2, zero=5),
    "groups of a few channels": Layer((4, 5), 6, 9, (3, 3), (0, 0, 1, 1), (2, 2), groups=3, zero=-128),
    "groups of one channel": Layer((4, 3), 4, 8, (3, 3), (1, 1, 1, 1), groups=4),
    "an output for each channel": Layer((4, 3), 4, 4, (3, 3), (1, 1, 1, 1), groups=4, residual=True),
    "pointwise groups": Layer((3, 3), 16, 8, groups=2),
    **WINDOWS,
}


@pytest.mark.parametrize("positions", [2, 4])
@pytest.mark.parametrize("name", LAYERS)
def test_the_result_keeps_every_bit(name: str, positions: int) -> None:
    schedule = GatherRows(positions=positions)
    assert assert_same_bytes(LAYERS[name].module(), schedule, goal="size") == [f"gathered: jam positions {positions}"]


@pytest.mark.parametrize("channels", [3, 8])
def test_the_sums_are_instructions_on_words(channels: int) -> None:
    module = Layer((4, 4), channels, 5, (3, 3), (1, 1, 1, 1)).module()
    apply(module, [ANY, *BUFFER, *INSTRUCTIONS], "size")
    sums = [o for o in module.walk() if o.name == "loop.for" and o.results]
    assert [sum(inner.name == "isa.smlad" for inner in nest.body) for nest in sums] == [8]
    assert "block" in sums[0].attributes


def _two_layers(channels: int, between: int) -> Operation:
    """Two convolutions of 1x1, one after the other."""
    random = np.random.default_rng(channels)
    weights = [*constants(random, (between, 1, 1, channels)), *constants(random, (4, 1, 1, between))]
    given: list[TensorType | Array] = [TensorType((1, 3, 3, channels), I8), *weights]
    steps: list[Step] = [
        ("graph.conv2d", [0, 1, 2], {}),
        ("graph.requantize_high", [11, 3, 4, 5], TO_BYTES),
        ("graph.conv2d", [12, 6, 7], {}),
        ("graph.requantize_high", [13, 8, 9, 10], TO_BYTES),
    ]
    return in_loops(given, steps)


@pytest.mark.parametrize(("channels", "loops"), [((8, 12), 2), ((7, 12), 3), ((8, 9), 3)])
def test_elements_are_copied_alone_only_where_the_channels_of_some_layer_fill_no_words(channels: tuple[int, int], loops: int) -> None:
    module = _two_layers(*channels)
    assert len(assert_same_bytes(module, ANY, goal="size")) == 2
    module = _two_layers(*channels)
    apply(module, [ANY], "size")
    gathers = [o for o in module.walk() if o.name == "loop.for" and loop.induction_variable(o).name == "r"]
    assert [sum(inner.name == "loop.for" and loop.induction_variable(inner).name == "k" for inner in each.walk()) for each in gathers] == [loops, loops]


def test_a_zero_point_moves_into_the_bias() -> None:
    module = Layer((4, 4), 8, 5, (3, 3), (1, 1, 1, 1), zero=-128).module()
    assert [obligation.kind for obligation, _ in apply(module, [ANY], "size")] == ["rule", "overlap"]
    assert not any(o.name == "arith.subi" for o in module.walk())


Windows = Sequence[tuple[int, dict[str, object]]]
SAME: dict[str, object] = {"pad": (1, 1, 1, 1)}
ONE_FORM = (*INSTRUCTIONS[:-1], FormBlocks(rounds=(1,), sum_rounds=(1,), shared_text=1e9), LowerToC(canonical=True), MergeFunctions())


def _layers(windows: Windows, size: tuple[int, int]) -> Operation:
    """Layers of 16 channels with kernels of these sizes, one after the other, all requantized by the same numbers."""
    random = np.random.default_rng(0)
    requantized = constants(random, (16, 1, 1, 16))[-3:]
    given: list[TensorType | Array] = [TensorType((1, *size, 16), I8), *requantized]
    for kernel, attributes in windows:
        groups = attributes.get("groups", 1)
        assert isinstance(groups, int)
        given += constants(random, (16, kernel, kernel, 16 // groups))[:-3]
    layers: list[Step] = []
    for number, (_, attributes) in enumerate(windows):
        x = len(given) + 2 * number
        layers += [("graph.conv2d", [x - 1 if number else 0, 4 + 2 * number, 5 + 2 * number], attributes), ("graph.requantize_high", [x, 1, 2, 3], TO_BYTES)]
    return in_loops(given, layers)


@pytest.mark.parametrize(
    ("windows", "size"),
    [
        ([(1, {}), (3, {"stride": (2, 2), "x_zero_point": -128})], (8, 16)),  # lines of 7, and one of 128
        ([(1, {}), (1, {"stride": (1, 4)}), (1, {})], (1, 16)),  # the last one step of all positions
        ([(3, SAME), (3, {**SAME, "groups": 2}), (1, {"groups": 2})], (6, 6)),
    ],
)
def test_layers_share_their_code_whatever_their_lines_and_groups_are(windows: Windows, size: tuple[int, int]) -> None:
    assert len(assert_same_bytes(_layers(windows, size), ANY, goal="size")) == len(windows)
    module = _layers(windows, size)
    apply(module, [ANY, *BUFFER, *ONE_FORM], "size")
    assert sum(any(o.name == "c.assembly" for o in f.walk()) for f in module.body if f.name == "c.function") == 1


def test_layers_that_define_parts_of_one_tensor_keep_every_bit() -> None:
    module = branches((2, 3))
    apply(module, LOOP)
    assert len(assert_same_bytes(module, ANY, goal="size")) == 2


@pytest.mark.parametrize("seed", range(1000 if soaking() else 18))
def test_random_layers_keep_every_bit(seed: int) -> None:
    assert_same_bytes(random_layer(seed).module(seed), GatherRows(positions=2 + seed % 3), seed, "size")


def test_most_of_the_random_layers_are_gathered() -> None:
    gathered = 0
    for seed in range(16):
        module = random_layer(seed).module(seed)
        apply(module, [ANY], "size")
        gathered += any("schedule" in o.attributes for o in module.walk())
    assert gathered >= 9


def test_a_target_without_pairs_of_lanes_is_left_alone() -> None:
    module = Layer((3, 3), 4, 4).module()
    ANY.run(module, PassContext(target=load_target("rv32imc"), ledger=Ledger(), goal="size"))
    assert not any("schedule" in o.attributes for o in module.walk())
