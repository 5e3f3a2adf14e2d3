"""Diagnostics: the one error family of tinyir, and the one renderer.

Every mistake of a user ends as a `TinyirError` that carries one or more `Diagnostic`s.  Rendered:

    model.tir:3:8: error: unknown operation 'graph.conv'
       3 |   %1 = graph.conv(%0)
         |        ^
         hint: did you mean 'graph.conv2d'?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import takewhile

import attrs

from tinyir.ir.record import ValueRecord


@attrs.frozen(eq=False, repr=False)
class Place(ValueRecord):
    """A position in a text: 1-based line and column, and the line itself for the caret (may be empty)."""

    file: str = ""
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file or '-'}:{self.line}:{self.column}"


@attrs.frozen(eq=False, repr=False)
class Diagnostic(ValueRecord):
    """One message: what is wrong with the numbers that break it, where, one hint, notes at other places."""

    message: str
    place: Place = Place()
    severity: str = "error"
    hint: str = ""
    notes: tuple[tuple[str, Place], ...] = ()

    def render(self) -> str:
        """The diagnostic as text of at most six lines, without a trailing newline."""
        head = f"{self.place}: " if str(self.place) else ""
        lines = [f"{head}{self.severity}: {self.message}"]
        if self.place.text and self.place.line:
            number = f"{self.place.line:>4}"
            shown, column = _window(self.place.text, self.place.column)
            lines.append(f"{number} | {shown}")
            lines.append(f"{' ' * len(number)} | {' ' * (column - 1)}^")
        for message, place in self.notes:
            lines.append(f"{place}: note: {message}" if str(place) else f"note: {message}")
        if self.hint:
            lines.append(f"     hint: {self.hint}")
        return "\n".join(lines)


def _window(text: str, column: int, width: int = 110) -> tuple[str, int]:
    """The part of a long line around the caret, and the caret's column in it."""
    text = "".join(" " if character == "\t" else character for character in text)
    if len(text) <= width:
        return text, max(column, 1)
    start = max(0, min(column - width // 2, len(text) - width))
    left = "..." if start else ""
    right = "..." if start + width < len(text) else ""
    return left + text[start : start + width] + right, max(column - start + len(left), 1)


class TinyirError(Exception):
    """A user's mistake.  `diagnostics` holds at least one; `str()` is their rendering."""

    def __init__(
        self, message: str = "", *, place: Place | None = None, hint: str = "", diagnostics: Sequence[Diagnostic] = ()
    ) -> None:
        found = tuple(diagnostics) or (Diagnostic(message, place or Place(), hint=hint),)
        super().__init__(found[0].message)
        self.diagnostics: tuple[Diagnostic, ...] = found

    def __str__(self) -> str:
        return "\n".join(diagnostic.render() for diagnostic in self.diagnostics)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or the empty string."""
    close = closest(word, known)
    return f"did you mean '{close}'?" if close else ""


def closest(word: str, known: Iterable[str], likeness_needed: float = 0.6) -> str:
    """The known word that is most like another; empty if none is like it (0: nothing in common, 1: the same)."""
    difflib = import_module("difflib")  # late: most runs have no mistakes
    close = difflib.get_close_matches(word, sorted(known), n=5, cutoff=likeness_needed)

    def likeness(other: str) -> tuple[float, int]:
        """Equally close words: the one that begins alike."""
        return difflib.SequenceMatcher(None, other, word).ratio(), sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))

    return max(close, key=likeness, default="")


class InstanceError(Exception):
    """The operands or properties do not fit the operator; the message says which and by which numbers."""
