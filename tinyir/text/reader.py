"""Reads the text of the IR: `parse(text)` gives a `builtin.module`.

The generic form is MLIR's and is described by `ir.lark`; the forms that dialects declare are read by `assembly_reader`;
statements of the common shape take the short cut of `fast_path`.  Mistakes are collected: the reader goes on with the
next statement, and raises them all together at the end.
"""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import OpaqueAttribute
from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.location import Location
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.registry import OperationDefinition, definition_of, known_operations, load_dialect
from tinyir.ir.source import SourceText, TextLocation
from tinyir.ir.types import Type
from tinyir.text.assembly import form_of
from tinyir.text.cursor import Argument, Cursor
from tinyir.text.grammar import SKIP
from tinyir.text.parser import StatementError, raise_all, skip_blanks
from tinyir.text.recovery import resume_offset, statement_names
from tinyir.text.scope import ForwardValue, Frame, PoisonValue

GREATEST_ERRORS = 20
GREATEST_DEPTH = 64
"""Regions inside regions: more would exhaust Python's stack in the reader, the printer or a pass."""
RESOURCES = "builtin.resources"
"""The discardable attribute of the module that keeps the text of `{-# ... #-}`."""

UNPREFIXED = ("builtin", "func")
"""The dialects whose operations may be written without the dialect's name."""

_NAME = r"%(?:\d+|[a-zA-Z_$.\-][\w$.\-]*)"
_RESULT = re.compile(rf"({_NAME})(?:[ \t]*:[ \t]*(\d{{1,5}}))?")
_PRETTY = re.compile(rf"{SKIP}((?:{_NAME}(?:[ \t]*:[ \t]*\d{{1,5}})?[ \t]*,?[ \t]*)+=[ \t]*)?([a-zA-Z_][\w$]*(?:\.[\w$.]+)?)(?![\w$.])")
_NO_STATEMENT = ("loc",)

Names = list[tuple[str, int, int]]
"""The names left of `=`: name, number of results, offset."""


class Head:
    """The beginning of an operation in generic form, up to its properties."""

    __slots__ = ("name", "offset", "operands", "properties", "successors")

    def __init__(
        self, name: str, offset: int, operands: list[tuple[str, int]], successors: list[tuple[str, int]], properties: dict[str, Attribute]
    ) -> None:
        self.name = name
        self.offset = offset
        self.operands = operands
        self.successors = successors
        self.properties = properties


class Reader(Cursor):
    """Reads one text."""

    def __init__(self, source: SourceText) -> None:
        super().__init__(source)
        self.value_of: dict[str, Value] = {}
        self.forward: dict[str, ForwardValue] = {}
        self.poisoned: set[str] = set()
        self.frames: list[Frame] = []
        self.frame = self.open_frame("builtin.module")
        self.region_owner = ""
        self.region_arguments: list[Argument] = []
        self.resource_text = ""

    def level(self) -> int:
        return len(self.frames)

    # -- the whole text

    def read_file(self) -> Operation:
        """The module.

        Raises:
            TinyirError: with all mistakes found.
        """
        try:
            self.read("file", 0)
            region = self.close_frame()
        except StatementError as failure:
            self.diagnostics.append(failure.diagnostic)
        raise_all(self.diagnostics)
        return self._module(region)

    def _module(self, region: Region) -> Operation:
        if not region.blocks:
            region.add(Block())
        only = region.blocks[0].first
        if only is not None and only.next is None and only.name == "builtin.module":
            only.detach()
            module = only
        else:
            module = Operation("builtin.module", regions=[region])
        if self.resource_text:
            module.attributes[RESOURCES] = OpaqueAttribute(self.resource_text)
        return module

    def file(self, parts: list[Any]) -> None:
        """Nothing remains to be done."""

    def resources(self, parts: list[str]) -> None:
        self.resource_text = parts[0]

    # -- errors

    def report(self, message: str, offset: int, hint: str = "", note: tuple[str, Place] | None = None) -> None:
        """Notes a mistake that does not keep the statement from being read."""
        notes = (note,) if note is not None else ()
        self._add(Diagnostic(message, self.source.place(offset), hint=hint, notes=notes))

    def _add(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= GREATEST_ERRORS:
            raise TinyirError(diagnostics=self.diagnostics)

    def recover(self, failure: StatementError, begin: int, level: int) -> None:
        self._add(failure.diagnostic)
        frames = [value for value in self.values if isinstance(value, Frame)]
        while len(self.frames) > level + len(frames):
            self.drop_frame()
        for name in statement_names(self.text, skip_blanks(self.text, begin)):
            self.poison(name)
        self.position = resume_offset(self.text, max(begin, failure.offset))
        if self.position >= len(self.text) and frames:
            raise TinyirError(diagnostics=self.diagnostics)

    def poison(self, name: str) -> None:
        """Marks a value or block as defined wrongly."""
        if name[0] == "^":
            self._block(name, 0)
            self.frame.pending.pop(name, None)
            return
        self.poisoned.add(name)
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
            self.report(f"'{name}' has type {value.type}, used as {type}", offset, note=note)
        return value

    def place_of(self, value: Value) -> Place:
        """Where a value is defined or first used."""
        if isinstance(value, ForwardValue):
            return self.source.place(value.offset)
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
                note = ("it was used here", self.source.place(waiting.offset))
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
        definition = definition_of(owner)
        if definition is not None and "isolated" in definition.traits:
            frame = Frame(owner, self.value_of)
            self.value_of = {}
        else:
            frame = Frame(owner, None)
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
            self.report(f"block '{name}' is not defined", offset, did_you_mean(name, known))
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
                self.report(f"value '{name}' is not defined", value.offset, did_you_mean(name, known))

    def region_start(self, _parts: list[Any]) -> Frame:
        head = next((value for value in reversed(self.values) if isinstance(value, Head)), None)
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

    def _block(self, name: str, offset: int) -> Block:
        """The block of a name, which may be defined later."""
        block = self.frame.blocks.get(name)
        if block is None:
            block = self.frame.blocks[name] = Block()
            self.frame.pending[name] = offset
        return block

    def block(self, parts: list[Any]) -> None:
        name, arguments = parts
        frame = self.frame
        if name in frame.blocks and name not in frame.pending:
            raise self.failure(f"block '{name}' is defined twice", self.begin)
        block = self._block(name, self.begin)
        del frame.pending[name]
        frame.block = frame.region.add(block)
        for argument, type, location, offset in arguments or ():
            self.add_argument(block, argument, type, location, offset)

    def add_argument(self, block: Block, name: str, type: Type, location: Location | None, offset: int) -> None:
        """Adds a block argument and binds its name."""
        argument = block.add_argument(type, "" if name[1].isdigit() else name[1:])
        argument.location = TextLocation(self.source, offset) if location is None else location
        self.define(name, argument, offset)

    def block_arguments(self, parts: list[Any]) -> list[Any]:
        return parts

    def block_argument(self, parts: list[Any]) -> tuple[str, Type, Location | None, int]:
        return parts[0], parts[1], parts[2], self.begin

    # -- operations

    def result(self, parts: list[Any]) -> tuple[str, int, int]:
        name, count = parts
        number = 1 if count is None else self.integer_value(count)
        if not 1 <= number <= 65536:
            raise self.failure(f"an operation cannot have {number} results", self.begin)
        return name, number, self.begin

    def results(self, parts: list[Any]) -> Names:
        return parts

    def uses(self, parts: list[str]) -> list[tuple[str, int]]:
        return self._with_offsets(parts)

    successors = uses

    def _with_offsets(self, names: list[str]) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        offset = self.begin
        for name in names:
            offset = self.text.index(name, offset)
            found.append((name, offset))
            offset += len(name)
        return found

    def head(self, parts: list[Any]) -> Head:
        name, operands, successors, properties = parts
        return Head(self.text_of(name), self.begin, operands or [], successors or [], properties or {})

    def operation(self, parts: list[Any]) -> None:
        names, head, regions, attributes, signature, location = parts
        offset = self.begin
        definition = self.definition(head.name, head.offset)
        if len(head.operands) != len(signature.inputs):
            given, typed = len(head.operands), len(signature.inputs)
            raise self.failure(f"'{head.name}' has {given} operand{'s' * (given != 1)}, the signature {typed}", head.offset)
        operands = [self.use(name, type, where) for (name, where), type in zip(head.operands, signature.inputs, strict=True)]
        properties = head.properties
        if attributes and definition is not None:
            for name in [name for name in attributes if name in definition.property_names]:
                properties[name] = attributes.pop(name)
        operation = Operation(
            head.name,
            operands,
            signature.results,
            properties,
            regions or (),
            [self._block(name, where) for name, where in head.successors],
            attributes or None,
            TextLocation(self.source, offset) if location is None else location,
        )
        self.append(operation)
        if names or operation.results:
            self.define_results(operation, names or [], offset)

    # -- operations in the form of their dialect

    def read_statements(self, position: int) -> int:
        match = _PRETTY.match(self.text, position)
        while match is not None and match.group(2) not in _NO_STATEMENT:
            self.position = match.end()
            try:
                self._read_pretty(match)
            except StatementError:
                self.position = position
                raise
            position = self.position
            match = _PRETTY.match(self.text, position)
        return position

    def _read_pretty(self, match: re.Match[str]) -> None:
        offset = match.start(2) if match.group(1) is None else match.start(1)
        definition = self._pretty_definition(match.group(2), match.start(2))
        draft, operands = form_of(definition).read(self)
        location = self.read_location()
        if draft.results is None:
            draft.results = self._infer(definition, operands, draft.properties, offset)
        operation = Operation(
            definition.name,
            operands,
            draft.results,
            draft.properties,
            draft.regions,
            [self._block(name, where) for name, where in draft.successors],
            draft.attributes or None,
            TextLocation(self.source, offset) if location is None else location,
        )
        self.append(operation)
        if match.group(1) is not None or operation.results:
            self.define_results(operation, self._result_names(match), offset)

    def _result_names(self, match: re.Match[str]) -> Names:
        return [(m.group(1), int(m.group(2) or 1), m.start()) for m in _RESULT.finditer(self.text, match.start(1), match.start(2))] if match.group(1) else []

    def _pretty_definition(self, word: str, offset: int) -> OperationDefinition:
        names = [word] if "." in word else [f"{dialect}.{word}" for dialect in UNPREFIXED]
        for name in names:
            definition = definition_of(name)
            if definition is not None:
                return definition
        dialect = word.partition(".")[0]
        known = [n for d in UNPREFIXED for n in known_operations(d)] if "." not in word else known_operations(dialect)
        if not known:
            raise self.failure(f"no dialect '{dialect}' is known", offset, f'operations of unknown dialects are written "{word}"(...)')
        what = f"dialect '{dialect}' has no operation '{word}'" if "." in word else f"unknown operation '{word}'"
        raise self.failure(what, offset, did_you_mean(word, known))

    def _infer(
        self, definition: OperationDefinition, operands: list[Value], properties: dict[str, Attribute], offset: int
    ) -> list[Type]:
        if definition.infer is None:
            return []
        try:
            return definition.infer([operand.type for operand in operands], properties)
        except (ValueError, LookupError, TypeError, AssertionError) as error:
            # The operands may be anything here: what they should be is the verifier's to say.
            raise self.failure(f"the results of '{definition.name}' cannot be inferred: {error}".removesuffix(": "), offset) from None

    def definition(self, name: str, offset: int) -> OperationDefinition | None:
        """The definition of an operation; None in a dialect that nobody knows."""
        definition = definition_of(name)
        if definition is None:
            dialect = name.partition(".")[0]
            if load_dialect(dialect):
                hint = did_you_mean(name, known_operations(dialect))
                raise self.failure(f"dialect '{dialect}' has no operation '{name}'", offset, hint)
        return definition


def parse(text: str, file: str = "-") -> Operation:
    """The module in a text: a `builtin.module`.  Other operations at the top level are wrapped in one.

    Raises:
        TinyirError: with one diagnostic for each mistake found.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        return Reader(SourceText(text, file)).read_file()
    finally:
        gc.set_threshold(*thresholds)


def parse_file(path: Path) -> Operation:
    """The module in a file.

    Raises:
        TinyirError: the file cannot be read, is not UTF-8, or has mistakes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TinyirError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TinyirError(f"{path} is not UTF-8 text: byte {error.start}") from None
    return parse(text, str(path))
