"""Which of several schedules a nest is given, by the costs that they state."""

from __future__ import annotations

from typing import cast

import pytest

from tests.passes.product_layers import Layer, apply
from tinyir.backends.target import load_target
from tinyir.dialects import schedule_choice, schedules
from tinyir.dialects.nest_classes import NestFacts, facts_of
from tinyir.dialects.nest_costs import nest_cost
from tinyir.dialects.product_nests import scheduled_nests
from tinyir.dialects.schedule_choice import Choice, choose
from tinyir.dialects.schedules import check_schedules
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.builder import functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.choose_schedules import ChooseSchedules
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.rewrite.passes import PassContext
from tinyir.text.schedule_reader import read_schedules

M4 = load_target("cortex-m4")
LAYER = Layer((4, 4), 16, 8)


def shipped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Puts schedules in place of those that there are."""
    found = check_schedules(read_schedules(text))
    for module in (schedules, schedule_choice):
        monkeypatch.setattr(module, "schedules", lambda: found)


def jam(name: str, *lines: str, value: str = "2") -> str:
    return "\n  ".join((f"schedule {name} for product by jam_outputs", f"jam floats 4, outputs {value}", *lines)) + "\n"


def chosen(goal: str, *layers: Layer, **facts: int) -> list[Choice]:
    nests: list[tuple[Operation, NestFacts]] = []
    for layer in layers or (LAYER,):
        (function,) = functions(layer.module())
        (nest,) = scheduled_nests(function)
        found = facts_of(nest)
        nests.append((nest, NestFacts(found.kind, found.positions, found.outputs, found.terms, **facts)))
    return choose(nests, PassContext(target=M4, goal=goal))


def plans(choices: list[Choice]) -> list[str]:
    return [str(choice.chosen.plan).replace("floats 4, ", "") for choice in choices]


def test_formulas_are_told_the_nest_the_parameters_and_the_machine() -> None:
    (schedule,) = read_schedules(jam("a", "let half = terms / jam.outputs", "cost instructions half * positions + loop_round", "cost scratch 2 * terms"))
    cost = nest_cost(schedule, {("jam", "outputs"): 2}, {"terms": 10.0, "positions": 3.0}, M4)
    assert cost is not None
    assert (cost.instructions, cost.code_bytes, cost.scratch_bytes) == (18.0, 0.0, 20.0)
    assert nest_cost(schedule, {("jam", "outputs"): 2}, {"terms": 10.0, "positions": 3.0}, load_target("cortex-m0")) is None, "its table lacks loop_round"
    assert nest_cost(read_schedules(jam("a"))[0], {("jam", "outputs"): 2}, {}, M4) is None


def test_the_fewest_instructions_decide_among_schedules_and_values(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [jam("a", "cost instructions 100"), jam("b", "cost instructions 90 - jam.outputs", value="2 in {4, 8}"), jam("c", "cost instructions 82")]
    shipped(monkeypatch, "".join(texts))
    assert plans(chosen("speed")) == ["b: jam outputs 8"], "b and c cost the same, b stands first"
    shipped(monkeypatch, "".join(reversed(texts)))
    assert plans(chosen("speed")) == ["c: jam outputs 2"]


def test_what_the_pass_cannot_carry_out_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(monkeypatch, jam("a", "cost instructions 90 - jam.outputs", value="2 in {3, 7, 8, 16}"))
    (choice,) = chosen("speed")
    assert plans([choice]) == ["a: jam outputs 8"]
    assert [each.plan["jam", "outputs"] for each in choice.others] == [2], "16 channels: 3 and 7 would leave a rest, 16 and more there are not"


def test_a_schedule_without_a_cost_is_taken_if_it_stands_first(monkeypatch: pytest.MonkeyPatch) -> None:
    known, unknown = jam("a", "cost instructions 100"), jam("b")
    shipped(monkeypatch, unknown + known)
    assert plans(chosen("speed")) == ["b: jam outputs 2"]
    shipped(monkeypatch, known + unknown)
    assert plans(chosen("speed")) == ["a: jam outputs 2"]
    shipped(monkeypatch, unknown)
    assert chosen("speed") == [], "the pass finds it by itself"


def test_goal_ram_takes_no_memory_that_no_nest_needs_if_that_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, lean = jam("fast", "cost instructions 100", "cost scratch 2 * terms"), "cost instructions 150"
    shipped(monkeypatch, fast + jam("lean", lean, value="4"))
    assert plans(chosen("ram")) == ["lean: jam outputs 4"]
    assert plans(chosen("ram", spare=32)) == ["fast: jam outputs 2"], "there are as many bytes to spare"
    assert plans(chosen("ram", spare=32, beyond=1)) == ["lean: jam outputs 4"], "but not without raising the peak"
    assert plans(chosen("speed")) == ["fast: jam outputs 2"]
    shipped(monkeypatch, fast + jam("lean", "cost instructions 151", value="4"))
    assert plans(chosen("ram")) == ["fast: jam outputs 2"]
    shipped(monkeypatch, fast + jam("lean", lean, "where terms < 16", value="4"))
    assert plans(chosen("ram", LAYER, Layer((4, 4), 8, 8))) == ["fast: jam outputs 2"] * 2, "the first needs more anyway"


def test_goal_ram_may_take_half_as_many_instructions_again_as_goal_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(fast: int, lean: int) -> list[str]:
        middle = jam("middle", "goal ram", "cost instructions 120", "cost scratch 8")
        costs = (f"cost instructions {each}" for each in (fast, lean))
        shipped(monkeypatch, jam("fast", "goal speed", next(costs)) + middle + jam("lean", "goal ram", next(costs)))
        return [each.chosen.plan.schedule.name for each in chosen("ram")]

    assert names(100, 150) == ["lean"]
    assert names(100, 170) == ["middle"], "though it is within half again of the best that there is at goal ram"
    assert names(10, 170) == ["middle"], "the quickest where none is as quick as that"


def test_goal_size_gives_up_forms_of_code_within_less_than_twice_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = Layer((4, 4), 64, 8), LAYER
    fast = jam("fast", "cost instructions terms", "cost code 200")
    shipped(monkeypatch, fast + jam("plain", "cost instructions 1.8 * terms", "cost code 100", value="1"))
    assert plans(chosen("size", large, small)) == ["plain: jam outputs 1"] * 2
    shipped(monkeypatch, fast + jam("plain", "cost instructions 1.9 * terms", "cost code 100", value="1"))
    assert plans(chosen("size", large, small)) == ["fast: jam outputs 2"] * 2, "one form for both is less code than two"
    best = jam("best", "cost instructions 1", "goal speed")
    shipped(monkeypatch, fast + jam("plain", "cost instructions 1.8 * terms", "cost code 100", "goal size", value="1") + best)
    assert plans(chosen("size", large, small)) == ["fast: jam outputs 2"] * 2, "of twice what goal speed takes nothing is left to give up"


def test_nests_of_one_form_leave_no_instructions_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    given, only = LAYER, Layer((1, 1), 999, 2)
    forms = jam("fast", "cost instructions 100", "cost code 200") + jam("plain", "cost instructions 190", "cost code 100", value="1")
    single = "schedule single for row by jam_outputs\n  jam outputs 1, floats 1\n  cost instructions 1000\n  cost code 50\n"
    shipped(monkeypatch, forms + single)
    assert plans(chosen("size", given, only)) == ["fast: jam outputs 2", "single: jam outputs 1, floats 1"]
    shipped(monkeypatch, forms + single + single.replace("single", "other"))
    assert plans(chosen("size", given, only))[0] == "plain: jam outputs 1", "where the other nest has a choice, it may leave some"


def test_a_nest_says_what_was_chosen_and_what_it_was_weighed_against() -> None:
    module = LAYER.module()
    apply(module, [ChooseSchedules()])
    (root,) = (o for o in module.walk() if "plan" in o.attributes)
    assert cast(StringAttribute, root.attributes["plan"]).value == "blocks: tile bytes 8192; jam positions 2, outputs 2; pad rounds 4, permille 4"
    told = cast(StringAttribute, root.attributes["expected"]).value
    assert told == "2,890 instructions; neighbours 4,064"
    apply(module, [JamOutputs()])
    assert not any("schedule" in o.attributes for o in module.walk()), "another pass is to do it"
    apply(module, [BlockProducts(outputs=3)])
    (made,) = (o for o in module.walk() if "schedule" in o.attributes)
    assert cast(StringAttribute, made.attributes["schedule"]).value == "blocks: tile positions 16; jam positions 2, outputs 3; pad rounds 4, permille 4"
    assert cast(StringAttribute, made.attributes["expected"]).value == told


def test_schedules_are_weighed_by_name_alone() -> None:
    module = LAYER.module()
    apply(module, [ChooseSchedules(only=("neighbours",))])
    assert [cast(StringAttribute, o.attributes["plan"]).value for o in module.walk() if "plan" in o.attributes] == ["neighbours: jam outputs 4, floats 4"]
    with pytest.raises(TinyirError, match="no schedule 'neighbour'") as caught:
        apply(module, [ChooseSchedules(only=("neighbour",))])
    assert caught.value.diagnostics[0].hint == "did you mean 'neighbours'?"
