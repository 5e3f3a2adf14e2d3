"""The machine that runs functions of any dialect: each operation is compiled once to a step over a table of values.

A value is a numpy scalar or array.  Loops without dependence between iterations run all their iterations at once:
their index is then an array along a new leading axis, so every array inside has one axis per such loop (lanes).
Where loop bounds differ between lanes, `mask` says which lanes are active.

How an operation runs is registered by its dialect, in the file `dialects/NAME_interpreter.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.interp.equations import dense_array
from tinyir.interp.errors import InterpreterError as InterpreterError
from tinyir.interp.order import Order
from tinyir.interp.scalar import BINARY, CONVERSIONS, compare_floats, compare_integers, convert, dtype_of
from tinyir.ir import expression as ex
from tinyir.ir.affine import AffineMap
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    SymbolReference,
)
from tinyir.ir.builder import find_symbol, functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.integer_arithmetic import ONE_BIT
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I1, TensorType, VectorType

Array = NDArray[Any]
Step = Callable[[], None]
MOST_LANES = 1 << 21
"""A loop whose iterations would need more lanes than this runs one after the other."""


class UnknownOperationError(InterpreterError):
    """The program holds an operation that no interpreter knows."""


Compiler = Callable[["Machine", Operation], Step]
_compilers: dict[str, Compiler] = {}
_searched: set[str] = set()


def interprets(*names: str) -> Callable[[Compiler], Compiler]:
    """Registers how operations are compiled to steps."""

    def add(compiler: Compiler) -> Compiler:
        for name in names:
            _compilers[name] = compiler
        return compiler

    return add


def _compiler_of(name: str) -> Compiler | None:
    found = _compilers.get(name) or _compilers.get(name.partition(".")[0] + ".*")
    dialect = name.partition(".")[0]
    if found is None and dialect not in _searched:
        _searched.add(dialect)
        module = f"tinyir.dialects.{dialect}_interpreter"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module)
            return _compiler_of(name)
    return found


class Machine:
    """Runs the functions of one module."""

    def __init__(self, module: Operation) -> None:
        self.module = module
        self.values: dict[Value, Any] = {}
        self.mask: Array | None = None
        self.depth = 0
        self.lanes = 1
        self.extents: list[int] = []
        self.order: Order | None = None
        self.state: dict[str, Any] = {}
        self._blocks: dict[Block, tuple[list[Step], tuple[Value, ...]]] = {}

    # -- running

    def call(self, function: Operation, arguments: Sequence[Any]) -> list[Any]:
        """A function's results."""
        self.values.update(zip(function.body.arguments, arguments, strict=True))
        return self.run_block(function.body)

    def run_block(self, block: Block) -> list[Any]:
        """Runs a block's operations; the values of its terminator's operands."""
        compiled = self._blocks.get(block)
        if compiled is None:
            compiled = self._blocks[block] = self._compile(block)
        steps, results = compiled
        for step in steps:
            step()
        values = self.values
        return [values[result] for result in results]

    def _compile(self, block: Block) -> tuple[list[Step], tuple[Value, ...]]:
        steps = []
        operations = block.operations
        if operations and operations[-1].name in ("loop.yield", "func.return", "c.return"):
            last = operations.pop()
            results = last.operands
        else:
            results = ()
        for operation in operations:
            compiler = _compiler_of(operation.name)
            if compiler is None:
                raise UnknownOperationError(f"the interpreter does not know '{operation.name}'", place=operation.location.place)
            steps.append(compiler(self, operation))
        return steps, results

    def affine(self, map: AffineMap, operands: Sequence[Value]) -> Callable[[], list[Any]]:
        """The results of an affine map of index values, as a step that computes them."""
        values = self.values
        results = map.results
        if all(result.constant_value is not None for result in results):
            constants = [result.constant_value for result in results]
            return lambda: list(constants)

        def compute() -> list[Any]:
            point = [values[operand] for operand in operands]
            return [result.evaluate(point) for result in results]

        return compute


# -- operations that need no dialect of their own


@interprets("arith.constant")
def _constant(machine: Machine, operation: Operation) -> Step:
    value = constant_value(operation)
    values, result = machine.values, operation.result

    def step() -> None:
        values[result] = value

    return step


def constant_value(operation: Operation) -> Any:
    """The value of an `arith.constant` or `graph.constant`."""
    attribute = operation.properties["value"]
    if isinstance(attribute, DenseElements) and isinstance(attribute.type, VectorType):
        return np.frombuffer(attribute.all_data, "<i4")[0]  # a vector is the word that holds its lanes
    if isinstance(attribute, DenseElements):
        return dense_array(attribute)
    assert isinstance(attribute, IntegerAttribute | FloatAttribute)
    return dtype_of(attribute.type).type(attribute.value)


@interprets("arith.*")
def _arithmetic(machine: Machine, operation: Operation) -> Step:
    values, result = machine.values, operation.result
    name = ONE_BIT.get(operation.name, operation.name) if result.type is I1 else operation.name
    if name in BINARY:
        function, (left, right) = BINARY[name], operation.operands

        def binary() -> None:
            values[result] = function(values[left], values[right])

        return binary
    if name in CONVERSIONS:
        (operand,), type = operation.operands, result.type

        def conversion() -> None:
            values[result] = convert(name, values[operand], type)

        return conversion
    return _other_arithmetic(machine, operation)


@interprets("arith.addui_extended", "arith.mulsi_extended", "arith.mului_extended")
def _extended(machine: Machine, operation: Operation) -> Step:
    """A sum and its carry, or the two halves of a product, on whole numbers of Python's."""
    values, (left, right), results = machine.values, operation.operands, operation.results
    dtypes = [dtype_of(result.type) for result in results]
    width = 1 if dtypes[0].kind == "b" else 8 * dtypes[0].itemsize
    mask, signed = (1 << width) - 1, operation.name == "arith.mulsi_extended"

    def number(bits: Any) -> Any:
        bits = np.asarray(bits).astype(object) & mask
        return bits - ((bits >> (width - 1)) << width) if signed else bits

    def run() -> None:
        one, other = number(values[left]), number(values[right])
        whole = one + other if operation.name == "arith.addui_extended" else one * other
        for result, dtype, part in zip(results, dtypes, (whole & mask, (whole >> width) & mask), strict=True):
            values[result] = np.asarray(part).astype(np.uint64).astype(dtype)

    return run


def _other_arithmetic(machine: Machine, operation: Operation) -> Step:
    values, result, name, operands = machine.values, operation.result, operation.name, operation.operands
    if name in ("arith.cmpi", "arith.cmpf"):
        code = operation.properties["predicate"]
        assert isinstance(code, IntegerAttribute)
        predicates = ex.INTEGER_PREDICATES if name == "arith.cmpi" else ex.FLOAT_PREDICATES
        compare, predicate = compare_integers if name == "arith.cmpi" else compare_floats, predicates[code.value]

        def comparison() -> None:
            values[result] = compare(predicate, values[operands[0]], values[operands[1]])

        return comparison
    if name == "arith.select":

        def select() -> None:
            values[result] = np.where(values[operands[0]], values[operands[1]], values[operands[2]])

        return select
    if name == "arith.negf":

        def negate() -> None:
            values[result] = np.negative(values[operands[0]])

        return negate
    raise UnknownOperationError(f"the interpreter does not know '{name}'", place=operation.location.place)


@interprets("func.call")
def call_function(machine: Machine, operation: Operation) -> Step:
    """Runs the function that `callee` names."""
    callee = operation.properties["callee"]
    assert isinstance(callee, SymbolReference)
    function = find_symbol(machine.module, callee)
    if function is None:
        raise InterpreterError(f"call of the unknown function {callee}", place=operation.location.place)
    called = function

    def step() -> None:
        results = machine.call(called, [machine.values[operand] for operand in operation.operands])
        machine.values.update(zip(operation.results, results, strict=True))

    return step


# -- whole networks


def main_function(module: Operation) -> Operation:
    """The function that is the network: the only one that is not private.

    Raises:
        TinyirError: there is none, or more than one.
    """
    public = [f for f in functions(module) if "sym_visibility" not in f.properties]
    if len(public) != 1:
        raise TinyirError(f"the module has {len(public)} public functions; a network has one")
    return public[0]


def port_names(function: Operation, attribute: str, count: int) -> list[str]:
    """The names of a network's inputs ("input_names") or outputs ("output_names")."""
    names = function.attributes.get(attribute)
    if isinstance(names, ArrayAttribute):
        return [name.value for name in names.elements if isinstance(name, StringAttribute)]
    return [f"{attribute.removesuffix('_names')}_{i}" for i in range(count)]


def run(module: Operation, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Runs the network of a module at any level on one input per name; the outputs by name.

    Raises:
        TinyirError: inputs are missing or of the wrong size, or the program is undefined.
    """
    return Network(module).run(inputs)


class Network:
    """A module ready to run many inputs."""

    def __init__(self, module: Operation) -> None:
        self.module = module
        self.machine = Machine(module)
        self._runner = _runners.get(find_runner(module))
        if self._runner is None:
            self.function = main_function(module)
            self.input_names = port_names(self.function, "input_names", len(self.function.body.arguments))
            last = self.function.body.last
            self.output_names = port_names(self.function, "output_names", len(last.operands) if last is not None else 0)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        with np.errstate(all="ignore"):
            if self._runner is not None:
                return self._runner(self.machine, inputs)
            arguments = []
            for name, argument in zip(self.input_names, self.function.body.arguments, strict=True):
                assert isinstance(argument.type, TensorType)
                arguments.append(input_array(inputs, name, argument.type))
            results = self.machine.call(self.function, arguments)
        return dict(zip(self.output_names, map(_elements, results), strict=True))


def _elements(value: Any) -> Array:
    """A tensor's elements, whatever holds them."""
    return np.asarray(value.elements() if hasattr(value, "elements") else value)


def input_array(inputs: Mapping[str, Array], name: str, type: TensorType) -> Array:
    """An input in the shape and element type of its tensor.

    Raises:
        TinyirError: it is missing or has another number of elements.
    """
    if name not in inputs:
        raise TinyirError(f"the input '{name}' is missing; given are {sorted(inputs)}")
    given = np.asarray(inputs[name])
    if given.size != type.element_count:
        raise TinyirError(f"the input '{name}' has {type.element_count} elements, not {given.size}")
    dtype = dtype_of(type.element)
    same_bits = given.dtype.kind in "iu" and dtype.kind in "iu" and given.dtype.itemsize == dtype.itemsize
    return (given.view(dtype) if same_bits else given.astype(dtype)).reshape(type.shape)


Runner = Callable[[Machine, Mapping[str, Array]], dict[str, Array]]
_runners: dict[str, Runner] = {}


def runs_modules_with(name: str) -> Callable[[Runner], Runner]:
    """Registers how a module that holds an operation `name` at its top is fed and read."""

    def add(runner: Runner) -> Runner:
        _runners[name] = runner
        return runner

    return add


def find_runner(module: Operation) -> str:
    """The top-level operation whose dialect brings a way to run the module, its interpreter loaded."""
    for operation in module.body:
        _compiler_of(operation.name)
        if operation.name in _runners:
            return operation.name
    return ""
