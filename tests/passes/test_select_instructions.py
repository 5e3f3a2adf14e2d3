"""Sums of products through the target's instructions: the same bytes, and a proof for each use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graphs import Array, chain, random_inputs
from tinyir.backends.target import load_target
from tinyir.interp.machine import run
from tinyir.ir.attributes import UnitAttribute
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, I32, TensorType
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.collapse_loops import CollapseLoops
from tinyir.passes.fold_reads import FoldReads
from tinyir.passes.fuse_nests import FuseNests
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.lower_to_loops import LowerToLoops
from tinyir.passes.select_instructions import SelectInstructions
from tinyir.prove.claim import Verdict, unknown
from tinyir.prove.instructions import InstructionClaim
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.rewrite.passes import PassContext
from tinyir.text.instruction_reader import instruction_set, read_instruction_set


def _lowered(channels: int, pad: int, zero: int) -> tuple[Operation, dict[str, Array]]:
    types = [TensorType((1, 5, 5, channels), I8), TensorType((6, 3, 3, channels), I8), TensorType((6,), I32)]
    module = chain(types, [("graph.conv2d", [0, 1, 2], {"pad": [pad] * 4, "x_zero_point": zero})])
    given = random_inputs(module)
    for each in (LowerToLoops(), FuseNests(), FoldReads(), JamOutputs(), Bufferize(), CollapseLoops()):
        each.run(module, PassContext(ledger=Ledger()))
    return module, given


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8])
@pytest.mark.parametrize(("pad", "zero"), [(0, 0), (0, 7), (1, -128)])
def test_the_result_keeps_every_bit(channels: int, pad: int, zero: int) -> None:
    module, given = _lowered(channels, pad, zero)
    expected = run(module, given)
    ledger = Ledger()
    SelectInstructions().run(module, PassContext(target=load_target("cortex-m4"), ledger=ledger))
    used = any(o.name.startswith("isa.") for o in module.walk())
    assert used or channels * 3 < 4 or (pad and channels % 4)
    assert bool(len(ledger)) == used
    assert ledger.summary()["proved"] == len(ledger)
    result = run(module, given)
    assert all(result[name].tobytes() == expected[name].tobytes() for name in expected)


@pytest.mark.parametrize("channels", [5, 6, 12, 16, 20])
@pytest.mark.parametrize(("pad", "zero"), [(0, 0), (0, 7), (1, -128)])
def test_vectors_take_what_they_can_and_words_the_rest(channels: int, pad: int, zero: int) -> None:
    module, given = _lowered(channels, pad, zero)
    expected = run(module, given)
    ledger = Ledger()
    SelectInstructions().run(module, PassContext(target=load_target("cortex-m55"), ledger=ledger))
    used = {o.name.removeprefix("isa.") for o in module.walk() if o.name.startswith("isa.")}
    terms = channels if pad or channels >= 8 else 3 * channels  # of one loop: short ones are collapsed
    assert ("vmladava" in used) == (terms >= 16)
    assert ("vaddv" in used) == (terms >= 16 and zero != 0)
    assert ("smlad" in used) == (terms % 16 >= 4 and not (pad and channels % 4))
    assert ledger.summary()["proved"] == len(ledger)
    result = run(module, given)
    assert all(result[name].tobytes() == expected[name].tobytes() for name in expected)


class _Undecided(Ledger):
    """A ledger whose prover gives up."""

    def add(self, obligation: Obligation, verdict: Verdict | None = None) -> Verdict:
        return super().add(obligation, unknown("z3", "out of budget"))


def test_without_a_proof_no_instruction_is_used() -> None:
    module, _ = _lowered(8, 0, 7)
    ledger = _Undecided()
    SelectInstructions().run(module, PassContext(target=load_target("cortex-m4"), ledger=ledger))
    assert len(ledger)
    assert not any(operation.name.startswith("isa.") for operation in module.walk())


def test_a_loop_that_runs_backwards_is_left_alone() -> None:
    module, _ = _lowered(8, 0, 7)
    for operation in module.walk():
        if operation.name == "loop.for" and operation.results:
            operation.properties["reverse"] = UnitAttribute()
    SelectInstructions().run(module, PassContext(target=load_target("cortex-m4"), ledger=Ledger()))
    assert not any(operation.name.startswith("isa.") for operation in module.walk())


def test_a_target_without_such_instructions_is_left_alone() -> None:
    module, _ = _lowered(4, 0, 0)
    SelectInstructions().run(module, PassContext(target=load_target("rv32imc"), ledger=Ledger()))
    assert not any(o.name.startswith("isa.") for o in module.walk())


@pytest.mark.parametrize("prover", ["native", "z3"])
@pytest.mark.parametrize(("name", "copies"), [("armv7e-m", 2), ("mve", 1)])
def test_shipped_sequences_mean_what_they_claim(name: str, copies: int, prover: str) -> None:
    instructions = instruction_set(name)
    assert instructions is not None
    ranges = tuple((("zero", lane), (-255, 255)) for lane in range(copies))
    for sequence in instructions.sequences.values():
        known = ranges if sequence.name == "dot_shifted" else ()
        assert InstructionClaim(instructions, sequence, known).check(prover).state == "proved", sequence.name


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("armv7e-m", "lane 1 = a[3]", "lane 1 = a[2]"),
        ("armv7e-m", "means c + x[0] * y[0]", "means c - x[0] * y[0]"),
        ("armv7e-m", "lane 0 = c + a[0] * b[0] + a[1] * b[1]", "lane 0 = c + a[0] * b[1] + a[1] * b[0]"),
        ("mve", "lane 0 = c + sum(i < 16) a[i] * b[i]", "lane 0 = c + sum(i < 15) a[i] * b[i]"),
        ("mve", "means c + sum(i < 16) x[i] * y[i]", "means c + sum(i < 16) x[i] * y[0]"),
    ],
)
@pytest.mark.parametrize("prover", ["native", "z3"])
def test_a_planted_fault_in_a_meaning_is_refuted(name: str, old: str, new: str, prover: str, repository: Path) -> None:
    text = (repository / "specs" / "isa" / f"{name}.isa").read_text()
    assert old in text
    instructions = read_instruction_set(text.replace(old, new, 1))
    verdict = InstructionClaim(instructions, instructions.sequences["dot"]).check(prover)
    assert verdict.state == "refuted"
    assert verdict.counterexample


def test_a_shift_that_may_leave_its_lane_is_refused() -> None:
    instructions = instruction_set("armv7e-m")
    assert instructions is not None
    ranges = tuple((("zero", lane), (-32768, 32767)) for lane in range(2))
    assert InstructionClaim(instructions, instructions.sequences["dot_shifted"], ranges).check().state == "refuted"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instr a(x: i8) -> i8\n", "the file begins with"),
        ('isa m when 1\n\ninstr a(x: q8) -> i32\n  lane 0 = x\n  asm "a"\n', "no operand such as"),
        ('isa m when 1\n\ninstr a(x: i32) -> i32\n  lane 0 = x +\n  asm "a"\n', "cannot read"),
        ("isa m when 1\n\ninstr a(x: i32) -> i32\n  lane 0 = x\n", "needs the meaning"),
        ('isa m when 1\n\ninstr a(x: i8[4]) -> i32\n  lane 0 = max(i < 4) x[i]\n  c "a({x})"\n', r"lanes are added up by sum"),
        ('isa m when 1\n\nvector i8[16]\n  include "a.h"\n', "a vector needs a header"),
        ("isa m when 1\n\nvector i8[16]\n  type x\n", "expected 'include"),
    ],
)
def test_mistakes_in_instruction_files_are_errors_at_their_place(text: str, message: str) -> None:
    with pytest.raises(TinyirError, match=message) as caught:
        read_instruction_set(text, "m.isa")
    assert str(caught.value).startswith("m.isa:")
