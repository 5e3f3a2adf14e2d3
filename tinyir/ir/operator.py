"""The operator language as data: what the reader of `specs/ops/*.op` and `specs/functions/*.op` yields.

An `Operator` is mathematics over symbolic extents.  `tinyir.ir.instance` makes it concrete for given operand
types and properties; everything else (shapes, interpreter, loops, proofs) starts from there.
"""

from __future__ import annotations

import attrs

from tinyir.ir.errors import Place

# -- expressions


@attrs.frozen
class Number:
    """A literal.  Integers take the type that they meet; with a point they are floats."""

    value: int | float


@attrs.frozen
class Name:
    """A variable, an extent, an attribute or an operand of a function."""

    name: str


@attrs.frozen
class Pack:
    """`e...`: the expression once for each axis of the packs in it."""

    expression: Expression


@attrs.frozen
class Item:
    """One index or argument; `guard` as in `index | guard`."""

    expression: Expression
    guard: Expression | None = None


@attrs.frozen
class Access:
    """`name[items]`: an element of a tensor, or a selection of a pack (`d[AXES]`, `d[~AXES]`)."""

    name: str
    items: tuple[Item, ...]


@attrs.frozen
class Unary:
    """`-e`, `+e`, `~e`, `not e`."""

    operator: str
    operand: Expression


@attrs.frozen
class Binary:
    """`a + b`, also comparisons and `and`, `or`."""

    operator: str
    left: Expression
    right: Expression


@attrs.frozen
class Call:
    """`name(items)`: a cast to a type, a built-in or a function of `specs/functions`."""

    name: str
    items: tuple[Item, ...]


@attrs.frozen
class Reduction:
    """`kind(i < N, ...) body` with kind sum, max or min, in the order of its binders."""

    kind: str
    binders: tuple[Item, ...]
    body: Expression


Expression = Number | Name | Pack | Access | Unary | Binary | Call | Reduction

# -- clauses


@attrs.frozen
class TensorDeclaration:
    """`name: element[shape]`; `name*: ...` is variadic."""

    name: str
    element: str
    shape: tuple[Item, ...]
    variadic: bool = False


@attrs.frozen
class AttributeDeclaration:
    """`attributes property (names) = default`; `pack` if the names are one pack `NAME...`."""

    property: str
    names: tuple[str, ...]
    pack: bool
    several: bool
    default: object = None
    """None (required), a string, an expression, or a tuple of expressions."""


@attrs.frozen
class Extent:
    """`where NAME = expression`."""

    name: str
    pack: bool
    expression: Expression


@attrs.frozen
class Equation:
    """`target = body`."""

    target: Access
    body: Expression


@attrs.frozen
class Operator:
    """One operator.  `form`: "equations", "flat" (same elements in order), "concat", "by_hand"."""

    name: str
    summary: str
    operands: tuple[TensorDeclaration, ...]
    results: tuple[TensorDeclaration, ...]
    attributes: tuple[AttributeDeclaration, ...]
    extents: tuple[Extent, ...]
    requirements: tuple[Expression, ...]
    equations: tuple[Equation, ...]
    form: str = "equations"
    axis: str = ""
    place: Place = attrs.field(factory=Place)

    def attribute(self, property: str) -> AttributeDeclaration | None:
        return next((a for a in self.attributes if a.property == property), None)


@attrs.frozen
class ScalarFunction:
    """A scalar function: parameters (name, type), assignments in order, the returned expression."""

    name: str
    summary: str
    parameters: tuple[tuple[str, str], ...]
    result: str
    assignments: tuple[tuple[str, Expression], ...]
    value: Expression
    place: Place = attrs.field(factory=Place)


# -- reading expressions


def children(expression: Expression) -> list[Expression]:
    """The expressions right below."""
    if isinstance(expression, Pack):
        return [expression.expression]
    if isinstance(expression, Access | Call):
        return [item.expression for item in expression.items]
    if isinstance(expression, Unary):
        return [expression.operand]
    if isinstance(expression, Binary):
        return [expression.left, expression.right]
    if isinstance(expression, Reduction):
        return [*(item.expression for item in expression.binders), expression.body]
    return []


def names(expression: Expression) -> list[str]:
    """All names in an expression, in order."""
    if isinstance(expression, Name):
        return [expression.name]
    return [name for child in children(expression) for name in names(child)]


def spell(expression: Expression) -> str:
    """The expression as text of the operator language."""
    if isinstance(expression, Number):
        return str(expression.value)
    if isinstance(expression, Name):
        return expression.name
    if isinstance(expression, Pack):
        return f"{spell(expression.expression)}..."
    if isinstance(expression, Unary):
        return f"{expression.operator}{spell(expression.operand)}"
    if isinstance(expression, Binary):
        return f"{spell(expression.left)} {expression.operator} {spell(expression.right)}"
    if isinstance(expression, Access):
        return f"{expression.name}[{', '.join(spell(item.expression) for item in expression.items)}]"
    if isinstance(expression, Call):
        return f"{expression.name}({', '.join(spell(item.expression) for item in expression.items)})"
    binders = ", ".join(spell(item.expression) for item in expression.binders)
    return f"{expression.kind}({binders}) {spell(expression.body)}"
