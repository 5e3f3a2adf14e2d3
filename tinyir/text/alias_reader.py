"""The reader of aliases and of what all texts share: strings, integers, lists."""

from __future__ import annotations

import re
from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import did_you_mean
from tinyir.ir.location import Location, LocationAttribute
from tinyir.ir.source import SourceText
from tinyir.ir.types import Type
from tinyir.text.dense import LiteralError, parse_integer
from tinyir.text.parser import Parser

_DEFINITION = re.compile(r"^([#!][a-zA-Z_][\w$\-]*)[ \t]*=[ \t]*", re.MULTILINE)
_ALIAS_USE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[#!][a-zA-Z_][\w$\-]*(?![\w$.\-<])')
_ESCAPE = re.compile(r"\\(?:([nt\"\\])|([0-9a-fA-F]{2}))|\\")
_SIMPLE_ESCAPES = {"n": b"\n", "t": b"\t", '"': b'"', "\\": b"\\"}


class AliasReader(Parser):
    """Knows what the aliases of a text stand for."""

    def __init__(self, source: SourceText) -> None:
        super().__init__(source)
        self.aliases: dict[str, Any] = {}
        self.used_alias = False
        self._definitions: dict[str, int] | None = None
        self._being_defined: list[str] = []

    # -- aliases

    def alias_value(self, name: str) -> Any:
        """The attribute or type that an alias stands for; it may be defined further down."""
        self.used_alias = True
        found = self.aliases.get(name)
        if found is not None:
            return found
        begin, position = self.begin, self.position
        offset = self.definitions.get(name)
        if offset is None:
            raise self.failure(f"alias '{name}' is not defined", begin, did_you_mean(name, self.definitions))
        if name in self._being_defined or len(self._being_defined) > 40:
            raise self.failure(f"alias '{name}' is defined by itself", begin)
        self._being_defined.append(name)
        try:
            found = self.read("type" if name[0] == "!" else "attribute", offset)
        finally:
            self._being_defined.pop()
            self.begin, self.position = begin, position
        self.aliases[name] = found
        return found

    @property
    def definitions(self) -> dict[str, int]:
        """Where the text of each alias begins."""
        if self._definitions is None:
            self._definitions = {m.group(1): m.end() for m in _DEFINITION.finditer(self.text)}
        return self._definitions

    def attribute_alias(self, parts: list[Any]) -> None:
        self.aliases[parts[0]] = parts[1]

    def type_alias(self, parts: list[Any]) -> None:
        self.aliases[parts[0]] = parts[1]

    def attribute_use(self, parts: list[Any]) -> Attribute:
        found = self.alias_value(parts[0])
        assert isinstance(found, Attribute)
        return found

    def type_use(self, parts: list[Any]) -> Type:
        found = self.alias_value(parts[0])
        assert isinstance(found, Type)
        return found

    def place_use(self, parts: list[Any]) -> Location:
        found = self.alias_value(parts[0])
        if not isinstance(found, LocationAttribute):
            raise self.failure(f"alias '{parts[0]}' is not a location", self.begin)
        return found.location

    # -- small helpers of the grammar

    def only(self, parts: list[Any]) -> Any:
        return parts[0]

    def single(self, parts: list[Any]) -> list[Any]:
        return [parts[0]]

    def _list(self, parts: list[Any]) -> list[Any]:
        return parts

    attributes = types = literals = extents = scales = names = expressions = constraints = entries = source_places = _list
    uses = successors = soup = _list

    def regions(self, parts: list[Any]) -> list[Any]:
        return parts[:-1]

    def verbatim(self) -> str:
        """The text as it stands, with the aliases in it put in."""
        text = self.text[self.begin : self.position]
        return _ALIAS_USE.sub(self._expansion, text) if "#" in text[1:] or "!" in text[1:] else text

    def _expansion(self, match: re.Match[str]) -> str:
        """What stands for an alias; strings, and what is no alias of this text, stay."""
        name = match.group()
        return str(self.alias_value(name)) if name in self.definitions else name

    def text_of(self, literal: str) -> str:
        """The characters of a string literal."""
        inner = literal[1:-1]
        if "\\" not in inner:
            return inner
        out = bytearray()
        last = 0
        for match in _ESCAPE.finditer(inner):
            out += inner[last : match.start()].encode()
            simple, code = match.groups()
            if simple is None and code is None:
                raise self.failure(f"string {literal} has a wrong escape", self.begin, 'escapes are \\n, \\t, \\", \\\\ and two hex digits')
            out += _SIMPLE_ESCAPES[simple] if simple is not None else bytes([int(code, 16)])
            last = match.end()
        out += inner[last:].encode()
        return out.decode("utf-8", "surrogateescape")

    def integer_value(self, text: str) -> int:
        """The value of an INTEGER."""
        try:
            return parse_integer(text)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None
