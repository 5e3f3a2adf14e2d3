"""The reader of the rule language: text of `specs/rules/*.rules` -> `tinyir.text.rule_syntax`.

A statement starts at the beginning of a line with `rule`, `function` or `group` and goes on over indented lines; the comment
lines right above it are its summary.  A rule with families (`for F in graph.relu, graph.clamp`) becomes one rule for each
choice of operations, named `rule.relu`, `rule.clamp`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import attrs

from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.text import rule_syntax as ast
from tinyir.text.grammar import Grammar, make_grammar
from tinyir.text.grammar_tables import RULES, load_tables
from tinyir.text.small_parser import PlacedText, UnexpectedTextError, parse_small

Statement = ast.Rule | ast.Function


@cache
def _grammar() -> Grammar:
    return make_grammar(load_tables(RULES), r"\s*+", is_small=True)


def read_rules(text: str, file: str = "-", wanted: frozenset[str] | None = None) -> list[Statement]:
    """All rules and functions of a text, in order, families expanded.

    With `wanted` (see `wanted_names`) only rules that name one of these operations, and the functions of these names.

    Raises:
        TinyirError: one diagnostic for each statement that cannot be read.
    """
    lines = text.splitlines()
    found: list[Statement] = []
    errors: list[Diagnostic] = []
    group = ""
    for start, end in _statements(lines):
        body = "\n".join(line.split("#", 1)[0] for line in lines[start:end])
        if wanted is not None and _names(body).isdisjoint(wanted):
            continue
        name = _STATEMENT.match(body)
        place = Place(file, start + 1, name.start(1) + 1 if name is not None else 1, lines[start])
        try:
            statement = parse_small(_grammar(), body, _Statements(group, _summary(lines, start), place, body), is_placed=True)
        except UnexpectedTextError as error:
            errors.append(_diagnostic(error, body, start, lines, file))
            continue
        if isinstance(statement, str):
            group = statement
        elif isinstance(statement, ast.Function):
            found.append(statement)
        else:
            found += statement
    if errors:
        raise TinyirError(diagnostics=errors)
    return found


_NAME = re.compile(r"[a-z_]\w*(?:\.[a-z_]\w*|(?=\())")
_STATEMENT = re.compile(r"\w+[ \t]+(\w+)")
_FUNCTION = re.compile(r"function\s+(\w+)")


def _names(statement: str) -> frozenset[str]:
    """What a statement is wanted for: the operations that a rule names, the name of a function, the word of a group."""
    if statement.startswith("group"):
        return _GROUP
    function = _FUNCTION.match(statement)
    return frozenset(name for name in _NAME.findall(statement) if "." in name) if function is None else frozenset(function.groups())


def _made(statement: str) -> frozenset[str]:
    """What a statement adds to what a program may hold: all that it names, but of a family only what is there already."""
    return frozenset(_NAME.findall(_FAMILY.split(statement, maxsplit=1)[0]))


_FAMILY = re.compile(r"\sfor\s+\w+\s+in\s")
_GROUP = frozenset(("group",))


def wanted_names(texts: Iterable[str], operations: Iterable[str]) -> frozenset[str]:
    """The operations of a program and of all that rules can make of it, and the functions that these rules call."""
    found = {*operations, "group"}
    waiting = [(_names(body), _made(body)) for text in texts for body in _bodies(text.splitlines())]
    while True:
        reached = [(names, made) for names, made in waiting if not names.isdisjoint(found)]
        if not reached:
            return frozenset(found)
        waiting = [item for item in waiting if item not in reached]
        found.update(*(made for _, made in reached))


def _bodies(lines: Sequence[str]) -> Iterator[str]:
    """The statements without their comments."""
    for start, end in _statements(lines):
        yield "\n".join(line.split("#", 1)[0] for line in lines[start:end])


def _statements(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    starts = [i for i, line in enumerate(lines) if line[:1].strip() and not line.startswith("#")]
    yield from zip(starts, [*starts[1:], len(lines)][: len(starts)], strict=True)


def _summary(lines: Sequence[str], start: int) -> str:
    above: list[str] = []
    while start and lines[start - 1].startswith("#"):
        start -= 1
        above.insert(0, lines[start].lstrip("# ").rstrip())
    return "\n".join(above)


def _diagnostic(error: UnexpectedTextError, body: str, start: int, lines: Sequence[str], file: str) -> Diagnostic:
    """At the token; where the statement ends too early, behind its last word."""
    offset = min(error.offset, len(body.rstrip()))
    line = start + body.count("\n", 0, offset)
    column = offset - (body.rfind("\n", 0, offset) + 1) + 1
    found = "the end of the statement" if offset == len(body.rstrip()) else error.found
    return Diagnostic(f"unexpected {found}", Place(file, line + 1, column, lines[line]))


class _Statements:
    """Builds a statement from its parts, bottom up."""

    def __init__(self, group: str, summary: str, place: Place, text: str) -> None:
        self.in_group = group
        self.summary = summary
        self.place = place
        self.body = text

    def start(self, statement: Any) -> Any:
        return statement

    def group(self, name: str) -> str:
        return str(name)

    def function(self, name: str, *parts: Any) -> ast.Function:
        return ast.Function(str(name), tuple(map(str, parts[:-1])), parts[-1], self.summary, self.place, self.body)

    def rule(self, name: str, marks: Any, pattern: Any, neighbour: Any, result: Any, condition: Any, *families: Any) -> list[ast.Rule]:
        if not isinstance(pattern, ast.Application):
            raise TinyirError(f"rule '{name}' must start from an operation", place=self.place)
        if neighbour is not None and not isinstance(neighbour.pattern, ast.Application):
            raise TinyirError(f"rule '{name}': '{neighbour.order}' is followed by an operation", place=self.place)
        details = {"neighbour": neighbour, "summary": self.summary, "place": self.place, "text": self.body}
        rule = ast.Rule(str(name), self.in_group, pattern, result, condition, **details, **marks)
        variables = [variable for variable, _ in families]
        return [_member(rule, dict(zip(variables, chosen, strict=True))) for chosen in product(*(names for _, names in families))]

    def marks(self, *marks: tuple[str, Any]) -> Mapping[str, Any]:
        found: dict[str, Any] = {key: value for key, value in marks if key != "before"}
        return {**found, "before": tuple(value for key, value in marks if key == "before")}

    def reals(self) -> tuple[str, bool]:
        return "exact", False

    def assumed(self, reason: str) -> tuple[str, str]:
        return "assumed", str(reason)[1:-1]

    def before(self, name: str) -> tuple[str, str]:
        return "before", str(name)

    def family(self, variable: str, *operations: str) -> tuple[str, tuple[str, ...]]:
        return str(variable), tuple(map(str, operations))

    # the operation beside the root, and what takes the root's place

    def after(self, pattern: Any) -> ast.Neighbour:
        return ast.Neighbour("after", pattern)

    def after_named(self, name: str, pattern: Any) -> ast.Neighbour:
        return ast.Neighbour("after", pattern, str(name))

    def earlier(self, pattern: Any) -> ast.Neighbour:
        return ast.Neighbour("before", pattern)

    def values(self, *patterns: Any) -> Any:
        is_one = len(patterns) == 1 and not isinstance(patterns[0], ast.Sequence)
        return patterns[0] if is_one else ast.Values(patterns)

    def nothing(self) -> ast.Values:
        return ast.Values(())

    def let(self, name: str, value: Any, result: Any) -> ast.Let:
        return ast.Let(str(name), value, result)

    # bodies

    def bodies(self, *bodies: Any) -> tuple[ast.Body, ...]:
        return tuple(body for body in bodies if body is not None)

    def whole(self, name: str) -> ast.Body:
        return ast.Body(str(name))

    def pure(self, name: str) -> ast.Body:
        return ast.Body(str(name), pure=True)

    def holding(self, name: str, operation: Any) -> ast.Body:
        return ast.Body(str(name), holding=operation)

    def filled(self, name: str, value: str) -> ast.Body:
        return ast.Body(str(name), holding=ast.Operand(str(value)))

    def idle(self) -> ast.Body:
        return ast.Body()

    # patterns

    def once(self, application: ast.Application) -> ast.Application:
        return attrs.evolve(application, once=True)

    def pattern(self, application: ast.Application) -> ast.Application:
        return application

    def typed(self, application: ast.Application, bodies: Any, type: Any) -> ast.Application:
        return attrs.evolve(application, bodies=bodies or (), type=type)

    def result_of(self, number: str, application: ast.Application, bodies: Any) -> ast.Application:
        if not str(number).isdigit():
            raise TinyirError(f"the results of '{application.operation}' are numbered from 0: there is no result {number}", place=self.place)
        return attrs.evolve(application, bodies=bodies or (), number=int(number))

    def made(self, value: Any) -> ast.Made:
        return ast.Made(value)

    def constant(self, name: str) -> ast.Constant:
        return ast.Constant(str(name))

    def splat(self, number: str) -> ast.Splat:
        return ast.Splat(_number(number))

    def operand(self, name: str) -> ast.Operand:
        return ast.Operand(str(name))

    def sequence(self, pattern: Any) -> ast.Sequence:
        return ast.Sequence(pattern)

    def operation(self, name: PlacedText, *parts: Any) -> ast.Application:
        properties = parts[-1] or ()
        return ast.Application(
            str(name),
            tuple(part for part in parts[:-1] if part is not None),
            tuple(p for p in properties if p is not None),
            None in properties,
            offset=name.offset,
        )

    def properties(self, *properties: Any) -> tuple[Any, ...]:
        return tuple(None if p == "rest" else p for p in properties if p is not None)

    def rest(self) -> str:
        return "rest"

    def property(self, name: str, value: Any) -> tuple[str, Any]:
        return str(name), value

    # expressions

    def number(self, text: PlacedText) -> ast.Number:
        return ast.Number(_number(text), text.offset)

    def text(self, text: PlacedText) -> ast.Text:
        return ast.Text(str(text)[1:-1], text.offset)

    def name(self, name: PlacedText) -> ast.Name:
        return ast.Name(str(name), name.offset)

    def call(self, name: PlacedText, *arguments: Any) -> ast.Call:
        return ast.Call(str(name), tuple(a for a in arguments if a is not None), name.offset)

    def every(self, variable: str, count: Any, condition: Any) -> ast.Every:
        return ast.Every(str(variable), count, condition)

    def element(self, value: Any, index: Any) -> ast.Element:
        return ast.Element(value, index)

    def list(self, *items: Any) -> ast.ListOf:
        return ast.ListOf(tuple(item for item in items if item is not None))

    def comprehension(self, body: Any, variable: str, count: Any) -> ast.Comprehension:
        return ast.Comprehension(body, str(variable), count)

    def binary(self, left: Any, operator: str, right: Any) -> ast.Binary:
        return ast.Binary(str(operator), left, right)

    def and_(self, left: Any, right: Any) -> ast.Binary:
        return ast.Binary("and", left, right)

    def or_(self, left: Any, right: Any) -> ast.Binary:
        return ast.Binary("or", left, right)

    def not_(self, operand: Any) -> ast.Unary:
        return ast.Unary("not", operand)

    def negative(self, operand: Any) -> ast.Unary:
        return ast.Unary("-", operand)


def _number(text: str) -> int | float:
    if text.endswith("infinity"):
        return float(text.replace("infinity", "inf"))
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _member(rule: ast.Rule, family: Mapping[str, str]) -> ast.Rule:
    """The rule with the family's variables replaced by operations."""
    if not family:
        return rule
    suffix = ".".join(operation.partition(".")[2] for operation in family.values())
    pattern, result, neighbour = _substitute(rule.pattern, family), _substitute(rule.result, family), rule.neighbour
    assert isinstance(pattern, ast.Application)
    if neighbour is not None:
        beside = _substitute(neighbour.pattern, family)
        assert isinstance(beside, ast.Application)
        neighbour = attrs.evolve(neighbour, pattern=beside)
    return attrs.evolve(rule, name=f"{rule.name}.{suffix}", pattern=pattern, result=result, neighbour=neighbour, family=family)


def _substitute(pattern: ast.Pattern, family: Mapping[str, str]) -> ast.Pattern:
    if isinstance(pattern, ast.Sequence):
        return ast.Sequence(_substitute(pattern.pattern, family))
    if isinstance(pattern, ast.Values):
        return ast.Values(tuple(_substitute(item, family) for item in pattern.items))
    if isinstance(pattern, ast.Let):
        return ast.Let(pattern.name, _substitute(pattern.value, family), _substitute(pattern.result, family))
    if not isinstance(pattern, ast.Application):
        return pattern
    operands = tuple(_substitute(operand, family) for operand in pattern.operands)
    bodies = tuple(attrs.evolve(b, holding=None if b.holding is None else _substitute(b.holding, family)) for b in pattern.bodies)
    return attrs.evolve(pattern, operation=family.get(pattern.operation, pattern.operation), operands=operands, bodies=bodies)
