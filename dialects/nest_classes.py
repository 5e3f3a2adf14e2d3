"""What a nest of loops computes, as the schedules of `specs/schedules` tell nests apart: by its equations, not by where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from tinyir.dialects import loop
from tinyir.dialects.product_nests import ProductNest, find_product_nest
from tinyir.ir.affine import AffineDimension
from tinyir.ir.attributes import DenseElements, element_bytes
from tinyir.ir.operation import Operation

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
    "constants": "the bytes of all constants of the network, against which the code of a kernel is small or not",
}


@attrs.frozen
class NestFacts:
    """The class of a nest, and the numbers by which schedules choose."""

    kind: str
    positions: int
    outputs: int
    terms: int
    constants: int = attrs.field(default=0, eq=False)

    @property
    def products(self) -> int:
        """The terms of all results together."""
        return self.positions * self.outputs * self.terms


def facts_of(root: Operation) -> NestFacts:
    """Of a nest by its outermost loop."""
    nest = find_product_nest(root)
    found = _other(root) if nest is None or not nest.outputs else _product(nest)
    return attrs.evolve(found, constants=_constant_bytes(root))


def products_of(root: Operation) -> int:
    """The terms of all results of a nest together; where a schedule has rewritten it already the products that its sums are made of now."""
    if "schedule" not in root.attributes:
        return facts_of(root).products
    terms = [o for o in root.walk() if o.name == "arith.muli" and (around := o.parent_operation) is not None and around.name == "loop.for" and around.results]
    return sum(_count(each for each in term.ancestors() if each.name == "loop.for") for term in terms)


def _constant_bytes(root: Operation) -> int:
    """The bytes of the constants at the top of the function that a nest is in."""
    function = next((each for each in root.ancestors() if each.name == "func.func"), None)
    values = [o.properties["value"] for o in (function.body if function is not None else ()) if o.name == "arith.constant"]
    return sum(value.type.element_count * element_bytes(value.type.element) for value in values if isinstance(value, DenseElements))


def _product(nest: ProductNest) -> NestFacts:
    positions, outputs, terms = (_count(each) for each in (nest.positions, nest.outputs, nest.folds))
    if nest.x.uses(nest.outputs) or (positions > 1 and _is_of_one_channel(nest)):
        return NestFacts("depthwise", positions, outputs, terms)
    return NestFacts("product" if positions > 1 else "row", positions, outputs, terms)


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
    positions = _count(nest for nest in nests if nest not in folds)
    return NestFacts("reduction", positions, 1, _count(folds)) if folds else NestFacts("elementwise", positions, 1, 0)


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
