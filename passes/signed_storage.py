"""graph -> graph: quantized tensors of unsigned bytes are kept as signed ones, 128 lower.

    %q = graph.quantize(%r) : !quant.uniform<u8:f32, 0.5:131>     =>     %q = graph.quantize(%r) : !quant.uniform<i8:f32, 0.5:3>

Both stand for the same real numbers, and one kind of bytes is all that schedules, instructions and integer forms need.  The
network's interface stays as it is: bytes that come in or go out are moved by one addition (`graph.move_zero_point`), unless what
goes out was rounded just before.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tinyir.dialects.graph_integers import MONOTONE, MOVEMENTS, create, create_with, quantized_element, tensor_type
from tinyir.interp.equations import dense_array
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, IntegerAttribute, TypeAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.location import UNKNOWN
from tinyir.ir.operation import BlockArgument, Operation, Value
from tinyir.ir.quantities import dense, integer
from tinyir.ir.types import I8, IntegerType, QuantizedType, TensorType
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.greedy import erase_dead
from tinyir.rewrite.passes import Pass, PassContext

OFFSET = -I8.lowest
"""What an unsigned byte is above the signed one of the same real number."""
UNSIGNED = IntegerType(I8.width, "u")
_MOVING = MOVEMENTS | MONOTONE | {"graph.concat", "graph.pad"}


@attrs.frozen
class SignedStorage(Pass):
    """Moves unsigned quantized tensors inside of a function, and unsigned constants, to signed bytes."""

    name: ClassVar[str] = "signed_storage"
    reads: ClassVar[tuple[str, ...]] = ("graph", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("graph", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            _Function(function, context).run()
            erase_dead(function)


def _raised(element: QuantizedType, storage: IntegerType, offset: int) -> QuantizedType:
    """The type of the same real numbers, stored so much higher."""
    zeros = [zero + offset for zero in element.zero_points]
    return QuantizedType(storage, element.expressed, element.scales, zeros, element.axis, element.lowest + offset, element.greatest + offset)


def _signed(element: QuantizedType) -> QuantizedType:
    return _raised(element, I8, -OFFSET)


def _is_unsigned(value: Value) -> bool:
    element = quantized_element(value)
    return element is not None and element.storage.is_unsigned and element.storage.width == I8.width


class _Function:
    """One function on its way to signed bytes."""

    def __init__(self, function: Operation, context: PassContext) -> None:
        self.body = function.body
        self.context = context
        self.outer: set[Value] = set()
        """What leaves the function as it is, by no more than movements."""
        self.signed: dict[Value, Value] = {}

    def run(self) -> None:
        operations = self.body.operations
        for operation in reversed(operations):
            self.outer.update(value for value in operation.results if _is_unsigned(value) and self._leaves(value))
        start = Builder.at_start(self.body)
        for argument in self.body.arguments:
            if _is_unsigned(argument) and any(not self._keeps(user) for user in argument.users):
                self.signed[argument] = self._moved(start, argument, False)
        for operation in operations:
            self._visit(operation)

    def _leaves(self, value: Value) -> bool:
        return value.use_count > 0 and all(self._keeps(user) for user in value.users)

    def _keeps(self, user: Operation) -> bool:
        """Whether a user only passes on what leaves the function."""
        return user.name == "func.return" or (user.name in _MOVING and user.result in self.outer)

    def _visit(self, operation: Operation) -> None:
        name = operation.name
        if any(result in self.outer for result in operation.results):
            return
        if name in ("graph.quantize", "graph.constant") and _is_unsigned(operation.result):
            self._made(operation, self._created(operation, operation.operands))
        elif name in _MOVING and operation.operands and all(operand in self.signed for operand in operation.operands):
            self._made(operation, self._created(operation, [self.signed[operand] for operand in operation.operands]))
        elif name == "graph.dequantize" and operation.operands[0] in self.signed:
            operation.set_operand(0, self.signed[operation.operands[0]])

    def _created(self, operation: Operation, operands: list[Value] | tuple[Value, ...]) -> Value:
        """The operation again, on signed bytes."""
        builder = Builder.before(operation)
        properties: dict[str, Attribute] = dict(operation.properties)
        if operation.name == "graph.constant":
            elements, type = properties["value"], tensor_type(operation.result)
            element = quantized_element(operation.result)
            assert isinstance(elements, DenseElements)
            assert element is not None
            data = (dense_array(elements).view(np.uint8).astype(np.int64) - OFFSET).astype(np.int8)
            properties["value"] = dense(data, I8)
            return builder.create(operation.name, [], [TensorType(type.shape, _signed(element))], properties, location=operation.location).result
        if operation.name == "graph.quantize":
            element = quantized_element(operation.result)
            assert element is not None
            properties["result_type"] = TypeAttribute(_signed(element))
        if operation.name == "graph.pad":
            fill = properties["value"]
            assert isinstance(fill, IntegerAttribute)
            properties["value"] = integer(fill.value - OFFSET)
        return create_with(builder, operation.name, operands, properties, operation.location)

    def _made(self, operation: Operation, made: Value) -> None:
        """Takes the place of an operation; those who want the bytes as they were get them by an addition."""
        old = operation.result
        made.name = old.name
        self.signed[old] = made
        others = [user for user in old.users if not (user.name == "graph.dequantize" or (user.name in _MOVING and user.result not in self.outer))]
        if others:
            back = self._moved(Builder.after(operation), made, True)
            for user in others:
                for index, operand in enumerate(user.operands):
                    if operand is old:
                        user.set_operand(index, back)

    def _moved(self, builder: Builder, value: Value, back: bool) -> Value:
        """The bytes of a tensor as signed ones, or (`back`) as unsigned ones again."""
        element = quantized_element(value)
        assert element is not None
        result = _raised(element, UNSIGNED, OFFSET) if back else _signed(element)
        owner = value if isinstance(value, BlockArgument) else value.definer
        location = owner.location if owner is not None else UNKNOWN
        unsigned = result if back else element
        claim = ArithmeticClaim((ArithmeticStep("-", (unsigned.lowest, unsigned.greatest), (OFFSET, OFFSET), I8.width),))
        self.context.ledger.add(Obligation("range", " ".join(location.names), f"unsigned bytes less {OFFSET} are signed bytes", claim))
        made = create(builder, "graph.move_zero_point", [value], location, offset=OFFSET if back else -OFFSET, result_type=result)
        made.name = value.name
        return made
