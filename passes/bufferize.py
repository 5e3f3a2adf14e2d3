"""From tensors to memory: each tensor of the loop level becomes bytes at an address, and each element access a load or store.

    %w = arith.constant dense<...> : tensor<4xi8>        buffer.global @w {...} : memref<4xi8, "flash">
    %y = loop.tensor : tensor<8xi8>                      buffer.global @y : memref<8xi8, "ram">
    %v = loop.read %x[%i] : tensor<8xi8>           =>    %v = buffer.load %x[%i] : memref<8xi8, "ram">
    loop.define %v, %y[%i] : tensor<8xi8>                buffer.store %v, %y[%i] : memref<8xi8, "ram">
    %z = loop.reshape %y : ... to tensor<2x4xi8>         %z = buffer.view %y[0] : ... to memref<2x4xi8, "ram">

A tensor declared at the root gets memory of its own (the plan decides later who shares), one declared inside a loop is
scratch.  Equal constants are one global.  Arguments and results of the network become ports.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects.buffer import FLASH, RAM, access_map
from tinyir.ir.affine import AffineBinary, AffineDimension, AffineExpression, AffineMap
from tinyir.ir.affine_interval import interval_of, simplify
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    SymbolReference,
    TypeAttribute,
    UnitAttribute,
)
from tinyir.ir.builder import Builder, functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.location import Location, NameLocation
from tinyir.ir.naming import LONGEST, short_name
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.types import F64, I32, I64, INDEX, FunctionType, MemRefType, QuantizedType, TensorType, storage_type
from tinyir.rewrite.passes import Pass, PassContext

UNBOUNDED = 1 << 30
"""As the extent of an index whose range does not matter."""


@attrs.frozen
class Bufferize(Pass):
    """Gives every tensor memory."""

    name = "bufferize"
    reads = ("builtin", "func", "arith", "loop")
    leaves = ("builtin", "func", "arith", "loop", "buffer")

    def run(self, module: Operation, context: PassContext) -> None:
        """
        Raises:
            TinyirError: a tensor with a fold or layout is reshaped, returned or left without a static shape.
        """
        for function in functions(module):
            if any(isinstance(type, TensorType) for type in _signature(function).inputs + _signature(function).results):
                _Memory(module, function).convert()


def _signature(function: Operation) -> FunctionType:
    attribute = function.properties["function_type"]
    assert isinstance(attribute, TypeAttribute)
    assert isinstance(attribute.type, FunctionType)
    return attribute.type


class _Memory:
    """The memory of one network function, while it is being converted."""

    def __init__(self, module: Operation, function: Operation) -> None:
        self.module = module
        self.function = function
        self.globals = Builder(module.body, function)
        self.taken = {name.value for op in module.body if isinstance(name := op.properties.get("sym_name"), StringAttribute)}
        self.constants: dict[DenseElements, str] = {}
        self.storage: dict[Value, str] = {}
        """The name of the global behind each memref of the function's root."""
        self.storage_maps: dict[Value, AffineMap] = {}
        """For tensors with folds or a layout: from their indices to those of the memory."""
        self.shapes: dict[Value, Sequence[int]] = {}
        """The shapes of those tensors."""

    def convert(self) -> None:
        self._convert_arguments()
        for operation in self.function.walk():
            match operation.name:
                case "arith.constant" if isinstance(operation.result.type, TensorType):
                    self._convert_constant(operation)
                case "loop.tensor":
                    self._convert_tensor(operation)
                case "loop.reshape":
                    self._convert_reshape(operation)
                case "loop.read" | "loop.define":
                    self._convert_access(operation)
        self._convert_results()

    # -- globals

    def _name(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name

    def _declare(
        self, wanted: str, type: MemRefType, location: Location, value: Attribute | None = None, alignment: Attribute | None = None
    ) -> str:
        name = self._name(wanted)
        properties: dict[str, Attribute] = {"sym_name": StringAttribute(name), "type": TypeAttribute(type)}
        if value is not None:
            properties["value"] = value
        if alignment is not None:
            properties["alignment"] = alignment
        self.globals.create("buffer.global", properties=properties, location=location)
        return name

    def _get(self, builder: Builder, name: str, type: MemRefType) -> Value:
        memory = builder.create("buffer.get_global", (), [type], {"name": SymbolReference(name)}).result
        memory.name = name
        self.storage[memory] = name
        return memory

    # -- operations

    def _convert_arguments(self) -> None:
        block = self.function.body
        names = [name.value for name in _strings(self.function, "input_names", len(block.arguments))]
        builder = Builder.at_start(block)
        storages = []
        for argument, name in zip(block.arguments, names, strict=True):
            type = _memory_type(_tensor_type(argument), RAM)
            storage = self._declare(short_name(argument.name or name, "input"), type, argument.location)
            builder.location = argument.location
            argument.replace_by(self._get(builder, storage, type))
            storages.append(storage)
        stated = _port_types(self.function, "input_types", [_tensor_type(argument) for argument in block.arguments])
        for name, storage, tensor in zip(names, storages, stated, strict=True):
            self._declare_port(name, "input", storage, tensor)
        for index in reversed(range(len(block.arguments))):
            block.remove_argument(index)

    def _convert_constant(self, operation: Operation) -> None:
        value = operation.properties["value"]
        if not isinstance(value, DenseElements):
            raise TinyirError(f"the elements of constant '{operation.result.name}' are elided", hint="give the file with its weights")
        tensor = _tensor_type(operation.result)
        type = _memory_type(tensor, FLASH)
        flat = DenseElements(TensorType([tensor.element_count], type.element), value.data, value.splat)
        builder = Builder.before(operation)
        if flat not in self.constants:
            content = DenseElements(TensorType(tensor.shape, type.element), value.data, value.splat)
            self.constants[flat] = self._declare(
                _constant_name(operation, tensor), type, operation.location, content, operation.get("alignment")
            )
        operation.replace_by(self._get(builder, self.constants[flat], type))

    def _convert_tensor(self, operation: Operation) -> None:
        tensor = _tensor_type(operation.result)
        mapping = _storage_map(operation, tensor)
        shape = _extents(mapping, tensor.shape) if mapping is not None else tensor.shape
        type = MemRefType(shape, storage_type(tensor.element), None, RAM)
        builder = Builder.before(operation)
        if operation.parent_operation is self.function:
            memory = self._get(builder, self._declare(_tensor_name(operation), type, operation.location, alignment=operation.get("alignment")), type)
        else:
            alignment = operation.get("alignment")
            memory = builder.create("buffer.allocate", (), [type], {"alignment": alignment} if alignment is not None else {}).result
            memory.name = operation.result.name
        if mapping is not None:
            self.storage_maps[memory] = mapping
            self.shapes[memory] = tensor.shape
        operation.replace_by(memory)

    def _convert_reshape(self, operation: Operation) -> None:
        source = operation.operands[0]
        assert isinstance(source.type, MemRefType)
        shape: Sequence[int] = _tensor_type(operation.result).shape
        mapping = self._reshaped_ring(source, shape) if source in self.storage_maps else None
        type = MemRefType(_extents(mapping, shape) if mapping is not None else shape, source.type.element, None, source.type.space)
        builder = Builder.before(operation) if source.definer is None else Builder.after(source.definer)  # outside of loops if the memory is
        view = builder.create("buffer.view", [source], [type], {"offset": IntegerAttribute(0, INDEX)}).result
        view.name = operation.result.name or source.name
        if source in self.storage:
            self.storage[view] = self.storage[source]
        if mapping is not None:
            self.storage_maps[view] = mapping
            self.shapes[view] = shape
        operation.replace_by(view)

    def _reshaped_ring(self, source: Value, shape: Sequence[int]) -> AffineMap:
        """The map of a tensor of which one axis is a ring, under a shape that leaves that axis and those before it alone.

        Raises:
            TinyirError: the ring's axis becomes another, or the tensor has a layout.
        """
        old, folded = self.storage_maps[source], []
        for axis, result in enumerate(old.results):
            turns = isinstance(result, AffineBinary) and result.kind == "mod" and result.left is AffineDimension(axis)
            ring = turns or result.constant_value == 0  # x mod 1
            if not ring and result is not AffineDimension(axis):
                raise TinyirError(f"tensor '{source.name}' is reshaped and has a layout of its own")
            folded += [axis] if ring else []
        extents = self.shapes[source]
        if folded[-1] >= len(shape) or list(extents[: folded[-1] + 1]) != list(shape[: folded[-1] + 1]):
            raise TinyirError(f"tensor '{source.name}' is a ring and is reshaped to {'x'.join(map(str, shape))}, which does not keep its rows")
        kept = list(old.results[: folded[-1] + 1])
        return AffineMap(len(shape), 0, [*kept, *(AffineDimension(axis) for axis in range(len(kept), len(shape)))])

    def _convert_access(self, operation: Operation) -> None:
        memory = operation.operands[0 if operation.name == "loop.read" else 1]
        mapping = access_map(operation)
        if memory in self.storage_maps:
            moved = self.storage_maps[memory].replace(mapping.results, mapping.dimensions)
            mapping = AffineMap(moved.dimensions, 0, [simplify(result, [UNBOUNDED] * moved.dimensions) for result in moved.results])
        builder = Builder.before(operation)
        name = "buffer.load" if operation.name == "loop.read" else "buffer.store"
        made = builder.create(name, operation.operands, [result.type for result in operation.results], {"map": mapping})
        for old, new in zip(operation.results, made.results, strict=True):
            new.name = old.name
        operation.replace_by(*made.results)

    # -- results

    def _convert_results(self) -> None:
        terminator = self.function.body.terminator
        names = _strings(self.function, "output_names", len(terminator.operands))
        declared = [type for type in _signature(self.function).results if isinstance(type, TensorType)]
        types = _port_types(self.function, "output_types", declared)
        for value, name, type in zip(terminator.operands, names, types, strict=True):
            if value in self.storage_maps:
                raise TinyirError(f"output '{name.value}' has a fold or layout of its own")
            assert isinstance(value.type, MemRefType)
            storage = self.storage[value]
            if value.type.space is FLASH:
                storage = self._copy(value, name.value)
            self._declare_port(name.value, "output", storage, type)
        terminator.operands = ()
        self.function.properties["function_type"] = TypeAttribute(FunctionType([], []))
        self.function.attributes["network"] = UnitAttribute()
        for attribute in ("input_names", "output_names", "input_types", "output_types"):
            self.function.attributes.pop(attribute, None)

    def _copy(self, source: Value, name: str) -> str:
        """Copies a constant into memory of its own at the end of the function."""
        assert isinstance(source.type, MemRefType)
        type = MemRefType(source.type.shape, source.type.element, None, RAM)
        builder = Builder.before(self.function.body.terminator)
        storage = self._declare(name, type, builder.location)
        target = self._get(builder, storage, type)
        indices: list[Value] = []
        for extent in type.shape:
            block = Block([INDEX])
            builder.create("loop.for", (), (), _counting(extent), [Region([block])])
            Builder.at_end(block).create("loop.yield")
            indices.append(block.arguments[0])
            builder = Builder.before(block.terminator)
        mapping: dict[str, Attribute] = {"map": AffineMap.identity(type.rank)}
        element = builder.create("buffer.load", [source, *indices], [type.element], dict(mapping)).result
        builder.create("buffer.store", [element, target, *indices], (), mapping)
        return storage

    def _declare_port(self, name: str, direction: str, storage: str, tensor: TensorType) -> None:
        element = storage_type(tensor.element)
        properties: dict[str, Attribute] = {
            "name": StringAttribute(name),
            "direction": StringAttribute(direction),
            "storage": SymbolReference(storage),
            "offset": IntegerAttribute(0, INDEX),
            "type": TypeAttribute(MemRefType(tensor.shape, element, None, RAM)),
        }
        if isinstance(tensor.element, QuantizedType) and tensor.element.axis is None:
            properties["scale"] = FloatAttribute.of(tensor.element.scale, F64)
            properties["zero_point"] = IntegerAttribute(tensor.element.zero_point, I64)
        self.globals.create("buffer.port", properties=properties, location=NameLocation(name))


def _counting(extent: int) -> dict[str, Attribute]:
    return {
        "lower_map": AffineMap.constant(0),
        "upper_map": AffineMap.constant(extent),
        "step": IntegerAttribute(1, INDEX),
        "parallel": UnitAttribute(),
        "operandSegmentSizes": DenseArray([0, 0, 0], I32),
    }


def _constant_name(operation: Operation, tensor: TensorType) -> str:
    """The tensor's own name, unless it is too long to tell anything; else that of its layer and what it probably is."""
    own = short_name(operation.result.name)
    layer = short_name(operation.location.names[0]) if operation.location.names else ""
    if own and (not layer or len(operation.result.name) <= LONGEST):
        return own
    role = "weights" if tensor.rank > 1 else "constants"
    return f"{layer}_{role}" if layer else role


def _tensor_name(operation: Operation) -> str:
    """The tensor's own name, unless it is too long, else that of its layer."""
    names = operation.location.names
    own = operation.result.name
    return short_name(names[0] if names and not 0 < len(own) <= LONGEST else own, "tensor")


def _tensor_type(value: Value) -> TensorType:
    type = value.type
    if not isinstance(type, TensorType) or not type.has_static_shape:
        raise TinyirError(f"'{value.name}' of type {type} has no static shape")
    return type


def _memory_type(tensor: TensorType, space: StringAttribute) -> MemRefType:
    return MemRefType(tensor.shape, storage_type(tensor.element), None, space)


def _strings(function: Operation, attribute: str, count: int) -> list[StringAttribute]:
    """The names that an attribute of the function lists; numbers where it lists none."""
    found = function.attributes.get(attribute)
    names = [name for name in found.elements if isinstance(name, StringAttribute)] if isinstance(found, ArrayAttribute) else []
    if len(names) == count:
        return names
    return [StringAttribute(f"{attribute.partition('_')[0]}_{index}") for index in range(count)]


def _port_types(function: Operation, attribute: str, otherwise: Sequence[TensorType]) -> list[TensorType]:
    """The model's own tensor types (unsigned and quantized elements as such) where the function states them."""
    found = function.attributes.get(attribute)
    if not isinstance(found, ArrayAttribute):
        return list(otherwise)
    return [entry.type for entry in found.elements if isinstance(entry, TypeAttribute) and isinstance(entry.type, TensorType)]


def _storage_map(operation: Operation, tensor: TensorType) -> AffineMap | None:
    """From a tensor's indices to those of its memory: folds first, then the layout; None if they are the same."""
    fold, layout = operation.get("fold"), operation.get("layout")
    indices: list[AffineExpression] = [AffineDimension(i) for i in range(tensor.rank)]
    if isinstance(fold, DenseArray):
        indices = [index % int(length) if length else index for index, length in zip(indices, fold.values, strict=True)]
    mapping = AffineMap(tensor.rank, 0, indices)
    if isinstance(layout, AffineMap):
        mapping = layout.replace(mapping.results, tensor.rank)
    return None if mapping.is_identity else mapping


def _extents(mapping: AffineMap, shape: Sequence[int]) -> list[int]:
    """What each result's index needs: one more than its greatest value over the tensor."""
    ranges = [(0, max(extent - 1, 0)) for extent in shape]
    return [interval_of(result, ranges)[1] + 1 for result in mapping.results]
