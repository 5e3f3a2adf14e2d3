"""One rewrite in the making: operations are created aside, and take the place of the root only if the rewrite succeeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements
from tinyir.ir.conversion import attribute_of
from tinyir.ir.errors import Place
from tinyir.ir.location import UNKNOWN, Location, fuse
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.registry import definition_of, has_trait
from tinyir.ir.types import Type


class Edit:
    """What a rule matched and made.  Nothing changes in the program before `commit`."""

    __slots__ = ("created", "kept", "matched", "root")

    def __init__(self, root: Operation) -> None:
        self.root = root
        self.matched: tuple[Operation, ...] = (root,)
        self.created: list[Operation] = []
        self.kept: list[Operation] = []

    def create(
        self, name: str, operands: Sequence[Value], properties: Mapping[str, Attribute] | None = None, result_types: Sequence[Type] | None = None
    ) -> Operation:
        """An operation that will stand before the root; its result types follow from its definition unless they are given.

        Raises:
            InstanceError: the operands or properties do not fit the operator.
        """
        given = dict(properties or {})
        if result_types is None:
            definition = definition_of(name)
            assert definition is not None, name
            assert definition.infer is not None, name
            result_types = definition.infer([operand.type for operand in operands], given)
        operation = Operation(name, operands, result_types, given)
        self.created.append(operation)
        return operation

    def apply(self, name: str, operands: Sequence[Value], properties: Mapping[str, Attribute] | None = None, **more: object) -> Value:
        """The one result of a new operation; `more` are properties as Python values (`attribute_of`)."""
        given = {**(properties or {}), **{key: attribute_of(value) for key, value in more.items()}}
        return self.create(name, operands, given).result

    def definer(self, value: Value, name: str) -> Operation | None:
        """The operation of that name whose result the value is, which is now part of what is matched; None if it is another."""
        found = value.definer
        if found is None or found.name != name:
            return None
        if found not in self.matched:
            self.matched = (*self.matched, found)
        return found

    def constant(self, value: DenseElements, type: Type | None = None) -> Value:
        """A new `graph.constant`; `type` where it differs from the elements' (quantized)."""
        return self.create("graph.constant", (), {"value": value}, [value.type if type is None else type]).result

    def number(self, value: Attribute, type: Type) -> Value:
        """A new `arith.constant`."""
        operation = Operation("arith.constant", (), (type,), {"value": value})
        self.created.append(operation)
        return operation.results[0]

    def inline(self, body: Block, arguments: Sequence[Value]) -> tuple[Value, ...]:
        """The operations of a body once more, before the root, with values in the place of its arguments; what its terminator gives."""
        values: dict[Value, Value] = dict(zip(body.arguments, arguments, strict=True))
        for operation in body:
            if has_trait(operation, "terminator"):
                return tuple([values.get(operand, operand) for operand in operation.operands])
            self.created.append(operation.clone(values))
        return ()

    def repeat(
        self, like: Operation, operands: Sequence[Value], properties: Mapping[str, Attribute], bodies: Sequence[tuple[Block, Operation | None, Value | None]]
    ) -> tuple[Value, ...]:
        """The results of an operation of the name, result types and attributes of another one, whose bodies are copies.

        Of each body an operation may be left out: a value takes the place of its result.
        """
        regions = []
        for body, left_out, value in bodies:
            copy, values = Block([argument.type for argument in body.arguments]), dict[Value, Value]()
            values.update(zip(body.arguments, copy.arguments, strict=True))
            for old, new in zip(body.arguments, copy.arguments, strict=True):
                new.name = old.name
            if left_out is not None and value is not None:
                values[left_out.result] = value
            for operation in body:
                if operation is not left_out:
                    copy.append(operation.clone(values))
            regions.append(Region([copy]))
        types = [result.type for result in like.results]
        made = Operation(like.name, operands, types, dict(properties), regions, attributes=dict(like.attributes))
        for result, source in zip(made.results, like.results, strict=True):
            result.name = source.name
        self.created.append(made)
        return made.results

    def keep(self, value: Value) -> Value:
        """A value that a matched operation computes already, and that the right side would compute again."""
        definer = value.definer
        assert definer is not None
        self.kept.append(definer)
        return value

    def cancel(self) -> None:
        """Forgets all that was created."""
        for operation in self.created:
            operation.drop_references()
        self.created.clear()
        self.kept.clear()
        self.matched = (self.root,)

    def commit(self) -> None:
        """Puts the created operations before the root.

        Each takes the locations of the matched operations of its name; those of matched operations whose name has gone are
        added to the last one.  Operations that are kept stand for all that was matched.
        """
        if not self.created and not self.kept:
            return
        block = self.root.parent
        assert block is not None
        if len(self.matched) == 1 and len(self.created) == 1 and self.created[0].location is UNKNOWN:
            self.created[0].location = self.root.location
            block.insert_before(self.root, self.created[0])
            return
        by_name: dict[str, list[Location]] = {}
        for operation in self.matched:
            by_name.setdefault(operation.name, []).append(operation.location)
        everything = [operation.location for operation in self.matched]
        gone = [location for name, found in by_name.items() if all(c.name != name for c in self.created) for location in found]
        for created in self.created:
            extra = gone if created is self.created[-1] else []
            if created.location is not UNKNOWN:  # a copy out of a body: it is where it was
                block.insert_before(self.root, created)
                continue
            created.location = fuse(*by_name.get(created.name, () if extra else everything), *extra)
            block.insert_before(self.root, created)
        for kept in self.kept:
            kept.location = fuse(kept.location, *everything)


class Rewriter(Protocol):
    """A rule or a Python pattern, as the drivers see it."""

    @property
    def name(self) -> str: ...

    @property
    def roots(self) -> Sequence[str]:
        """The names of the operations at which it can match."""

    @property
    def depth(self) -> int:
        """The number of operations on the longest path of its pattern."""

    @property
    def place(self) -> Place: ...

    @property
    def statement(self) -> str:
        """What it claims, in one line."""

    @property
    def exact(self) -> bool:
        """Whether both sides are equal to the bit; else over the reals."""

    def rewrite(self, edit: Edit) -> Sequence[Value] | None:
        """The values that replace the root's results, or None if it does not match."""
