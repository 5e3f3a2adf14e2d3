"""The graph dialect: immutable tensors and the operators of `specs/ops`, each known from its mathematics alone.

Result types, verification, interpretation and loops all come from the operator's equations.  Two operations
are not equations: `graph.constant`, and operators that are said `by hand` in their file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements
from tinyir.ir.instance import InstanceError, result_types
from tinyir.ir.operation import Operation
from tinyir.ir.operator import Operator
from tinyir.ir.quantities import requantizations
from tinyir.ir.registry import PURE, OperationDefinition, register
from tinyir.ir.types import TensorType, Type, storage_type
from tinyir.text.specifications import operators


def _infer(operator: Operator) -> Callable[[list[Type], dict[str, Attribute]], list[Type]]:
    def infer(operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
        return result_types(operator, operands, properties)

    return infer


def _verify(operator: Operator) -> Callable[[Operation], Iterable[str]]:
    by_hand = HAND_CHECKS.get(operator.name)

    def verify(operation: Operation) -> Iterable[str]:
        try:
            expected = result_types(operator, [o.type for o in operation.operands], operation.properties)
        except InstanceError as error:
            yield str(error)
            return
        for result, type in zip(operation.results, expected, strict=False):
            if result.type is not type:
                yield f"'{operator.name}' gives {type} for these operands, not {result.type}"
        if by_hand is not None:
            yield from by_hand(operation)

    return verify


def _verify_requantize(operation: Operation) -> Iterable[str]:
    try:
        requantizations(operation)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        yield f"'graph.requantize' needs fractions such as [\"1/3\"] as its scale and offset, one or one for each channel: {error}"


HAND_CHECKS: dict[str, Callable[[Operation], Iterable[str]]] = {"graph.requantize": _verify_requantize}
"""What the types of operators `by hand` do not tell."""


def _verify_constant(operation: Operation) -> Iterable[str]:
    value = operation.properties.get("value")
    type = operation.results[0].type if operation.results else None
    if not isinstance(value, DenseElements) or not isinstance(type, TensorType):
        yield "'graph.constant' needs dense elements as its value and gives a tensor"
    elif value.type.shape != type.shape or storage_type(value.type.element) is not storage_type(type.element):
        yield f"'graph.constant' holds {value.type}, which does not fit its result {type}"


def _constant_type(_operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
    value = properties.get("value")
    if not isinstance(value, DenseElements):
        raise InstanceError("'graph.constant' needs dense elements as its value")
    return [value.type]


register(
    OperationDefinition(
        "graph.constant",
        "A constant tensor; quantized types hold the stored integers.",
        operands=(),
        results=("result",),
        properties={"value": "the elements, of the storage type"},
        traits=("constant",),
        effects=PURE,
        verify=_verify_constant,
        infer=_constant_type,
    )
)

for _operator in operators().values():
    register(
        OperationDefinition(
            _operator.name,
            _operator.summary,
            operands=None if any(o.variadic for o in _operator.operands) else tuple(operand.name for operand in _operator.operands),
            results=tuple(result.name for result in _operator.results),
            properties={f"?{a.property}" if a.default is not None else a.property: "" for a in _operator.attributes},
            effects=PURE,
            verify=_verify(_operator),
            infer=_infer(_operator),
        )
    )
