"""Both sides of a pretty form: the operation being read, piece by piece, and the line being written."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray
from tinyir.ir.operation import Operation, Region, Value
from tinyir.ir.registry import OperationDefinition
from tinyir.ir.types import I32, Type
from tinyir.text.cursor import Argument, Cursor, Use
from tinyir.text.generic_printer import GenericPrinter, is_targeted

SEGMENTS = "operandSegmentSizes"


class UnprintableError(Exception):
    """The operation does not have the shape that its pretty form tells: it is printed in generic form."""


class Groups:
    """The operands of an operation by name: a name stands for one operand or, variadic, for any number."""

    __slots__ = ("has_segments", "names", "variadic")

    def __init__(self, names: Sequence[str], variadic: Sequence[bool]) -> None:
        self.names = tuple(names)
        self.variadic = tuple(variadic)
        self.has_segments = sum(variadic) > 1

    def slice(self, operation: Operation, index: int) -> tuple[Value, ...]:
        """The operands of a group.

        Raises:
            UnprintableError: the operation has another number of operands.
        """
        counts = self._counts(operation)
        if sum(counts) != len(operation.operands) or min(counts, default=0) < 0:
            raise UnprintableError
        start = sum(counts[:index])
        return operation.operands[start : start + counts[index]]

    def _counts(self, operation: Operation) -> list[int]:
        if self.has_segments:
            sizes = operation.properties.get(SEGMENTS)
            if not isinstance(sizes, DenseArray) or sizes.element is not I32 or len(sizes.values) != len(self.names):
                raise UnprintableError
            counts = [int(size) for size in sizes.values]
            if any(count != 1 for count, variadic in zip(counts, self.variadic, strict=True) if not variadic):
                raise UnprintableError
            return counts
        rest = len(operation.operands) - len(self.names) + 1
        return [rest if variadic else 1 for variadic in self.variadic]


class Draft:
    """What has been read of an operation.  Types are None until they are known."""

    def __init__(self, reader: Cursor, definition: OperationDefinition, groups: Groups) -> None:
        self.reader = reader
        self.definition = definition
        self.groups = groups
        self.uses: list[list[Use]] = [[] for _ in groups.names]
        self.types: list[list[Type] | None] = [None] * len(groups.names)
        self.results: list[Type] | None = None
        self.properties: dict[str, Attribute] = {}
        self.attributes: dict[str, Attribute] = {}
        self.regions: list[Region] = []
        self.successors: list[Use] = []
        self.arguments: list[Argument] = []

    def operands(self) -> list[Value]:
        """The values used; where the form tells no type, that of the definition."""
        found: list[Value] = []
        for name, uses, types in zip(self.groups.names, self.uses, self.types, strict=True):
            if types is not None and len(types) != len(uses):
                what = f"'{name}' has {len(uses)} operands, {len(types)} types are given"
                raise self.reader.failure(what, uses[0][1] if uses else self.reader.position)
            found += [self.reader.use(use, types[i] if types is not None else None, offset) for i, (use, offset) in enumerate(uses)]
        if self.groups.has_segments:
            self.properties[SEGMENTS] = DenseArray([len(uses) for uses in self.uses], I32)
        return found


class Line:
    """What has been written of an operation: the current line; finished ones are with the printer."""

    def __init__(self, printer: GenericPrinter, operation: Operation, definition: OperationDefinition, indent: str, start: str) -> None:
        self.printer = printer
        self.operation = operation
        self.definition = definition
        self.indent = indent
        self.text = start
        self.written: set[str] = set()
        self.regions_written = 0
        self.named_arguments = 0
        self._tight = False
        self._after_value = False

    def value(self, text: str) -> None:
        """Adds a name, an attribute or a type."""
        if text:
            self.text += text if self._tight else f" {text}"
            self._tight, self._after_value = False, True

    def literal(self, text: str) -> None:
        """Adds a keyword or punctuation with the blanks that belong around it."""
        opens = text in ("(", "[", "<")
        closes = text in (")", "]", ">", ",")
        if closes or self._tight or (opens and self._after_value):
            self.text += text
        else:
            self.text += f" {text}"
        self._tight = opens
        self._after_value = text in (")", "]", ">")

    def call(self, name: str) -> None:
        """Adds a keyword with a parenthesis behind it."""
        self.literal(name)
        self._after_value = True
        self.literal("(")

    def region(self, region: Region) -> None:
        """Adds ` {`, the lines of a region, `}`.

        Raises:
            UnprintableError: it has no block, or its first block needs a label.
        """
        blocks = region.blocks
        named, self.named_arguments = self.named_arguments, 0
        self.regions_written += 1
        if not blocks or (named and (is_targeted(region) or len(blocks[0].arguments) != named)):
            raise UnprintableError
        self.printer.lines.append(f"{self.text} {{")
        if is_targeted(region) or (blocks[0].arguments and not named):
            self.printer.print_region(region, self.indent)
        else:
            self.printer.print_body(region, self.indent)
        self.text = f"{self.indent}}}"
        self._tight, self._after_value = False, True
