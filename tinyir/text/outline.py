"""What stands where in a text of IR: where names are defined, where they are visible, which text an operation is.

For editors.  The text is read as always, by a reader that notes what it passes; what was noted before a mistake is
kept, so a text that is being typed has an outline too.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from tinyir.ir.attributes import StringAttribute
from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.ir.location import Location
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.registry import has_trait
from tinyir.ir.source import SourceText
from tinyir.ir.types import Type
from tinyir.ir.verifier import verify
from tinyir.text.cursor import Argument
from tinyir.text.reader import Reader
from tinyir.text.scope import Frame

_NAME = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|([%^@][\w$.\-]+(?:#\d+)?|[#!]?[a-zA-Z_][\w$.\-]*)')
_ALIAS = re.compile(r"^[ \t]*([#!][a-zA-Z_][\w$\-]*)[ \t]*=", re.MULTILINE)


@attrs.frozen
class Definition:
    """A name and the offset where it is defined; what it names, unless it is an alias of the file."""

    name: str
    offset: int
    meaning: Value | Block | Operation | None = None


@attrs.define(eq=False)
class Scope:
    """The text of a region, from `begin` to before `end`, and what is defined in it.  An isolated one does not see outer values."""

    begin: int
    end: int
    outer: Scope | None
    isolated: bool
    names: dict[str, Definition] = attrs.field(factory=dict)
    """Values and blocks; symbols of operations that stand here."""


@attrs.frozen
class Span:
    """An operation and its text, from `begin` to before `end`, regions included."""

    operation: Operation
    begin: int
    end: int


@attrs.frozen
class Token:
    """A name in the text, with its sign (`%x`, `@f`, `^bb0`, `#map`, `arith.addi`), and where it begins."""

    text: str
    offset: int


@attrs.frozen
class Outline:
    """`diagnostics`: what `tinyir opt` says of the text."""

    source: SourceText
    diagnostics: tuple[Diagnostic, ...]
    scopes: tuple[Scope, ...]
    spans: tuple[Span, ...]
    aliases: dict[str, Definition]

    def token_at(self, offset: int) -> Token | None:
        """The name at or right before an offset; of a quoted word its inside."""
        text = self.source.text
        start = text.rfind("\n", 0, offset) + 1
        end = text.find("\n", start)
        for match in _NAME.finditer(text, start, end if end >= 0 else len(text)):
            if match.start() <= offset <= match.end():
                if match.group(1) is not None:
                    return Token(match.group(1), match.start())
                inside = match.group()[1:-1] if match.group()[0] == '"' else ""
                return Token(inside, match.start() + 1) if inside else None
        return None

    def definition_of(self, token: Token) -> Definition | None:
        """Where the thing that a token names is defined: a value, block, symbol or alias."""
        sign = token.text[0]
        if sign in "#!":
            return self.aliases.get(token.text)
        if sign not in "%^@":
            return None
        here = next((d for scope in self.scopes for d in scope.names.values() if d.offset == token.offset), None)
        return here or self._visible(token.text, token.offset, sign)

    def _visible(self, name: str, offset: int, sign: str) -> Definition | None:
        scope = self._scope_at(offset)
        while scope is not None:
            found = scope.names.get(name) or scope.names.get(name.removesuffix("#0"))
            if found is not None:
                return found
            if sign == "^" or (sign == "%" and scope.isolated):
                return None
            scope = scope.outer
        return None

    def _scope_at(self, offset: int) -> Scope | None:
        around = [scope for scope in self.scopes if scope.begin <= offset < scope.end]
        return max(around, key=lambda scope: scope.begin, default=None)

    def operation_at(self, offset: int) -> Operation | None:
        """The innermost operation whose text holds an offset."""
        around = [span for span in self.spans if span.begin <= offset <= span.end]
        return min(around, key=lambda span: span.end - span.begin).operation if around else None

    def offset_of_origin(self, place: Place) -> int | None:
        """Where the operation stands whose location is a place of another file."""
        return next((span.begin for span in self.spans if span.operation.location.place == place), None)


class _OutlineReader(Reader):
    """Notes scopes, definitions and operations."""

    def __init__(self, source: SourceText) -> None:
        self.scopes: list[Scope] = []
        self.open: list[Scope] = []
        self.spans: list[Span] = []
        super().__init__(source, fast=False)

    # -- scopes

    def open_frame(self, owner: str) -> Frame:
        frame = super().open_frame(owner)
        outer = self.open[-1] if self.open else None
        scope = Scope(self.begin, len(self.text), outer, frame.outer is not None)
        self.scopes.append(scope)
        self.open.append(scope)
        return frame

    def drop_frame(self) -> None:
        super().drop_frame()
        scope = self.open.pop()
        if self.open:
            scope.end = self.position

    # -- definitions

    def note(self, name: str, offset: int, meaning: Value | Block | Operation) -> None:
        """Of two definitions of a name in a region, the first counts."""
        self.open[-1].names.setdefault(name, Definition(name, offset, meaning))

    def define(self, name: str, value: Value, offset: int) -> None:
        super().define(name, value, offset)
        self.note(name, offset, value)

    def add_argument(self, block: Block, name: str, type: Type, location: Location | None, offset: int) -> None:
        super().add_argument(block, name, type, location, offset)
        self.note(name, offset, block.arguments[-1])

    def start_block(self, name: str, arguments: list[Argument]) -> None:
        offset = self.begin
        super().start_block(name, arguments)
        assert self.frame.block is not None
        self.note(name, offset, self.frame.block)

    # -- operations

    def operation(self, parts: list[Any]) -> None:
        begin = self.begin
        super().operation(parts)
        self._note_operation(begin, r'sym_name\s*=\s*("{}")')

    def _read_pretty(self, match: re.Match[str]) -> None:
        begin = match.start(2) if match.group(1) is None else match.start(1)
        super()._read_pretty(match)
        self._note_operation(begin, r'(@"?{}(?![\w$.]))')

    def _note_operation(self, begin: int, symbol: str) -> None:
        """`symbol`: how the operation's form writes its own symbol, as a regular expression with one group for it."""
        block = self.frame.block
        assert block is not None
        assert block.last is not None
        operation = block.last
        self.spans.append(Span(operation, begin, self.position))
        name = operation.get("sym_name")
        if isinstance(name, StringAttribute) and has_trait(operation, "symbol"):
            match = re.compile(symbol.format(re.escape(name.value))).search(self.text, begin, self.position)
            self.note(f"@{name.value}", match.start(1) if match is not None else begin, operation)


def read_outline(text: str, file: str = "-") -> Outline:
    """The outline of a text, wrong as it may be."""
    source = SourceText(text, file)
    reader = _OutlineReader(source)
    try:
        diagnostics = tuple(verify(reader.read_file()))
    except TinyirError as error:
        diagnostics = error.diagnostics
    aliases = {m.group(1): Definition(m.group(1), m.start(1)) for m in _ALIAS.finditer(text)}
    return Outline(source, diagnostics, tuple(reader.scopes), tuple(reader.spans), aliases)
