"""Rules as Python functions: each rule is written out once as straight-line source, which the driver calls at its root operation.

    rule transpose_of_transpose
      graph.transpose(graph.transpose(x) {permutation = p}) {permutation = q} => graph.transpose(x) {permutation = compose(p, q)}

becomes

    def rewrite(edit):
        o0 = edit.root
        v1 = o0._operands[0]
        o1 = v1.definer
        if o1 is None or o1.name != 'graph.transpose': return None
        n_x = o1._operands[0]
        ...
        return (edit.apply('graph.transpose', (n_x,), {...}),)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import attrs

from tinyir.ir.errors import Place, TinyirError, did_you_mean
from tinyir.ir.operation import Value
from tinyir.ir.registry import OperationDefinition, definition_of, known_operations
from tinyir.ir.types import I1, I32, I64, INDEX, Type
from tinyir.rewrite.definers import Definers
from tinyir.rewrite.edit import Edit
from tinyir.rewrite.rule_functions import BUILT_IN, CONSTANT_OPERATIONS, PARTIAL
from tinyir.rewrite.rule_kinds import check_kinds
from tinyir.rewrite.rule_scope import names_of
from tinyir.rewrite.rule_types import RuleTypes, TypeClass, constant_operation, is_program_rule, is_scalar_rule, literal_type, signature_of, words_of
from tinyir.text import rule_syntax as ast

PROVED_DIMENSIONS = 4
"""Rules over tensors are proved for operands and results of up to so many axes."""
Path = tuple[int, ...]
Rewrite = Callable[[Edit], Sequence[Value] | None]


@attrs.frozen(eq=False, repr=False)
class CompiledRule:
    """A rule that the drivers can apply.  `state`: "proved" or "assumed"."""

    rule: ast.Rule
    source: str
    rewrite: Rewrite
    state: str = "proved"
    how: str = ""

    def __repr__(self) -> str:
        return f"<rule {self.rule.name}: {self.rule}>"

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.rule.pattern.operation,)

    @property
    def definers(self) -> tuple[Definers | None, ...]:
        """What is demanded of the definition of each operand of the root; None: nothing."""
        return tuple(_definers(operand, self.rule.condition) for operand in self.rule.pattern.operands)

    @property
    def repeats(self) -> bool:
        """Whether the two operands of the root must be one value."""
        operands = self.rule.pattern.operands
        return len(operands) == 2 and isinstance(operands[0], ast.Operand) and operands[0] == operands[1]

    @property
    def depth(self) -> int:
        return _depth(self.rule.pattern)

    @property
    def place(self) -> Place:
        return self.rule.place

    @property
    def exact(self) -> bool:
        return self.rule.exact

    @property
    def statement(self) -> str:
        over = "" if self.rule.exact else " (over the reals)"
        return f"{self.rule}{over}"

    @property
    def assumed(self) -> str:
        """The reason why it is used without a proof, or empty."""
        return self.rule.assumed


def _definers(pattern: ast.Pattern, condition: ast.Expression | None) -> Definers | None:
    if isinstance(pattern, ast.Application):
        return Definers(frozenset((pattern.operation,)))
    if isinstance(pattern, ast.Constant | ast.Splat):
        return Definers(CONSTANT_OPERATIONS)
    is_excluded = isinstance(pattern, ast.Operand) and condition == ast.Unary("not", ast.Call("is_constant", (ast.Name(pattern.name),)))
    return Definers(CONSTANT_OPERATIONS, excluded=True) if is_excluded else None


def _depth(pattern: ast.Pattern) -> int:
    if isinstance(pattern, ast.Sequence):
        return _depth(pattern.pattern)
    if not isinstance(pattern, ast.Application):
        return 0
    return 1 + max(map(_depth, pattern.operands), default=0)


def used_functions(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> list[ast.Function]:
    """The helper functions that a rule calls, and those that they call."""
    found: dict[str, ast.Function] = {}
    work = [name for expression in ast.expressions(rule) for name in ast.calls(expression)]
    while work:
        name = work.pop()
        if name in functions and name not in found:
            found[name] = functions[name]
            work += list(ast.calls(functions[name].value))
    return [found[name] for name in sorted(found)]


def compile_functions(functions: Mapping[str, ast.Function]) -> dict[str, Callable[..., Any]]:
    """The helper functions of rule files as Python functions; they may call each other.

    Raises:
        TinyirError: a name in a function is unknown.
    """
    scope = names_of("\n".join(_function_lines(functions.values(), functions)), "<functions of rules>")
    return {name: scope[name] for name in functions}


def _function_lines(wanted: Iterable[ast.Function], functions: Mapping[str, ast.Function]) -> Iterator[str]:
    """A line of Python for each function."""
    for function in wanted:
        names = _Names(function, functions, set(function.parameters))
        parameters = ", ".join(f"n_{name}" for name in function.parameters)
        yield f"{function.name} = lambda {parameters}: {names.spell(function.value)}"


def compile_rule(rule: ast.Rule, functions: Mapping[str, ast.Function], most_dimensions: int | None = None) -> CompiledRule:
    """The rule as a function of an `Edit`; with `most_dimensions` it declines operands of more.

    Raises:
        TinyirError: the rule names an operation, property, function or value that does not exist.
    """
    makes = import_module("tinyir.rewrite.program_compiler").ProgramWriter if is_program_rule(rule) else RuleWriter  # late: it builds on this module
    writer: RuleWriter = makes(rule, functions, most_dimensions)
    body = writer.write()
    check_kinds(rule, functions)
    source = "\n".join([*_function_lines(used_functions(rule, functions), functions), body])
    return CompiledRule(rule, source, names_of(source, f"<rule {rule.name}>")["rewrite"])


class _Names:
    """Spells expressions as Python; knows which names are bound."""

    def __init__(self, statement: ast.Rule | ast.Function, functions: Mapping[str, ast.Function], bound: set[str]) -> None:
        self.statement = statement
        self.functions = functions
        self.bound = bound

    def error(self, message: str, hint: str = "", word: str = "", of: ast.Application | ast.Name | ast.Call | None = None) -> TinyirError:
        """What is wrong with the statement, at a word of it: the first one, or the first from the part `of` it on."""
        return TinyirError(message, place=ast.place_of(self.statement, word, of.offset if of is not None else 0), hint=hint)

    def spell(self, expression: ast.Expression, variables: frozenset[str] = frozenset()) -> str:
        if isinstance(expression, ast.Number | ast.Text):
            return repr(expression.value)
        if isinstance(expression, ast.Name):
            if expression.name not in self.bound and expression.name not in variables:
                type = literal_type(expression.name)
                if type is not None:
                    return f"type_{type}"
                raise self.error(f"'{expression.name}' is not bound by the pattern", did_you_mean(expression.name, self.bound), expression.name, expression)
            return f"n_{expression.name}"
        if isinstance(expression, ast.Comprehension | ast.Every):
            inside = variables | {expression.variable}
            loop = f"for n_{expression.variable} in range(count_of({self.spell(expression.count, variables)}))"
            if isinstance(expression, ast.Every):
                return f"all({self.spell(expression.condition, inside)} {loop})"
            return f"tuple({self.spell(expression.body, inside)} {loop})"
        parts = [self.spell(child, variables) for child in ast.children(expression)]
        if isinstance(expression, ast.Element):
            return f"item({parts[0]}, {parts[1]})"
        if isinstance(expression, ast.ListOf):
            return f"({''.join(part + ',' for part in parts)})"
        if isinstance(expression, ast.Unary):
            return f"({expression.operator} {parts[0]})"
        if isinstance(expression, ast.Binary):
            if expression.operator in ("&", "|", "^"):
                return f"calculate({expression.operator!r}, {parts[0]}, {parts[1]})"
            function = {"/": "quotient", "<<": "shift_left", ">>": "shift_right"}.get(expression.operator, "")
            return f"{function}({parts[0]}, {parts[1]})" if function else f"({parts[0]} {expression.operator} {parts[1]})"
        return self._spell_call(expression, parts)

    def _spell_call(self, call: ast.Call, parts: Sequence[str]) -> str:
        if call.name == "select" and len(parts) == 3:
            return f"({parts[1]} if {parts[0]} else {parts[2]})"
        function = self.functions.get(call.name)
        if function is None and call.name not in BUILT_IN:
            raise self.error(f"there is no function '{call.name}'", did_you_mean(call.name, [*self.functions, *BUILT_IN]), call.name, call)
        if function is not None and len(function.parameters) != len(parts):
            raise self.error(f"function '{call.name}' takes {len(function.parameters)} arguments, not {len(parts)}", word=call.name, of=call)
        return f"{call.name}({', '.join(parts)})"


class RuleWriter(_Names):
    """Writes the function of one rule."""

    def __init__(self, rule: ast.Rule, functions: Mapping[str, ast.Function], most_dimensions: int | None) -> None:
        super().__init__(rule, functions, set())
        self.rule = rule
        self.most_dimensions = most_dimensions
        self.lines: list[str] = []
        self.indent = "    "
        self.repeated = False
        self.refusal = "return None"
        self.later: list[str] = []
        self.attributes: set[str] = set()
        self.variables: dict[str, str] = {}
        self.matched: list[str] = []
        self.computed: dict[ast.Pattern, tuple[str, Path]] = {}
        self.count = 0
        self.types = RuleTypes.infer(rule) if is_scalar_rule(rule) else None
        self.places: dict[Path, str] = {}
        self.sets: list[str] = []
        if self.types is not None:
            self.bound |= set(self.types.types)

    def write(self) -> str:
        """The source of the function.

        Raises:
            TinyirError: the rule names something that does not exist.
        """
        self._begin()
        if self.types is not None:
            self._match_types(self.types)
            self._require_values()
        self._require_conditions()
        self.emit(f"return ({self._build(self.rule.result, (1,))},)")
        return self._function()

    def _begin(self) -> None:
        """The root, which is replaced with all its results."""
        if self.rule.pattern.number is not None:
            raise self.error("`result N of` is an operand's: what a rule begins with is replaced with all its results", word="result")
        self.emit("o0 = edit.root")
        self._match(self.rule.pattern, "o0", (0,))

    def _function(self) -> str:
        """The lines as a function."""
        if not self._may_decline():
            return "\n".join([*self.sets, "def rewrite(edit):", *self.lines, ""])
        body = ["    " + line for line in self.lines]
        return "\n".join([*self.sets, "def rewrite(edit):", "    try:", *body, "    except Declined: return None", ""])

    def _require_values(self) -> None:
        """Operands are values; what may change before a rewritten operation reads it is none."""
        dialect = self.rule.pattern.operation.partition(".")[0]
        mutable = [name for name in known_operations(dialect) if (d := definition_of(name)) is not None and "mutable" in d.traits]
        for name in mutable:
            for operand in dict.fromkeys(name for side in self.rule.left for name, several in ast.leaves(side) if not several):
                self.require(f"n_{operand}.definer is None or n_{operand}.definer.name != {name!r}")

    def _may_decline(self) -> bool:
        """Whether an expression may have no value: that of a constant, an element, a list, a quotient, a shift, a word."""
        words = any(f"{name}(" in line for line in self.lines for name in ("word_of", "constant_attribute"))
        work = [*ast.expressions(self.rule), *(function.value for function in used_functions(self.rule, self.functions))]
        while work:
            expression = work.pop()
            work += ast.children(expression)
            if isinstance(expression, ast.Call) and expression.name in PARTIAL:
                return True
            if isinstance(expression, ast.Element | ast.Comprehension | ast.Every):
                return True
            if isinstance(expression, ast.Binary) and expression.operator in ("/", "%", "<<", ">>", "&", "|", "^"):
                return True
        return words

    # -- types of scalars

    def _match_types(self, types: RuleTypes) -> None:
        """What the types must be beyond what every such operation has."""
        left = RuleTypes.of_left(self.rule)
        first: dict[int, tuple[str, int]] = {}
        for path, text in self.places.items():
            whole, own = types.of[path].root(), id(left.of[path].root())
            if id(whole) not in first:
                self._require_types(text, left.of[path].root(), whole)
                first[id(whole)] = text, own
            elif first[id(whole)][1] != own and not (len(whole.types) == 1 and whole.types[0] is not I1):
                self.require(f"{text}.type is {first[id(whole)][0]}.type")
        for name, named in types.types.items():
            self.emit(f"n_{name} = element({self._representative(named)})")

    def _require_types(self, text: str, left: TypeClass, whole: TypeClass) -> None:
        allowed = [type for type in whole.types if type is not None]
        if not allowed or whole.types == (I1,) == left.types:
            return
        name = f"types_{len(self.sets)}"
        names = [f"type_{type}" for type in (*allowed, *([INDEX] if I64 in allowed and I32 in allowed else []))]
        self.sets.append(f"{name} = frozenset(({', '.join(dict.fromkeys(names))},))")
        self.require(f"{text}.type in {name} or is_of({text}.type, {name})")

    def _representative(self, wanted: TypeClass) -> str:
        """A value of the left side whose type is of the class; empty if there is none."""
        assert self.types is not None
        return next((text for path, text in self.places.items() if self.types.of[path].root() is wanted.root()), "")

    def _type_at(self, path: Path) -> str:
        """The type of a value of the right side."""
        assert self.types is not None
        found = self.types.of[path].root()
        text = self._representative(found)
        if text:
            return f"{text}.type"
        if len(found.types) != 1 or found.types[0] is None:
            raise self.error("the type of a value on the right side is not known", "write it: `operation(...) : i32`")
        return f"like(o0.results[0].type, type_{found.types[0]})"

    def _require_conditions(self) -> None:
        """What is asked when all is matched; from then on the rule applies."""
        for condition in self.later:
            self.require(condition)
        if self.rule.condition is not None:
            self.require(self.spell(self.rule.condition))
        self.emit(f"edit.matched = ({''.join(name + ', ' for name in self.matched)})")

    def emit(self, line: str) -> None:
        self.lines.append(self.indent + line)

    def require(self, condition: str) -> None:
        self.emit(f"if not ({condition}): {self.refusal}")

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    # -- the left side

    def _match(self, application: ast.Application, variable: str, path: Path) -> None:
        definition = self._definition(application)
        self.variables.setdefault(application.operation, variable)
        if not self.repeated:
            self.places[path] = f"{variable}.results[{application.number or 0}]"
            if self.most_dimensions is not None:
                self.require(f"rank({variable}.results[0]) <= {self.most_dimensions}")
        if not any(isinstance(operand, ast.Sequence) for operand in application.operands):
            self._check_arity(application, definition)
            self.require(f"len({variable}._operands) == {len(application.operands)}")
            for i, operand in enumerate(application.operands):
                self._match_operand(operand, f"{variable}._operands[{i}]", (*path, i))
        elif len(application.operands) == 1:
            self._match_sequence(application.operands[0], variable)
        else:
            raise self.error(f"a sequence must be the only operand of '{application.operation}'", word=application.operation, of=application)
        if variable not in self.matched and not self.repeated:
            self.matched.append(variable)
        for name, value in application.properties:
            self._match_property(application, variable, name, value)
        if isinstance(application.type, ast.Name) and self.types is None and literal_type(application.type.name) is None:
            self._bind_type(application.type.name, variable)
        elif application.type is not None and self.types is None:
            self.later.append(f"element({variable}.results[0]) is {self.spell(application.type)}")

    def _bind_type(self, name: str, variable: str) -> None:
        text = f"element({variable}.results[0])"
        if name in self.bound:
            self.require(f"n_{name} is {text}")
        else:
            self.bound.add(name)
            self.emit(f"n_{name} = {text}")

    def _check_arity(self, application: ast.Application, definition: OperationDefinition) -> None:
        wanted = definition.operands
        if wanted is not None and len(wanted) != len(application.operands):
            message = f"'{application.operation}' takes {len(wanted)} operands, not {len(application.operands)}"
            raise self.error(message, word=application.operation, of=application)

    def _match_operand(self, pattern: ast.Pattern, text: str, path: Path) -> None:
        if isinstance(pattern, ast.Splat):
            self.places[path] = text
            self.require(f"is_splat({text}, {pattern.value!r})")
            self.computed.setdefault(pattern, (text, path))
        elif isinstance(pattern, ast.Application):
            value, definer = self.fresh("v"), self.fresh("o")
            self.emit(f"{value} = {text}")
            self.emit(f"{definer} = {value}.definer")
            self.require(f"{definer} is not None and {definer}.name == {pattern.operation!r}")
            if self._has_several(pattern):
                only = f"len({definer}.results) == 1" if pattern.number is None else f"{value}.index == {pattern.number}"
                self.require(only)
            if pattern.once:
                self.require(f"{value}.has_one_use")
            self._match(pattern, definer, path)
            if not self.repeated:
                self.computed.setdefault(attrs.evolve(pattern, once=False), (value, path))
        else:
            if isinstance(pattern, ast.Made):
                raise self.error("`constant(...)` makes a constant: it stands on the right", "on the left write `constant c`, and its value in the condition")
            assert isinstance(pattern, ast.Operand | ast.Constant)
            if isinstance(pattern, ast.Constant):
                self.require(f"is_constant({text})")
            self._bind(pattern.name, text)
            if not self.repeated:
                self.places[path] = f"n_{pattern.name}"
            if self.most_dimensions is not None:
                self.require(f"rank(n_{pattern.name}) <= {self.most_dimensions}")

    def _has_several(self, application: ast.Application) -> bool:
        """Whether the operation has more than one result, or any number of them.

        Raises:
            TinyirError: the pattern means a result that the operation has not.
        """
        results = self._definition(application).results
        several = results is None or len(results) != 1 or results[0].endswith("...")
        if results is not None and not several and application.number:
            raise self.error(f"'{application.operation}' has 1 result: there is no result {application.number}", word=application.operation, of=application)
        return several

    def _bind(self, name: str, text: str) -> None:
        if self.repeated:
            self.bound.add(name)
            self.emit(f"n_{name}.append({text})")
        elif name in self.bound:
            self.require(f"n_{name} is {text}")
        else:
            self.bound.add(name)
            self.emit(f"n_{name} = {text}")

    def _match_sequence(self, pattern: ast.Pattern, variable: str) -> None:
        assert isinstance(pattern, ast.Sequence)
        for name, _ in ast.leaves(pattern):
            self.emit(f"n_{name} = []")
        element = self.fresh("v")
        saved, self.most_dimensions = self.most_dimensions, None
        self.emit(f"for {element} in {variable}._operands:")
        indent, self.indent, self.repeated = self.indent, self.indent + "    ", True
        self._match_operand(pattern.pattern, element, ())
        self.indent, self.repeated = indent, False
        self.most_dimensions = saved
        if saved is not None:
            for name, _ in ast.leaves(pattern):
                self.require(f"all(rank(each) <= {saved} for each in n_{name})")

    def _match_property(self, application: ast.Application, variable: str, name: str, value: ast.Expression) -> None:
        read = f"property_value({variable}.properties.get({name!r}), {self._default(application, name)})"
        words = words_of(application.operation, name)
        if words:
            read = f"word_of({variable}.properties.get({name!r}), {words!r})"
            if isinstance(value, ast.Number):
                value = ast.Text(words[int(value.value)])
        if not isinstance(value, ast.Name):
            (self.require if self.repeated else self.later.append)(f"{read} == {self.spell(value)}")
        elif self.repeated:
            self._match_repeated(variable, name, value.name, read)
        elif value.name in self.bound:
            self.require(f"{read} == n_{value.name}")
        else:
            self.bound.add(value.name)
            if not words:
                self.attributes.add(value.name)
                self.emit(f"a_{value.name} = {variable}.properties.get({name!r})")
            self.emit(f"n_{value.name} = {read}")

    def _match_repeated(self, variable: str, name: str, bound: str, read: str) -> None:
        """A property inside a sequence: the first operand binds it, the others have the same."""
        loop = max(i for i, line in enumerate(self.lines) if line.endswith("._operands:"))
        if bound not in self.bound:
            self.bound.add(bound)
            self.attributes.add(bound)
            self.lines.insert(loop, f"    n_{bound} = None")
        self.emit(f"if n_{bound} is None:")
        self.emit(f"    a_{bound} = {variable}.properties.get({name!r})")
        self.emit(f"    n_{bound} = {read}")
        self.emit(f"elif n_{bound} != {read}: return None")

    def _definition(self, application: ast.Application) -> OperationDefinition:
        definition = definition_of(application.operation)
        if definition is None:
            dialect = application.operation.partition(".")[0]
            name = application.operation
            raise self.error(f"unknown operation '{name}'", did_you_mean(name, known_operations(dialect)), name, application)
        known = {name.removeprefix("?") for name in definition.properties}
        for name, _ in application.properties:
            if name not in known:
                raise self.error(f"'{application.operation}' has no property '{name}'", did_you_mean(name, known), name, application)
        return definition

    def _default(self, application: ast.Application, name: str) -> str:
        default = import_module("tinyir.rewrite.rule_defaults").property_default(application.operation, name)
        return f"type_{default}" if isinstance(default, Type) else repr(default)

    # -- the right side

    def _build(self, pattern: ast.Pattern, path: Path) -> str:
        if isinstance(pattern, ast.Operand | ast.Constant):
            if pattern.name in self.attributes:
                raise self.error(f"'{pattern.name}' is a property, no operand", f"write `constant({pattern.name})`", pattern.name)
            return self.spell(ast.Name(pattern.name))
        if isinstance(pattern, ast.Sequence):
            return self._build_sequence(pattern.pattern)
        if isinstance(pattern, ast.Splat | ast.Made):
            return self._build_constant(pattern, path)
        assert isinstance(pattern, ast.Application)
        definition = self._definition(pattern)
        self._check_right(pattern, definition)
        if pattern in self.computed and not definition.properties and self._same_type(pattern, path):
            return f"edit.keep({self.computed[pattern][0]})"
        operands = "".join(self._build(operand, (*path, i)) + ", " for i, operand in enumerate(pattern.operands))
        if self.types is not None:
            relation = signature_of(pattern, definition).relation
            if relation:
                self.require(f"in_relation({relation!r}, element_of({self._type_at((*path, 0))}), element_of({self._type_at(path)}))")
            if pattern.number is not None:
                return f"edit.create({pattern.operation!r}, ({operands}), {self._properties(pattern)}).results[{pattern.number}]"
            return f"edit.create({pattern.operation!r}, ({operands}), {self._properties(pattern)}, ({self._type_at(path)},)).result"
        return f"edit.apply({pattern.operation!r}, ({operands}), {self._properties(pattern)})"

    def _same_type(self, pattern: ast.Pattern, path: Path) -> bool:
        """Whether what the left side computes is of the type that the right side needs."""
        return self.types is None or self.types.of[self.computed[pattern][1]].root() is self.types.of[path].root()

    def _texts(self, wanted: TypeClass) -> list[str]:
        assert self.types is not None
        return [text for path, text in self.places.items() if self.types.of[path].root() is wanted]

    def _check_right(self, application: ast.Application, definition: OperationDefinition) -> None:
        """
        Raises:
            TinyirError: the operation has other operands, or lacks a property.
        """
        if not any(isinstance(operand, ast.Sequence) for operand in application.operands):
            self._check_arity(application, definition)
        given = {name for name, _ in application.properties}
        missing = [name for name in definition.required_properties if name not in given]
        if missing and not application.rest:
            message, hint = f"'{application.operation}' on the right needs the property '{missing[0]}'", "`..` copies the properties of the left side"
            raise self.error(message, hint, application.operation, application)

    def _build_constant(self, pattern: ast.Splat | ast.Made, path: Path) -> str:
        """A new constant: of the type of its class, or at the graph level a scalar of its neighbour's element type."""
        value = repr(pattern.value) if isinstance(pattern, ast.Splat) else self.spell(pattern.value)
        value = {"inf": "inf", "-inf": "-inf"}.get(value, value)
        operation = constant_operation(self.rule.pattern.operation)
        if self.types is not None and pattern in self.computed and self._same_type(pattern, path):
            return self.computed[pattern][0]
        type = self._type_at(path) if self.types is not None else "o0.results[0].type" if len(path) == 1 else self._neighbour_type(path)
        made = self.fresh("t")
        self.emit(f"{made} = {type}")
        return f"edit.create({operation!r}, (), {{'value': constant_attribute({value}, {made})}}, ({made},)).result"

    def _neighbour_type(self, path: Path) -> str:
        """A tensor of no axes of the element type of the first operand beside that is no new constant."""
        beside: ast.Pattern = self.rule.result
        for position in path[1:-1]:
            assert isinstance(beside, ast.Application)
            beside = beside.operands[position]
        assert isinstance(beside, ast.Application)
        names = [name for operand in beside.operands for name, several in ast.leaves(operand) if not several]
        if not names:
            raise self.error("a number on the right needs an operand beside it, whose element type it takes")
        return f"scalar_tensor(element(n_{names[0]}))"

    def _build_sequence(self, pattern: ast.Pattern) -> str:
        if isinstance(pattern, ast.Operand):
            return f"*n_{pattern.name}"
        names = [name for name, _ in ast.leaves(pattern)]
        if len(names) != 1:
            raise self.error("a sequence of operations on the right must have one operand each")
        return f"*[{self._build(pattern, ())} for n_{names[0]} in n_{names[0]}]"

    def _properties(self, application: ast.Application) -> str:
        source = self.variables.get(application.operation)
        if application.rest and source is None:
            raise self.error(f"'..' needs a '{application.operation}' on the left")
        names = frozenset(name for name, _ in application.properties)
        items = []
        if application.rest:
            items.append(f"**other_properties({source}, {_spell_set(names)})")
        for name, value in application.properties:
            like = f"{source}.properties.get({name!r})" if application.rest else "None"
            made = f"property_attribute({self.spell(value)}, {like})"
            words = words_of(application.operation, name)
            if words:
                made = f"word_attribute({self.spell(value)}, {words!r})"
            if isinstance(value, ast.Name) and value.name in self.attributes:
                made = f"a_{value.name} or {made}"
            items.append(f"{name!r}: {made}")
        return f"{{{', '.join(items)}}}"


def _spell_set(names: frozenset[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(names)))}}}" if names else "()"
