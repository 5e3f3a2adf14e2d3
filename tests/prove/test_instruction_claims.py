"""What instructions are claimed to compute: sums that are written out, identities, scalar operations; proved and spoilt."""

from __future__ import annotations

import attrs
import pytest

from tinyir.ir.instruction import Instruction, InstructionSet
from tinyir.prove.instructions import IdentityClaim, Use, WrittenSumClaim
from tinyir.prove.scalar_instructions import ScalarInstructionClaim, Term
from tinyir.text.instruction_reader import instruction_set

PROVERS = ("native", "z3")


def _armv7em() -> InstructionSet:
    found = instruction_set("armv7e-m")
    assert found is not None
    return found


def _instruction(name: str) -> Instruction:
    return _armv7em().instructions[name]


# x[0] * w0 + x[1] * w1 + x[3] * w2 of one base, and x[-1] * w1 of another
USES = (Use("smlad", (0, 0), (0, 1)), Use("smlatb", (0, 2), (2, 2)), Use("smlatt", (1, -2), (0, 1)))
TERMS = ((0, 0, 0), (0, 1, 1), (0, 3, 2), (1, -1, 1))


@pytest.mark.parametrize("prover", PROVERS)
def test_a_written_sum_has_just_its_terms(prover: str) -> None:
    assert WrittenSumClaim(_armv7em(), USES, TERMS).check(prover).state == "proved"


@pytest.mark.parametrize("prover", PROVERS)
@pytest.mark.parametrize(
    ("number", "use"),
    [
        (0, Use("smlad", (0, 0), (1, 0))),
        (0, Use("smlad", (0, 2), (0, 1))),
        (1, Use("smlabb", (0, 2), (2, 2))),
        (1, Use("smlad", (0, 2), (2, 2))),
        (2, Use("smlatt", (1, -2), (1, 0))),
        (2, Use("smlatt", (0, -2), (0, 1))),
        (2, None),
    ],
)
def test_a_wrong_lane_weight_word_or_instruction_is_refuted(number: int, use: Use | None, prover: str) -> None:
    uses = (*USES[:number], *([use] if use is not None else []), *USES[number + 1 :])
    verdict = WrittenSumClaim(_armv7em(), uses, TERMS).check(prover)
    assert verdict.state == "refuted"
    assert verdict.counterexample


@pytest.mark.parametrize("prover", PROVERS)
def test_a_term_twice_is_not_the_same_sum(prover: str) -> None:
    assert WrittenSumClaim(_armv7em(), USES, (*TERMS, TERMS[0])).check(prover).state == "refuted"


# (a + b) * (a - b) == a * a - b * b, written out
SQUARES = ((("a", "a"), 1), (("a", "b"), -1), (("b", "a"), 1), (("b", "b"), -1), (("a", "a"), -1), (("b", "b"), 1))


@pytest.mark.parametrize("prover", PROVERS)
def test_products_that_sum_up_to_zero_are_an_identity_whatever_their_order(prover: str) -> None:
    assert IdentityClaim(SQUARES).check(prover).state == "proved"


@pytest.mark.parametrize("prover", PROVERS)
@pytest.mark.parametrize("number", range(len(SQUARES)))
def test_any_other_coefficient_breaks_an_identity(number: int, prover: str) -> None:
    names, coefficient = SQUARES[number]
    assert IdentityClaim((*SQUARES[:number], (names, coefficient + 1), *SQUARES[number + 1 :])).check(prover).state == "refuted"


def _high(left: str = "a", right: str = "b", shift: int = 32) -> Term:
    product = Term("muli", (Term("extsi", (left,), 64), Term("extsi", (right,), 64)), 64)
    return Term("trunci", (Term("shrsi", (product, shift), 64),), 32)


def _clamped(low: int = -128, high: int = 127, shift: int = 3) -> Term:
    return Term("minsi", (Term("maxsi", (Term("shrsi", ("a", shift), 32), low), 32), high), 32)


SCALARS: dict[str, tuple[str, tuple[tuple[str, int], ...], Term]] = {
    "the high word of a product": ("smmul", (), _high()),
    "its factors in another order": ("smmul", (), _high("b", "a")),
    "a high word and a number": ("smmla", (), Term("addi", (_high(), "c"), 32)),
    "a number and a high word": ("smmla", (), Term("addi", ("c", _high()), 32)),
    "a clamp of a shift": ("ssat8_asr", (("s", 3),), _clamped()),
    "a clamp": ("ssat8", (), Term("minsi", (Term("maxsi", ("a", -128), 32), 127), 32)),
    "a clamp from above first": ("ssat8", (), Term("maxsi", (-128, Term("minsi", (127, "a"), 32)), 32)),
}


@pytest.mark.parametrize("prover", PROVERS)
@pytest.mark.parametrize("case", SCALARS)
def test_scalar_instructions_compute_their_operations(case: str, prover: str) -> None:
    name, immediates, term = SCALARS[case]
    assert ScalarInstructionClaim(_instruction(name), immediates, term).check(prover).state == "proved"


@pytest.mark.parametrize("prover", PROVERS)
def test_operands_that_are_the_same_number(prover: str) -> None:
    square = _high("a", "a")
    assert ScalarInstructionClaim(_instruction("smmul"), (), square, (("b", "a"),)).check(prover).state == "proved"
    assert ScalarInstructionClaim(_instruction("smmla"), (), Term("addi", (square, "a"), 32), (("b", "a"), ("c", "a"))).check(prover).state == "proved"
    assert ScalarInstructionClaim(_instruction("smmla"), (), Term("addi", (square, "a"), 32), (("b", "a"),)).check(prover).state != "proved"


WRONG: dict[str, tuple[str, tuple[tuple[str, int], ...], Term]] = {
    "another immediate": ("ssat8_asr", (("s", 4),), _clamped()),
    "another low end": ("ssat8_asr", (("s", 3),), _clamped(low=-127)),
    "another high end": ("ssat8_asr", (("s", 3),), _clamped(high=126)),
    "another shift of the product": ("smmul", (), _high(shift=31)),
    "a square": ("smmul", (), _high("a", "a")),
    "a difference": ("smmla", (), Term("subi", (_high(), "c"), 32)),
    "nothing added": ("smmla", (), _high()),
    "an inner sum that may wrap": ("ssat8", (), Term("minsi", (Term("maxsi", (Term("addi", ("a", 1), 32), -128), 32), 127), 32)),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_scalar_operations_are_not_proved(case: str) -> None:
    name, immediates, term = WRONG[case]
    claim = ScalarInstructionClaim(_instruction(name), immediates, term)
    assert claim.check().state == "unknown"
    assert claim.check("z3").state == "refuted"


def test_an_inner_operation_that_may_wrap_is_not_a_number() -> None:
    """In 64 bits the sum would be exact; in 32 it may wrap before it is shifted."""
    doubled = attrs.evolve(SCALARS["a clamp of a shift"][2], operands=(Term("maxsi", (Term("shrsi", (Term("muli", ("a", 2), 32), 3), 32), -128), 32), 127))
    verdict = ScalarInstructionClaim(_instruction("ssat8_asr"), (("s", 2),), doubled).check()
    assert (verdict.state, verdict.reason) == ("unknown", "an inner operation may wrap")
