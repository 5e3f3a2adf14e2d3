"""How the C level runs: C99 on exact numbers, one iteration after the other; what C gives no meaning is an error.

Undefined are what `c_meaning` says of arithmetic, a conversion of a float that does not fit, an access outside of its object, and a variable
that is read before it has a value.  An `#if` is one for a machine with other instructions: the second text runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import and_, eq, ge, gt, le, lt, ne, or_, xor
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.dialects.buffer import global_type, integer_property, referenced_symbol, size_bytes
from tinyir.dialects.buffer_interpreter import POISON
from tinyir.dialects.c import text_property
from tinyir.interp.equations import dense_array
from tinyir.interp.machine import InterpreterError, Machine, Step, UnknownOperationError, input_array, interprets, runs_modules_with
from tinyir.interp.scalar import dtype_of
from tinyir.ir.attributes import DenseElements, FloatAttribute, IntegerAttribute
from tinyir.ir.builder import find_symbol
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I1, FloatType, IntegerType, MemRefType, TensorType, Type

Array = NDArray[Any]
EXACT: Mapping[str, Callable[[int, int], int]] = {
    "+": int.__add__, "-": int.__sub__, "*": int.__mul__, "&": and_, "|": or_, "^": xor, "<<": lambda a, b: a << b, ">>": lambda a, b: a >> b,
}  # fmt: skip
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
FLOATS: Mapping[str, Callable[[Any, Any], Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


@attrs.frozen(eq=False)
class Pointer:
    """So many bytes from the start of an object."""

    memory: Array
    offset_bytes: int = 0


class _UndefinedError(Exception):
    """C gives it no meaning."""


def _range_of(type: Type) -> tuple[int, int]:
    """The numbers of an integer type; a truth value is 0 or 1."""
    assert isinstance(type, IntegerType)
    return (0, 1) if type is I1 else (type.lowest, type.greatest)


def _fitted(number: int, type: Type, text: str) -> int:
    """The number in the type; an unsigned one wraps around unless every machine computes it in a signed int that is wider."""
    assert isinstance(type, IntegerType)
    low, high = _range_of(type)
    if type.is_unsigned and type.width >= 16:
        return number & high
    if not low <= number <= high:
        raise _UndefinedError(f"{text} does not fit {type}")
    return number


def _integer(operator: str, type: Type) -> Callable[[int, int], int]:
    """The operator on two numbers of a type."""
    assert isinstance(type, IntegerType)
    width, signed = type.width, not type.is_unsigned

    def compute(a: int, b: int) -> int:
        a, b, text = int(a), int(b), f"{a} {operator} {b}"
        if operator in ("/", "%"):
            if b == 0:
                raise _UndefinedError(f"{text} divides by 0")
            quotient = _fitted(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1), type, text)
            return quotient if operator == "/" else a - quotient * b
        if operator in ("<<", ">>") and not 0 <= b < width:
            raise _UndefinedError(f"{text} shifts {type} by its width or more")
        if operator == "<<" and a < 0:
            raise _UndefinedError(f"{text} shifts a negative number to the left")
        found = EXACT[operator](a, b)
        return _fitted(found, type, text) if signed or operator not in ("&", "|", "^", ">>") else found

    return compute


def _elementwise(function: Callable[..., Any], type: Type) -> Callable[..., Any]:
    """A function of numbers on numpy's scalars and arrays."""
    dtype = dtype_of(type)
    over_arrays = np.frompyfunc(function, 1 if function.__code__.co_argcount == 1 else 2, 1)

    def apply(*operands: Any) -> Any:
        if all(np.ndim(operand) == 0 for operand in operands):
            return dtype.type(function(*operands))
        return np.asarray(over_arrays(*(np.asarray(operand).astype(object) for operand in operands))).astype(dtype)

    return apply


def _read(machine: Machine, operation: Operation, operand: Value) -> Any:
    """What an operand holds.

    Raises:
        InterpreterError: nothing yet.
    """
    value = machine.values[operand]
    if value is None:
        raise InterpreterError(f"'{operation.name}' reads a variable that has no value", place=operation.location.place)
    return value


def _computed(machine: Machine, operation: Operation, function: Callable[..., Any]) -> Step:
    """A step that gives the operation's result from its operands' values."""
    operands, result = operation.operands, operation.result

    def step() -> None:
        given = [_read(machine, operation, operand) for operand in operands]
        try:
            machine.values[result] = function(*given)
        except _UndefinedError as error:
            raise InterpreterError(f"'{operation.name}': {error}", place=operation.location.place) from None

    return step


# -- expressions


@interprets("c.literal")
def _literal(machine: Machine, operation: Operation) -> Step:
    attribute, type = operation.properties["value"], operation.result.type
    assert isinstance(attribute, IntegerAttribute | FloatAttribute)
    value = dtype_of(type).type(attribute.value)
    return lambda: machine.values.__setitem__(operation.result, value)


@interprets("c.binary")
def _binary(machine: Machine, operation: Operation) -> Step:
    operator, type = text_property(operation, "operator"), operation.operands[0].type
    function: Callable[..., Any]
    if operator in COMPARISONS:
        function = COMPARISONS[operator]
    elif operator in ("&&", "||"):
        function = np.logical_and if operator == "&&" else np.logical_or
    elif isinstance(type, FloatType):
        function = FLOATS[operator]
    else:
        function = _elementwise(_integer(operator, type), type)
    return _computed(machine, operation, function)


@interprets("c.unary")
def _unary(machine: Machine, operation: Operation) -> Step:
    operator, type = text_property(operation, "operator"), operation.operands[0].type
    if operator == "!":
        return _computed(machine, operation, lambda a: dtype_of(type).type(a == 0) if np.ndim(a) == 0 else (np.asarray(a) == 0).astype(dtype_of(type)))
    if isinstance(type, FloatType):
        return _computed(machine, operation, np.negative)

    def compute(a: int) -> int:
        if operator == "~" and isinstance(type, IntegerType) and type.is_unsigned:
            return int(a) ^ type.greatest
        return _fitted(-int(a) if operator == "-" else ~int(a), type, f"{operator}{a}")

    return _computed(machine, operation, _elementwise(compute, type))


@interprets("c.cast")
def _cast(machine: Machine, operation: Operation) -> Step:
    source, type = operation.operands[0].type, operation.result.type
    if isinstance(type, MemRefType):
        return _computed(machine, operation, lambda pointer: pointer)
    if isinstance(type, FloatType):
        return _computed(machine, operation, lambda a: np.asarray(a).astype(dtype_of(type))[()])

    def compute(a: Any) -> int:
        low, high = _range_of(type)
        if isinstance(source, FloatType):
            if not np.isfinite(a) or not low <= int(a) <= high:
                raise _UndefinedError(f"{a} does not fit {type}")
            return int(a)
        return (int(a) - low) % (high - low + 1) + low if type is not I1 else _fitted(int(a), type, str(a))

    return _computed(machine, operation, _elementwise(compute, type))


@interprets("c.conditional")
def _conditional(machine: Machine, operation: Operation) -> Step:
    return _computed(machine, operation, lambda c, a, b: np.asarray(np.where(c, a, b))[()])


@interprets("c.bits")
def _bits(machine: Machine, operation: Operation) -> Step:
    dtype = dtype_of(operation.result.type)
    return _computed(machine, operation, lambda a: np.asarray(a).view(dtype)[()])


# -- memory


def _pointer(value: Any) -> Pointer:
    """A pointer; an array that is given to a function is an object."""
    return value if isinstance(value, Pointer) else Pointer(value.reshape(-1).view(np.uint8))


def _place(pointer: Pointer, index: Any, type: Type) -> Array:
    """The one element at an index, as an array of the object's bytes."""
    assert isinstance(type, MemRefType)
    dtype = dtype_of(type.element)
    start = pointer.offset_bytes + int(index) * dtype.itemsize
    if not 0 <= start <= len(pointer.memory) - dtype.itemsize:
        raise _UndefinedError(f"[{index}] lies outside of an object of {len(pointer.memory)} bytes, {pointer.offset_bytes} from its start")
    return pointer.memory[start : start + dtype.itemsize].view(dtype)


@interprets("c.load")
def _load(machine: Machine, operation: Operation) -> Step:
    type = operation.operands[0].type
    return _computed(machine, operation, lambda memory, index: _place(_pointer(memory), index, type)[0])


@interprets("c.store")
def _store(machine: Machine, operation: Operation) -> Step:
    def step() -> None:
        value, memory, index = (_read(machine, operation, operand) for operand in operation.operands)
        try:
            _place(_pointer(memory), index, operation.operands[1].type)[0] = value
        except _UndefinedError as error:
            raise InterpreterError(f"'{operation.name}': {error}", place=operation.location.place) from None

    return step


@interprets("c.offset")
def _offset(machine: Machine, operation: Operation) -> Step:
    type = operation.operands[0].type
    assert isinstance(type, MemRefType)
    size = dtype_of(type.element).itemsize

    def moved(memory: Any, index: Any) -> Pointer:
        pointer = _pointer(memory)
        found = Pointer(pointer.memory, pointer.offset_bytes + int(index) * size)
        if not 0 <= found.offset_bytes <= len(pointer.memory):
            raise _UndefinedError(f"an address {found.offset_bytes} bytes from the start of an object of {len(pointer.memory)}")
        return found

    return _computed(machine, operation, moved)


@interprets("c.address")
def _address(machine: Machine, operation: Operation) -> Step:
    name = referenced_symbol(operation, "name")
    return lambda: machine.values.__setitem__(operation.result, Pointer(_object(machine, name, operation)))


def _object(machine: Machine, name: str, user: Operation) -> Array:
    """The bytes of a `c.array` or `c.storage`, made on first use."""
    known: Array | None = machine.state.get(name)
    if known is not None:
        return known
    found = find_symbol(machine.module, name)
    if found is None:
        raise InterpreterError(f"there is no object '{name}'", place=user.location.place)
    value = found.properties.get("value")
    if isinstance(value, DenseElements):
        data = np.ascontiguousarray(dense_array(value)).reshape(-1).view(np.uint8).copy()
        data.flags.writeable = False
    else:
        data = np.full(integer_property(found, "bytes"), POISON, np.uint8)
    machine.state[name] = data
    return data


@interprets("c.scratch")
def _scratch(machine: Machine, operation: Operation) -> Step:
    type = operation.result.type
    assert isinstance(type, MemRefType)
    size = integer_property(operation, "extent") * dtype_of(type.element).itemsize
    return lambda: machine.values.__setitem__(operation.result, Pointer(np.full(size, POISON, np.uint8)))


# -- statements


@interprets("c.variable")
def _variable(machine: Machine, operation: Operation) -> Step:
    initial = operation.operands[0] if operation.operands else None
    return lambda: machine.values.__setitem__(operation.result, None if initial is None else _read(machine, operation, initial))


@interprets("c.assign")
def _assign(machine: Machine, operation: Operation) -> Step:
    variable, value = operation.operands
    return lambda: machine.values.__setitem__(variable, _read(machine, operation, value))


@interprets("c.for")
def _for(machine: Machine, operation: Operation) -> Step:
    (start, limit), values, body = operation.operands, machine.values, operation.body
    (counter,), step = body.arguments, integer_property(operation, "step")
    low, high = _range_of(counter.type)
    dtype = dtype_of(counter.type)

    def run() -> None:
        number = int(_read(machine, operation, start))
        while number < _read(machine, operation, limit) if step > 0 else number >= _read(machine, operation, limit):
            values[counter] = dtype.type(number)
            machine.run_block(body)
            number = int(values[counter]) + step
            if not low <= number <= high:
                raise InterpreterError(f"the counter {number} of a loop does not fit {counter.type}", place=operation.location.place)

    return run


@interprets("c.if")
def _if(machine: Machine, operation: Operation) -> Step:
    def run() -> None:
        for block in operation.regions[0 if _read(machine, operation, operation.operands[0]) else 1].blocks:
            machine.run_block(block)

    return run


@interprets("c.alternative")
def _alternative(machine: Machine, operation: Operation) -> Step:
    def run() -> None:
        for block in operation.regions[1].blocks:
            machine.run_block(block)

    return run


@interprets("c.call")
def _call(machine: Machine, operation: Operation) -> Step:
    callee = referenced_symbol(operation, "callee")
    function = find_symbol(machine.module, callee)
    if function is None or function.name != "c.function":
        what = f"'{callee}' is an instruction of a machine" if function is not None else f"there is no function '{callee}'"
        raise UnknownOperationError(f"{what}: the interpreter runs plain C", place=operation.location.place)
    called = function

    def step() -> None:
        results = machine.call(called, [_read(machine, operation, operand) for operand in operation.operands])
        machine.values.update(zip(operation.results, results, strict=True))

    return step


@runs_modules_with("c.port")
def _run(machine: Machine, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Feeds the input ports, runs the network's function, reads the output ports."""
    ports = [operation for operation in machine.module.body if operation.name == "c.port"]
    for port in (port for port in ports if text_property(port, "direction") == "input"):
        tensor = TensorType(global_type(port).shape, global_type(port).element)
        _port(machine, port)[...] = input_array(inputs, text_property(port, "name"), tensor)
    (network,) = (operation for operation in machine.module.body if operation.name == "c.function" and "network" in operation.properties)
    machine.call(network, [])
    return {text_property(port, "name"): _port(machine, port).copy() for port in ports if text_property(port, "direction") == "output"}


def _port(machine: Machine, port: Operation) -> Array:
    memory, offset, type = _object(machine, referenced_symbol(port, "storage"), port), integer_property(port, "offset"), global_type(port)
    return memory[offset : offset + size_bytes(type)].view(dtype_of(type.element)).reshape(type.shape)
