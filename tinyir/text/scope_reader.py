"""The reader's memory: regions being read, the values and blocks that have names in them, the mistakes found."""

from __future__ import annotations

import re
from typing import Any

import attrs

from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.location import Location
from tinyir.ir.operation import Block, BlockArgument, Operation, Region, Value
from tinyir.ir.registry import definition_of
from tinyir.ir.source import SourceText, TextLocation
from tinyir.ir.types import Type
from tinyir.text.cursor import Argument, Cursor
from tinyir.text.parser import StatementError, skip_blanks
from tinyir.text.recovery import name_offset, resume_offset, statement_names
from tinyir.text.scope import ForwardValue, Frame, Head, PoisonValue

GREATEST_ERRORS = 20
GREATEST_DEPTH = 64
"""Regions inside regions: more would exhaust Python's stack in the reader, the printer or a pass."""

Names = list[tuple[str, int, int]]
"""The names left of `=`: name, number of results, offset."""
_ARGUMENT = re.compile(r'(%[^:]+): ([^<(), ]+(?:<[^>]*>)?)(?: (loc\((?:"[^"]*")?[^")]*\)))?')
"""An argument in a BLOCK_LINE of the grammar."""


class ScopeReader(Cursor):
    """Knows what names mean at the place that is being read."""

    def __init__(self, source: SourceText, fast: bool = True) -> None:
        super().__init__(source, fast)
        self.value_of: dict[str, Value] = {}
        self.forward: dict[str, ForwardValue] = {}
        self.frames: list[Frame] = []
        self._isolated: dict[str, bool] = {}
        self._argument_types: dict[str, Type] = {}
        self.frame = self.open_frame("builtin.module")
        self.region_owner = ""
        self.region_arguments: list[Argument] = []

    def level(self) -> int:
        return len(self.frames)

    # -- errors

    def report(self, message: str, offset: int, hint: str = "", note: tuple[str, Place] | None = None) -> None:
        """Notes a mistake that does not keep the statement from being read."""
        notes = (note,) if note is not None else ()
        self._add(Diagnostic(message, self.source.place(offset), hint=hint, notes=notes))

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic in self.diagnostics:  # what is wrong with an alias is told once, not at each of its uses
            return
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= GREATEST_ERRORS:
            self.raise_errors()

    def raise_errors(self) -> None:
        """
        Raises:
            TinyirError: mistakes were found; in the order of the text.
        """
        if self.diagnostics:
            raise TinyirError(diagnostics=sorted(self.diagnostics, key=lambda d: (d.place.line, d.place.column)))

    def recover(self, failure: StatementError, begin: int, level: int, was_read: bool) -> None:
        frames = [value for value in self.values if isinstance(value, Frame)]
        while len(self.frames) > level + len(frames):
            self.drop_frame()
        at_end = not self.text[failure.offset :].strip()
        self._add(self._unclosed(failure.diagnostic) if at_end else failure.diagnostic)
        for name in statement_names(self.text, skip_blanks(self.text, begin)):
            self.poison(name)
        if not was_read:
            self.position = resume_offset(self.text, max(begin, failure.offset))
        if self.position >= len(self.text) and len(self.frames) > 1:
            self.raise_errors()

    def _unclosed(self, diagnostic: Diagnostic) -> Diagnostic:
        """The text ends: a note tells which region is open."""
        if len(self.frames) == 1:
            return diagnostic
        note = (f"the region of '{self.frame.owner}' is open since here", self.source.place(self.frame.offset))
        return attrs.evolve(diagnostic, notes=(*diagnostic.notes, note))

    def poison(self, name: str) -> None:
        """Marks a value or block as defined wrongly."""
        if name[0] == "^":
            self.block_of(name, 0)
            self.frame.pending.pop(name, None)
            return
        waiting = self.forward.pop(name, None)
        if waiting is not None:
            waiting.replace_by(PoisonValue())
        self.value_of[name] = PoisonValue()
        self.frame.defined.append(name)

    # -- values

    def use(self, name: str, type: Type | None, offset: int) -> Value:
        """The value of a name, of the type that the use says (None: whatever it is)."""
        value = self.value_of.get(name)
        if value is None and name.endswith("#0"):
            value = self.value_of.get(name[:-2])
        if value is None:
            value = self.value_of[name] = self.forward[name] = ForwardValue(type, name, offset)
        elif type is not None and value.type is not type and not isinstance(value, PoisonValue):
            if isinstance(value, ForwardValue) and not value.is_typed:
                value.type, value.is_typed = type, True
                return value
            definition = self.place_of(value)
            note = (f"'{name}' is defined here", definition) if definition.line else None
            self.report(f"'{name}' has type {value.type}, used as {type}", name_offset(self.text, name, offset), note=note)
        return value

    def place_of(self, value: Value) -> Place:
        """Where a value is defined or first used."""
        if isinstance(value, ForwardValue):
            return self.source.place(name_offset(self.text, value.name, value.offset))
        location = getattr(value, "location", None) if value.definer is None else value.definer.location
        return location.place if isinstance(location, Location) else Place()

    def define(self, name: str, value: Value, offset: int) -> None:
        """Gives a value its name, here and where it was used before."""
        known = self.value_of.get(name)
        if known is not None:
            waiting = self.forward.pop(name, None)
            if waiting is None:
                if not isinstance(known, PoisonValue):
                    self.report(f"'{name}' is defined twice", offset, note=("it was defined here", self.place_of(known)))
                return
            if waiting.is_typed and waiting.type is not value.type:
                note = ("it was used here", self.place_of(waiting))
                self.report(f"'{name}' has type {value.type}, used before as {waiting.type}", offset, note=note)
            waiting.replace_by(value)
        self.value_of[name] = value
        self.frame.defined.append(name)

    def define_results(self, operation: Operation, names: Names, offset: int) -> None:
        """Binds the names left of `=` to the results."""
        results = operation.results
        given = sum(count for _, count, _ in names)
        if given != len(results):
            found = f"{len(results)} result{'s' * (len(results) != 1)}"
            self.report(f"'{operation.name}' has {found}, {given} named", offset)
            for name, count, _ in names:
                for text in [name, *(f"{name}#{i}" for i in range(count))]:
                    self.poison(text)
            return
        position = 0
        for name, count, where in names:
            if not name[1].isdigit():
                results[position].name = name[1:]
            self.define(name, results[position], where)
            if count > 1:
                for index in range(count):
                    self.define(f"{name}#{index}", results[position + index], where)
            position += count

    # -- regions

    def open_frame(self, owner: str) -> Frame:
        """Begins a region of an operation of the name `owner`."""
        is_isolated = self._isolated.get(owner)
        if is_isolated is None:
            definition = definition_of(owner)
            is_isolated = self._isolated[owner] = definition is not None and "isolated" in definition.traits
        if is_isolated:
            frame = Frame(owner, self.begin, self.value_of)
            self.value_of = {}
        else:
            frame = Frame(owner, self.begin, None)
        if len(self.frames) > GREATEST_DEPTH:
            raise self.failure(f"regions are nested more than {GREATEST_DEPTH} deep", self.begin)
        self.frames.append(frame)
        self.frame = frame
        self.limit += 16
        return frame

    def close_frame(self) -> Region:
        """Ends the innermost region: checks that all it needs was defined, and forgets its names."""
        frame = self.frame
        for name, offset in frame.pending.items():
            known = [label for label in frame.blocks if label not in frame.pending]
            self.report(f"block '{name}' is not defined", name_offset(self.text, name, offset), did_you_mean(name, known))
        if frame.outer is not None or len(self.frames) == 1:
            self._report_undefined()
        self.drop_frame()
        return frame.region

    def drop_frame(self) -> None:
        """Forgets the innermost region and its names."""
        frame = self.frames.pop()
        if frame.outer is not None:
            self.value_of = frame.outer
        else:
            for name in frame.defined:
                self.value_of.pop(name, None)
        self.limit -= 16
        if self.frames:
            self.frame = self.frames[-1]

    def _report_undefined(self) -> None:
        for name, value in list(self.forward.items()):
            if self.value_of.get(name) is value:
                del self.forward[name]
                known = [other for other, v in self.value_of.items() if not isinstance(v, ForwardValue)]
                self.report(f"value '{name}' is not defined", name_offset(self.text, name, value.offset), did_you_mean(name, known))

    def region_start(self, _parts: list[Any]) -> Frame:
        head: Head | None = None
        for value in reversed(self.values):
            if isinstance(value, Head):
                head = value
                break
        frame = self.open_frame(self.region_owner if head is None else head.name)
        if head is None and self.region_arguments:
            frame.block = frame.region.add(Block())
            for argument, type, location, offset in self.region_arguments:
                self.add_argument(frame.block, argument, type, location, offset)
        return frame

    def region(self, _parts: list[Any]) -> Region:
        return self.close_frame()

    def append(self, operation: Operation) -> None:
        """Puts an operation at the end of what is being read."""
        frame = self.frame
        if frame.block is None:
            frame.block = frame.region.add(Block())
        frame.block.append(operation)

    def read_region(self, owner: str, arguments: list[Argument]) -> Region:
        self.region_owner, self.region_arguments = owner, arguments
        region: Region = self.read_value("region")
        return region

    # -- blocks

    def block_of(self, name: str, offset: int) -> Block:
        """The block of a name, which may be defined later."""
        block = self.frame.blocks.get(name)
        if block is None:
            block = self.frame.blocks[name] = Block()
            self.frame.pending[name] = offset
        return block

    def block(self, parts: list[Any]) -> None:
        name, arguments = parts
        self.start_block(name, arguments or [])

    def block_line(self, parts: list[str]) -> None:
        """`^name(%x: type loc(...), ...):` in one piece."""
        line, begin, end = parts[0], self.begin, self.position
        arguments: list[Argument] = []
        for match in _ARGUMENT.finditer(line):
            name, type_text, place = match.groups()
            type = self._argument_types.get(type_text) or self._argument_type(type_text, begin + match.start(2))
            location = None
            if place is not None:
                location = self.place(place, begin + match.start(3))
                if location is None:
                    self.position = begin + match.start(3)
                    location = self.read_location()
            arguments.append((name, type, location, begin + match.start()))
        self.begin, self.position = begin, end
        self.start_block(line[: line.index("(")], arguments)

    def _argument_type(self, text: str, begin: int) -> Type:
        """A type that was not met before, or is made of aliases."""
        self.position, self.used_alias = begin, False
        type = self.read_type()
        if self.position != begin + len(text):
            raise self.expected("',' or ')'")
        if not self.used_alias:
            self._argument_types[text] = type
        return type

    def start_block(self, name: str, arguments: list[Argument]) -> None:
        """Begins a block of the region that is being read."""
        frame = self.frame
        block = frame.blocks.get(name)
        if block is None:
            block = frame.blocks[name] = Block()
        elif frame.pending.pop(name, None) is None:
            raise self.failure(f"block '{name}' is defined twice", self.begin)
        frame.block = frame.region.add(block)
        for argument, type, location, offset in arguments:
            self.add_argument(block, argument, type, location, offset)

    def add_argument(self, block: Block, name: str, type: Type, location: Location | None, offset: int) -> None:
        """Adds a block argument and binds its name."""
        where = TextLocation(self.source, offset) if location is None else location
        argument = BlockArgument(type, block, len(block.arguments), "" if name[1].isdigit() else name[1:], where)
        block.arguments = (*block.arguments, argument)
        if name in self.value_of:
            self.define(name, argument, offset)
        else:
            self.value_of[name] = argument
            self.frame.defined.append(name)

    def block_arguments(self, parts: list[Any]) -> list[Any]:
        return parts

    def block_argument(self, parts: list[Any]) -> tuple[str, Type, Location | None, int]:
        return parts[0], parts[1], parts[2], self.begin
