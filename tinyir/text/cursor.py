"""Reading one token after the other, for forms that no grammar describes as a whole: built from the grammar's terminals."""

from __future__ import annotations

import re
from abc import abstractmethod
from functools import cache
from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.location import Location
from tinyir.ir.operation import Region, Value
from tinyir.ir.source import SourceText
from tinyir.ir.types import Type
from tinyir.text.grammar import SKIP, load_grammar
from tinyir.text.parser import StatementError, describe_token, skip_blanks
from tinyir.text.phrases import PhraseBook
from tinyir.text.value_reader import ValueReader

Use = tuple[str, int]
"""The name of a value or block where it is used, and its offset."""
Argument = tuple[str, Type, Location | None, int]
"""A block argument to be: name, type, location, offset."""


@cache
def token_pattern(terminal: str) -> re.Pattern[str]:
    """A terminal of the grammar, after blanks."""
    return re.compile(f"{SKIP}({load_grammar().terminals[terminal]})")


@cache
def literal_pattern(literal: str) -> re.Pattern[str]:
    """A keyword or punctuation, after blanks; a keyword must not go on as a longer word."""
    end = r"(?![\w$.])" if literal[-1].isalnum() else ""
    return re.compile(f"{SKIP}({re.escape(literal)}{end})")


_SIMPLE_TYPE = re.compile(SKIP + r"((?:tensor|memref|vector)<[\w?*]+>|index|[su]?i(?:0|[1-9]\d*)|bf16|f\d+)(?![\w$.])(?!\s*->)")
"""Types that are common enough to be looked up by their text."""
_SIMPLE_NUMBER = re.compile(SKIP + r"(-?[0-9][\w.+\-]*[ ]:[ ](?:index|[su]?i(?:0|[1-9]\d*)|f32|f64))(?![\w$.<])")
_SIMPLE_DICTIONARY = re.compile(SKIP + r'(\{[^{}"\n]*+(?:"[^"\\\n]*+"[^{}"\n]*+)*+\})')


class Cursor(ValueReader):
    """Reads tokens, types, attributes and lists of them at `position`, which moves on."""

    def __init__(self, source: SourceText, fast: bool = True) -> None:
        super().__init__(source, fast)
        self.phrases = PhraseBook()
        self.places: dict[str, Location] = {}

    # -- what the reader of operations adds

    @abstractmethod
    def read_region(self, owner: str, arguments: list[Argument]) -> Region:
        """Reads `{ ... }`; the first block has the given arguments."""

    @abstractmethod
    def use(self, name: str, type: Type | None, offset: int) -> Value:
        """The value of a name."""

    # -- tokens

    def expected(self, what: str) -> Exception:
        """The error that `what` does not stand here."""
        offset = self.end_of_line(skip_blanks(self.text, self.position))
        return self.failure(f"expected {what}, found {describe_token(self.text, offset)}", offset)

    def sees(self, literal: str) -> bool:
        """Whether a keyword or punctuation follows."""
        return literal_pattern(literal).match(self.text, self.position) is not None

    def skip(self, literal: str) -> bool:
        """Passes a keyword or punctuation if it follows."""
        match = literal_pattern(literal).match(self.text, self.position)
        if match is None:
            return False
        self.position = match.end()
        return True

    def expect(self, literal: str) -> None:
        """
        Raises:
            StatementError: something else follows.
        """
        if not self.skip(literal):
            raise self.expected(f"'{literal}'")

    def take(self, terminal: str) -> str | None:
        """The token of a terminal if one follows; `begin` becomes its offset."""
        match = token_pattern(terminal).match(self.text, self.position)
        if match is None:
            return None
        self.begin, self.position = match.start(1), match.end()
        return match.group(1)

    def need(self, terminal: str, what: str) -> str:
        """The token of a terminal.

        Raises:
            StatementError: something else follows.
        """
        token = self.take(terminal)
        if token is None:
            raise self.expected(what)
        return token

    # -- phrases

    def read_use(self) -> Use:
        return self.need("OPERAND", "an SSA operand"), self.begin

    def read_uses(self) -> list[Use]:
        """Any number of operands, with commas."""
        uses: list[Use] = []
        name = self.take("OPERAND")
        while name is not None:
            uses.append((name, self.begin))
            name = self.need("OPERAND", "an SSA operand") if self.skip(",") else None
        return uses

    def read_type(self) -> Type:
        match = _SIMPLE_TYPE.match(self.text, self.position)
        found: Type = self.read_value("type") if match is None else self.phrase("type", match.start(1), match.end(1))
        return found

    def read_types(self, count: int | None = None) -> list[Type]:
        """Types with commas: `count` of them, or as many as there are (at least one)."""
        types: list[Type] = []
        while count is None or len(types) < count:
            if types and not self.skip(","):
                break
            types.append(self.read_type())
        return types

    def read_type_list(self) -> list[Type]:
        """`(a, b)`."""
        self.expect("(")
        types = [] if self.sees(")") else self.read_types()
        self.expect(")")
        return types

    def read_results(self) -> list[Type]:
        """A type, or `(a, b)`, after an arrow."""
        return self.read_type_list() if self.sees("(") else [self.read_type()]

    def read_attribute(self) -> Attribute:
        match = _SIMPLE_NUMBER.match(self.text, self.position)
        found: Attribute = self.read_value("attribute") if match is None else self.phrase("attribute", match.start(1), match.end(1))
        return found

    def read_dictionary(self) -> dict[str, Attribute]:
        match = _SIMPLE_DICTIONARY.match(self.text, self.position)
        found: dict[str, Attribute] = self.read_value("dictionary") if match is None else self.phrase("dictionary", match.start(1), match.end(1))
        return found.copy()

    def read_location(self) -> Location | None:
        """`loc(...)` if it follows."""
        match = token_pattern("PLACE").match(self.text, self.position)
        if match is None and not self.sees("loc"):
            return None
        found = self.place(match.group(1), match.start(1)) if match is not None else None
        if match is None or found is None:
            found = self.read_value("location")
            assert isinstance(found, Location)
        else:
            self.position = match.end()
        return found

    def place(self, text: str, begin: int) -> Location | None:
        """The location that is written `loc(...)` at an offset; None if something is wrong with it.  `position` stays."""
        found = self.places.get(text)
        if found is None:
            if self.fast:
                found = self.plain_places.read(text)
            if found is None:
                found = self.whole("source_place", begin + len("loc("), begin + len(text) - 1)
            if found is not None:
                self.places[text] = found
        return found

    def phrase(self, kind: str, begin: int, end: int) -> Any:
        """The value of the symbol `kind` that begins at `begin`; `end` is where it should end.  Each text is read once."""
        text = self.text[begin:end]
        found = self.phrases.find(kind, text)
        if found is None:
            outer, self.used_alias = self.used_alias, False
            found = self.read(kind, begin)
            if self.position == end:
                self.phrases.keep(kind, text, found, self.used_alias)
            self.used_alias = self.used_alias or outer
        else:
            self.position = end
        return found

    def whole(self, kind: str, begin: int, end: int) -> Any:
        """The value of a phrase; None if it is wrong, or does not end at `end`.  `position` stays."""
        before = self.position
        try:
            found = self.phrase(kind, begin, end)
            return found if self.position == end else None
        except StatementError:
            return None
        finally:
            self.position = before

    def read_value(self, start: str) -> Any:
        """A symbol of the grammar at `position`, which moves behind it."""
        return self.read(start, self.position)
