"""Builds the graph-level module of a model, node by node, from its neutral form."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinyir.frontend.thin_ops as operator_files
from tinyir.frontend.thin_node import Graph, GraphInput, Node, NodeError, handler_of, known_operators
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    TypeAttribute,
)
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.errors import Diagnostic, TinyirError, did_you_mean
from tinyir.ir.instance import InstanceError
from tinyir.ir.location import NameLocation
from tinyir.ir.operation import Operation, Value
from tinyir.ir.registry import definition_of
from tinyir.ir.types import F32, I1, I8, I32, I64, U8, FunctionType, QuantizedType, TensorType, Type

Array = NDArray[Any]
ELEMENT_TYPES: dict[str, Type] = {"float32": F32, "int8": I8, "uint8": U8, "int32": I32, "int64": I64, "bool": I1}
"""The element types of models that have a place in the graph dialect, by numpy name."""


def build_module(graph: Graph) -> Operation:
    """The module of a model.

    Raises:
        TinyirError: one diagnostic for each node or input that cannot be imported.
    """
    for module in pkgutil.iter_modules(operator_files.__path__):
        importlib.import_module(f"{operator_files.__name__}.{module.name}")
    return Importer(graph).build()


class Importer:
    """The module under construction.  Names of the model lead to values, or to constants known at import."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.module = create_module()
        self.values: dict[str, Value] = {}
        self.constants: dict[str, Array] = dict(graph.constants)
        self.quantized: dict[str, QuantizedType] = {}
        self.node: Node | None = None

    def build(self) -> Operation:
        inputs = [i for i in self.graph.inputs if i.name not in self.graph.constants]
        errors: list[Diagnostic] = []
        types = []
        for given in inputs:
            try:
                types.append(_input_type(given))
            except TinyirError as error:
                errors += error.diagnostics
        errors += self._unsupported()
        if errors:
            raise TinyirError(diagnostics=errors)
        function = create_function(self.module, identifier(self.graph.name) or "network", types, [])
        self.builder = Builder.at_end(function.body)
        for given, argument in zip(inputs, function.body.arguments, strict=True):
            argument.name = identifier(given.name)
            self.values[given.name] = argument
        for node in self.graph.nodes:
            self._import(node)
        results = [self._output(name) for name in self.graph.outputs]
        self.builder.create("func.return", results, location=NameLocation("outputs"))
        function.properties["function_type"] = TypeAttribute(
            FunctionType([a.type for a in function.body.arguments], [r.type for r in results])
        )
        function.attributes["input_names"] = ArrayAttribute(StringAttribute(i.name) for i in inputs)
        function.attributes["output_names"] = ArrayAttribute(StringAttribute(name) for name in self.graph.outputs)
        return self.module

    def _unsupported(self) -> list[Diagnostic]:
        found = []
        for node in self.graph.nodes:
            if handler_of(node) is None:
                domain = f" of domain '{node.domain}'" if node.domain else ""
                hint = did_you_mean(node.operator, known_operators())
                message = f"operator '{node.operator}'{domain} is not supported"
                found += node.error(message, hint or "replace it in the model by supported operators").diagnostics
        return found

    def _import(self, node: Node) -> None:
        handler = handler_of(node)
        assert handler is not None
        self.node = node
        self.builder.location = NameLocation(node.name)
        try:
            handler(self, node)
        except InstanceError as error:
            raise node.error(str(error)) from error
        for output in node.outputs:
            declared = self.graph.declared_shapes.get(output)
            value = self.values.get(output)
            if declared is not None and value is not None and isinstance(value.type, TensorType):
                self._compare_shapes(node, output, declared, value.type.shape)

    def _compare_shapes(self, node: Node, output: str, declared: tuple[int, ...], shape: tuple[int, ...]) -> None:
        same = len(declared) == len(shape) and all(d in (-1, n) for d, n in zip(declared, shape, strict=True))
        if not same:
            raise node.error(f"'{output}' has the shape {list(shape)}, but the model declares {list(declared)}")

    def _output(self, name: str) -> Value:
        if name not in self.values and name not in self.constants:
            raise TinyirError(f"the output '{name}' of the model is not computed by any node")
        return self.value(name)

    # -- what handlers use

    def value(self, name: str) -> Value:
        """The value of a name; a constant becomes a `graph.constant`."""
        found = self.values.get(name)
        if found is None:
            if name not in self.constants:
                assert self.node is not None
                raise self.node.error(f"its input '{name}' is not defined")
            found = self.values[name] = self.constant(self.constants[name], identifier(name))
        return found

    def known(self, name: str) -> Array | None:
        """The elements of a name that is constant at import."""
        return self.constants.get(name)

    def require_known(self, node: Node, index: int, what: str) -> Array:
        """The elements of an input that must be constant.

        Raises:
            NodeError: it is computed at run time.
        """
        found = self.constants.get(node.inputs[index]) if node.has_input(index) else None
        if found is None:
            raise node.error(f"{what} must be a constant", hint="simplify the model so that it is computed at export")
        return found

    def constant(self, array: Array, name: str = "", element: Type | None = None) -> Value:
        """A `graph.constant` with these elements; `element` replaces the element type (quantized weights)."""
        array = np.asarray(array)
        type = ELEMENT_TYPES.get(array.dtype.name)
        if type is None:
            raise self._error(f"elements of type {array.dtype.name} are not supported", "use float32, int8, uint8, int32, int64 or bool")
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        value = DenseElements(TensorType(array.shape, type), data) if array.size else None
        if value is None:
            raise self._error(f"'{name}' has no elements")
        result = self.builder.create("graph.constant", [], [TensorType(array.shape, element or type)], {"value": value}).result
        result.name = name
        return result

    def _error(self, message: str, hint: str = "") -> TinyirError:
        return self.node.error(message, hint) if self.node is not None else TinyirError(message, hint=hint)

    def create(self, name: str, operands: Sequence[Value], **properties: Any) -> Value:
        """An operation of the graph dialect with its inferred result."""
        converted = {key: as_attribute(value) for key, value in properties.items() if value is not None}
        definition = definition_of(f"graph.{name}")
        assert definition is not None and definition.infer is not None
        types = definition.infer([operand.type for operand in operands], converted)
        return self.builder.create(f"graph.{name}", operands, types, converted).result

    def define(self, node: Node, *values: Value) -> None:
        """Names the results of a node."""
        for name, value in zip(node.outputs, values, strict=False):
            if name:
                value.name = value.name or identifier(name)
                self.values[name] = value

    def define_constant(self, node: Node, array: Array) -> None:
        self.constants[node.outputs[0]] = np.asarray(array)


def as_attribute(value: Any) -> Attribute:
    """A Python value as an attribute: lists of integers, numbers, types."""
    if isinstance(value, Type):
        return TypeAttribute(value)
    if isinstance(value, Attribute):
        return value
    if isinstance(value, float):
        return FloatAttribute.of(value, F32)
    if isinstance(value, int):
        return IntegerAttribute(value, I64)
    return DenseArray([int(v) for v in value])


def shape_of(value: Value) -> tuple[int, ...]:
    """The extents of a tensor value."""
    assert isinstance(value.type, TensorType)
    return value.type.shape


def identifier(name: str) -> str:
    """The name as an identifier of C and of the IR."""
    cleaned = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return f"_{cleaned}" if cleaned[:1].isdigit() else cleaned


def _input_type(given: GraphInput) -> TensorType:
    element = ELEMENT_TYPES.get(given.dtype)
    if element is None:
        raise TinyirError(f"input '{given.name}' has elements of type {given.dtype}", hint="use float32, int8, uint8, int32 or int64")
    shape = list(given.shape)
    for axis, extent in enumerate(shape):
        if extent == -1 and axis == 0:
            shape[0] = 1  # a symbolic batch is a batch of one
        elif extent < 1:
            shown = given.symbols[axis] or str(extent)
            raise TinyirError(
                f"input '{given.name}' has an unknown extent '{shown}' on axis {axis}", hint="export the model with a fixed shape"
            )
    return TensorType(shape, element)


Values = Mapping[str, Value]
__all__ = ["ELEMENT_TYPES", "Importer", "NodeError", "as_attribute", "build_module", "identifier", "shape_of"]
