"""Short names for the locations of a text: each is written once, as mlir-opt does it.

    %0 = "t.a"() : () -> i32 loc(#loc2)
    ...
    #loc = loc("conv_1")
    #loc1 = loc("relu_1")
    #loc2 = loc(fused[#loc, #loc1])

They are numbered in the order of their first use, those made of others after these, and stand behind the operations, but for
those of block arguments, which stand before.  `unknown`, and a position in a file whose name is short, stay in place: nothing
would be shorter.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from tinyir.ir.location import FileLocation, Location, UnknownLocation
from tinyir.ir.operation import Operation
from tinyir.ir.source import TextLocation

SHORT_FILE = 24
"""The greatest length of the name of a file whose positions stay in place."""


def _is_named(location: object) -> bool:
    """Whether a location gets a name; broken IR may have something else in its place."""
    if isinstance(location, FileLocation):
        return len(location.file) > SHORT_FILE
    if isinstance(location, TextLocation):
        return len(location.source.file) > SHORT_FILE
    return isinstance(location, Location) and not isinstance(location, UnknownLocation)


class Places(dict[Location, str]):
    """Location -> ` loc(...)`, written out unless it was given a name."""

    def __missing__(self, location: Location) -> str:
        text = " loc(" + str(location) + ")"
        if type(location) is not TextLocation:
            self[location] = text
        return text


@attrs.define(eq=False)
class _Alias:
    """`depth`: 1 more than the greatest of what it is made of.  `is_early`: it stands before the operations."""

    location: Location
    depth: int = 1
    is_early: bool = False
    name: str = ""
    parts: tuple[_Alias, ...] = ()


class LocationAliases:
    """The names of all locations of some operations and what is inside them.

    `places`: what stands behind an operation or argument.  `early` and `late`: the lines that stand before and behind all operations.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.places = Places()
        self._by_text: dict[str, _Alias] = {}
        self._found: dict[Location, _Alias] = {}
        for operation in operations:
            self._collect(operation)
        named = [alias for alias in self._by_text.values() if _is_named(alias.location)]
        named.sort(key=lambda alias: alias.depth)
        for number, alias in enumerate(named):
            alias.name = f"#loc{number or ''}"
        for location, alias in self._found.items():
            if alias.name:
                self.places[location] = f" loc({alias.name})"
        self.early = [self._definition(alias) for alias in named if alias.is_early]
        self.late = [self._definition(alias) for alias in named if not alias.is_early]

    def _collect(self, operation: Operation) -> None:
        """Finds the locations of an operation and of all inside it."""
        found = self._found
        self._find(operation.location)
        for region in operation.regions:
            for block in region.blocks:
                for argument in block.arguments:
                    self._find_early(argument.location)
                inner = block.first
                while inner is not None:
                    location = inner.location
                    if inner.regions:
                        self._collect(inner)
                    elif location not in found and (type(location) is not TextLocation or len(location.source.file) > SHORT_FILE):
                        self._find(location)
                    inner = inner.next

    def _find(self, location: Location) -> _Alias:
        alias = self._found.get(location)
        if alias is not None:
            return alias
        text = str(location)
        alias = self._by_text.get(text)
        if alias is None:
            alias = self._by_text[text] = _Alias(location)
            parts = location.parts if isinstance(location, Location) else ()
            if parts:
                alias.parts = tuple(map(self._find, parts))
                alias.depth = 1 + max(part.depth for part in alias.parts)
        self._found[location] = alias
        return alias

    def _find_early(self, location: Location) -> None:
        pending = [self._find(location)]
        while pending:
            alias = pending.pop()
            if not alias.is_early:
                alias.is_early = True
                pending += alias.parts

    def _text_inside(self, location: Location) -> str:
        return self._found[location].name or str(location)

    def _definition(self, alias: _Alias) -> str:
        return f"{alias.name} = loc({alias.location.spell_with(self._text_inside)})"
