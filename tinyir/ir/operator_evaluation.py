"""Evaluates expressions of the operator language, with shapes bound and packs expanded.

A value is a Python number while nothing has given it a type, then a typed expression; an index variable is affine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from tinyir.ir import expression as ex
from tinyir.ir import operator as ast
from tinyir.ir.affine import AffineDimension, AffineExpression
from tinyir.ir.affine_interval import interval_over, simplify
from tinyir.ir.attributes import DenseElements
from tinyir.ir.loose_values import InstanceError, apply_function, as_index, combine_values
from tinyir.ir.types import F32, I32, IntegerType, QuantizedType, TensorType, Type, storage_type


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


class Evaluation:
    """The names that an operator's expressions may use: numbers and lists of them, types, tensors, variables of equations."""

    def __init__(self, operator: ast.Operator) -> None:
        self.operator = operator
        self.values: dict[str, Any] = {}
        self.types: dict[str, Type] = dict(ex.SCALAR_TYPES)
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Tensor] = {}
        self.extents: list[int] = []
        self.names: list[str] = []
        self.conditions: list[list[AffineExpression]] = []

    def _error(self, message: str) -> InstanceError:
        return InstanceError(f"'{self.operator.name}' {message}")

    def _numbers(self, expression: ast.Expression) -> str:
        names = [n for n in dict.fromkeys(ast.names(expression)) if n in self.values]
        return ", ".join(f"{n} = {spell_value(self.values[n])}" for n in names)

    def _extent_values(self, expression: ast.Expression) -> tuple[int, ...]:
        if isinstance(expression, ast.Pack):
            return self._pack_values(expression.expression)
        return (self._integer(expression),)

    def _integer(self, expression: ast.Expression) -> int:
        value = self._evaluate(expression)
        if not isinstance(value, int):
            raise self._error(f"needs an integer for {ast.spell(expression)}, not {value}")
        return value

    # -- packs

    def _pack_values(self, expression: ast.Expression) -> tuple[Any, ...]:
        if isinstance(expression, ast.Call) and expression.name == "broadcast":
            return self._broadcast_shape([self._extent_values(item.expression) for item in expression.items])
        lengths = set(self._lane_counts(expression))
        if len(lengths) != 1:
            raise self._error(f"needs lists of one length in {ast.spell(expression)}, with {self._numbers(expression)}")
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
        return [count for child in ast.children(expression) for count in self._lane_counts(child)]

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

    # -- variables

    def _declare(self, expression: ast.Expression, axes: tuple[int, ...] | None) -> list[AffineExpression]:
        """New variables for one item of a target, or of a binder."""
        if isinstance(expression, ast.Name):
            extent = self.values.get(expression.name.upper())
            variable = self._variable(axes[0] if extent is None and axes else extent, expression.name)
            self.values[expression.name] = ex.Index(variable)
            return [variable]
        inner = expression.expression if isinstance(expression, ast.Pack) else expression
        if not isinstance(expression, ast.Pack) or not isinstance(inner, ast.Name | ast.Access):
            raise self._error(f"defines an element at {ast.spell(expression)}, which is no variable")
        extents = self.values.get(inner.name.upper())
        if not isinstance(extents, tuple):
            raise self._error(f"has no list {inner.name.upper()} for {ast.spell(expression)}")
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
        if not isinstance(extent, int):
            raise self._error(f"does not say how far '{name}' goes")
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
        raise self._error(f"has a misplaced list in {ast.spell(expression)}")

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
            if not isinstance(binder, ast.Binary) or binder.operator != "<" or not isinstance(binder.left, ast.Name | ast.Pack):
                raise self._error(f"folds over {ast.spell(binder)}: write a variable, < and how far it goes")
            if isinstance(binder.left, ast.Pack):
                declared = self._declare(binder.left, None)
            else:
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
            index += [self._simplified(as_index(value)) for value in values]
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
                if interval_over(condition, self.extents)[0] < 0:
                    found.append(condition)
        return found

    def _call(self, call: ast.Call, lane: int | None) -> Any:
        if not call.items:
            raise self._error(f"calls '{call.name}' without arguments")
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
        type = self._named_type(call)
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
        return ex.Read(name, (as_index(index[quantized.axis]),), type)

    def _call_lowest(self, call: ast.Call, lane: int | None) -> int:
        return self._limited(call).lowest

    def _call_greatest(self, call: ast.Call, lane: int | None) -> int:
        return self._limited(call).greatest

    def _limited(self, call: ast.Call) -> QuantizedType | IntegerType:
        type = self._named_type(call)
        if not isinstance(type, QuantizedType | IntegerType):
            raise self._error(f"asks for {ast.spell(call)}, and {type} is no integer")
        return type

    def _named_type(self, call: ast.Call) -> Type:
        """The type that the first argument names."""
        name = call.items[0].expression if call.items else None
        if not isinstance(name, ast.Name) or name.name not in self.types:
            raise self._error(f"asks for {ast.spell(call)}, which names no type")
        return self.types[name.name]

    def _call_storage(self, call: ast.Call, lane: int | None) -> ex.Expression:
        return ex.cast(self._typed(call.items[1].expression, None, lane), storage_type(self._quantized(call)))


_SPECIAL_CALLS: dict[str, Callable[[Evaluation, ast.Call, int | None], Any]] = {
    "product": Evaluation._call_product,
    "scale": Evaluation._call_scale,
    "zero_point": Evaluation._call_zero_point,
    "lowest": Evaluation._call_lowest,
    "greatest": Evaluation._call_greatest,
    "storage": Evaluation._call_storage,
}


def spell_value(value: Any) -> str:
    """A number or a list as an error shows it."""
    return str(list(value)) if isinstance(value, tuple) else str(value)
