"""Pickling and copying of operations: flat, so that a module of any length fits the stack.

An operation that stands nowhere is written as tables of what is in it, in which values and blocks have numbers.  Everything that
stands inside it is written as its root and the way from there, so that `pickle.loads(pickle.dumps(value))` brings the whole
module along, as does `copy.deepcopy`.  Attributes, types and locations are interned again.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any

from tinyir.ir.operation import Block, BlockArgument, Operation, Region, Result, Value

Arguments = tuple[Any, ...]
Row = tuple[Any, ...]
"""One operation: name, operands, results, properties, attributes, blocks of each region, successors, location; numbers for values and blocks."""


class _Table:
    """Numbers for the values and blocks inside an operation, and one row for each operation."""

    def __init__(self, root: Operation) -> None:
        self.values: dict[Value, int] = {}
        self.blocks: list[Row] = []
        self.block_numbers: dict[Block, int] = {}
        self.rows: list[Row] = []
        self.places: list[int] = []
        operations = list(root.walk())
        for operation in operations:
            self._number(operation)
        for operation in operations:
            self._add(operation, root)

    def _number(self, operation: Operation) -> None:
        for result in operation.results:
            self.values[result] = len(self.values)
        for region in operation.regions:
            for block in region.blocks:
                self.block_numbers[block] = len(self.blocks)
                for argument in block.arguments:
                    self.values[argument] = len(self.values)
                self.blocks.append(tuple((self.values[a], a.type, a.name, a.location) for a in block.arguments))

    def _add(self, operation: Operation, root: Operation) -> None:
        outside = [operand for operand in operation.operands if operand not in self.values]
        if outside:
            raise ValueError(f"cannot pickle '{root.name}' alone: '{operation.name}' inside uses a value from outside")
        self.places.append(-1 if operation is root or operation.parent is None else self.block_numbers[operation.parent])
        self.rows.append(
            (
                operation.name,
                tuple(self.values[operand] for operand in operation.operands),
                tuple((self.values[result], result.type, result.name) for result in operation.results),
                dict(operation.properties),
                dict(operation.attributes),
                tuple(tuple(self.block_numbers[block] for block in region.blocks) for region in operation.regions),
                tuple(self.block_numbers[block] for block in operation.successors),
                operation.location,
            )
        )


def restore(rows: list[Row], places: list[int], blocks: list[Row]) -> Operation:
    """The operation that `_Table` took apart."""
    values: dict[int, Value] = {}
    made_blocks = [_restore_block(row, values) for row in blocks]
    operations = [_restore_operation(row, values, made_blocks) for row in rows]
    for operation, row, place in zip(operations, rows, places, strict=True):
        operation.operands = tuple(values[number] for number in row[1])
        if place >= 0:
            made_blocks[place].append(operation)
    return operations[0]


def _restore_block(row: Row, values: dict[int, Value]) -> Block:
    block = Block([type for _, type, _, _ in row])
    for argument, (number, _, name, location) in zip(block.arguments, row, strict=True):
        argument.name, argument.location = name, location
        values[number] = argument
    return block


def _restore_operation(row: Row, values: dict[int, Value], blocks: list[Block]) -> Operation:
    name, _, results, properties, attributes, regions, successors, location = row
    made = [Region([blocks[number] for number in region]) for region in regions]
    types = [type for _, type, _ in results]
    operation = Operation(name, (), types, properties, made, [blocks[number] for number in successors], attributes, location)
    for result, (number, _, hint) in zip(operation.results, results, strict=True):
        result.name = hint
        values[number] = result
    return operation


def reduce_operation(operation: Operation) -> tuple[Callable[..., Operation], Arguments]:
    """An operation that stands nowhere as tables, any other as the way to it."""
    if operation.parent is not None:
        root = _root(operation)
        return _operation_at, (root, list(root.walk()).index(operation))
    table = _Table(operation)
    return restore, (table.rows, table.places, table.blocks)


def reduce_block(block: Block) -> tuple[Callable[..., Block], Arguments]:
    """The way to a block from the operation that holds it."""
    owner = block.parent_operation
    if owner is None or block.parent is None:
        raise ValueError("cannot pickle a block that stands in no operation")
    return _block_at, (owner, owner.regions.index(block.parent), block.parent.blocks.index(block))


def reduce_region(region: Region) -> tuple[Callable[..., Region], Arguments]:
    """The way to a region."""
    if region.parent is None:
        raise ValueError("cannot pickle a region that belongs to no operation")
    return _region_at, (region.parent, region.parent.regions.index(region))


def reduce_result(result: Result) -> tuple[Callable[..., Result], Arguments]:
    """The way to a result."""
    return _result_at, (result.owner, result.index)


def reduce_argument(argument: BlockArgument) -> tuple[Callable[..., BlockArgument], Arguments]:
    """The way to a block argument."""
    return _argument_at, (argument.owner, argument.index)


def _root(operation: Operation) -> Operation:
    return next((above for above in operation.ancestors() if above.parent is None), operation)


def _operation_at(root: Operation, index: int) -> Operation:
    return list(root.walk())[index]


def _block_at(owner: Operation, region: int, index: int) -> Block:
    return owner.regions[region].blocks[index]


def _region_at(owner: Operation, index: int) -> Region:
    return owner.regions[index]


def _result_at(owner: Operation, index: int) -> Result:
    return owner.results[index]


def _argument_at(owner: Block, index: int) -> BlockArgument:
    return owner.arguments[index]


copyreg.pickle(Operation, reduce_operation)
copyreg.pickle(Block, reduce_block)
copyreg.pickle(Region, reduce_region)
copyreg.pickle(Result, reduce_result)
copyreg.pickle(BlockArgument, reduce_argument)
