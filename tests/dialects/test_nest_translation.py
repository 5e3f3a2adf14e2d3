"""Scheduled nests define what the nests before did: proved where they do, and refuted, with the term that differs, where they do not.

A counterexample names an element of the result and one of the input: the interpreter then finds the very factors that it tells of,
by what the result gains when the element grows by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs
import numpy as np
import pytest

from tests.graphs import Array, Step, chain, random_inputs
from tests.passes.product_layers import LOOP, Layer, apply, constants, in_loops, translated
from tinyir.backends.target import load_target
from tinyir.dialects import loop
from tinyir.dialects.nest_programs import storage
from tinyir.dialects.nest_translation import NestTranslation
from tinyir.dialects.product_nests import ProductNest, widened
from tinyir.interp.machine import run
from tinyir.ir.affine import AffineMap
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.builder import functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I32, TensorType
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.block_rows import BlockRows
from tinyir.passes.gather_rows import GatherRows
from tinyir.passes.hoist_groups import HoistGroups
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.stage_planes import StagePlanes
from tinyir.passes.stream_rows import StreamRows
from tinyir.prove.claim import Verdict
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.prove.translation import TranslationClaim
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline

Change = Callable[[Operation], None]
GATHER = GatherRows()
PADDED = Layer((5, 4), 3, 4, (3, 3), (1, 1, 1, 1), zero=7, requantized=False)
DEPTHWISE = Layer((5, 5), 6, 6, (3, 3), (1, 1, 1, 1), groups=6, requantized=False)
ROW = Layer((1, 1), 32, 8, requantized=False)


@attrs.frozen
class ThenChanged(Pass):
    """A schedule that does something else as well."""

    schedule: Pass
    change: Change

    reads = ("loop", "arith", "func", "builtin")
    leaves = ("loop", "arith", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        self.schedule.run(module, context)
        self.change(module)


def stated(ledger: Ledger) -> list[tuple[Obligation, Verdict]]:
    return [(obligation, verdict) for obligation, verdict in ledger if isinstance(obligation.claim, TranslationClaim)]


# -- changes that a schedule must not make


def of_name(module: Operation, name: str, type: Any = None) -> list[Operation]:
    return [o for o in module.walk() if o.name == name and (type is None or any(v.type is type for v in (*o.operands, *o.results)))]


def swap_weights(module: Operation) -> None:
    """Two neighbours of a constant that the schedule has packed."""
    for constant in of_name(module, "arith.constant"):
        value, type = constant.properties["value"], constant.result.type
        if isinstance(value, DenseElements) and isinstance(type, TensorType) and type.element is I16:
            elements = list(value.elements())
            place = next(n for n in range(0, len(elements), 2) if elements[n] != elements[n + 1])
            elements[place], elements[place + 1] = elements[place + 1], elements[place]
            constant.properties["value"] = DenseElements.of(type, elements)


def shift_staged(module: Operation) -> None:
    """What is staged comes from the next element."""
    to_the_next(next(o for o in of_name(module, "loop.read") if stages(o)))


def to_the_next(read: Operation) -> None:
    """Along the last axis; after the last comes the first."""
    map = loop.access_map(read)
    *outer, last = map.results
    extent = cast(TensorType, loop.accessed_tensor(read).type).shape[-1]
    read.properties["map"] = AffineMap(map.dimensions, 0, [*outer, (last + 1) % extent])


def stages(read: Operation) -> bool:
    """Whether a read is of the network's input, into scratch."""
    types = [user.results[0].type for user in read.result.users if user.results]
    return storage(loop.accessed_tensor(read)).definer is None and I16 in types


def pad_with_one(module: Operation) -> None:
    """Ones in place of the zeros that pad."""
    zeros = [o for o in of_name(module, "arith.constant", I16) if o.properties["value"] == IntegerAttribute(0, I16)]
    constant = next(zero for zero in zeros if any(user.name == "loop.define" for user in zero.result.users))
    constant.properties["value"] = IntegerAttribute(1, I16)


def other_zero_point(module: Operation) -> None:
    constant = next(o for o in of_name(module, "arith.constant", I16) if o.properties["value"] == IntegerAttribute(7, I16))
    constant.properties["value"] = IntegerAttribute(8, I16)


def next_weight(module: Operation) -> None:
    """A sum reads the scratch one element further."""
    to_the_next(next(o for o in of_name(module, "loop.read") if o.result.type is I16))


WRONG: dict[str, tuple[Layer, Pass, str, Change]] = {
    "two packed weights swapped": (ROW, BlockRows(), "speed", swap_weights),
    "a staged index shifted": (PADDED, BlockProducts(), "speed", shift_staged),
    "padding that is not zero": (PADDED, BlockProducts(), "speed", pad_with_one),
    "another zero point": (PADDED, BlockProducts(), "speed", other_zero_point),
    "the next term": (PADDED, BlockProducts(), "speed", next_weight),
    "a gathered index shifted": (attrs.evolve(PADDED, channels=8), GATHER, "size", shift_staged),
    "gathered padding that is not zero": (attrs.evolve(PADDED, zero=0), GATHER, "size", pad_with_one),
    "a plane's padding that is not zero": (DEPTHWISE, StagePlanes(), "speed", pad_with_one),
    "a plane's next column": (DEPTHWISE, StagePlanes(), "speed", next_weight),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_schedule_is_refuted_and_the_interpreter_agrees(name: str) -> None:
    layer, schedule, goal, change = WRONG[name]
    before, after = layer.module(), layer.module()
    ((obligation, verdict),) = stated(translated(after, ThenChanged(schedule, change), goal))
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    replay(before, after, verdict.counterexample)
    assert obligation.claim is not None
    assert obligation.claim.check("z3").state == "refuted"


def replay(before: Operation, after: Operation, found: Mapping[str, int]) -> None:
    """A counterexample is what the interpreter sees as well."""
    element = tuple(value for name, value in found.items() if name.startswith("index"))
    if "number_before" in found:
        numbers = [result(module, None)[element] for module in (before, after)]
        assert numbers[1] - numbers[0] == found["number_after"] - found["number_before"] != 0
        return
    place = tuple(value for name, value in found.items() if name.removeprefix("element").isdigit())
    factors = [int(result(module, place)[element]) - int(result(module, None)[element]) for module in (before, after)]
    assert factors == [found["factor_before"], found["factor_after"]]
    assert factors[0] != factors[1]


def result(module: Operation, one: tuple[int, ...] | None) -> Array:
    """What a layer makes of zeros, but for a one at a place."""
    given = {name: np.zeros_like(values) for name, values in random_inputs(module, 0).items()}
    for values in given.values():
        if one is not None:
            values[one] = 1
    (found,) = run(module, given).values()
    return found


@pytest.mark.parametrize("name", WRONG)
def test_the_schedule_itself_is_proved_by_both_provers(name: str) -> None:
    layer, schedule, goal, _ = WRONG[name]
    ((obligation, verdict),) = stated(translated(layer.module(), schedule, goal))
    assert verdict.state == "proved"
    assert obligation.claim is not None
    assert obligation.claim.check("z3").state == "proved"
    assert "(check-sat)" in obligation.claim.smtlib()


# -- wrong bytes that there have been


def about_a_zero_point(groups: int) -> Operation:
    """A convolution whose weights are about a zero point."""
    random = np.random.default_rng(0)
    weights = constants(random, (8, 3, 3, 8 // groups))
    given: list[TensorType | Array] = [TensorType((1, 5, 5, 8), I8), *weights]
    steps: list[Step] = [("graph.conv2d", [0, 1, 2], {"pad": (1, 1, 1, 1), "groups": groups, "weight_zero_point": 5})]
    module = chain(given, steps)
    apply(module, LOOP)
    return module


def test_weights_about_a_zero_point_that_are_gathered_as_they_lie_are_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductNest, "has_plain_weights", property(lambda _nest: True))
    before, after = about_a_zero_point(1), about_a_zero_point(1)
    ((_, verdict),) = stated(translated(after, GATHER, "size"))
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    replay(before, after, verdict.counterexample)


def test_weights_of_planes_that_forget_their_zero_point_are_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [verdict.state for _, verdict in stated(translated(about_a_zero_point(8), StagePlanes()))] == ["proved"]
    forgetful = "tinyir.passes.stage_planes.widened"
    monkeypatch.setattr(forgetful, lambda builder, element, factor: widened(builder, element, attrs.evolve(factor, shift=0)))
    before, after = about_a_zero_point(8), about_a_zero_point(8)
    ((_, verdict),) = stated(translated(after, StagePlanes()))
    assert verdict.state == "refuted"
    assert verdict.counterexample is not None
    replay(before, after, verdict.counterexample)


# -- what is stated, and of what


def test_an_element_that_is_no_longer_defined_is_refuted() -> None:
    def lose(module: Operation) -> None:
        nest = next(o for o in module.walk() if o.name == "loop.for" and "schedule" in o.attributes)
        nest.properties["upper_map"] = AffineMap.constant(1)

    ((_, verdict),) = stated(translated(PADDED.module(), ThenChanged(JamOutputs(factor=2), lose)))
    assert verdict.state == "refuted"
    assert verdict.counterexample == {"index0": 0, "index1": 0, "index2": 0, "index3": 2, "defined_before": 1, "defined_after": 0}


def test_a_nest_that_stays_as_it_is_needs_no_proof() -> None:
    assert stated(translated(PADDED.module(), ThenChanged(JamOutputs(factor=1), lambda _module: None))) == []


@pytest.mark.parametrize("schedules", [(HoistGroups(), BlockProducts()), (StreamRows(at_any_cost=True), JamOutputs(factor=4))])
def test_passes_that_follow_each_other_are_one_step(schedules: tuple[Pass, ...]) -> None:
    layers: list[Step] = [
        ("graph.conv2d", [6, 1, 2], {"pad": (1, 1, 1, 1), "x_zero_point": 3}),
        ("graph.requantize_high", [7, 3, 4, 5], {"low": -128, "high": 127, "zero_point": 0, "result_type": I8}),
    ]
    given: list[TensorType | Array] = [TensorType((1, 6, 5, 4), I8), *constants(np.random.default_rng(0), (8, 3, 3, 4))]
    first: list[Step] = [("graph.relu", [0], {})]
    module = in_loops(given, [*first, *layers])
    context = PassContext(ledger=Ledger(), translations=(NestTranslation(),))
    for schedule in schedules:
        for translation in context.translations:
            translation.before(schedule, module, context)
        schedule.run(module, context)
    assert isinstance(context.ledger, Ledger)
    assert not stated(context.ledger)
    for translation in context.translations:
        translation.settle(context)
    assert {verdict.state for _, verdict in stated(context.ledger)} <= {"proved"}


def test_sums_that_are_carried_are_those_of_all_channels_that_stand_side_by_side_and_of_the_rest() -> None:
    layers: list[Step] = [
        ("graph.conv2d", [0, 1, 2], {"pad": (1, 1, 1, 1)}),
        ("graph.requantize_high", [6, 3, 4, 5], {"low": -128, "high": 127, "zero_point": 0, "result_type": I8}),
        ("graph.sum_pool2d", [7], {"kernel": (12, 6), "result_type": I32, "x_zero_point": -128}),
        ("graph.requantize_high", [8, 3, 4, 5], {"low": -128, "high": 127, "zero_point": 0, "result_type": I8}),
    ]
    module = in_loops([TensorType((1, 12, 6, 3), I8), *constants(np.random.default_rng(0), (7, 3, 3, 3))], layers)
    context = PassContext(ledger=Ledger(), translations=(NestTranslation(),))
    PassPipeline([StreamRows(at_any_cost=True), JamOutputs(factor=4)]).run(module, context)
    assert isinstance(context.ledger, Ledger)
    for translation in context.translations:
        translation.settle(context)
    assert [verdict.state for _, verdict in stated(context.ledger)] == ["proved"]
    assert "fold" in next(o for o in of_name(module, "loop.tensor") if (o.result.name or "").endswith("sums")).properties


# -- what cannot be told


def turn_minima(module: Operation) -> None:
    """The operands of minima change places: the same numbers, but no prover here knows it."""
    for minimum in of_name(module, "arith.minsi"):
        minimum.operands = minimum.operands[::-1]


REQUANTIZED = attrs.evolve(PADDED, requantized=True)
UNTOLD: dict[str, tuple[Layer, Pass, str]] = {
    "blocks, with a result of fewer axes": (REQUANTIZED, BlockProducts(), "speed"),
    "gathered rows": (REQUANTIZED, GATHER, "size"),
    "planes": (attrs.evolve(DEPTHWISE, requantized=True), StagePlanes(), "speed"),
    "rows": (attrs.evolve(ROW, requantized=True), BlockRows(), "speed"),
    "neighbours": (REQUANTIZED, JamOutputs(factor=2), "speed"),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_what_cannot_be_told_is_put_back(name: str) -> None:
    layer, schedule, goal = UNTOLD[name]
    before, after = layer.module(), layer.module()
    context = PassContext(target=load_target("cortex-m4"), ledger=Ledger(), goal=goal, translations=(NestTranslation(),))
    PassPipeline([ThenChanged(schedule, turn_minima)]).run(after, context)
    assert isinstance(context.ledger, Ledger)
    assert not stated(context.ledger)
    assert [remark.partition(":")[0] for remark in context.remarks] == ["network"]
    assert not any("schedule" in operation.attributes for operation in after.walk())
    assert Counter(o.name for o in after.walk()) == Counter(o.name for o in before.walk())
    given = random_inputs(before, 0)
    (expected,), (found,) = run(before, given).values(), run(after, given).values()
    assert found.tobytes() == expected.tobytes()
    assert {verdict.state for _, verdict in context.ledger} <= {"proved"}


def test_a_scheduled_nest_may_be_scheduled_again() -> None:
    """Scratch of the first schedule is gone then, and another one there; the other way round as well."""
    again, plain = REQUANTIZED.module(), REQUANTIZED.module()
    translated(again, GATHER, "size")
    assert [verdict.state for _, verdict in stated(translated(again, Replaced(plain)))] == ["proved"]


@attrs.frozen(eq=False)
class Replaced(Pass):
    """Puts the body of another module's function in place of the one that is there."""

    other: Operation

    reads = ("loop", "arith", "func", "builtin")
    leaves = ("loop", "arith", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        (old,), (new,) = functions(module), functions(self.other)
        values: dict[Value, Value] = dict(zip(new.body.arguments, old.body.arguments, strict=True))
        given = list(old.body)
        for operation in new.body:
            old.body.append(operation.clone(values))
        for operation in reversed(given):
            operation.erase()
        translated(module, BlockProducts())
