"""Programs of loops compared term by term: what is proved, what is refuted and with what, and what is not taken apart."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import pytest

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression
from tinyir.prove.nest_program import Branch, Compute, Constant, Define, Index, Loop, Read, Step, Tensor
from tinyir.prove.translation import TranslationClaim

D, E = AffineDimension(0), AffineDimension(1)
X, Y, W, S, F, G = range(6)
TENSORS = (
    Tensor("x", (6,), 8),
    Tensor("y", (3,), 32),
    Tensor("w", (3, 6), 8, np.arange(-9, 9, dtype=np.int8)),
    Tensor("s", (6,), 16),
    Tensor("f", (6,), 0),
    Tensor("g", (6,), 0),
)


class Writer:
    """Numbers the values of a program."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> int:
        self.count += 1
        return self.count - 1

    def constant(self, value: int, bits: int = 32) -> Constant:
        return Constant(self.new(), value, bits)

    def compute(self, name: str, *operands: int, bits: int = 32) -> Compute:
        return Compute(self.new(), f"arith.{name}", str(bits), bits, operands)

    def read(self, tensor: int, indices: Sequence[AffineExpression], *operands: int) -> Read:
        return Read(self.new(), tensor, TENSORS[tensor].shape, tuple(indices), operands)

    def define(self, value: int, tensor: int, indices: Sequence[AffineExpression], *operands: int) -> Define:
        return Define(value, tensor, TENSORS[tensor].shape, tuple(indices), operands)

    def loop(self, variable: int, extent: int, body: Sequence[Step]) -> Loop:
        return Loop(variable, (AffineConstant(0),), (), (AffineConstant(extent),), (), 1, False, (), (), tuple(body), (), ())

    def fold(self, variable: int, bounds: tuple[int, int], carried: int, initial: int, body: Sequence[Step], given: int, reverse: bool = False) -> Loop:
        low, high = map(AffineConstant, bounds)
        return Loop(variable, (low,), (), (high,), (), 1, reverse, (initial,), (carried,), tuple(body), (given,), (self.new(),))


def sums(
    order: AffineExpression = D, start: int = 0, terms: int = 6, weight: AffineExpression = D, widened: str = "extsi", final: str = ""
) -> tuple[Step, ...]:
    """y[o] = start + sum of x[order(k)] * w[o, weight(k)]."""
    n = Writer()
    o, k, carried = n.new(), n.new(), n.new()
    zero = n.constant(start)
    x, w = n.read(X, [order], k), n.read(W, [D, weight.replace([E])], o, k)
    factors = n.compute(widened, x.result), n.compute("extsi", w.result)
    product = n.compute("muli", factors[0].result, factors[1].result)
    total = n.compute("addi", carried, product.result)
    fold = n.fold(k, (0, terms), carried, zero.result, (x, w, *factors, product, total), total.result)
    after: list[Step] = [n.constant(3), n.compute(final, fold.results[0], n.count - 1)] if final else []
    made = after[-1] if after else None
    result = made.result if isinstance(made, Compute) else fold.results[0]
    return (n.loop(o, 3, [zero, fold, *after, n.define(result, Y, [D], o)]),)


def staged(shift: int = 0, pad: int = 0, scale: int = 1) -> tuple[Step, ...]:
    """The same over a copy of x behind `pad` zeros in place of elements, from the element `shift` on, times `scale`; the sum is divided by that."""
    n = Writer()
    i, o, k, carried = n.new(), n.new(), n.new(), n.new()
    x = n.read(X, [(D + shift) % 6], i)
    wide = n.compute("extsi", x.result, bits=16)
    factor = n.constant(scale, 16)
    scaled = n.compute("muli", wide.result, factor.result, bits=16)
    zero = n.constant(0, 16)
    copy = Branch(
        ((D - pad, False),), (i,), ((x, wide, factor, scaled, n.define(scaled.result, S, [D], i)), (zero, n.define(zero.result, S, [D], i))), ((), ()), ()
    )
    start = n.constant(0)
    s, w = n.read(S, [D], k), n.read(W, [D, E], o, k)
    factors = n.compute("extsi", s.result), n.compute("extsi", w.result)
    product = n.compute("muli", factors[0].result, factors[1].result)
    total = n.compute("addi", product.result, carried)
    fold = n.fold(k, (0, 6), carried, start.result, (s, w, *factors, product, total), total.result)
    eight = n.constant(scale.bit_length() - 1)
    exact = n.compute("shrsi", fold.results[0], eight.result)
    end: list[Step] = [eight, exact] if scale > 1 else []
    result = exact.result if scale > 1 else fold.results[0]
    return (n.loop(i, 6, [copy]), n.loop(o, 3, [start, fold, *end, n.define(result, Y, [D], o)]))


def claim(before: tuple[Step, ...], after: tuple[Step, ...]) -> TranslationClaim:
    return TranslationClaim(TENSORS, before, after, (Y,))


SAME: dict[str, tuple[tuple[Step, ...], tuple[Step, ...]]] = {
    "as it was": (sums(), sums()),
    "in another order": (sums(), sums(5 - D, weight=5 - D)),
    "over a copy": (sums(), staged()),
    "over scaled terms, divided at the end": (sums(), staged(scale=64)),
    "with operations around": (sums(final="maxsi"), sums(5 - D, weight=5 - D, final="maxsi")),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_sums_are_proved_by_both_provers(name: str) -> None:
    stated = claim(*SAME[name])
    assert stated.check().state == "proved"
    assert stated.check("z3").state == "proved"


FIRST = {"index0": 0, "element_of_x": 0, "element0": 0}
LAST = {"index0": 0, "element_of_x": 5, "element0": 5}
OTHER: dict[str, tuple[tuple[Step, ...], tuple[Step, ...], dict[str, int]]] = {
    "the next element": (sums(), staged(shift=1), {**FIRST, "factor_before": -9, "factor_after": -4}),
    "a term that is lost": (sums(), staged(pad=1), {**FIRST, "factor_before": -9, "factor_after": 0}),
    "fewer terms": (sums(), sums(terms=5), {**LAST, "factor_before": -4, "factor_after": 0}),
    "another start": (sums(), sums(start=7), {"index0": 0, "number_before": 0, "number_after": 7}),
    "other terms below an operation": (sums(final="maxsi"), sums(terms=5, final="maxsi"), {**LAST, "factor_before": -4, "factor_after": 0}),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_sums_are_refuted_with_the_first_term_that_differs(name: str) -> None:
    before, after, counterexample = OTHER[name]
    verdict = claim(before, after).check()
    assert (verdict.state, verdict.counterexample) == ("refuted", counterexample)
    judged = claim(before, after).check("z3")
    assert (judged.state, judged.how, judged.counterexample) == ("refuted", "z3", counterexample)


UNTOLD: dict[str, tuple[tuple[Step, ...], tuple[Step, ...], str]] = {
    "another operation": (sums(final="maxsi"), sums(final="minsi"), "'arith.minsi 32' in place of 'arith.maxsi 32'"),
    "an operation more": (sums(), sums(final="maxsi"), "1 results of other operations where there were 0"),
    "what wraps before it is divided": (sums(), staged(scale=512), "1 results of other operations where there were 0"),
    "elements widened without their sign": (sums(), sums(widened="extui"), "1 results of other operations where there were 0"),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_what_is_not_a_matter_of_terms_is_unknown(name: str) -> None:
    before, after, reason = UNTOLD[name]
    stated = claim(before, after)
    assert (stated.check().state, stated.check().reason) == ("unknown", reason)
    assert stated.check("z3").state == "unknown"
    assert "(assert true)" in stated.smtlib()


def test_scaled_terms_that_do_not_fit_their_type_are_not_divided() -> None:
    """512 times an element of 8 bits is no number of 16 bits, 256 times one is."""
    assert claim(sums(), staged(scale=256)).check().state == "proved"
    assert claim(sums(), staged(scale=512)).check().state == "unknown"


def test_an_element_of_scratch_that_nothing_defines_is_not_read() -> None:
    stage, use = staged()
    assert isinstance(stage, Loop)
    short = attrs.evolve(stage, upper=(AffineConstant(5),))
    assert claim(sums(), (short, use)).check().reason == "1 results of other operations where there were 0"


def test_elements_that_are_defined_by_one_side_alone_are_refuted() -> None:
    (nest,) = sums()
    assert isinstance(nest, Loop)
    short = attrs.evolve(nest, upper=(AffineConstant(2),))
    assert claim((nest,), (short,)).check().counterexample == {"index0": 2, "defined_before": 1, "defined_after": 0}
    assert claim((short,), (nest,)).check().counterexample == {"index0": 2, "defined_before": 0, "defined_after": 1}


def folded(name: str, reverse: bool = False, extent: int = 6) -> tuple[Step, ...]:
    """y[o] = a fold of x that is no sum."""
    n = Writer()
    o, k, carried = n.new(), n.new(), n.new()
    zero = n.constant(0)
    x = n.read(X, [D], k)
    wide = n.compute("extsi", x.result)
    chosen = n.compute(name, carried, wide.result)
    fold = n.fold(k, (0, extent), carried, zero.result, (x, wide, chosen), chosen.result, reverse)
    return (n.loop(o, 3, [zero, fold, n.define(fold.results[0], Y, [D], o)]),)


def test_a_fold_that_is_no_sum_is_compared_as_it_stands() -> None:
    assert claim(folded("maxsi"), folded("maxsi")).check().state == "proved"
    for other in (folded("minsi"), folded("maxsi", reverse=True), folded("maxsi", extent=5)):
        assert claim(folded("maxsi"), other).check().state == "unknown"


def test_a_sum_may_be_added_up_in_reverse() -> None:
    assert claim(folded("addi"), folded("addi", reverse=True)).check().state == "proved"


def test_indices_may_be_computed_first() -> None:
    n = Writer()
    o = n.new()
    place = Index(n.new(), D * 2, (o,))
    x = n.read(X, [D + 1], place.result)
    wide = n.compute("extsi", x.result)
    indirect = (n.loop(o, 3, [place, x, wide, n.define(wide.result, Y, [D], o)]),)
    m = Writer()
    p = m.new()
    y = m.read(X, [D * 2 + 1], p)
    again = m.compute("extsi", y.result)
    direct = (m.loop(p, 3, [y, again, m.define(again.result, Y, [D], p)]),)
    assert claim(indirect, direct).check().state == "proved"
    assert claim(direct, indirect).check().state == "proved"


def test_the_hash_of_a_claim_tells_programs_apart() -> None:
    digests = {claim(*pair).digest() for pair in SAME.values()}
    assert len(digests) == len(SAME)
    assert claim(sums(), staged()).digest() == claim(sums(), staged()).digest()


def padded(least: int, shift: int = 0) -> tuple[Step, ...]:
    """g[i] = f[i + shift] from an index on, a constant before."""
    n = Writer()
    i = n.new()
    constant, f = Constant(n.new(), "0.0", 0), n.read(F, [(D + shift) % 6], i)
    chosen = Branch(((D - least, False),), (i,), ((f,), (constant,)), ((f.result,), (constant.result,)), (n.new(),))
    return (n.loop(i, 6, [chosen, n.define(chosen.results[0], G, [D], i)]),)


def test_numbers_that_are_no_integers_are_chosen_by_the_same_condition() -> None:
    before = padded(2)
    for prover in ("native", "z3"):
        assert TranslationClaim(TENSORS, before, padded(2), (G,)).check(prover).state == "proved"
        assert TranslationClaim(TENSORS, before, padded(3), (G,)).check(prover).state != "proved"
        assert TranslationClaim(TENSORS, before, padded(2, shift=1), (G,)).check(prover).state != "proved"
