"""The meaning of an operator on symbolic tensors, read from its equations: for all extents, indices and attributes.

The rank is fixed, everything else is symbolic.  `tinyir.ir.instance` does the same for numbers; both leave the arithmetic of
scalars to `tinyir.ir.expression`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinyir.ir import expression as ex
from tinyir.ir import operator as ast
from tinyir.ir.loose_values import apply_function, combine_values
from tinyir.ir.types import F32, I1, I32, I64, Type
from tinyir.prove.symbolic import (
    ElementData,
    FoldData,
    Integer,
    NoMeaningError,
    Number,
    QuantizedElement,
    Session,
    SymbolicTensor,
    TermData,
    UnknownMeaningError,
    stored,
)


def operand(session: Session, name: str, shape: tuple[Integer, ...], element: Any) -> SymbolicTensor:
    """A tensor of which nothing is known but its shape and element type."""

    def at(index: tuple[Any, ...]) -> ex.Expression:
        return session.element(ElementData(name, shape, index, "stored", stored(element)), stored(element))

    return SymbolicTensor(shape, element, at)


def splat(value: int | float, shape: tuple[Integer, ...], element: Any) -> SymbolicTensor:
    """A tensor of one value."""
    constant = ex.constant(value, stored(element))
    return SymbolicTensor(shape, element, lambda index: constant)


def result_of(session: Session, operator: ast.Operator, operands: Sequence[SymbolicTensor], attributes: Mapping[str, Any]) -> SymbolicTensor:
    """The one result of an operator.  `attributes`: all its properties; integers, z3 integers, `Number`s, types or tuples.

    Raises:
        NoMeaningError: ranks or types do not fit, or the language says something that proofs do not know.
    """
    tensor = _Meaning(session, operator, operands, attributes).result()
    return SymbolicTensor(tensor.shape, tensor.element, _defined(tensor.at))


def _defined(at: Callable[[tuple[Any, ...]], ex.Expression]) -> Callable[[tuple[Any, ...]], ex.Expression]:
    def checked(index: tuple[Any, ...]) -> ex.Expression:
        try:
            return at(index)
        except ValueError as error:  # an operation that does not exist on the type
            raise NoMeaningError(str(error)) from error

    return checked


class _Meaning:
    def __init__(self, session: Session, operator: ast.Operator, operands: Sequence[SymbolicTensor], attributes: Mapping[str, Any]) -> None:
        self.session = session
        self.operator = operator
        self.types: dict[str, Any] = dict(ex.SCALAR_TYPES)
        self.values: dict[str, Any] = {}
        self.tensors: dict[str, SymbolicTensor] = {}
        self.conditions: list[list[Any]] = []
        self._bind_operands(operands)
        for declaration in operator.attributes:
            self._bind_attribute(declaration, attributes[declaration.property])
        for extent in operator.extents:
            if extent.pack:
                self.values[extent.name] = tuple(map(session.named, self._pack(extent.expression)))
            else:
                self.values[extent.name] = session.named(self.evaluate(extent.expression))
        for requirement in operator.requirements:
            session.require(f"'{operator.name}' is defined", self.evaluate(requirement))

    # -- what is given

    def _bind_operands(self, operands: Sequence[SymbolicTensor]) -> None:
        declared = list(self.operator.operands)
        if declared[-1].variadic:
            declared = [declared[-1]] * len(operands)
        if len(declared) != len(operands):
            raise NoMeaningError("number of operands")
        self.sequence = list(operands)
        for declaration, tensor in zip(declared, operands, strict=True):
            if self.types.setdefault(declaration.element, tensor.element) is not tensor.element:
                raise NoMeaningError("element types")
            if declaration.variadic:
                self.values.setdefault("D", tensor.shape)
                if len(tensor.shape) != len(self.values["D"]):
                    raise NoMeaningError("ranks")
            else:
                self._bind_shape(declaration, tensor.shape)
            self.tensors[declaration.name] = tensor

    def _bind_shape(self, declaration: ast.TensorDeclaration, shape: tuple[Integer, ...]) -> None:
        items = [item.expression for item in declaration.shape]
        packs = sum(isinstance(item, ast.Pack) for item in items)
        fixed = len(items) - packs
        if len(shape) < fixed or (not packs and len(shape) != fixed):
            raise NoMeaningError("rank")
        position = 0
        for item in items:
            length = len(shape) - fixed if isinstance(item, ast.Pack) else 1
            name = item.expression if isinstance(item, ast.Pack) else item
            assert isinstance(name, ast.Name)
            extent: Any = shape[position : position + length] if isinstance(item, ast.Pack) else shape[position]
            position += length
            known = self.values.setdefault(name.name, extent)
            if known is not extent:
                self.session.require(f"extents {name.name} agree", self._same(known, extent))

    def _same(self, left: Any, right: Any) -> Any:
        if isinstance(left, tuple):
            if len(left) != len(right):
                raise NoMeaningError("ranks")
            return self.session.all_of([self.session.equal(a, b) for a, b in zip(left, right, strict=True)])
        return self.session.equal(left, right)

    def _bind_attribute(self, declaration: ast.AttributeDeclaration, value: Any) -> None:
        if value is None:
            assert isinstance(declaration.default, ast.Name)
            value = self.types[declaration.default.name]
        if isinstance(value, Type | QuantizedElement):
            self.types[declaration.names[0]] = value
        elif declaration.several:
            self.values.update(zip(declaration.names, value, strict=True))
        else:
            self.values[declaration.names[0]] = value

    # -- results

    def result(self) -> SymbolicTensor:
        declaration = self.operator.results[0]
        if declaration.element not in self.types:
            raise NoMeaningError(f"no type for '{declaration.name}'")
        element = self.types[declaration.element]
        if self.operator.form == "concat":
            return self._concat(element)
        shape = tuple(extent for item in declaration.shape for extent in self._items(item.expression))
        if self.operator.form == "flat":
            return SymbolicTensor(shape, element, lambda index: self._flat(shape, index))
        if self.operator.form == "by_hand":
            return SymbolicTensor(shape, element, lambda index: self._by_hand(stored(element), index))
        for expression in self._selectors():
            self._selection(expression, len(self.values[expression.name.upper()]))
        return SymbolicTensor(shape, element, lambda index: self._at(declaration.name, index))

    def _selectors(self) -> list[ast.Access]:
        """Accesses such as `d[PERMUTATION]` in targets: they demand distinct axes."""
        items = [item.expression for equation in self.operator.equations for item in equation.target.items]
        inner = [item.expression for item in items if isinstance(item, ast.Pack)]
        return [access for access in inner if isinstance(access, ast.Access)]

    def _flat(self, shape: tuple[Integer, ...], index: tuple[Integer, ...]) -> ex.Expression:
        (tensor,) = self.sequence
        return tensor.at(self.session.unravel(tensor.shape, shape, index))

    def _concat(self, element: Any) -> SymbolicTensor:
        session, axis = self.session, self.values[self.operator.axis]
        rank = len(self.sequence[0].shape)
        session.require("the axis exists", session.all_of([axis >= 0, axis < rank]))
        first = self.sequence[0].shape
        for tensor in self.sequence[1:]:
            for j in range(rank):
                same = session.any_of([session.equal(axis, j), session.equal(tensor.shape[j], first[j])])
                session.require("extents agree", same)
        total = [sum((t.shape[j] for t in self.sequence[1:]), first[j]) for j in range(rank)]
        shape = tuple(session.choose(session.equal(axis, j), total[j], first[j]) for j in range(rank))

        def at(index: tuple[Integer, ...]) -> ex.Expression:
            base: Integer = 0
            parts = []
            for tensor in self.sequence:
                moved = tuple(session.choose(session.equal(axis, j), lane - base, lane) for j, lane in enumerate(index))
                base = base + session.item(tensor.shape, axis)
                parts.append((session.item(index, axis) < base, tensor.at(moved)))
            value = parts[-1][1]
            for condition, part in reversed(parts[:-1]):
                value = self._select(condition, part, value)
            return value

        return SymbolicTensor(shape, element, at)

    def _by_hand(self, type: Type, index: tuple[Any, ...]) -> ex.Expression:
        """A requantization: its rounded value is an unknown function of the accumulator, the parameters and the channel."""
        if self.operator.name != "graph.requantize":
            raise UnknownMeaningError(f"'{self.operator.name}' is said by hand")
        (tensor,) = self.sequence
        names = ("SCALE", "OFFSET", "ROUNDING")
        operands = (tensor.at(index), self.session.lane(index[-1] if index else 0), *(self._typed(self.values[n], I64) for n in names))
        rounded = ex.Apply("rounded", operands, I64)
        value = ex.binary("+", rounded, self._typed(self.values["Z"], I64))
        low, high = self._typed(self.values["LOW"], I64), self._typed(self.values["HIGH"], I64)
        return ex.cast(ex.minimum(ex.maximum(value, low), high), type)

    def _at(self, target: str, index: tuple[Any, ...]) -> ex.Expression:
        """The element of a result or local tensor."""
        equation = next(e for e in self.operator.equations if e.target.name == target)
        saved, self.values = self.values, dict(self.values)
        position = 0
        for item in equation.target.items:
            position += self._bind_index(item.expression, index[position:])
        if position != len(index):
            raise NoMeaningError("rank")
        value = self.typed(equation.body)
        self.values = saved
        return value

    def _bind_index(self, expression: ast.Expression, index: tuple[Any, ...]) -> int:
        """Binds the variables of one item of a target; the number of lanes that it takes."""
        if isinstance(expression, ast.Name):
            self.values[expression.name] = index[0]
            return 1
        assert isinstance(expression, ast.Pack)
        inner = expression.expression
        assert isinstance(inner, ast.Name | ast.Access)
        rank = len(self.values[inner.name.upper()])
        if isinstance(inner, ast.Name):
            self.values[inner.name] = index[:rank]
            return rank
        selection = self._selection(inner, rank)
        lanes = index[: len(selection)]
        if all(isinstance(axis, int) for axis in selection):
            pack = [None] * rank
            for axis, lane in zip(selection, lanes, strict=True):
                pack[axis] = lane
            self.values[inner.name] = tuple(pack)
        else:
            self.values[inner.name] = tuple(self.session.item(lanes, self.session.position(selection, j)) for j in range(rank))
        return len(selection)

    # -- lists

    def _items(self, expression: ast.Expression) -> tuple[Any, ...]:
        return self._pack(expression.expression) if isinstance(expression, ast.Pack) else (self.evaluate(expression),)

    def _pack(self, expression: ast.Expression) -> tuple[Any, ...]:
        if isinstance(expression, ast.Call) and expression.name == "broadcast":
            return self._broadcast([self._items(item.expression) for item in expression.items])
        lengths = set(self._lane_counts(expression))
        if len(lengths) != 1:
            raise NoMeaningError("lists of different lengths")
        return tuple(self.evaluate(expression, lane) for lane in range(lengths.pop()))

    def _broadcast(self, shapes: list[tuple[Integer, ...]]) -> tuple[Integer, ...]:
        session = self.session
        rank = max(map(len, shapes))
        result: list[Integer] = []
        for extents in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
            found = extents[0]
            for extent in extents[1:]:
                alike = session.equal(found, extent)
                one, other = session.equal(found, 1), session.equal(extent, 1)
                session.require("shapes broadcast", session.any_of([alike, one, other]))
                found = found if alike is True else session.choose(one, extent, found)
            result.append(found)
        return tuple(result)

    def _lane_counts(self, expression: ast.Expression) -> list[int]:
        if isinstance(expression, ast.Name):
            value = self.values.get(expression.name)
            return [len(value)] if isinstance(value, tuple) else []
        if isinstance(expression, ast.Access) and isinstance(self.values.get(expression.name), tuple):
            return [len(self._selection(expression, len(self.values[expression.name])))]
        if isinstance(expression, ast.Access | ast.Call):
            return [count for item in expression.items for count in self._lane_counts(item.expression)]
        if isinstance(expression, ast.Binary):
            return self._lane_counts(expression.left) + self._lane_counts(expression.right)
        return self._lane_counts(expression.operand) if isinstance(expression, ast.Unary) else []

    def _selection(self, access: ast.Access, rank: int) -> list[Any]:
        """The axes that `d[AXES]` or `d[~AXES]` chooses; they must be distinct and exist."""
        selector = access.items[0].expression
        complement = isinstance(selector, ast.Unary) and selector.operator == "~"
        if isinstance(selector, ast.Unary):
            selector = selector.operand
        assert isinstance(selector, ast.Name)
        axes = list(self.values[selector.name])
        if not complement and access in self._selectors() and len(axes) != rank:
            raise NoMeaningError("a permutation of another length")
        if all(isinstance(axis, int) for axis in axes):
            if len(set(axes)) != len(axes) or any(not 0 <= axis < rank for axis in axes):
                raise NoMeaningError("axes")
            return [i for i in range(rank) if i not in axes] if complement else axes
        if complement:
            raise UnknownMeaningError("a complement of unknown axes")
        session = self.session
        session.require("axes exist", session.all_of([c for axis in axes for c in (axis >= 0, axis < rank)]))
        session.require("axes are distinct", session.z3.Distinct([session.integer(axis) for axis in axes]) if len(axes) > 1 else True)
        return axes

    # -- expressions

    def typed(self, expression: ast.Expression, like: Type | None = None) -> ex.Expression:
        return self._typed(self.evaluate(expression), like)

    def _typed(self, value: Any, like: Type | None = None) -> ex.Expression:
        if isinstance(value, Number):
            return value.typed(like or I32)
        if isinstance(value, int | float):
            return ex.constant(value, like or (F32 if isinstance(value, float) else I32))
        if isinstance(value, ex.Expression):
            return value
        z3 = self.session.z3
        if z3.is_bool(value):
            return self.session.leaf(TermData(value), I1)
        if z3.is_int(value):
            lane = self.session.lane(value)
            return lane if like is None else ex.cast(lane, like)
        return self.session.fitted(value, like or I32)

    def evaluate(self, expression: ast.Expression, lane: int | None = None) -> Any:
        if isinstance(expression, ast.Number):
            return expression.value
        if isinstance(expression, ast.Name):
            return self._name(expression.name, lane)
        if isinstance(expression, ast.Access):
            if expression.name in self.tensors or any(e.target.name == expression.name for e in self.operator.equations):
                return self._read(expression)
            assert lane is not None
            values = self.values[expression.name]
            return self.session.item(values, self._selection(expression, len(values))[lane])
        if isinstance(expression, ast.Unary):
            return self._unary(expression, lane)
        if isinstance(expression, ast.Binary):
            return self._binary(expression, lane)
        if isinstance(expression, ast.Call):
            return self._call(expression, lane)
        if isinstance(expression, ast.Reduction):
            return self._fold(expression, None)
        raise UnknownMeaningError("a misplaced list")

    def _name(self, name: str, lane: int | None) -> Any:
        value = self.values[name]
        if isinstance(value, tuple):
            if lane is None:
                raise UnknownMeaningError("a list as one value")
            value = value[lane]
        if value is None:
            raise NoMeaningError(f"an axis of '{name}' is not bound")
        return value

    def _unary(self, expression: ast.Unary, lane: int | None) -> Any:
        value = self.evaluate(expression.operand, lane)
        if expression.operator == "-":
            return ex.negate(value) if isinstance(value, ex.Expression) else -value
        raise UnknownMeaningError(f"'{expression.operator}'")

    def _binary(self, expression: ast.Binary, lane: int | None) -> Any:
        left = self.evaluate(expression.left, lane)
        right = expression.right
        if expression.operator == "+" and isinstance(right, ast.Reduction) and right.kind == "sum" and isinstance(left, ex.Expression):
            return self._fold(right, left)
        return self.combine(expression.operator, left, self.evaluate(right, lane))

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        """`left operator right` where each is a number, a z3 integer, an attribute or a typed expression."""
        if isinstance(left, ex.Expression) or isinstance(right, ex.Expression):
            like = left.type if isinstance(left, ex.Expression) else right.type
            return combine_values(operator, self._typed(left, like), self._typed(right, like))
        return combine_integers(self.session, operator, left, right)

    def _select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        if isinstance(condition, bool):
            return then if condition else otherwise
        if isinstance(condition, ex.Expression) or isinstance(then, ex.Expression) or isinstance(otherwise, ex.Expression):
            typed = then if isinstance(then, ex.Expression) else otherwise
            like = typed.type if isinstance(typed, ex.Expression) else None
            return ex.select(self._typed(condition), self._typed(then, like), self._typed(otherwise, like))
        return self.session.choose(condition, then, otherwise)

    def _fold(self, reduction: ast.Reduction, start: ex.Expression | None) -> ex.Expression:
        outer = dict(self.values)
        variables: list[tuple[Any, Integer]] = []
        for item in reduction.binders:
            binder = item.expression
            assert isinstance(binder, ast.Binary)
            if isinstance(binder.left, ast.Pack):
                access = binder.left.expression
                assert isinstance(access, ast.Access)
                extents = self.values[access.name.upper()]
                pack = list(self.values.get(access.name, (None,) * len(extents)))
                for axis in self._selection(access, len(extents)):
                    if not isinstance(axis, int):
                        raise UnknownMeaningError("a fold over unknown axes")
                    pack[axis] = self._variable(extents[axis], variables)
                self.values[access.name] = tuple(pack)
            else:
                assert isinstance(binder.left, ast.Name)
                self.values[binder.left.name] = self._variable(self.evaluate(binder.right), variables)
        self.conditions.append([])
        body = self.typed(reduction.body)
        conditions = tuple(self.conditions.pop())
        self.values = outer
        if start is None:
            start = ex.start_of(reduction.kind, body.type)
        if not variables:  # one point
            once: ex.Expression = self._select(self.session.all_of(conditions), ex.combine(reduction.kind, start, body), start)
            return once
        return self.session.leaf(FoldData(reduction.kind, tuple(variables), conditions, body, start), body.type)

    def _variable(self, extent: Integer, variables: list[tuple[Any, Integer]]) -> Integer:
        """A new variable of a fold; over one point it is 0."""
        if isinstance(extent, int) and extent == 1:
            return 0
        variables.append((self.session.fresh("k"), extent))
        return variables[-1][0]

    def _read(self, access: ast.Access) -> ex.Expression:
        if access.name not in self.tensors:
            return self._at(access.name, tuple(v for item in access.items for v in self._items(item.expression)))
        tensor = self.tensors[access.name]
        index: list[Any] = []
        guard: ast.Expression | None = None
        singles = sum(not isinstance(item.expression, ast.Pack) for item in access.items)
        for item in access.items:
            values = list(self._items(item.expression))
            if isinstance(item.guard, ast.Name) and item.guard.name == "broadcast":
                values = self._broadcast_index(values, tensor.shape, len(index), len(tensor.shape) - singles)
            elif item.guard is not None:
                guard = item.guard
            index += values
        if len(index) != len(tensor.shape):
            raise NoMeaningError("rank")
        if guard is None:
            return tensor.at(tuple(index))
        inside = [self.session.all_of([i >= 0, i < extent]) for i, extent in zip(index, tensor.shape, strict=True)]
        if isinstance(guard, ast.Name) and guard.name == "skip":
            self.conditions[-1] += inside
            return tensor.at(tuple(index))
        value = tensor.at(tuple(index))
        return ex.select(self._typed(self.session.all_of(inside)), value, self.typed(guard, value.type)) if inside else value

    def _broadcast_index(self, values: list[Any], shape: tuple[Integer, ...], position: int, pack: int) -> list[Any]:
        if len(values) > 1 or pack == 0:
            values = values[len(values) - pack :] if pack >= 0 else values
        session = self.session
        return [session.choose(session.equal(shape[position + i], 1), 0, v) if not isinstance(v, ex.Expression) else v for i, v in enumerate(values)]

    # -- functions

    def _call(self, call: ast.Call, lane: int | None) -> Any:
        if call.name in self.types:
            type = stored(self.types[call.name])
            value = self._typed(self.evaluate(call.items[0].expression, lane), type)
            return ex.cast(value, type)
        if call.name in ("scale", "zero_point"):
            return self._quantity(call)
        if call.name in ("lowest", "greatest"):
            assert isinstance(call.items[0].expression, ast.Name)
            type = stored(self.types[call.items[0].expression.name])
            return getattr(type, call.name)
        if call.name == "storage":
            return ex.cast(self.typed(call.items[1].expression), stored(self._quantized(call)))
        if call.name == "product":
            return product(self.session, self._items(call.items[0].expression))
        values = [self.evaluate(item.expression, lane) for item in call.items]
        if call.name == "select":
            return self._select(*values)
        if any(isinstance(value, ex.Expression) for value in values) or call.name not in ("min", "max"):
            like = next((v.type for v in values if isinstance(v, ex.Expression)), F32)
            return apply_function(call.name, [self._typed(v, like) for v in values])
        greater = combine_integers(self.session, ">", values[1], values[0])
        keep, take = (values[0], values[1]) if call.name == "max" else (values[1], values[0])
        return self.session.choose(greater, take, keep)

    def _quantized(self, call: ast.Call) -> QuantizedElement:
        assert isinstance(call.items[0].expression, ast.Name)
        element = self.types[call.items[0].expression.name]
        if not isinstance(element, QuantizedElement):
            raise NoMeaningError("a quantized type is needed")
        return element

    def _quantity(self, call: ast.Call) -> ex.Expression:
        """A scale (positive) or zero point (within the storage type): one, or one for each index along the axis."""
        element = self._quantized(call)
        type: Type = F32 if call.name == "scale" else I32
        if element.axis is None:
            index: tuple[Any, ...] = ()
        else:
            indices = self._items(call.items[1].expression)
            if element.axis >= len(indices):
                raise NoMeaningError("an axis of scales that does not exist")
            index = (indices[element.axis],)
        data = ElementData(f"{call.name}.{element.name}", (None,) * len(index), index, "positive" if type is F32 else "stored", element.storage)
        return self.session.element(data, type)


def combine_integers(session: Session, operator: str, left: Any, right: Any) -> Any:
    """An operation on Python numbers, z3 integers, booleans and attributes; `/` and `%` by positive numbers."""
    left = left.integer() if isinstance(left, Number) else left
    right = right.integer() if isinstance(right, Number) else right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return combine_values(operator, left, right)
    if operator in ("and", "or"):
        return (session.all_of if operator == "and" else session.any_of)([left, right])
    if operator == "==":
        return session.equal(left, right) if session.z3.is_int(left) or session.z3.is_int(right) else left == right
    functions = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: session.integer(left) / right,
        "%": lambda: session.integer(left) % right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }
    if operator not in functions:
        raise UnknownMeaningError(f"'{operator}' of numbers that are not known")
    return functions[operator]()


def product(session: Session, factors: Sequence[Integer]) -> Integer:
    """The product of integers."""
    total: Integer = 1
    for factor in factors:
        total = factor if isinstance(total, int) and total == 1 else total * session.integer(factor)
    return total
