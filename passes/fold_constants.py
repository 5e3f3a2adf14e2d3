"""fold_constants: what depends on constants alone is computed now, by the interpreter.

Weights stay quantized: a `graph.dequantize` of a constant remains, and a transpose of it moves to the stored integers, the
axis of its scales with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from tinyir.interp.equations import dense_array
from tinyir.interp.machine import Machine
from tinyir.interp.scalar import dtype_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, DenseElements, FloatAttribute, IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.registry import is_pure
from tinyir.ir.types import FloatType, IndexType, IntegerType, QuantizedType, TensorType, Type, storage_type
from tinyir.rewrite.edit import Rewriter
from tinyir.rewrite.greedy import apply_rules, erase_dead
from tinyir.rewrite.kept_rules import reachable_rules
from tinyir.rewrite.passes import Pass, PassContext

CONSTANTS = ("graph.constant", "arith.constant")
KEPT = ("graph.dequantize",)


@attrs.frozen
class FoldConstants(Pass):
    """Evaluates pure operations on constants.  A broadcast to more than `largest_broadcast_bytes` stays an operation.

    `meeting`: the rules of the group `canonical` take what was computed further, into weights and biases, until there is no more to do.
    """

    largest_broadcast_bytes: int = 1024
    meeting: bool = False

    def run(self, module: Operation, context: PassContext) -> None:
        self._fold_all(module)
        while self.meeting and apply_rules(module, _rules_of(module), context):
            self._fold_all(module)

    def _fold_all(self, module: Operation) -> None:
        for operation in module.walk():
            if operation.name == "graph.transpose" and _transpose_parameter(operation):
                continue
            if self._can_fold(operation):
                _fold(operation)
        erase_dead(module)

    def _can_fold(self, operation: Operation) -> bool:
        dialect = operation.name.partition(".")[0]
        if dialect not in ("graph", "arith") or operation.name in CONSTANTS + KEPT or len(operation.results) != 1:
            return False
        if not operation.operands or any(_constant_of(operand) is None for operand in operation.operands) or not is_pure(operation):
            return False
        type = operation.result.type
        return operation.name != "graph.broadcast" or _size_bytes(type) <= self.largest_broadcast_bytes


def _rules_of(module: Operation) -> Sequence[Rewriter]:
    """The canonical rules that may match."""
    return reachable_rules(frozenset({operation.name for operation in module.walk()}), "canonical")


def _size_bytes(type: Type) -> int:
    return type.element_count * dtype_of(type.element).itemsize if isinstance(type, TensorType) else 0


def _constant_of(value: Value) -> Operation | None:
    definer = value.definer
    return definer if definer is not None and definer.name in CONSTANTS else None


def _fold(operation: Operation) -> None:
    """Replaces an operation on constants by its value."""
    block, values = Block(), dict[Value, Value]()
    for operand in dict.fromkeys(operation.operands):
        definer = operand.definer
        assert definer is not None
        block.append(definer.clone(values))
    copy = block.append(operation.clone(values))
    machine = Machine(operation)
    with np.errstate(all="ignore"):
        machine.run_block(block)
    value = _attribute(np.asarray(machine.values[copy.result]), operation.result.type)
    name = "graph.constant" if operation.name.startswith("graph.") else "arith.constant"
    folded = Builder.before(operation).create(name, (), [operation.result.type], {"value": value})
    copy.erase()
    for constant in block.operations:
        constant.erase()
    operation.replace_by(folded.result)


def _attribute(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], type: Type) -> Attribute:
    """The value of a constant of that type."""
    if isinstance(type, TensorType):
        element = storage_type(type.element)
        data = np.ascontiguousarray(array, dtype_of(element).newbyteorder("<")).tobytes()
        return DenseElements(TensorType(type.shape, element), data)
    if isinstance(type, FloatType):
        return FloatAttribute.of(float(array.astype(np.float64)), type)
    assert isinstance(type, IntegerType | IndexType)
    return IntegerAttribute(int(array.astype(np.int64)), type)


def _transpose_parameter(operation: Operation) -> bool:
    """transpose(dequantize(constant)) -> dequantize(constant transposed)."""
    dequantize = operation.operands[0].definer
    if dequantize is None or dequantize.name != "graph.dequantize":
        return False
    constant, permutation = _constant_of(dequantize.operands[0]), operation.properties["permutation"]
    if constant is None:
        return False
    value, type = constant.properties["value"], constant.result.type
    assert isinstance(value, DenseElements)
    assert isinstance(permutation, DenseArray)
    assert isinstance(type, TensorType)
    axes = [int(axis) for axis in permutation.values]
    moved = TensorType([type.shape[axis] for axis in axes], _move_axis(type.element, axes))
    array = np.transpose(dense_array(value), axes)
    builder = Builder.before(operation)
    stored = builder.create("graph.constant", (), [moved], {"value": _attribute(array, moved)}, location=constant.location)
    operation.replace_by(builder.create("graph.dequantize", [stored.result], [operation.result.type], location=dequantize.location).result)
    return True


def _move_axis(element: Type, axes: list[int]) -> Type:
    if not isinstance(element, QuantizedType) or element.axis is None:
        return element
    return QuantizedType(
        element.storage, element.expressed, element.scales, element.zero_points, axes.index(element.axis), element.lowest, element.greatest
    )
