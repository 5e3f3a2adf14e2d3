"""The reader of the operator language: text of `specs/ops/*.op` and `specs/functions/*.op` -> `tinyir.ir.operator`.

A file holds definitions that start at the beginning of a line with `op` or `function`; the comment lines
right above one are its summary.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput

from tinyir.ir import operator as ast
from tinyir.ir.errors import Place, TinyirError

Definition = ast.Operator | ast.ScalarFunction


@cache
def _grammar() -> Lark:
    text = resources.files("tinyir.text").joinpath("operator.lark").read_text("utf-8")
    return Lark(text, parser="lalr", maybe_placeholders=True)


def read_definitions(text: str, file: str = "-") -> list[Definition]:
    """All operators and functions of a text, in order.

    Raises:
        TinyirError: one diagnostic for each definition that cannot be read.
    """
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r"(op|function)\b", line)]
    found: list[Definition] = []
    errors = []
    for start, end in zip(starts, [*starts[1:], len(lines)][: len(starts)], strict=True):
        body = [line.split("#", 1)[0].rstrip() for line in lines[start:end]]
        try:
            tree = _grammar().parse("\n" * start + "\n".join(body).rstrip() + "\n")
            place = Place(file, start + 1, 1, lines[start])
            found.append(_Definitions(_summary(lines, start), place).transform(tree))
        except UnexpectedInput as error:
            line = max(error.line, 1)
            shown = lines[line - 1] if line <= len(lines) else ""
            errors.append(TinyirError(_cause(error), place=Place(file, line, max(error.column, 1), shown)).diagnostics[0])
    if errors:
        raise TinyirError(diagnostics=errors)
    return found


def _summary(lines: list[str], start: int) -> str:
    above: list[str] = []
    while start and lines[start - 1].startswith("#"):
        start -= 1
        above.insert(0, lines[start].lstrip("# ").rstrip())
    return "\n".join(above)


def _cause(error: UnexpectedInput) -> str:
    token = getattr(error, "token", None)
    return f"unexpected '{str(token).strip() or 'end of line'}'" if token is not None else "unexpected character"


@v_args(inline=True)
class _Definitions(Transformer[Token, Any]):
    """Builds the definition from lark's tree, bottom up."""

    def __init__(self, summary: str, place: Place) -> None:
        super().__init__()
        self.summary = summary
        self.place = place

    def start(self, definition: Definition) -> Definition:
        return definition

    # definitions

    def operator(self, dialect: Token, name: Token, *parts: Any) -> ast.Operator:
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

    def variadic(self, name: Token, element: Token, *items: Any) -> tuple[str, ast.TensorDeclaration]:
        return "operand", ast.TensorDeclaration(str(name), str(element), _present(items), variadic=True)

    def tensor(self, name: Token, element: Token, *items: Any) -> ast.TensorDeclaration:
        return ast.TensorDeclaration(str(name), str(element), _present(items))

    # clauses

    def attribute(self, property: Token, binding: tuple[tuple[str, ...], bool, bool], default: Any) -> tuple[str, Any]:
        names, pack, several = binding
        return "attribute", ast.AttributeDeclaration(str(property), names, pack, several, default)

    def one(self, name: Token) -> tuple[tuple[str, ...], bool, bool]:
        return (str(name),), False, False

    def pack(self, name: Token, dots: Token) -> tuple[tuple[str, ...], bool, bool]:
        return (str(name),), True, False

    def several(self, *names: Token) -> tuple[tuple[str, ...], bool, bool]:
        return tuple(map(str, names)), False, True

    def default(self, value: Any) -> Any:
        return value

    def text(self, value: Token) -> str:
        return str(value)[1:-1]

    def nothing(self) -> tuple[Any, ...]:
        return ()

    def sequence(self, *values: Any) -> tuple[Any, ...]:
        return values

    def extent(self, name: Token, dots: Token | None, expression: Any) -> tuple[str, Any]:
        inner = expression.expression if isinstance(expression, ast.Pack) else expression
        return "extent", ast.Extent(str(name), dots is not None, inner)

    def requirement(self, *expressions: Any) -> tuple[str, Any]:
        return "require", expressions

    def flat(self, result: Token, operand: Token) -> tuple[str, str]:
        return "flat", ""

    def concat(self, result: Token, operand: Token, axis: Token) -> tuple[str, str]:
        return "concat", str(axis)

    def by_hand(self) -> tuple[str, str]:
        return "by_hand", ""

    def equation(self, target: ast.Access, body: Any) -> tuple[str, ast.Equation]:
        return "equation", ast.Equation(target, body)

    # functions

    def function(self, name: Token, *parts: Any) -> ast.ScalarFunction:
        parameters = tuple(p[1:] for p in parts if isinstance(p, tuple) and p[0] == "parameter")
        assignments = tuple(p[1:] for p in parts if isinstance(p, tuple) and p[0] == "assignment")
        result = next(str(p) for p in parts if isinstance(p, Token))
        return ast.ScalarFunction(str(name), self.summary, parameters, result, assignments, parts[-1], self.place)

    def parameter(self, name: Token, type: Token) -> tuple[str, str, str]:
        return "parameter", str(name), str(type)

    def assignment(self, name: Token, value: Any) -> tuple[str, str, Any]:
        return "assignment", str(name), value

    # expressions

    def access(self, name: Token, *items: Any) -> ast.Access:
        return ast.Access(str(name), _present(items))

    def item(self, expression: Any) -> ast.Item:
        if isinstance(expression, ast.Binary) and expression.operator == "|":
            return ast.Item(expression.left, expression.right)
        return ast.Item(expression)

    def guarded_pack(self, expression: Any, dots: Token, bar: Token, guard: Any) -> ast.Item:
        return ast.Item(ast.Pack(expression), guard)

    def pack_of(self, expression: Any, dots: Token) -> ast.Pack:
        return ast.Pack(expression)

    def number(self, text: Token) -> ast.Number:
        if text.startswith("0x"):
            return ast.Number(int(text, 16))
        return ast.Number(int(text) if text.isdigit() else float(text))

    def name(self, name: Token) -> ast.Name:
        return ast.Name(str(name))

    def unary(self, operator: Token, operand: Any) -> Any:
        if operator == "-" and isinstance(operand, ast.Number):
            return ast.Number(-operand.value)
        return ast.Unary(str(operator), operand)

    def not_(self, operand: Any) -> ast.Unary:
        return ast.Unary("not", operand)

    def binary(self, left: Any, operator: Token, right: Any) -> ast.Binary:
        return ast.Binary(str(operator), left, right)

    compare = binary

    def and_(self, left: Any, right: Any) -> ast.Binary:
        return ast.Binary("and", left, right)

    def or_(self, left: Any, right: Any) -> ast.Binary:
        return ast.Binary("or", left, right)

    def call(self, name: Token, *items: Any) -> ast.Call:
        # among arguments, unlike among indices, `|` is the operator on bits
        return ast.Call(
            str(name),
            tuple(i if i.guard is None else ast.Item(ast.Binary("|", i.expression, i.guard)) for i in _present(items)),
        )

    def reduction(self, kind: Token, *parts: Any) -> ast.Reduction:
        return ast.Reduction(str(kind), parts[:-1], parts[-1])


def build_expression(tree: Any) -> Any:
    """The expression of a parse tree whose start was `expression`."""
    return _Definitions("", Place()).transform(tree)


def _present(items: tuple[Any, ...]) -> tuple[ast.Item, ...]:
    return tuple(item for item in items if item is not None)
