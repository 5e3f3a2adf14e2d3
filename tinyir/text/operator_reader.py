"""The reader of the operator language: text of `specs/ops/*.op` and `specs/functions/*.op` -> `tinyir.ir.operator`.

A file holds definitions that start at the beginning of a line with `op` or `function`; the comment lines
right above one are its summary.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from tinyir.ir import operator as ast
from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.text.grammar import Grammar, make_grammar
from tinyir.text.grammar_tables import OPERATORS, load_tables
from tinyir.text.small_parser import UnexpectedTextError, parse_small

Definition = ast.Operator | ast.ScalarFunction


@cache
def _grammar() -> Grammar:
    return make_grammar(load_tables(OPERATORS), r"[ \t]*+")


def read_definitions(text: str, file: str = "-") -> list[Definition]:
    """All operators and functions of a text, in order.

    Raises:
        TinyirError: one diagnostic for each definition that cannot be read.
    """
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r"(op|function)\b", line)]
    found: list[Definition] = []
    errors: list[Diagnostic] = []
    for start, end in zip(starts, [*starts[1:], len(lines)][: len(starts)], strict=True):
        body = [line.split("#", 1)[0].rstrip() for line in lines[start:end]]
        text = "\n".join(body).rstrip() + "\n"
        place = Place(file, start + 1, 1, lines[start])
        try:
            found.append(parse_small(_grammar(), text, _Definitions(_summary(lines, start), place)))
        except UnexpectedTextError as error:
            errors.append(Diagnostic(f"unexpected {error.found}", _place(error.offset, text, start, lines, file)))
    if errors:
        raise TinyirError(diagnostics=errors)
    return found


def _summary(lines: list[str], start: int) -> str:
    above: list[str] = []
    while start and lines[start - 1].startswith("#"):
        start -= 1
        above.insert(0, lines[start].lstrip("# ").rstrip())
    return "\n".join(above)


def _place(offset: int, text: str, start: int, lines: list[str], file: str) -> Place:
    """The place of an offset in the text of the definition that starts at line `start` (0-based)."""
    line = min(start + text.count("\n", 0, offset), len(lines) - 1)
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Place(file, line + 1, column, lines[line])


class _Definitions:
    """Builds the definition from its parts, bottom up."""

    def __init__(self, summary: str, place: Place) -> None:
        self.summary = summary
        self.place = place

    def start(self, definition: Definition) -> Definition:
        return definition

    # definitions

    def operator(self, dialect: str, name: str, *parts: Any) -> ast.Operator:
        tensors = [p for p in parts if isinstance(p, ast.TensorDeclaration)]
        operands = [t for t in parts if isinstance(t, tuple) and t and t[0] == "operand"]
        clauses = [p for p in parts if isinstance(p, tuple) and p and p[0] != "operand"]
        chosen = {kind: [c[1] for c in clauses if c[0] == kind] for kind in ("attribute", "extent", "require", "equation")}
        special = [c for c in clauses if c[0] in ("flat", "concat", "by_hand")]
        return ast.Operator(
            f"{dialect}.{name}",
            self.summary,
            tuple(o[1] for o in operands),
            tuple(tensors),
            tuple(chosen["attribute"]),
            tuple(chosen["extent"]),
            tuple(e for group in chosen["require"] for e in group),
            tuple(chosen["equation"]),
            form=special[0][0] if special else "equations",
            axis=special[0][1] if special else "",
            place=self.place,
        )

    def operand(self, tensor: ast.TensorDeclaration) -> tuple[str, ast.TensorDeclaration]:
        return "operand", tensor

    def variadic(self, name: str, element: str, *items: Any) -> tuple[str, ast.TensorDeclaration]:
        return "operand", ast.TensorDeclaration(str(name), str(element), _present(items), variadic=True)

    def tensor(self, name: str, element: str, *items: Any) -> ast.TensorDeclaration:
        return ast.TensorDeclaration(str(name), str(element), _present(items))

    # clauses

    def attribute(self, property: str, binding: tuple[tuple[str, ...], bool, bool], default: Any) -> tuple[str, Any]:
        names, pack, several = binding
        return "attribute", ast.AttributeDeclaration(str(property), names, pack, several, default)

    def one(self, name: str) -> tuple[tuple[str, ...], bool, bool]:
        return (str(name),), False, False

    def pack(self, name: str, dots: str) -> tuple[tuple[str, ...], bool, bool]:
        return (str(name),), True, False

    def several(self, *names: str) -> tuple[tuple[str, ...], bool, bool]:
        return tuple(map(str, names)), False, True

    def default(self, value: Any) -> Any:
        return value

    def text(self, value: str) -> str:
        return str(value)[1:-1]

    def nothing(self) -> tuple[Any, ...]:
        return ()

    def sequence(self, *values: Any) -> tuple[Any, ...]:
        return values

    def extent(self, name: str, dots: str | None, expression: Any) -> tuple[str, Any]:
        inner = expression.expression if isinstance(expression, ast.Pack) else expression
        return "extent", ast.Extent(str(name), dots is not None, inner)

    def requirement(self, *expressions: Any) -> tuple[str, Any]:
        return "require", expressions

    def flat(self, result: str, operand: str) -> tuple[str, str]:
        return "flat", ""

    def concat(self, result: str, operand: str, axis: str) -> tuple[str, str]:
        return "concat", str(axis)

    def by_hand(self) -> tuple[str, str]:
        return "by_hand", ""

    def equation(self, target: ast.Access, body: Any) -> tuple[str, ast.Equation]:
        return "equation", ast.Equation(target, body)

    # functions

    def function(self, name: str, *parts: Any) -> ast.ScalarFunction:
        parameters = tuple(p[1:] for p in parts if isinstance(p, tuple) and p[0] == "parameter")
        assignments = tuple(p[1:] for p in parts if isinstance(p, tuple) and p[0] == "assignment")
        result = next(str(p) for p in parts if isinstance(p, str))
        return ast.ScalarFunction(str(name), self.summary, parameters, result, assignments, parts[-1], self.place)

    def parameter(self, name: str, type: str) -> tuple[str, str, str]:
        return "parameter", str(name), str(type)

    def assignment(self, name: str, value: Any) -> tuple[str, str, Any]:
        return "assignment", str(name), value

    # expressions

    def access(self, name: str, *items: Any) -> ast.Access:
        return ast.Access(str(name), _present(items))

    def item(self, expression: Any) -> ast.Item:
        if isinstance(expression, ast.Binary) and expression.operator == "|":
            return ast.Item(expression.left, expression.right)
        return ast.Item(expression)

    def guarded_pack(self, expression: Any, dots: str, bar: str, guard: Any) -> ast.Item:
        return ast.Item(ast.Pack(expression), guard)

    def pack_of(self, expression: Any, dots: str) -> ast.Pack:
        return ast.Pack(expression)

    def number(self, text: str) -> ast.Number:
        if text.startswith("0x"):
            return ast.Number(int(text, 16))
        return ast.Number(int(text) if text.isdigit() else float(text))

    def name(self, name: str) -> ast.Name:
        return ast.Name(str(name))

    def unary(self, operator: str, operand: Any) -> Any:
        if operator == "-" and isinstance(operand, ast.Number):
            return ast.Number(-operand.value)
        return ast.Unary(str(operator), operand)

    def not_(self, operand: Any) -> ast.Unary:
        return ast.Unary("not", operand)

    def binary(self, left: Any, operator: str, right: Any) -> ast.Binary:
        return ast.Binary(str(operator), left, right)

    compare = binary

    def and_(self, left: Any, right: Any) -> ast.Binary:
        return ast.Binary("and", left, right)

    def or_(self, left: Any, right: Any) -> ast.Binary:
        return ast.Binary("or", left, right)

    def call(self, name: str, *items: Any) -> ast.Call:
        # among arguments, unlike among indices, `|` is the operator on bits
        return ast.Call(
            str(name),
            tuple(i if i.guard is None else ast.Item(ast.Binary("|", i.expression, i.guard)) for i in _present(items)),
        )

    def reduction(self, kind: str, *parts: Any) -> ast.Reduction:
        return ast.Reduction(str(kind), parts[:-1], parts[-1])


def read_expression(text: str) -> Any:
    """The expression of a text.

    Raises:
        UnexpectedTextError: it is none.
    """
    return parse_small(_grammar(), text, _Definitions("", Place()), "expression")


def _present(items: tuple[Any, ...]) -> tuple[ast.Item, ...]:
    return tuple(item for item in items if item is not None)
