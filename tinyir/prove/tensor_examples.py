"""Concrete cases of rules over tensors: extents and attributes from a model of z3, elements from it and at random.

A difference between two folds is no question that z3 answers; small tensors with random elements, run before and after, show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from tinyir.interp.scalar import dtype_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseArray, FloatAttribute, IntegerAttribute, StringAttribute, TypeAttribute
from tinyir.ir.errors import TinyirError
from tinyir.ir.instance import InstanceError
from tinyir.ir.types import F32, I64, QuantizedType, TensorType, Type
from tinyir.prove.rule_cases import Matched
from tinyir.prove.rule_replay import MOST_ELEMENTS, Array, Example, Replay, UndefinedRightError, random_data, replay
from tinyir.prove.scalar_rules import python_value
from tinyir.prove.scalar_terms import Terms
from tinyir.prove.symbolic import Integer, Number, QuantizedElement, Session, SymbolicTensor
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.text import rule_syntax as ast

FILLS = 4
REALS_TOLERANCE = 1e-3
"""Two results that differ by more, relative to the greatest magnitude, do not differ by float rounding alone."""


@attrs.frozen
class Counterexample:
    """A case in which the rule changes the result, as the interpreter ran it."""

    description: str


def find_counterexample(
    rule: ast.Rule,
    functions: Mapping[str, ast.Function],
    session: Session,
    matched: Matched,
    terms: Terms | None = None,
    goal: Any = None,
) -> Counterexample | None:
    """Tries the case on concrete tensors; `goal`: what z3 found to fail."""
    compiled = compile_rule(rule, functions)
    for model in _models(session, matched, goal):
        for fill in range(FILLS):
            try:
                example = _Concrete(rule, session, matched, model, terms if not fill else None, np.random.default_rng(fill)).example()
                found = replay(compiled, example)
            except UndefinedRightError as error:
                return Counterexample(f"{_spell_example(example)}: {error}")
            except (_TooLargeError, TinyirError, InstanceError, ValueError, IndexError):
                break
            if not found.applied:
                break
            if found.differs if rule.exact else found.differs_beyond(REALS_TOLERANCE):
                return Counterexample(_describe(example, found))
    return None


class _TooLargeError(Exception):
    """The model's tensors are too large to run."""


def _models(session: Session, matched: Matched, goal: Any) -> Iterator[Any]:
    """Models of the case: with small extents that differ, small, and any."""
    z3 = session.z3
    extents = [e for tensor in matched.tensors.values() for e in tensor.shape if not isinstance(e, int)]
    integers = [v for found in matched.properties.values() for value in found.values() for v in (value if isinstance(value, tuple) else (value,))]
    integers = [v for v in integers if z3.is_expr(v) and z3.is_int(v)]
    inside = [name >= 1 for _, name in session.names.values()]
    small = [*inside, *(z3.And(e >= 1, e <= 6) for e in extents), *(z3.And(v >= -8, v <= 8) for v in integers)]
    apart = [z3.And(e >= 2, e <= 5) for e in extents]
    numbers = [v.term for found in matched.properties.values() for v in found.values() if isinstance(v, Number) and v.term is not None]
    apart += [z3.Not(z3.fpIsZero(term, session.context)) if z3.is_fp(term) else term != 0 for term in numbers]
    for preferred in ([*small, *apart], small, []):
        solver = z3.Solver(ctx=session.context)
        solver.set("rlimit", 1_000_000)
        solver.add(*session.hypotheses, *preferred, *([z3.Not(goal)] if goal is not None else []))
        if solver.check() == z3.sat:
            yield solver.model()


@attrs.define
class _Concrete:
    rule: ast.Rule
    session: Session
    matched: Matched
    model: Any
    terms: Terms | None
    random: np.random.Generator

    def example(self) -> Example:
        types = {name: self._type(tensor) for name, tensor in self.matched.tensors.items()}
        literals = {path: self._type(tensor) for path, tensor in self.matched.literals.items()}
        if sum(type.element_count for type in types.values()) > MOST_ELEMENTS:
            raise _TooLargeError
        data = {name: self._data(name, types[name]) for name in types}
        properties = {path: self._attributes(path, found) for path, found in self.matched.properties.items()}
        return Example(types, data, self._constants(), properties, {}, literals, self.matched.length)

    def _constants(self) -> frozenset[str]:
        """The operands that must be constants, as the pattern or its condition says."""
        written = {leaf.name for a in ast.applications(self.rule.pattern) for leaf in a.operands if isinstance(leaf, ast.Constant)}
        work = [self.rule.condition] if self.rule.condition is not None else []
        while work:
            expression = work.pop()
            if isinstance(expression, ast.Unary):
                continue
            work += ast.children(expression)
            if isinstance(expression, ast.Call) and expression.name in ("is_constant", "is_parameter", "is_line"):
                written |= {a.name for a in expression.arguments if isinstance(a, ast.Name)}
        return frozenset(name for name in self.matched.tensors if name.partition(".")[0] in written)

    def _integer(self, value: Integer) -> int:
        return value if isinstance(value, int) else int(self.model.eval(value, model_completion=True).as_long())

    def _type(self, tensor: SymbolicTensor) -> TensorType:
        shape = [self._integer(extent) for extent in tensor.shape]
        return TensorType(shape, self._element(tensor.element, shape))

    def _element(self, element: Any, shape: Sequence[int]) -> Type:
        if not isinstance(element, QuantizedElement):
            assert isinstance(element, Type)
            return element
        storage = element.storage
        if element.axis is None:
            return QuantizedType(storage, F32, (0.5,), (3,), None, storage.lowest, storage.greatest)
        count = shape[element.axis] if element.axis < len(shape) else 1
        scales = tuple(0.25 * (i + 1) for i in range(count))
        return QuantizedType(storage, F32, scales, tuple(range(count)), element.axis, storage.lowest, storage.greatest)

    def _data(self, name: str, type: TensorType) -> Array:
        if name in self.matched.numbers:
            return np.full(type.shape, self._number(self.matched.numbers[name]), dtype_of(type.element))
        found = random_data(type.shape, type.element, self.random)
        if self.terms is not None:
            self._place(found, name)
        return found

    def _place(self, array: Array, name: str) -> None:
        """Puts in the elements of which the model speaks."""
        assert self.terms is not None
        for number, element in self.terms.elements.items():
            value = python_value(self.session.z3, self.model.eval(self.terms.parameters[number], model_completion=True))
            if element.tensor != name or value is None or any(not isinstance(i, int) and not self.session.z3.is_expr(i) for i in element.index):
                continue
            index = tuple(map(self._integer, element.index))
            if all(0 <= i < extent for i, extent in zip(index, array.shape, strict=True)):
                array[index] = np.asarray(value).astype(array.dtype)  # an unsigned element is a signed number to the solver

    def _number(self, number: Number) -> int | float:
        found = python_value(self.session.z3, self.model.eval(number.integer(), model_completion=True))
        if found is None:
            number_term = self.model.eval(number.integer(), model_completion=True)
            return int(number_term.as_long())
        return found

    def _attributes(self, path: tuple[int, ...], found: Mapping[str, Any]) -> dict[str, Attribute]:
        made = {name: self._attribute(value) for name, value in found.items() if value is not None}
        return {name: attribute for name, attribute in made.items() if attribute is not None}

    def _attribute(self, value: Any) -> Attribute | None:
        if isinstance(value, QuantizedElement | Type):
            return TypeAttribute(self._element(value, (4, 4, 4, 4)))
        if isinstance(value, str):
            return StringAttribute(value)
        if isinstance(value, tuple):
            if value and isinstance(value[0], str):
                return ArrayAttribute([StringAttribute(str(v)) for v in value])
            return DenseArray([self._integer(v) for v in value], I64)
        number = self._number(value) if isinstance(value, Number) else value if isinstance(value, float) else self._integer(value)
        return FloatAttribute.of(number, F32) if isinstance(number, float) else IntegerAttribute(number, I64)


def _spell_example(example: Example) -> str:
    parts = [f"{name}: {type}" for name, type in example.types.items()]
    shown = [f"{name} = {_spell(attribute)}" for properties in example.properties.values() for name, attribute in properties.items()]
    values = [f"{name} = {data.reshape(-1).tolist()}" for name, data in example.data.items() if data.size <= 4]
    return ", ".join([*parts, *dict.fromkeys(shown), *values])


def _describe(example: Example, found: Replay) -> str:
    head = _spell_example(example)
    if found.before.shape != found.after.shape:
        return f"{head}: the shape {list(found.before.shape)} becomes {list(found.after.shape)}"
    with np.errstate(all="ignore"):
        different = ~((found.before == found.after) | ((found.before != found.before) & (found.after != found.after)))
    if found.before.dtype.kind == "f" and not different.any():
        different = np.signbit(found.before) != np.signbit(found.after)
    index = tuple(int(i) for i in np.argwhere(different)[0])
    at = f" at {list(index)}" if index else ""
    return f"{head}: the interpreter finds {found.before[index].item()!r}{at} before and {found.after[index].item()!r} after"


def _spell(attribute: Attribute) -> str:
    if isinstance(attribute, DenseArray):
        return str(list(attribute.values))
    return str(attribute.value) if isinstance(attribute, IntegerAttribute | FloatAttribute) else str(attribute)


