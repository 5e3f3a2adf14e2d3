"""Functions of the C level as skeletons with holes: what stays of a function without its literals and the arrays it reads."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from tinyir.dialects.buffer import referenced_symbol
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.operation import Operation, Value

Shape = tuple[object, ...]
Sums = Mapping[Operation, tuple[Value, tuple[Value, ...]]]
"""Additions that stand for one of a value and a hole: the value, and the addends that are the hole's content together."""


@attrs.frozen(eq=False)
class Hole:
    """An operand that is a literal or the address of a constant array."""

    operation: Operation
    operand: int
    content: Attribute

    @property
    def value(self) -> Value:
        return self.operation.operands[self.operand]


def shape(function: Operation, arrays: set[str], bound: Mapping[Value, Attribute] | None = None, sums: Sums | None = None) -> tuple[Shape, list[Hole]]:
    """A function as its skeleton and what fills its holes.

    `bound`: what its parameters, and values computed from them, stand for.  `sums`: additions that are taken as one.
    """
    return _Shape(function, arrays, bound or {}, sums or {}).found()


class _Shape:
    """One function on its way into a skeleton."""

    def __init__(self, function: Operation, arrays: set[str], bound: Mapping[Value, Attribute], sums: Sums) -> None:
        self.function = function
        self.arrays = arrays
        self.bound = bound
        self.sums = sums
        self.inner = _inner_additions(sums)
        self.number: dict[Value, int] = {}
        self.parts: list[object] = []
        self.holes: list[Hole] = []

    def found(self) -> tuple[Shape, list[Hole]]:
        for operation in self.function.body:
            self._visit(operation)
        return tuple(self.parts), self.holes

    def _visit(self, operation: Operation) -> None:
        if operation in self.inner or any(self._content(result) is not None for result in operation.results):
            return
        types = tuple(result.type for result in operation.results)
        self.parts.append((operation.name, self._operands(operation), types, tuple(sorted(operation.properties.items()))))
        for result in operation.results:
            self.number[result] = len(self.number)
        for region in operation.regions:
            for block in region.blocks:
                self.parts.append(("block", tuple(argument.type for argument in block.arguments)))
                for argument in block.arguments:
                    self.number[argument] = len(self.number)
                for inner in block:
                    self._visit(inner)
                self.parts.append("end")

    def _operands(self, operation: Operation) -> tuple[object, ...]:
        if operation not in self.sums:
            return tuple(self._operand(operation, place, value, self._content(value)) for place, value in enumerate(operation.operands))
        base, addends = self.sums[operation]
        numbers = [content.value for content in map(self._content, addends) if isinstance(content, IntegerAttribute)]
        total = IntegerAttribute(sum(numbers), operation.result.type)
        return self._operand(operation, 0, base, self._content(base)), self._operand(operation, 1, addends[0], total)

    def _operand(self, operation: Operation, place: int, value: Value, content: Attribute | None) -> object:
        if content is None:
            return self.number[value]
        self.holes.append(Hole(operation, place, content))
        return value.type

    def _content(self, value: Value) -> Attribute | None:
        """What a hole is filled with; None if the value is no hole."""
        definer = value.definer
        if definer is None or value in self.bound:
            return self.bound.get(value)
        if definer.name == "c.literal":
            return definer.properties["value"]
        if definer.name == "c.address" and referenced_symbol(definer, "name") in self.arrays:
            return definer.properties["name"]
        return None


def _inner_additions(sums: Sums) -> set[Operation]:
    """Those from the value up to the last addition, which is none of them."""
    found: set[Operation] = set()
    for last, (base, _) in sums.items():
        below = last.operands[0]
        while below is not base:
            assert below.definer is not None
            found.add(below.definer)
            below = below.definer.operands[0]
    return found
