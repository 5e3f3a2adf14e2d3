"""Rows of one position with two weights to a lane: every bit stays, and where it could not, nothing is done."""

from __future__ import annotations

import numpy as np
import pytest

from tests.graphs import Array, Step, random_inputs
from tests.passes.product_layers import BUFFER, INSTRUCTIONS, TO_BYTES, apply, assert_same_bytes, constants, in_loops
from tinyir.backends.target import load_target
from tinyir.interp.machine import run
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, I32, TensorType
from tinyir.passes.block_rows import BlockRows
from tinyir.prove.claim import Verdict, unknown
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.rewrite.passes import PassContext

BLOCKED = ["rows: stage bytes 1024; jam outputs 4"]


def _dense(weights: Array, bias: Array | None = None, zero: int = 0, requantized: bool = True, residual: bool = False) -> Operation:
    """[1, terms] by weights [outputs, terms]."""
    outputs, terms = weights.shape
    given: list[TensorType | Array] = [TensorType((1, terms), I8), *constants(np.random.default_rng(terms), weights.shape)]
    given[1] = weights.astype(np.int8)
    if bias is not None:
        given[2] = bias.astype(np.int32)
    steps: list[Step] = [("graph.dense", [0, 1, 2], {"x_zero_point": zero})]
    if residual:
        given.append(TensorType((1, outputs), I32))
        steps.append(("graph.add", [len(given), len(given) - 1], {}))
    if requantized:
        steps.append(("graph.requantize_high", [len(given) + len(steps) - 1, 3, 4, 5], TO_BYTES))
    return in_loops(given, steps)


def _weights(outputs: int, terms: int, low: int = -127, seed: int = 0) -> Array:
    found: Array = np.random.default_rng(seed).integers(low, 128, (outputs, terms))
    return found


@pytest.mark.parametrize("terms", [16, 17, 18, 19, 33, 70])
@pytest.mark.parametrize("outputs", [4, 5, 6, 7, 8, 9])
def test_the_result_keeps_every_bit(outputs: int, terms: int) -> None:
    zero = (-128, 127, 0, 5)[terms % 4]
    module = _dense(_weights(outputs, terms, seed=terms), zero=zero, requantized=outputs != 6, residual=outputs == 5)
    assert assert_same_bytes(module, BlockRows(), terms) == BLOCKED


@pytest.mark.parametrize("bias", [0, 77])
def test_outputs_with_one_bias_for_all(bias: int) -> None:
    assert assert_same_bytes(_dense(_weights(5, 20), np.full(5, bias), zero=3), BlockRows()) == BLOCKED


def _assert_blocked_exactly(module: Operation, terms: int, x: int | None) -> None:
    """The layer is blocked and keeps every bit, down to instructions: all inputs being `x`, or random."""
    given = random_inputs(module) if x is None else {"input_0": np.full((1, terms), x, np.int8)}
    expected = run(module, given)
    apply(module, [BlockRows()])
    assert any("schedule" in o.attributes for o in module.walk())
    assert run(module, given)["output_0"].tobytes() == expected["output_0"].tobytes()
    apply(module, (*BUFFER, *INSTRUCTIONS))
    assert run(module, given)["output_0"].tobytes() == expected["output_0"].tobytes()


@pytest.mark.parametrize("zero", [-128, 0, 127])
@pytest.mark.parametrize("x", [-128, 127, None])
def test_extremes_keep_every_bit(x: int | None, zero: int) -> None:
    module = _dense(np.tile([[-127, 127], [127, -127], [-127, -127], [127, 127]], 9), zero=zero, requantized=False)
    _assert_blocked_exactly(module, 18, x)


def test_a_least_weight_beside_nothing_stays_exact() -> None:
    weights = _weights(4, 32)
    weights[1, ::2], weights[1, 1::2], weights[2, ::2], weights[2, 1::2] = -128, 0, 0, -128
    assert_same_bytes(_dense(weights, zero=-128), BlockRows())


@pytest.mark.parametrize("x", [-128, 127, None])
@pytest.mark.parametrize("terms", [24, 25, 27, 33])
def test_least_weights_above_others_below_zero_are_two_terms(terms: int, x: int | None) -> None:
    weights = _weights(5, terms)
    weights[1, 4:6], weights[3, 4:6], weights[2, terms - 2 :] = -128, -128, -128
    _assert_blocked_exactly(_dense(weights, zero=127), terms, x)


@pytest.mark.parametrize("case", ["what fits", "many least weights", "a sum beyond 24 bits", "a bias beyond 24 bits"])
def test_what_might_not_fit_is_left_alone(case: str) -> None:
    weights, bias, zero = _weights(4, 32), np.arange(4), 0
    if case == "many least weights":
        weights[2, 4:16] = -128
    elif case == "a sum beyond 24 bits":
        weights, zero = np.full((4, 300), -127), -128
    elif case == "a bias beyond 24 bits":
        bias[3] = 1 << 23
    module = _dense(weights, bias, zero)
    given = random_inputs(module)
    expected = run(module, given)
    apply(module, [BlockRows()])
    assert any("schedule" in o.attributes for o in module.walk()) == (case == "what fits")
    assert run(module, given)["output_0"].tobytes() == expected["output_0"].tobytes()


class _Undecided(Ledger):
    """A ledger whose prover gives up."""

    def add(self, obligation: Obligation, verdict: Verdict | None = None) -> Verdict:
        return super().add(obligation, unknown("z3", "out of budget"))


def test_without_a_proof_nothing_is_blocked() -> None:
    module, ledger = _dense(_weights(4, 32)), _Undecided()
    BlockRows().run(module, PassContext(target=load_target("cortex-m4"), ledger=ledger))
    assert len(ledger)
    assert not any("schedule" in o.attributes for o in module.walk())
