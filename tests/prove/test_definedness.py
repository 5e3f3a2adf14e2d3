"""Elements are defined before they are read: agrees with running the accesses in order, and with z3."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression
from tinyir.prove import definedness
from tinyir.prove.bounds import Variable
from tinyir.prove.definedness import DefinedClaim
from tinyir.prove.element_access import Condition, ElementAccess

A, B, C = (AffineDimension(i) for i in range(3))


def at(nest: int, *inner: AffineExpression) -> tuple[AffineExpression, ...]:
    return (AffineConstant(nest), *inner)


def loops(*counts: int) -> tuple[Variable, ...]:
    return tuple(Variable.between(f"i{number}", 0, count) for number, count in enumerate(counts))


def survives(claim: DefinedClaim) -> bool:
    """Makes all accesses in the order of their times: what is read is there, and no two nests define the same."""
    events: list[tuple[tuple[int, ...], bool, tuple[int, ...]]] = []
    for number, access in enumerate(claim.accesses):
        counts: list[tuple[int, ...]] = [()]
        for variable in access.variables:
            counts = [
                (*point, value)
                for point in counts
                for value in range(
                    max(bound.evaluate(point) for bound in variable.lower), min(bound.evaluate(point) for bound in variable.upper), variable.step
                )
            ]
        for point in counts:
            if all((min(c.evaluate(point) for c in condition.constraints) >= 0) == condition.holds for condition in access.conditions):
                time = tuple(component.evaluate(point) for component in access.time)
                events.append((time, number < len(claim.defines), tuple(index.evaluate(point) for index in access.indices)))
    first: dict[tuple[int, ...], tuple[int, ...]] = {}
    for time, defines, element in sorted(events, key=lambda event: event[0]):
        if defines and first.setdefault(element, time)[0] != time[0]:
            return False
    return all(element in first and first[element] < time for time, defines, element in events if not defines)


def whole(nest: int, rows: int, columns: int) -> ElementAccess:
    return ElementAccess(at(nest), (A, B), loops(rows, columns))


def part(nest: int, rows: int, first: int, count: int) -> ElementAccess:
    """Some columns of all rows."""
    return ElementAccess(at(nest), (A, B + first), loops(rows, count))


PARTS = DefinedClaim((4, 5), (part(0, 4, 0, 2), part(1, 4, 2, 3)), (whole(2, 4, 5),))
SUMS = DefinedClaim(
    (5, 3),
    (ElementAccess((AffineConstant(0), AffineConstant(0)), (AffineConstant(0), A), loops(3)), ElementAccess(at(1, A), (A + 1, B), loops(4, 3))),
    (ElementAccess(at(1, A), (A, B), loops(4, 3)), ElementAccess((AffineConstant(2), AffineConstant(0)), (AffineConstant(4), A), loops(3))),
)
"""Row 0 in a nest of its own, each other row from the one before, the last one read."""
SCRATCH = DefinedClaim(
    (4, 6),
    (ElementAccess((AffineConstant(0), A, AffineConstant(0)), (A, B), loops(4, 6), (Condition((B - 3,)),)),
     ElementAccess((AffineConstant(0), A, AffineConstant(0)), (A, B), loops(4, 6), (Condition((B - 3,), False),))),
    (ElementAccess((AffineConstant(0), A, AffineConstant(1)), (A, B * 2 + C), loops(4, 3, 2)),),
)  # fmt: skip
"""Each step fills its row in two branches, and then reads it."""
RIGHT = {"parts of two nests": PARTS, "sums so far": SUMS, "scratch of a step": SCRATCH}

WRONG = {
    "a definition is lost": DefinedClaim((4, 5), PARTS.defines[:1], PARTS.reads),
    "nothing is defined": DefinedClaim((4, 5), (), PARTS.reads),
    "read between the parts": DefinedClaim((4, 5), (part(0, 4, 0, 2), part(2, 4, 2, 3)), (whole(1, 4, 5),)),
    "parts overlap": DefinedClaim((4, 5), (part(0, 4, 0, 3), part(1, 4, 2, 3)), (whole(2, 4, 5),)),
    "one branch is lost": DefinedClaim(SCRATCH.shape, SCRATCH.defines[1:], SCRATCH.reads),
    "the first row is lost": DefinedClaim(SUMS.shape, SUMS.defines[1:], SUMS.reads),
    "the rows go backwards": DefinedClaim(
        SUMS.shape,
        (SUMS.defines[0], ElementAccess(at(1, -A), (A + 1, B), loops(4, 3))),
        (ElementAccess(at(1, -A), (A, B), loops(4, 3)), SUMS.reads[1]),
    ),
    "read before it is defined in the step": DefinedClaim(
        SCRATCH.shape, SCRATCH.defines, (ElementAccess((AffineConstant(0), A, AffineConstant(-1)), (A, B), loops(4, 6)),)
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_proved_by_both_provers(name: str) -> None:
    assert survives(RIGHT[name])
    assert RIGHT[name].check().state == "proved"
    assert RIGHT[name].check("z3").state == "proved"


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refuted_by_both_provers(name: str) -> None:
    assert not survives(WRONG[name])
    assert WRONG[name].check().state == "refuted"
    assert WRONG[name].check("z3").state == "refuted"


def test_the_missing_element_is_named() -> None:
    assert WRONG["a definition is lost"].decide().counterexample == {"index0": 0, "index1": 2, "read_in_nest": 2}
    found = WRONG["parts overlap"].decide().counterexample
    assert found is not None
    assert found["index1"] == 2
    assert found["defined_again_in_nest"] == 1


def test_of_a_step_that_is_an_index_one_value_is_looked_at() -> None:
    assert WRONG["one branch is lost"].decide().counterexample == {"index0": 0, "index1": 3, "read_in_nest": 0}
    huge = 1 << 40
    steps = Variable.between("step", 0, huge)
    for_steps = tuple(
        ElementAccess((AffineConstant(0), A, AffineConstant(order)), (A, B), (steps, *loops(6))) for order in (0, 1)
    )  # fmt: skip
    assert DefinedClaim((huge, 6), for_steps[:1], for_steps[1:]).decide().state == "proved"


def test_what_is_too_large_to_look_at_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definedness, "MOST_POINTS", 4)
    verdict = PARTS.decide()
    assert (verdict.state, verdict.reason) == ("unknown", "5 points are more than 4")


def test_parts_of_many_points_are_looked_at_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definedness, "_BLOCK", 3)
    assert all(claim.decide().state == "proved" for claim in RIGHT.values())
    assert all(claim.decide().state == "refuted" for claim in WRONG.values())


@st.composite
def claims(draw: st.DrawFn) -> DefinedClaim:
    """Few accesses of a small tensor, in two levels of loops, with times, bounds and conditions of any kind."""
    number = st.integers(0, 2)

    def access() -> ElementAccess:
        outer = Variable.between("a", draw(number), 3, draw(st.sampled_from([1, 1, 2])))
        inner = Variable("b", (draw(st.sampled_from([AffineConstant(0), A])),), (draw(st.sampled_from([AffineConstant(3), A + 1])),))
        index = draw(st.sampled_from([A, B, A + 1, A * 2 % 3, (A + B) % 3, AffineConstant(1)]))
        other = draw(st.sampled_from([B, A, (A * 3 + B) // 2 % 3, 2 - B]))
        time = (AffineConstant(draw(number)), draw(st.sampled_from([A, A, -A, AffineConstant(0)])), AffineConstant(draw(number)))
        condition = Condition((draw(st.sampled_from([A - B, B - 1])),), draw(st.booleans()))
        return ElementAccess(time, (index, other), (outer, inner), (condition,) if draw(st.booleans()) else ())

    defines = [access() for _ in range(draw(st.integers(1, 3)))]
    everything = ElementAccess(at(0, AffineConstant(0), AffineConstant(0)), (A, B), loops(4, 3))
    defines = draw(st.sampled_from([defines, [everything]]))
    reads = tuple(access() for _ in range(draw(st.integers(1, 2))))
    return DefinedClaim((4, 3), tuple(dict.fromkeys(defines)), reads)


@given(claims())
@settings(max_examples=150, deadline=None)
def test_it_agrees_with_the_accesses_in_order(claim: DefinedClaim) -> None:
    """Elements outside of the tensor are the business of another claim: there are none here."""
    assert (claim.decide().state == "proved") == survives(claim)
