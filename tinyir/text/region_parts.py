"""The parts of a pretty form that hold regions, name their arguments, or name successors."""

from __future__ import annotations

from typing import Any

import attrs

from tinyir.ir.location import Location
from tinyir.ir.operation import Block, Operation, Region
from tinyir.ir.types import Type
from tinyir.text.assembly_parts import Part, types_text
from tinyir.text.cursor import token_pattern
from tinyir.text.draft import Draft, Groups, Line, UnprintableError


@attrs.frozen(eq=False, repr=False)
class RegionPart(Part):
    """`{ ... }`, at least one block.  Left out in an optional group, the region has none."""

    index: int

    def write(self, line: Line, operation: Operation) -> None:
        line.region(operation.regions[self.index])

    def read(self, draft: Draft) -> None:
        region = draft.reader.read_region(draft.definition.name, draft.arguments)
        draft.arguments = []
        if not region.blocks:
            region.add(Block())
        draft.regions.append(region)

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        return bool(operation.regions[self.index].blocks)

    def follows(self, draft: Draft) -> bool:
        return draft.reader.sees("{")

    def skip(self, draft: Draft) -> None:
        draft.regions.append(Region())


@attrs.frozen(eq=False, repr=False)
class Successors(Part):
    """`^a, ^b`."""

    def write(self, line: Line, operation: Operation) -> None:
        line.value(", ".join(map(line.printer.names.of_block, operation.successors)))

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        draft.successors.append((reader.need("BLOCK", "a block name"), reader.begin))
        while reader.skip(","):
            draft.successors.append((reader.need("BLOCK", "a block name"), reader.begin))

    def is_needed(self, line: Line, operation: Operation) -> bool | None:
        return bool(operation.successors)

    def follows(self, draft: Draft) -> bool:
        return token_pattern("BLOCK").match(draft.reader.text, draft.reader.position) is not None


@attrs.frozen(eq=False, repr=False)
class Induction(Part):
    """The name of the first argument of the next region, of a fixed type."""

    type: Type

    def write(self, line: Line, operation: Operation) -> None:
        arguments = next_arguments(line, operation)
        if not arguments or arguments[0].type is not self.type:
            raise UnprintableError
        line.value(line.printer.named_argument(arguments[0]))
        line.named_arguments = 1

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        name, begin = reader.need("VALUE", "an SSA name"), reader.begin
        draft.arguments.append((name, self.type, reader.read_location(), begin))


@attrs.frozen(eq=False, repr=False)
class Iteration(Part):
    """`iter(%a = %x, %b = %y) -> (i32, i32)`: values carried from one iteration to the next.  Nothing without any."""

    groups: Groups
    index: int

    def write(self, line: Line, operation: Operation) -> None:
        initial = self.groups.slice(operation, self.index)
        arguments = next_arguments(line, operation)[line.named_arguments :]
        types = [value.type for value in initial]
        if [a.type for a in arguments] != types or [r.type for r in operation.results] != types:
            raise UnprintableError
        line.named_arguments += len(arguments)
        if initial:
            printer = line.printer
            pairs = ", ".join(f"{printer.named_argument(a)} = {printer.names.of(v)}" for a, v in zip(arguments, initial, strict=True))
            line.value(f"iter({pairs}) -> ({types_text(line, types)})")

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        draft.results = []
        draft.types[self.index] = []
        if not reader.skip("iter"):
            return
        reader.expect("(")
        names: list[tuple[str, Location | None, int]] = []
        while not names or reader.skip(","):
            name, offset = reader.need("VALUE", "an SSA name"), reader.begin
            names.append((name, reader.read_location(), offset))
            reader.expect("=")
            draft.uses[self.index].append(reader.read_use())
        reader.expect(")")
        reader.expect("->")
        begin = reader.position
        types = reader.read_results()
        if len(types) != len(names):
            raise reader.failure(f"{len(names)} values are carried, {len(types)} types given", begin)
        draft.types[self.index] = types
        draft.results = list(types)
        draft.arguments += [(name, type, location, offset) for (name, location, offset), type in zip(names, types, strict=True)]


def next_arguments(line: Line, operation: Operation) -> tuple[Any, ...]:
    """The arguments of the first block of the region that is written next.

    Raises:
        UnprintableError: there is no such block.
    """
    if line.regions_written >= len(operation.regions) or not operation.regions[line.regions_written].blocks:
        raise UnprintableError
    return operation.regions[line.regions_written].blocks[0].arguments


