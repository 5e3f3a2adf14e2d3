"""Prints operations in MLIR's generic form.

Nothing is verified here: broken IR prints too, with made-up names for what is defined nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinyir.ir.attribute import Attribute, quote
from tinyir.ir.attributes import UnitAttribute, spell_key
from tinyir.ir.location import UNKNOWN
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.text.attribute_texts import Texts
from tinyir.text.location_aliases import Places
from tinyir.text.names import MISSING, Names

RESOURCES = "builtin.resources"
"""The discardable attribute of a module that keeps the text of `{-# ... #-}`."""
_UNIT = UnitAttribute()


class GenericPrinter:
    """Collects the lines of one print.  `texts`: those of attributes and types; `places`: those of locations, None if they are not printed."""

    def __init__(self, root: Operation, texts: Texts, places: Places | None) -> None:
        self.texts = texts
        self.places = places
        self.names = Names(root)
        self.values = self.names.values
        self.lines: list[str] = []
        self._keys: dict[str, str] = {}
        self._quoted: dict[str, str] = {}

    def print_operation(self, operation: Operation, indent: str) -> None:
        """Appends the lines of an operation."""
        self.print_generic(operation, indent)

    # -- the generic form

    def print_generic(self, operation: Operation, indent: str) -> None:
        """Appends the lines of an operation in generic form."""
        values, texts, places = self.values, self.texts, self.places
        results, operands = operation.results, operation._operands
        try:
            uses = ", ".join([values[operand] for operand in operands])
            inputs = ", ".join([texts[operand.type] for operand in operands])
        except KeyError:  # an operand is defined elsewhere, or missing
            uses = ", ".join([self.names.of(operand) for operand in operands])
            inputs = self._types_text(operands)
        name = self._quoted.get(operation.name)
        if name is None:
            name = self._quoted[operation.name] = quote(operation.name)
        if len(results) == 1 and (result := values.get(results[0])) is not None:
            head = f"{indent}{result} = {name}({uses})"
        else:
            head = f"{indent}{self.results_text(operation) if results else ''}{name}({uses})"
        if operation.successors:
            head += f"[{', '.join(map(self.names.of_block, operation.successors))}]"
        if operation._properties:
            head += f" <{self.dictionary(operation._properties)}>"
        if len(results) == 1:
            outputs = texts[results[0].type]
            if outputs[0] == "(":
                outputs = f"({outputs})"
        else:
            outputs = f"({', '.join([texts[result.type] for result in results])})"
        place = "" if places is None else places[operation.location]
        tail = f" : ({inputs}) -> {outputs}{place}"
        attributes = operation._attributes
        if attributes and (len(attributes) > 1 or RESOURCES not in attributes):
            tail = f" {self.dictionary(attributes)}{tail}"
        if not operation.regions:
            self.lines.append(head + tail)
            return
        opening = f"{head} ({{"
        for region in operation.regions:
            self.lines.append(opening)
            self.print_region(region, indent)
            opening = f"{indent}}}, {{"
        self.lines.append(f"{indent}}}){tail}")

    def _types_text(self, values: Iterable[Value | None]) -> str:
        return ", ".join(MISSING if value is None else self.texts[value.type] for value in values)

    def results_text(self, operation: Operation) -> str:
        """`%0 = `, `%0:2 = ` or `%a, %b = `; empty without results."""
        results = operation.results
        if not results:
            return ""
        first = self.names.of(results[0])
        if len(results) == 1:
            return f"{first} = "
        if first.endswith("#0"):
            return f"{first[:-2]}:{len(results)} = "
        return f"{', '.join(map(self.names.of, results))} = "

    def dictionary(self, entries: dict[str, Attribute]) -> str:
        """`{a = 1, b}`, sorted by name."""
        texts, keys = self.texts, self._keys
        if len(entries) == 1:
            ((name, value),) = entries.items()
            if name in keys and value is not _UNIT and name != RESOURCES and isinstance(value, Attribute):
                return f"{{{keys[name]} = {texts[value]}}}"
        parts: list[str] = []
        for name, value in sorted(entries.items()) if len(entries) > 1 else entries.items():
            key = keys.get(name)
            if key is None:
                key = keys[name] = spell_key(name)
            if value is _UNIT:
                parts.append(key)
            elif name != RESOURCES:
                parts.append(f"{key} = {texts[value] if isinstance(value, Attribute) else self._strange(value)}")
        return f"{{{', '.join(parts)}}}"

    def _strange(self, value: object) -> str:
        """What is no attribute where one should be."""
        return MISSING if value is None else f"<<{value!r}>>"

    # -- regions

    def print_region(self, region: Region, indent: str) -> None:
        """Appends the blocks of a region; `indent` is that of the operation."""
        for position, block in enumerate(region.blocks):
            if position or block.arguments or block.first is None or is_targeted(region):
                self.lines.append(f"{indent}{self.block_header(block)}")
            self.print_block(block, indent + "  ")

    def print_body(self, region: Region, indent: str) -> None:
        """The same for a region whose first block is never empty of meaning: no label, its arguments are said elsewhere."""
        for position, block in enumerate(region.blocks):
            if position:
                self.lines.append(f"{indent}{self.block_header(block)}")
            self.print_block(block, indent + "  ")

    def print_block(self, block: Block, indent: str) -> None:
        """Appends the operations of a block."""
        operation = block.first
        while operation is not None:
            self.print_operation(operation, indent)
            operation = operation.next

    def block_header(self, block: Block) -> str:
        """`^bb0(%x: i32):`."""
        name = self.names.of_block(block)
        if not block.arguments:
            return f"{name}:"
        return f"{name}({', '.join(map(self.argument_text, block.arguments))}):"

    def argument_text(self, argument: Value) -> str:
        """`%x: i32`, with its location if these are printed."""
        text = f"{self.names.of(argument)}: {self.texts[argument.type]}"
        location = getattr(argument, "location", None)
        return f"{text}{self.places[location]}" if self.places is not None and location is not None else text

    def named_argument(self, argument: Value) -> str:
        """`%x`, with its location if these are printed, unless that is unknown."""
        name, location = self.names.of(argument), getattr(argument, "location", UNKNOWN)
        return name if self.places is None or location is UNKNOWN else f"{name}{self.places[location]}"


def is_targeted(region: Region) -> bool:
    """Whether the first block of a region is a successor of a block in it."""
    first = region.blocks[0]
    return any(block.last is not None and first in block.last.successors for block in region.blocks)
