"""The cases of a rule over scalars: every choice of types, of words in properties, and of exponents where a logarithm is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from tinyir.ir.registry import definition_of
from tinyir.ir.scalar_signature import bits_of
from tinyir.ir.types import FloatType, IndexType, IntegerType, Type
from tinyir.prove.rule_cases import Choices, Scope, conjuncts
from tinyir.prove.scalar_operations import Machine, Use
from tinyir.prove.symbolic import NoMeaningError
from tinyir.prove.wide import TooWideError, Wide
from tinyir.rewrite.rule_functions import DeclinedError, calculate
from tinyir.rewrite.rule_types import RuleTypes, literal_type, words_of
from tinyir.text import rule_syntax as ast

OVERFLOW_FLAGS = ("", "nsw", "nuw", "nsw, nuw")
"""What `..` may copy of an operation that wraps: which overflows have no meaning."""


@attrs.frozen(eq=False)
class ScalarCase:
    """Both sides of a rule at some types.

    `assumed`: what holds where the rule applies.  `required`: what the right side needs, with words for it.  `leaves`: the terms of
    operands and constants by name, `types` their types.  `properties`: what was chosen, by name of the rule.
    """

    machine: Machine
    left: Any
    right: Any
    assumed: Sequence[Any]
    required: Sequence[tuple[str, Any]]
    leaves: Mapping[str, Any]
    types: Mapping[str, Type | None]
    paths: Mapping[tuple[int, ...], Type | None]
    words: Mapping[str, Any]
    properties: Mapping[tuple[int, ...], Mapping[str, Any]]


def scalar_cases(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> Iterator[ScalarCase]:
    """All cases in which the rule may apply.

    Raises:
        TinyirError: the types of the rule contradict each other.
        NoMeaningError: proofs do not know what something means.
    """
    types, context = RuleTypes.infer(rule), None
    for assignment in types.assignments():
        choices = Choices()
        while True:
            builder = _Builder(rule, functions, types, assignment, choices, context)
            context, case = builder.machine.context, builder.build()
            if case is not None:
                yield case
            if not choices.advance():
                break


class _Builder:
    def __init__(
        self,
        rule: ast.Rule,
        functions: Mapping[str, ast.Function],
        types: RuleTypes,
        assignment: Mapping[int, Type | None],
        choices: Choices,
        context: Any,
    ) -> None:
        self.rule = rule
        self.types = types
        self.assignment = assignment
        self.choices = choices
        self.machine = Machine(not rule.exact, context)
        self.leaves: dict[str, Any] = {}
        self.leaf_types: dict[str, Type | None] = {}
        self.words: dict[str, Any] = {}
        self.scope = ScalarScope(self.machine, functions, self.leaves, self.leaf_types)
        for name, c in types.types.items():
            self.scope.values[name] = self.type(c)
        self.copied = {a.operation for a in ast.applications(rule.result) if a.rest}
        self.exponents = _powers_of_two(rule)
        self.sources: dict[str, Mapping[str, Any]] = {}
        self.properties: dict[tuple[int, ...], Mapping[str, Any]] = {}

    def type(self, c: Any) -> Type | None:
        return self.assignment[id(c.root())]

    def build(self) -> ScalarCase | None:
        machine, rule = self.machine, self.rule
        try:
            left = self._pattern(rule.pattern, (0,))
            assumed = [condition for _, condition in machine.required]
            if rule.condition is not None:
                condition = self.scope.truth(self.scope.evaluate(rule.condition, demanded=True))
                if condition is False or machine.z3.is_false(machine.z3.simplify(condition)):
                    return None
                assumed.append(condition)
            machine.required = []
            right = self._result(rule.result, (1,))
        except DeclinedError:
            return None
        except TooWideError:
            raise NoMeaningError("numbers of the condition that may be too large") from None
        paths = {path: self.type(c) for path, c in self.types.of.items()}
        return ScalarCase(machine, left, right, assumed, list(machine.required), self.leaves, self.leaf_types, paths, self.words, self.properties)

    # -- the left side

    def _pattern(self, pattern: ast.Pattern, path: tuple[int, ...]) -> Any:
        type = self.type(self.types.of[path])
        if isinstance(pattern, ast.Splat):
            return self._literal(pattern.value, type)
        if isinstance(pattern, ast.Operand | ast.Constant):
            return self._leaf(pattern.name, type)
        assert isinstance(pattern, ast.Application)
        operands = [self._pattern(operand, (*path, i)) for i, operand in enumerate(pattern.operands)]
        properties = {name: self._bound(pattern, name, value) for name, value in pattern.properties}
        if pattern.operation in self.copied and "overflowFlags" in _declared(pattern.operation):
            properties["overflowFlags"] = self.choices.pick(OVERFLOW_FLAGS)
        self.sources.setdefault(pattern.operation, properties)
        self.properties[path] = {name: value for name, value in properties.items() if name != "overflowFlags"}
        return self._apply(pattern, path, operands, properties)

    def _literal(self, value: int | float, type: Type | None) -> Any:
        if (type is None or isinstance(value, float) != isinstance(type, FloatType)) and not (isinstance(type, FloatType) and isinstance(value, int)):
            raise DeclinedError
        if isinstance(type, IntegerType) and not _fits(int(value), type):
            raise DeclinedError
        return self.machine.constant(value, type)

    def _leaf(self, name: str, type: Type | None) -> Any:
        if name not in self.leaves:
            self.leaf_types[name] = type
            if name in self.exponents and isinstance(type, IntegerType):
                width = type.width
                if width == 1:
                    raise DeclinedError  # true is -1
                exponent = self.choices.pick(range(width if type.is_unsigned else width - 1))
                self.leaves[name] = self.machine.constant(1 << exponent, type)
            else:
                self.leaves[name] = self.machine.z3.Const(name, self.machine.sort(type))
        return self.leaves[name]

    def _bound(self, application: ast.Application, name: str, value: ast.Expression) -> Any:
        if isinstance(value, ast.Name) and value.name not in self.scope.values:
            words = words_of(application.operation, name)
            if not words:
                raise NoMeaningError(f"property '{name}' of '{application.operation}' in rules over scalars")
            self.scope.values[value.name] = self.words[value.name] = self.choices.pick(words)
            return self.scope.values[value.name]
        return self.scope.evaluate(value)

    # -- the right side

    def _result(self, pattern: ast.Pattern, path: tuple[int, ...]) -> Any:
        type = self.type(self.types.of[path])
        if isinstance(pattern, ast.Splat | ast.Made):
            value = pattern.value if isinstance(pattern, ast.Splat) else self.scope.evaluate(pattern.value)
            return self._made(value, type)
        if isinstance(pattern, ast.Operand | ast.Constant):
            return self.leaves[pattern.name]
        assert isinstance(pattern, ast.Application)
        if pattern.type is not None and not isinstance(pattern.type, ast.Name) and self.scope.evaluate(pattern.type) is not type:
            raise DeclinedError
        operands = [self._result(operand, (*path, i)) for i, operand in enumerate(pattern.operands)]
        if pattern.rest and "fastmath" in _declared(pattern.operation):
            raise NoMeaningError(f"'..' would copy the flags of '{pattern.operation}': leave it out")
        properties = {**(self.sources.get(pattern.operation, {}) if pattern.rest else {})}
        properties |= {name: self.scope.evaluate(value) for name, value in pattern.properties}
        return self._apply(pattern, path, operands, properties)

    def _made(self, value: Any, type: Type | None) -> Any:
        if isinstance(value, bool):
            value = int(value)
        if isinstance(value, int | float):
            if type is None:
                raise NoMeaningError("a number of a type of which nothing is known")
            return self.machine.constant(value, type)
        if isinstance(value, Wide):
            if isinstance(type, FloatType) or type is None:
                raise NoMeaningError("an integer that becomes a float")
            return value.resized(bits_of(type))
        if self.machine.z3.is_bool(value):
            return self.machine.z3.If(value, self.machine.constant(1, type), self.machine.constant(0, type))
        if value.sort() != self.machine.sort(type):
            raise NoMeaningError("a constant of another type")
        return value

    def _apply(self, application: ast.Application, path: tuple[int, ...], operands: Sequence[Any], properties: Mapping[str, Any]) -> Any:
        types = tuple(self.type(self.types.of[(*path, i)]) for i in range(len(operands)))
        try:
            use = Use(application.operation, types, self.type(self.types.of[path]), properties, application.number or 0)
            return self.machine.apply(use, operands)
        except ValueError as error:
            raise NoMeaningError(str(error)) from error


def _declared(operation: str) -> frozenset[str]:
    definition = definition_of(operation)
    return definition.property_names if definition is not None else frozenset()


def _fits(value: int, type: IntegerType) -> bool:
    """Whether a pattern's number can be a constant of the type (an i1 is 0, and 1 or -1)."""
    return -1 <= value <= 1 if type.width == 1 else type.lowest <= value <= type.greatest


def _powers_of_two(rule: ast.Rule) -> set[str]:
    """The constants that must be powers of two: the condition says so of `value(c)`, or the right side takes its logarithm."""
    made = [m.value for a in ast.applications(rule.result) for m in a.operands if isinstance(m, ast.Made)]
    if isinstance(rule.result, ast.Made):
        made.append(rule.result.value)
    found = {part for part in conjuncts(rule.condition) if isinstance(part, ast.Call) and part.name == "is_power_of_two"}
    work = list(made)
    while work:
        expression = work.pop()
        if isinstance(expression, ast.Call):
            if expression.name == "log2":
                found.add(expression)
            if expression.name == "select":
                continue
        work += ast.children(expression)
    values = [call.arguments[0] for call in found]
    return {v.arguments[0].name for v in values if isinstance(v, ast.Call) and v.name == "value" and isinstance(v.arguments[0], ast.Name)}


class ScalarScope(Scope):
    """What names and expressions stand for: values of constants are numbers without limit, types are types."""

    def __init__(
        self, machine: Machine, functions: Mapping[str, ast.Function], leaves: Mapping[str, Any], types: Mapping[str, Type | None]
    ) -> None:
        super().__init__(machine, functions)  # type: ignore[arg-type]
        self.machine = machine
        self.leaves = leaves
        self.leaf_types = types

    def truth(self, value: Any) -> Any:
        return self.machine.z3.BoolVal(value, self.machine.context) if isinstance(value, bool) else value

    def _name(self, name: str, local: Mapping[str, Any]) -> Any:
        if name in local:
            return local[name]
        if name in self.values:
            return self.values[name]
        if name in self.leaves:
            return _Leaf(name)
        type = literal_type(name)
        if type is None:
            raise NoMeaningError(f"'{name}' is not known yet")
        return type

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        z3 = self.machine.z3
        if operator in ("and", "or"):
            return (z3.And if operator == "and" else z3.Or)(self.truth(left), self.truth(right))
        if isinstance(left, Wide) or isinstance(right, Wide):
            if isinstance(left, float) or isinstance(right, float):
                raise NoMeaningError("an integer beside a float")
            return self._wide(left).combine(operator, self._wide(right))
        if isinstance(left, int | float | str | Type | tuple) and isinstance(right, int | float | str | Type | tuple):
            return _plain(operator, left, right)
        if isinstance(left, Type) or isinstance(right, Type) or left is None or right is None:
            return (left is right) if operator == "==" else left is not right
        return self._float(operator, left, right)

    def _wide(self, value: Any) -> Wide:
        if isinstance(value, Wide):
            return value
        if not isinstance(value, int):
            raise NoMeaningError("a float where an integer is needed")
        return Wide.of(self.machine.z3, self.machine.context, value)

    def _item(self, values: Any, index: Any) -> Any:
        raise NoMeaningError("an element that is not known")

    def _float(self, operator: str, left: Any, right: Any) -> Any:
        z3, context = self.machine.z3, self.machine.context
        sort = left.sort() if not isinstance(left, int | float) else right.sort()
        if z3.is_bool(left) or z3.is_bool(right):
            one, other = self.truth(left), self.truth(right)
            return one == other if operator == "==" else one != other
        if operator not in ("==", "!=", "<", "<=", ">", ">="):
            if self.machine.ideal:
                return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right}[operator]()
            raise NoMeaningError(f"'{operator}' on the values of floats: build the operation on the right side instead")
        if self.machine.ideal:
            return {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
        a, b = (z3.FPVal(float(v), sort, ctx=context) if isinstance(v, int | float) else v for v in (left, right))
        table = {"==": z3.fpEQ, "!=": z3.fpNEQ, "<": z3.fpLT, "<=": z3.fpLEQ, ">": z3.fpGT, ">=": z3.fpGEQ}
        return table[operator](a, b, context)

    def _call(self, call: ast.Call, local: Mapping[str, Any], demanded: bool = False) -> Any:
        if call.name == "select":
            condition = self.evaluate(call.arguments[0], local)
            if isinstance(condition, bool):
                return self.evaluate(call.arguments[1 if condition else 2], local, demanded)
            first, second = (self._perhaps(a, local, computed=False) for a in call.arguments[1:])
            return self._wide(first).choose(condition, self._wide(second))
        if call.name == "value" and isinstance(found := self.evaluate(call.arguments[0], local), _Leaf):
            return self._value(found.name)
        return super()._call(call, local, demanded)

    def _built_in(self, name: str, arguments: list[Any]) -> Any:
        first = arguments[0] if arguments else None
        if name in ("min", "max"):
            a, b = map(self._wide, arguments)
            return a.choose(a.combine("<=" if name == "min" else ">=", b), b)
        if name == "element" and isinstance(first, _Leaf):
            return self.leaf_types[first.name]
        if name == "uses" and isinstance(first, _Leaf):  # at least one: that of what was matched
            z3, context = self.machine.z3, self.machine.context
            more = z3.ZeroExt(1, z3.BitVec(f"uses of {first.name}", 16, context))
            return Wide(z3, context, more, 0, (1 << 16) - 1).combine("+", self._wide(1))
        if name == "log2":
            return self._log2(self._wide(first))
        if name == "is_power_of_two":
            x = self._wide(first)
            bits = x.term.size()
            return self.machine.z3.And(x.term > 0, (x.term & (x.term - self.machine.z3.BitVecVal(1, bits, self.machine.context))) == 0)
        if name == "abs":
            x = self._wide(first)
            return x.choose(x.combine(">=", self._wide(0)), self._wide(0).combine("-", x))
        if name == "fits":
            type = arguments[1]
            if not isinstance(type, IntegerType | IndexType):
                raise DeclinedError
            low, high = limits(type)
            x = self._wide(first)
            return self.machine.z3.And(x.combine(">=", self._wide(low)), x.combine("<=", self._wide(high)))
        if name in _OF_TYPES:
            return _OF_TYPES[name](first)
        raise NoMeaningError(f"'{name}' in rules over scalars")

    def _value(self, name: str) -> Any:
        type, term = self.leaf_types[name], self.leaves[name]
        if isinstance(type, FloatType):
            return term
        if type is None:
            raise NoMeaningError(f"the value of '{name}', of whose type nothing is known")
        z3, context = self.machine.z3, self.machine.context
        literal = z3.simplify(term)
        low, high = limits(type)
        if z3.is_bv_value(literal):
            return Wide.of(z3, context, literal.as_signed_long() if low < 0 else literal.as_long())
        extend = z3.SignExt if low < 0 else z3.ZeroExt
        return Wide(z3, context, extend(1, term), low, high)

    def _log2(self, x: Wide) -> Wide:
        z3, context = self.machine.z3, self.machine.context
        literal = z3.simplify(x.term)
        if z3.is_bv_value(literal):
            value = literal.as_signed_long()
            if value <= 0 or value & (value - 1):
                raise DeclinedError
            return Wide.of(z3, context, value.bit_length() - 1)
        found = self._wide(0)
        for i in range(1, x.high.bit_length()):
            found = self._wide(i).choose(x.combine("==", self._wide(1 << i)), found)
        return found


@attrs.frozen
class _Leaf:
    """An operand or constant in an expression."""

    name: str


def limits(type: Type) -> tuple[int, int]:
    """The values of an integer type in rules: as its sign says (an i1 is 0 or -1), an index has 64 bits."""
    if isinstance(type, IntegerType):
        return (-1, 0) if type.width == 1 else (type.lowest, type.greatest)
    return -(1 << 63), (1 << 63) - 1


def _plain(operator: str, left: Any, right: Any) -> Any:
    if isinstance(left, Type) or isinstance(right, Type):
        return (left is right) if operator == "==" else left is not right
    return calculate(operator, left, right)


_OF_TYPES: dict[str, Any] = {
    "is_float": lambda type: isinstance(type, FloatType),
    "is_integer": lambda type: isinstance(type, IntegerType | IndexType),
    "is_plain": lambda type: True,
    "is_signed": lambda type: isinstance(type, IntegerType | IndexType) and limits(type)[0] < 0,
    "storage_bits": bits_of,
    "bits": bits_of,
    "lowest": lambda type: limits(type)[0],
    "greatest": lambda type: limits(type)[1],
}
