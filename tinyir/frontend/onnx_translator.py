"""What the translation of a node works with: its operands, and the emission of graph operations.

A tensor is a value of the network, or an array of elements known now.  Integers that are known (shapes, axes, bounds) are computed
with at once, as the format demands; a float constant stays an array only until an operation reads it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyir.frontend.onnx_model import (
    ELEMENT_TYPES,
    GREATEST_LIST,
    Array,
    ModelError,
    Node,
    check_known,
    element_count,
    element_type,
    identifier,
    is_integer,
    little_endian,
    spell_name,
)
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, DenseElements, FloatAttribute, IntegerAttribute, TypeAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.instance import InstanceError
from tinyir.ir.location import Location, NameLocation
from tinyir.ir.operation import Value
from tinyir.ir.registry import definition_of
from tinyir.ir.types import F32, I64, QuantizedType, TensorType, Type, storage_type

Operand = Value | Array
"""A tensor during translation: a value of the network, or elements that are known now."""
Property = Attribute | Type | int | float | Sequence[int]


def shape_of(operand: Operand) -> tuple[int, ...]:
    return tensor_type(operand).shape if isinstance(operand, Value) else operand.shape


def element_of(operand: Operand) -> Type | None:
    """The stored element type; None if no tensor of the network can have it."""
    return storage_type(tensor_type(operand).element) if isinstance(operand, Value) else ELEMENT_TYPES.get(operand.dtype.name)


def tensor_type(value: Value) -> TensorType:
    assert isinstance(value.type, TensorType)
    return value.type


class Translator:
    """The tensors known so far, and the node at hand."""

    def __init__(self, builder: Builder) -> None:
        self.tensors: dict[str, Operand] = {}
        self.node = Node(0, "", "", "", (), ())
        self._builder = builder
        self._emitted: dict[tuple[str, Type], Value] = {}
        self._constants: set[Value] = set()

    # -- the node

    def attribute(self, name: str) -> Any:
        """The value of an attribute of the node; None if it is absent and has no default."""
        return self.node.attributes.get(name)

    def axis(self, rank: int, name: str = "axis", value: int | None = None) -> int:
        """An axis counted from the front: the attribute, or `value`."""
        axis = self.attribute(name) if value is None else value
        if axis is None:
            raise ModelError(f"lacks the attribute '{name}'")
        if not -rank <= axis < rank:
            raise ModelError(f"{name} {axis} does not exist: the rank is {rank}")
        return int(axis) % rank

    def axes(self, rank: int, values: Sequence[int]) -> tuple[int, ...]:
        """Distinct axes counted from the front."""
        found = tuple(self.axis(rank, "axes", value) for value in values)
        if len(set(found)) != len(found):
            raise ModelError(f"names an axis twice: {list(values)}")
        return found

    # -- its inputs

    def has(self, index: int) -> bool:
        """Whether input `index` is there."""
        return index < len(self.node.inputs) and self.node.inputs[index] != ""

    def operand(self, index: int) -> Operand:
        if not self.has(index):  # of operators that have no schema
            raise ModelError(f"lacks the input {index}")
        return self.tensors[self.node.inputs[index]]

    def value(self, index: int, element: Type | None = None) -> Value:
        """Input `index` as a value; a constant gets the element type `element` (quantized), by default its own."""
        operand = self.operand(index)
        if isinstance(operand, Value):
            return operand
        name = self.node.inputs[index]
        return self.constant(name, operand, element)

    def constant(self, name: str, elements: Array, element: Type | None = None) -> Value:
        """The constant tensor `name` of the model, emitted once per element type."""
        stored = element_type(elements, f"the constant {spell_name(name)}")
        found = self._emitted.get((name, element or stored))
        if found is None:
            found = self._emit_constant(elements, element or stored, f"the constant {spell_name(name)}", NameLocation(name))
            found.name = identifier(name, "constant")
            self._emitted[name, element or stored] = found
        return found

    def real(self, index: int) -> Value:
        """Input `index`, which must be float32."""
        value = self.value(index)
        element = tensor_type(value).element
        if element is not F32:
            what = "quantized" if isinstance(element, QuantizedType) else str(element)
            raise ModelError(f"needs float32 as the input {spell_name(self.node.inputs[index])}, not {what}")
        return value

    def reals(self) -> list[Value]:
        return [self.real(index) for index in range(len(self.node.inputs))]

    def known(self, index: int) -> Array:
        """Input `index`, which must be a constant."""
        operand = self.operand(index)
        if isinstance(operand, Value):
            raise ModelError(f"needs a constant as the input {spell_name(self.node.inputs[index])}, but it is computed")
        return operand

    def integers(self, index: int) -> tuple[int, ...]:
        """Input `index`, which must be a constant scalar or list of integers."""
        array = self.known(index)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise ModelError(f"needs a list of integers as the input {spell_name(self.node.inputs[index])}")
        if array.size > GREATEST_LIST:
            raise ModelError(f"has {array.size} integers in the input {spell_name(self.node.inputs[index])}, more than {GREATEST_LIST}")
        return tuple(int(element) for element in array.reshape(-1))

    def scalar(self, index: int) -> float:
        """Input `index`, which must be a constant of one float32 element."""
        array = self.known(index)
        if array.dtype != np.float32 or array.size != 1:
            raise ModelError(f"needs one float32 number as the input {spell_name(self.node.inputs[index])}")
        return float(array.reshape(-1)[0])

    def is_constant(self, value: Value) -> bool:
        """Whether a value is a constant, or computed from constants alone."""
        return value in self._constants

    # -- emission

    def emit(self, name: str, *operands: Operand, **properties: Property) -> Value:
        """A graph operation with its only result; the result's type follows from its specification.

        Raises:
            ModelError: operands or properties do not fit, or the result is no tensor that can be.
        """
        values = [operand if isinstance(operand, Value) else self.literal(operand) for operand in operands]
        attributes = {key: _attribute(value) for key, value in properties.items()}
        definition = definition_of(name)
        assert definition is not None
        assert definition.infer is not None
        try:
            (type,) = definition.infer([value.type for value in values], attributes)
        except InstanceError as error:
            raise ModelError(str(error)) from None
        assert isinstance(type, TensorType)
        _check_size(type.shape, "the result")
        result = self._builder.create(name, values, [type], attributes, location=NameLocation(self.node.label)).result
        if all(value in self._constants for value in values):
            self._constants.add(result)
        return result

    def literal(self, elements: Array | float) -> Value:
        """A constant that is not one of the model: float32, or as the array is."""
        array = np.asarray(elements, np.float32) if isinstance(elements, int | float) else elements
        return self._emit_constant(array, element_type(array, "a constant"), "a constant", NameLocation(self.node.label))

    def zeros(self, count: int) -> Value:
        return self._splat((count,), 0.0)

    def _splat(self, shape: tuple[int, ...], number: float) -> Value:
        return self._constant(DenseElements.of(TensorType(shape, F32), [number]), F32, NameLocation(self.node.label))

    def _emit_constant(self, elements: Array, element: Type, what: str, location: Location) -> Value:
        _check_size(elements.shape, what)
        type = TensorType(elements.shape, storage_type(element))
        if elements.size > 1 and elements.strides == (0,) * elements.ndim:
            data = DenseElements(type, little_endian(elements.reshape(-1)[:1]), splat=True)
        else:
            data = DenseElements(type, little_endian(elements))
        return self._constant(data, element, location)

    def _constant(self, data: DenseElements, element: Type, location: Location) -> Value:
        type = TensorType(data.type.shape, element)
        result = self._builder.create("graph.constant", (), [type], {"value": data}, location=location).result
        self._constants.add(result)
        return result

    # -- movements, of values and of integers known now

    def reshaped(self, operand: Operand, shape: Sequence[int]) -> Operand:
        if shape_of(operand) == tuple(shape):
            return operand
        if not isinstance(operand, Value) and is_integer(operand):
            if math.prod(shape) != operand.size:
                raise ModelError(f"cannot reshape {list(operand.shape)} to {list(shape)}")
            check_known(operand.shape, operand.itemsize)
            return operand.reshape(shape)
        return self.emit("graph.reshape", operand, shape=tuple(shape))

    def transposed(self, operand: Operand, permutation: Sequence[int]) -> Operand:
        if not isinstance(operand, Value) and is_integer(operand):
            return operand.transpose(permutation)
        return self.emit("graph.transpose", operand, permutation=tuple(permutation))

    def sliced(self, operand: Operand, start: Sequence[int], size: Sequence[int], step: Sequence[int]) -> Operand:
        if not isinstance(operand, Value) and is_integer(operand):
            return operand[tuple(map(_range_of, start, size, step))]
        return self.emit("graph.slice", operand, start=tuple(start), size=tuple(size), step=tuple(step))

    def along(self, operand: Operand, axis: int, start: int, size: int, step: int = 1) -> Operand:
        """`size` elements of one axis, the other axes whole."""
        shape = list(shape_of(operand))
        starts, steps = [0] * len(shape), [1] * len(shape)
        starts[axis], shape[axis], steps[axis] = start, size, step
        return self.sliced(operand, starts, shape, steps)

    def concatenated(self, operands: Sequence[Operand], axis: int) -> Operand:
        arrays = [operand for operand in operands if not isinstance(operand, Value) and is_integer(operand)]
        if len(arrays) == len(operands):
            check_known((sum(array.size for array in arrays),), arrays[0].itemsize)
            try:
                return np.concatenate(arrays, axis)
            except (ValueError, TypeError) as error:
                raise ModelError(f"cannot concatenate shapes {[list(array.shape) for array in arrays]}: {error}") from None
        return self.emit("graph.concat", *operands, axis=axis)

    def broadcast(self, operand: Operand, shape: Sequence[int]) -> Operand:
        element_count(tuple(shape), "the result")
        if shape_of(operand) == tuple(shape):
            return operand
        if not isinstance(operand, Value) and is_integer(operand):
            check_known(tuple(shape), operand.itemsize)
            try:
                return np.broadcast_to(operand, tuple(shape))
            except ValueError:
                raise ModelError(f"cannot broadcast {list(operand.shape)} to {list(shape)}") from None
        return self.emit("graph.broadcast", operand, shape=tuple(shape))


def _range_of(start: int, size: int, step: int) -> slice:
    """`size` places; one that runs backwards to the first has no end that is a place."""
    end = start + size * step
    return slice(start, end if end >= 0 else None, step) if size else slice(0)


def _attribute(value: Property) -> Attribute:
    if isinstance(value, Type):
        return TypeAttribute(value)
    if isinstance(value, Attribute):
        return value
    if isinstance(value, float):
        return FloatAttribute.of(value, F32)
    return IntegerAttribute(value, I64) if isinstance(value, int) else DenseArray(value)


def _check_size(shape: tuple[int, ...], what: str) -> None:
    if element_count(shape, what) == 0:
        raise ModelError(f"{what} has no elements: {list(shape)}")
