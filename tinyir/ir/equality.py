"""Structural equality: the same operations in the same order, whatever the names and (unless asked) the locations."""

from __future__ import annotations

from tinyir.ir.operation import Block, Operation, Region, Value


def structurally_equal(first: Operation, second: Operation, locations: bool = False) -> bool:
    """Whether two operations, with all inside, differ in nothing but value names (and locations, unless asked).

    Operands from outside must be the same values.
    """
    return first_difference(first, second, locations) == ""


def first_difference(first: Operation, second: Operation, locations: bool = False) -> str:
    """The first thing in which two operations differ, with the way to it; empty if there is none."""
    return _Comparison(locations).operations(first, second, first.name)


def outer_pairs(first: Operation, second: Operation) -> list[tuple[Value, Value]] | None:
    """The values from outside that two operations use at the same places; None if they differ in more (attributes aside)."""
    comparison = _Comparison(False, attributes=False)
    if comparison.operation(first, second):
        return None
    return list(dict.fromkeys((left, right) for left, right, _ in comparison.waiting if comparison.values.get(left) is not right))


def regions_equal(first: Region, second: Region) -> bool:
    """Whether two regions differ in nothing but value names and locations; operands from outside must be the same values."""
    return _Comparison(False).regions(first, second) == ""


class _Comparison:
    """`values` and `blocks` map those of the first operation to their counterparts."""

    def __init__(self, locations: bool, attributes: bool = True) -> None:
        self.locations = locations
        self.attributes = attributes
        self.values: dict[Value, Value] = {}
        self.blocks: dict[Block, Block] = {}
        self.waiting: list[tuple[Value, Value, str]] = []

    def operations(self, first: Operation, second: Operation, path: str) -> str:
        return self._operation(first, second, path) or self._other_values()

    def operation(self, first: Operation, second: Operation) -> str:
        """As `operations`, whatever values from outside they use."""
        return self._operation(first, second, first.name)

    def regions(self, first: Region, second: Region) -> str:
        return self._region(first, second, "region") or self._other_values()

    def _other_values(self) -> str:
        """Where one side uses a value that is not the other's."""
        for left, right, where in self.waiting:
            if self.values.get(left, left) is not right:
                return f"{where}: another value is used"
        return ""

    def _operation(self, first: Operation, second: Operation, path: str) -> str:
        if first.name != second.name:
            return f"{path}: '{first.name}' against '{second.name}'"
        for what, left, right in (
            ("operand types", [v.type for v in first.operands], [v.type for v in second.operands]),
            ("result types", [v.type for v in first.results], [v.type for v in second.results]),
            ("number of regions", len(first.regions), len(second.regions)),
            ("number of successors", len(first.successors), len(second.successors)),
        ):
            if left != right:
                return f"{path}: {what} {left} against {right}"
        kinds = [("property", first.properties, second.properties), ("attribute", first.attributes, second.attributes)]
        for kind, mine, theirs in kinds if self.attributes else kinds[:1]:
            for name in sorted({*mine, *theirs}):
                if mine.get(name) is not theirs.get(name):
                    return f"{path}: {kind} '{name}' {mine.get(name)} against {theirs.get(name)}"
        if self.locations and str(first.location) != str(second.location):
            return f"{path}: location {first.location} against {second.location}"
        for index, (value, counterpart) in enumerate(zip(first.operands, second.operands, strict=True)):
            self.waiting.append((value, counterpart, f"{path}: operand {index}"))
        self._pair(first.results, second.results)
        for block, target in zip(first.successors, second.successors, strict=True):
            if self.blocks.get(block) is not target:
                return f"{path}: another successor"
        for number, (region, other) in enumerate(zip(first.regions, second.regions, strict=True)):
            found = self._region(region, other, f"{path}/region {number}")
            if found:
                return found
        return ""

    def _pair(self, mine: tuple[Value, ...], theirs: tuple[Value, ...]) -> None:
        self.values.update(zip(mine, theirs, strict=True))

    def _region(self, first: Region, second: Region, path: str) -> str:
        if len(first.blocks) != len(second.blocks):
            return f"{path}: {len(first.blocks)} blocks against {len(second.blocks)}"
        self.blocks.update(zip(first.blocks, second.blocks, strict=True))
        for number, (block, other) in enumerate(zip(first.blocks, second.blocks, strict=True)):
            found = self._block(block, other, f"{path}/block {number}" if len(first.blocks) > 1 else path)
            if found:
                return found
        return ""

    def _block(self, first: Block, second: Block, path: str) -> str:
        types = [a.type for a in first.arguments], [a.type for a in second.arguments]
        if types[0] != types[1]:
            return f"{path}: arguments {types[0]} against {types[1]}"
        if self.locations and [str(a.location) for a in first.arguments] != [str(a.location) for a in second.arguments]:
            return f"{path}: locations of arguments differ"
        self._pair(first.arguments, second.arguments)
        mine, theirs = first.operations, second.operations
        for number, (operation, other) in enumerate(zip(mine, theirs, strict=False)):
            found = self._operation(operation, other, f"{path}/{number} {operation.name}")
            if found:
                return found
        if len(mine) != len(theirs):
            return f"{path}: {len(mine)} operations against {len(theirs)}"
        return ""
