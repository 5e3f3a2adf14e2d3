"""Reads the text of the IR: `parse(text)` gives a `builtin.module`.

The generic form is MLIR's and is described by `ir.lark`; operations in the form of their dialect are read here, by the
parts of `assembly`; statements of the common shape take the short cut of `fast_path`.  Mistakes are collected: the
reader goes on with the next statement, and raises them all together at the end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tinyir.ir.attributes import OpaqueAttribute
from tinyir.ir.collection import never_collected
from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.location import UNKNOWN
from tinyir.ir.operation import Block, Operation, Region
from tinyir.ir.registry import OperationDefinition, closest_dialects, definition_of, known_operations
from tinyir.ir.source import SourceText, TextLocation
from tinyir.text.assembly import form_of, infer_results
from tinyir.text.generic_printer import RESOURCES
from tinyir.text.parser import StatementError, skip_blanks
from tinyir.text.region_reader import RegionReader
from tinyir.text.scope_reader import Names

UNPREFIXED = ("builtin", "func")
"""The dialects whose operations may be written without the dialect's name."""

_NAME = r"%(?:\d+|[a-zA-Z_$.\-][\w$.\-]*)"
_RESULT = re.compile(rf"({_NAME})(?:[ \t]*:[ \t]*(\d{{1,5}}))?")
_PRETTY = re.compile(rf"((?:{_NAME}(?:[ \t]*:[ \t]*\d{{1,5}})?[ \t]*,?[ \t]*)+=[ \t]*)?([a-zA-Z_][\w$]*(?:\.[\w$.]+)?)(?![\w$.])")

_BLANKS = re.compile(r'("[^"]*")|\s+')
_NO_OPERATION = ("}", "^", "")


class Reader(RegionReader):
    """Reads one text."""

    def __init__(self, source: SourceText, fast: bool = True) -> None:
        super().__init__(source, fast)
        self.resource_text = ""

    # -- the whole text

    def read_file(self) -> Operation:
        """The module.

        Raises:
            TinyirError: with all mistakes found.
        """
        try:
            self._check_characters()
            self.read("file", 0)
            region = self.close_frame()
        except StatementError as failure:
            self.diagnostics.append(failure.diagnostic)
        self.raise_errors()
        return self._module(region)

    def _check_characters(self) -> None:
        """
        Raises:
            StatementError: the text holds half of a character, which no file can.
        """
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise self.failure(f"U+{ord(self.text[error.start]):04X} is no character", error.start) from None

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
        self.resource_text = _BLANKS.sub(lambda match: match.group(1) or " ", parts[0])

    # -- operations in the form of their dialect

    def read_statements(self, position: int) -> int:
        text = self.text
        while True:
            position = skip_blanks(text, position)
            first = text[position : position + 1]
            if first in _NO_OPERATION:
                return position
            if self.fast and first in ('"', "%") and not text.endswith("({", position, text.find("\n", position)):
                after = self.read_fast(position)
                if after != position:
                    position = after
                    continue
            if first == '"':
                return position
            if first == "#" and self.fast and len(self.frames) == 1:
                after = self.after_definition(position)
                if after == position:
                    return position
                position = after
                continue
            match = _PRETTY.match(text, position)
            if match is None:
                return position
            self.position = match.end()
            try:
                self._read_pretty(match)
            except StatementError:
                self.begin, self.origin = position, ""
                raise
            position = self.position

    def _read_pretty(self, match: re.Match[str]) -> None:
        offset = match.start(2) if match.group(1) is None else match.start(1)
        definition = self._pretty_definition(match.group(2), match.start(2))
        draft, operands = form_of(definition).read(self)
        definition.drop_defaults(draft.properties)
        location = self.read_location()
        if draft.results is None:
            results = infer_results(definition, operands, draft.properties)
            if isinstance(results, str):
                raise self.failure(f"the results of '{definition.name}' cannot be told: {results}", offset)
            draft.results = results
        operation = Operation(
            definition.name,
            operands,
            draft.results,
            draft.properties or None,
            draft.regions,
            [self.block_of(name, where) for name, where in draft.successors],
            draft.attributes or None,
            TextLocation(self.source, offset) if location is None else location,
        )
        if location is not None:
            _forget_places(draft.regions)
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
        if "." not in word:
            known = [name.partition(".")[2] for dialect in UNPREFIXED for name in known_operations(dialect)]
            raise self.failure(f"unknown operation '{word}'", offset, did_you_mean(word, known))
        dialect = word.partition(".")[0]
        known = known_operations(dialect)
        if known:
            raise self.failure(f"dialect '{dialect}' has no operation '{word}'", offset, did_you_mean(word, known))
        close = did_you_mean(dialect, closest_dialects(dialect))
        raise self.failure(f"no dialect '{dialect}' is known", offset, close or f'operations of unknown dialects are written "{word}"(...)')


def _forget_places(regions: list[Region]) -> None:
    """Where an operation's location is written, an argument of its form without one comes from nowhere known, as it was printed."""
    for region in regions:
        for argument in region.blocks[0].arguments if region.blocks else ():
            if isinstance(argument.location, TextLocation):
                argument.location = UNKNOWN


def parse(text: str, file: str = "-", fast: bool = True) -> Operation:
    """The module in a text: a `builtin.module`.  Other operations at the top level are wrapped in one.

    `fast`: statements of the common shape are split by one regular expression instead of the grammar's tables; the
    result is the same.

    Raises:
        TinyirError: with one diagnostic for each mistake found.
    """
    with never_collected():
        return Reader(SourceText(text, file), fast).read_file()


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
