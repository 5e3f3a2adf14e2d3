"""graph -> graph: where no padding drops terms, the input's zero point moves into the constant bias.

    conv2d(x, w, b) {x_zero_point = z}   =>   conv2d(x, w, b - z * sum(w)) {x_zero_point = 0}

It saves a subtraction for each product.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tinyir.interp.equations import dense_array
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I32, I64, IntegerType, TensorType
from tinyir.prove.obligations import Obligation
from tinyir.prove.zero_point import FoldedZeroPointClaim
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class FoldZeroPoints(Pass):
    """Folds the zero points of dense layers and of convolutions without padding."""

    name: ClassVar[str] = "fold_zero_points"
    reads: ClassVar[tuple[str, ...]] = ("graph", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("graph", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        for operation in list(module.walk()):
            if operation.name in ("graph.conv2d", "graph.dense") and _integer(operation, "x_zero_point") and not _is_padded(operation):
                _fold(operation, context)


def _integer(operation: Operation, name: str) -> int:
    value = operation.properties.get(name)
    return value.value if isinstance(value, IntegerAttribute) else 0


def _is_padded(operation: Operation) -> bool:
    pad = operation.properties.get("pad")
    return isinstance(pad, DenseArray) and any(pad.values)


def _constant(value: Value) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]] | None:
    """The elements of an integer constant."""
    definer = value.definer
    if definer is None or definer.name != "graph.constant" or not isinstance(value.type, TensorType):
        return None
    elements = definer.properties["value"]
    if not isinstance(elements, DenseElements) or not isinstance(elements.type.element, IntegerType):
        return None
    return dense_array(elements).astype(np.int64)


def _fold(operation: Operation, context: PassContext) -> None:
    weight, bias = _constant(operation.operands[1]), _constant(operation.operands[2])
    if weight is None or bias is None:
        return
    rows = weight.reshape(weight.shape[0], -1) - _integer(operation, "weight_zero_point")
    claim = FoldedZeroPointClaim.of(rows, _integer(operation, "x_zero_point"), bias)
    where = " ".join(operation.location.names)
    if claim is None or context.ledger.add(Obligation("rule", where, claim.statement, claim)).state != "proved":
        return
    type = TensorType((len(claim.folded),), I32)
    made = Builder.before(operation).create("graph.constant", [], [type], {"value": DenseElements.of(type, claim.folded)})
    made.result.name = operation.operands[2].name
    operation.set_operand(2, made.result)
    operation.properties["x_zero_point"] = IntegerAttribute(0, I64)
