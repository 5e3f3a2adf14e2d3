"""Every integer form of a requantization, compared with its meaning on each accumulator that can occur."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest

from tests.passes.quantized_networks import Network, Quantized, lowered
from tinyir.dialects.graph_integers import create, create_constant
from tinyir.interp.machine import run
from tinyir.ir.attributes import TypeAttribute
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.errors import TinyirError
from tinyir.ir.exact import Requantization
from tinyir.ir.location import NameLocation
from tinyir.ir.operation import Operation
from tinyir.ir.quantities import fractions_attribute, requantizations
from tinyir.ir.types import I8, I32, I64, TensorType
from tinyir.passes.lower_requantize import LowerRequantize
from tinyir.prove.claim import Claim
from tinyir.prove.exact_quotient import AllClaims
from tinyir.prove.obligations import Ledger
from tinyir.prove.requantize import LayerRequantizeClaim
from tinyir.rewrite.passes import PassContext


def requantization(scales: list[Fraction], terms: int, offsets: list[Fraction] | None = None, zero_point: int = 5) -> Operation:
    """A module that requantizes the sum of `terms` int8 inputs for each scale: the accumulators are -128 * terms .. 127 * terms."""
    channels = len(scales)
    module = create_module()
    type = TensorType((256, channels, terms), I8)
    function = create_function(module, "net", [type], [TensorType((256, channels), I8)])
    builder = Builder.at_end(function.body, NameLocation("sum"))
    total = create(builder, "graph.reduce_sum", [function.body.arguments[0]], axes=[2], result_type=I32)
    lists: dict[str, Any] = {"scale": fractions_attribute(scales), "offset": fractions_attribute(offsets) if offsets else None}
    result = create(builder, "graph.requantize", [total], zero_point=zero_point, low=-128, high=127, result_type=I8, **lists)
    builder.create("func.return", [result])
    return module


def lower(module: Operation, **options: bool) -> tuple[Operation, Ledger, tuple[Requantization, ...]]:
    """The operation that takes the place of the only requantization, what was stated, and the meanings."""
    (old,) = [operation for operation in module.walk() if operation.name == "graph.requantize"]
    meanings, ledger = requantizations(old), Ledger()
    LowerRequantize(**options).run(module, PassContext(ledger=ledger))
    (new,) = [operation for operation in module.walk() if "requantize" in operation.name]
    return new, ledger, meanings


def assert_equal_everywhere(module: Operation, meanings: tuple[Requantization, ...], terms: int) -> None:
    """Runs all accumulators of one term, and the extremes and random ones of several."""
    channels = len(meanings)
    x = np.random.default_rng(1).integers(-128, 127, (256, channels, terms), endpoint=True).astype(np.int8)
    x[:, :, 0] = np.arange(-128, 128, dtype=np.int8)[:, None]
    x[0], x[1] = -128, 127
    (function,) = [operation for operation in module.body if operation.name == "func.func"]
    (result,) = run(module, {"input_0": x}).values()
    sums = x.astype(np.int64).sum(axis=2)
    wanted = [[meanings[c if channels > 1 else 0](int(total)) for c, total in enumerate(row)] for row in sums]
    assert np.array_equal(result.reshape(256, channels), wanted), function.name


THIRDS = [Fraction(1, 3), Fraction(2, 7), Fraction(12345, 98765)]


def test_one_multiplier_for_each_channel_shares_one_rounding_and_one_shift() -> None:
    module = requantization(THIRDS, 40)
    new, ledger, meanings = lower(module)
    assert new.name in ("graph.requantize_high", "graph.requantize_fixed")
    assert [operand.type for operand in new.operands[1:2]] == [TensorType((3,), I32)]
    assert {operand.type for operand in new.operands[3:]} == {TensorType((1,), I32)}
    assert_equal_everywhere(module, meanings, 40)
    assert [(o.kind, v.state) for o, v in ledger] == [("range", "proved"), ("requantize", "proved")]


def test_the_high_word_can_be_left_aside() -> None:
    module = requantization([Fraction(5, 7919), Fraction(3, 1237)], 300)
    assert lower(module)[0].name == "graph.requantize_high"
    module = requantization([Fraction(5, 7919), Fraction(3, 1237)], 300)
    new, _, meanings = lower(module, high_word=False)
    assert new.name == "graph.requantize_fixed"
    assert_equal_everywhere(module, meanings, 300)


def test_offsets_go_into_a_rounding_for_each_channel() -> None:
    module = requantization(THIRDS, 20, [Fraction(1, 5), Fraction(-1, 9), Fraction(0)])
    new, _, meanings = lower(module)
    assert new.operands[2].type is TensorType((3,), I64)
    assert_equal_everywhere(module, meanings, 20)


def test_a_mean_of_64_is_a_shift_with_halves_to_even() -> None:
    module = requantization([Fraction(1, 64)], 64)
    new, ledger, meanings = lower(module)
    assert new.name == "graph.requantize_half_even"
    assert_equal_everywhere(module, meanings, 64)
    (claim,) = [o.claim for o, _ in ledger if o.kind == "requantize"]
    assert isinstance(claim, AllClaims)


def test_powers_of_two_for_each_channel_are_shifts_with_halves_to_even() -> None:
    module = requantization([Fraction(1, 4), Fraction(3, 8), Fraction(1, 128)], 9)
    new, _, meanings = lower(module)
    assert new.name == "graph.requantize_half_even"
    assert_equal_everywhere(module, meanings, 9)


@pytest.mark.parametrize("scale", [Fraction(1 << 33), Fraction(10204158976), Fraction((1 << 40) + 1, 2)])
def test_scales_beyond_32_bits_saturate(scale: Fraction) -> None:
    module = requantization([scale], 1, [Fraction(-44402)])
    _, _, meanings = lower(module)
    assert_equal_everywhere(module, meanings, 1)


def test_a_mean_of_six_is_a_division() -> None:
    module = requantization([Fraction(1, 6)], 6)
    new, _, meanings = lower(module)
    assert new.name == "graph.requantize_division"
    assert_equal_everywhere(module, meanings, 6)


def test_channels_that_share_nothing_are_found_by_thresholds() -> None:
    module = requantization([Fraction(1, 6), Fraction(1, 4), Fraction(2, 7)], 8)
    new, _, meanings = lower(module)
    assert new.name == "graph.requantize_thresholds"
    assert_equal_everywhere(module, meanings, 8)


def test_z3_agrees_about_every_form() -> None:
    forms: dict[str, Claim] = {}
    for scales, terms in (([Fraction(1, 3)], 3), ([Fraction(1, 64)], 2), ([Fraction(1, 6)], 6), ([Fraction(1, 6), Fraction(1, 4)], 2)):
        new, ledger, _ = lower(requantization(scales, terms))
        (claim,) = [o.claim for o, _ in ledger if o.kind == "requantize"]
        assert claim is not None
        forms[new.name] = claim
    assert len(forms) == 4
    for name, claim in forms.items():
        assert claim.check("z3").state == "proved", name


def test_a_wrong_multiplier_is_refuted_with_an_accumulator() -> None:
    _, ledger, _ = lower(requantization(THIRDS, 40))
    (claim,) = [o.claim for o, _ in ledger if o.kind == "requantize"]
    assert isinstance(claim, LayerRequantizeClaim)
    wrong = attrs.evolve(claim.sequence, multipliers=tuple(m + m // 100 for m in claim.sequence.multipliers))
    verdict = attrs.evolve(claim, sequence=wrong).check()
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    assert verdict.counterexample["sequence"] != verdict.counterexample["meaning"]


def test_sums_that_overflow_are_an_error_that_names_the_node() -> None:
    terms = 70_000
    module = create_module()
    type = TensorType((1, terms), I8)
    function = create_function(module, "net", [type], [TensorType((1, 1), I32)])
    builder = Builder.at_end(function.body, NameLocation("too_long"))
    weight = create_constant(builder, np.full((1, terms), -127), I8)
    bias = create_constant(builder, np.zeros(1), I32)
    total = create(builder, "graph.dense", [function.body.arguments[0], weight, bias], x_zero_point=127)
    builder.create("func.return", [total])
    with pytest.raises(TinyirError, match=r"node 'too_long' \(graph.dense\): refuted that 1 sums of 70000 products fit 32 bits"):
        LowerRequantize().run(module, PassContext(ledger=Ledger()))


def test_the_range_of_a_layer_follows_from_the_layer_before() -> None:
    network = Network([1, 4], Quantized(0.05))
    hidden = network.node("Relu", network.node("MatMul", network.x, network.weight(np.eye(4) * 100, 0.01)))
    hidden = network.requantize(hidden, Quantized(0.05, -128))
    result = network.model(network.node("MatMul", hidden, network.weight(np.eye(4), 0.5)), Quantized(0.1))
    statements = [o.statement for o, _ in lowered(result).ledger if o.kind == "range"]
    assert statements == ["4 sums of 4 products fit 32 bits in any order"] * 2


def test_the_goal_size_keeps_to_one_form_for_all_layers() -> None:
    module = requantization([Fraction(1, 303), Fraction(1, 301)], 4)
    new = lower(module)[0]
    module = requantization([Fraction(1, 303), Fraction(1, 301)], 4)
    context = PassContext(ledger=Ledger(), goal="size")
    LowerRequantize().run(module, context)
    assert new.properties["sum_type"] is TypeAttribute(I32)
    assert any(operation.name == "graph.requantize_high" for operation in module.walk())
