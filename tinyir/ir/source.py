"""A text with its lines, and locations inside it that cost one integer until somebody asks for line and column."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from tinyir.ir.attribute import quote
from tinyir.ir.errors import Place
from tinyir.ir.location import FileLocation, Location


class SourceText:
    """A text and the name of the file it came from."""

    __slots__ = ("_line_starts", "file", "text")

    def __init__(self, text: str, file: str = "-") -> None:
        self.text = text
        self.file = file
        self._line_starts: list[int] | None = None

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """The 1-based line and column of an offset."""
        starts = self._line_starts
        if starts is None:
            starts = [0]
            found = self.text.find("\n")
            while found >= 0:
                starts.append(found + 1)
                found = self.text.find("\n", found + 1)
            self._line_starts = starts
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def place(self, offset: int) -> Place:
        """The place of an offset, with its line for the caret."""
        line, column = self.line_and_column(offset)
        start = offset - column + 1
        end = self.text.find("\n", start)
        return Place(self.file, line, column, self.text[start : end if end >= 0 else len(self.text)])


class TextLocation(Location):
    """Where an operation stands in a text that was read.  Not interned: each operation has its own.

    It spells itself as, and is pickled into, the `FileLocation` that it stands for.
    """

    __slots__ = ("offset", "source")
    source: SourceText
    offset: int

    def __new__(cls, source: SourceText, offset: int) -> TextLocation:
        location = object.__new__(cls)
        _set_source(location, source)
        _set_offset(location, offset)
        return location

    def _spell(self) -> str:
        line, column = self.source.line_and_column(self.offset)
        return f"{quote(self.source.file)}:{line}:{column}"

    @property
    def place(self) -> Place:
        return self.source.place(self.offset)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return FileLocation, (self.source.file, *self.source.line_and_column(self.offset))


_set_source = TextLocation.__dict__["source"].__set__
_set_offset = TextLocation.__dict__["offset"].__set__
