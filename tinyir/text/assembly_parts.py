"""The parts of a pretty form: each writes itself and reads itself, so that the two cannot differ."""

from __future__ import annotations

from abc import abstractmethod

import attrs

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    FloatAttribute,
    IntegerAttribute,
    OpaqueAttribute,
    StringAttribute,
    UnitAttribute,
    spell_symbol,
)
from tinyir.ir.errors import did_you_mean
from tinyir.ir.operation import Operation
from tinyir.ir.record import Record
from tinyir.ir.types import F64, I64, FloatType, FunctionType, Type
from tinyir.text.cursor import token_pattern
from tinyir.text.draft import Draft, Groups, Line, UnprintableError

UNIT = UnitAttribute()


@attrs.frozen(eq=False, repr=False)
class Part(Record):
    """A piece of a form.  `consumes`: the properties that it writes."""

    @property
    def consumes(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def write(self, line: Line, operation: Operation) -> None:
        """Adds the piece to the line.

        Raises:
            UnprintableError: the operation is not as the form tells.
        """

    @abstractmethod
    def read(self, draft: Draft) -> None:
        """Reads the piece into the draft.

        Raises:
            StatementError: something else stands there.
        """

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        """Whether an optional group must be written for this part; None: it does not matter."""
        return None

    def follows(self, draft: Draft) -> bool:
        """Whether the text goes on with this part (asked of the first part of an optional group)."""
        return True

    def skip(self, draft: Draft) -> None:
        """What the absence of the optional group means for this part."""


@attrs.frozen(eq=False, repr=False)
class Literal(Part):
    """A keyword or punctuation."""

    text: str

    def write(self, line: Line, operation: Operation) -> None:
        line.literal(self.text)

    def read(self, draft: Draft) -> None:
        draft.reader.expect(self.text)

    def follows(self, draft: Draft) -> bool:
        return draft.reader.sees(self.text)


@attrs.frozen(eq=False, repr=False)
class Operands(Part):
    """One operand, or a variadic group with commas; `type` if it is always the same."""

    groups: Groups
    index: int
    type: Type | None = None

    def write(self, line: Line, operation: Operation) -> None:
        values = self.groups.slice(operation, self.index)
        if self.type is not None and any(value.type is not self.type for value in values):
            raise UnprintableError
        line.value(", ".join(map(line.printer.names.of, values)))

    def read(self, draft: Draft) -> None:
        uses = draft.reader.read_uses() if self.groups.variadic[self.index] else [draft.reader.read_use()]
        draft.uses[self.index] = uses
        if self.type is not None:
            draft.types[self.index] = [self.type] * len(uses)

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        return bool(self.groups.slice(operation, self.index))

    def follows(self, draft: Draft) -> bool:
        return token_pattern("OPERAND").match(draft.reader.text, draft.reader.position) is not None


@attrs.frozen(eq=False, repr=False)
class Property(Part):
    """A property.  `kind`: "" any attribute; "symbol" a string as `@name`; "word" a string without quotes; "unit"
    written by its presence alone.  `type`: of a number written without it.  `default`: taken where nothing is written.
    """

    name: str
    kind: str = ""
    type: Type | None = None
    default: Attribute | None = None

    @property
    def consumes(self) -> tuple[str, ...]:
        return (self.name,)

    def write(self, line: Line, operation: Operation) -> None:
        value = operation.properties.get(self.name)
        if value is None:
            raise UnprintableError
        if self.kind == "unit":
            if value is not UNIT:
                raise UnprintableError
        elif self.kind:
            line.value(self._spell_string(value))
        elif self.type is None:
            line.value(typed_text(line, value))
        elif isinstance(value, IntegerAttribute | FloatAttribute) and value.type is self.type:
            line.value(value.literal)
        else:
            raise UnprintableError

    def _spell_string(self, value: Attribute) -> str:
        if not isinstance(value, StringAttribute):
            raise UnprintableError
        if self.kind == "symbol":
            return spell_symbol(value.value)
        match = token_pattern("WORD").fullmatch(value.value)
        if match is None:
            raise UnprintableError
        return value.value

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        value: Attribute
        if self.kind == "unit":
            value = UNIT
        elif self.kind == "symbol":
            value = StringAttribute(reader.symbol_name(reader.need("SYMBOL", "a symbol name")))
        elif self.kind == "word":
            value = StringAttribute(reader.need("WORD", "a name"))
        elif self.type is None:
            value = reader.read_attribute()
        else:
            value = self._read_number(draft, self.type)
        draft.properties[self.name] = value

    def _read_number(self, draft: Draft, type: Type) -> Attribute:
        reader = draft.reader
        text = reader.take("FLOAT") if isinstance(type, FloatType) else None
        text = text or reader.take("INTEGER")
        if text is None:
            raise reader.expected("a number")
        return reader.integer([text, type]) if "." not in text else reader.floating([text, type])

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        value = operation.properties.get(self.name)
        if value is None and self.default is not None:
            raise UnprintableError
        return value is not None and value is not self.default

    def follows(self, draft: Draft) -> bool:
        if self.kind in ("symbol", "word"):
            return token_pattern(self.kind.upper()).match(draft.reader.text, draft.reader.position) is not None
        return True

    def skip(self, draft: Draft) -> None:
        if self.default is not None:
            draft.properties[self.name] = self.default


def typed_text(line: Line, value: Attribute) -> str:
    """An attribute that tells its type even where that is the usual one."""
    text = line.printer.texts[value]
    is_number = isinstance(value, IntegerAttribute) and value.type is I64
    is_number |= isinstance(value, FloatAttribute) and value.type is F64 and ":" not in text
    return f"{text} : {value.type}" if is_number and isinstance(value, IntegerAttribute | FloatAttribute) else text


@attrs.frozen(eq=False, repr=False)
class Enumeration(Part):
    """An integer property of type i64 written as a word; `words[value]`."""

    name: str
    words: tuple[str, ...]

    @property
    def consumes(self) -> tuple[str, ...]:
        return (self.name,)

    def write(self, line: Line, operation: Operation) -> None:
        value = operation.properties.get(self.name)
        if not isinstance(value, IntegerAttribute) or value.type is not I64 or not 0 <= value.value < len(self.words):
            raise UnprintableError
        line.value(self.words[value.value])

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        word = reader.need("WORD", f"one of {', '.join(self.words)}")
        if word not in self.words:
            raise reader.failure(f"'{word}' is none of {', '.join(self.words)}", reader.begin, did_you_mean(word, self.words))
        draft.properties[self.name] = IntegerAttribute(self.words.index(word), I64)


@attrs.frozen(eq=False, repr=False)
class Flags(Part):
    """A property `#dialect.name<a, b>` written `name<a, b>` if it is there."""

    name: str
    mnemonic: str

    @property
    def consumes(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def word(self) -> str:
        return self.mnemonic.rpartition(".")[2]

    def write(self, line: Line, operation: Operation) -> None:
        value = operation.properties.get(self.name)
        if value is None:
            return
        start = f"#{self.mnemonic}<"
        if not isinstance(value, OpaqueAttribute) or not value.text.startswith(start):
            raise UnprintableError
        line.value(f"{self.word}<{value.text[len(start) :]}")

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        if not self.follows(draft):
            return
        reader.expect(self.word)
        reader.expect("<")
        begin = reader.position
        reader.read_value("soup")
        text = reader.text[begin : reader.position]
        reader.expect(">")
        draft.properties[self.name] = OpaqueAttribute(f"#{self.mnemonic}<{text}>")

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        return self.name in operation.properties

    def follows(self, draft: Draft) -> bool:
        return draft.reader.sees(self.word)


# -- types


@attrs.frozen(eq=False, repr=False)
class OperandTypes(Part):
    """The types of a group of operands."""

    groups: Groups
    index: int

    def write(self, line: Line, operation: Operation) -> None:
        line.value(types_text(line, [value.type for value in self.groups.slice(operation, self.index)]))

    def read(self, draft: Draft) -> None:
        count = len(draft.uses[self.index])
        draft.types[self.index] = draft.reader.read_types(count)

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        return bool(self.groups.slice(operation, self.index))


@attrs.frozen(eq=False, repr=False)
class ResultTypes(Part):
    """The types of the results: `count` of them, or any number."""

    count: int | None

    def write(self, line: Line, operation: Operation) -> None:
        if self.count is not None and len(operation.results) != self.count:
            raise UnprintableError
        line.value(types_text(line, [result.type for result in operation.results]))

    def read(self, draft: Draft) -> None:
        draft.results = draft.reader.read_types(self.count)

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        return bool(operation.results)

    def skip(self, draft: Draft) -> None:
        draft.results = []


@attrs.frozen(eq=False, repr=False)
class SameType(Part):
    """The one type that all operands and results have."""

    results: int

    def write(self, line: Line, operation: Operation) -> None:
        types = [value.type for value in (*operation.operands, *operation.results)]
        if not types or any(type is not types[0] for type in types) or len(operation.results) != self.results:
            raise UnprintableError
        line.value(line.printer.texts[types[0]])

    def read(self, draft: Draft) -> None:
        type = draft.reader.read_type()
        draft.types = [[type] * len(uses) for uses in draft.uses]
        draft.results = [type] * self.results


@attrs.frozen(eq=False, repr=False)
class Signature(Part):
    """`(operand types) -> result types`."""

    def write(self, line: Line, operation: Operation) -> None:
        inputs = tuple(value.type for value in operation.operands)
        line.value(line.printer.texts[FunctionType(inputs, tuple(result.type for result in operation.results))])

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        begin = reader.position
        types = reader.read_type_list()
        reader.expect("->")
        draft.results = reader.read_results()
        if len(types) != sum(map(len, draft.uses)):
            count = sum(map(len, draft.uses))
            raise reader.failure(f"{count} operand{'s' * (count != 1)} but {len(types)} operand types", begin)
        position = 0
        for index, uses in enumerate(draft.uses):
            draft.types[index] = types[position : position + len(uses)]
            position += len(uses)


def types_text(line: Line, types: list[Type]) -> str:
    texts = line.printer.texts
    return ", ".join([texts[type] for type in types])


# -- dictionaries


@attrs.frozen(eq=False, repr=False)
class AttributeDictionary(Part):
    """All properties that no other part writes, and the discardable attributes."""

    handled: frozenset[str]
    keyword: bool = False

    def write(self, line: Line, operation: Operation) -> None:
        names = line.definition.property_names
        entries = {name: value for name, value in operation.properties.items() if name not in self.handled}
        if not entries.keys() <= names or not names.isdisjoint(operation.attributes):
            raise UnprintableError
        entries.update(operation.attributes)
        text = line.printer.dictionary(entries) if entries else "{}"
        if text != "{}":
            if self.keyword:
                line.literal("attributes")
            line.value(text)

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        if not reader.skip("attributes") if self.keyword else not reader.sees("{"):
            return
        begin = reader.position
        for name, value in reader.read_dictionary().items():
            if name in self.handled:
                raise reader.failure(f"'{name}' has its own place in the form of '{draft.definition.name}'", begin)
            target = draft.properties if name in draft.definition.property_names else draft.attributes
            target[name] = value


@attrs.frozen(eq=False, repr=False)
class Optional(Part):
    """A group that is written only if one of its parts needs it, and read only if its first part follows."""

    parts: tuple[Part, ...]

    @property
    def consumes(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.consumes)

    def write(self, line: Line, operation: Operation) -> None:
        needed = [part.is_needed(line, operation) for part in self.parts]
        if any(needed):
            for part in self.parts:
                part.write(line, operation)

    def read(self, draft: Draft) -> None:
        if self.parts[0].follows(draft):
            for part in self.parts:
                part.read(draft)
            return
        for part in self.parts:
            part.skip(draft)


def default_attribute(text: str, type: Type) -> Attribute:
    """The attribute of a default in a format string."""
    if isinstance(type, FloatType):
        return FloatAttribute.of(float(text), type)
    return IntegerAttribute(int(text), type)
