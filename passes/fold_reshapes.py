"""loop -> loop: reads of a reshaped tensor are reads of the tensor itself where only axes of one element come or go.

    %y = loop.reshape %x : tensor<1x1x28x28xi8> to tensor<1x28x28x1xi8>
    %v = loop.read %y[0, %p, %q, 0] : tensor<1x28x28x1xi8>                =>    %v = loop.read %x[0, 0, %p, %q] : tensor<1x1x28x28xi8>
"""

from __future__ import annotations

import attrs

from tinyir.dialects import loop
from tinyir.ir.affine import AffineConstant, AffineMap
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import TensorType
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class FoldReshapes(Pass):
    """Reads through reshapes, and removes those that nothing reads any more."""

    name = "fold_reshapes"
    reads = ("builtin", "func", "arith", "loop")
    leaves = ("builtin", "func", "arith", "loop")
    keeps_tensors = False

    def run(self, module: Operation, context: PassContext) -> None:
        for operation in reversed([operation for operation in module.walk() if operation.name == "loop.reshape"]):
            kept = _long_axes(operation.operands[0])
            if [extent for _, extent in kept] != [extent for _, extent in _long_axes(operation.result)]:
                continue
            for user in operation.result.users:
                if user.name == "loop.read":
                    _read_through(user, operation)
            if operation.result.use_count == 0:
                operation.erase()


def _long_axes(tensor: Value) -> list[tuple[int, int]]:
    """The axes of more than one element, with their extents."""
    assert isinstance(tensor.type, TensorType)
    return [(axis, extent) for axis, extent in enumerate(tensor.type.shape) if extent != 1]


def _read_through(read: Operation, reshape: Operation) -> None:
    source, mapping = reshape.operands[0], loop.access_map(read)
    assert isinstance(source.type, TensorType)
    results = [AffineConstant(0)] * source.type.rank
    indices = dict(zip((axis for axis, _ in _long_axes(source)), (mapping.results[axis] for axis, _ in _long_axes(reshape.result)), strict=True))
    read.properties["map"] = AffineMap(mapping.dimensions, 0, [indices.get(axis, zero) for axis, zero in enumerate(results)])
    read.set_operand(0, source)
