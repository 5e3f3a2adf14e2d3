"""The reader of operations in generic form."""

from __future__ import annotations

import sys
from typing import Any

from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import did_you_mean
from tinyir.ir.location import Location
from tinyir.ir.operation import Operation, Value
from tinyir.ir.registry import OperationDefinition, definition_of, known_operations, load_dialect
from tinyir.ir.source import SourceText, TextLocation
from tinyir.ir.types import FunctionType
from tinyir.text.scope import Head
from tinyir.text.scope_reader import Names, ScopeReader


class OperationReader(ScopeReader):
    """Makes operations of the parts that the grammar finds.

    Whole phrases (a dictionary, a signature, a location) are read once for each different text.
    """

    def __init__(self, source: SourceText, fast: bool = True) -> None:
        super().__init__(source, fast)
        self.signatures: dict[str, FunctionType] = {}
        self._operation_definitions: dict[str, OperationDefinition | None] = {}

    # -- phrases

    def known_properties(self, parts: list[str]) -> dict[str, Attribute]:
        begin, end = self.begin + 1, self.begin + len(parts[0]) - 1
        found: dict[str, Attribute] = self.phrase("dictionary", begin, end)
        self.expect(">")
        return found.copy()

    def known_dictionary(self, parts: list[str]) -> dict[str, Attribute]:
        found: dict[str, Attribute] = self.phrase("dictionary", self.begin, self.begin + len(parts[0]))
        return found.copy()

    def known_signature(self, parts: list[str]) -> FunctionType:
        known = self.signatures.get(parts[0])
        if known is not None:
            return known
        found: FunctionType = self.phrase("function_type", self.begin + 1, self.begin + len(parts[0]))
        if self.position == self.begin + len(parts[0]):
            self.signatures[parts[0]] = found
        return found

    def known_place(self, parts: list[str]) -> Location:
        found: Location = self.phrase("source_place", self.begin + len("loc("), self.begin + len(parts[0]) - 1)
        self.expect(")")
        return found

    # -- parts

    def result(self, parts: list[Any]) -> tuple[str, int, int]:
        name, count = parts
        number = 1 if count is None else self.integer_value(count)
        if not 1 <= number <= 65536:
            raise self.failure(f"an operation cannot have {number} results", self.begin)
        return name, number, self.begin

    def results(self, parts: list[Any]) -> Names:
        return parts

    def operand_texts(self, parts: list[str]) -> list[tuple[str, int]]:
        inner = parts[0][1:-1].strip()
        begin = self.begin
        return [(name.strip(), begin) for name in inner.split(",")] if inner else []

    def uses(self, parts: list[str]) -> list[tuple[str, int]]:
        return [(name, self.begin) for name in parts]

    successors = uses

    def head(self, parts: list[Any]) -> Head:
        name, operands, successors, properties = parts
        return Head(sys.intern(self.text_of(name)), self.begin, operands or [], successors or [], properties)

    # -- the whole

    def operation(self, parts: list[Any]) -> None:
        names, head, regions, attributes, signature, location = parts
        offset = self.begin
        definition = self.definition(head.name, head.offset)
        operands = head.operands
        if len(operands) != len(signature.inputs):
            given, typed = len(operands), len(signature.inputs)
            raise self.failure(f"'{head.name}' has {given} operand{'s' * (given != 1)}, its type {typed}", head.offset)
        properties = head.properties
        if attributes and definition is not None:
            for name in [name for name in attributes if name in definition.property_names]:
                properties = {} if properties is None else properties
                properties[name] = attributes.pop(name)
        if properties and definition is not None and definition.defaults:
            definition.drop_defaults(properties)
        values: list[Value] = []
        value_of = self.value_of
        for (name, where), type in zip(operands, signature.inputs, strict=True):
            value = value_of.get(name)
            values.append(value if value is not None and value.type is type else self.use(name, type, where))
        operation = Operation(
            head.name,
            values,
            signature.results,
            properties or None,
            regions or (),
            [self.block_of(name, where) for name, where in head.successors] if head.successors else (),
            attributes or None,
            TextLocation(self.source, offset) if location is None else location,
        )
        self.append(operation)
        if names or operation.results:
            self.define_results(operation, names or [], offset)

    def definition(self, name: str, offset: int) -> OperationDefinition | None:
        """The definition of an operation; None in a dialect that nobody knows.

        Raises:
            StatementError: the dialect is known, the operation is not.
        """
        if name in self._operation_definitions:
            return self._operation_definitions[name]
        definition = definition_of(name)
        if definition is None:
            dialect = name.partition(".")[0]
            if load_dialect(dialect):
                hint = did_you_mean(name, known_operations(dialect))
                raise self.failure(f"dialect '{dialect}' has no operation '{name}'", offset, hint)
        self._operation_definitions[name] = definition
        return definition
