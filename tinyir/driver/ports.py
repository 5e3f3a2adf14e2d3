"""The inputs and outputs of a network, whatever level its module is at."""

from __future__ import annotations

from math import prod

import attrs

from tinyir.backends.manifest import Manifest, Tensor
from tinyir.interp.machine import main_function, port_names
from tinyir.ir.attributes import ArrayAttribute, StringAttribute, TypeAttribute
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.types import FunctionType, ShapedType, Type, storage_type

DTYPES = {"i1": "bool", "i8": "int8", "ui8": "uint8", "i16": "int16", "i32": "int32", "i64": "int64", "f32": "float32"}


@attrs.frozen
class Port:
    """An input or output: its name in the model, the numpy name of its elements, its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def __str__(self) -> str:
        return f"'{self.name}': {self.dtype}[{', '.join(map(str, self.shape))}]"


@attrs.frozen
class Ports:
    """All of a network, in order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def manifest_ports(manifest: Manifest) -> Ports:
    """The ports that a manifest states."""
    return Ports(_of_tensors(manifest.inputs), _of_tensors(manifest.outputs))


def _of_tensors(tensors: tuple[Tensor, ...]) -> tuple[Port, ...]:
    return tuple(Port(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors)


def module_ports(module: Operation) -> Ports:
    """The ports of a module at any level.

    Raises:
        TinyirError: it holds no network, or one of a type that no C function takes.
    """
    declared = [operation for operation in module.body if operation.name in ("buffer.port", "c.port")]
    if declared:
        return Ports(*(tuple(_declared_port(port) for port in declared if _direction(port) == way) for way in ("input", "output")))
    function = main_function(module)
    signature = function.properties["function_type"]
    assert isinstance(signature, TypeAttribute)
    assert isinstance(signature.type, FunctionType)
    return Ports(_signature_ports(function, "input", signature.type.inputs), _signature_ports(function, "output", signature.type.results))


def _direction(port: Operation) -> str:
    attribute = port.properties["direction"]
    assert isinstance(attribute, StringAttribute)
    return attribute.value


def _declared_port(operation: Operation) -> Port:
    name, type = operation.properties["name"], operation.properties["type"]
    assert isinstance(name, StringAttribute)
    assert isinstance(type, TypeAttribute)
    return _port(name.value, type.type)


def _signature_ports(function: Operation, direction: str, types: tuple[Type, ...]) -> tuple[Port, ...]:
    """Ports of a function: the model's own types, signed or not, where it states them."""
    stated = function.attributes.get(f"{direction}_types")
    if isinstance(stated, ArrayAttribute):
        types = tuple(entry.type for entry in stated.elements if isinstance(entry, TypeAttribute))
    names = port_names(function, f"{direction}_names", len(types))
    return tuple(_port(name, type) for name, type in zip(names, types, strict=True))


def _port(name: str, type: Type) -> Port:
    element = str(storage_type(type.element)) if isinstance(type, ShapedType) else ""
    if not isinstance(type, ShapedType) or element not in DTYPES:
        raise TinyirError(f"'{name}' is of type {type}: inputs and outputs are tensors of {', '.join(DTYPES)}")
    return Port(name, DTYPES[element], tuple(type.shape))
