"""Ranges of accumulators: exact, in any order, and the same to z3."""

from itertools import product

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyir.prove.ranges import RangeClaim, dot_range

small = st.integers(-3, 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(small, small, st.integers(0, 2)), min_size=1, max_size=4), small)
def test_ranges_are_reached_and_never_left(terms: list[tuple[int, int, int]], bias: int) -> None:
    weights = numpy.array([[w for w, _, _ in terms]])
    low, high = numpy.array([x for _, x, _ in terms]), numpy.array([x + n for _, x, n in terms])
    found = dot_range(weights, low, high, numpy.array([bias]))
    inputs = list(product(*(range(x, x + n + 1) for _, x, n in terms)))
    sums = [sum(w * v for (w, _, _), v in zip(terms, x, strict=True)) + bias for x in inputs]
    assert (found.low[0], found.high[0]) == (min(sums), max(sums))
    choices = list(product((0, 1), repeat=len(terms) + 1))
    partial = [sum(c * w * v for c, (w, _, _), v in zip(cs, terms, x, strict=False)) + cs[-1] * bias for x in inputs for cs in choices]
    assert (found.any_order_low[0], found.any_order_high[0]) == (min(partial), max(partial))


def test_bits_are_the_least_width_that_holds_every_partial_sum() -> None:
    ones = numpy.ones((1, 1), numpy.int64)
    zero = numpy.zeros(1, numpy.int64)
    assert [dot_range(ones, low, high, zero).bits for low, high in ((0, 127), (0, 128), (-128, 0), (-129, 0), (0, 0))] == [8, 9, 8, 9, 1]


def test_sums_that_cancel_still_overflow_on_the_way() -> None:
    weights, bias = numpy.array([[100, -100]]), numpy.array([0])
    same = numpy.array([[3, 3]])
    whole = RangeClaim.of(weights, same, same, bias, 9, any_order=False)
    assert whole.check().state == whole.check("z3").state == "proved"
    partial = RangeClaim.of(weights, same, same, bias, 9)
    assert partial.check().state == partial.check("z3").state == "refuted"


def random_claim(seed: int, bits: int, any_order: bool) -> RangeClaim:
    generator = numpy.random.default_rng(seed)
    low = generator.integers(-128, 20, 30)
    return RangeClaim.of(generator.integers(-127, 128, (3, 30)), low, low + 100, generator.integers(-9999, 9999, 3), bits, any_order)


@pytest.mark.parametrize("any_order", [False, True])
def test_z3_agrees_on_the_least_width(any_order: bool) -> None:
    for seed in range(4):
        bits = next(b for b in range(8, 33) if random_claim(seed, b, any_order).check().state == "proved")
        assert random_claim(seed, bits, any_order).check("z3").state == "proved"
        native, z3 = random_claim(seed, bits - 1, any_order).check(), random_claim(seed, bits - 1, any_order).check("z3")
        assert native.state == z3.state == "refuted"


@pytest.mark.parametrize("any_order", [False, True])
def test_the_counterexample_reaches_the_sum_that_it_names(any_order: bool) -> None:
    claim = random_claim(9, 12, any_order)
    found = claim.check().counterexample
    assert found is not None
    channel = found["channel"]
    inputs = {int(name[1:]): value for name, value in found.items() if name.startswith("x")}
    total = sum(int(claim.weights[channel, k]) * x for k, x in inputs.items()) + found["bias"]
    assert total == found["sum"]
    assert not -2048 <= total <= 2047
    assert all(claim.x_low[channel, k] <= x <= claim.x_high[channel, k] for k, x in inputs.items())


def test_meaningless_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="range is empty"):
        dot_range(numpy.ones((1, 2), numpy.int64), 1, 0, numpy.zeros(1, numpy.int64))
    with pytest.raises(ValueError, match="beyond 62 bits"):
        dot_range(numpy.full((1, 2), 1 << 40), 0, 1 << 30, numpy.zeros(1, numpy.int64))
