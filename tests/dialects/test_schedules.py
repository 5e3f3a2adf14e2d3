"""Which schedule a nest is given, and what is said of schedules that name what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from tests.passes.product_layers import Layer, apply
from tinyir.backends.target import load_target
from tinyir.dialects.isa import block_registers, has_sequence, sequence_lanes
from tinyir.dialects.nest_classes import CLASSES, FACTS, NestFacts, facts_of, nest_root
from tinyir.dialects.nest_costs import MACHINE
from tinyir.dialects.product_nests import scheduled_nests
from tinyir.dialects.schedules import Plan, check_schedules, first_plan, schedules, scheduling_passes, search_range
from tinyir.ir.builder import functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.schedule import COSTS
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.hoist_groups import HoistGroups
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.stage_planes import StagePlanes
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.schedule_reader import read_schedules

ROWS = "schedule a for row by block_rows\n  stage bytes 4"
COSTED = f"{ROWS}\n  jam outputs 2\n  "
WIDE = "schedule a for row by jam_outputs\n  jam floats 4, outputs 99 in {"
PRODUCT = NestFacts("product", 9, 8, 27)


def planned(instance: Pass, facts: NestFacts = PRODUCT, target: str = "cortex-m4", goal: str = "speed") -> Plan | None:
    return first_plan(instance, facts, PassContext(target=load_target(target), goal=goal))


@pytest.mark.parametrize(
    ("layer", "facts"),
    [
        (Layer((4, 3), 2, 5, (3, 3), (1, 1, 1, 1)), NestFacts("product", 12, 5, 18)),
        (Layer((1, 1), 7, 5), NestFacts("row", 1, 5, 7)),
        (Layer((5, 4), 3, 3, (3, 2), (1, 0, 1, 1), groups=3), NestFacts("depthwise", 20, 3, 6, 3)),
        (Layer((5, 4), 6, 12, (3, 2), (1, 0, 1, 1), groups=3), NestFacts("depthwise", 20, 12, 12, 3)),
    ],
)
def test_a_nest_is_told_by_what_it_computes(layer: Layer, facts: NestFacts) -> None:
    (function,) = functions(layer.module())
    assert facts_of(scheduled_nests(function)[0]) == facts


@pytest.mark.parametrize(
    ("layer", "facts"),
    [
        (Layer((5, 4), 3, 12, (3, 2), (1, 0, 1, 1), groups=3), NestFacts("depthwise", 20, 4, 6)),
        (Layer((5, 4), 6, 12, (3, 2), (1, 0, 1, 1), groups=3), NestFacts("product", 20, 4, 12)),
    ],
)
def test_so_is_a_group_of_channels(layer: Layer, facts: NestFacts) -> None:
    module = layer.module()
    apply(module, [HoistGroups()])
    (function,) = functions(module)
    assert facts_of(scheduled_nests(function)[0]) == facts


def test_what_is_no_product_is_a_reduction_or_elementwise() -> None:
    (function,) = functions(Layer((4, 3), 2, 5, residual=True).module())
    (root,) = scheduled_nests(function)
    fold = next(o for o in root.walk() if o.results and o.name == "loop.for")
    multiply = next(o for o in fold.walk() if o.name == "arith.muli")
    multiply.results[0].replace_by(multiply.operands[0])
    assert facts_of(root) == NestFacts("reduction", 60, 1, 2)
    assert nest_root(fold) is root
    fold.results[0].replace_by(fold.operands[-1])
    fold.erase()
    assert facts_of(root) == NestFacts("elementwise", 60, 1, 0)


def test_a_plan_holds_for_class_goal_machine_and_numbers() -> None:
    plan = planned(BlockProducts())
    assert plan is not None
    assert (plan.schedule.name, plan["jam", "positions"], plan["tile", "bytes"]) == ("blocks", 2, 8192)
    lean = planned(BlockProducts(), goal="ram")
    assert lean is not None
    assert lean.schedule.name == "lean_blocks"
    assert planned(BlockProducts(), goal="size") is None
    assert planned(BlockProducts(), target="cortex-m0") is None
    assert planned(BlockProducts(), attrs.evolve(PRODUCT, kind="row")) is None
    assert planned(StagePlanes(), NestFacts("depthwise", 9, 8, 64)) is not None
    assert planned(StagePlanes(), NestFacts("depthwise", 9, 8, 65)) is None
    assert planned(StagePlanes(most_terms=65), NestFacts("depthwise", 9, 8, 65)) is not None


def test_options_stand_in_place_of_what_the_schedule_says() -> None:
    plan = planned(BlockProducts(scratch_bytes=64))
    assert plan is not None
    assert plan.values == {("tile", "bytes"): 64, ("jam", "positions"): 2, ("jam", "outputs"): 2, ("pad", "rounds"): 4, ("pad", "permille"): 4}
    rest = "jam positions 2, outputs 2; pad rounds 4, permille 4"
    assert plan.describe({("tile", "positions"): 6}, without=("tile", "bytes")).value == f"blocks: tile positions 6; {rest}"
    assert plan.describe().value == f"blocks: tile bytes 64; {rest}"


def test_passes_and_ranges_come_from_the_schedules() -> None:
    assert scheduling_passes("speed") == scheduling_passes("ram")
    assert scheduling_passes("ram") == ("stage_lines", "block_products", "stage_planes", "block_rows", "jam_outputs", "block_bytes")
    assert scheduling_passes("size") == ("gather_rows", "stage_planes", "block_rows", "jam_outputs")
    assert search_range(JamOutputs.name, ("jam", "outputs"), "speed") == (1, 2, 3, 4, 5, 6, 8)
    assert search_range(JamOutputs.name, ("jam", "outputs"), "size") == ()


def test_order_is_that_of_the_text_but_for_what_is_before() -> None:
    texts = [f"schedule {name} for row by cse" for name in "abcde"]
    texts[3] += "\n  before b\n"
    assert [schedule.name for schedule in check_schedules(read_schedules("\n".join(texts)))] == ["a", "d", "b", "c", "e"]
    texts[1] += "\n  before d"
    with pytest.raises(TinyirError, match="schedules are before each other"):
        check_schedules(read_schedules("\n".join(texts)))


@pytest.mark.parametrize(
    ("line", "place", "message", "hint"),
    [
        ("schedule a for rows by cse", "1:16", "no class of nests 'rows'", "did you mean 'row'?"),
        ("schedule a for row by css", "1:23", "no pass 'css'", "did you mean 'cse'?"),
        ("schedule a for row by cse\n  needs pairs", "2:9", "no sequence of instructions 'pairs'", "did you mean 'pair'?"),
        ("schedule a for row by cse\n  goal sped", "2:8", "no goal 'sped'", "did you mean 'speed'?"),
        ("schedule a for row by cse\n  where term > 4", "2:9", "no number of a nest 'term'", "did you mean 'terms'?"),
        ("schedule a for row by cse\n  before x", "2:10", "no schedule 'x'", "there are a"),
        ("schedule a for row by cse\n  jam outputs 4", "2:3", "pass 'cse' has no parameter 'jam outputs'", "it has none"),
        (f"{ROWS}\n  jam output 4", "3:3", "pass 'block_rows' has no parameter 'jam output'", "did you mean 'jam outputs'?"),
        (f"{ROWS}\n  jam outputs 2 in {{2, 9}}", "3:7", "pass 'block_rows' cannot do 'jam outputs 9'", "it can do 1, 2, 3, 4"),
        (ROWS, "1:10", "schedule 'a' does not say 'jam outputs'", ""),
        (f"{COSTED}cost instruction 4", "4:8", "no cost 'instruction'", "did you mean 'instructions'?"),
        (f"{COSTED}cost code 4 * term", "4:17", "no number 'term'", "did you mean 'terms'?"),
        (f"{COSTED}cost code jam.output", "4:13", "no number 'jam.output'", "did you mean 'jam.outputs'?"),
        (f"{COSTED}let mine = up(mine)", "4:17", "no number 'mine'", ""),
        (f"{COSTED}cost code dwn(terms)", "4:13", "no function 'dwn'", "did you mean 'down'?"),
        (f"{COSTED}cost code max(terms)", "4:13", "'max' takes 2 numbers, not 1", ""),
        (f"{WIDE}{', '.join(map(str, range(1, 65)))}}}", "1:10", "schedule 'a' has 65 ways to choose its values: at most 64 are weighed", ""),
        ("schedule a for row by cse\nschedule a for row by cse", "2:10", "schedule 'a' is defined twice", ""),
    ],
)
def test_what_is_not_there_is_told_with_its_place(line: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(TinyirError) as caught:
        check_schedules(read_schedules(f"{line}\n", "mine.sched"))
    (diagnostic,) = caught.value.diagnostics
    assert (str(diagnostic.place), diagnostic.message, diagnostic.hint) == (f"mine.sched:{place}", message, hint)


def test_the_page_names_all_classes_and_numbers(repository: Path) -> None:
    page, _, costs = (repository / "specs" / "schedules.md").read_text().partition("## What code")
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)) == {**CLASSES, **FACTS, **COSTS}
    assert MACHINE.items() <= dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", costs, re.MULTILINE)).items()
    assert MACHINE.keys() <= {name for target in ("cortex-m4", "cortex-m55") for name in load_target(target).costs.instructions}
    text = (repository / "specs" / "schedules" / "products.sched").read_text()
    assert page.partition("```\n")[2].partition("```")[0] in text
    assert all(schedule.summary for schedule in schedules())


def test_a_target_has_the_sequences_of_all_its_instruction_sets() -> None:
    m55, m4, rv32 = (load_target(name) for name in ("cortex-m55", "cortex-m4", "rv32imc"))
    assert [has_sequence(each, "pair") for each in (m55, m4, rv32)] == [True, True, False]
    assert [sequence_lanes(each, "dot") for each in (m55, m4, rv32)] == [16, 4, 1], "of the set that stands first"
    assert block_registers(m55) == block_registers(m4) > block_registers(rv32) == 0
