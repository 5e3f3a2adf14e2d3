"""Smallest safe distances: right in a simulated memory, agreed on by z3, tight on the layers of the corpus."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prove.corpus_layers import read_model
from tests.prove.geometry import dense_nest, pointwise_nest, step_nest, window_nest
from tinyir.ir.affine import AffineConstant, AffineDimension
from tinyir.prove.overlap import Access, Direction, InPlaceClaim, Loop, Nest, OverlapClaim, smallest_distance

DIRECTIONS: tuple[Direction, ...] = ("forward", "reverse")


def touched(access: Access, values: tuple[int, ...]) -> set[int]:
    """The bytes of one access at one step."""
    found: set[int] = set()
    for inner in product(*(range(loop.low, loop.high, loop.step) for loop in access.inner)):
        point = (*values, *inner)
        if all(guard.evaluate(point) >= 0 for guard in access.guards):
            start = access.address.evaluate(point)
            found |= set(range(start, start + access.bytes))
    return found


def clobbers(nest: Nest, difference: int, direction: Direction) -> bool:
    """Runs the nest with input - output = difference: does a step read a byte that an earlier one has overwritten?"""
    steps = list(product(*(range(loop.low, loop.high, loop.step) for loop in nest.loops)))
    overwritten: set[int] = set()
    for step in steps if direction == "forward" else reversed(steps):
        if any(byte + difference in overwritten for access in nest.reads for byte in touched(access, step)):
            return True
        overwritten |= {byte for access in nest.writes for byte in touched(access, step)}
    return False


windows = st.builds(
    lambda height, width, kernel, stride, pad, channels, made: window_nest(
        (height, width, channels),
        ((height + 2 * pad - kernel) // stride + 1, (width + 2 * pad - kernel) // stride + 1, made),
        (kernel, kernel),
        (stride, stride),
        (pad, pad),
    ),
    st.integers(3, 6),
    st.integers(3, 6),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 1),
    st.integers(1, 3),
    st.integers(1, 3),
)


@settings(max_examples=60, deadline=None)
@given(windows, st.sampled_from(DIRECTIONS))
def test_the_distance_is_safe_and_one_less_is_not(nest: Nest, direction: Direction) -> None:
    least = smallest_distance(nest, direction)
    if least is None:
        return
    sign = 1 if direction == "forward" else -1
    assert not any(clobbers(nest, sign * (least + more), direction) for more in (0, 1, 2, 7))
    assert clobbers(nest, sign * (least - 1), direction)


def test_a_same_convolution_lags_by_a_row_and_a_pixel() -> None:
    nest = window_nest((9, 7, 5), (9, 7, 5), (3, 3), (1, 1), (1, 1))
    assert smallest_distance(nest) == smallest_distance(nest, "reverse") == (7 + 1) * 5


def test_elementwise_steps_may_run_in_place() -> None:
    assert smallest_distance(pointwise_nest(10)) == smallest_distance(pointwise_nest(10), "reverse") == 0


def test_a_matrix_product_may_overwrite_its_input_with_the_last_output_only() -> None:
    assert smallest_distance(dense_nest(640, 128)) == 127
    assert smallest_distance(dense_nest(640, 128), "reverse") == 639


def test_a_nest_of_one_step_may_lie_anywhere() -> None:
    nest = window_nest((8, 8, 4), (1, 1, 4), (8, 8), (8, 8), (0, 0))
    assert smallest_distance(nest) is None
    assert OverlapClaim(nest, -(1 << 20)).check().state == OverlapClaim(nest, -(1 << 20)).check("z3").state == "proved"


def test_finer_steps_need_more_distance() -> None:
    """Channel by channel the pixel that is being written is still read."""
    p, c, k = (AffineDimension(i) for i in range(3))
    nest = Nest((Loop("p", 0, 6), Loop("c", 0, 4, 2)), (Access(p * 4 + c, 2),), (Access(p * 4 + k, 1, (Loop("k", 0, 4),)),))
    assert smallest_distance(nest) == 2
    assert not clobbers(nest, 2, "forward")
    assert clobbers(nest, 1, "forward")


def test_divisions_and_guards_are_followed() -> None:
    e = AffineDimension(0)
    nest = Nest((Loop("e", 0, 12),), (Access(e, 1),), (Access((e // 4) * 4 + (e * 3) % 4, 1, (), (e - 2, -e + 9)),))
    for direction in DIRECTIONS:
        least = smallest_distance(nest, direction)
        assert least is not None
        sign = 1 if direction == "forward" else -1
        assert not clobbers(nest, sign * least, direction)
        assert clobbers(nest, sign * (least - 1), direction)
        assert OverlapClaim(nest, least, direction).check("z3").state == "proved"
        assert OverlapClaim(nest, least - 1, direction).check("z3").state == "refuted"


def streamed_window(rows: int, columns: int, kernel: int) -> Nest:
    """A step makes one row; which columns of the window lie inside depends on no step."""
    p, q, o, i, j = (AffineDimension(n) for n in range(5))
    row, column = p + i - 1, q + j - 1
    guards = (row, -row + (rows - 1), column, -column + (columns - 1))
    inner = (Loop("q", 0, columns), Loop("o", 0, 2), Loop("i", 0, kernel), Loop("j", 0, kernel))
    return Nest((Loop("p", 0, rows),), (Access((p * columns + q) * 3 + o, 1, inner[:2]),), (Access((row * columns + column) * 2 + o, 1, inner, guards),))


@pytest.mark.parametrize(("rows", "columns", "kernel"), [(4, 3, 3), (5, 4, 2), (3, 5, 4)])
def test_columns_that_no_step_decides_are_settled_beforehand(rows: int, columns: int, kernel: int) -> None:
    nest = streamed_window(rows, columns, kernel)
    least = smallest_distance(nest)
    assert least is not None
    assert not clobbers(nest, least, "forward")
    assert clobbers(nest, least - 1, "forward")
    assert OverlapClaim(nest, least).check("z3").state == "proved"


def test_a_large_window_is_settled_without_looking_at_every_point() -> None:
    assert smallest_distance(streamed_window(2000, 2000, 11)) is not None  # 10^13 points


def test_a_read_long_after_the_write_counts() -> None:
    e = AffineDimension(0)
    nest = Nest((Loop("e", 0, 3),), (Access(-e * 5 + 10, 1),), (Access((e * 4 + 5) % 12, 1),))  # writes 10, 5, 0; reads 5, 9, 1
    assert smallest_distance(nest) == 11 - 1
    assert smallest_distance(nest, "reverse") == 10 - 0


factors = st.tuples(*(st.integers(-4, 4) for _ in range(3)))


@settings(max_examples=40, deadline=None)
@given(factors, factors, st.integers(1, 2), st.sampled_from(DIRECTIONS))
def test_any_affine_nest_is_safe_at_its_distance(write: tuple[int, ...], read: tuple[int, ...], size: int, direction: Direction) -> None:
    addresses = [sum((AffineDimension(i) * f for i, f in enumerate(fs)), AffineConstant(0)) for fs in (write, read)]
    inner = (Loop("i", 1, 4),)
    nest = Nest((Loop("a", 0, 3), Loop("b", 1, 6, 2)), (Access(addresses[0], size, inner),), (Access(addresses[1], 1, inner),))
    least = smallest_distance(nest, direction)
    assert least is not None
    assert not any(clobbers(nest, (least + more) * (1 if direction == "forward" else -1), direction) for more in (0, 1, 5))
    assert OverlapClaim(nest, least, direction).check("z3").state == "proved"
    assert OverlapClaim(nest, least - 1, direction).check("z3").state == "refuted"


@settings(max_examples=60, deadline=None)
@given(factors, factors, st.integers(1, 2), st.booleans())
def test_in_place_is_proved_where_no_order_of_the_steps_overwrites(write: tuple[int, ...], read: tuple[int, ...], size: int, same: bool) -> None:
    addresses = [sum((AffineDimension(i) * f for i, f in enumerate(fs)), AffineConstant(0)) for fs in (write, write if same else read)]
    inner = (Loop("i", 1, 4),)
    guard = (AffineDimension(2) - AffineDimension(0),)
    nest = Nest((Loop("a", 0, 3), Loop("b", 1, 6, 2)), (Access(addresses[0], size, inner),), (Access(addresses[1], 1, inner, guard),))
    state = "refuted" if any(clobbers(nest, 0, direction) for direction in DIRECTIONS) else "proved"
    assert InPlaceClaim(nest).check().state == InPlaceClaim(nest).check("z3").state == state


def test_channels_of_their_own_may_be_overwritten() -> None:
    channel, inner = AffineDimension(0), (Loop("p", 0, 12),)
    read = Access(AffineDimension(1) * 5 + channel, 1, inner)
    halved = Access(AffineDimension(1) * 5 + channel, 1, (Loop("p", 0, 6),))
    nest = Nest((Loop("o", 0, 5),), (halved,), (read,))
    assert smallest_distance(nest) == 25
    assert InPlaceClaim(nest).check().state == InPlaceClaim(nest).check("z3").state == "proved"
    shifted = attrs.evolve(nest, writes=(attrs.evolve(halved, address=halved.address + 1),))
    found = InPlaceClaim(shifted).check()
    assert found.state == InPlaceClaim(shifted).check("z3").state == "refuted"
    assert found.counterexample is not None
    byte, write, read_at = (found.counterexample[name] for name in ("byte", "write", "read"))
    assert byte in touched(shifted.writes[0], (write,)) & touched(shifted.reads[0], (read_at,))
    assert write != read_at


@pytest.mark.parametrize("written", [0, 2])
def test_what_is_read_at_several_steps_is_in_no_place_of_its_own(written: int) -> None:
    step = AffineDimension(0)
    nest = Nest((Loop("o", 0, 3),), (Access((step - written) * 8, 1),), (Access(AffineConstant(0), 1),))
    assert InPlaceClaim(nest).check().state == InPlaceClaim(nest).check("z3").state == "refuted"


def test_in_place_of_too_much_is_left_open() -> None:
    nest = Nest((Loop("o", 0, 1 << 21),), (Access(AffineDimension(0), 1),), (Access(AffineDimension(0), 1),))
    assert InPlaceClaim(nest).check().state == "unknown"


def test_an_access_that_never_happens_needs_nothing() -> None:
    e = AffineDimension(0)
    assert smallest_distance(Nest((Loop("e", 0, 9),), (Access(e, 1),), (Access(e, 1, (Loop("i", 3, 3),)),))) is None
    assert smallest_distance(Nest((Loop("e", 0, 9),), (Access(e, 1),), (Access(e, 1, (), (AffineConstant(-1),)),))) is None
    assert smallest_distance(Nest((Loop("e", 4, 2),), (Access(e, 1),), (Access(e, 1),))) is None


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_counterexample_names_a_write_and_a_later_read(direction: Direction) -> None:
    nest = window_nest((6, 5, 3), (6, 5, 3), (3, 3), (1, 1), (1, 1))
    least = smallest_distance(nest, direction)
    assert least is not None
    found = OverlapClaim(nest, least - 1, direction).check().counterexample
    assert found is not None
    write, read = (found["write_p"], found["write_q"]), (found["read_p"], found["read_q"])
    assert (write < read) == (direction == "forward")
    moved = {byte + (least - 1) * (1 if direction == "forward" else -1) for byte in touched(nest.reads[0], read)}
    assert moved & touched(nest.writes[0], write)
    assert (found["needed"], found["given"]) == (least, least - 1)


@pytest.mark.parametrize("model", ["kws", "ic", "vww", "ad"])
def test_distances_of_the_corpus_are_proved_by_z3_and_tight(corpus: Path, model: str) -> None:
    read = read_model(corpus, model)
    nests = list(dict.fromkeys(step_nest(read, step) for step in read.steps))
    assert len(nests) == {"kws": 6, "ic": 14, "vww": 22, "ad": 5}[model]
    for nest, direction in product(nests, DIRECTIONS):
        least = smallest_distance(nest, direction)
        if least is None:
            continue
        claim = OverlapClaim(nest, least, direction)
        assert claim.check().state == claim.check("z3").state == "proved"
        closer = attrs.evolve(claim, distance=least - 1)
        assert closer.check().state == closer.check("z3").state == "refuted"
