"""--timing: where the time of a command went, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyir.driver.columns import align
from tinyir.rewrite.observer import PassReport

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
