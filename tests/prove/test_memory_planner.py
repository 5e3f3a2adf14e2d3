"""Memory plans: safe by an independent check, as small as z3 says is possible, on random problems and the corpus models."""

from __future__ import annotations

from math import prod
from pathlib import Path
from random import Random
from time import process_time

import attrs
import pytest

from tests.prove.corpus_layers import read_model
from tests.prove.geometry import step_nest
from tinyir.prove.claim import number
from tinyir.prove.memory_check import PlanClaim, check_plan
from tinyir.prove.memory_heuristics import arena_of, greedy, walk
from tinyir.prove.memory_planner import Plan, lower_bound, plan_memory
from tinyir.prove.memory_problem import Buffer, Sharing, build_problem
from tinyir.prove.memory_search import search
from tinyir.prove.overlap import smallest_distance
from tinyir.prove.z3_solver import Solver

Instance = tuple[list[Buffer], list[Sharing]]


def random_instance(seed: int, count: int, lifetimes: tuple[int, ...] = (1, 1, 1, 2, 3), alignments: tuple[int, ...] = (1,)) -> Instance:
    random = Random(seed)
    buffers = [Buffer(f"b{i}", random.randrange(1, 30) * 8, i, min(count, i + random.choice(lifetimes)), random.choice(alignments)) for i in range(count)]
    sharings = [
        Sharing(f"n{i}", f"b{i}", f"b{i + 1}", random.choice([0, 16, 64, 500, None]), random.choice([0, -16, 32, 500])) for i in range(count - 1)
    ]
    joined = [Sharing(f"n{i}", f"b{i - 1}", f"b{i + 1}", random.choice([0, 40]), 500) for i in range(1, count - 1) if random.random() < 0.3]
    return buffers, sharings + joined


def in_place_instance(seed: int, count: int) -> Instance:
    """Some nests may give their results in place of what they are given, but not near it."""
    buffers, sharings = random_instance(seed, count, alignments=(1, 4))
    random = Random(seed)
    return buffers, [attrs.evolve(s, forward_bytes=500, reverse_bytes=500, in_place=True) if random.random() < 0.5 else s for s in sharings]


def is_possible(instance: Instance, arena_bytes: int) -> bool:
    """Whether any plan has this arena, according to z3, from a formulation of its own."""
    buffers, sharings = instance
    lines = [f"(declare-const x{i} Int)(declare-const k{i} Int)" for i in range(len(buffers))]
    lines += [f"(declare-const f{n} Bool)" for n in range(len({s.nest for s in sharings}))]
    nests = list(dict.fromkeys(s.nest for s in sharings))
    for i, b in enumerate(buffers):
        lines.append(f"(assert (and (<= 0 x{i}) (<= (+ x{i} {b.size_bytes}) {arena_bytes}) (= x{i} (* {b.alignment_bytes} k{i}))))")
    for i, a in enumerate(buffers):
        for j, b in enumerate(buffers):
            if i >= j or a.last_step < b.first_step or b.last_step < a.first_step:
                continue
            ways = [f"(<= (+ x{i} {a.size_bytes}) x{j})", f"(<= (+ x{j} {b.size_bytes}) x{i})"]
            for s in sharings:
                if (s.input, s.output) == (a.name, b.name) and a.last_step == b.first_step:
                    flag = f"f{nests.index(s.nest)}"
                    forward = "true" if s.forward_bytes is None else f"(>= x{i} (+ x{j} {number(s.forward_bytes)}))"
                    reverse = "true" if s.reverse_bytes is None else f"(>= x{j} (+ x{i} {number(s.reverse_bytes)}))"
                    ways += [f"(and {flag} {forward})", f"(and (not {flag}) {reverse})"]
                    ways += [f"(= x{i} x{j})"] if s.in_place else []
            lines.append(f"(assert (or {' '.join(ways)}))")
    answer = Solver().solve("\n".join(lines), "QF_IDL", 200_000_000)
    assert answer.state != "unknown"
    return answer.state == "sat"


@pytest.mark.parametrize("seed", range(12))
def test_plans_are_safe_and_no_smaller_one_exists(seed: int) -> None:
    instance = random_instance(seed, 6 + seed % 5, alignments=(1, 4) if seed % 3 == 0 else (1,))
    plan = plan_memory(*instance)
    assert check_plan(*instance, plan) == []
    assert plan.optimal
    assert not is_possible(instance, plan.arena_bytes - 1)
    assert is_possible(instance, plan.arena_bytes)


@pytest.mark.parametrize("seed", range(8))
def test_plans_in_place_are_safe_and_no_smaller_one_exists(seed: int) -> None:
    instance = in_place_instance(seed, 6 + seed % 3)
    plan = plan_memory(*instance)
    assert PlanClaim.of(*instance, plan).check().state == PlanClaim.of(*instance, plan).check("z3").state == "proved"
    assert plan.optimal
    assert not is_possible(instance, plan.arena_bytes - 1)
    outcome = search(build_problem(*instance), range(len(instance[0])), 1 << 20)
    assert outcome.complete
    assert outcome.arena_bytes == plan.arena_bytes
    moved = attrs.evolve(plan, offsets={**plan.offsets, "b1": plan.offsets["b1"] + 4}, arena_bytes=plan.arena_bytes + 4)
    assert PlanClaim.of(*instance, moved).check().state == PlanClaim.of(*instance, moved).check("z3").state


@pytest.mark.parametrize("seed", range(6))
def test_exact_search_alone_finds_the_smallest_arena(seed: int) -> None:
    instance = random_instance(seed, 6, lifetimes=(1, 2, 4))
    problem = build_problem(*instance)
    outcome = search(problem, range(len(problem.buffers)), 1 << 20)
    assert outcome.complete
    assert outcome.offsets is not None
    assert outcome.arena_bytes == arena_of(problem, outcome.offsets) >= lower_bound(problem)
    assert is_possible(instance, outcome.arena_bytes)
    assert not is_possible(instance, outcome.arena_bytes - 1)


def test_crowded_steps_are_planned_without_sharing() -> None:
    for seed in range(5):
        buffers, _ = random_instance(seed, 40, lifetimes=(1, 2, 5, 9, 14))
        plan = plan_memory(buffers)
        assert check_plan(buffers, [], plan) == []
        assert plan.lower_bound_bytes == max(sum(b.size_bytes for b in buffers if b.first_step <= s <= b.last_step) for s in range(41))
        assert plan.arena_bytes <= 1.1 * plan.lower_bound_bytes


def test_the_walk_through_time_meets_the_bound_of_a_chain() -> None:
    instance = random_instance(3, 30, lifetimes=(1,))
    problem = build_problem(*instance)
    bound = lower_bound(problem)
    assert walk(problem, bound - 1, 16) is None
    offsets = walk(problem, bound, 16)
    assert offsets is not None
    assert arena_of(problem, offsets) == bound


def test_a_thousand_layers_are_planned_in_seconds() -> None:
    instance = random_instance(11, 1000)
    start = process_time()
    plan = plan_memory(*instance)
    assert process_time() - start < 20
    assert check_plan(*instance, plan) == []
    assert plan.arena_bytes <= 1.05 * plan.lower_bound_bytes


def test_plans_repeat() -> None:
    instance = random_instance(21, 50, lifetimes=(1, 2, 5, 9))
    assert plan_memory(*instance) == plan_memory(*instance)


def test_local_search_improves_on_plain_first_fit() -> None:
    problem = build_problem(random_instance(2, 40, lifetimes=(1, 3, 8, 12))[0], [])
    plain, improved = arena_of(problem, greedy(problem, 0, 0)), arena_of(problem, greedy(problem, 0, 300))
    assert improved < plain


SAME = [Buffer("in", 100, 0, 1), Buffer("out", 100, 1, 2)]


def test_in_place_takes_one_buffer() -> None:
    assert plan_memory(SAME, [Sharing("nest", "in", "out", 0, 500)]).arena_bytes == 100
    assert plan_memory(SAME, [Sharing("nest", "in", "out", 0, 500)]).directions == {"nest": "forward"}
    assert plan_memory(SAME, [Sharing("nest", "in", "out", 500, 7)]).arena_bytes == 107
    assert plan_memory(SAME, [Sharing("nest", "in", "out", 500, 7)]).directions == {"nest": "reverse"}
    assert plan_memory(SAME, [Sharing("nest", "in", "out", 500, 7, ("forward",))]).arena_bytes == 200


def test_a_nest_whose_steps_have_bytes_of_their_own_starts_where_its_input_does_or_stays_apart() -> None:
    given = [Buffer("in", 100, 0, 1), Buffer("out", 60, 1, 2)]
    own = Sharing("nest", "in", "out", 500, 500, in_place=True)
    plan = plan_memory(given, [own])
    assert (plan.arena_bytes, plan.offsets["in"], plan.optimal) == (100, plan.offsets["out"], True)
    closer = attrs.evolve(plan, offsets={"in": 0, "out": 1})
    assert [PlanClaim.of(given, [own], each).check(prover).state for each in (plan, closer) for prover in ("native", "z3")] == ["proved"] * 2 + ["refuted"] * 2


def test_an_input_that_is_used_again_is_not_overwritten() -> None:
    buffers = [Buffer("in", 100, 0, 2), Buffer("out", 100, 1, 2)]
    assert plan_memory(buffers, [Sharing("nest", "in", "out", 0, 0)]).arena_bytes == 200


def test_a_plan_that_overwrites_an_input_before_its_last_use_is_refused() -> None:
    sharing, plan = Sharing("nest", "in", "out", 0, 0), Plan({"in": 0, "out": 0}, {"nest": "forward"}, 100, 0)
    assert PlanClaim.of(SAME, [sharing], plan).check().state == "proved"
    used_later = [Buffer("in", 100, 0, 2), Buffer("out", 100, 1, 2)]
    assert [PlanClaim.of(used_later, [sharing], plan).check(prover).state for prover in ("native", "z3")] == ["refuted", "refuted"]


def test_the_inputs_of_one_nest_agree_on_its_direction() -> None:
    buffers = [Buffer("a", 64, 0, 1), Buffer("b", 64, 0, 1), Buffer("out", 128, 1, 2)]
    apart = [Sharing("n", "a", "out", 64, 500), Sharing("n", "b", "out", 500, 0)]
    free = [Sharing("n", "a", "out", 64, 500), Sharing("m", "b", "out", 500, 0)]
    assert plan_memory(buffers, free).arena_bytes == 128
    assert plan_memory(buffers, apart).arena_bytes == 192
    anywhere = [Sharing("n", "a", "out", None, 500), Sharing("n", "b", "out", 500, None)]
    assert [search(build_problem(buffers, sharings), range(3), 1000).arena_bytes for sharings in (free, apart, anywhere)] == [128, 192, 192]


def test_a_planted_wrong_plan_is_found_by_both_provers() -> None:
    instance = random_instance(4, 8)
    plan = plan_memory(*instance)
    good = PlanClaim.of(*instance, plan)
    assert good.check().state == good.check("z3").state == "proved"
    for name in list(plan.offsets)[1:4]:
        moved = attrs.evolve(plan, offsets={**plan.offsets, name: plan.offsets[name] + 1})
        bad = PlanClaim.of(*instance, moved)
        assert bool(check_plan(*instance, moved)) == (bad.check().state == "refuted") == (bad.check("z3").state == "refuted")
    everything_at_zero = attrs.evolve(plan, offsets=dict.fromkeys(plan.offsets, 0))
    assert len(check_plan(*instance, everything_at_zero)) > 2
    turned = attrs.evolve(plan_memory(SAME, [Sharing("n", "in", "out", 0, 500)]), directions={"n": "reverse"})
    collisions = check_plan(SAME, [Sharing("n", "in", "out", 0, 500)], turned)
    assert [c.reason for c in collisions] == ["0 bytes apart where 500 are needed"]


def test_offsets_that_are_not_aligned_or_outside_are_found() -> None:
    buffers = [Buffer("a", 8, 0, 1, 4), Buffer("b", 8, 2, 3, 4)]
    reasons = [c.reason for c in check_plan(buffers, [], Plan({"a": 2, "b": 4}, {}, 10, 0))]
    assert reasons == ["offset 2 is outside the arena or not aligned", "offset 4 is outside the arena or not aligned"]
    claim = PlanClaim(tuple(buffers), (), (2, 0), (), 16)
    assert claim.check().state == claim.check("z3").state == "refuted"


@pytest.mark.parametrize(
    ("buffers", "sharings", "complaint"),
    [
        ([Buffer("a", 1, 0, 1), Buffer("a", 1, 0, 1)], [], "two buffers have one name"),
        ([Buffer("a", 1, 2, 1)], [], "no memory can hold"),
        ([Buffer("a", 1, 0, 1)], [Sharing("n", "a", "b", 0, 0)], "unknown buffers"),
        (SAME, [Sharing("n", "in", "out", 0, 0, ("forward",)), Sharing("n", "in", "out", 0, 0, ("reverse",))], "no direction in common"),
    ],
)
def test_meaningless_problems_are_refused(buffers: list[Buffer], sharings: list[Sharing], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        plan_memory(buffers, sharings)


def test_nothing_needs_nothing() -> None:
    assert plan_memory([]) == Plan({}, {}, 0, 0)
    assert plan_memory([Buffer("empty", 0, 0, 3)]).arena_bytes == 0


@pytest.mark.parametrize(("model", "arena_bytes"), [("kws", 8384), ("ic", 33_296), ("vww", 36_864), ("ad", 768)])
def test_the_arenas_of_the_corpus_models_are_optimal(corpus: Path, model: str, arena_bytes: int) -> None:
    read = read_model(corpus, model)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, step in enumerate(read.steps):
        for tensor in (*step.inputs, step.output):
            first.setdefault(tensor, index)
            last[tensor] = index
    buffers = [Buffer(t, prod(read.shapes[t]), first[t], last[t], 4) for t in first]
    sharings = []
    for step in read.steps:
        nest = step_nest(read, step)
        sharings += [Sharing(step.name, t, step.output, smallest_distance(nest), smallest_distance(nest, "reverse")) for t in step.inputs]
    plan = plan_memory(buffers, sharings)
    assert (plan.arena_bytes, plan.optimal) == (arena_bytes, True)
    claim = PlanClaim.of(buffers, sharings, plan)
    assert claim.check().state == claim.check("z3").state == "proved"
