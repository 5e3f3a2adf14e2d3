"""An operator of the operator language made concrete: shapes bound, packs expanded, every index affine.

    graph.dense on tensor<1x4xi8>, tensor<3x4xi8>, tensor<3xi32>
      y[d0, d1] = bias[d1] + sum(d2 < 4) i32(x[d0, d2]) * i32(weight[d1, d2])

From an `Instance` come result types, interpretation, loops and meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from tinyir.ir import expression as ex
from tinyir.ir import operator as ast
from tinyir.ir.affine import (
    AffineBinary,
    AffineConstant,
    AffineDimension,
    AffineExpression,
    as_expression,
    linear_terms,
    make_binary,
)
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
from tinyir.ir.types import F32, I32, INDEX, IntegerType, QuantizedType, TensorType, Type, storage_type


class InstanceError(Exception):
    """The operands or properties do not fit the operator; the message says which and by which numbers."""


@attrs.frozen
class Tensor:
    """A tensor of the equations: operand, result, local or constant (then with its elements)."""

    name: str
    shape: tuple[int, ...]
    element: Type
    value: DenseElements | None = None

    @property
    def type(self) -> TensorType:
        return TensorType(self.shape, self.element)


@attrs.frozen(eq=False)
class ConcreteEquation:
    """`target[index] = body` for every point of the domain: variable i runs over 0 .. extents[i] - 1.

    The first `rank` variables are the domain; the others belong to folds in the body.  `names` are those of the text.
    """

    target: str
    index: tuple[AffineExpression, ...]
    extents: tuple[int, ...]
    rank: int
    body: ex.Expression
    names: tuple[str, ...]


@attrs.frozen(eq=False)
class Instance:
    """`form` as of the operator; for "flat" and "concat" the equations say the same in index notation, or are absent."""

    operator: ast.Operator
    operands: tuple[Tensor, ...]
    results: tuple[Tensor, ...]
    locals: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    equations: tuple[ConcreteEquation, ...]
    attributes: Mapping[str, Any]

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {t.name: t for t in (*self.operands, *self.results, *self.locals, *self.constants)}


def instantiate(operator: ast.Operator, operands: Sequence[Type], properties: Mapping[str, Attribute]) -> Instance:
    """The operator for these operand types (static tensors) and properties.

    Raises:
        InstanceError: they do not fit.
    """
    return _Instantiation(operator, operands, properties).instance()


def result_types(operator: ast.Operator, operands: Sequence[Type], properties: Mapping[str, Attribute]) -> list[Type]:
    """The result types alone.

    Raises:
        InstanceError: operands or properties do not fit.
    """
    return [TensorType(t.shape, t.element) for t in _Instantiation(operator, operands, properties).results]


class _Instantiation:
    def __init__(self, operator: ast.Operator, operands: Sequence[Type], properties: Mapping[str, Attribute]) -> None:
        self.operator = operator
        self.values: dict[str, Any] = {}
        self.types: dict[str, Type] = dict(ex.SCALAR_TYPES)
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Tensor] = {}
        self.extents: list[int] = []
        self.names: list[str] = []
        self.conditions: list[list[AffineExpression]] = []
        self.operands = self._bind_operands(operands)
        self._bind_attributes(properties)
        for extent in operator.extents:
            self.values[extent.name] = self._pack_values(extent.expression) if extent.pack else self._integer(extent.expression)
        for requirement in operator.requirements:
            if not self._evaluate(requirement):
                raise self._error(f"requires {spell(requirement)}, with {self._numbers(requirement)}")
        self.results = tuple(self._declared(result) for result in operator.results)
        self.tensors.update((t.name, t) for t in (*self.operands, *self.results))

    def _error(self, message: str) -> InstanceError:
        return InstanceError(f"'{self.operator.name}' {message}")

    def _numbers(self, expression: ast.Expression) -> str:
        names = [n for n in dict.fromkeys(_names(expression)) if n in self.values]
        return ", ".join(f"{n} = {_spell_value(self.values[n])}" for n in names)

    # -- operands, attributes, results

    def _bind_operands(self, types: Sequence[Type]) -> tuple[Tensor, ...]:
        declared = list(self.operator.operands)
        if declared and declared[-1].variadic:
            last = declared.pop()
            count = len(types) - len(declared)
            declared += [attrs.evolve(last, name=f"{last.name}{i}") for i in range(count)]
        if len(declared) != len(types) or (not declared and self.operator.operands):
            raise self._error(f"takes {len(self.operator.operands)} operands, not {len(types)}")
        found = []
        for declaration, type in zip(declared, types, strict=True):
            if not isinstance(type, TensorType) or not type.has_static_shape:
                raise self._error(f"needs a tensor of static shape as '{declaration.name}', not {type}")
            self._bind_type(declaration, type.element)
            if declaration.variadic:
                self._bind_variadic(declaration, type.shape, first=declaration.name.endswith("0"))
            else:
                self._bind_shape(declaration, type.shape)
            found.append(Tensor(declaration.name, type.shape, type.element))
        return tuple(found)

    def _bind_type(self, declaration: ast.TensorDeclaration, element: Type) -> None:
        known = self.types.setdefault(declaration.element, element)
        if known is not element:
            raise self._error(f"needs elements of type {known} in '{declaration.name}', not {element}")

    def _bind_variadic(self, declaration: ast.TensorDeclaration, shape: tuple[int, ...], first: bool) -> None:
        names = [n for item in declaration.shape for n in _names(item.expression)]
        if first:
            self.values[names[0]] = shape
        elif len(self.values[names[0]]) != len(shape):
            raise self._error(f"needs operands of one rank, not {self.values[names[0]]} and {shape}")

    def _bind_shape(self, declaration: ast.TensorDeclaration, shape: tuple[int, ...]) -> None:
        packs = [i for i, item in enumerate(declaration.shape) if isinstance(item.expression, ast.Pack)]
        fixed = len(declaration.shape) - len(packs)
        if len(shape) < fixed or (not packs and len(shape) != fixed):
            raise self._error(f"needs '{declaration.name}' of rank {fixed}, not {len(shape)}")
        position = 0
        for item in declaration.shape:
            expression = item.expression
            if isinstance(expression, ast.Pack):
                length = len(shape) - fixed
                self._bind_extent(declaration.name, expression.expression, shape[position : position + length])
                position += length
            else:
                self._bind_extent(declaration.name, expression, shape[position])
                position += 1

    def _bind_extent(self, tensor: str, expression: ast.Expression, extent: Any) -> None:
        assert isinstance(expression, ast.Name)
        known = self.values.setdefault(expression.name, extent)
        if known != extent:
            raise self._error(f"has {expression.name} = {_spell_value(extent)} in '{tensor}', but {_spell_value(known)} before it")

    def _bind_attributes(self, properties: Mapping[str, Attribute]) -> None:
        known = {a.property for a in self.operator.attributes}
        for name in properties:
            if name not in known:
                raise self._error(f"has no property '{name}'")
        for declaration in self.operator.attributes:
            given = properties.get(declaration.property)
            value = self._default(declaration) if given is None else self._property(declaration, given)
            if isinstance(value, Attribute):
                assert isinstance(value, Type)
                self.types[declaration.names[0]] = value
            elif declaration.several:
                if len(value) != len(declaration.names):
                    raise self._error(f"needs {len(declaration.names)} numbers as '{declaration.property}', not {len(value)}")
                self.values.update(zip(declaration.names, value, strict=True))
            else:
                self.values[declaration.names[0]] = value

    def _default(self, declaration: ast.AttributeDeclaration) -> Any:
        default = declaration.default
        if default is None:
            raise self._error(f"needs the property '{declaration.property}'")
        if isinstance(default, tuple):
            return tuple(self._evaluate(e) for e in default)
        if isinstance(default, str):
            return default
        if isinstance(default, ast.Name) and default.name in self.types:
            return self.types[default.name]
        assert isinstance(default, ast.Number | ast.Name | ast.Unary | ast.Binary | ast.Call | ast.Access)
        return self._evaluate(default)

    def _property(self, declaration: ast.AttributeDeclaration, given: Attribute) -> Any:
        value = _python_value(given)
        sequence = isinstance(value, tuple)
        if value is None or sequence != (declaration.several or declaration.pack):
            kind = "a list" if declaration.several or declaration.pack else "one value"
            raise self._error(f"needs {kind} as '{declaration.property}', not {given}")
        return value

    def _declared(self, declaration: ast.TensorDeclaration) -> Tensor:
        concatenated = self.operator.form == "concat"
        shape = self._concat_shape() if concatenated else tuple(e for i in declaration.shape for e in self._extent_values(i.expression))
        if any(extent < 0 for extent in shape):
            raise self._error(f"would have a result of shape {list(shape)}")
        if declaration.element not in self.types:
            raise self._error(f"has no type for '{declaration.name}'")
        return Tensor(declaration.name, shape, self.types[declaration.element])

    def _concat_shape(self) -> tuple[int, ...]:
        axis, shapes = self.values[self.operator.axis], [t.shape for t in self.operands]
        if not 0 <= axis < len(shapes[0]):
            raise self._error(f"has no axis {axis}: the rank is {len(shapes[0])}")
        for shape in shapes:
            if shape[:axis] + shape[axis + 1 :] != shapes[0][:axis] + shapes[0][axis + 1 :]:
                raise self._error(f"needs shapes that differ only along axis {axis}, not {list(shapes[0])} and {list(shape)}")
        return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])

    def _extent_values(self, expression: ast.Expression) -> tuple[int, ...]:
        if isinstance(expression, ast.Pack):
            return self._pack_values(expression.expression)
        return (self._integer(expression),)

    def _integer(self, expression: ast.Expression) -> int:
        value = self._evaluate(expression)
        if not isinstance(value, int):
            raise self._error(f"needs an integer for {spell(expression)}, not {value}")
        return value

    # -- packs

    def _pack_values(self, expression: ast.Expression) -> tuple[Any, ...]:
        if isinstance(expression, ast.Call) and expression.name == "broadcast":
            return self._broadcast_shape([self._extent_values(item.expression) for item in expression.items])
        lengths = set(self._lane_counts(expression))
        if len(lengths) != 1:
            raise self._error(f"needs lists of one length in {spell(expression)}, with {self._numbers(expression)}")
        return tuple(self._evaluate(expression, lane) for lane in range(lengths.pop()))

    def _broadcast_shape(self, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
        rank = max(map(len, shapes))
        padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        result = []
        for extents in zip(*padded, strict=True):
            distinct = {e for e in extents if e != 1}
            if len(distinct) > 1:
                raise self._error(f"cannot broadcast shapes {' and '.join(str(list(s)) for s in shapes)}")
            result.append(distinct.pop() if distinct else 1)
        return tuple(result)

    def _lane_counts(self, expression: ast.Expression) -> list[int]:
        if isinstance(expression, ast.Name):
            value = self.values.get(expression.name)
            return [len(value)] if isinstance(value, tuple) else []
        if isinstance(expression, ast.Access) and isinstance(self.values.get(expression.name), tuple):
            return [len(self._selected(expression))]
        return [count for child in _children(expression) for count in self._lane_counts(child)]

    def _selected(self, access: ast.Access) -> tuple[Any, ...]:
        """`d[AXES]` and `d[~AXES]`: the chosen lanes of a pack."""
        values = self.values[access.name]
        return tuple(values[i] for i in self._selection(access, len(values)))

    def _selection(self, access: ast.Access, rank: int) -> list[int]:
        selector = access.items[0].expression
        complement = isinstance(selector, ast.Unary) and selector.operator == "~"
        if isinstance(selector, ast.Unary):
            selector = selector.operand
        assert isinstance(selector, ast.Name)
        axes = self.values[selector.name]
        if any(not 0 <= axis < rank for axis in axes) or len(set(axes)) != len(axes):
            raise self._error(f"needs distinct axes within rank {rank} as {selector.name}, not {list(axes)}")
        return [i for i in range(rank) if i not in axes] if complement else list(axes)

    # -- equations

    def instance(self) -> Instance:
        equations: list[ConcreteEquation] = []
        known = len(self.tensors)
        if self.operator.form == "concat":
            equations = self._concat_equations()
        elif self.operator.form == "equations":
            saved = dict(self.values)
            for equation in self.operator.equations:
                self.values = dict(saved)
                equations.append(self._equation(equation))
        return Instance(
            self.operator,
            self.operands,
            self.results,
            tuple(self.tensors.values())[known:],
            tuple(self.constants.values()),
            tuple(equations),
            {a.property: self._attribute_value(a) for a in self.operator.attributes},
        )

    def _attribute_value(self, declaration: ast.AttributeDeclaration) -> Any:
        if declaration.several:
            return tuple(self.values[name] for name in declaration.names)
        name = declaration.names[0]
        return self.values[name] if name in self.values else self.types[name]

    def _concat_equations(self) -> list[ConcreteEquation]:
        result, axis, base, equations = self.results[0], self.values[self.operator.axis], 0, []
        for operand in self.operands:
            variables = [AffineDimension(i) for i in range(len(operand.shape))]
            target: list[AffineExpression] = list(variables)
            target[axis] = variables[axis] + base
            body = ex.Read(operand.name, tuple(variables), storage_type(operand.element))
            names = tuple(f"d{i}" for i in range(len(variables)))
            equations.append(ConcreteEquation(result.name, tuple(target), operand.shape, len(operand.shape), body, names))
            base += operand.shape[axis]
        return equations

    def _equation(self, equation: ast.Equation) -> ConcreteEquation:
        self.extents, self.names = [], []
        target = self.tensors.get(equation.target.name)
        index: list[AffineExpression] = []
        for item in equation.target.items:
            index += self._declare(item.expression, None if target is None else target.shape[len(index) :])
        rank = len(self.extents)
        body = self._typed(equation.body)
        if target is None:
            shape = tuple(self.extents[:rank])
            target = self.tensors[equation.target.name] = Tensor(equation.target.name, shape, body.type)
        if isinstance(body, ex.Constant):
            body = ex.constant(body.value, storage_type(target.element))
        if body.type is not storage_type(target.element):
            raise self._error(f"computes '{target.name}' in {body.type}, but it holds {target.element}")
        return ConcreteEquation(target.name, tuple(index), tuple(self.extents), rank, body, tuple(self.names))

    def _declare(self, expression: ast.Expression, axes: tuple[int, ...] | None) -> list[AffineExpression]:
        """New variables for one item of a target, or of a binder."""
        if isinstance(expression, ast.Name):
            extent = self.values.get(expression.name.upper())
            variable = self._variable(axes[0] if extent is None and axes else extent, expression.name)
            self.values[expression.name] = ex.Index(variable)
            return [variable]
        assert isinstance(expression, ast.Pack)
        inner = expression.expression
        assert isinstance(inner, ast.Name | ast.Access)
        extents = self.values[inner.name.upper()]
        lanes = range(len(extents)) if isinstance(inner, ast.Name) else self._selection(inner, len(extents))
        pack = list(self.values.get(inner.name, (None,) * len(extents)))
        variables = []
        for lane in lanes:
            variable = self._variable(extents[lane], f"{inner.name}{lane}" if len(extents) > 1 else inner.name)
            pack[lane] = ex.Index(variable)
            variables.append(variable)
        self.values[inner.name] = tuple(pack)
        return variables

    def _variable(self, extent: Any, name: str) -> AffineExpression:
        assert isinstance(extent, int)
        self.names.append(name)
        self.extents.append(extent)
        return AffineDimension(len(self.extents) - 1)

    # -- expressions: a Python number (still without type), or a typed expression

    def _typed(self, expression: ast.Expression, like: Type | None = None, lane: int | None = None) -> ex.Expression:
        value = self._evaluate(expression, lane)
        if isinstance(value, int | float):
            return ex.constant(value, like or (F32 if isinstance(value, float) else I32))
        assert isinstance(value, ex.Expression)
        return value

    def _evaluate(self, expression: ast.Expression, lane: int | None = None) -> Any:
        if isinstance(expression, ast.Number):
            return expression.value
        if isinstance(expression, ast.Name):
            return self._name(expression, lane)
        if isinstance(expression, ast.Access):
            if expression.name in self.tensors:
                return self._read(expression, lane)
            if lane is None:
                raise self._error(f"uses the unknown tensor '{expression.name}'")
            return self._selected(expression)[lane]
        if isinstance(expression, ast.Unary):
            return self._unary(expression, lane)
        if isinstance(expression, ast.Binary):
            return self._binary(expression, lane)
        if isinstance(expression, ast.Call):
            return self._call(expression, lane)
        if isinstance(expression, ast.Reduction):
            return self._reduction(expression, None)
        raise self._error(f"has a misplaced list in {spell(expression)}")

    def _name(self, name: ast.Name, lane: int | None) -> Any:
        if name.name not in self.values:
            raise self._error(f"uses the unknown name '{name.name}'")
        value = self.values[name.name]
        if isinstance(value, tuple):
            if lane is None:
                raise self._error(f"uses the list '{name.name}' as one value")
            return value[lane]
        return value

    def _unary(self, expression: ast.Unary, lane: int | None) -> Any:
        value = self._evaluate(expression.operand, lane)
        if expression.operator == "-":
            if isinstance(value, int | float):
                return -value
            return ex.Index(-value.expression) if isinstance(value, ex.Index) else ex.negate(value)
        if expression.operator == "not":
            if isinstance(value, bool):
                return not value
            return ex.binary("^", value, ex.Constant(1, value.type))
        if expression.operator == "~":
            return ~value if isinstance(value, int) else ex.binary("^", value, ex.Constant(-1, value.type))
        return value

    def _binary(self, expression: ast.Binary, lane: int | None) -> Any:
        left = self._evaluate(expression.left, lane)
        right = expression.right
        if expression.operator == "+" and isinstance(right, ast.Reduction) and right.kind == "sum" and isinstance(left, ex.Expression):
            return self._reduction(right, left)
        return combine_values(expression.operator, left, self._evaluate(expression.right, lane))

    def _reduction(self, reduction: ast.Reduction, start: ex.Expression | None) -> ex.Expression:
        if reduction.kind not in ("sum", "max", "min"):
            raise self._error(f"has the unknown fold '{reduction.kind}'")
        variables: list[int] = []
        outer = dict(self.values)
        for item in reduction.binders:
            binder = item.expression
            assert isinstance(binder, ast.Binary)
            assert binder.operator == "<"
            if isinstance(binder.left, ast.Pack):
                declared = self._declare(binder.left, None)
            else:
                assert isinstance(binder.left, ast.Name)
                declared = [self._variable(self._integer(binder.right), binder.left.name)]
                self.values[binder.left.name] = ex.Index(declared[0])
            variables += [v.position for v in declared if isinstance(v, AffineDimension)]
        self.conditions.append([])
        body = self._typed(reduction.body)
        conditions = tuple(dict.fromkeys(self.conditions.pop()))
        self.values = outer
        if start is None:
            start = ex.start_of(reduction.kind, body.type)
        return ex.Fold(reduction.kind, tuple(variables), conditions, body, start, body.type)

    def _read(self, access: ast.Access, lane: int | None) -> ex.Expression:
        tensor = self.tensors[access.name]
        index: list[AffineExpression | ex.Expression] = []
        otherwise: ex.Expression | None = None
        guard: ast.Expression | None = None
        singles = sum(not isinstance(item.expression, ast.Pack) for item in access.items)
        for item in access.items:
            values = self._index_values(item.expression, lane)
            if isinstance(item.guard, ast.Name) and item.guard.name == "broadcast":
                if isinstance(item.expression, ast.Pack):  # numpy's rule: axes correspond from the last one back
                    values = values[singles + len(values) - len(tensor.shape) :]
                values = [0 if tensor.shape[len(index) + i] == 1 else v for i, v in enumerate(values)]
            elif item.guard is not None:
                guard = item.guard
            index += [self._simplified(_as_index(value)) for value in values]
        if len(index) != len(tensor.shape):
            raise self._error(f"reads '{tensor.name}' of rank {len(tensor.shape)} with {len(index)} indices")
        type = storage_type(tensor.element)
        if isinstance(guard, ast.Name) and guard.name == "skip":
            self.conditions[-1] += self._outside(index, tensor.shape)
        elif guard is not None:
            otherwise = self._typed(guard, type)
        return ex.Read(tensor.name, tuple(index), type, otherwise)

    def _index_values(self, expression: ast.Expression, lane: int | None) -> list[Any]:
        if isinstance(expression, ast.Pack):
            return list(self._pack_values(expression.expression))
        return [self._evaluate(expression, lane)]

    def _simplified(self, index: AffineExpression | ex.Expression) -> AffineExpression | ex.Expression:
        return simplify(index, self.extents) if isinstance(index, AffineExpression) else index

    def _outside(self, index: list[Any], shape: tuple[int, ...]) -> list[AffineExpression]:
        """Conditions (>= 0) under which the index lies inside, less those that always hold."""
        found = []
        for expression, extent in zip(index, shape, strict=True):
            assert isinstance(expression, AffineExpression)
            for condition in (expression, (extent - 1) - expression):
                if affine_range(condition, self.extents)[0] < 0:
                    found.append(condition)
        return found

    def _call(self, call: ast.Call, lane: int | None) -> Any:
        if call.name in self.types:
            type = storage_type(self.types[call.name])
            value = self._evaluate(call.items[0].expression, lane)
            return ex.constant(value, type) if isinstance(value, int | float) else ex.cast(value, type)
        special = _SPECIAL_CALLS.get(call.name)
        if special is not None:
            return special(self, call, lane)
        return apply_function(call.name, [self._evaluate(item.expression, lane) for item in call.items])

    def _call_product(self, call: ast.Call, lane: int | None) -> int:
        result = 1
        for value in self._extent_values(call.items[0].expression):
            result *= value
        return result

    def _quantized(self, call: ast.Call) -> QuantizedType:
        assert isinstance(call.items[0].expression, ast.Name)
        type = self.types[call.items[0].expression.name]
        if not isinstance(type, QuantizedType):
            raise self._error(f"needs a quantized type, not {type}")
        return type

    def _call_scale(self, call: ast.Call, lane: int | None) -> Any:
        return self._quantity(call, lane, self._quantized(call).scales, F32, "scale")

    def _call_zero_point(self, call: ast.Call, lane: int | None) -> Any:
        return self._quantity(call, lane, self._quantized(call).zero_points, I32, "zero_point")

    def _quantity(self, call: ast.Call, lane: int | None, values: Sequence[int | float], type: Type, what: str) -> Any:
        """A scale or zero point: a number, or per axis the element of a constant tensor."""
        quantized = self._quantized(call)
        if quantized.axis is None or len(set(values)) == 1:
            return values[0]
        index = self._index_values(call.items[1].expression, lane)
        name = f"{what}s"
        tensor_type = TensorType((len(values),), type)
        self.constants[name] = Tensor(name, (len(values),), type, DenseElements.of(tensor_type, list(values)))
        return ex.Read(name, (_as_index(index[quantized.axis]),), type)

    def _call_lowest(self, call: ast.Call, lane: int | None) -> int:
        assert isinstance(call.items[0].expression, ast.Name)
        type = self.types[call.items[0].expression.name]
        if isinstance(type, QuantizedType):
            return type.lowest
        assert isinstance(type, IntegerType)
        return type.lowest

    def _call_greatest(self, call: ast.Call, lane: int | None) -> int:
        assert isinstance(call.items[0].expression, ast.Name)
        type = self.types[call.items[0].expression.name]
        if isinstance(type, QuantizedType):
            return type.greatest
        assert isinstance(type, IntegerType)
        return type.greatest

    def _call_storage(self, call: ast.Call, lane: int | None) -> ex.Expression:
        return ex.cast(self._typed(call.items[1].expression, None, lane), storage_type(self._quantized(call)))


_SPECIAL_CALLS: dict[str, Callable[[_Instantiation, ast.Call, int | None], Any]] = {
    "product": _Instantiation._call_product,
    "scale": _Instantiation._call_scale,
    "zero_point": _Instantiation._call_zero_point,
    "lowest": _Instantiation._call_lowest,
    "greatest": _Instantiation._call_greatest,
    "storage": _Instantiation._call_storage,
}


# -- values that may still be numbers


def combine_values(operator: str, left: Any, right: Any) -> Any:
    """`left operator right` where each side is a Python number or a typed expression."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _fold_numbers(operator, left, right)
    if isinstance(left, ex.Index) or isinstance(right, ex.Index):
        affine = _affine(operator, left, right)
        if affine is not None:
            return affine
    if isinstance(left, int | float):
        left = ex.constant(left, right.type)
    if isinstance(right, int | float):
        right = ex.constant(right, left.type)
    if left.type is not right.type:
        raise InstanceError(f"'{operator}' needs operands of one type, not {left.type} and {right.type}")
    if left.type is INDEX and operator in ("+", "-", "*"):
        return ex.Scalar({"+": "arith.addi", "-": "arith.subi", "*": "arith.muli"}[operator], (left, right), INDEX)
    return ex.binary(operator, left, right)


def _fold_numbers(operator: str, left: Any, right: Any) -> Any:
    if operator in ("/", "%") and isinstance(left, int) and isinstance(right, int):
        if right == 0:
            raise InstanceError(f"{left} {operator} 0")
        return left // right if operator == "/" else left % right
    functions: dict[str, Callable[[], Any]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "<<": lambda: left << right,
        ">>": lambda: left >> right,
        "&": lambda: left & right,
        "|": lambda: left | right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "and": lambda: left and right,
        "or": lambda: left or right,
    }
    return functions[operator]()


def _affine(operator: str, left: Any, right: Any) -> ex.Index | None:
    a = left.expression if isinstance(left, ex.Index) else left
    b = right.expression if isinstance(right, ex.Index) else right
    if not isinstance(a, AffineExpression | int) or not isinstance(b, AffineExpression | int):
        return None
    if operator == "+":
        return ex.Index(as_expression(a) + b)
    if operator == "-":
        return ex.Index(as_expression(a) - b)
    if operator == "*" and (isinstance(a, int) or isinstance(b, int)):
        return ex.Index(as_expression(a) * b)
    if operator in ("/", "%") and isinstance(b, int) and isinstance(a, AffineExpression):
        return ex.Index(a // b if operator == "/" else a % b)
    return None


def apply_function(name: str, values: list[Any]) -> Any:
    """A built-in function of the operator language, or a call of a scalar function."""
    if all(isinstance(v, int | float) for v in values) and name in ("min", "max", "abs"):
        return abs(values[0]) if name == "abs" else (min(values) if name == "min" else max(values))
    if name == "select" and isinstance(values[0], bool):
        return values[1] if values[0] else values[2]
    typed = next((v for v in values[1 if name == "select" else 0 :] if isinstance(v, ex.Expression)), None)
    like = typed.type if typed is not None else F32
    arguments = [ex.constant(v, like) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in values]
    if name == "select":
        return ex.select(arguments[0], arguments[1], arguments[2])
    if name == "max":
        return ex.maximum(arguments[0], arguments[1])
    if name == "min":
        return ex.minimum(arguments[0], arguments[1])
    if name == "abs":
        return ex.absolute(arguments[0])
    if name == "bits_i32":
        return ex.bits(arguments[0], I32)
    if name == "bits_f32":
        return ex.bits(arguments[0], F32)
    if name == "floor_divide":
        return ex.Scalar("arith.floordivsi", (arguments[0], arguments[1]), like)
    if name == "divide_unsigned":
        return ex.Scalar("arith.divui", (arguments[0], arguments[1]), like)
    return ex.Apply(name, tuple(arguments), F32)


def _as_index(value: Any) -> AffineExpression | ex.Expression:
    if isinstance(value, int):
        return AffineConstant(value)
    if isinstance(value, ex.Index):
        return value.expression
    assert isinstance(value, ex.Expression)
    return value


def affine_range(expression: AffineExpression, extents: Sequence[int]) -> tuple[int, int]:
    """The least and greatest value when variable i runs over 0 .. extents[i] - 1 (exact for sums of variables)."""
    low = high = 0
    for factor, coefficient in linear_terms(expression).items():
        least, greatest = _factor_range(factor, extents)
        low += min(least * coefficient, greatest * coefficient)
        high += max(least * coefficient, greatest * coefficient)
    return low, high


def _factor_range(factor: AffineExpression, extents: Sequence[int]) -> tuple[int, int]:
    if isinstance(factor, AffineDimension):
        return 0, max(extents[factor.position] - 1, 0)
    constant = factor.constant_value
    if constant is not None:
        return constant, constant
    assert isinstance(factor, AffineBinary)
    divisor = factor.right.constant_value
    assert divisor is not None
    low, high = affine_range(factor.left, extents)
    if factor.kind == "mod":
        return (low, high) if low >= 0 and high < divisor else (0, divisor - 1)
    if factor.kind == "floordiv":
        return low // divisor, high // divisor
    return -(-low // divisor), -(-high // divisor)


def simplify(expression: AffineExpression, extents: Sequence[int]) -> AffineExpression:
    """The expression without divisions that the ranges of the variables decide."""
    if not isinstance(expression, AffineBinary):
        return expression
    left, right = simplify(expression.left, extents), simplify(expression.right, extents)
    divisor = right.constant_value
    if expression.kind in ("floordiv", "mod") and divisor is not None:
        low, high = affine_range(left, extents)
        if low // divisor == high // divisor:
            quotient = low // divisor
            return AffineConstant(quotient) if expression.kind == "floordiv" else left - quotient * divisor
    return make_binary(expression.kind, left, right)


def _python_value(attribute: Attribute) -> Any:
    """A property as Python data: number, string, type, or tuple of these; None if it has no such form."""
    if isinstance(attribute, IntegerAttribute | FloatAttribute | StringAttribute):
        return attribute.value
    if isinstance(attribute, TypeAttribute):
        return attribute.type
    if isinstance(attribute, DenseArray):
        return attribute.values
    if isinstance(attribute, ArrayAttribute):
        return tuple(_python_value(element) for element in attribute.elements)
    return None


# -- reading the symbolic form


def _children(expression: ast.Expression) -> list[ast.Expression]:
    if isinstance(expression, ast.Pack):
        return [expression.expression]
    if isinstance(expression, ast.Access | ast.Call):
        return [item.expression for item in expression.items]
    if isinstance(expression, ast.Unary):
        return [expression.operand]
    if isinstance(expression, ast.Binary):
        return [expression.left, expression.right]
    if isinstance(expression, ast.Reduction):
        return [*(item.expression for item in expression.binders), expression.body]
    return []


def _names(expression: ast.Expression) -> list[str]:
    if isinstance(expression, ast.Name):
        return [expression.name]
    return [name for child in _children(expression) for name in _names(child)]


def _spell_value(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


def spell(expression: ast.Expression) -> str:
    """The expression as text of the operator language."""
    if isinstance(expression, ast.Number):
        return str(expression.value)
    if isinstance(expression, ast.Name):
        return expression.name
    if isinstance(expression, ast.Pack):
        return f"{spell(expression.expression)}..."
    if isinstance(expression, ast.Unary):
        return f"{expression.operator}{spell(expression.operand)}"
    if isinstance(expression, ast.Binary):
        return f"{spell(expression.left)} {expression.operator} {spell(expression.right)}"
    if isinstance(expression, ast.Access):
        return f"{expression.name}[{', '.join(spell(item.expression) for item in expression.items)}]"
    if isinstance(expression, ast.Call):
        return f"{expression.name}({', '.join(spell(item.expression) for item in expression.items)})"
    binders = ", ".join(spell(item.expression) for item in expression.binders)
    return f"{expression.kind}({binders}) {spell(expression.body)}"
