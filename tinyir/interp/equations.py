"""Runs operators from their equations, on numpy arrays: the meaning of the graph level.

All points of a domain are computed at once; the variables of a fold run one after the other, in the order of
the equation, so that float sums round as they are written.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.interp.errors import InterpreterError
from tinyir.interp.scalar import dtype_of, evaluate
from tinyir.ir import expression as ex
from tinyir.ir.affine import AffineExpression
from tinyir.ir.attributes import DenseElements
from tinyir.ir.function import ConcreteFunction, concrete_function
from tinyir.ir.instance import ConcreteEquation, Instance
from tinyir.text.specifications import function_named

Array = NDArray[Any]


def dense_array(value: DenseElements) -> Array:
    """The elements as a read-only array of the type's shape."""
    flat = np.frombuffer(value.data, dtype_of(value.type.element))
    return np.broadcast_to(flat.reshape(()) if value.splat else flat.reshape(value.type.shape), value.type.shape)


def run_instance(instance: Instance, operands: Sequence[Array]) -> list[Array]:
    """The results of an operator (not one that is said by hand).

    Raises:
        InterpreterError: an equation reads outside of a tensor and does not say what is there.
    """
    tensors = {t.name: np.asarray(a) for t, a in zip(instance.operands, operands, strict=True)}
    for constant in instance.constants:
        assert constant.value is not None
        tensors[constant.name] = dense_array(constant.value)
    if instance.operator.form == "flat":
        return [np.ascontiguousarray(operands[0]).reshape(instance.results[0].shape)]
    for tensor in (*instance.results, *instance.locals):
        tensors[tensor.name] = np.zeros(tensor.shape, dtype_of(tensor.element))
    with np.errstate(all="ignore"):
        for equation in instance.equations:
            _Evaluation(instance, equation, tensors).run()
    return [tensors[result.name] for result in instance.results]


class _Evaluation:
    """`mask`: the points of the domain whose value is used; a read of others is no read."""

    def __init__(self, instance: Instance, equation: ConcreteEquation, tensors: dict[str, Array]) -> None:
        self.instance = instance
        self.equation = equation
        self.tensors = tensors
        self.mask: Any = True
        shape = equation.extents[: equation.rank]
        self.variables: list[Any] = [np.arange(extent).reshape([-1 if axis == i else 1 for axis in range(len(shape))]) for i, extent in enumerate(shape)]
        self.variables += [0] * (len(equation.extents) - equation.rank)

    def run(self) -> None:
        equation = self.equation
        shape = equation.extents[: equation.rank]
        target = self.tensors[equation.target]
        if 0 in shape:
            return
        value = self.value(equation.body)
        index = tuple(self.affine(e) for e in equation.index)
        target[index] = np.broadcast_to(value, shape).astype(target.dtype)

    def affine(self, expression: AffineExpression) -> Any:
        return expression.evaluate(self.variables)

    def value(self, expression: ex.Expression) -> Array:
        if isinstance(expression, ex.Constant):
            return np.array(expression.value, dtype_of(expression.type))
        if isinstance(expression, ex.Index):
            return np.asarray(self.affine(expression.expression))
        if isinstance(expression, ex.Read):
            return self.read(expression)
        if isinstance(expression, ex.Scalar) and expression.operation == "arith.select":
            return self.select(expression)
        if isinstance(expression, ex.Scalar):
            operands = [self.value(operand) for operand in expression.operands]
            return evaluate(expression.operation, operands, expression.type, expression.predicate)
        if isinstance(expression, ex.Apply):
            return call_function(expression.function, [self.value(operand) for operand in expression.operands])
        assert isinstance(expression, ex.Fold)
        return self.fold(expression)

    def read(self, read: ex.Read) -> Array:
        tensor = self.tensors[read.tensor]
        index = [np.asarray(self.affine(i) if isinstance(i, AffineExpression) else self.value(i)) for i in read.index]
        inside: Any = True
        clipped = []
        for position, extent in zip(index, tensor.shape, strict=True):
            position = position.astype(np.int64)
            inside = inside & (position >= 0) & (position < extent)
            clipped.append(np.clip(position, 0, max(extent - 1, 0)))
        value: Array = tensor[tuple(clipped)]
        if read.otherwise is None:
            self.check_inside(read, index, inside)
            return value
        return np.where(inside, value, self.value_where(~np.asarray(inside), read.otherwise))

    def value_where(self, condition: Any, expression: ex.Expression) -> Array:
        saved, self.mask = self.mask, self.mask & condition
        value = self.value(expression)
        self.mask = saved
        return value

    def select(self, expression: ex.Scalar) -> Array:
        condition, chosen, other = expression.operands
        known = self.value(condition)
        operands = [known, self.value_where(known.astype(bool), chosen), self.value_where(~known.astype(bool), other)]
        return evaluate(expression.operation, operands, expression.type, expression.predicate)

    def check_inside(self, read: ex.Read, index: Sequence[Array], inside: Any) -> None:
        if np.all(inside):
            return
        outside = ~np.asarray(inside) & self.mask
        if not np.any(outside):
            return
        first = tuple(int(axis) for axis in np.argwhere(outside)[0])
        place = ", ".join(str(int(np.broadcast_to(position, outside.shape)[first])) for position in index)
        message = f"'{self.instance.operator.name}' reads '{read.tensor}' at [{place}], outside of its shape {list(self.tensors[read.tensor].shape)}"
        raise InterpreterError(message, place=self.instance.operator.place)

    def fold(self, fold: ex.Fold) -> Array:
        accumulator = self.value(fold.start)
        step = ex.combine(fold.kind, ex.Parameter(0, fold.type), ex.Parameter(1, fold.type))
        for point in itertools.product(*(range(self.equation.extents[v]) for v in fold.variables)):
            for variable, position in zip(fold.variables, point, strict=True):
                self.variables[variable] = position
            kept: Any = True
            for condition in fold.conditions:
                kept = kept & (self.affine(condition) >= 0)
            if kept is not True and not np.any(kept):
                continue
            combined = _evaluate_parameters(step, [accumulator, self.value_where(kept, fold.body)])
            accumulator = combined if kept is True or np.all(kept) else np.where(kept, combined, accumulator)
        return accumulator


def _evaluate_parameters(expression: ex.Expression, parameters: Sequence[Array]) -> Array:
    """A scalar expression of parameters, each shared node computed once."""
    known: dict[int, Array] = {}

    def value(node: ex.Expression) -> Array:
        if isinstance(node, ex.Parameter):
            return parameters[node.index]
        if isinstance(node, ex.Constant):
            return np.array(node.value, dtype_of(node.type))
        found = known.get(id(node))
        if found is None:
            assert isinstance(node, ex.Scalar | ex.Apply)
            operands = [value(operand) for operand in node.operands]
            found = call_function(node.function, operands) if isinstance(node, ex.Apply) else evaluate(node.operation, operands, node.type, node.predicate)
            known[id(node)] = found
        return found

    return value(expression)


@cache
def scalar_function(name: str) -> ConcreteFunction:
    """A function of `specs/functions` as typed expressions.

    Raises:
        TinyirError: there is none of that name, or it says something wrong.
    """
    return concrete_function(function_named(name))


def call_function(name: str, operands: Sequence[Array]) -> Array:
    """A function of `specs/functions` on arrays."""
    with np.errstate(all="ignore"):
        return _evaluate_parameters(scalar_function(name).value, operands)
