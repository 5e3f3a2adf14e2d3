"""A builder with explicit insertion points: every operation that it creates goes where it says.

    build = Builder.at_end(function.body)
    a = build.apply("graph.relu", function.body.arguments[0])
    b = build.apply("graph.max_pool2d", a, kernel=(2, 2), stride=(2, 2))
    build.create("func.return", [b])
    Builder.before(a.owner).apply(...)         # anywhere else, at any time: nothing is opened or closed
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import StringAttribute, SymbolReference, TypeAttribute
from tinyir.ir.conversion import attribute_of
from tinyir.ir.errors import InstanceError, TinyirError, did_you_mean
from tinyir.ir.location import UNKNOWN, Location
from tinyir.ir.operation import Block, Operation, Region, Result, Value
from tinyir.ir.registry import definition_of, known_operations
from tinyir.ir.types import FunctionType, Type


class Builder:
    """Creates operations at one place: before `anchor`, or at the end of `block` if there is no anchor.

    `location` is given to every operation that names none.
    """

    __slots__ = ("anchor", "block", "location")

    def __init__(self, block: Block, anchor: Operation | None = None, location: Location = UNKNOWN) -> None:
        self.block = block
        self.anchor = anchor
        self.location = location

    @classmethod
    def at_end(cls, block: Block, location: Location = UNKNOWN) -> Builder:
        return cls(block, None, location)

    @classmethod
    def at_start(cls, block: Block, location: Location = UNKNOWN) -> Builder:
        return cls(block, block.first, location)

    @classmethod
    def before(cls, operation: Operation) -> Builder:
        """Before an operation, with its location."""
        assert operation.parent is not None
        return cls(operation.parent, operation, operation.location)

    @classmethod
    def after(cls, operation: Operation) -> Builder:
        """After an operation, with its location."""
        assert operation.parent is not None
        return cls(operation.parent, operation.next, operation.location)

    def insert(self, operation: Operation) -> Operation:
        if self.anchor is None:
            return self.block.append(operation)
        return self.block.insert_before(self.anchor, operation)

    def create(
        self,
        name: str,
        operands: Sequence[Value] = (),
        result_types: Sequence[Type] = (),
        properties: dict[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
        attributes: dict[str, Attribute] | None = None,
        location: Location | None = None,
    ) -> Operation:
        """Creates and inserts an operation."""
        where = self.location if location is None else location
        return self.insert(Operation(name, operands, result_types, properties, regions, successors, attributes, where))


    def apply(self, name: str, *operands: Value, **properties: object) -> Result:
        """The one result of a new operation, whose type follows from its operands and properties (Python values, see `attribute_of`).

        Raises:
            TinyirError: the types do not follow (use `create`), or the operands and properties do not fit.
        """
        given = {key: attribute_of(value) for key, value in properties.items()}
        return self.create(name, operands, infer_types(name, operands, given), given).result


def infer_types(name: str, operands: Sequence[Value], properties: dict[str, Attribute]) -> list[Type]:
    """The result types of an operation, from its definition.

    Raises:
        TinyirError: there is no such operation, its definition does not tell, or the operands and properties do not fit.
    """
    definition, types = definition_of(name), [operand.type for operand in operands]
    if definition is None:
        raise TinyirError(f"unknown operation '{name}'", hint=did_you_mean(name, known_operations(name.partition(".")[0])))
    if definition.infer is not None:
        try:
            return definition.infer(types, properties)
        except InstanceError as error:
            raise TinyirError(str(error)) from error
    if "same_type" in definition.traits and types and definition.results is not None:
        return types[:1] * len(definition.results)
    raise TinyirError(f"the result types of '{name}' do not follow from its operands", hint="give them: create(name, operands, result_types)")


def create_module(location: Location = UNKNOWN) -> Operation:
    """An empty `builtin.module`."""
    return Operation("builtin.module", regions=[Region([Block()])], location=location)


def create_function(
    module: Operation, name: str, inputs: Sequence[Type], results: Sequence[Type], location: Location = UNKNOWN
) -> Operation:
    """Appends an empty `func.func @name` with one block to a module."""
    function = Operation(
        "func.func",
        properties={
            "sym_name": StringAttribute(name),
            "function_type": TypeAttribute(FunctionType(inputs, results)),
        },
        regions=[Region([Block(inputs)])],
        location=location,
    )
    return module.body.append(function)


def functions(module: Operation) -> list[Operation]:
    """The `func.func` operations of a module, in order."""
    return [operation for operation in module.body if operation.name == "func.func"]


def find_symbol(module: Operation, reference: SymbolReference | str) -> Operation | None:
    """The operation of the module's body whose `sym_name` is the reference's root."""
    wanted = reference if isinstance(reference, str) else reference.path[0]
    body = module.body
    known = body.symbols.get(wanted) if body.symbols is not None else None
    if known is None or known.parent is not body or _symbol(known) != wanted:
        body.symbols = {}
        for operation in body:
            name = _symbol(operation)
            if name is not None:
                body.symbols.setdefault(name, operation)
        known = body.symbols.get(wanted)
    return known


def _symbol(operation: Operation) -> str | None:
    name = operation.properties.get("sym_name")
    return name.value if isinstance(name, StringAttribute) else None
