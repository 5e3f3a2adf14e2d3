"""Nests over rows written as nests over blocks of rows, so that a step of a stream makes several.

    loop.for %p = 0 to 25 parallel { ... define %a, %x[%p] }
=>
    loop.for %b = 0 to 7 parallel {                                                        // rows 4 * %b - 1 to 4 * %b + 2
      loop.for %p = max(0, 1 - 4 * %b) to min(4, 26 - 4 * %b) parallel { ... define %a, %x[4 * %b + %p - 1] } }

Blocks may begin before the first row (`shift`), so that a nest's rows come as soon as those that they are made from.
"""

from __future__ import annotations

from tinyir.dialects import loop
from tinyir.dialects.loop_edits import Index, substitute
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineMap
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value


def in_blocks(root: Operation, rows: int, shift: int) -> Operation:
    """Writes a loop over rows as one over blocks of so many rows, of which the first lacks `shift`; the loop over blocks."""
    bounds = loop.constant_bounds(root)
    assert bounds is not None
    blocks, variable = -(-(bounds[1] + shift) // rows), loop.induction_variable(root)
    start, parallel = AffineMap.constant(0), loop.is_parallel(root)
    outer = loop.create_for(Builder.before(root), (start, ()), (AffineMap.constant(blocks), ()), parallel=parallel, label="b")
    outer.location = root.location
    block = loop.induction_variable(outer)
    first = AffineDimension(0) * rows
    low = AffineMap(1, 0, [AffineConstant(0), shift - first]) if shift else AffineMap.constant(0)
    high = AffineMap(1, 0, [AffineConstant(rows), bounds[1] + shift - first]) if (bounds[1] + shift) % rows else AffineMap.constant(rows)
    inside = Builder.at_end(outer.body, root.location)
    inner = loop.create_for(
        inside, (low, [block] * low.dimensions), (high, [block] * high.dimensions), parallel=parallel, label=variable.name
    )
    place = loop.induction_variable(inner)
    row: dict[Value, Index] = {variable: (first + AffineDimension(1) - shift, (block, place))}
    for operation in list(root.body):
        operation.detach()
        inner.body.append(operation)
    for each in inner.walk():
        if each is not inner and any(operand is variable for operand in each.operands):
            substitute(each, row)
    inside.create("loop.yield")
    root.erase()
    return outer
