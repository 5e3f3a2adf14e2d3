"""What a nest of loops computes, as the schedules of `specs/schedules` tell nests apart: by its equations, not by where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import attrs

from tinyir.dialects import loop
from tinyir.dialects.product_nests import ProductNest, beyond_bytes, find_product_nest, group_size, spare_bytes
from tinyir.dialects.product_rows import ProductTerms
from tinyir.ir.affine import AffineDimension, linear_terms
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import TensorType

CLASSES: Mapping[str, str] = {
    "product": "sums of products of bytes, one of them constant or not, for several positions: each weight and each x is used many times",
    "row": "the same for one position: each weight is used once",
    "depthwise": "the same where each output reads channels of its own, or a few outputs share a channel that no others read",
    "reduction": "any other nest with a fold: pools, means, products of other types",
    "elementwise": "a nest without a fold",
}
FACTS: Mapping[str, str] = {
    "positions": "how many times the weights are used: the product of the extents of the parallel loops that do not select weights",
    "outputs": "the product of the extents of the parallel loops that select weights (1 where there are none)",
    "terms": "how many terms the sum or fold of one result has (0 without a fold)",
    "groups": "how many groups of neighbouring outputs each read channels of their own (1 where all read the same)",
    "taps": "how many terms of a sum are not neighbours along the last axis of x: the places of its window (1 where there is no x)",
    "run": "how many terms of x are neighbours in memory, in their order (1 where there is no x)",
    "neighbours": "the extent of the innermost parallel loop around the sum",
    "loops": "how often the innermost loop of one sum is entered",
    "padded": "1 where some terms may be padding, else 0",
    "inputs": "how many elements of x one run of the nest reads (0 where there is no x)",
    "spare": "the bytes of memory that the nest may take beside the tensors, as far as that is known, else 0",
    "beyond": "those of them that are not free anyway",
}


@attrs.frozen
class NestFacts:
    """The class of a nest, and the numbers by which schedules choose."""

    kind: str
    positions: int
    outputs: int
    terms: int
    groups: int = attrs.field(default=1, eq=False)
    taps: int = attrs.field(default=1, eq=False)
    run: int = attrs.field(default=1, eq=False)
    neighbours: int = attrs.field(default=1, eq=False)
    loops: int = attrs.field(default=1, eq=False)
    padded: int = attrs.field(default=0, eq=False)
    inputs: int = attrs.field(default=0, eq=False)
    spare: int = attrs.field(default=0, eq=False)
    beyond: int = attrs.field(default=0, eq=False)

    @property
    def products(self) -> int:
        """The terms of all results together."""
        return self.positions * self.outputs * self.terms


def facts_of(root: Operation) -> NestFacts:
    """Of a nest by its outermost loop."""
    nest = find_product_nest(root, in_part=True)
    found = _other(root) if nest is None or not nest.outputs else _product(nest)
    return attrs.evolve(found, spare=spare_bytes(root) or 0, beyond=beyond_bytes(root))


def products_of(root: Operation) -> int:
    """The terms of all results of a nest together; where a schedule has rewritten it already the products that its sums are made of now."""
    if "schedule" not in root.attributes:
        return facts_of(root).products
    terms = [o for o in root.walk() if o.name == "arith.muli" and (around := o.parent_operation) is not None and around.name == "loop.for" and around.results]
    return sum(_count(each for each in term.ancestors() if each.name == "loop.for") for term in terms)


def _product(nest: ProductNest) -> NestFacts:
    positions, outputs, terms = (_count(each) for each in (nest.positions, nest.outputs, nest.folds))
    apart = nest.x.uses(nest.outputs) or (positions > 1 and _is_of_one_channel(nest))
    kind = "depthwise" if apart else "product" if positions > 1 else "row"
    loops, padded = _count(nest.folds[:-1]), int(any(nest.clip_conditions()))
    of_x = {"groups": _groups(nest), "taps": _taps(nest), "run": ProductTerms(nest, {}).neighbours, "inputs": _inputs(nest)}
    return NestFacts(kind, positions, outputs, terms, neighbours=_count(nest.loops[-1:]), loops=loops, padded=padded, **of_x)


def _groups(nest: ProductNest) -> int:
    return prod(_count([each]) // group_size(nest, each) for each in nest.x.uses(nest.outputs))


def _taps(nest: ProductNest) -> int:
    indices, last = loop.access_indices(nest.x.read), loop.access_map(nest.x.read).results[-1]
    along = {indices[term.position] for term in linear_terms(last) if isinstance(term, AffineDimension)}
    return _count(each for each in nest.folds if loop.induction_variable(each) not in along)


def _inputs(nest: ProductNest) -> int:
    """How many elements of x are read: of each axis those between the least and the greatest index, at most all."""
    type, indices = nest.x.tensor.type, loop.access_indices(nest.x.read)
    assert isinstance(type, TensorType)
    extents: dict[Value, int] = {loop.induction_variable(each): _count([each]) for each in (*nest.loops, *nest.folds)}
    count = 1
    for expression, size in zip(loop.access_map(nest.x.read).results, type.shape, strict=True):
        reach = 1
        for term, factor in linear_terms(expression).items():
            if not isinstance(term, AffineDimension):
                reach = size if term.constant_value is None else reach
            else:
                reach += abs(factor) * (extents.get(indices[term.position], 1) - 1)
        count *= min(reach, size)
    return count


def _is_of_one_channel(nest: ProductNest) -> bool:
    """Whether loops around the nest select the channel of x (and the weights) that all its sums slide over."""
    indices, weights = loop.access_indices(nest.x.read), loop.access_indices(nest.w.read)
    alone = {indices[e.position] for e in loop.access_map(nest.x.read).results if isinstance(e, AffineDimension)}
    selecting = alone - {loop.induction_variable(each) for each in (*nest.loops, *nest.folds)}
    return any(index in weights for index in selecting) and not any(loop.induction_variable(fold) in alone for fold in nest.folds)


def _other(root: Operation) -> NestFacts:
    """Extents that no constant bounds count as one."""
    nests = [operation for operation in root.walk() if operation.name == "loop.for"]
    folds = [nest for nest in nests if nest.results]
    parallel = [nest for nest in nests if nest not in folds]
    positions, neighbours = _count(parallel), _count(parallel[-1:])
    kind, terms = ("reduction", _count(folds)) if folds else ("elementwise", 0)
    return NestFacts(kind, positions, 1, terms, neighbours=neighbours, loops=_count(folds[:-1]))


def _count(loops: Iterable[Operation]) -> int:
    product = 1
    for each in loops:
        known = loop.index_range(each)
        product *= known[1] + 1 if known is not None else 1
    return product


def nest_root(nest: Operation) -> Operation:
    """The outermost of the parallel loops around a loop."""
    above = nest.parent_operation
    while above is not None and above.name == "loop.for" and loop.is_parallel(above):
        nest, above = above, above.parent_operation
    return nest
