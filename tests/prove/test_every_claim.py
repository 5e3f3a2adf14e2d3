"""Each kind of claim before z3: right ones are proved, and so are their files; broken ones are refuted with what breaks them."""

from __future__ import annotations

import pkgutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import attrs
import numpy as np
import pytest

import tinyir.prove
from tests.prove.test_blocks import ASCENDING, SUM_LINES, SUMS
from tests.prove.test_dead import BIAS, MEANINGS, WEIGHTS
from tests.prove.test_exact_quotient import MEAN_OF_SIX, SUM
from tests.prove.test_instruction_claims import SQUARES, TERMS, USES
from tests.prove.test_ring import shortest, window
from tests.prove.test_translation import TENSORS, Y, staged, sums
from tinyir.ir.affine import AffineConstant, AffineDimension
from tinyir.ir.exact import Requantization, SumRequantization
from tinyir.ir.operator import Binary
from tinyir.prove.approximation import ApproximationClaim, SoftmaxClaim, softmax_table
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.blocks import BlockClaim
from tinyir.prove.bounds import BoundsClaim, Variable
from tinyir.prove.claim import Claim
from tinyir.prove.coding import DecodedClaim
from tinyir.prove.dead import DeadClaim
from tinyir.prove.definedness import DefinedClaim
from tinyir.prove.element_access import ElementAccess
from tinyir.prove.exact_quotient import AllClaims
from tinyir.prove.fixed_point import choose_layer
from tinyir.prove.instructions import IdentityClaim, InstructionClaim, WrittenSumClaim
from tinyir.prove.memory_check import PlanClaim
from tinyir.prove.memory_problem import Buffer
from tinyir.prove.overlap import Access, InPlaceClaim, Loop, Nest, OverlapClaim
from tinyir.prove.ranges import RangeClaim
from tinyir.prove.requantize import LayerRequantizeClaim, RequantizeClaim, SumRequantizeClaim, choose_requantization, choose_requantized_sum
from tinyir.prove.scalar_instructions import ScalarInstructionClaim, Term
from tinyir.prove.softmax_division import QuotientClaim, ShortQuotientClaim
from tinyir.prove.term_claims import LinearClaim, NumbersClaim, PairsClaim
from tinyir.prove.translation import TranslationClaim
from tinyir.prove.zero_point import FoldedZeroPointClaim
from tinyir.text.instruction_reader import instruction_set

D, E = AffineDimension(0), AffineDimension(1)
ONE = 1 << 24
MEANING = Requantization(3, 1001, -7, -128, 127)
PAIR = SumRequantization((3, 40), (5, 70), 1, -2, 4, -20, 20)
ARM = instruction_set("armv7e-m")


def claims() -> Iterator[tuple[Claim, Claim]]:
    """One of each kind, and the same with a fault in it."""
    assert ARM is not None
    yield RangeClaim.of(np.full((2, 9), 127), -128, 127, np.zeros(2, np.int64), 20), RangeClaim.of(np.full((2, 9), 127), -128, 127, np.zeros(2, np.int64), 18)
    alone = RequantizeClaim(MEANING, choose_requantization(MEANING, -9000, 9000), -9000, 9000)
    yield alone, attrs.evolve(alone, meaning=attrs.evolve(MEANING, denominator=1003))
    channels = [MEANING, attrs.evolve(MEANING, numerator=4)]
    layer = choose_layer(channels, [-5000] * 2, [5000] * 2)
    assert layer is not None
    together = LayerRequantizeClaim(tuple(channels), layer, (-5000,) * 2, (5000,) * 2)
    yield together, attrs.evolve(together, meanings=(channels[0], attrs.evolve(MEANING, numerator=5)))
    chosen = choose_requantized_sum(PAIR, (-20, 20), (-20, 20))
    assert chosen is not None
    added = SumRequantizeClaim(PAIR, chosen, (-20, 20), (-20, 20))
    yield added, attrs.evolve(added, meaning=attrs.evolve(PAIR, second=(5, 69)))
    table = ApproximationClaim((0, 1, 4), (Fraction(-1, 4), Fraction(3, 4), Fraction(4)), (Fraction(1, 4), Fraction(5, 4), Fraction(17, 4)), Fraction(1, 4))
    yield table, attrs.evolve(table, table=(0, 1, 5))
    softmax = SoftmaxClaim.of(Fraction(1, 20), softmax_table(Fraction(1, 20)), 12, Fraction(1, 256))
    yield softmax, attrs.evolve(softmax, error=Fraction(1, 2))
    yield MEAN_OF_SIX, attrs.evolve(MEAN_OF_SIX, denominator=7)
    yield SUM, attrs.evolve(SUM, addend=-3)
    yield AllClaims((MEAN_OF_SIX, alone)), AllClaims((MEAN_OF_SIX, attrs.evolve(MEAN_OF_SIX, denominator=7)))
    zero = FoldedZeroPointClaim(np.array([[2, -3], [4, 5]]), 7, (10, 20), (17, -43))
    yield zero, attrs.evolve(zero, folded=(17, -42))
    yield ArithmeticClaim((ArithmeticStep("*", (-128, 127), (-128, 127), 16),)), ArithmeticClaim((ArithmeticStep("*", (-256, 127), (-128, 127), 16),))
    yield TranslationClaim(TENSORS, sums(), staged(), (Y,)), TranslationClaim(TENSORS, sums(), staged(shift=1), (Y,))
    numbers, others = np.array([[3, 0], [1, 5]]), np.array([[3, 0], [1, 6]])
    yield PairsClaim(numbers, numbers), PairsClaim(numbers, others)
    yield LinearClaim(np.arange(2), numbers, numbers), LinearClaim(np.arange(2), numbers, others)
    yield DecodedClaim(numbers, numbers), DecodedClaim(numbers, others)
    yield NumbersClaim(np.array([[3, 3], [-1, -1]])), NumbersClaim(np.array([[3, 3], [-1, 1]]))
    yield from instruction_claims()
    yield from memory_claims()


def instruction_claims() -> Iterator[tuple[Claim, Claim]]:
    assert ARM is not None
    pair = ARM.sequences["pair"]
    assert isinstance(pair.meaning, Binary)
    yield InstructionClaim(ARM, pair), InstructionClaim(ARM, attrs.evolve(pair, meaning=pair.meaning.left))
    yield WrittenSumClaim(ARM, USES, TERMS), WrittenSumClaim(ARM, USES, TERMS[1:])
    yield IdentityClaim(SQUARES), IdentityClaim(SQUARES[1:])
    yield BlockClaim(SUMS, SUM_LINES, ASCENDING), BlockClaim(SUMS, SUM_LINES[:-1], ASCENDING)
    clamp = Term("maxsi", (Term("minsi", ("a", 127), 32), -128), 32)
    saturate = ScalarInstructionClaim(ARM.instructions["ssat8"], (), clamp)
    yield saturate, attrs.evolve(saturate, computed=Term("maxsi", (Term("minsi", ("a", 126), 32), -128), 32))


def memory_claims() -> Iterator[tuple[Claim, Claim]]:
    rows = tuple(Variable.between(name, 0, 8) for name in "pq")
    yield BoundsClaim(rows, D * 8 + E, 64), BoundsClaim(rows, D * 8 + E, 63)
    nest = Nest((Loop("o", 0, 9),), (Access(D * 4, 4),), (Access(D * 2, 2, (Loop("i", 0, 3),)),))
    yield OverlapClaim(nest, 16), OverlapClaim(nest, 15)
    own = Nest((Loop("o", 0, 9),), (Access(D * 4, 4),), (Access(D * 4, 4),))
    yield InPlaceClaim(own), InPlaceClaim(attrs.evolve(own, reads=(Access(D * 4 + 1, 4),)))
    buffers = (Buffer("a", 8, 0, 1), Buffer("b", 8, 1, 2), Buffer("c", 8, 2, 3))
    yield PlanClaim(buffers, (), (0, 8, 0), (), 16), PlanClaim(buffers, (), (0, 8, 4), (), 16)
    ring = shortest(window(12, 3, 1, 1, 1, 1))
    yield ring, attrs.evolve(ring, length=ring.length - 1)
    define = ElementAccess((AffineConstant(0), D), (D * 4 + E,), (Variable.between("i", 0, 3), Variable.between("k", 0, 4)))
    read = ElementAccess((AffineConstant(1), D), (D,), (Variable.between("j", 0, 12),))
    yield DefinedClaim((12,), (define,), (read,)), DefinedClaim((12,), (define,), (attrs.evolve(read, indices=(D + 1,)),))
    yield DeadClaim.of(WEIGHTS[:2], 0, 100, BIAS[:2], MEANINGS[:2], (5, 82)), DeadClaim.of(WEIGHTS[:2], 0, 100, BIAS[:2], MEANINGS[:2], (5, 81))
    yield QuotientClaim(256, 1, 127, ONE), QuotientClaim(256, 1, 128, ONE)
    yield ShortQuotientClaim(10, ONE), ShortQuotientClaim(17, ONE)


CLAIMS = {type(right).__name__: (right, wrong) for right, wrong in claims()}


def test_no_kind_of_claim_is_missing() -> None:
    for module in pkgutil.iter_modules(tinyir.prove.__path__):
        import_module(f"tinyir.prove.{module.name}")
    assert sorted(kind.__name__ for kind in below(Claim) if kind.__module__.startswith("tinyir.prove.")) == sorted(CLAIMS)


def below(kind: type) -> Iterable[type]:
    kinds: list[type] = kind.__subclasses__()
    for each in kinds:
        yield each
        yield from below(each)


@pytest.mark.parametrize("kind", CLAIMS)
def test_z3_proves_what_is_right_and_refutes_what_is_broken(kind: str) -> None:
    right, wrong = CLAIMS[kind]
    assert (right.decide().state, right.check("z3").state) == ("proved", "proved")
    verdict = wrong.check("z3")
    assert (verdict.state, verdict.how) == ("refuted", "z3")
    assert verdict.counterexample


def test_what_z3_reads_from_the_files_it_answers_alike() -> None:
    """The command `z3` on the texts of all claims, one after the other."""
    scripts = [(claim, len(claim.parts())) for pair in CLAIMS.values() for claim in pair]
    answers = answers_to("(reset)\n".join(claim.smtlib() for claim, _ in scripts))
    for claim, count in scripts:
        own, answers = answers[:count], answers[count:]
        expected = claim.check("z3").state == "proved"
        assert (own == ["unsat"] * count) == expected, claim
        assert expected or "sat" in own, claim
    assert not answers


def answers_to(script: str) -> list[str]:
    z3 = Path(sysconfig.get_path("scripts")) / "z3"
    return subprocess.run([str(z3), "-in"], input=script, capture_output=True, text=True, check=True).stdout.split()


def test_a_counterexample_that_breaks_nothing_is_not_believed() -> None:
    right, wrong = CLAIMS["RequantizeClaim"]
    assert right.replay({"x": 5}, {}).state == "unknown"
    found = wrong.check("z3").counterexample
    assert found is not None
    assert wrong.replay(found, {}).counterexample == found
