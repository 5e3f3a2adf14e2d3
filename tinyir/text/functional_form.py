"""The form of operations without a format: `%y = graph.conv2d(%x, %w) {stride = [2, 2]} : (...) -> ...`."""

from __future__ import annotations

import attrs

from tinyir.ir.operation import Operation, Value
from tinyir.ir.record import Record
from tinyir.ir.registry import OperationDefinition
from tinyir.text.assembly_parts import AttributeDictionary, Signature
from tinyir.text.cursor import Cursor
from tinyir.text.draft import Draft, Groups, Line
from tinyir.text.generic_printer import GenericPrinter
from tinyir.text.region_parts import Successors

_ALL = Groups(["operands"], [True])
_DICTIONARY = AttributeDictionary(frozenset())
_SIGNATURE = Signature()
_SUCCESSORS = Successors()


@attrs.frozen(eq=False, repr=False)
class FunctionalForm(Record):
    """`name(operands)[successors] {properties and attributes} ({regions}) : (types) -> types`."""

    definition: OperationDefinition

    def write(self, printer: GenericPrinter, operation: Operation, indent: str) -> str:
        """The last line of the operation; the lines before are the printer's.

        Raises:
            UnprintableError: a property is not declared.
        """
        uses = ", ".join(map(printer.names.of, operation.operands))
        line = Line(printer, operation, self.definition, indent, f"{indent}{printer.results_text(operation)}{operation.name}({uses})")
        if operation.successors:
            line.text += "["
            _SUCCESSORS.write(line, operation)
            line.text = line.text.replace("[ ", "[") + "]"
        _DICTIONARY.write(line, operation)
        if operation.regions:
            line.text += " ("
            for index, region in enumerate(operation.regions):
                printer.lines.append(f"{line.text}{', ' if index else ''}{{")
                printer.print_region(region, indent)
                line.text = f"{indent}}}"
            line.text += ")"
        line.literal(":")
        _SIGNATURE.write(line, operation)
        return line.text

    def read(self, reader: Cursor) -> tuple[Draft, list[Value]]:
        """What follows the operation's name, and its operands.

        Raises:
            StatementError: the text is wrong.
        """
        draft = Draft(reader, self.definition, _ALL)
        reader.expect("(")
        draft.uses[0] = reader.read_uses()
        reader.expect(")")
        if reader.skip("["):
            _SUCCESSORS.read(draft)
            reader.expect("]")
        _DICTIONARY.read(draft)
        if reader.skip("("):
            while not draft.regions or reader.skip(","):
                draft.regions.append(reader.read_region(self.definition.name, []))
            reader.expect(")")
        reader.expect(":")
        _SIGNATURE.read(draft)
        return draft, draft.operands()
