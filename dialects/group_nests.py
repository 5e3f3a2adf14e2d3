"""Sums of products of groups (of channels, heads, images): what selects both factors stands outermost, so that within it each moves alone."""

from __future__ import annotations

from math import prod

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index, clone_substituted, substitute
from tinyir.dialects.product_nests import ProductNest, extent_of, group_size
from tinyir.ir.affine import AffineDimension, AffineMap
from tinyir.ir.affine_interval import simplify
from tinyir.ir.builder import Builder
from tinyir.ir.operation import BlockArgument, Operation, Value

LEAST_OUTPUTS = 3
"""With fewer outputs in a group, copies of its terms would be used too seldom."""


def hoist(nest: ProductNest, least_outputs: int = LEAST_OUTPUTS) -> Operation:
    """Writes a nest again if it has loops that both factors move with, and such as only one of them does; its outermost loop."""
    of_x = nest.x.uses(nest.loops)
    sizes = {each: group_size(nest, each) for each in of_x if each in nest.outputs}
    groups = list(sizes)
    of_w = [each for each in nest.outputs if sizes.get(each) != 1]
    done = list(nest.loops[: len(groups)]) == groups and set(sizes.values()) == {1}
    outputs = prod(sizes.get(each) or extent_of(each) for each in of_w)
    if not groups or done or not of_w or outputs < least_outputs or all(each in groups for each in of_x):
        return nest.root
    builder = Builder.before(nest.root)
    known: dict[Value, Index] = {}
    made: list[Operation] = []

    def nested(extent: int, name: str) -> Index:
        nonlocal builder
        new = write.for_each(builder, [write.constant_index(extent)], name)
        made.append(new)
        builder, index = write.inside(new)
        return index

    for each, size in sizes.items():
        variable = loop.induction_variable(each)
        known[variable] = nested(extent_of(each) // size, variable.name if size == 1 else "g")
    for each in nest.loops:
        variable, size = loop.induction_variable(each), sizes.get(each, 0)
        if size > 1:
            known[variable] = write.combined(AffineDimension(0) * size + AffineDimension(1), [known[variable], nested(size, variable.name)])
        elif not size:
            known[variable] = nested(extent_of(each), variable.name)
    values: dict[Value, Value] = {}
    for operation in nest.body:
        if operation.name != "loop.yield":
            for new in builder.insert(clone_substituted(operation, values, known)).walk():
                _simplify(new)
    made[0].attributes.update(nest.root.attributes)
    nest.root.erase()
    return made[0]


def _simplify(access: Operation) -> None:
    """Takes out divisions that the loops' extents decide."""
    if access.name not in ("loop.read", "loop.define"):
        return
    map, extents = loop.access_map(access), [_extent(index) for index in loop.access_indices(access)]
    if None not in extents:
        access.properties["map"] = AffineMap(map.dimensions, 0, [simplify(e, [extent or 0 for extent in extents]) for e in map.results])
        substitute(access, {})  # only the indices that are still used


def _extent(index: Value) -> int | None:
    """The number of values from zero of an index, if it is a loop's."""
    nest = index.owner.parent_operation if isinstance(index, BlockArgument) else None
    known = loop.index_range(nest) if nest is not None and nest.name == "loop.for" else None
    return known[1] + 1 if known is not None and known[0] >= 0 else None
