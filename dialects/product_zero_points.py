"""The zero point of a sum of products moves into its constant bias: where what pads x is the zero point too, no term is left out."""

from __future__ import annotations

from itertools import product

import numpy
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.dialects.product_nests import ProductNest, extent_of
from tinyir.interp.equations import dense_array
from tinyir.ir.attributes import DenseElements
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I32, TensorType
from tinyir.prove.obligations import Obligation
from tinyir.prove.zero_point import FoldedZeroPointClaim
from tinyir.rewrite.passes import PassContext


def fold_zero_point(nest: ProductNest, context: PassContext) -> bool:
    """Lets the sum of a nest with one loop over outputs start from a bias that takes x with its zero point; False if it cannot."""
    read, zero = nest.sum.operands[-1].definer, nest.x.shift
    if not zero or len(nest.outputs) != 1 or read is None or read.name != "loop.read":
        return False
    bias, weights = _constant(loop.accessed_tensor(read)), _constant(nest.w.tensor)
    places = _places(read, nest, ())
    terms = list(product(*(range(extent_of(fold)) for fold in nest.folds)))
    columns = [_places(nest.w.read, nest, term) for term in terms]
    if bias is None or weights is None or places is None or sorted(set(places)) != list(range(bias.size)) or len(places) != bias.size or None in columns:
        return False
    rows = numpy.stack([weights.reshape(-1)[column] - nest.w.shift for column in columns], axis=1)
    before = [int(bias.reshape(-1)[place]) for place in places]
    after = [value - zero * int(total) for value, total in zip(before, rows.sum(axis=1), strict=True)]
    if any(not I32.lowest <= value <= I32.greatest for value in after):
        return False
    where = ", ".join(nest.root.location.names) or "a sum of products"
    statement = f"zero point {zero} moves into {len(after)} biases of {len(terms)} terms"
    claim = FoldedZeroPointClaim(rows, zero, tuple(before), tuple(after))
    if context.ledger.add(Obligation("rule", where, statement, claim)).state != "proved":
        return False
    _replace(read, [after[places.index(place)] for place in range(len(places))])
    return True


def _constant(tensor: Value) -> NDArray[numpy.int64] | None:
    """The elements of a constant of integers."""
    value = tensor.definer.properties.get("value") if tensor.definer is not None and tensor.definer.name == "arith.constant" else None
    return dense_array(value).astype(numpy.int64) if isinstance(value, DenseElements) else None


def _places(read: Operation, nest: ProductNest, term: tuple[int, ...]) -> list[int] | None:
    """For each output the number of the element that is read at a term of the sum; None if that depends on more."""
    known: dict[Value, int] = {loop.induction_variable(fold): index for fold, index in zip(nest.folds, term, strict=False)}
    output, type = loop.induction_variable(nest.outputs[0]), loop.accessed_tensor(read).type
    assert isinstance(type, TensorType)
    found = []
    for number in range(extent_of(nest.outputs[0])):
        values = [number if index is output else known.get(index) for index in loop.access_indices(read)]
        if None in values:
            return None
        place = 0
        for expression, extent in zip(loop.access_map(read).results, type.shape, strict=True):
            place = place * extent + expression.evaluate([value for value in values if value is not None])
        found.append(place)
    return found


def _replace(read: Operation, values: list[int]) -> None:
    """Lets a read read other values, of the same type."""
    tensor = loop.accessed_tensor(read)
    constant = tensor.definer
    assert constant is not None
    assert isinstance(tensor.type, TensorType)
    made = Builder.before(constant).create("arith.constant", [], [tensor.type], {"value": DenseElements.of(tensor.type, values)})
    made.result.name = tensor.name
    read.set_operand(read.operands.index(tensor), made.result)
    if not tensor.use_count:
        constant.erase()
