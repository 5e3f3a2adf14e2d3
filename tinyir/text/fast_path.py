"""The short cut for operations without regions in generic form on one line, in the common shape.

One regular expression, put together from the grammar's terminals, splits the statement; its phrases are looked up by
their text.  Whatever is unusual (a use before the definition, a type that does not fit, successors, several results) is
left to the grammar's tables, which also say what is wrong: the result is the same with and without the short cut.
"""

from __future__ import annotations

import re
from functools import cache

from tinyir.ir.attribute import Attribute
from tinyir.ir.location import Location
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.registry import OperationDefinition
from tinyir.ir.source import SourceText, TextLocation
from tinyir.ir.types import INDEX, IntegerType, Type
from tinyir.text.dense import LiteralError, number_attribute
from tinyir.text.grammar import SKIP, load_grammar
from tinyir.text.operation_reader import OperationReader
from tinyir.text.parser import StatementError

Known = tuple[str, frozenset[str], OperationDefinition | None]
"""An operation's name, the names of its properties, and its definition if that has defaults."""


@cache
def statement_pattern() -> re.Pattern[str]:
    """An operation without regions and successors, with at most one result."""
    terminal = load_grammar().terminals
    return re.compile(
        rf"""[ \t\r\n]*(?:({terminal["VALUE"]})[ ]=[ ])?"([\w.$\-]+)"({terminal["OPERANDS"]})"""
        rf"""(?:[ ]({terminal["PROPERTIES"]}))?(?:[ ]({terminal["DICTIONARY"]}))?[ ]({terminal["SIGNATURE"]})"""
        rf"""(?:[ ]({terminal["PLACE"]}))?(?!{SKIP}loc\b)"""
    )


_ONE_INTEGER = re.compile(r"<?\{([a-zA-Z_][\w$.]*) = (-?\d{1,18}) : (i(?:8|16|32|64)|index)\}>?")
_INTEGER_TYPES: dict[str, Type] = {"index": INDEX, **{f"i{width}": IntegerType(width) for width in (8, 16, 32, 64)}}


def one_integer(text: str) -> dict[str, Attribute] | None:
    """The dictionary `{name = 5 : i32}`: there are as many texts of constants as constants.  None for another text, and for a mistake."""
    match = _ONE_INTEGER.fullmatch(text)
    if match is None:
        return None
    name, value, type = match.groups()
    try:
        return {name: number_attribute(value, _INTEGER_TYPES[type])}
    except LiteralError:
        return None


class FastReader(OperationReader):
    """Reads runs of plain statements."""

    def __init__(self, source: SourceText, fast: bool = True) -> None:
        super().__init__(source, fast)
        self._match = statement_pattern().match
        self._known: dict[str, Known] = {}
        self._dictionaries: dict[str, dict[str, Attribute]] = {}

    def read_fast(self, position: int) -> int:
        """Reads the plain statements from `position` on; returns where the first other text begins."""
        text, source, value_of, frame = self.text, self.source, self.value_of, self.frame
        known_of, signature_of, dictionaries, places = self._known, self.signatures, self._dictionaries, self.places
        defined = frame.defined
        match = self._match(text, position)
        while match is not None:
            name, operation_name, operand_text, property_text, attribute_text, signature_text, place_text = match.groups()
            signature = signature_of.get(signature_text)
            known = known_of.get(operation_name)
            if signature is None or known is None:
                if not self._learn(match):
                    return position
                signature, known = signature_of[signature_text], known_of[operation_name]
            inputs, results = signature.inputs, signature.results
            if name is None:
                if results:
                    return position
            elif len(results) != 1 or name in value_of:
                return position
            operands: list[Value] = []
            if len(operand_text) > 2:
                names = operand_text[1:-1].split(", ")
                if len(names) != len(inputs):
                    return position
                for use, type in zip(names, inputs, strict=True):
                    value = value_of.get(use)
                    if value is None or value.type is not type:
                        return position
                    operands.append(value)
            elif inputs:
                return position
            properties = attributes = None
            if property_text is not None:
                properties = dictionaries.get(property_text) or self.dictionary_of(property_text, match.start(4))
                if properties is None:
                    return position
                properties = properties.copy()
                if known[2] is not None:
                    known[2].drop_defaults(properties)
            if attribute_text is not None:
                attributes = dictionaries.get(attribute_text) or self.dictionary_of(attribute_text, match.start(5))
                if attributes is None or (known[1] and not known[1].isdisjoint(attributes)):
                    return position
                attributes = attributes.copy()
            location: Location | None
            if place_text is None:
                location = TextLocation(source, match.start(1) if name is not None else match.start(2) - 1)
            else:
                location = places.get(place_text) or self.place(place_text, match.start(7))
                if location is None:
                    return position
            operation = Operation(known[0], operands, results, properties or None, (), (), attributes, location)
            if name is not None:
                result = operation.results[0]
                value_of[name] = result
                defined.append(name)
                if not name[1].isdigit():
                    result.name = name[1:]
            block = frame.block
            if block is None:
                block = frame.block = frame.region.add(Block())
            block.append(operation)
            position = match.end()
            match = self._match(text, position)
        return position

    def _learn(self, match: re.Match[str]) -> bool:
        """Reads the operation's name and signature for the first time; False if something is wrong with them."""
        name = match.group(2)
        try:
            definition = self.definition(name, match.start(2))
        except StatementError:
            return False
        if not self.learn_signature(match.group(6), match.start(6)):
            return False
        if definition is None:
            self._known[name] = (name, frozenset(), None)
        else:
            self._known[name] = (name, definition.property_names, definition if definition.defaults else None)
        return True

    def learn_signature(self, text: str, begin: int) -> bool:
        """Reads `: (types) -> types` at an offset; False if something is wrong with it."""
        found = self.whole("function_type", begin + 1, begin + len(text))
        if found is None:
            return False
        self.signatures[text] = found
        return True

    def dictionary_of(self, text: str, begin: int) -> dict[str, Attribute] | None:
        """What `{...}` or `<{...}>` at an offset holds, to be copied; None if something is wrong with it."""
        found = self._dictionaries.get(text)
        if found is None:
            bracket = len("<") if text[0] == "<" else 0
            found = one_integer(text) or self.whole("dictionary", begin + bracket, begin + len(text) - bracket)
            if found is not None:
                self._dictionaries[text] = found
        return found
