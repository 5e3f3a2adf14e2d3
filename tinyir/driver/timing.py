"""--timing: where the time of a command went."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.driver.columns import align
from tinyir.rewrite.observer import PassReport


def timing_tree(reports: Sequence[PassReport]) -> str:
    """CPU milliseconds, rewrites and proofs by pass, and below each pass the rewrites by rule."""
    total = sum(report.seconds for report in reports)
    rows = [("pass", "ms", "rewrites", "proofs")]
    for report in reports:
        rows.append((f"{report.number:2} {report.text}", f"{report.seconds * 1000:.1f}", _number(report.rewrites.total()), _number(report.proofs)))
        rows += [(f"     {rule}", "", str(number), "") for rule, number in report.rewrites.most_common()]
    rewrites, proofs = sum(report.rewrites.total() for report in reports), sum(report.proofs for report in reports)
    return align([*rows, ("total", f"{total * 1000:.1f}", _number(rewrites), _number(proofs))])


def _number(value: int) -> str:
    return str(value) if value else ""
