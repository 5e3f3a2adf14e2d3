"""--timing: where the time of a command went, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tinyir.driver.columns import align
from tinyir.rewrite.observer import PassReport

if TYPE_CHECKING:  # most commands prove nothing
    from tinyir.prove.obligations import Ledger

Row = tuple[str, str, str, str]


def timing_tree(reports: Sequence[PassReport]) -> str:
    """CPU milliseconds, rewrites and proofs of all passes, of each pass, and below it of its rules and of the provers."""
    seconds, proving = sum(report.seconds for report in reports), sum(report.proof_seconds for report in reports)
    rewrites, proofs = sum(report.rewrites.total() for report in reports), sum(report.proofs for report in reports)
    rows: list[Row] = [("", "ms", "rewrites", "proofs"), ("all passes", _milliseconds(seconds), _number(rewrites), _number(proofs))]
    if proofs:
        rows.append(("  provers", _milliseconds(proving), "", ""))
    for report in reports:
        rows += _pass_rows(report)
    return align(rows)


def proof_times(ledger: Ledger) -> str:
    """CPU milliseconds of all obligations, and below them of each kind and of those that took over a hundredth, the longest first."""
    taken = [(verdict.seconds, obligation) for obligation, verdict in ledger]
    total = sum(seconds for seconds, _ in taken)
    rows = [("", "ms", "obligations"), ("all", _milliseconds(total), str(len(taken)))]
    for kind in dict.fromkeys(obligation.kind for _, obligation in taken):
        of_kind = [(seconds, obligation) for seconds, obligation in taken if obligation.kind == kind]
        rows.append((f"  {kind}", _milliseconds(sum(seconds for seconds, _ in of_kind)), str(len(of_kind))))
        long = sorted((one for one in of_kind if one[0] * 100 > total), key=lambda one: -one[0])
        rows += [(f"    {obligation.where}", _milliseconds(seconds), "") for seconds, obligation in long]
    return align(rows)


def _pass_rows(report: PassReport) -> Iterator[Row]:
    yield f"  {report.number:2} {report.text}", _milliseconds(report.seconds), _number(report.rewrites.total()), _number(report.proofs)
    for rule, count in report.rewrites.most_common():
        yield f"       {rule}", "", str(count), ""
    if report.proofs:
        yield "       provers", _milliseconds(report.proof_seconds), "", ""


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def _number(value: int) -> str:
    return str(value) if value else ""
