"""How the buffer level runs: one array of bytes per piece of memory, views of it, and every access checked.

Iterations of a loop run as lanes only where no byte that the body stores is also loaded in it: the interpreter
looks at the addresses itself and does not take the loop's word for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.dialects import buffer
from tinyir.dialects.loop_interpreter import located
from tinyir.interp.equations import dense_array
from tinyir.interp.machine import InterpreterError, Machine, Step, input_array, interprets, main_function, runs_modules_with
from tinyir.interp.scalar import dtype_of
from tinyir.ir.attributes import DenseElements, StringAttribute
from tinyir.ir.builder import find_symbol
from tinyir.ir.operation import Operation
from tinyir.ir.types import MemRefType, TensorType, VectorType

Array = NDArray[Any]
POISON = 0xA5
"""What memory holds before it is written."""


def _memory(machine: Machine, name: str) -> Array:
    """The bytes of a `buffer.global`, made on first use."""
    found: Array | None = machine.state.get(name)
    if found is None:
        operation = find_symbol(machine.module, name)
        assert operation is not None
        value = operation.properties.get("value")
        if isinstance(value, DenseElements):
            found = np.ascontiguousarray(dense_array(value)).reshape(-1).view(np.uint8).copy()
            found.flags.writeable = False
        else:
            found = np.full(buffer.size_bytes(buffer.global_type(operation)), POISON, np.uint8)
        machine.state[name] = found
    return found


def _as_type(memory: Array, offset_bytes: int, type: MemRefType) -> Array:
    """The bytes from an offset on as an array of a memref type."""
    size = buffer.size_bytes(type)
    return memory[offset_bytes : offset_bytes + size].view(dtype_of(type.element)).reshape(type.shape)


@interprets("buffer.get_global")
def _get_global(machine: Machine, operation: Operation) -> Step:
    name, type = buffer.referenced_symbol(operation, "name"), operation.result.type
    assert isinstance(type, MemRefType)

    def run() -> None:
        machine.values[operation.result] = _as_type(_memory(machine, name), 0, type)

    return run


@interprets("buffer.view")
def _view(machine: Machine, operation: Operation) -> Step:
    offset, type = buffer.integer_property(operation, "offset"), operation.result.type
    assert isinstance(type, MemRefType)

    def run() -> None:
        source = machine.values[operation.operands[0]]
        machine.values[operation.result] = _as_type(source.reshape(-1).view(np.uint8), offset, type)

    return run


class LaneMemory:
    """Scratch memory of which each lane has its own copy."""

    def __init__(self, type: MemRefType, lanes: tuple[int, ...]) -> None:
        count = int(np.prod(lanes, dtype=np.int64))
        data = np.full(count * buffer.size_bytes(type), POISON, np.uint8)
        self.data = data.view(dtype_of(type.element)).reshape(lanes + type.shape)
        self.prefix = tuple(np.arange(n).reshape((n,) + (1,) * axis) for axis, n in enumerate(lanes))


@interprets("buffer.allocate")
def _allocate(machine: Machine, operation: Operation) -> Step:
    type = operation.result.type
    assert isinstance(type, MemRefType)

    def run() -> None:
        machine.values[operation.result] = LaneMemory(type, tuple(machine.extents))

    return run


@interprets("buffer.load")
def _load(machine: Machine, operation: Operation) -> Step:
    memory, result, values = operation.operands[0], operation.result, machine.values
    compute = machine.affine(buffer.access_map(operation), operation.operands[1:])
    assert isinstance(memory.type, MemRefType)
    shape = memory.type.shape

    lanes = result.type.element_count if isinstance(result.type, VectorType) else 1

    def run() -> None:
        index, array = located(compute(), shape, machine.mask, operation), values[memory]
        if isinstance(array, LaneMemory):
            values[result] = array.data[array.prefix + index]
            return
        if lanes > 1:
            values[result] = _load_word(machine, array, index, lanes, operation)
            return
        if machine.order is not None:
            machine.order.load(operation, array, index, machine.mask, machine.depth)
        values[result] = array[index]

    return run


def _flat_start(array: Array, index: tuple[Any, ...], lanes: int, mask: Any, operation: Operation) -> Any:
    """The number of the first of some neighbouring elements.

    Raises:
        InterpreterError: the last of them lies outside.
    """
    first: Any = 0
    for position, extent in zip(index, array.shape, strict=True):
        first = first * extent + position
    outside = first + lanes > array.size
    if np.any(outside if mask is None else outside & mask):
        raise InterpreterError(f"'{operation.name}' touches {lanes} elements beyond its memory", place=operation.location.place)
    return np.minimum(first, array.size - lanes)


def _load_word(machine: Machine, array: Array, index: tuple[Any, ...], lanes: int, operation: Operation) -> Array:
    """Neighbouring elements as one word, the first in the lowest bits."""
    first, flat = _flat_start(array, index, lanes, machine.mask, operation), array.reshape(-1)
    bits = 8 * array.itemsize
    if machine.order is not None:
        for lane in range(lanes):
            machine.order.load(operation, flat, (first + lane,), machine.mask, machine.depth)
    if lanes * bits > 32:  # wider than any number of numpy's: whole numbers of Python's
        unsigned = flat.view(f"u{array.itemsize}")
        return np.asarray(sum(unsigned[first + lane].astype(object) << bits * lane for lane in range(lanes)), object)
    word: Any = 0
    for lane in range(lanes):
        word = word + ((flat[first + lane].astype(np.int64) & ((1 << bits) - 1)) << (bits * lane))
    return np.asarray(word).astype(np.uint32).view(np.int32)


@interprets("buffer.store")
def _store(machine: Machine, operation: Operation) -> Step:
    element, memory, values = operation.operands[0], operation.operands[1], machine.values
    compute = machine.affine(buffer.access_map(operation), operation.operands[2:])
    assert isinstance(memory.type, MemRefType)
    shape = memory.type.shape
    lanes = element.type.element_count if isinstance(element.type, VectorType) else 1

    def run() -> None:
        index, value, array = located(compute(), shape, machine.mask, operation), values[element], values[memory]
        if lanes > 1 and not isinstance(array, LaneMemory):
            first, flat, bits = _flat_start(array, index, lanes, machine.mask, operation), array.reshape(-1), 8 * array.itemsize
            for lane in range(lanes):
                _save(machine, operation, flat, (first + lane,), (np.asarray(value) >> (bits * lane)).astype(array.dtype))
            return
        if isinstance(array, LaneMemory):
            index, array = array.prefix + index, array.data
            _put(machine, array, index, value)
        else:
            _save(machine, operation, array, index, value)

    return run


def _save(machine: Machine, operation: Operation, array: Array, index: tuple[Any, ...], value: Any) -> None:
    if machine.order is not None:
        machine.order.save(operation, array, index, machine.mask, machine.depth)
    _put(machine, array, index, value)


def _put(machine: Machine, array: Array, index: tuple[Any, ...], value: Any) -> None:
    """Stores the active lanes."""
    if machine.mask is not None:
        broadcast = np.broadcast_arrays(*index, value, machine.mask)
        active = broadcast[-1]
        index, value = tuple(a[active] for a in broadcast[:-2]), broadcast[-2][active]
    elif np.ndim(value) and index:  # lanes that share a place: the last one stays, and the order of accesses is checked elsewhere
        *places, value = np.broadcast_arrays(*index, value)
        index = tuple(places)
    array[index] = value


@runs_modules_with("buffer.port")
def _run(machine: Machine, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Feeds the input ports, runs the network's function, reads the output ports."""
    for port in buffer.ports(machine.module, "input"):
        view = _port(machine, port)
        tensor = TensorType(view.shape, buffer.global_type(port).element)
        view[...] = input_array(inputs, _name(port), tensor)
    machine.call(main_function(machine.module), [])
    return {_name(port): _port(machine, port).copy() for port in buffer.ports(machine.module, "output")}


def _port(machine: Machine, port: Operation) -> Array:
    memory = _memory(machine, buffer.referenced_symbol(port, "storage"))
    return _as_type(memory, buffer.integer_property(port, "offset"), buffer.global_type(port))


def _name(port: Operation) -> str:
    name = port.properties["name"]
    assert isinstance(name, StringAttribute)
    return name.value
