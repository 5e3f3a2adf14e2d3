"""Text in columns."""

from __future__ import annotations

from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]], right_from: int = 1) -> str:
    """Rows of cells as lines: columns from `right_from` on are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def cell(text: str, column: int) -> str:
        return text.rjust(widths[column]) if column >= right_from else text.ljust(widths[column])

    return "".join("  ".join(cell(text, column) for column, text in enumerate(row)).rstrip() + "\n" for row in rows)
