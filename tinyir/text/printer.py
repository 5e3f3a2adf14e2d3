"""Prints operations in the forms that their dialects declare, or in MLIR's generic form.

What does not fit its form (it may be broken) is printed generic; nothing is verified and nothing fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from tinyir.ir.attributes import OpaqueAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.registry import definition_of
from tinyir.text.assembly import Form, form_of
from tinyir.text.attribute_texts import Texts
from tinyir.text.draft import UnprintableError
from tinyir.text.generic_printer import RESOURCES, GenericPrinter
from tinyir.text.location_aliases import LocationAliases, Places


class Printer(GenericPrinter):
    """Prints each operation in its own form."""

    def __init__(self, root: Operation, texts: Texts, places: Places | None) -> None:
        super().__init__(root, texts, places)
        self._forms: dict[str, Form | None] = {}

    def print_operation(self, operation: Operation, indent: str) -> None:
        form = self._form(operation.name)
        if form is None or None in operation.operands:
            self.print_generic(operation, indent)
            return
        count = len(self.lines)
        try:
            text = form.write(self, operation, indent)
        except UnprintableError:
            del self.lines[count:]
            self.print_generic(operation, indent)
            return
        self.lines.append(text if self.places is None else text + self.places[operation.location])

    def _form(self, name: str) -> Form | None:
        try:
            return self._forms[name]
        except KeyError:
            definition = definition_of(name)
            form = self._forms[name] = form_of(definition) if definition is not None else None
            return form


def print_module(operation: Operation, generic: bool = False, locations: bool = False, elide: int | None = None) -> str:
    """The text of an operation, with a newline at the end.

    `generic`: MLIR's generic form instead of the forms that dialects declare.  `locations`: with `loc(...)`, each under a short
    name that the text defines.  `elide`: dense constants of more elements than this are left out (such a text loses them when it
    is read).
    """
    return print_operations([operation], generic, locations, elide)


def print_operations(operations: Sequence[Operation], generic: bool = False, locations: bool = False, elide: int | None = None) -> str:
    """The text of some operations, one behind the other; as `print_module`.

    Where operations hold others, long types get names as well; one alone stays one line.
    """
    aliases = LocationAliases(operations) if locations else None
    texts = Texts(elide, has_aliases=any(operation.regions for operation in operations))
    lines: list[str] = []
    resources: list[str] = []
    for operation in operations:
        printer = (GenericPrinter if generic else Printer)(operation, texts, aliases.places if aliases is not None else None)
        printer.print_operation(operation, "")
        lines += printer.lines
        found = operation.attributes.get(RESOURCES)
        if isinstance(found, OpaqueAttribute):
            resources.append(found.text)
    early, late = (aliases.early, aliases.late) if aliases is not None else ((), ())
    return "\n".join([*texts.definitions, *early, *lines, *late, *resources, ""])


def write_module(operation: Operation, stream: TextIO, generic: bool = False, locations: bool = False, elide: int | None = None) -> None:
    """Writes the text of an operation to a stream."""
    stream.write(print_module(operation, generic, locations, elide))
