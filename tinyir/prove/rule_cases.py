"""The cases of a rule: every choice of ranks, element types and lengths of lists; all else in a case is symbolic.

Where a rule depends on which axes a list names (complements, or reshapes beside transposes), the lists themselves and the
extents that are 1 are chosen too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import attrs

from tinyir.ir import operator as spec
from tinyir.ir.types import F32, I8, I16, I32, I64, U8, IntegerType, Type
from tinyir.prove.meaning import combine_integers, operand, product, result_of, splat
from tinyir.prove.scalar_operators import meanings, scalar_operators
from tinyir.prove.symbolic import Integer, NoMeaningError, Number, QuantizedElement, Session, SymbolicTensor
from tinyir.rewrite.rule_compiler import used_functions
from tinyir.rewrite.rule_defaults import plain_default
from tinyir.rewrite.rule_functions import INTEGER_WIDTHS
from tinyir.text import rule_syntax as ast

MOST_DIMENSIONS = 4
SEQUENCE_LENGTHS = (1, 2, 3)
ELEMENTS: tuple[Type, ...] = (F32, I8, U8, I16, I32, I64)
SCALARS: tuple[Type, ...] = tuple(IntegerType(width) for width in INTEGER_WIDTHS)


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
class Case:
    """Both sides of a rule in one session.  `defined`: how many of the goals say that the right side is defined."""

    session: Session
    left: SymbolicTensor
    right: SymbolicTensor
    index: tuple[Any, ...]
    values: tuple[Any, Any]
    dimensions: int


@attrs.frozen
class Undefined:
    """A case whose right side has no meaning though the left side has; `reason` says what is missing."""

    session: Session
    reason: str


def cases(rule: ast.Rule, functions: Mapping[str, ast.Function], chosen: bool = False) -> Iterator[Case | Undefined]:
    """All cases in which the rule may apply.  With `chosen` the lists that name axes and the extents that are 1 are chosen too."""
    choices = Choices()
    while True:
        try:
            found = _build(rule, functions, choices, chosen)
        except NoMeaningError:
            found = None
        if found is not None:
            yield found
        if not choices.advance():
            return


class _FixedExtentsError(Exception):
    """The condition says what some integers are (a number, or another one by name): the case is built again with that."""

    def __init__(self, extents: Mapping[str, int | str]) -> None:
        super().__init__()
        self.extents = extents


def _build(rule: ast.Rule, functions: Mapping[str, ast.Function], choices: Choices, chosen: bool) -> Case | Undefined | None:
    fixed: Mapping[str, int | str] = {}
    while True:
        try:
            return _Builder(rule, functions, choices, fixed, chosen).build()
        except _FixedExtentsError as found:
            fixed = {**fixed, **found.extents}
            choices.position = 0


def used_operators(rule: ast.Rule) -> list[spec.Operator]:
    """The operators of both sides, each once."""
    names = dict.fromkeys(a.operation for side in (rule.pattern, rule.result) for a in ast.applications(side))
    return [meanings()[name] for name in names if name in meanings()]


def chooses_axes(rule: ast.Rule) -> bool:
    """Whether an operator of the rule has a list that names axes."""
    return any(_selectors(operator) for operator in used_operators(rule))


class _Builder:
    def __init__(self, rule: ast.Rule, functions: Mapping[str, ast.Function], choices: Choices, fixed: Mapping[str, int | str], chosen: bool) -> None:
        self.rule = rule
        self.fixed = fixed
        self.extents: dict[int, str] = {}
        self.integers: dict[str, Integer] = {}
        self.functions = functions
        self.choices = choices
        self.session = Session(ideal=not rule.exact)
        self.scope = Scope(self.session, functions)
        self.properties: dict[str, dict[str, Any]] = {}
        self.sources = {a.operation: a for a in reversed(list(ast.applications(rule.pattern)))}
        found = used_operators(rule)
        self.chosen_lists = chosen
        self.chosen_ones = chosen and any(operator.form == "flat" for operator in found)
        called = {n for e in ast.expressions(rule) for n in ast.calls(e)} | {n for f in used_functions(rule, functions) for n in ast.calls(f.value)}
        self.element_kinds = _element_kinds(rule, called)
        self.floats = _floats(rule.condition)
        self.elements: list[QuantizedElement] = []
        self.dimensions = 0
        self.length: int | None = None

    def build(self) -> Case | Undefined | None:
        """The case; None if the driver would decline it because the types of the two sides differ."""
        session, rule = self.session, self.rule
        left = self._left(rule.pattern)
        index = tuple(session.fresh("e") for _ in left.shape)
        session.hypotheses += [c for lane, extent in zip(index, left.shape, strict=True) for c in session.within(lane, extent)]
        before = left.at(index)
        if rule.condition is not None:
            condition = self.scope.truth(self.scope.evaluate(rule.condition))
            self._fix_extents(condition)
            session.require("the condition", condition)
        session.assuming = False
        try:
            right = self._right(rule.result, left)
            if right.element is not left.element or len(right.shape) != len(left.shape):
                return None
            equal = session.all_of([session.equal(a, b) for a, b in zip(left.shape, right.shape, strict=True)])
            if equal is False:
                return None
            session.hypotheses.append(session.boolean(equal))
            after = right.at(index)
        except NoMeaningError as error:
            return Undefined(session, str(error))
        return Case(session, left, right, index, (before, after), self.dimensions)

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

    def _left(self, application: ast.Application) -> SymbolicTensor:
        operator = self._operator(application)
        bound: dict[str, Any] = {}
        tensors: list[SymbolicTensor] = []
        if application.operands and isinstance(application.operands[0], ast.Sequence):
            inner = application.operands[0].pattern
            if self.length is None:
                self.length = self.choices.pick(SEQUENCE_LENGTHS)
            for i in range(self.length):
                self.scope.repetition = i
                tensors.append(self._operand(inner, operator.operands[0], bound))
            self.scope.repetition = None
        else:
            for pattern, declaration in zip(application.operands, operator.operands, strict=True):
                tensors.append(self._operand(pattern, declaration, bound))
        given = dict(application.properties)
        properties = {d.property: self._left_property(operator, d, given.get(d.property), tensors) for d in operator.attributes}
        if self.sources[application.operation] is application:
            self.properties[application.operation] = properties
        return result_of(self.session, operator, tensors, properties)

    def _operator(self, application: ast.Application) -> spec.Operator:
        if application.operation not in meanings():
            raise NoMeaningError(f"'{application.operation}' has no equations")
        return meanings()[application.operation]

    def _operand(self, pattern: ast.Pattern, declaration: spec.TensorDeclaration, bound: dict[str, Any]) -> SymbolicTensor:
        known = self.scope.tensor(pattern.name) if isinstance(pattern, ast.Operand | ast.Constant) else None
        if isinstance(pattern, ast.Application):
            known = self._left(pattern)
        tensor = known or self._leaf(pattern, declaration, bound)
        bound.setdefault(declaration.element, tensor.element)
        for item in declaration.shape:
            if isinstance(item.expression, ast_pack):
                bound.setdefault(_pack_name(item.expression), len(tensor.shape) - len(declaration.shape) + 1)
        return tensor

    def _leaf(self, pattern: ast.Pattern, declaration: spec.TensorDeclaration, bound: Mapping[str, Any]) -> SymbolicTensor:
        packs = [_pack_name(item.expression) for item in declaration.shape if isinstance(item.expression, ast_pack)]
        rank = len(declaration.shape) - len(packs)
        if packs:
            rank += bound[packs[0]] if packs[0] in bound else self.choices.pick(range(max(MOST_DIMENSIONS - rank, 0) + 1))
        name = f"{pattern.value!r}" if isinstance(pattern, ast.Splat) else self.scope.spell(_leaf_name(pattern))
        element = self._element(declaration.element, bound, name, rank)
        self.dimensions = max(self.dimensions, rank)
        shape = tuple(self._extent(f"{name}.{i}") for i in range(rank))
        if isinstance(pattern, ast.Splat):
            if isinstance(element, QuantizedElement):
                raise NoMeaningError("a number is no element of a quantized type")
            return splat(pattern.value, shape, element)
        tensor = operand(self.session, name, shape, element)
        self.scope.tensors[name] = tensor
        return tensor

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
        if leaf in self.floats:
            return F32
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
        return value

    def _arbitrary(self, operator: spec.Operator, declaration: spec.AttributeDeclaration, tensors: Sequence[SymbolicTensor]) -> Any:
        name = declaration.names[0]
        if name.islower():  # a type
            if isinstance(declaration.default, spec.Name) and declaration.default.name not in ("i8", "i32"):
                return self.choices.pick((None, I32))
            rank = len(tensors[0].shape)
            kinds = [*self.elements, F32, I8, U8, I32, "per tensor", *range(rank)]
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
        length = self.choices.pick(range(MOST_DIMENSIONS + 1))
        number = self._count()
        return tuple(self._integer(f"{name}#{number}.{i}", None) for i in range(length))

    def _count(self) -> int:
        self.session.count += 1
        return self.session.count

    # -- the right side

    def _right(self, pattern: ast.Pattern, left: SymbolicTensor) -> SymbolicTensor:
        """`left`: what it replaces, which gives a number its type."""
        if isinstance(pattern, ast.Splat):
            return splat(pattern.value, left.shape, left.element)
        if isinstance(pattern, ast.Operand | ast.Constant):
            tensor = self.scope.tensor(pattern.name)
            assert tensor is not None
            return tensor
        assert isinstance(pattern, ast.Application)
        operator = self._operator(pattern)
        if pattern.operands and isinstance(pattern.operands[0], ast.Sequence):
            tensors = []
            for i in range(self.length or 0):
                self.scope.repetition = i
                tensors.append(self._right(pattern.operands[0].pattern, left))
            self.scope.repetition = None
        else:
            tensors = [self._right(operand, left) for operand in pattern.operands]
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
        self.repetition: int | None = None

    def spell(self, name: str) -> str:
        return name if self.repetition is None else f"{name}.{self.repetition}"

    def tensor(self, name: str) -> SymbolicTensor | None:
        return self.tensors.get(self.spell(name))

    def truth(self, value: Any) -> Any:
        return value if isinstance(value, bool) else self.session.boolean(value)

    def evaluate(self, expression: ast.Expression, local: Mapping[str, Any] | None = None) -> Any:
        """A Python number, type, list (tuple), tensor, z3 term or `Number`."""
        local = local or {}
        if isinstance(expression, ast.Number | ast.Text):
            return expression.value
        if isinstance(expression, ast.Name):
            return self._name(expression.name, local)
        if isinstance(expression, ast.Comprehension | ast.Every):
            count = self.evaluate(expression.count, local)
            if not isinstance(count, int):
                raise NoMeaningError("a list of unknown length")
            body = expression.body if isinstance(expression, ast.Comprehension) else expression.condition
            items = tuple(self.evaluate(body, {**local, expression.variable: i}) for i in range(count))
            return items if isinstance(expression, ast.Comprehension) else self.session.all_of(items)
        if isinstance(expression, ast.Call):
            return self._call(expression, local)
        if isinstance(expression, ast.Binary) and expression.operator in ("and", "or"):
            left = self.evaluate(expression.left, local)
            if left is (expression.operator == "or"):
                return left
            return self.combine(expression.operator, left, self.evaluate(expression.right, local))
        parts = [self.evaluate(child, local) for child in ast.children(expression)]
        if isinstance(expression, ast.Element):
            return self.session.item(*parts)
        if isinstance(expression, ast.ListOf):
            return tuple(parts)
        if isinstance(expression, ast.Unary):
            if expression.operator == "-":
                return self.combine("-", 0, parts[0])
            return not parts[0] if isinstance(parts[0], bool) else self.session.z3.Not(parts[0])
        assert isinstance(expression, ast.Binary)
        return self.combine(expression.operator, *parts)

    def _name(self, name: str, local: Mapping[str, Any]) -> Any:
        for known in (local, self.values, self.tensors):
            if name in known:
                return known[name]
        if self.spell(name) in self.tensors:
            return self.tensors[self.spell(name)]
        raise NoMeaningError(f"'{name}' is not known yet")

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        """An operation on numbers, or a comparison of lists."""
        if isinstance(left, tuple) and isinstance(right, tuple):
            if len(left) != len(right):
                return operator == "!="
            same = self.session.all_of([self.session.equal(a, b) for a, b in zip(left, right, strict=True)])
            return same if operator == "==" else self.session.z3.Not(self.session.boolean(same))
        return combine_integers(self.session, operator, left, right)

    def _call(self, call: ast.Call, local: Mapping[str, Any]) -> Any:
        if call.name == "select":
            condition = self.evaluate(call.arguments[0], local)
            if isinstance(condition, bool):
                return self.evaluate(call.arguments[1 if condition else 2], local)
            return self.session.choose(condition, *(self.evaluate(a, local) for a in call.arguments[1:]))
        if call.name in ("is_constant", "is_parameter"):
            assert isinstance(call.arguments[0], ast.Name)
            key = (call.name, call.arguments[0].name)
            return self.unknown.setdefault(key, self.session.z3.Bool(f"{'.'.join(key)}!", self.session.context))
        arguments = [self.evaluate(argument, local) for argument in call.arguments]
        if call.name in self.functions:
            function = self.functions[call.name]
            return self.evaluate(function.value, dict(zip(function.parameters, arguments, strict=True)))
        return self._built_in(call.name, arguments)

    def _built_in(self, name: str, arguments: list[Any]) -> Any:
        session, first = self.session, arguments[0]
        if name in ("shape", "rank", "element"):
            return {"shape": first.shape, "rank": len(first.shape), "element": first.element}[name]
        if name == "length":
            if not isinstance(first, tuple):
                raise NoMeaningError("the length of an unknown list")
            return len(first)
        if name == "position":
            return session.position(first, arguments[1])
        if name == "product":
            return product(session, first)
        if name == "complement":
            if not all(isinstance(axis, int) for axis in first):
                raise NoMeaningError("a complement of unknown axes")
            return tuple(i for i in range(arguments[1]) if i not in first)
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
        if not isinstance(value, int | float):
            return value
        sort, z3, context = other.sort(), self.session.z3, self.session.context
        if z3.is_fp(other):
            return z3.FPVal(float(value), sort, ctx=context)
        return z3.BitVecVal(value, sort.size(), context) if z3.is_bv(other) else (z3.RealVal if z3.is_real(other) else z3.IntVal)(value, context)


def _element_kinds(rule: ast.Rule, called: set[str]) -> tuple[Any, ...]:
    """The element types to look at.

    Where each operator that computes stands as often on the right as on the left, elements are only moved past it: types
    do not matter to indices, so three stand for all; so do quantized types unless the rule asks about them.
    """
    if rule.pattern.operation in scalar_operators():
        return SCALARS
    sides = [Counter(a.operation for a in ast.applications(side) if not _moves(meanings()[a.operation])) for side in (rule.pattern, rule.result)]
    splats = any(isinstance(o, ast.Splat) for a in ast.applications(rule.pattern) for o in a.operands)
    plain = (F32, I8, I32) if sides[0] == sides[1] and not splats else ELEMENTS
    return (*plain, "per tensor", "per axis") if called & set(_OF_TYPES) or plain is ELEMENTS else plain


def _floats(condition: ast.Expression | None) -> set[str]:
    """The operands that a condition demands to be floats: `is_float(element(x)) and ...`."""
    if isinstance(condition, ast.Binary) and condition.operator == "and":
        return _floats(condition.left) | _floats(condition.right)
    if isinstance(condition, ast.Call) and condition.name == "is_float" and isinstance(condition.arguments[0], ast.Call):
        return {name.name for name in condition.arguments[0].arguments if isinstance(name, ast.Name)}
    return set()


def _moves(operator: spec.Operator) -> bool:
    """Whether an operator only moves elements."""
    return all(isinstance(e.body, spec.Access) and not any(item.guard for item in e.body.items) for e in operator.equations)


def _bits(element: Any) -> int:
    width = (element.storage if isinstance(element, QuantizedElement) else element).width
    assert isinstance(width, int)
    return width


def _limit(name: str) -> Any:
    return lambda element: getattr(element.storage if isinstance(element, QuantizedElement) else element, name)


_OF_TYPES: dict[str, Any] = {
    "is_plain": lambda element: not isinstance(element, QuantizedElement),
    "is_float": lambda element: element is F32,
    "per_tensor": lambda element: not isinstance(element, QuantizedElement) or element.axis is None,
    "axis": lambda element: element.axis if isinstance(element, QuantizedElement) and element.axis is not None else -1,
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
