"""The zero point of a sum of products moves into its constant bias: where what pads x is the zero point too, no term is left out."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.dialects.product_nests import ProductNest, constant_elements, extent_of
from tinyir.ir.attributes import DenseElements
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import TensorType
from tinyir.prove.obligations import Obligation
from tinyir.prove.zero_point import FoldedZeroPointClaim
from tinyir.rewrite.passes import PassContext


def fold_zero_point(nest: ProductNest, context: PassContext) -> bool:
    """Lets the sum of a nest with one loop over outputs start from a bias that takes x with its zero point; False if it cannot."""
    read, zero = nest.sum.operands[-1].definer, nest.x.shift
    if not zero or len(nest.outputs) != 1 or read is None or read.name != "loop.read":
        return False
    bias, rows, places = constant_elements(loop.accessed_tensor(read)), weight_rows(nest), _places(read, nest, ())
    if bias is None or rows is None or places is None or sorted(set(places)) != list(range(bias.size)) or len(places) != bias.size:
        return False
    claim = FoldedZeroPointClaim.of(rows, zero, bias.reshape(-1)[places])
    where = ", ".join(nest.root.location.names) or "a sum of products"
    if claim is None or context.ledger.add(Obligation("rule", where, claim.statement, claim)).state != "proved":
        return False
    _replace(read, [claim.folded[places.index(place)] for place in range(len(places))])
    return True


def weight_rows(nest: ProductNest) -> NDArray[np.int64] | None:
    """What a nest with one loop over outputs multiplies x by: a row for each output, its terms in their order; None if that is not constant."""
    weights = constant_elements(nest.w.tensor)
    terms = product(*(range(extent_of(fold)) for fold in nest.folds))
    columns = [_places(nest.w.read, nest, term) for term in terms]
    if weights is None or None in columns:
        return None
    return np.stack([weights.reshape(-1)[column] - nest.w.shift for column in columns], axis=1)


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
