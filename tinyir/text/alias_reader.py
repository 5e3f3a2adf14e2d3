"""The reader of aliases and of what all texts share: strings, integers, lists."""

from __future__ import annotations

import re
from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import Diagnostic, did_you_mean
from tinyir.ir.location import Location, LocationAttribute
from tinyir.ir.source import SourceText
from tinyir.ir.types import Type
from tinyir.text.dense import LiteralError, parse_integer
from tinyir.text.parser import Parser, StatementError
from tinyir.text.plain_places import Definition, PlainPlaces, find_definitions

_ALIAS_USE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[#!][a-zA-Z_][\w$\-]*(?![\w$.\-<])')
_ESCAPE = re.compile(r"\\(?:([nt\"\\])|([0-9a-fA-F]{2}))|\\")
GREATEST_NESTING = 40
"""Of aliases that are defined below what uses them: more would exhaust Python's stack."""
GREATEST_COMPARED = 500
"""Among more aliases none is looked for that is spelled nearly alike."""
_SIMPLE_ESCAPES = {"n": b"\n", "t": b"\t", '"': b'"', "\\": b"\\"}


class AliasReader(Parser):
    """Knows what the aliases of a text stand for.  `fast`: with the short cuts."""

    def __init__(self, source: SourceText, fast: bool = True) -> None:
        super().__init__(source)
        self.fast = fast
        self.aliases: dict[str, Any] = {}
        self.used_alias = False
        self.plain_places = PlainPlaces()
        self._definitions: dict[str, Definition] | None = None
        self._plain_ends: dict[int, int] = {}
        self._being_defined: list[str] = []
        self._broken: dict[str, Diagnostic] = {}

    # -- aliases

    def alias_value(self, name: str) -> Any:
        """The attribute or type that an alias stands for; it may be defined further down.

        Raises:
            StatementError: it is not defined, is defined wrongly, or by itself.
        """
        self.used_alias = True
        definitions = self.definitions
        found = self.aliases.get(name)
        if found is not None:
            return found
        begin, position = self.begin, self.position
        if name in self._broken:
            raise StatementError(self._broken[name], begin)
        definition = definitions.get(name)
        if definition is None:
            raise self._undefined(name, begin)
        if name in self._being_defined:
            ring = [*self._being_defined[self._being_defined.index(name) :], name]
            raise self.failure(f"alias '{name}' is defined by itself", begin, f"{' uses '.join(ring[:6])}{' ...' if len(ring) > 6 else ''}")
        if len(self._being_defined) >= GREATEST_NESTING:
            raise self.failure(f"aliases use each other more than {GREATEST_NESTING} deep", begin, "define those first that others use")
        self._being_defined.append(name)
        try:
            found = self.read("type" if name[0] == "!" else "attribute", definition.value)
        except StatementError as failure:
            self._broken[name] = failure.diagnostic
            raise StatementError(failure.diagnostic, begin) from None
        finally:
            self._being_defined.pop()
            self.begin, self.position = begin, position
        self.aliases[name] = found
        return found

    def _undefined(self, name: str, offset: int) -> StatementError:
        known = self.definitions
        close = did_you_mean(name, (other for other in known if other[0] == name[0])) if len(known) <= GREATEST_COMPARED else ""
        return self.failure(f"alias '{name}' is not defined", offset, close or f"a line '{name} = ...' outside of all regions defines it")

    @property
    def definitions(self) -> dict[str, Definition]:
        """Where each alias is defined."""
        if self._definitions is None:
            self._definitions = find_definitions(self.text)
            if self.fast and self._definitions:
                self._plain_ends = self.plain_places.define(self.text, self._definitions)
                self.aliases.update((name, LocationAttribute(location)) for name, location in self.plain_places.known.items())
        return self._definitions

    def after_definition(self, position: int) -> int:
        """The offset after the definition at `position` if it was read already; else `position`."""
        if not self.definitions:
            return position
        return self._plain_ends.get(position, position)

    def attribute_alias(self, parts: list[Any]) -> None:
        name, value = parts
        first = self.definitions.get(name)
        if first is not None and first.begin != self.begin:
            diagnostic = Diagnostic(
                f"alias '{name}' is defined twice",
                self.source.place(self.begin),
                hint="give one of them another name",
                notes=(("it was defined here", self.source.place(first.begin)),),
            )
            raise StatementError(diagnostic, self.begin)
        self.aliases[name] = value

    type_alias = attribute_alias

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
            first = self.definitions.get(parts[0])
            diagnostic = Diagnostic(
                f"alias '{parts[0]}' is not a location",
                self.source.place(self.begin),
                hint="a location is spelled loc(...)",
                notes=(("it is defined here", self.source.place(first.begin)),) if first is not None else (),
            )
            raise StatementError(diagnostic, self.begin)
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
