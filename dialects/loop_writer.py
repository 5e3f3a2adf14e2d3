"""Writes loops and accesses whose indices are affine expressions of other indices: what schedules are made of."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.dialects import loop
from tinyir.dialects.loop_edits import Index
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, AffineSet
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import Type


def index_of(value: Value) -> Index:
    """An index as it is."""
    return AffineDimension(0), (value,)


def constant_index(value: int) -> Index:
    return AffineConstant(value), ()


def combined(expression: AffineExpression, indices: Sequence[Index]) -> Index:
    """An expression whose dimension i is `indices[i]`."""
    results, values = joined(indices)
    return expression.replace(results), tuple(values)


def added(first: Index, second: Index) -> Index:
    """The sum of two indices."""
    return combined(AffineDimension(0) + AffineDimension(1), [first, second])


def joined(indices: Sequence[Index]) -> tuple[list[AffineExpression], list[Value]]:
    """Several indices as expressions over one list of values."""
    positions: dict[Value, AffineExpression] = {}
    for _, values in indices:
        for value in values:
            positions.setdefault(value, AffineDimension(len(positions)))
    return [expression.replace([positions[value] for value in values]) for expression, values in indices], list(positions)


def map_of(indices: Sequence[Index]) -> tuple[AffineMap, list[Value]]:
    results, values = joined(indices)
    return AffineMap(len(values), 0, results), values


def read(builder: Builder, tensor: Value, indices: Sequence[Index]) -> Value:
    """The element of a tensor at some indices."""
    return loop.create_read(builder, tensor, *map_of(indices))


def define(builder: Builder, value: Value, tensor: Value, indices: Sequence[Index]) -> None:
    loop.create_define(builder, value, tensor, *map_of(indices))


def for_each(builder: Builder, limits: Sequence[Index], label: str, *, start: int = 0, initial: Sequence[Value] = (), parallel: bool = True) -> Operation:
    """A loop from `start` to below the least of the limits.  Its body is empty: what carries nothing already ends in a `loop.yield`."""
    upper = map_of(limits)
    made = loop.create_for(builder, (AffineMap.constant(start), ()), upper, initial, parallel=parallel, label=label)
    if not initial:
        Builder.at_end(made.body, builder.location).create("loop.yield")
    return made


def limits_of_block(most: int, count: int, blocks: int, block: Index) -> list[Index]:
    """The limits of a loop over what a block holds: `most` of them, and in the last of so many blocks what is left of `count`."""
    limits = [constant_index(most)]
    if blocks * most > count:
        limits.append(combined(count - AffineDimension(0) * most, [block]))
    return limits


def inside(made: Operation) -> tuple[Builder, Index]:
    """Where the body of a loop of `for_each` goes on, and its index."""
    return Builder(made.body, made.body.last, made.location), index_of(loop.induction_variable(made))


def branch(builder: Builder, conditions: Sequence[Index], types: Sequence[Type]) -> tuple[Operation, Builder, Builder]:
    """A `loop.if` (all conditions >= 0) with builders for both branches, which still need their `loop.yield`."""
    results, values = joined(conditions)
    condition = AffineSet(len(values), 0, [(result, False) for result in results])
    regions = [loop.create_region(), loop.create_region()]
    made = builder.create("loop.if", values, list(types), {"condition": condition}, regions)
    return made, Builder.at_end(regions[0].block, builder.location), Builder.at_end(regions[1].block, builder.location)


def literal(builder: Builder, value: int, type: Type) -> Value:
    """An integer constant."""
    return builder.create("arith.constant", [], [type], {"value": IntegerAttribute(value, type)}).result
