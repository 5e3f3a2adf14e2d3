"""Accesses inside their buffers: each prover on what it is for, wrong bounds refuted with a point that shows it, z3 of one mind."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression
from tinyir.prove.bounds import BoundsClaim, Variable, interval_of
from tinyir.prove.elimination import Inequality, are_contradictory

D = [AffineDimension(i) for i in range(5)]
ZERO = AffineConstant(0)


def convolution(pad: int, size: int, guarded: bool) -> BoundsClaim:
    """Reads of a 3 x 3 convolution over size x size x 4 with padding."""
    variables = [Variable.between(name, 0, high) for name, high in (("p", size), ("q", size), ("i", 3), ("j", 3), ("c", 4))]
    row, column = D[0] + D[2] - pad, D[1] + D[3] - pad
    guards = (row, -row + (size - 1), column, -column + (size - 1)) if guarded else ()
    return BoundsClaim(tuple(variables), (row * size + column) * 4 + D[4], size * size * 4, 1, guards)


def test_a_plain_access_is_proved_by_intervals() -> None:
    claim = BoundsClaim((Variable.between("p", 0, 25), Variable.between("c", 0, 64, 4)), D[0] * 64 + D[1], 1600, 4)
    assert (claim.check().state, claim.check().how) == ("proved", "interval")
    assert claim.check("z3").state == "proved"
    for wider in (BoundsClaim(claim.variables, claim.index, 1599, 4), BoundsClaim(claim.variables, claim.index, 1600, 5)):
        verdict = wider.check()
        assert (verdict.state, verdict.counterexample) == ("refuted", {"p": 24, "c": 60, "index": 1596})
        assert wider.check("z3").state == "refuted"


def test_guards_are_used_by_elimination() -> None:
    verdict = convolution(1, 6, True).check()
    assert (verdict.state, verdict.how) == ("proved", "elimination")
    assert convolution(1, 6, True).check("z3").state == "proved"
    verdict = convolution(1, 6, False).check()
    assert verdict.counterexample == {"p": 0, "q": 0, "i": 0, "j": 0, "c": 0, "index": -28}
    assert convolution(1, 6, False).check("z3").state == "refuted"


def test_bounds_that_are_greatest_and_least_of_outer_variables_are_followed() -> None:
    """A row of a padded convolution, with the borders peeled into the bounds: max(0, 1 - p) <= i < min(3, 49 - p)."""
    size = 48
    taps = Variable("i", (ZERO, 1 - D[0]), (AffineConstant(3), size + 1 - D[0]))
    row = D[0] + D[1] - 1
    claim = BoundsClaim((Variable.between("p", 0, size), taps), row, size)
    assert (claim.check().state, claim.check().how) == ("proved", "elimination")
    assert claim.check("z3").state == "proved"
    loose = BoundsClaim((claim.variables[0], Variable("i", (ZERO, 1 - D[0]), (AffineConstant(3),))), row, size)
    assert loose.check().counterexample == {"p": 47, "i": 2, "index": 48}
    assert loose.check("z3").state == "refuted"


def test_rings_and_tiles_are_proved_with_divisions() -> None:
    line = Variable.between("p", 0, 100)
    ring = BoundsClaim((line, Variable.between("c", 0, 8)), (D[0] % 3) * 8 + D[1], 24)
    tiled = BoundsClaim((line,), (D[0] // 4) * 4 + D[0] % 4, 100)
    halves = BoundsClaim((line,), (D[0]).ceildiv(2), 51)
    rest = BoundsClaim((line,), D[0] + 2 - ((D[0] + 2) // 7) * 7, 7)
    for claim in (ring, tiled, halves, rest):
        assert claim.check().state == claim.check("z3").state == "proved"
        smaller = BoundsClaim(claim.variables, claim.index, claim.size - 1)
        assert smaller.check().state == smaller.check("z3").state == "refuted"
    assert (rest.check().how, ring.check().how) == ("elimination", "interval")


def test_integer_facts_that_rationals_miss_are_exhausted() -> None:
    """3 x = 2 y + 1 has no solution with x even and y below 6 but rationals have one."""
    x, y = Variable.between("x", 0, 6, 2), Variable.between("y", 0, 6)
    claim = BoundsClaim((x, y), D[0] * 0, 0, 1, (D[0] * 3 - D[1] * 2 - 1, D[1] * 2 - D[0] * 3 + 1))
    assert (claim.check().state, claim.check().how) == ("proved", "exhaustion")
    assert claim.check("z3").state == "proved"


def test_what_is_too_large_to_exhaust_goes_to_z3() -> None:
    big = [Variable.between(name, 0, 1 << 20) for name in "xy"]
    equation = D[0] * 3 - D[1] * 3 - 1
    claim = BoundsClaim(tuple(big), D[0] * 5, 5 << 20, 5)
    assert claim.check().how == "interval"
    wrong = BoundsClaim(tuple(big), D[0] - D[1], 1 << 20, 1, (equation + 7,))
    verdict = wrong.check()
    assert (verdict.state, verdict.how) == ("refuted", "z3")
    assert verdict.counterexample is not None
    assert verdict.counterexample["x"] < verdict.counterexample["y"]


def test_an_empty_domain_accesses_nothing() -> None:
    claim = BoundsClaim((Variable.between("x", 4, 4),), D[0], 0)
    assert claim.check().state == claim.check("z3").state == "proved"


def test_names_of_any_spelling_reach_z3() -> None:
    claim = BoundsClaim((Variable.between("%arg0", 0, 8, 2),), D[0], 6)
    assert claim.check("z3").counterexample == {"%arg0": 6, "%arg0_count": 3}


def test_variables_without_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="needs bounds"):
        Variable("x", (), (ZERO,))
    with pytest.raises(ValueError, match="one lower bound if it has a step"):
        Variable("x", (ZERO, ZERO), (ZERO,), 2)


Strategy = st.SearchStrategy[AffineExpression]


def composed(smaller: Strategy) -> Strategy:
    """Sums, multiples and divisions of smaller expressions."""
    return st.one_of(
        st.tuples(smaller, smaller).map(lambda pair: pair[0] + pair[1]),
        st.tuples(smaller, st.integers(-3, 3)).map(lambda pair: pair[0] * pair[1]),
        st.tuples(smaller, st.integers(1, 4)).map(lambda pair: pair[0] // pair[1]),
        st.tuples(smaller, st.integers(1, 4)).map(lambda pair: pair[0] % pair[1]),
        st.tuples(smaller, st.integers(1, 4)).map(lambda pair: pair[0].ceildiv(pair[1])),
    )


leaves: Strategy = st.one_of(st.sampled_from(D[:3]), st.integers(-5, 5).map(AffineConstant))
expressions: Strategy = st.recursive(leaves, composed, max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(expressions, st.lists(expressions, max_size=2), st.integers(0, 12), st.integers(1, 2))
def test_verdicts_are_what_looking_at_every_point_says(index: AffineExpression, guards: list[AffineExpression], size: int, step: int) -> None:
    third = Variable("c", (ZERO, D[1] - 1), (D[0] + 3, AffineConstant(3)))
    variables = (Variable.between("a", -1, 3), Variable("b", (D[0],), (AffineConstant(4),), step), third)
    claim = BoundsClaim(variables, index, size, 2, tuple(guards))
    cube = product(range(-1, 3), range(-1, 4), range(-2, 6))
    points = [(a, b, c) for a, b, c in cube if b >= a and (b - a) % step == 0 and max(0, b - 1) <= c < min(a + 3, 3)]
    outside = [p for p in points if all(g.evaluate(p) >= 0 for g in guards) and not 0 <= index.evaluate(p) <= size - 2]
    verdict = claim.check()
    assert verdict.state == ("refuted" if outside else "proved")
    if verdict.counterexample is not None:
        assert tuple(verdict.counterexample[name] for name in "abc") in outside


@settings(max_examples=15, deadline=None)
@given(expressions, st.integers(0, 12))
def test_z3_agrees_with_the_native_prover(index: AffineExpression, size: int) -> None:
    claim = BoundsClaim((Variable.between("a", -1, 3), Variable.between("b", 0, 3), Variable.between("c", 0, 7, 3)), index, size)
    assert claim.check("z3").state == claim.check().state


@given(expressions)
def test_intervals_contain_every_value(expression: AffineExpression) -> None:
    box = [(-2, 3), (0, 4), (1, 1)]
    low, high = interval_of(expression, box)
    values = [expression.evaluate(point) for point in product(*(range(a, b + 1) for a, b in box))]
    assert low <= min(values)
    assert max(values) <= high


def test_elimination_finds_a_contradiction_of_several_inequalities() -> None:
    x_at_least_y, y_at_least_z, z_above_x = Inequality.of({0: 1, 1: -1}, 0), Inequality.of({1: 1, 2: -1}, 0), Inequality.of({2: 1, 0: -1}, -1)
    assert are_contradictory([x_at_least_y, y_at_least_z, z_above_x]) is True
    assert are_contradictory([x_at_least_y, y_at_least_z]) is False
    assert are_contradictory([Inequality.of({0: 2}, -1), Inequality.of({0: -2}, 1)]) is True  # 2 x = 1
