"""The cases of a rule: every choice of ranks, element types and lengths of lists; all else in a case is symbolic.

Where a rule depends on which axes a list names (complements, or reshapes beside transposes), the lists themselves and the
extents that are 1 are chosen too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import permutations
from typing import Any

import attrs

from tinyir.ir import operator as spec
from tinyir.ir.types import F32, I8, I16, I32, I64, U8, IntegerType, Type
from tinyir.prove.meaning import combine_integers, operand, product, result_of, splat
from tinyir.prove.symbolic import NUMBER_BITS, Integer, NoMeaningError, Number, QuantizedElement, Session, SymbolicTensor, UnknownMeaningError
from tinyir.rewrite.rule_compiler import PROVED_DIMENSIONS, used_functions
from tinyir.rewrite.rule_defaults import plain_default
from tinyir.rewrite.rule_functions import DeclinedError, calculate, count_of
from tinyir.rewrite.rule_functions import complement as complement_of
from tinyir.rewrite.rule_functions import item as element_of
from tinyir.rewrite.rule_types import literal_type
from tinyir.text import rule_syntax as ast
from tinyir.text.specifications import operators

MOST_DIMENSIONS = PROVED_DIMENSIONS
SEQUENCE_LENGTHS = (1, 2, 3)
ELEMENTS: tuple[Type, ...] = (F32, I8, U8, I16, I32, I64)


class Choices:
    """A depth-first walk through decisions: `pick` returns another option on each walk, `advance` says whether one is left."""

    def __init__(self) -> None:
        self.path: list[list[int]] = []
        self.position = 0

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options.

        Raises:
            NoMeaningError: there is none.
        """
        if not options:
            raise NoMeaningError("no option")
        if self.position == len(self.path):
            self.path.append([0, len(options)])
        index = self.path[self.position][0]
        self.position += 1
        return options[index]

    def advance(self) -> bool:
        del self.path[self.position :]
        while self.path and self.path[-1][0] + 1 == self.path[-1][1]:
            self.path.pop()
        if not self.path:
            return False
        self.path[-1][0] += 1
        self.position = 0
        return True


@attrs.frozen(eq=False)
class Matched:
    """The left side of a case: operands by name, literals and properties by path, values of constants; how many operands a sequence has."""

    tensors: Mapping[str, SymbolicTensor]
    literals: Mapping[tuple[int, ...], SymbolicTensor]
    properties: Mapping[tuple[int, ...], Mapping[str, Any]]
    numbers: Mapping[str, Number]
    length: int = 0


@attrs.frozen(eq=False)
class Case:
    """Both sides of a rule in one session, compared at one index.

    `same_type`: the condition that they have one type.  `matched`: what the left side is made of.
    """

    session: Session
    left: SymbolicTensor
    right: SymbolicTensor
    index: tuple[Any, ...]
    values: tuple[Any, Any]
    same_type: Any
    matched: Matched


@attrs.frozen
class Undefined:
    """A case whose right side has no meaning though the left side has; `reason` says what is missing."""

    session: Session
    reason: str
    matched: Matched


@attrs.frozen
class Unknown:
    """A case in which the rule may apply, with something that the prover has no meaning for."""

    reason: str


def cases(
    rule: ast.Rule, functions: Mapping[str, ast.Function], choose: str = "", elements: tuple[Type, ...] | None = None
) -> Iterator[Case | Undefined | Unknown]:
    """All cases in which the rule may apply.

    `choose`: with "lists" the lists that name axes are chosen too, with "ones" the extents that are 1 as well.  `elements`: the types
    of elements to look at where nothing says more (all, if it is None).
    """
    choices, way = Choices(), _Way(rule, functions, choose, elements)
    while True:
        try:
            yield _build(way, choices)
        except UnknownMeaningError as error:
            yield Unknown(str(error))
        except (NoMeaningError, DeclinedError):  # there is no such case, or the rule is not applied
            pass
        if not choices.advance():
            return


@attrs.define(eq=False)
class _Way:
    """How cases are made.  `context`: of z3, that of all cases."""

    rule: ast.Rule
    functions: Mapping[str, ast.Function]
    choose: str
    elements: tuple[Type, ...] | None
    context: Any = None


class _FixedExtentsError(Exception):
    """The condition says what some integers are (a number, or another one by name): the case is built again with that."""

    def __init__(self, extents: Mapping[str, int | str]) -> None:
        super().__init__()
        self.extents = extents


def _build(way: _Way, choices: Choices) -> Case | Undefined:
    fixed: Mapping[str, int | str] = {}
    while True:
        try:
            return _Builder(way, choices, fixed).build()
        except _FixedExtentsError as found:
            fixed = {**fixed, **found.extents}
            choices.position = 0


def used_operators(rule: ast.Rule) -> list[spec.Operator]:
    """The operators of both sides, each once."""
    names = dict.fromkeys(a.operation for side in (rule.pattern, rule.result) for a in ast.applications(side))
    return [operators()[name] for name in names if name in operators()]


def chooses_axes(rule: ast.Rule) -> bool:
    """Whether an operator of the rule has a list that names axes."""
    return any(_selectors(operator) for operator in used_operators(rule))


def asks_for_ones(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> bool:
    """Whether the condition compares elements of the extents of an operand with 1, itself or in a function that it calls."""
    if rule.condition is None or "shape" not in (called := set(ast.calls(rule.condition))):
        return False
    work = [rule.condition, *(functions[name].value for name in called if name in functions)]
    while work:
        expression = work.pop()
        if isinstance(expression, ast.Binary) and expression.operator == "==":
            sides = (expression.left, expression.right)
            if any(isinstance(side, ast.Element) for side in sides) and any(side == ast.Number(1) for side in sides):
                return True
        work += ast.children(expression)
    return False


class _Builder:
    def __init__(self, way: _Way, choices: Choices, fixed: Mapping[str, int | str]) -> None:
        rule, functions, choose, elements = way.rule, way.functions, way.choose, way.elements
        self.rule = rule
        self.fixed = fixed
        self.extents: dict[int, str] = {}
        self.integers: dict[str, Integer] = {}
        self.functions = functions
        self.choices = choices
        self.session = Session(not rule.exact, rule.exact and elements is not None, way.context)
        way.context = self.session.context
        self.scope = Scope(self.session, functions)
        self.properties: dict[str, dict[str, Any]] = {}
        self.sources = {a.operation: a for a in reversed(list(ast.applications(rule.pattern)))}
        self.chosen_lists = choose != ""
        self.chosen_ones = choose == "ones"
        called = {n for e in ast.expressions(rule) for n in ast.calls(e)} | {n for f in used_functions(rule, functions) for n in ast.calls(f.value)}
        asks = bool(called & set(_OF_TYPES)) or any(a.type is not None for a in ast.applications(rule.pattern))
        quantized = ("per tensor", "per axis") if asks or elements is None else ()
        self.element_kinds = ((elements or ELEMENTS) + quantized) if elements is not None or asks or not moves_only(rule) else ELEMENTS
        self.result_kinds = [*(elements or (F32, I8, U8, I32)), *quantized]
        self.conditions = [(part, frozenset(n for n in ast.free_names(part) if literal_type(n) is None)) for part in conjuncts(rule.condition)]
        self.elements: list[QuantizedElement] = []
        self.literals: dict[tuple[int, ...], SymbolicTensor] = {}
        self.paths: dict[tuple[int, ...], Mapping[str, Any]] = {}
        self.valued = _valued(rule)
        self.length: int | None = None
        self.result: SymbolicTensor | None = None

    def build(self) -> Case | Undefined:
        """The case."""
        session, rule = self.session, self.rule
        left = self._left(rule.pattern, (0,))
        index = tuple(session.fresh("e") for _ in left.shape)
        session.hypotheses += [c for lane, extent in zip(index, left.shape, strict=True) for c in session.within(lane, extent)]
        before = left.at(index)
        if rule.condition is not None:
            condition = self.scope.truth(self.scope.evaluate(rule.condition, demanded=True))
            self._fix_extents(condition)
            session.require("the condition", condition)
        session.assuming = False
        self.result = left
        try:
            right = self._right(rule.result)
            same_type = self._same_type(left, right)
            after = right.at(index) if same_type is not False else before
        except UnknownMeaningError:
            raise
        except NoMeaningError as error:
            return Undefined(session, str(error), self._matched())
        return Case(session, left, right, index, (before, after), same_type, self._matched())

    def _same_type(self, left: SymbolicTensor, right: SymbolicTensor) -> Any:
        """Whether both sides have one type; where they do not, the driver declines."""
        if right.element is not left.element or len(right.shape) != len(left.shape):
            return False
        return self.session.all_of([self.session.equal(a, b) for a, b in zip(left.shape, right.shape, strict=True)])

    def _matched(self) -> Matched:
        return Matched(self.scope.tensors, self.literals, self.paths, self.scope.numbers, self.length or 0)

    def _fix_extents(self, condition: Any) -> None:
        """
        Raises:
            _FixedExtentsError: the condition demands that extents or elements of lists are numbers, or equal to each other.
        """
        z3, found, work = self.session.z3, dict[str, int | str](), [condition]
        while work:
            part = work.pop()
            if z3.is_and(part):
                work += part.children()
            elif z3.is_eq(part):
                for extent, number in (part.children(), reversed(part.children())):
                    if z3.is_int_value(number) and extent.get_id() in self.extents:
                        found[self.extents[extent.get_id()]] = number.as_long()
                names = [name for side in part.children() if (name := self.extents.get(side.get_id())) is not None]
                if len(names) == 2 and not found:
                    order = list(self.integers)
                    earlier, later = sorted(names, key=lambda name: order.index(name))
                    found[later] = earlier
        if found:
            raise _FixedExtentsError(found)

    # -- the left side

    def _left(self, application: ast.Application, path: tuple[int, ...]) -> SymbolicTensor:
        operator = self._operator(application)
        bound: dict[str, Any] = {}
        tensors: list[SymbolicTensor] = []
        if application.operands and isinstance(application.operands[0], ast.Sequence):
            inner = application.operands[0].pattern
            if self.length is None:
                self.length = self.choices.pick(SEQUENCE_LENGTHS)
            for i in range(self.length):
                self.scope.repetition = i
                tensors.append(self._operand(inner, operator.operands[0], bound, (*path, 0)))
            self.scope.repetition = None
        else:
            variadic = operator.operands[-1].variadic
            declared = (operator.operands[-1],) * len(application.operands) if variadic else operator.operands
            for i, (pattern, declaration) in enumerate(zip(application.operands, declared, strict=True)):
                tensors.append(self._operand(pattern, declaration, bound, (*path, i)))
        given = dict(application.properties)
        properties = {d.property: self._left_property(operator, d, given.get(d.property), tensors) for d in operator.attributes}
        self.paths[path] = properties
        if self.sources[application.operation] is application:
            self.properties[application.operation] = properties
        result = result_of(self.session, operator, tensors, properties)
        if application.type is not None:
            self._match_type(application.type, result)
        return result

    def _match_type(self, type: ast.Expression, result: SymbolicTensor) -> None:
        if isinstance(type, ast.Name) and type.name not in self.scope.values and literal_type(type.name) is None:
            self.scope.values[type.name] = result.element
        elif self.scope.evaluate(type) is not result.element:
            raise NoMeaningError("the type that the rule names")

    def _operator(self, application: ast.Application) -> spec.Operator:
        if application.operation not in operators():
            raise NoMeaningError(f"'{application.operation}' has no equations")
        return operators()[application.operation]

    def _operand(
        self, pattern: ast.Pattern, declaration: spec.TensorDeclaration, bound: dict[str, Any], path: tuple[int, ...]
    ) -> SymbolicTensor:
        known = self.scope.tensor(pattern.name) if isinstance(pattern, ast.Operand | ast.Constant) else None
        if isinstance(pattern, ast.Application):
            known = self._left(pattern, path)
        tensor = known or self._leaf(pattern, declaration, bound, path)
        bound.setdefault(declaration.element, tensor.element)
        for item in declaration.shape:
            if isinstance(item.expression, ast_pack):
                bound.setdefault(_pack_name(item.expression), len(tensor.shape) - len(declaration.shape) + 1)
        return tensor

    def _leaf(
        self, pattern: ast.Pattern, declaration: spec.TensorDeclaration, bound: Mapping[str, Any], path: tuple[int, ...]
    ) -> SymbolicTensor:
        packs = [_pack_name(item.expression) for item in declaration.shape if isinstance(item.expression, ast_pack)]
        rank = len(declaration.shape) - len(packs)
        if packs:
            rank += bound[packs[0]] if packs[0] in bound else self.choices.pick(range(max(MOST_DIMENSIONS - rank, 0) + 1))
        name = f"{pattern.value!r}" if isinstance(pattern, ast.Splat) else self.scope.spell(_leaf_name(pattern))
        element = self._element(declaration.element, bound, name, rank)
        shape = tuple(self._extent(f"{name}.{i}") for i in range(rank))
        if isinstance(pattern, ast.Splat):
            if isinstance(element, QuantizedElement):
                raise NoMeaningError("a number is no element of a quantized type")
            self.literals[path] = splat(pattern.value, shape, element)
            return self.literals[path]
        tensor = self._splat_of(name, shape, element) if name in self.valued else operand(self.session, name, shape, element)
        self.scope.tensors[name] = tensor
        self._prune()
        return tensor

    def _splat_of(self, name: str, shape: tuple[Integer, ...], element: Any) -> SymbolicTensor:
        """A constant whose elements are all one number, which the rule asks for."""
        if isinstance(element, QuantizedElement):
            raise DeclinedError  # it has none
        number = Number(self.session, f"{name}#value")
        self.scope.numbers[name] = number
        value = number.typed(element)
        return SymbolicTensor(shape, element, lambda index: value)

    def _prune(self) -> None:
        """
        Raises:
            NoMeaningError: a part of the condition that is known already is false.
        """
        known = {name for name, value in self.scope.values.items() if not isinstance(value, Number)} | set(self.scope.tensors)
        for part, names in self.conditions:
            if names <= known and self._fails(part):
                raise NoMeaningError("the condition")

    def _fails(self, part: ast.Expression) -> bool:
        """Whether a part of the condition is known to be false; what the prover has no meaning for is told when all is matched."""
        with suppress(UnknownMeaningError):
            return self.scope.evaluate(part, demanded=True) is False
        return False

    def _extent(self, name: str) -> Integer:
        if self.chosen_ones:
            self.integers[name] = 1
            return 1 if self.choices.pick((False, True)) else self._integer(name, 2)
        return self._integer(name, 1)

    def _integer(self, name: str, least: int | None) -> Integer:
        """A new extent or element of a list, unless it is known what it is."""
        known = self.fixed.get(name)
        value: Integer = self.integers[known] if isinstance(known, str) else known
        if value is None:
            value = self.session.fresh(name) if least is None else self.session.extent(name, least)
            self.extents[value.get_id()] = name
        self.integers[name] = value
        return value

    def _element(self, name: str, bound: Mapping[str, Any], leaf: str, rank: int) -> Any:
        if name in bound:
            return bound[name]
        known = {"f32": F32, "i32": I32, "i64": I64, "i8": I8, "u8": U8}
        if name in known:
            return known[name]
        kinds = [k for kind in self.element_kinds for k in (range(rank) if kind == "per axis" else (kind,))]
        return self._quantized(self.choices.pick(kinds), leaf)

    def _quantized(self, kind: Any, leaf: str) -> Any:
        if isinstance(kind, Type | QuantizedElement):
            return kind
        element = QuantizedElement(leaf, I8, None if kind == "per tensor" else kind)
        self.elements.append(element)
        return element

    # -- properties of the left side

    def _left_property(
        self, operator: spec.Operator, declaration: spec.AttributeDeclaration, given: ast.Expression | None, tensors: Sequence[SymbolicTensor]
    ) -> Any:
        if given is not None and not (isinstance(given, ast.Name) and given.name not in self.scope.values):
            value = self.scope.evaluate(given)
            return tuple(value) if isinstance(value, list) else value
        value = self._arbitrary(operator, declaration, tensors)
        if isinstance(given, ast.Name):
            self.scope.values[given.name] = value
            self._prune()
        return value

    def _arbitrary(self, operator: spec.Operator, declaration: spec.AttributeDeclaration, tensors: Sequence[SymbolicTensor]) -> Any:
        name = declaration.names[0]
        if name.islower():  # a type
            if isinstance(declaration.default, spec.Name) and declaration.default.name not in ("i8", "i32"):
                return self.choices.pick((None, I32) if I32 in self.result_kinds else (None,))
            rank = len(tensors[0].shape)
            kinds = [*self.elements, *(k for kind in self.result_kinds for k in (range(rank) if kind == "per axis" else (kind,)))]
            return self._quantized(self.choices.pick(kinds), f"{declaration.property}")
        if declaration.several:
            return tuple(self.session.fresh(n) for n in declaration.names)
        if isinstance(declaration.default, str) or operator.form == "by_hand":
            return Number(self.session, f"{declaration.property}#{self._count()}")
        if declaration.pack:
            return self._list(operator, declaration, tensors)
        if name in _index_names(operator):
            return self.session.fresh(name)
        return Number(self.session, f"{declaration.property}#{self._count()}")

    def _list(self, operator: spec.Operator, declaration: spec.AttributeDeclaration, tensors: Sequence[SymbolicTensor]) -> Any:
        name, rank = declaration.names[0], len(tensors[0].shape)
        for selector, complement in _selectors(operator):
            if selector == name and self.chosen_lists:
                lengths = range(rank + 1) if complement else (rank,)
                return self.choices.pick([axes for n in lengths for axes in permutations(range(rank), n)])
        length = rank if name in _as_long_as_operand(operator) else self.choices.pick(range(MOST_DIMENSIONS + 1))
        number = self._count()
        return tuple(self._integer(f"{name}#{number}.{i}", None) for i in range(length))

    def _count(self) -> int:
        self.session.count += 1
        return self.session.count

    # -- the right side

    def _right(self, pattern: ast.Pattern) -> SymbolicTensor:
        if isinstance(pattern, ast.Operand | ast.Constant):
            tensor = self.scope.tensor(pattern.name)
            assert tensor is not None
            return tensor
        if isinstance(pattern, ast.Splat | ast.Made):
            assert self.result is not None
            return self._made(pattern, self.result.shape, self.result.element)
        assert isinstance(pattern, ast.Application)
        operator = self._operator(pattern)
        if pattern.operands and isinstance(pattern.operands[0], ast.Sequence):
            tensors = []
            for i in range(self.length or 0):
                self.scope.repetition = i
                tensors.append(self._right(pattern.operands[0].pattern))
            self.scope.repetition = None
        else:
            tensors = self._right_operands(pattern)
        copied = self.properties[pattern.operation] if pattern.rest else {}
        given = dict(pattern.properties)
        properties = {}
        for declaration in operator.attributes:
            if declaration.property in given:
                value = self.scope.evaluate(given[declaration.property])
                properties[declaration.property] = tuple(value) if isinstance(value, list) else value
            elif declaration.property in copied:
                properties[declaration.property] = copied[declaration.property]
            else:
                properties[declaration.property] = _default(declaration)
        return result_of(self.session, operator, tensors, properties)


    def _right_operands(self, application: ast.Application) -> list[SymbolicTensor]:
        """The operands; a number among them has no axes, and the element type of the first operand of the pattern beside it."""
        tensors = {i: self._right(o) for i, o in enumerate(application.operands) if not isinstance(o, ast.Splat | ast.Made)}
        names = [name for operand in application.operands for name, several in ast.leaves(operand) if not several]
        for i, made in enumerate(application.operands):
            if isinstance(made, ast.Splat | ast.Made):
                beside = self.scope.tensor(names[0]) if names else None
                if beside is None:
                    raise UnknownMeaningError("a number without an operand beside it")
                tensors[i] = self._made(made, (), beside.element)
        return [tensors[i] for i in range(len(application.operands))]

    def _made(self, pattern: ast.Splat | ast.Made, shape: tuple[Integer, ...], element: Any) -> SymbolicTensor:
        if isinstance(element, QuantizedElement):
            raise DeclinedError
        value = pattern.value if isinstance(pattern, ast.Splat) else self.scope.evaluate(pattern.value)
        if isinstance(value, int | float):
            return splat(value, shape, element)
        term = value.integer() if isinstance(value, Number) else value
        found = self.session.fitted(term, element)
        return SymbolicTensor(shape, element, lambda index: found)


def _default(declaration: spec.AttributeDeclaration) -> Any:
    if declaration.default is None:
        raise NoMeaningError(f"'{declaration.property}' is missing")
    return plain_default(declaration.default)


class Scope:
    """What the names of a rule stand for, and the value of its expressions in one case."""

    def __init__(self, session: Session, functions: Mapping[str, ast.Function]) -> None:
        self.session = session
        self.functions = functions
        self.tensors: dict[str, SymbolicTensor] = {}
        self.values: dict[str, Any] = {"infinity": float("inf")}
        self.unknown: dict[tuple[str, str], Any] = {}
        self.numbers: dict[str, Number] = {}
        self.repetition: int | None = None

    def spell(self, name: str) -> str:
        return name if self.repetition is None else f"{name}.{self.repetition}"

    def tensor(self, name: str) -> SymbolicTensor | None:
        return self.tensors.get(self.spell(name))

    def truth(self, value: Any) -> Any:
        return value if isinstance(value, bool) else self.session.boolean(value)

    def evaluate(self, expression: ast.Expression, local: Mapping[str, Any] | None = None, demanded: bool = False) -> Any:
        """A Python number, type, list (tuple), tensor, z3 term or `Number`.

        `demanded`: the rule applies only if the expression is true, so that it does not matter which of its parts has no value.

        Raises:
            DeclinedError: a part that is computed whatever the operands are has no value: the rule is not applied.
            UnknownMeaningError: so has a part that is computed for some operands only, or the prover has no meaning for one.
        """
        local = local or {}
        if isinstance(expression, ast.Number | ast.Text):
            return expression.value
        if isinstance(expression, ast.Name):
            return self._name(expression.name, local)
        if isinstance(expression, ast.Comprehension | ast.Every):
            count = self._known_count(self.evaluate(expression.count, local))
            if isinstance(expression, ast.Comprehension):
                return tuple(self.evaluate(expression.body, {**local, expression.variable: i}) for i in range(count))
            return self._every(expression, count, local, demanded)
        if isinstance(expression, ast.Call):
            return self._call(expression, local, demanded)
        if isinstance(expression, ast.Binary) and expression.operator in ("and", "or"):
            both = demanded and expression.operator == "and"
            left = self.evaluate(expression.left, local, both)
            if left is (expression.operator == "or"):
                return left
            return self.combine(expression.operator, left, self._perhaps(expression.right, local, both or isinstance(left, bool), demanded))
        parts = [self.evaluate(child, local) for child in ast.children(expression)]
        if isinstance(expression, ast.Element):
            if not isinstance(parts[0], tuple):
                raise UnknownMeaningError("an element of an unknown list")
            return element_of(*parts) if isinstance(parts[1], int | float) else self._item(*parts)
        if isinstance(expression, ast.ListOf):
            return tuple(parts)
        if isinstance(expression, ast.Unary):
            if expression.operator == "-":
                return self.combine("-", 0, parts[0])
            return not parts[0] if isinstance(parts[0], bool) else self.session.z3.Not(parts[0])
        assert isinstance(expression, ast.Binary)
        return self.combine(expression.operator, *parts)

    def _item(self, values: Any, index: Any) -> Any:
        return self.session.item(values, index)

    @staticmethod
    def _known_count(value: Any) -> int:
        if not isinstance(value, int | float):
            raise UnknownMeaningError("a list of unknown length")
        return count_of(value)

    def _every(self, expression: ast.Every, count: int, local: Mapping[str, Any], demanded: bool) -> Any:
        """Whether all conditions hold; those behind one that is false are not computed."""
        found: list[Any] = []
        for i in range(count):
            computed = demanded or all(isinstance(item, bool) for item in found)
            found.append(self._perhaps(expression.condition, {**local, expression.variable: i}, computed, demanded))
            if found[-1] is False:
                return False
        return self.session.all_of(found)

    def _perhaps(self, expression: ast.Expression, local: Mapping[str, Any], computed: bool, demanded: bool = False) -> Any:
        """An expression that is computed only for some operands, unless `computed`."""
        try:
            return self.evaluate(expression, local, demanded)
        except DeclinedError:
            if computed:
                raise
            raise UnknownMeaningError(f"'{ast.spell(expression)}', which has no value and is not always asked for") from None

    def _name(self, name: str, local: Mapping[str, Any]) -> Any:
        for known in (local, self.values, self.tensors):
            if name in known:
                return known[name]
        if self.spell(name) in self.tensors:
            return self.tensors[self.spell(name)]
        type = literal_type(name)
        if type is None:
            raise UnknownMeaningError(f"'{name}' is not known yet")
        return type

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        """An operation on numbers, or a comparison of lists."""
        if isinstance(left, tuple) and isinstance(right, tuple):
            if len(left) != len(right):
                return operator == "!="
            same = self.session.all_of([self.session.equal(a, b) for a, b in zip(left, right, strict=True)])
            return same if operator == "==" else self.session.z3.Not(self.session.boolean(same))
        if isinstance(left, Type | QuantizedElement) or isinstance(right, Type | QuantizedElement):
            return left is right if operator == "==" else left is not right
        plain = (bool, int, float, str)
        if isinstance(left, plain) and isinstance(right, plain):
            return calculate(operator, left, right) if operator not in ("and", "or") else combine_integers(self.session, operator, left, right)
        left, right = (value.integer() if isinstance(value, Number) else value for value in (left, right))
        if operator in ("/", "%"):
            return self._divided(operator, left, right)
        found = combine_integers(self.session, operator, self._exact(left, right), self._exact(right, left))
        if self.session.z3.is_bv(found) and _most_bits(self.session.z3, found) > found.size():
            raise UnknownMeaningError(f"a number that may have more than {found.size()} bits")
        return found

    def _exact(self, value: Any, other: Any) -> Any:
        """A Python number beside a term, which would lose its fraction beside an integer, or its upper bits beside a vector of them."""
        z3 = self.session.z3
        if isinstance(value, float) and (z3.is_int(other) or z3.is_bv(other)):
            if not value.is_integer():
                raise UnknownMeaningError(f"{value} beside an integer")
            value = int(value)
        if isinstance(value, int) and z3.is_bv(other) and not -(1 << other.size() - 1) <= value < 1 << other.size() - 1:
            raise UnknownMeaningError(f"{value}, which has more than {other.size()} bits")
        return value

    def _divided(self, operator: str, left: Any, right: Any) -> Any:
        """A quotient or a rest of which not all is known: of integers rounded down, whatever their signs are, as for known numbers."""
        z3 = self.session.z3
        is_whole = not isinstance(left, float) and not isinstance(right, float)
        left, right = self._like(left, right), self._like(right, left)
        if is_whole and z3.is_bv(left) and z3.is_bv(right):
            quotient = left / right
            quotient = z3.If(z3.And(quotient * right != left, (left < 0) != (right < 0)), quotient - 1, quotient)
        elif is_whole and z3.is_int(left) and z3.is_int(right):
            quotient = z3.If(z3.And(right < 0, left % right != 0), left / right - 1, left / right)
        elif operator == "/" and (z3.is_fp(left) or z3.is_real(left)) and left.sort() == right.sort():
            return left / right
        else:
            raise UnknownMeaningError(f"'{operator}' of such numbers")
        return quotient if operator == "/" else left - quotient * right

    def _call(self, call: ast.Call, local: Mapping[str, Any], demanded: bool = False) -> Any:
        if call.name == "select":
            condition = self.evaluate(call.arguments[0], local)
            if isinstance(condition, bool):
                return self.evaluate(call.arguments[1 if condition else 2], local, demanded)
            return self.session.choose(condition, *(self._perhaps(a, local, computed=False) for a in call.arguments[1:]))
        if call.name in ("is_constant", "is_parameter", "is_line"):
            assert isinstance(call.arguments[0], ast.Name)
            key = (call.name, call.arguments[0].name)
            return self.unknown.setdefault(key, self.session.z3.Bool(f"{'.'.join(key)}!", self.session.context))
        if call.name == "uses" and isinstance(call.arguments[0], ast.Name) and self.tensor(call.arguments[0].name) is not None:
            return self._uses(call.arguments[0].name)
        if call.name == "value" and isinstance(call.arguments[0], ast.Name):
            if self.spell(call.arguments[0].name) not in self.numbers:
                raise UnknownMeaningError(f"the value of '{call.arguments[0].name}', which is no constant of the pattern")
            return self.numbers[self.spell(call.arguments[0].name)]
        arguments = [self.evaluate(argument, local) for argument in call.arguments]
        if call.name in self.functions:
            function = self.functions[call.name]
            return self.evaluate(function.value, dict(zip(function.parameters, arguments, strict=True)), demanded)
        return self._built_in(call.name, arguments)

    def _uses(self, name: str) -> Any:
        """How often an operand is used: at least once, by what was matched."""
        key = ("uses", name)
        if key not in self.unknown:
            self.unknown[key] = self.session.extent(f"uses.{name}")
        return self.unknown[key]

    def _built_in(self, name: str, arguments: list[Any]) -> Any:
        session, first = self.session, arguments[0]
        if name in ("shape", "rank", "element"):
            return {"shape": first.shape, "rank": len(first.shape), "element": first.element}[name]
        if name == "length":
            if not isinstance(first, tuple):
                raise UnknownMeaningError("the length of an unknown list")
            return len(first)
        if name == "position":
            return session.position(first, arguments[1])
        if name == "product":
            return product(session, first)
        if name == "complement":
            if not all(isinstance(axis, int) for axis in first):
                raise UnknownMeaningError("a complement of unknown axes")
            return complement_of(first, self._known_count(arguments[1]))
        if name == "fits":
            if isinstance(arguments[1], QuantizedElement):
                raise UnknownMeaningError("a number that fits a quantized type")
            if not isinstance(arguments[1], IntegerType):
                raise DeclinedError
            within = [self.combine(">=", first, arguments[1].lowest), self.combine("<=", first, arguments[1].greatest)]
            return session.all_of(within)
        if name == "abs":
            negative = self.combine("<", first, 0)
            return session.choose(negative, self.combine("-", 0, first), first.integer() if isinstance(first, Number) else first)
        if name not in _OF_TYPES and name not in ("min", "max"):
            raise UnknownMeaningError(f"'{name}' in rules over tensors")
        if name in ("min", "max"):
            a, b = arguments
            take = self.combine(">" if name == "max" else "<", b, a)
            a, b = (v.integer() if isinstance(v, Number) else v for v in (a, b))
            if isinstance(take, bool):
                return b if take else a
            return session.z3.If(take, self._like(b, a), self._like(a, b))
        return _OF_TYPES[name](first)

    def _like(self, value: Any, other: Any) -> Any:
        """A Python number as a term of the other's sort."""
        value = self._exact(value, other)
        if not isinstance(value, int | float):
            return value
        sort, z3, context = other.sort(), self.session.z3, self.session.context
        if z3.is_fp(other):
            return z3.FPVal(float(value), sort, ctx=context)
        return z3.BitVecVal(value, sort.size(), context) if z3.is_bv(other) else (z3.RealVal if z3.is_real(other) else z3.IntVal)(value, context)


def _most_bits(z3: Any, term: Any) -> int:
    """The bits that suffice for a term of sums, products and quotients of numbers, each of which has `NUMBER_BITS`."""
    kind = term.decl().kind()
    if kind == z3.Z3_OP_BNUM:
        return int(term.as_signed_long()).bit_length() + 1
    parts = [_most_bits(z3, part) for part in term.children() if z3.is_bv(part)]
    if kind == z3.Z3_OP_BMUL:
        return sum(parts)
    if kind in (z3.Z3_OP_BADD, z3.Z3_OP_BSUB, z3.Z3_OP_BNEG, z3.Z3_OP_BSDIV):
        return max(parts) + 1
    return max(parts, default=NUMBER_BITS)


def moves_only(rule: ast.Rule) -> bool:
    """Whether each operator that computes stands as often on the right as on the left: elements are only moved past it."""
    sides = [Counter(a.operation for a in ast.applications(side) if not _moves(operators()[a.operation])) for side in (rule.pattern, rule.result)]
    literals = any(isinstance(o, ast.Splat | ast.Made) for side in (rule.pattern, rule.result) for a in ast.applications(side) for o in a.operands)
    return sides[0] == sides[1] and not literals and not _valued(rule)


def conjuncts(condition: ast.Expression | None) -> list[ast.Expression]:
    """The parts of a condition that must all hold."""
    if isinstance(condition, ast.Binary) and condition.operator == "and":
        return conjuncts(condition.left) + conjuncts(condition.right)
    return [] if condition is None else [condition]


def _valued(rule: ast.Rule) -> set[str]:
    """The constants whose value the rule asks for."""
    found: set[str] = set()
    work = list(ast.expressions(rule))
    while work:
        expression = work.pop()
        work += ast.children(expression)
        if isinstance(expression, ast.Call) and expression.name == "value":
            found |= {a.name for a in expression.arguments if isinstance(a, ast.Name)}
    return found


def _moves(operator: spec.Operator) -> bool:
    """Whether an operator only moves elements, or repeats them."""
    return all(isinstance(e.body, spec.Access) and not any(item.guard not in (None, _REPEATED) for item in e.body.items) for e in operator.equations)


_REPEATED = spec.Name("broadcast")


def _bits(element: Any) -> int:
    width = (element.storage if isinstance(element, QuantizedElement) else element).width
    assert isinstance(width, int)
    return width


def _limit(name: str) -> Any:
    def limit(element: Any) -> int:
        stored = element.storage if isinstance(element, QuantizedElement) else element
        if not isinstance(stored, IntegerType):
            raise DeclinedError
        return int(getattr(stored, name))

    return limit


_OF_TYPES: dict[str, Any] = {
    "is_plain": lambda element: not isinstance(element, QuantizedElement),
    "is_float": lambda element: element is F32,
    "per_tensor": lambda element: not isinstance(element, QuantizedElement) or element.axis is None,
    "axis": lambda element: element.axis if isinstance(element, QuantizedElement) and element.axis is not None else -1,
    "is_integer": lambda element: isinstance(element, IntegerType),
    "is_signed": lambda element: isinstance(element, IntegerType) and not element.is_unsigned,
    "bits": lambda element: _bits(element),
    "storage_bits": _bits,
    "lowest": _limit("lowest"),
    "greatest": _limit("greatest"),
}
ast_pack = spec.Pack


def _pack_name(pack: spec.Expression) -> str:
    assert isinstance(pack, spec.Pack)
    inner = pack.expression
    return inner.name if isinstance(inner, spec.Name | spec.Access) else ""


def _leaf_name(pattern: ast.Pattern) -> str:
    assert isinstance(pattern, ast.Operand | ast.Constant)
    return pattern.name


def _walk(expression: spec.Expression) -> Iterator[spec.Expression]:
    yield expression
    below: list[spec.Expression] = []
    if isinstance(expression, spec.Pack):
        below = [expression.expression]
    elif isinstance(expression, spec.Access | spec.Call):
        below = [item.expression for item in expression.items]
    elif isinstance(expression, spec.Unary):
        below = [expression.operand]
    elif isinstance(expression, spec.Binary):
        below = [expression.left, expression.right]
    elif isinstance(expression, spec.Reduction):
        below = [*(item.expression for item in expression.binders), expression.body]
    for child in below:
        yield from _walk(child)


def _selectors(operator: spec.Operator) -> list[tuple[str, bool]]:
    """The lists that choose axes (`d[PERMUTATION]`), and whether it is all others that they choose (`d[~AXES]`)."""
    found: dict[str, bool] = {}
    shapes = [item.expression for result in operator.results for item in result.shape]
    for root in shapes:
        for node in _walk(root):
            if isinstance(node, spec.Access):
                selector = node.items[0].expression
                complement = isinstance(selector, spec.Unary)
                name = selector.operand if isinstance(selector, spec.Unary) else selector
                if isinstance(name, spec.Name):
                    found[name.name] = found.get(name.name, False) or complement
    return list(found.items())


@cache
def _as_long_as_operand(operator: spec.Operator) -> frozenset[str]:
    """The lists with as many elements as the first operand has axes, as the equations demand."""
    first = [item.expression for item in operator.operands[0].shape]
    if operator.operands[0].variadic or len(first) != 1 or not isinstance(first[0], spec.Pack):
        return frozenset()
    groups = [{node.name.upper() for node in _walk(pack) if isinstance(node, spec.Name)} for pack in _unbroadcast_packs(operator)]
    reached = {_pack_name(first[0]).upper()}
    while True:
        near = {name for group in groups if group & reached for name in group}
        if near <= reached:
            return frozenset(reached) | {name for name, complement in _selectors(operator) if not complement and _is_whole(operator, name)}
        reached |= near


def _is_whole(operator: spec.Operator, name: str) -> bool:
    """Whether a list that selects axes names all of them: it stands in the result's shape."""
    shapes = [item.expression for result in operator.results for item in result.shape]
    return any(isinstance(n, spec.Access) and n.items[0].expression == spec.Name(name) for shape in shapes for n in _walk(shape))


def _unbroadcast_packs(operator: spec.Operator) -> list[spec.Expression]:
    """Each pack whose names have one length; that of an index together with the operand's own axes."""
    found = [extent.expression for extent in operator.extents if extent.pack]
    declared = {tensor.name: tensor for tensor in operator.operands}
    for equation in operator.equations:
        for node in _walk(equation.body):
            if not isinstance(node, spec.Access) or len(node.items) != 1 or node.name not in declared:
                continue
            item, shape = node.items[0], declared[node.name].shape
            broadcasts = isinstance(item.guard, spec.Name) and item.guard.name == "broadcast"
            if len(shape) == 1 and not broadcasts and isinstance(item.expression, spec.Pack) and not _has_call(item.expression):
                found.append(spec.Binary("+", item.expression, shape[0].expression))
    return [pack for pack in found if not _has_call(pack) and not any(isinstance(n, spec.Access) for n in _walk(pack))]


def _has_call(expression: spec.Expression) -> bool:
    return any(isinstance(node, spec.Call) for node in _walk(expression))


def _index_names(operator: spec.Operator) -> set[str]:
    """The names that take part in extents and indices."""
    roots = [extent.expression for extent in operator.extents] + list(operator.requirements)
    roots += [item.expression for tensor in (*operator.operands, *operator.results) for item in tensor.shape]
    for equation in operator.equations:
        for node in _walk(equation.body):
            if isinstance(node, spec.Access):
                roots += [item.expression for item in node.items]
            if isinstance(node, spec.Reduction):
                roots += [item.expression for item in node.binders]
    names = {node.name for root in roots for node in _walk(root) if isinstance(node, spec.Name)}
    return names | ({operator.axis} if operator.axis else set())
