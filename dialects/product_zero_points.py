"""The zero point of a sum of products moves into its constant bias: where what pads x is the zero point too, no term is left out."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.dialects import loop
from tinyir.dialects.product_nests import ProductNest, constant_elements, places_read, weight_elements
from tinyir.ir.attributes import DenseElements
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation
from tinyir.ir.types import TensorType
from tinyir.prove.obligations import Obligation
from tinyir.prove.zero_point import FoldedZeroPointClaim
from tinyir.rewrite.passes import PassContext


def folded_zero_point(nest: ProductNest) -> FoldedZeroPointClaim | None:
    """The bias that takes the zero point of x in a nest with one loop over outputs, whose bias has an element for each, in their order; None: there is none."""
    read, zero = nest.sum.operands[-1].definer, nest.x.shift
    if not zero or len(nest.outputs) != 1 or read is None or read.name != "loop.read":
        return None
    bias, weights, places = constant_elements(loop.accessed_tensor(read)), weight_elements(nest), places_read(read, nest.outputs)
    if bias is None or weights is None or places is None or places.tolist() != list(range(bias.size)):
        return None
    return FoldedZeroPointClaim.of(weights.reshape(len(places), -1), zero, bias.reshape(-1))


def fold_zero_point(nest: ProductNest, context: PassContext) -> bool:
    """Lets the sum of a nest start from a bias that takes x with its zero point; False if it cannot."""
    claim, read = folded_zero_point(nest), nest.sum.operands[-1].definer
    where = ", ".join(nest.root.location.names) or "a sum of products"
    if claim is None or read is None or context.ledger.add(Obligation("rule", where, claim.statement, claim)).state != "proved":
        return False
    _replace(read, claim.folded)
    return True


def _replace(read: Operation, values: Sequence[int]) -> None:
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
