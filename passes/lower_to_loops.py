"""graph -> loop: every operator becomes the loop nests of its equations, each tensor stored and computed at the root.

    %y = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
=>
    %y = loop.tensor : tensor<4xf32>
    loop.for %d = 0 to 4 parallel { %v = loop.read %x[%d] ... loop.define %m, %y[%d] }

Tensors hold machine types from here on: the storage of a quantized type, unsigned integers as signless ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.ir import expression as ex
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, AffineSet, linear_terms, used_dimensions
from tinyir.ir.affine_interval import interval_over
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    SymbolReference,
    TypeAttribute,
)
from tinyir.ir.builder import Builder, create_function, find_symbol, functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.function import concrete_function
from tinyir.ir.instance import ConcreteEquation, Instance, instantiate
from tinyir.ir.location import NameLocation
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I64, INDEX, FloatType, FunctionType, IndexType, IntegerType, ShapedType, TensorType, Type, storage_type
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.specifications import function_named, operators


@attrs.frozen
class LowerToLoops(Pass):
    """Lowers every graph operation of every function."""

    name: ClassVar[str] = "lower_to_loops"
    reads: ClassVar[tuple[str, ...]] = ("graph", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            if any(o.name.startswith("graph.") for o in function.body) or _tensor_arguments(function):
                _lower_function(module, function)


def machine_type(type: Type) -> Type:
    """The type as the levels below the graph know it."""
    if isinstance(type, TensorType):
        return TensorType(type.shape, machine_type(type.element))
    type = storage_type(type)
    return IntegerType(type.width) if isinstance(type, IntegerType) else type


def _tensor_arguments(function: Operation) -> bool:
    return any(isinstance(a.type, TensorType) for a in function.body.arguments)


def _lower_function(module: Operation, function: Operation) -> None:
    # the equations depend on the graph's types, so all are made concrete before the first type changes
    planned = [(operation, _instance(operation)) for operation in function.body if operation.name.startswith("graph.")]
    declared = function.properties["function_type"]
    assert isinstance(declared, TypeAttribute)
    signature = declared.type
    assert isinstance(signature, FunctionType)
    function.attributes.setdefault("input_types", ArrayAttribute(TypeAttribute(t) for t in signature.inputs))
    function.attributes.setdefault("output_types", ArrayAttribute(TypeAttribute(t) for t in signature.results))
    inputs, results = [machine_type(t) for t in signature.inputs], [machine_type(t) for t in signature.results]
    function.properties["function_type"] = TypeAttribute(FunctionType(inputs, results))
    for argument in function.body.arguments:
        argument.type = machine_type(argument.type)
    for operation, instance in planned:
        builder = Builder.before(operation)
        if instance is None:
            value = operation.properties["value"]
            assert isinstance(value, DenseElements)
            lowered = [_create_constant(builder, value)]
        else:
            lowered = _Nests(module, builder, instance, operation).lower()
        for old, new in zip(operation.results, lowered, strict=True):
            new.name = old.name
        operation.replace_by(*lowered)


def _instance(operation: Operation) -> Instance | None:
    """The equations of an operator; None for a constant."""
    if operation.name == "graph.constant":
        return None
    operator = operators()[operation.name]
    if operator.form == "by_hand":
        names = " ".join(operation.location.names)
        raise TinyirError(f"'{operation.name}' ({names}) has no equations and must be lowered before the loop level")
    return instantiate(operator, [operand.type for operand in operation.operands], operation.properties)


def _create_constant(builder: Builder, value: DenseElements) -> Value:
    """An `arith.constant` of a tensor, of machine type."""
    type = machine_type(value.type)
    assert isinstance(type, TensorType)
    attribute = DenseElements(type, value.data, value.splat)
    return builder.create("arith.constant", [], [type], {"value": attribute}).result


class _Nests:
    """The nests of one operator's equations."""

    def __init__(self, module: Operation, builder: Builder, instance: Instance, operation: Operation) -> None:
        self.module = module
        self.builder = builder
        self.instance = instance
        self.tensors: dict[str, Value] = {}
        for tensor, operand in zip(instance.operands, operation.operands, strict=True):
            self.tensors[tensor.name] = operand

    def lower(self) -> list[Value]:
        if self.instance.operator.form == "flat":
            type = machine_type(self.instance.results[0].type)
            return [self.builder.create("loop.reshape", [self.tensors[self.instance.operands[0].name]], [type]).result]
        for constant in self.instance.constants:
            assert constant.value is not None
            self.tensors[constant.name] = _create_constant(self.builder, constant.value)
        for tensor in (*self.instance.results, *self.instance.locals):
            self.tensors[tensor.name] = self.builder.create("loop.tensor", [], [machine_type(tensor.type)]).result
        for equation in self.instance.equations:
            _Nest(self, equation).lower()
        return [self.tensors[result.name] for result in self.instance.results]


class _Nest:
    """One equation: loops over its domain around the scalar operations of its body."""

    def __init__(self, nests: _Nests, equation: ConcreteEquation) -> None:
        self.nests = nests
        self.equation = equation
        self.variables: list[Value | None] = [None] * len(equation.extents)
        self.emitted: dict[tuple[ex.Expression, Block], Value] = {}

    def lower(self) -> None:
        equation, builder = self.equation, self.nests.builder
        if 0 in equation.extents[: equation.rank]:
            return
        for variable in range(equation.rank):
            if equation.extents[variable] > 1:
                bounds = AffineMap.constant(0), AffineMap.constant(equation.extents[variable])
                made = loop.create_for(builder, (bounds[0], ()), (bounds[1], ()), parallel=True, label=self.equation.names[variable])
                builder = Builder.at_end(made.body, builder.location)
                self.variables[variable] = loop.induction_variable(made)
        value = self.emit(equation.body, builder)
        map, indices = self.bind(equation.index)
        loop.create_define(builder, value, self.nests.tensors[equation.target], map, indices)
        self._close(builder)

    def _close(self, builder: Builder) -> None:
        """Ends the bodies of the domain's loops, innermost first."""
        block = builder.block
        while block is not self.nests.builder.block:
            Builder.at_end(block, builder.location).create("loop.yield")
            nest = block.parent_operation
            assert nest is not None
            assert nest.parent is not None
            block = nest.parent

    def bind(self, expressions: Sequence[AffineExpression]) -> tuple[AffineMap, list[Value]]:
        """The expressions as a map over the induction variables that they use."""
        used: list[Value] = []
        replacements: list[AffineExpression] = []
        positions = sorted({p for e in expressions for p in used_dimensions(e)})
        for position, variable in enumerate(self.variables):
            if variable is None or position not in positions:
                replacements.append(AffineConstant(0))
            else:
                replacements.append(AffineDimension(len(used)))
                used.append(variable)
        return AffineMap(len(used), 0, [e.replace(replacements) for e in expressions]), used

    # -- expressions

    def emit(self, expression: ex.Expression, builder: Builder) -> Value:
        """The value of an expression; what the equation shares is computed once in each block."""
        key = expression, builder.block
        found = self.emitted.get(key)
        if found is None:
            found = self.emitted[key] = self._emit(expression, builder)
        return found

    def _emit(self, expression: ex.Expression, builder: Builder) -> Value:
        if isinstance(expression, ex.Constant):
            return _scalar_constant(builder, expression)
        if isinstance(expression, ex.Index):
            map, indices = self.bind([expression.expression])
            return builder.create("loop.index", indices, [expression.type], {"map": map}).result
        if isinstance(expression, ex.Read):
            return self.read(expression, builder)
        if isinstance(expression, ex.Fold):
            return self.fold(expression, builder)
        assert isinstance(expression, ex.Scalar | ex.Apply)
        return emit_scalar(self.nests.module, builder, expression, [self.emit(e, builder) for e in expression.operands])

    def read(self, read: ex.Read, builder: Builder) -> Value:
        tensor = self.nests.tensors[read.tensor]
        affine = [e if isinstance(e, AffineExpression) else AffineConstant(0) for e in read.index]
        conditions = self.violable(affine, tensor) if read.otherwise is not None else []
        if not conditions:
            return self._plain_read(read, builder)
        assert read.otherwise is not None
        map, indices = self.bind(conditions)
        condition = AffineSet(map.dimensions, 0, [(e, False) for e in map.results])
        regions = [loop.create_region(), loop.create_region()]
        branch = builder.create("loop.if", indices, [machine_type(read.type)], {"condition": condition}, regions)
        inside, outside = (Builder.at_end(r.block, builder.location) for r in regions)
        inside.create("loop.yield", [self._plain_read(read, inside)])
        outside.create("loop.yield", [self.emit(read.otherwise, outside)])
        return branch.result

    def _plain_read(self, read: ex.Read, builder: Builder) -> Value:
        """A read whose index lies inside.  Computed indices become further operands of the map."""
        computed = [self.emit_index(e, builder) for e in read.index if not isinstance(e, AffineExpression)]
        map, indices = self.bind([e for e in read.index if isinstance(e, AffineExpression)])
        affine = iter(map.results)
        dynamic = iter(range(len(computed)))
        results = [next(affine) if isinstance(e, AffineExpression) else AffineDimension(map.dimensions + next(dynamic)) for e in read.index]
        full = AffineMap(map.dimensions + len(computed), 0, results)
        return loop.create_read(builder, self.nests.tensors[read.tensor], full, [*indices, *computed])

    def emit_index(self, expression: ex.Expression, builder: Builder) -> Value:
        """An integer expression as an index."""
        value = self.emit(expression, builder)
        if isinstance(value.type, IndexType):
            return value
        name = "arith.index_castui" if ex.is_unsigned(expression.type) else "arith.index_cast"
        return builder.create(name, [value], [INDEX]).result

    def violable(self, index: Sequence[AffineExpression], tensor: Value) -> list[AffineExpression]:
        """The conditions (>= 0) that an index lies inside, less those that always hold."""
        assert isinstance(tensor.type, ShapedType)
        conditions = [c for e, n in zip(index, tensor.type.shape, strict=True) for c in (e, (n - 1) - e)]
        return [c for c in conditions if interval_over(c, self.equation.extents)[0] < 0]

    # -- folds

    def fold(self, fold: ex.Fold, builder: Builder) -> Value:
        """Loops over the fold's variables that carry the accumulator; conditions become their bounds."""
        start = self.emit(fold.start, builder)
        looped = [v for v in fold.variables if self.equation.extents[v] > 1]
        if not looped and fold.conditions:
            looped = [fold.variables[-1]]
        return self._fold_loops(fold, looped, start, builder)

    def _fold_loops(self, fold: ex.Fold, looped: Sequence[int], accumulator: Value, builder: Builder) -> Value:
        if not looped:
            term = self.emit(fold.body, builder)
            step = ex.combine(fold.kind, ex.Parameter(0, fold.type), ex.Parameter(1, fold.type))
            return emit_expression(self.nests.module, builder, step, [accumulator, term])
        variable, rest = looped[0], looped[1:]
        lower, upper = self._bounds(fold, looped, variable)
        made = loop.create_for(builder, self.bind(lower), self.bind(upper), [accumulator], label=self.equation.names[variable])
        body = Builder.at_end(made.body, builder.location)
        self.variables[variable] = loop.induction_variable(made)
        inner = self._fold_loops(fold, rest, made.body.arguments[1], body)
        body.create("loop.yield", [inner])
        self.variables[variable] = None
        return made.results[0]

    def _bounds(self, fold: ex.Fold, looped: Sequence[int], variable: int) -> tuple[list[AffineExpression], list[AffineExpression]]:
        """The bounds of one loop: its extent, and the conditions of which it is the innermost variable."""
        extent = self.equation.extents[variable]
        lower: list[AffineExpression] = [AffineConstant(0)]
        upper: list[AffineExpression] = [AffineConstant(extent)]
        for condition in fold.conditions:
            terms = linear_terms(condition)
            inner = [v for v in looped if AffineDimension(v) in terms]
            coefficient = terms.get(AffineDimension(variable), 0)
            rest = condition - AffineDimension(variable) * coefficient
            if not coefficient and not inner and not self._in_later_fold(fold, condition) and variable == looped[0]:
                upper.append((rest + 1) * extent)  # nothing runs where the condition fails
            elif coefficient and inner[-1:] == [variable]:
                if coefficient > 0:
                    lower.append((-rest).ceildiv(coefficient))
                else:
                    upper.append(rest // -coefficient + 1)
        ranges = self.equation.extents
        if any(interval_over(e, ranges)[0] >= 0 for e in lower[1:]):
            lower = lower[1:]
        if any(interval_over(e, ranges)[1] <= extent for e in upper[1:]):
            upper = upper[1:]
        return lower, upper

    def _in_later_fold(self, fold: ex.Fold, condition: AffineExpression) -> bool:
        """Whether a condition mentions a variable of this fold that some loop binds."""
        return any(v in fold.variables and self.equation.extents[v] > 1 for v in used_dimensions(condition))


# -- scalars


def _scalar_constant(builder: Builder, constant: ex.Constant) -> Value:
    type = machine_type(constant.type)
    return builder.create("arith.constant", [], [type], {"value": _scalar_attribute(constant.value, type)}).result


def _scalar_attribute(value: int | float, type: Type) -> Attribute:
    if isinstance(type, FloatType):
        return FloatAttribute.of(value, type)
    return IntegerAttribute(_wrapped(int(value), type), type)


def _wrapped(value: int, type: Type) -> int:
    """The value as a signed integer of the type's width."""
    if not isinstance(type, IntegerType) or type.width == 1:
        return value
    half = 1 << (type.width - 1)
    return (value + half) % (2 * half) - half


def emit_scalar(module: Operation, builder: Builder, node: ex.Scalar | ex.Apply, operands: list[Value]) -> Value:
    """One scalar operation, or a call of a scalar function (added to the module on first use)."""
    type = machine_type(node.type)
    if isinstance(node, ex.Apply):
        ensure_function(module, node.function)
        return builder.create("loop.call", operands, [type], {"callee": SymbolReference(node.function)}).result
    if node.operation == "arith.bitcast" and operands[0].type is type:
        return operands[0]
    properties: dict[str, Attribute] = {}
    if node.predicate:
        codes = ex.INTEGER_PREDICATES if node.operation == "arith.cmpi" else ex.FLOAT_PREDICATES
        properties["predicate"] = IntegerAttribute(codes.index(node.predicate), I64)
    return builder.create(node.operation, operands, [type], properties).result


def emit_expression(module: Operation, builder: Builder, expression: ex.Expression, parameters: Sequence[Value]) -> Value:
    """A scalar expression of parameters; a shared node is computed once."""
    known: dict[int, Value] = {}

    def emit(node: ex.Expression) -> Value:
        if isinstance(node, ex.Parameter):
            return parameters[node.index]
        found = known.get(id(node))
        if found is None:
            if isinstance(node, ex.Constant):
                found = _scalar_constant(builder, node)
            else:
                assert isinstance(node, ex.Scalar | ex.Apply)
                found = emit_scalar(module, builder, node, [emit(operand) for operand in node.operands])
            known[id(node)] = found
        return found

    return emit(expression)


def ensure_function(module: Operation, name: str) -> Operation:
    """The `func.func private @name` of a scalar function, made from `specs/functions` if it is not there yet."""
    found = find_symbol(module, name)
    if found is not None:
        return found
    concrete = concrete_function(function_named(name))
    result = machine_type(concrete.value.type)
    location = NameLocation(name)
    function = create_function(module, name, [machine_type(t) for t in concrete.parameters], [result], location)
    for argument in function.body.arguments:
        argument.location = location
    function.properties["sym_visibility"] = StringAttribute("private")
    builder = Builder.at_end(function.body, location)
    value = emit_expression(module, builder, concrete.value, function.body.arguments)
    builder.create("func.return", [value])
    return function
