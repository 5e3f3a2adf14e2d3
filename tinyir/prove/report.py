"""The obligations of a compilation as a table to read, as JSON to keep, and as SMT-LIB files for another solver."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tinyir.prove.claim import Verdict
from tinyir.prove.obligations import KINDS, Ledger, Obligation
from tinyir.text.html import table_html

_WIDEST_PLACE = 32


def _time(verdict: Verdict) -> str:
    return f"{verdict.seconds * 1000:.1f} ms" if verdict.seconds else ""


def _detail(verdict: Verdict) -> str:
    if verdict.counterexample:
        shown = list(verdict.counterexample.items())
        more = f", and {len(shown) - 8} more" if len(shown) > 8 else ""
        return "counterexample: " + ", ".join(f"{name} = {value}" for name, value in shown[:8]) + more
    return verdict.reason


def _place(where: str) -> str:
    return where if len(where) <= _WIDEST_PLACE else "..." + where[3 - _WIDEST_PLACE :]


def table(ledger: Ledger, times: bool = True) -> str:
    """One line per obligation, grouped by kind: where, statement, state, how, time; refutations say with which inputs."""
    rows = [(o, v) for kind in KINDS for o, v in ledger if o.kind == kind]
    cells = [(o.kind, _place(o.where), o.statement, v.state, v.how, _time(v) if times else "") for o, v in rows]
    titles = ("kind", "where", "statement", "state", "how", "time" if times else "")
    widths = [max(len(row[column]) for row in [titles, *cells]) for column in range(len(titles))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(titles, widths, strict=True)).rstrip()]
    previous = ""
    for (_, verdict), row in zip(rows, cells, strict=True):
        kind = row[0] if row[0] != previous else ""
        previous = row[0]
        lines.append("  ".join(text.ljust(width) for text, width in zip((kind, *row[1:]), widths, strict=True)).rstrip())
        if verdict.state != "proved" and _detail(verdict):
            lines.append(f"{'':{widths[0]}}    {_detail(verdict)}")
    return "\n".join([*lines, _totals(ledger), *_work(ledger, times), ""])


def _totals(ledger: Ledger) -> str:
    counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in ledger.summary().items())
    return f"{len(ledger)} obligations: {counts}"


def _work(ledger: Ledger, times: bool) -> list[str]:
    """What z3 has done, if anything: each claim counts once, however often it is stated."""
    judged = [verdict for _, verdict in ledger if verdict.how == "z3"]
    if not judged:
        return []
    seconds = f" in {sum(verdict.seconds for verdict in judged):.1f} s" if times else ""
    return [f"z3: {len(judged)} of {len(ledger)}, {sum(verdict.rlimit for verdict in judged)} units of its work{seconds}"]


def to_html(ledger: Ledger) -> str:
    """The same table for notebooks."""
    rows = [(o.kind, o.where, o.statement, v.state, v.how, _detail(v)) for kind in KINDS for o, v in ledger if o.kind == kind]
    return table_html(("kind", "where", "statement", "state", "how", "detail"), rows, _totals(ledger))


def to_json(ledger: Ledger) -> str:
    """The obligations and verdicts as a JSON array in order, the same bytes for the same input: times are left out."""
    return json.dumps([_record(obligation, verdict) for obligation, verdict in ledger], indent=1, ensure_ascii=False) + "\n"


def _record(obligation: Obligation, verdict: Verdict) -> dict[str, object]:
    record: dict[str, object] = {"kind": obligation.kind, "where": obligation.where, "statement": obligation.statement, "state": verdict.state}
    optional = {"how": verdict.how, "reason": verdict.reason, "counterexample": verdict.counterexample}
    return record | {key: value for key, value in optional.items() if value}


def write_smtlib(obligations: Iterable[Obligation], folder: Path) -> list[Path]:
    """Writes one file per obligation that has a claim; proved if each answer is `unsat`.  Returns the files, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for index, obligation in enumerate(obligations):
        if obligation.claim is None:
            continue
        place = re.sub(r"[^A-Za-z0-9]+", "_", obligation.where).strip("_")[-40:]
        path = folder / f"{index:04}_{obligation.kind}_{place}.smt2"
        comment = f"; {obligation.kind}, {obligation.where}: {obligation.statement}; proved if each answer is unsat".replace("\n", " ")
        path.write_bytes(f"{comment}\n{obligation.claim.smtlib()}".encode("utf-8", "surrogateescape"))
        written.append(path)
    return written
