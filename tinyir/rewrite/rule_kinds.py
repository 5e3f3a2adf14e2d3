"""The kinds of the expressions in a rule: what is no number is not added, what is no list has no elements, what no function returns from is not called.

What a name stands for follows from the pattern: an operand is a value, a property is what its operation declares.  A helper function has
no types of its own: its text is read once for each list of kinds that it is called with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.ir.registry import definition_of
from tinyir.rewrite.rule_functions import MOST_ELEMENTS
from tinyir.rewrite.rule_types import literal_type, words_of
from tinyir.text import rule_syntax as ast
from tinyir.text.specifications import operators

ANY = "anything"
NUMBER, TRUTH, TEXT, LIST, VALUE, TYPE, MAP, SET = "a number", "a condition", "a text", "a list", "an operand", "a type", "a map", "a set"
FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "shape": ((VALUE,), LIST),
    "rank": ((VALUE,), NUMBER),
    "element": ((VALUE,), TYPE),
    "type": ((VALUE,), TYPE),
    "value": ((VALUE,), NUMBER),
    "uses": ((VALUE,), NUMBER),
    "is_constant": ((VALUE,), TRUTH),
    "is_parameter": ((VALUE,), TRUTH),
    "is_line": ((VALUE,), TRUTH),
    "apart": ((VALUE, VALUE), TRUTH),
    "is_plain": ((TYPE,), TRUTH),
    "is_float": ((TYPE,), TRUTH),
    "is_integer": ((TYPE,), TRUTH),
    "is_signed": ((TYPE,), TRUTH),
    "per_tensor": ((TYPE,), TRUTH),
    "axis": ((TYPE,), NUMBER),
    "bits": ((TYPE,), NUMBER),
    "storage_bits": ((TYPE,), NUMBER),
    "zero_point": ((TYPE,), NUMBER),
    "lowest": ((TYPE,), NUMBER),
    "greatest": ((TYPE,), NUMBER),
    "fits": ((NUMBER, TYPE), TRUTH),
    "abs": ((NUMBER,), NUMBER),
    "log2": ((NUMBER,), NUMBER),
    "is_power_of_two": ((NUMBER,), TRUTH),
    "always": ((SET,), TRUTH),
    "never": ((SET,), TRUTH),
    "length": ((LIST,), NUMBER),
    "product": ((LIST,), NUMBER),
    "position": ((LIST, NUMBER), NUMBER),
    "complement": ((LIST, NUMBER), LIST),
    "select": ((TRUTH, ANY, ANY), ANY),
}
"""The kinds of the arguments and of the result; `min` and `max` take one map, or two numbers."""
_PROPERTIES = {"text": TEXT, "integer": NUMBER, "number": NUMBER, "integers": LIST, "list": LIST, "type": TYPE, "map": MAP, "set": SET}


def check_kinds(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> None:
    """
    Raises:
        TinyirError: an expression of the rule is of the wrong kind, or a function calls itself.
    """
    names = dict(_names(rule))
    checker = _Checker(rule, functions, {})
    for side in (*rule.left, rule.result):
        for application in ast.applications(side):
            for _, value in application.properties:
                checker.kind(value, names)
            if application.type is not None:
                checker.need(application.type, names, TYPE)
        for made in ast.made_values(side):
            checker.need(made, names, NUMBER)
    if rule.condition is not None:
        checker.need(rule.condition, names, TRUTH)


def _names(rule: ast.Rule) -> Iterator[tuple[str, str]]:
    """What the pattern binds, with its kind.  Of a sequence a name is each value in turn where the sequence is built, and all of them elsewhere."""
    for side in (*rule.left, rule.result):
        for name, several in ast.leaves(side):
            yield name, ANY if several else VALUE
    for side in rule.left:
        for application in ast.applications(side):
            if isinstance(application.type, ast.Name):
                yield application.type.name, TYPE
            for name, value in application.properties:
                if isinstance(value, ast.Name):
                    yield value.name, property_kind(application.operation, name)
    if rule.neighbour is not None and rule.neighbour.name:
        yield rule.neighbour.name, VALUE


def property_kind(operation: str, name: str) -> str:
    """The kind of a property, as its operation declares it."""
    operator, definition = operators().get(operation), definition_of(operation)
    declared = operator.attribute(name) if operator is not None else None
    if operator is not None and declared is not None:
        if operator.form == "by_hand":
            return ANY
        if declared.names[0].islower():
            return TYPE
        return LIST if declared.several or declared.pack else TEXT if isinstance(declared.default, str) else NUMBER
    if words_of(operation, name):
        return TEXT
    properties = definition.properties if definition is not None else {}
    return _PROPERTIES.get((properties.get(name) or properties.get(f"?{name}") or "").partition(":")[0], ANY)


@attrs.frozen
class _Checker:
    """Reads the expressions of one statement.  `running`: the functions that are being read, with the kinds of their arguments."""

    statement: ast.Rule | ast.Function
    functions: Mapping[str, ast.Function]
    known: dict[tuple[str, tuple[str, ...]], str]
    running: tuple[str, ...] = ()
    callers: tuple[tuple[str, Place], ...] = ()

    def error(self, message: str, expression: ast.Expression) -> TinyirError:
        place = ast.place_at(self.statement, ast.offset_of(expression))
        return TinyirError(diagnostics=[Diagnostic(message, place, notes=self.callers[-1:])])

    def need(self, expression: ast.Expression, names: Mapping[str, str], wanted: str) -> None:
        """
        Raises:
            TinyirError: the expression is of another kind.
        """
        found = self.kind(expression, names)
        if wanted not in (found, ANY) and found != ANY:
            raise self.error(f"{wanted} is needed, and '{ast.spell(expression)}' is {found}", expression)

    def kind(self, expression: ast.Expression, names: Mapping[str, str]) -> str:
        """
        Raises:
            TinyirError: a part of the expression is of the wrong kind.
        """
        if isinstance(expression, ast.Number | ast.Text):
            return NUMBER if isinstance(expression, ast.Number) else TEXT
        if isinstance(expression, ast.Name):
            return names.get(expression.name, ANY if literal_type(expression.name) is None else TYPE)
        if isinstance(expression, ast.Call):
            return self._call(expression, names)
        if isinstance(expression, ast.Element):
            self.need(expression.list, names, LIST)
            self.need(expression.index, names, NUMBER)
            items = expression.list.items if isinstance(expression.list, ast.ListOf) else ()
            return self.kind(items[0], names) if items else ANY
        if isinstance(expression, ast.ListOf):
            kinds = [self._element(item, names) for item in expression.items]
            for item, found in zip(expression.items, kinds, strict=True):
                if ANY not in (found, kinds[0]) and found != kinds[0]:
                    raise self.error(f"a list is of numbers, or of texts, and not of both: '{ast.spell(item)}' is {found}", item)
            return LIST
        if isinstance(expression, ast.Comprehension | ast.Every):
            return self._each(expression, names)
        if isinstance(expression, ast.Unary):
            wanted = TRUTH if expression.operator == "not" else NUMBER
            self.need(expression.operand, names, wanted)
            return wanted
        return self._binary(expression, names)

    def _each(self, expression: ast.Comprehension | ast.Every, names: Mapping[str, str]) -> str:
        self.need(expression.count, names, NUMBER)
        if isinstance(expression.count, ast.Number) and expression.count.value > MOST_ELEMENTS:
            raise self.error(f"more than {MOST_ELEMENTS} elements", expression.count)
        inside = {**names, expression.variable: NUMBER}
        if isinstance(expression, ast.Every):
            self.need(expression.condition, inside, TRUTH)
            return TRUTH
        self._element(expression.body, inside)
        return LIST

    def _element(self, expression: ast.Expression, names: Mapping[str, str]) -> str:
        found = self.kind(expression, names)
        if found not in (NUMBER, TEXT, ANY):
            raise self.error(f"a list is of numbers, or of texts, and '{ast.spell(expression)}' is {found}", expression)
        return found

    def _binary(self, expression: ast.Binary, names: Mapping[str, str]) -> str:
        operator, right = expression.operator, expression.right
        if operator in ("==", "!="):
            kinds = [self.kind(side, names) for side in (expression.left, right)]
            if ANY not in kinds and kinds[0] != kinds[1]:
                raise self.error(f"'{operator}' compares {kinds[0]} with {kinds[1]}", right)
            return TRUTH
        wanted = TRUTH if operator in ("and", "or") else NUMBER
        for side in (expression.left, right):
            self.need(side, names, wanted)
        if operator in ("/", "%") and right == ast.Number(0):
            raise self.error("a division by 0", right)
        return TRUTH if operator in ("and", "or", "<", "<=", ">", ">=") else NUMBER

    def _call(self, call: ast.Call, names: Mapping[str, str]) -> str:
        kinds = tuple(self.kind(argument, names) for argument in call.arguments)
        function = self.functions.get(call.name)
        if function is not None:
            return self._function(call, function, kinds)
        if call.name in ("min", "max"):
            wanted: tuple[str, ...] = (MAP,) if len(kinds) == 1 else (NUMBER, NUMBER)
            result = NUMBER
        elif call.name in FUNCTIONS:
            wanted, result = FUNCTIONS[call.name]
        else:
            return ANY  # unknown: told where names are
        if len(kinds) != len(wanted):
            raise self.error(f"function '{call.name}' takes {_count(wanted)}, not {len(kinds)}", call)
        for argument, kind in zip(call.arguments, wanted, strict=True):
            self.need(argument, names, kind)
        return kinds[1] if call.name == "select" and kinds[1] == kinds[2] else result

    def _function(self, call: ast.Call, function: ast.Function, kinds: tuple[str, ...]) -> str:
        if call.name in self.running:
            raise self.error(f"function '{call.name}' calls itself", call)
        if len(kinds) != len(function.parameters):
            raise self.error(f"function '{call.name}' takes {_count(function.parameters)}, not {len(kinds)}", call)
        if (call.name, kinds) not in self.known:
            note = "it is called here", ast.place_at(self.statement, ast.offset_of(call))
            inside = _Checker(function, self.functions, self.known, (*self.running, call.name), (*self.callers, note))
            self.known[call.name, kinds] = inside.kind(function.value, dict(zip(function.parameters, kinds, strict=True)))
        return self.known[call.name, kinds]


def _count(wanted: Iterable[str]) -> str:
    count = len(tuple(wanted))
    return f"{count} argument{'s' * (count != 1)}"
