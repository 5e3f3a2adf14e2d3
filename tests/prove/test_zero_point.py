"""Zero points that move into biases: the claim is true exactly when the constants agree."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from tinyir.prove.zero_point import FoldedZeroPointClaim


def _claim() -> FoldedZeroPointClaim:
    weights = np.random.default_rng(3).integers(-127, 128, (4, 9))
    bias = (5, -1000, 0, 77)
    folded = tuple(b + 12 * int(s) for b, s in zip(bias, weights.sum(axis=1), strict=True))
    return FoldedZeroPointClaim(weights, -12, bias, folded)


@pytest.mark.parametrize("prover", ["native", "z3"])
def test_a_folded_zero_point_is_proved(prover: str) -> None:
    assert _claim().check(prover).state == "proved"


@pytest.mark.parametrize("prover", ["native", "z3"])
def test_a_bias_off_by_one_is_refuted_with_inputs_that_differ(prover: str) -> None:
    right = _claim()
    wrong = attrs.evolve(right, folded=(*right.folded[:-1], right.folded[-1] + 1))
    verdict = wrong.check(prover)
    assert verdict.state == "refuted"
    assert verdict.counterexample


def test_the_script_for_other_solvers_covers_every_channel() -> None:
    script = _claim().smtlib()
    assert script.count("(check-sat)") == script.count("(declare-const x8 Int)") == 4
    assert script.count("(reset)") == 3
