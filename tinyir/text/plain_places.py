"""Where the aliases of a text are defined, and the short cut for locations in the shape in which they are printed.

Locations made of strings, positions and known aliases are read by one regular expression made of the grammar's terminals, both
behind operations and where an alias of them is defined; all others are left to the grammar's tables, which also say what is
wrong: the result is the same without the short cut.
"""

from __future__ import annotations

import re
from functools import cache

import attrs

from tinyir.ir.location import UNKNOWN, FileLocation, Location, NameLocation, fuse
from tinyir.text.grammar import load_grammar

_DEFINITION = re.compile(r"\n[ \t]*([#!][a-zA-Z_][\w$\-]*)[ \t]*=[ \t]*")


@attrs.frozen
class Definition:
    """The offsets of an alias's name and of what it stands for."""

    begin: int
    value: int


def find_definitions(text: str) -> dict[str, Definition]:
    """The definition of each alias; of two the first."""
    found: dict[str, Definition] = {}
    for match in _DEFINITION.finditer("\n" + text):
        found.setdefault(match.group(1), Definition(match.start(1) - 1, match.end() - 1))
    return found


@cache
def _place_pattern() -> re.Pattern[str]:
    """`loc(...)` around a position, a name, a name and a place, or fused places."""
    terminal = load_grammar().terminals
    place = _plain_place()
    return re.compile(rf"""loc\((?:({terminal["STRING"]})(?::(\d{{1,9}}):(\d{{1,9}})|\(({place})\))?|fused\[({place}(?:, {place})*+)\])\)""")


@cache
def _part_pattern() -> re.Pattern[str]:
    return re.compile(f"({_plain_place()})(?:, )?")


@cache
def _plain_place() -> str:
    """A place inside another one."""
    terminal = load_grammar().terminals
    return rf"""(?:{terminal["ALIAS"]}|{terminal["STRING"]}(?::\d{{1,9}}:\d{{1,9}})?|unknown)"""


class PlainPlaces:
    """Reads locations.  `known`: those that aliases stand for."""

    def __init__(self) -> None:
        self.known: dict[str, Location] = {}

    def define(self, text: str, definitions: dict[str, Definition]) -> dict[int, int]:
        """Reads the definitions of locations, each after those that it uses; where each ends that was read, by the offset of its name."""
        ends: dict[int, int] = {}
        match = _place_pattern().match
        for name, definition in definitions.items():
            at = match(text, definition.value) if name[0] == "#" else None
            location = self._location(at) if at is not None else None
            if at is not None and location is not None:
                self.known[name] = location
                ends[definition.begin] = at.end()
        return ends

    def read(self, text: str) -> Location | None:
        """The location that is written `loc(...)`; None if it has another shape, or holds something that is not known yet."""
        match = _place_pattern().fullmatch(text)
        return self._location(match) if match is not None else self.known.get(text[len("loc(") : -1])

    def _location(self, match: re.Match[str]) -> Location | None:
        """The location; None if it holds something that is not known yet, or escapes."""
        name, line, column, child, parts = match.groups()
        if line is not None:
            return FileLocation(name[1:-1], int(line), int(column)) if "\\" not in name else None
        if name is None:
            found = [self._part(part) for part in _part_pattern().findall(parts)]
            known = [part for part in found if part is not None]
            return fuse(*known) if len(known) == len(found) else None
        inside = self._part(child) if child is not None else UNKNOWN
        return NameLocation(name[1:-1], inside) if inside is not None and "\\" not in name else None

    def _part(self, text: str) -> Location | None:
        if text[0] == "#":
            return self.known.get(text)
        if "\\" in text:
            return None
        if text[0] != '"':
            return UNKNOWN
        if text[-1] == '"':
            return NameLocation(text[1:-1])
        file, line, column = text.rsplit(":", 2)
        return FileLocation(file[1:-1], int(line), int(column))
