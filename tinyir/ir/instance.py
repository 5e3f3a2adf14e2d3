"""An operator of the operator language made concrete: shapes bound, packs expanded, every index affine.

    graph.dense on tensor<1x4xi8>, tensor<3x4xi8>, tensor<3xi32>
      y[d0, d1] = bias[d1] + sum(d2 < 4) i32(x[d0, d2]) * i32(weight[d1, d2])

From an `Instance` come result types, interpretation, loops and meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from tinyir.ir import expression as ex
from tinyir.ir import operator as ast
from tinyir.ir.affine import AffineDimension, AffineExpression, used_dimensions
from tinyir.ir.affine_interval import interval_over
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseArray, FloatAttribute, IntegerAttribute, StringAttribute, TypeAttribute
from tinyir.ir.errors import TinyirError
from tinyir.ir.loose_values import InstanceError
from tinyir.ir.operator_evaluation import Evaluation, Tensor, spell_value
from tinyir.ir.types import TensorType, Type, storage_type

__all__ = ["ConcreteEquation", "Instance", "InstanceError", "Tensor", "instantiate", "result_types"]


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
        TinyirError: they fit, but an equation says nothing that has a meaning for them.
    """
    made = _Instantiation(operator, operands, properties)
    try:
        return made.instance()
    except (InstanceError, ValueError) as error:
        given = ", ".join(map(str, operands))
        said = str(error) if isinstance(error, InstanceError) else f"'{operator.name}': {error}"
        raise TinyirError(f"{said} (for operands of {given})", place=operator.place) from error


def result_types(operator: ast.Operator, operands: Sequence[Type], properties: Mapping[str, Attribute]) -> list[Type]:
    """The result types alone.

    Raises:
        InstanceError: operands or properties do not fit.
    """
    return [TensorType(t.shape, t.element) for t in _Instantiation(operator, operands, properties).results]


class _Instantiation(Evaluation):
    """One operator on one list of operand types."""

    def __init__(self, operator: ast.Operator, operands: Sequence[Type], properties: Mapping[str, Attribute]) -> None:
        super().__init__(operator)
        self.operands = self._bind_operands(operands)
        self._bind_attributes(properties)
        for extent in operator.extents:
            self.values[extent.name] = self._pack_values(extent.expression) if extent.pack else self._integer(extent.expression)
        for requirement in operator.requirements:
            if not self._evaluate(requirement):
                raise self._error(f"requires {ast.spell(requirement)}, with {self._numbers(requirement)}")
        self.results = tuple(self._declared(result) for result in operator.results)
        self.tensors.update((t.name, t) for t in (*self.operands, *self.results))

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
        names = [n for item in declaration.shape for n in ast.names(item.expression)]
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
            raise self._error(f"has {expression.name} = {spell_value(extent)} in '{tensor}', but {spell_value(known)} before it")

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
        if value is None or sequence != (declaration.several or declaration.pack) or (sequence and None in value):
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

    # -- equations

    def instance(self) -> Instance:
        equations: list[ConcreteEquation] = []
        known = len(self.tensors)
        if self.operator.form == "concat":
            equations = self._concat_equations()
        elif self.operator.form == "equations":
            defined = {equation.target.name for equation in self.operator.equations}
            for result in self.results:
                if result.name not in defined:
                    raise self._error(f"has no equation for '{result.name}'")
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
        self._check_domain(target, index, self.extents[:rank])
        return ConcreteEquation(target.name, tuple(index), tuple(self.extents), rank, body, tuple(self.names))

    def _check_domain(self, target: Tensor, index: Sequence[AffineExpression], domain: Sequence[int]) -> None:
        """
        Raises:
            InstanceError: the equation defines elements that its tensor does not have.
        """
        if 0 in domain:  # it defines none
            return
        for axis, (position, extent) in enumerate(zip(index, target.shape, strict=True)):
            last = interval_over(position, domain)[1]
            if last >= extent:
                name = "".join(self.names[d] for d in used_dimensions(position)) or str(last)
                raise self._error(f"defines '{target.name}' at {name} = 0 .. {last} along axis {axis}, whose extent is {extent}")


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
