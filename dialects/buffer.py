"""The buffer level: values are bytes at addresses, and every access is a base plus an affine offset.

A module at this level declares where bytes live: `buffer.global` is a named piece of memory, a constant in "flash"
or variables in "ram"; `buffer.port` says which bytes are an input or output of the network.  Inside functions,
`buffer.get_global` gives the memory as a memref, `buffer.view` looks at its bytes from a constant offset as another
type, `buffer.load` and `buffer.store` touch one element at affine indices.  Loops, conditions and scalar arithmetic
stay those of the loop level.  The function that runs the network carries the attribute `network`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyir.ir.affine import AffineMap, impurities
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, IntegerAttribute, StringAttribute, SymbolReference, TypeAttribute, element_bytes
from tinyir.ir.builder import find_symbol, functions
from tinyir.ir.operation import Operation
from tinyir.ir.registry import PURE, Effects, OperationDefinition, register
from tinyir.ir.types import INDEX, MemRefType, ShapedType, Type, VectorType

FLASH = StringAttribute("flash")
RAM = StringAttribute("ram")


def size_bytes(type: Type) -> int:
    """The bytes that a memref or tensor of static shape occupies, without gaps."""
    assert isinstance(type, ShapedType)
    return type.element_count * element_bytes(type.element)


def global_type(operation: Operation) -> MemRefType:
    """The memref type of a `buffer.global` or `buffer.port`."""
    attribute = operation.properties["type"]
    assert isinstance(attribute, TypeAttribute)
    assert isinstance(attribute.type, MemRefType)
    return attribute.type


def alignment_bytes(operation: Operation) -> int:
    """The bytes of which the address of a `buffer.global` or `buffer.allocate` is a multiple."""
    stated = operation.properties.get("alignment")
    memory = operation.result.type if operation.name == "buffer.allocate" else global_type(operation)
    assert isinstance(memory, MemRefType)
    own = element_bytes(memory.element)
    return max(own, stated.value) if isinstance(stated, IntegerAttribute) else own


def symbol_name(operation: Operation) -> str:
    """The `sym_name` of an operation that defines a symbol."""
    name = operation.properties["sym_name"]
    assert isinstance(name, StringAttribute)
    return name.value


def referenced_symbol(operation: Operation, property: str) -> str:
    """The root of the symbol that a property refers to."""
    reference = operation.properties[property]
    assert isinstance(reference, SymbolReference)
    return reference.path[0]


def text_of(operation: Operation, property: str) -> str:
    """The value of a string property."""
    value = operation.properties[property]
    assert isinstance(value, StringAttribute)
    return value.value


def integer_property(operation: Operation, property: str) -> int:
    """The value of an integer property."""
    value = operation.properties[property]
    assert isinstance(value, IntegerAttribute)
    return value.value


def access_map(operation: Operation) -> AffineMap:
    """The affine map of a load or store, from its index operands to the indices of the memref."""
    found = operation.properties["map"]
    assert isinstance(found, AffineMap)
    return found


def network_functions(module: Operation) -> list[Operation]:
    """The functions that run a whole network, between the ports."""
    return [function for function in functions(module) if "network" in function.attributes]


def ports(module: Operation, direction: str) -> list[Operation]:
    """The `buffer.port` operations of a module that are "input" or "output", in order."""
    wanted = StringAttribute(direction)
    return [operation for operation in module.body if operation.name == "buffer.port" and operation.properties["direction"] is wanted]


def _verify_global(operation: Operation) -> Iterator[str]:
    declared = operation.properties["type"]
    if not isinstance(declared, TypeAttribute) or not isinstance(declared.type, MemRefType) or not declared.type.has_static_shape:
        yield f"the type of a global is a memref of static shape, not {declared}"
        return
    value = operation.properties.get("value")
    if value is None:
        if declared.type.space is FLASH:
            yield "a global in flash needs a value"
    elif not isinstance(value, DenseElements):
        yield f"the value of a global is dense, not {value}"
    elif (value.type.shape, value.type.element) != (declared.type.shape, declared.type.element):
        yield f"the value has type {value.type} where {declared.type} is declared"


def _verify_port(operation: Operation) -> Iterator[str]:
    direction = operation.properties["direction"]
    if direction not in (StringAttribute("input"), StringAttribute("output")):
        yield f'the direction of a port is "input" or "output", not {direction}'
    module = operation.parent_operation
    storage = find_symbol(module, referenced_symbol(operation, "storage")) if module is not None else None
    if storage is None or storage.name != "buffer.global":
        yield f"there is no buffer.global {operation.properties['storage']}"
    elif not _fits(integer_property(operation, "offset"), global_type(operation), global_type(storage)):
        yield f"{size_bytes(global_type(operation))} bytes from {integer_property(operation, 'offset')} do not fit into {global_type(storage)}"


def _fits(offset_bytes: int, inner: MemRefType, outer: MemRefType) -> bool:
    return offset_bytes >= 0 and offset_bytes + size_bytes(inner) <= size_bytes(outer)


def _verify_view(operation: Operation) -> Iterator[str]:
    source, result = operation.operands[0].type, operation.result.type
    if not isinstance(source, MemRefType) or not isinstance(result, MemRefType):
        yield f"a view leads from memref to memref, not from {source} to {result}"
        return
    offset = integer_property(operation, "offset")
    if source.space is not result.space:
        yield f"a view stays in its memory space: {source} is not where {result} is"
    if not _fits(offset, result, source):
        yield f"{size_bytes(result)} bytes from {offset} do not fit into the {size_bytes(source)} of {source}"
    if offset % element_bytes(result.element):
        yield f"offset {offset} is no multiple of the {element_bytes(result.element)} bytes of {result.element}"


def _verify_access(operation: Operation, memory: int, element: Type) -> Iterator[str]:
    type = operation.operands[memory].type
    if not isinstance(type, MemRefType):
        yield f"operand {memory} is a memref, not {type}"
        return
    indices = operation.operands[memory + 1 :]
    mapping = access_map(operation)
    if len(mapping.results) != type.rank:
        yield f"{type} needs {type.rank} indices, not {len(mapping.results)}"
    if mapping.dimensions != len(indices):
        yield f"the map has {mapping.dimensions} dimensions and {len(indices)} operands"
    yield from impurities(mapping)
    if any(index.type is not INDEX for index in indices):
        yield "indices are of type index"
    if element is not type.element:
        yield f"an element of {type} is no {element}"


def _verify_load(operation: Operation) -> Iterator[str]:
    loaded = operation.result.type
    yield from _verify_access(operation, 0, loaded.element if isinstance(loaded, VectorType) else loaded)


def _verify_store(operation: Operation) -> Iterator[str]:
    stored = operation.operands[0].type
    yield from _verify_access(operation, 1, stored.element if isinstance(stored, VectorType) else stored)
    type = operation.operands[1].type
    if isinstance(type, MemRefType) and type.space is FLASH:
        yield "flash is not written"


def _infer_load(operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
    type = operands[0]
    assert isinstance(type, MemRefType), properties
    return [type.element]


register(
    OperationDefinition(
        "buffer.global",
        "a named piece of memory: a constant in flash, variables in RAM",
        operands=(),
        results=(),
        properties={
            "sym_name": "text: its name",
            "type": "type: its memref type, with the memory space",
            "?value": "elements: its elements (what is in flash has one)",
            "?alignment": "integer: bytes, a power of two; the element's own if absent",
        },
        traits=("symbol",),
        assembly="$sym_name attr-dict `:` $type",
        effects=PURE,
        verify=_verify_global,
    )
)
register(
    OperationDefinition(
        "buffer.port",
        "an input or output of the network: its original name, the bytes that hold it, its true element type",
        operands=(),
        results=(),
        properties={
            "name": "text: of the tensor in the model",
            "direction": 'text: "input" or "output"',
            "storage": "symbol: the buffer.global that holds it",
            "offset": "integer: of its first byte in the storage",
            "type": "type: memref with the model's own element type (unsigned as such)",
            "?scale": "number: of a quantized tensor",
            "?zero_point": "integer: of a quantized tensor",
        },
        assembly="$direction:word $name `in` $storage `[` $offset:index `]` attr-dict `:` $type",
        effects=PURE,
        verify=_verify_port,
    )
)
register(
    OperationDefinition(
        "buffer.get_global",
        "the memory of a buffer.global",
        operands=(),
        results=("memory",),
        properties={"name": "symbol: the buffer.global"},
        assembly="$name attr-dict `:` type($memory)",
        traits=("memory",),
        effects=PURE,
    )
)
register(
    OperationDefinition(
        "buffer.view",
        "the bytes from a constant offset on, as another type: no copy",
        operands=("source",),
        results=("view",),
        properties={"offset": "integer: bytes"},
        assembly="$source `[` $offset:index `]` attr-dict `:` type($source) `to` type($view)",
        traits=("view",),
        effects=PURE,
        verify=_verify_view,
    )
)
register(
    OperationDefinition(
        "buffer.allocate",
        "scratch memory that lives as long as the block in which it stands",
        operands=(),
        results=("memory",),
        properties={"?alignment": "integer: bytes, a power of two; the element's own if absent"},
        assembly="attr-dict `:` type($memory)",
        traits=("memory",),
        effects=None,
    )
)
register(
    OperationDefinition(
        "buffer.load",
        "the element at affine indices",
        operands=("memory", "indices..."),
        results=("element",),
        properties={"map": "map: from the index operands to the indices"},
        assembly="$memory `[` affine($map, $indices) `]` attr-dict `:` type($memory)",
        effects=Effects(reads=(0,)),
        verify=_verify_load,
        infer=_infer_load,
    )
)
register(
    OperationDefinition(
        "buffer.store",
        "replaces the element at affine indices",
        operands=("element", "memory", "indices..."),
        results=(),
        properties={"map": "map: from the index operands to the indices"},
        assembly="$element `,` $memory `[` affine($map, $indices) `]` attr-dict `:` type($memory)",
        effects=Effects(writes=(1,)),
        verify=_verify_store,
    )
)
