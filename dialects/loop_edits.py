"""Edits of loop nests that several passes make: index values replaced by affine expressions of others."""

from __future__ import annotations

from collections.abc import Mapping

from tinyir.dialects import loop
from tinyir.ir.affine import AffineDimension, AffineExpression, AffineMap, AffineSet, used_dimensions
from tinyir.ir.operation import Operation, Value

Index = tuple[AffineExpression, tuple[Value, ...]]
"""An index as an affine expression over values."""


def clone_substituted(operation: Operation, values: dict[Value, Value], known: Mapping[Value, Index]) -> Operation:
    """A copy whose operands are replaced by `values` (which gains the copy's), and index values in `known` by expressions."""
    copy = operation.clone(values)
    for inner in copy.walk():
        if any(operand in known for operand in inner.operands):
            substitute(inner, known)
    return copy


def substitute(operation: Operation, known: Mapping[Value, Index]) -> None:
    """Composes the maps of one operation with the index expressions of its operands."""
    if operation.name == "loop.for":
        lower, low = substituted(loop.lower_map(operation).results, loop.lower_operands(operation), known)
        upper, high = substituted(loop.upper_map(operation).results, loop.upper_operands(operation), known)
        initial = loop.initial_values(operation)
        operation.properties["lower_map"] = AffineMap(len(low), 0, lower)
        operation.properties["upper_map"] = AffineMap(len(high), 0, upper)
        operation.operands = [*low, *high, *initial]
        operation.properties["operandSegmentSizes"] = loop.segment_sizes(len(low), len(high), len(initial))
    elif operation.name == "loop.if":
        condition = operation.properties["condition"]
        assert isinstance(condition, AffineSet)
        results, operands = substituted([e for e, _ in condition.constraints], operation.operands, known)
        constraints = [(e, equal) for e, (_, equal) in zip(results, condition.constraints, strict=True)]
        operation.properties["condition"] = AffineSet(len(operands), 0, constraints)
        operation.operands = operands
    else:
        leading = {"loop.read": 1, "loop.define": 2, "loop.index": 0}[operation.name]
        results, operands = substituted(loop.access_map(operation).results, operation.operands[leading:], known)
        operation.properties["map"] = AffineMap(len(operands), 0, results)
        operation.operands = [*operation.operands[:leading], *operands]


def substituted(
    expressions: tuple[AffineExpression, ...] | list[AffineExpression], operands: tuple[Value, ...], known: Mapping[Value, Index]
) -> tuple[list[AffineExpression], list[Value]]:
    """The expressions with known operands replaced, over a list of the distinct values that they still use."""
    merged: dict[Value, int] = {}

    def dimension(value: Value) -> AffineExpression:
        return AffineDimension(merged.setdefault(value, len(merged)))

    replacements: list[AffineExpression] = []
    for operand in operands:
        if operand in known:
            expression, inner = known[operand]
            replacements.append(expression.replace([dimension(value) for value in inner]))
        else:
            replacements.append(dimension(operand))
    replaced = [expression.replace(replacements) for expression in expressions]
    used = sorted(set().union(*map(used_dimensions, replaced)))
    positions = {old: AffineDimension(new) for new, old in enumerate(used)}
    values = list(merged)
    compact = [positions.get(i, AffineDimension(i)) for i in range(len(values))]
    return [expression.replace(compact) for expression in replaced], [values[i] for i in used]
