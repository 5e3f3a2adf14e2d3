"""Source locations, interned: where an operation came from, kept through every rewrite."""

from __future__ import annotations

from collections.abc import Callable

from tinyir.ir.attribute import Attribute, quote
from tinyir.ir.errors import Place


class Location(Attribute):
    """Base of all locations.  `str()` is the text inside `loc(...)`."""

    __slots__ = ()

    @property
    def place(self) -> Place:
        """The first file position found inside, for a diagnostic."""
        return Place()

    @property
    def names(self) -> tuple[str, ...]:
        """The names (ONNX nodes, layers) that this location carries, outermost first, each once."""
        return ()

    @property
    def parts(self) -> tuple[Location, ...]:
        """The locations that its text holds."""
        return ()

class UnknownLocation(Location):
    """`unknown`."""

    __slots__ = ()

    def __new__(cls) -> UnknownLocation:
        return cls._intern(())

    def _spell(self) -> str:
        return "unknown"


class FileLocation(Location):
    """`"file":line:column`, both 1-based; a file without a name is `-`."""

    __slots__ = ("column", "file", "line")
    fields = ("file", "line", "column")
    file: str
    line: int
    column: int

    def __new__(cls, file: str, line: int, column: int) -> FileLocation:
        return cls._intern((file or "-", line, column))

    def _spell(self) -> str:
        return f"{quote(self.file)}:{self.line}:{self.column}"

    @property
    def place(self) -> Place:
        return Place(self.file, self.line, self.column)


class NameLocation(Location):
    """`"name"` or `"name"(child)`: a node of the imported model."""

    __slots__ = ("child", "name")
    fields = ("name", "child")
    name: str
    child: Location

    def __new__(cls, name: str, child: Location | None = None) -> NameLocation:
        return cls._intern((name, child if child is not None else UNKNOWN))

    def _spell(self) -> str:
        return self.spell_with(str)

    @property
    def parts(self) -> tuple[Location, ...]:
        return () if self.child is UNKNOWN else (self.child,)

    def spell_with(self, text_of: Callable[[Location], str]) -> str:
        return quote(self.name) if self.child is UNKNOWN else f"{quote(self.name)}({text_of(self.child)})"

    @property
    def place(self) -> Place:
        return self.child.place

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)


class FusedLocation(Location):
    """`fused[a, b]` or `fused<metadata>[a, b]`: an operation made from several.  Made by `fuse`."""

    __slots__ = ("children", "metadata")
    fields = ("children", "metadata")
    children: tuple[Location, ...]
    metadata: Attribute | None

    def __new__(cls, children: tuple[Location, ...], metadata: Attribute | None = None) -> FusedLocation:
        return cls._intern((children, metadata))

    def _spell(self) -> str:
        return self.spell_with(str)

    @property
    def parts(self) -> tuple[Location, ...]:
        return self.children

    def spell_with(self, text_of: Callable[[Location], str]) -> str:
        data = f"<{self.metadata}>" if self.metadata is not None else ""
        return f"fused{data}[{', '.join(map(text_of, self.children))}]"

    @property
    def place(self) -> Place:
        return next((child.place for child in self.children if child.place.line), Place())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for child in self.children for name in child.names))


class CallSiteLocation(Location):
    """`callsite(callee at caller)`."""

    __slots__ = ("callee", "caller")
    fields = ("callee", "caller")
    callee: Location
    caller: Location

    def __new__(cls, callee: Location, caller: Location) -> CallSiteLocation:
        return cls._intern((callee, caller))

    def _spell(self) -> str:
        return self.spell_with(str)

    @property
    def parts(self) -> tuple[Location, ...]:
        return self.callee, self.caller

    def spell_with(self, text_of: Callable[[Location], str]) -> str:
        return f"callsite({text_of(self.callee)} at {text_of(self.caller)})"

    @property
    def place(self) -> Place:
        return self.callee.place


UNKNOWN = UnknownLocation()


def fuse(*locations: Location, metadata: Attribute | None = None) -> Location:
    """One location for an operation that replaces several: each part once, unknowns dropped, nesting flattened (as MLIR does)."""
    if len(locations) == 1 and metadata is None:
        return locations[0]
    parts: dict[Location, None] = {}
    for location in locations:
        inner = location.children if isinstance(location, FusedLocation) and location.metadata is metadata else (location,)
        for part in inner:
            if part is not UNKNOWN:
                parts[part] = None
    if metadata is not None:
        return FusedLocation(tuple(parts) or (UNKNOWN,), metadata)
    if not parts:
        return UNKNOWN
    return next(iter(parts)) if len(parts) == 1 else FusedLocation(tuple(parts))


class LocationAttribute(Attribute):
    """`loc(...)` where an attribute stands."""

    __slots__ = ("location",)
    fields = ("location",)
    location: Location

    def __new__(cls, location: Location) -> LocationAttribute:
        return cls._intern((location,))

    def _spell(self) -> str:
        return f"loc({self.location})"
