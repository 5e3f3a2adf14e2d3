"""loop -> loop: reads of constants whose value is known without the index become scalar constants, conversions of them too.

%m = loop.read %shift[0] : tensor<1xi32>   =>   %m = arith.constant 39 : i32
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, FloatAttribute, IntegerAttribute, decode_element, element_bytes
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation
from tinyir.ir.types import FloatType, Type
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.rule_book import compiled_rules


@attrs.frozen
class FoldReads(Pass):
    """Folds reads of splats and of elements at constant indices, and integer extensions of constants."""

    name: ClassVar[str] = "fold_reads"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    keeps_tensors: ClassVar[bool] = False

    def run(self, module: Operation, context: PassContext) -> None:
        for operation in list(module.walk()):
            folded = _folded(operation)
            if folded is not None:
                type = operation.result.type
                constant = Builder.before(operation).create("arith.constant", [], [type], {"value": folded})
                operation.replace_by(constant.result)
        apply_rules(module, compiled_rules("constants"), context)
        for operation in list(module.walk()):
            if operation.name == "arith.constant" and operation.result.use_count == 0:
                operation.erase()


def _constant_of(operation: Operation | None) -> Attribute | None:
    return operation.properties["value"] if operation is not None and operation.name == "arith.constant" else None


def _folded(operation: Operation) -> Attribute | None:
    if operation.name == "loop.read":
        value = _constant_of(loop.accessed_tensor(operation).definer)
        return _element(value, operation) if isinstance(value, DenseElements) else None
    return None


def _element(value: DenseElements, read: Operation) -> Attribute | None:
    """The element that a read gives, if it does not depend on indices that vary."""
    position = 0
    if not value.splat:
        for expression, extent in zip(loop.access_map(read).results, value.type.shape, strict=True):
            index = expression.constant_value
            if index is None:
                return None
            position = position * extent + index
    size = element_bytes(value.type.element)
    return _scalar(decode_element(value.data[position * size : (position + 1) * size], value.type.element), value.type.element)


def _scalar(value: int | float, type: Type) -> Attribute:
    return FloatAttribute.of(value, type) if isinstance(type, FloatType) else IntegerAttribute(int(value), type)
