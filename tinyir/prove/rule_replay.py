"""Counterexamples of rules run in the interpreter: the left side as a module, before and after the rule is applied to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.interp.machine import InterpreterError, Machine, UnknownOperationError, main_function
from tinyir.interp.scalar import dtype_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, FloatAttribute, IntegerAttribute, TypeAttribute
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation, Value
from tinyir.ir.registry import definition_of
from tinyir.ir.types import FloatType, FunctionType, IndexType, IntegerType, ShapedType, TensorType, Type, storage_type
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.rule_compiler import CompiledRule
from tinyir.rewrite.rule_types import constant_operation
from tinyir.text import rule_syntax as ast

Array = NDArray[Any]
Path = tuple[int, ...]
MOST_ELEMENTS = 5_000
"""Larger tensors are not run."""


@attrs.frozen
class Example:
    """Concrete values for the left side of a rule.

    `types` and `data`: of each operand and constant by name (numbers for scalars); `constants`: the operands that must be constants.
    `properties`: of each operation by its path from the root; `results`: its result type where it does not follow.  `length`: how many
    operands a sequence has; their names are `x.0`, `x.1`, ...
    """

    types: Mapping[str, Type]
    data: dict[str, Array]
    constants: frozenset[str] = frozenset()
    properties: Mapping[Path, Mapping[str, Attribute]] = attrs.field(factory=dict)
    results: Mapping[Path, Type] = attrs.field(factory=dict)
    literals: Mapping[Path, Type] = attrs.field(factory=dict)
    length: int = 0


@attrs.frozen
class Replay:
    """The results before and after; `applied`: whether the rule matched at all."""

    before: Array
    after: Array
    applied: bool

    @property
    def differs(self) -> bool:
        """Whether the results differ: NaNs count as equal, zeros of different sign do not."""
        if self.before.shape != self.after.shape or self.before.dtype != self.after.dtype:
            return True
        if self.before.dtype.kind != "f":
            return not np.array_equal(self.before, self.after)
        both = np.isnan(self.before) & np.isnan(self.after)
        bits = f"u{self.before.dtype.itemsize}"
        return not np.array_equal(np.where(both, 0, self.before.view(bits)), np.where(both, 0, self.after.view(bits)))

    def differs_beyond(self, tolerance: float) -> bool:
        """Whether they differ by more than the tolerance times the greatest magnitude: for rules over the reals."""
        if self.before.shape != self.after.shape:
            return True
        one, other = self.before.astype(np.float64), self.after.astype(np.float64)
        usual = np.isfinite(one) & np.isfinite(other)
        scale = max(float(np.max(np.abs(one[usual]), initial=0.0)), 1e-3)
        return bool(np.any(np.abs(one - other)[usual] > tolerance * scale))


class UndefinedRightError(Exception):
    """The rule makes an operation that is not defined."""


def replay(compiled: CompiledRule, example: Example) -> Replay:
    """Runs the left side, applies the rule, and runs again.

    Raises:
        TinyirError: the interpreter cannot run it, or the operands do not fit.
        UndefinedRightError: the rule applies, and makes an operation that is not defined.
    """
    module, arguments = _ModuleOf(compiled.rule, example).build()
    before = _run(module, arguments)
    try:
        applied = apply_rules(module, [compiled], PassContext(most_rewrites=1))
    except TinyirError as error:
        raise UndefinedRightError(f"the right side is not defined: {error.diagnostics[0].message}") from error
    try:
        return Replay(before, _run(module, arguments), applied > 0)
    except UnknownOperationError:
        raise
    except InterpreterError as error:
        raise UndefinedRightError(f"the right side is not defined: {error.diagnostics[0].message}") from error


def _run(module: Operation, arguments: Sequence[Array]) -> Array:
    with np.errstate(all="ignore"):
        (result,) = Machine(module).call(main_function(module), list(arguments))
    return np.asarray(result)


class _ModuleOf:
    def __init__(self, rule: ast.Rule, example: Example) -> None:
        self.rule = rule
        self.example = example
        self.module = create_module()
        self.names = [name for name in example.types if name not in example.constants]
        self.function = create_function(self.module, "main", [example.types[name] for name in self.names], [])
        self.builder = Builder.at_end(self.function.body)
        self.values: dict[str, Value] = dict(zip(self.names, self.function.body.arguments, strict=True))

    def build(self) -> tuple[Operation, list[Array]]:
        result = self._pattern(self.rule.pattern, (0,), "")
        self.builder.create("func.return", [result])
        types = [self.example.types[name] for name in self.names]
        self.function.properties["function_type"] = TypeAttribute(FunctionType(types, [result.type]))
        return self.module, [self.example.data[name] for name in self.names]

    def _pattern(self, pattern: ast.Pattern, path: Path, repetition: str) -> Value:
        if isinstance(pattern, ast.Operand | ast.Constant):
            name = pattern.name + repetition
            if name not in self.values:
                self.values[name] = self._constant(self.example.data[name], self.example.types[name])
            return self.values[name]
        if isinstance(pattern, ast.Splat):
            type = self.example.literals[path]
            shape = type.shape if isinstance(type, ShapedType) else ()
            return self._constant(np.full(shape, pattern.value, dtype_of(_element(type))), type)
        assert isinstance(pattern, ast.Application)
        operands: list[Value] = []
        for i, operand in enumerate(pattern.operands):
            if isinstance(operand, ast.Sequence):
                operands += [self._pattern(operand.pattern, (*path, i), f".{k}") for k in range(self.example.length)]
            else:
                operands.append(self._pattern(operand, (*path, i), repetition))
        properties = dict(self.example.properties.get(path, {}))
        definition = definition_of(pattern.operation)
        if pattern.number is not None and definition is not None and definition.infer is not None:
            types = definition.infer([operand.type for operand in operands], properties)
            return self.builder.create(pattern.operation, operands, types, properties).results[pattern.number]
        type = self.example.results.get(path) or _inferred(pattern.operation, operands, properties)
        if isinstance(type, ShapedType) and type.element_count > MOST_ELEMENTS:
            raise TinyirError(f"{type} is too large to try")
        return self.builder.create(pattern.operation, operands, [type], properties).result

    def _constant(self, data: Array, type: Type) -> Value:
        operation = constant_operation(self.rule.pattern.operation)
        return self.builder.create(operation, (), [type], {"value": constant_attribute_of(data, type)}).result


def _inferred(operation: str, operands: list[Value], properties: dict[str, Attribute]) -> Type:
    definition = definition_of(operation)
    if definition is None or definition.infer is None:
        raise TinyirError(f"the result of '{operation}' has no known type")
    return definition.infer([operand.type for operand in operands], properties)[0]


def _element(type: Type) -> Type:
    return storage_type(type.element if isinstance(type, ShapedType) else type)


def constant_attribute_of(data: Array, type: Type) -> Attribute:
    """The value of a constant."""
    if isinstance(type, ShapedType):
        element = storage_type(type.element)
        return DenseElements(TensorType(type.shape, element), np.ascontiguousarray(data, dtype_of(element).newbyteorder("<")).tobytes())
    if isinstance(type, FloatType):
        return FloatAttribute.of(float(data), type)
    number = int(data)
    return IntegerAttribute(number & 1 if isinstance(type, IntegerType) and type.width == 1 else number, type)


def random_data(shape: tuple[int, ...], type: Type, random: np.random.Generator) -> Array:
    """Elements of a type: small and extreme numbers, and zeros of both signs among floats."""
    element = storage_type(type)
    dtype = dtype_of(element)
    if isinstance(element, FloatType):
        special = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 3.25])
        found = np.where(random.random(shape) < 0.25, random.choice(special, shape), random.standard_normal(shape) * 2)
        return np.asarray(found, dtype)
    if isinstance(element, IndexType):
        return np.asarray(random.integers(-9, 100, shape), dtype)
    assert isinstance(element, IntegerType)
    if element.width == 1:
        return np.asarray(random.integers(0, 2, shape), dtype)
    pick = random.random(shape)
    small = random.integers(max(-9, element.lowest), 10, shape)
    extreme = random.choice(np.array([element.lowest, element.greatest, element.greatest - 1]), shape)
    anywhere = random.integers(element.lowest, element.greatest, shape, dtype=dtype, endpoint=True)
    return np.asarray(np.where(pick < 0.5, small, np.where(pick < 0.65, extreme, anywhere)), dtype)
