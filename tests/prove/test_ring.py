"""Rings of rows: right in a simulated ring, agreed on by z3, and refuted when they are one row too short."""

from __future__ import annotations

from itertools import product

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyir.ir.affine import AffineDimension, AffineExpression
from tinyir.prove.overlap import Access, Loop
from tinyir.prove.ring import RingClaim, RingRead

STEP, ROW, TAP = (AffineDimension(i) for i in range(3))


def rows_of(period: int, delay: int, rows: int) -> tuple[Loop, tuple[AffineExpression, ...]]:
    """The rows of a nest that makes row x at step period * x + delay: its loop, and the guards that pick a step's rows."""
    shifted = STEP - delay
    return Loop("p", 0, rows), (ROW - shifted.ceildiv(period), shifted // period - ROW)


def window(rows: int, kernel: int, stride: int, pad: int, period: int, delay: int) -> RingClaim:
    """A nest that makes `rows` rows, and a window over them that is behind by `delay` steps; the ring holds all."""
    made, picked = rows_of(period, 0, rows)
    read = (rows + 2 * pad - kernel) // stride + 1
    reader, chosen = rows_of(period * stride, delay, read)
    row = ROW * stride + TAP - pad
    steps = Loop("step", 0, max(period * (rows - 1), period * stride * (read - 1) + delay) + 1)
    inside = (row, -row + (rows - 1))
    access = Access(row, 1, (reader, Loop("i", 0, kernel)), (*chosen, *inside))
    return RingClaim(steps, rows, Access(ROW, 1, (made,), picked), (STEP * period, STEP), (RingRead(access),))


def survives(claim: RingClaim) -> bool:
    """Runs the steps with a ring: does every read find its row?"""
    ring: dict[int, int] = {}
    for step in range(claim.steps.low, claim.steps.high):
        for access, reads in [(claim.define, False), *((read.access, True) for read in claim.reads)]:
            for inner in product(*(range(loop.low, loop.high, loop.step) for loop in access.inner)):
                point = (step, *inner)
                if any(guard.evaluate(point) < 0 for guard in access.guards):
                    continue
                row = access.address.evaluate(point)
                if reads and ring.get(row % claim.length) != row:
                    return False
                if not reads:
                    ring[row % claim.length] = row
    return True


def shortest(claim: RingClaim) -> RingClaim:
    """The claim with the shortest ring that survives."""
    return next(short for length in range(1, claim.length + 1) if survives(short := attrs.evolve(claim, length=length)))


windows = st.builds(window, st.integers(4, 8), st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.integers(1, 2), st.integers(0, 6))


@settings(max_examples=80, deadline=None)
@given(windows, st.integers(1, 8))
def test_the_prover_says_what_a_ring_shows(claim: RingClaim, length: int) -> None:
    claim = attrs.evolve(claim, length=length)
    assert (claim.decide().state == "proved") == survives(claim)


@pytest.mark.parametrize(
    "claim",
    [
        window(25, 3, 1, 1, 1, 1),
        window(32, 3, 2, 0, 1, 2),
        window(16, 1, 1, 0, 2, 0),
        window(12, 2, 2, 0, 1, 1),
        window(9, 3, 1, 1, 2, 3),
    ],
)
def test_z3_agrees_and_one_row_less_is_refuted_by_both(claim: RingClaim) -> None:
    right = shortest(claim)
    assert right.check().state == right.check("z3").state == "proved"
    if right.length > 1:
        wrong = attrs.evolve(right, length=right.length - 1)
        assert wrong.check().state == wrong.check("z3").state == "refuted"


def test_rows_that_are_not_there_yet_are_refuted() -> None:
    early = window(12, 3, 1, 1, 1, 0)
    assert early.check().state == early.check("z3").state == "refuted"
    found = early.check().counterexample
    assert found is not None
    assert found["row"] > found["newest_row"]


def test_rows_that_nobody_makes_are_refuted() -> None:
    claim = window(12, 3, 1, 1, 1, 1)
    (made,) = claim.define.inner
    short = attrs.evolve(claim, define=attrs.evolve(claim.define, inner=(attrs.evolve(made, high=11),)))
    assert short.check().state == short.check("z3").state == "refuted"


def test_rows_out_of_order_are_refuted() -> None:
    claim = window(6, 1, 1, 0, 1, 0)
    backwards = attrs.evolve(claim, define=attrs.evolve(claim.define, address=-ROW + 5), witness=(-STEP + 5, -STEP + 5), reads=())
    assert backwards.check().state == backwards.check("z3").state == "refuted"


def test_a_row_that_is_read_a_step_later_needs_a_place_that_lasts() -> None:
    for delay, state in ((0, "proved"), (1, "refuted")):
        claim = attrs.evolve(window(9, 1, 1, 0, 2, delay), length=1)
        assert claim.check().state == claim.check("z3").state == "proved"
        brief = attrs.evolve(claim, per_step=True)
        assert brief.check().state == brief.check("z3").state == state


def carried(length: int, first: int, last: int) -> RingClaim:
    """A sum that is carried from row to row: each step reads a row and then makes the next one."""
    row, picked = rows_of(1, 0, 8)
    define, read = Access(ROW + 1, 1, (row,), picked), RingRead(Access(ROW, 1, (row,), picked), before_define=True)
    return RingClaim(Loop("step", 0, 8), length, define, (STEP - 1, STEP - 1), (read,), first, (last,))


def test_a_carried_sum_needs_one_place() -> None:
    assert carried(1, 1, 8).check().state == carried(1, 1, 8).check("z3").state == "proved"


def test_a_carried_sum_needs_a_start_and_ends_with_its_last_row() -> None:
    for wrong in (carried(1, 0, 8), carried(1, 1, 7), carried(1, 1, 9)):
        assert wrong.check().state == wrong.check("z3").state == "refuted"
