"""Obligations, verdicts, the ledger of a compilation, its cache and its reports."""

import json
import re
from pathlib import Path
from typing import Any

import attrs
import numpy
import pytest

from tinyir.ir.exact import Requantization
from tinyir.prove.cache import VerdictCache
from tinyir.prove.claim import Claim, Negation, Verdict
from tinyir.prove.fixed_point import FixedPoint
from tinyir.prove.obligations import Ledger, Obligation, discharge
from tinyir.prove.ranges import RangeClaim
from tinyir.prove.report import table, to_json, write_smtlib
from tinyir.prove.requantize import RequantizeClaim, choose_requantization

AVERAGE = Requantization(1, 125, -128)
RIGHT = RequantizeClaim(AVERAGE, choose_requantization(AVERAGE, 0, 31_875), 0, 31_875)
WRONG = attrs.evolve(RIGHT, meaning=attrs.evolve(AVERAGE, denominator=124))


def range_claim(bits: int) -> RangeClaim:
    return RangeClaim.of(numpy.full((1, 9), 127), 0, 255, numpy.zeros(1, numpy.int64), bits)


def full_ledger() -> Ledger:
    ledger = Ledger()
    ledger.add(Obligation("requantize", "pool", "average of 125 equals real_half_even", RIGHT))
    ledger.add(Obligation("range", "conv1", "accumulators fit 32 bits in any order", range_claim(32)))
    ledger.add(Obligation("requantize", "pool2", "average of 124 equals real_half_even", WRONG))
    ledger.add(Obligation("dead", "functional/a/very/long/path/of/a/node/conv7", "channel 3 is constant"))
    ledger.add(Obligation("bounds", "conv1", "reads inside", None), Verdict("unknown", "z3", None, "budget of 5 units spent"))
    return ledger


def test_the_summary_counts_every_state() -> None:
    assert full_ledger().summary() == {"proved": 2, "refuted": 1, "unknown": 1, "not_attempted": 1}


def test_the_table_has_a_line_per_obligation_grouped_by_kind() -> None:
    assert table(full_ledger(), times=False) == (
        "kind        where                             statement                              state          how\n"
        "range       conv1                             accumulators fit 32 bits in any order  proved         interval\n"
        "requantize  pool                              average of 125 equals real_half_even   proved         thresholds\n"
        "            pool2                             average of 124 equals real_half_even   refuted        thresholds\n"
        "              counterexample: x = 186, sequence = -127, meaning = -126\n"
        "bounds      conv1                             reads inside                           unknown        z3\n"
        "              budget of 5 units spent\n"
        "dead        ...ery/long/path/of/a/node/conv7  channel 3 is constant                  not attempted\n"
        "5 obligations: 2 proved, 1 refuted, 1 unknown, 1 not attempted\n"
        "z3: 1 of 5, 0 units of its work\n"
    )


def test_the_work_of_z3_counts_once_for_each_claim() -> None:
    once, twice = Ledger("z3"), Ledger("z3")
    for ledger, count in ((once, 1), (twice, 2)):
        for _ in range(count):
            ledger.add(Obligation("requantize", "pool", "average of 125 equals real_half_even", RIGHT))
    work = once.entries[0][1].rlimit
    assert work > 0
    assert table(once, times=False).endswith(f"\nz3: 1 of 1, {work} units of its work\n")
    assert table(twice, times=False).endswith(f"\nz3: 2 of 2, {work} units of its work\n")
    assert re.search(rf"\nz3: 1 of 1, {work} units of its work in \d+\.\d s\n$", table(once))


def test_json_is_in_order_and_has_no_times() -> None:
    first, second = to_json(full_ledger()), to_json(full_ledger())
    assert first == second
    records = json.loads(first)
    assert [record["where"] for record in records[:3]] == ["pool", "conv1", "pool2"]
    assert records[0] == {
        "kind": "requantize",
        "where": "pool",
        "statement": "average of 125 equals real_half_even",
        "state": "proved",
        "how": "thresholds",
    }
    assert records[4]["reason"] == "budget of 5 units spent"


@attrs.frozen
class CountingClaim(Claim):
    """A claim that remembers how often it was decided."""

    content: int
    state: str = "proved"
    decisions: list[int] = attrs.field(factory=list, eq=False)

    def decide(self) -> Verdict:
        self.decisions.append(1)
        return Verdict("proved" if self.state == "proved" else "unknown", "counting")

    def negation(self, prefix: str = "") -> Negation:
        return Negation(((f"{prefix}x", "Int"),), ("false",))

    def digest(self) -> str:
        return str(self.content)


def test_a_claim_is_decided_once() -> None:
    ledger, claim = Ledger(), CountingClaim(1)
    for _ in range(3):
        assert ledger.add(Obligation("rule", "a", "b", claim)).state == "proved"
    assert len(claim.decisions) == 1


def test_an_unknown_claim_is_tried_again() -> None:
    ledger, claim = Ledger(), CountingClaim(1, "unknown")
    for _ in range(2):
        ledger.add(Obligation("rule", "a", "b", claim))
    assert len(claim.decisions) == 2


def test_a_folder_keeps_verdicts_between_compilations(tmp_path: Path) -> None:
    claim = CountingClaim(1)
    for _ in range(2):
        assert Ledger(cache=VerdictCache(tmp_path / "verdicts")).add(Obligation("rule", "a", "b", claim)).how == "counting"
    assert len(claim.decisions) == 1
    for file in (tmp_path / "verdicts").iterdir():
        file.write_text("damaged")
    Ledger(cache=VerdictCache(tmp_path / "verdicts")).add(Obligation("rule", "a", "b", claim))
    assert len(claim.decisions) == 2


def test_claims_with_different_data_have_different_digests() -> None:
    claims: list[Claim] = [RIGHT, WRONG, attrs.evolve(RIGHT, x_low=1), range_claim(32), range_claim(31)]
    assert len({claim.digest() for claim in claims}) == len(claims)
    assert range_claim(32).digest() == range_claim(32).digest()


def test_z3_and_the_native_prover_do_not_share_verdicts() -> None:
    cache = VerdictCache()
    obligation = Obligation("requantize", "pool", "", RIGHT)
    assert [discharge(obligation, prover, cache=cache).how for prover in ("native", "z3")] == ["thresholds", "z3"]


def test_a_spent_budget_is_unknown_and_says_so() -> None:
    verdict = discharge(Obligation("requantize", "pool", "", RIGHT), "z3", rlimit=100)
    assert (verdict.state, verdict.reason) == ("unknown", "budget of 100 units spent")


def test_z3_takes_the_same_work_every_time() -> None:
    assert len({RIGHT.check("z3").rlimit for _ in range(3)}) == 1


def test_unknown_provers_and_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown prover 'magic': known are native, z3"):
        RIGHT.check("magic")
    wish: list[Any] = ["wish", "a", "b"]
    with pytest.raises(ValueError, match="must be in"):
        Obligation(*wish)


def test_scripts_are_written_with_what_they_mean(tmp_path: Path) -> None:
    ledger = full_ledger()
    files = write_smtlib((obligation for obligation, _ in ledger), tmp_path / "scripts")
    assert [file.name for file in files] == ["0000_requantize_pool.smt2", "0001_range_conv1.smt2", "0002_requantize_pool2.smt2"]
    text = files[0].read_text()
    assert text.startswith("; requantize, pool: average of 125 equals real_half_even; proved if each answer is unsat\n(set-logic QF_LIA)\n")
    assert text.endswith("(check-sat)\n")


def test_a_sequence_is_data_like_any_other() -> None:
    assert isinstance(RIGHT.sequence, FixedPoint)
    assert attrs.asdict(RIGHT.sequence)["width"] == 32
