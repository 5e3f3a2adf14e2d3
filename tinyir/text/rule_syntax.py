"""The rule language as data: what the reader of `specs/rules/*.rules` yields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from tinyir.ir.errors import Place
from tinyir.ir.record import Record

# -- expressions over integers, floats, strings, types and lists


@attrs.frozen(repr=False)
class Number(Record):
    value: int | float
    offset: int = attrs.field(default=-1, eq=False, repr=False)


@attrs.frozen(repr=False)
class Text(Record):
    value: str
    offset: int = attrs.field(default=-1, eq=False, repr=False)


@attrs.frozen(repr=False)
class Name(Record):
    """A property bound by the pattern, an operand, a parameter or a variable."""

    name: str
    offset: int = attrs.field(default=-1, eq=False, repr=False)


@attrs.frozen(repr=False)
class Element(Record):
    """`list[index]`."""

    list: Expression
    index: Expression


@attrs.frozen(repr=False)
class Call(Record):
    """A built-in or a function of the rule files."""

    name: str
    arguments: tuple[Expression, ...]
    offset: int = attrs.field(default=-1, eq=False, repr=False)


@attrs.frozen(repr=False)
class Unary(Record):
    """`not e` or `-e`."""

    operator: str
    operand: Expression


@attrs.frozen(repr=False)
class Binary(Record):
    """Arithmetic (`/` and `%` round down), bits (`& | ^ << >>`), comparisons (also of lists), `and`, `or`."""

    operator: str
    left: Expression
    right: Expression


@attrs.frozen(repr=False)
class ListOf(Record):
    """`[a, b]`."""

    items: tuple[Expression, ...]


@attrs.frozen(repr=False)
class Comprehension(Record):
    """`[body for variable < count]`."""

    body: Expression
    variable: str
    count: Expression


@attrs.frozen(repr=False)
class Every(Record):
    """`all(variable < count) condition`."""

    variable: str
    count: Expression
    condition: Expression


Expression = Number | Text | Name | Element | Call | Unary | Binary | ListOf | Comprehension | Every

# -- patterns


@attrs.frozen(repr=False)
class Operand(Record):
    """Any value.  A name that stands twice is the same value."""

    name: str


@attrs.frozen(repr=False)
class Constant(Record):
    """The result of a `graph.constant`."""

    name: str


@attrs.frozen(repr=False)
class Splat(Record):
    """A constant all of whose elements are this number."""

    value: int | float


@attrs.frozen(repr=False)
class Made(Record):
    """`constant(value)` on the right: a new constant of the type of its neighbour (of the root's result if it stands alone)."""

    value: Expression


@attrs.frozen(repr=False)
class Sequence(Record):
    """`pattern...`: as many operands as there are; names inside stand for lists of values, properties are equal in all."""

    pattern: Pattern


@attrs.frozen(repr=False)
class Body(Record):
    """The body of an operation with regions: `do NAME`.

    On the left any body is bound to a name (the same name twice: equal bodies), with `pure` only one that touches no memory;
    without a name only one that does nothing.  `holding`: an operation at its top whose operands are values from outside; on the
    right the value that stands for this operation's result.
    """

    name: str = ""
    pure: bool = False
    holding: Pattern | None = None


@attrs.frozen(repr=False)
class Application(Record):
    """`operation(operands) {properties} do body else body`.

    On the left a property is bound to a name that is new, and else compared.  On the right `rest` copies the properties that
    are not named from the operation of the same name on the left.  `once`: the result has no other use.  `type`: the result's
    element type; a new name is bound to it on the left.  `number`: which of several results it is, from 0.
    On the right `operation` may be the name of a body: its operations, the operands in the place of its arguments.
    """

    operation: str
    operands: tuple[Pattern, ...]
    properties: tuple[tuple[str, Expression], ...] = ()
    rest: bool = False
    once: bool = False
    type: Expression | None = None
    bodies: tuple[Body, ...] = ()
    number: int | None = None
    offset: int = attrs.field(default=-1, eq=False, repr=False)


@attrs.frozen(repr=False)
class Values(Record):
    """On the right: what replaces the results, in order; none: the operation goes."""

    items: tuple[Pattern, ...]


@attrs.frozen(repr=False)
class Let(Record):
    """`let name = value in result` on the right: the value is computed before the result."""

    name: str
    value: Pattern
    result: Pattern


Pattern = Operand | Constant | Splat | Made | Sequence | Application | Values | Let

# -- statements


@attrs.frozen(repr=False)
class Function(Record):
    """`function name(parameters) = value`: a helper; its text is also its meaning in proofs."""

    name: str
    parameters: tuple[str, ...]
    value: Expression
    summary: str = ""
    place: Place = attrs.field(default=Place(), eq=False)
    text: str = attrs.field(default="", eq=False, repr=False)


@attrs.frozen(repr=False)
class Neighbour(Record):
    """`after name = pattern`, `before pattern`: an operation that stands in the same block, and stays.

    Between the two nothing writes the memory that they touch; with `before` nothing reads it either.
    """

    order: str
    pattern: Application
    name: str = ""


@attrs.frozen(repr=False)
class Rule(Record):
    """`pattern => result where condition`.

    `exact`: both sides are equal to the bit; else they are equal over the reals and float rounding may change.
    `assumed`: the reason why the rule is used without a proof, or empty.  `before`: rules that this one goes before.
    `family`: for the rule of a family, its operations by variable.
    """

    name: str
    group: str
    pattern: Application
    result: Pattern
    condition: Expression | None = None
    exact: bool = True
    assumed: str = ""
    before: tuple[str, ...] = ()
    neighbour: Neighbour | None = None
    family: Mapping[str, str] = attrs.field(factory=dict, eq=False)
    summary: str = attrs.field(default="", eq=False)
    place: Place = attrs.field(default=Place(), eq=False)
    text: str = attrs.field(default="", eq=False, repr=False)

    def __repr__(self) -> str:
        return f"<rule {self.name}: {self}>"

    def __str__(self) -> str:
        condition = f" where {spell(self.condition)}" if self.condition is not None else ""
        return f"{spell_pattern(self.pattern)}{spell_neighbour(self.neighbour)} => {spell_pattern(self.result)}{condition}"

    @property
    def left(self) -> tuple[Application, ...]:
        """The patterns of the left side: the root's, then that of the operation beside it."""
        return (self.pattern,) if self.neighbour is None else (self.pattern, self.neighbour.pattern)


def place_of(statement: Rule | Function, word: str, start: int = 0) -> Place:
    """Where a word first stands in a statement from an offset on, comments left out; where the statement's name does if it does not."""
    found = re.compile(rf"(?<![\w.]){re.escape(word)}(?![\w.])").search(statement.text, max(start, 0)) if word else None
    return place_at(statement, found.start() if found is not None else -1)


def place_of_operation(statement: Rule | Function, application: Application) -> Place:
    """Where an operation of a pattern stands; for one of a family where the family names it."""
    return place_of(statement, application.operation, application.offset)


def place_at(statement: Rule | Function, offset: int) -> Place:
    """The place of an offset into the statement's text; the statement's name if it is less than 0."""
    if offset < 0:
        return statement.place
    above, newline, before = statement.text[:offset].rpartition("\n")
    number = above.count("\n") + 1 if newline else 0
    line = statement.text.splitlines()[number] if number else statement.place.text
    return attrs.evolve(statement.place, line=statement.place.line + number, column=len(before) + 1, text=line)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions right below."""
    if isinstance(expression, Element):
        return expression.list, expression.index
    if isinstance(expression, Call):
        return expression.arguments
    if isinstance(expression, Unary):
        return (expression.operand,)
    if isinstance(expression, Binary):
        return expression.left, expression.right
    if isinstance(expression, ListOf):
        return expression.items
    if isinstance(expression, Comprehension):
        return expression.count, expression.body
    if isinstance(expression, Every):
        return expression.count, expression.condition
    return ()


def offset_of(expression: Expression) -> int:
    """Where the first word of an expression stands in its statement; -1 if that is not known."""
    if isinstance(expression, Number | Text | Name | Call):
        return expression.offset
    return min((offset for child in children(expression) if (offset := offset_of(child)) >= 0), default=-1)


def calls(expression: Expression) -> Iterator[str]:
    """The names of all functions that are called."""
    if isinstance(expression, Call):
        yield expression.name
    for child in children(expression):
        yield from calls(child)


def free_names(expression: Expression) -> Iterator[str]:
    """The names that are not variables of the expression itself."""
    if isinstance(expression, Name):
        yield expression.name
    bound = expression.variable if isinstance(expression, Comprehension | Every) else ""
    for child in children(expression):
        yield from (name for name in free_names(child) if name != bound)


def applications(pattern: Pattern) -> Iterator[Application]:
    """All operations of a pattern, the root first."""
    if isinstance(pattern, Application):
        yield pattern
    for part in parts(pattern):
        yield from applications(part)


def parts(pattern: Pattern) -> tuple[Pattern, ...]:
    """The patterns right below."""
    if isinstance(pattern, Sequence):
        return (pattern.pattern,)
    if isinstance(pattern, Application):
        return (*pattern.operands, *(body.holding for body in pattern.bodies if body.holding is not None))
    if isinstance(pattern, Values):
        return pattern.items
    return (pattern.value, pattern.result) if isinstance(pattern, Let) else ()


def leaves(pattern: Pattern) -> Iterator[tuple[str, bool]]:
    """The names of operands and constants, each as often as it stands, and whether it stands for a list of values."""
    if isinstance(pattern, Sequence):
        yield from ((name, True) for name, _ in leaves(pattern.pattern))
    elif isinstance(pattern, Operand | Constant):
        yield pattern.name, False
    else:
        for part in parts(pattern):
            yield from leaves(part)


def expressions(rule: Rule) -> Iterator[Expression]:
    """All expressions of a rule."""
    for side in (*rule.left, rule.result):
        for application in applications(side):
            yield from (value for _, value in application.properties)
            if application.type is not None:
                yield application.type
        yield from made_values(side)
    if rule.condition is not None:
        yield rule.condition


def made_values(pattern: Pattern) -> Iterator[Expression]:
    """The values of the new constants of a pattern."""
    if isinstance(pattern, Made):
        yield pattern.value
    for part in parts(pattern):
        yield from made_values(part)


def spell(expression: Expression) -> str:
    """The expression as text of the rule language."""
    if isinstance(expression, Number):
        return spell_number(expression.value)
    if isinstance(expression, Text):
        return f'"{expression.value}"'
    if isinstance(expression, Name):
        return expression.name
    if isinstance(expression, Element):
        return f"{spell(expression.list)}[{spell(expression.index)}]"
    if isinstance(expression, Call):
        return f"{expression.name}({', '.join(map(spell, expression.arguments))})"
    if isinstance(expression, Unary):
        return f"(not {spell(expression.operand)})" if expression.operator == "not" else f"(-{spell(expression.operand)})"
    if isinstance(expression, Binary):
        return f"({spell(expression.left)} {expression.operator} {spell(expression.right)})"
    if isinstance(expression, ListOf):
        return f"[{', '.join(map(spell, expression.items))}]"
    if isinstance(expression, Comprehension):
        return f"[{spell(expression.body)} for {expression.variable} < {spell(expression.count)}]"
    return f"all({expression.variable} < {spell(expression.count)}) ({spell(expression.condition)})"


def spell_number(value: int | float) -> str:
    """A number as the rule language writes it."""
    return {"inf": "infinity", "-inf": "-infinity"}.get(repr(value), repr(value))


def spell_pattern(pattern: Pattern) -> str:
    """The pattern as text of the rule language."""
    if isinstance(pattern, Operand):
        return pattern.name
    if isinstance(pattern, Constant):
        return f"constant {pattern.name}"
    if isinstance(pattern, Splat):
        return spell_number(pattern.value)
    if isinstance(pattern, Made):
        return f"constant({spell(pattern.value)})"
    if isinstance(pattern, Sequence):
        return f"{spell_pattern(pattern.pattern)}..."
    if isinstance(pattern, Values):
        return ", ".join(map(spell_pattern, pattern.items)) or "nothing"
    if isinstance(pattern, Let):
        return f"let {pattern.name} = {spell_pattern(pattern.value)} in {spell_pattern(pattern.result)}"
    items = [f"{name} = {spell(value)}" for name, value in pattern.properties] + ([".."] if pattern.rest else [])
    properties = f" {{{', '.join(items)}}}" if items else ""
    once = "once " if pattern.once else ""
    once += f"result {pattern.number} of " if pattern.number is not None else ""
    type = f" : {spell(pattern.type)}" if pattern.type is not None else ""
    bodies = f" do {' else '.join(map(spell_body, pattern.bodies))}" if pattern.bodies else ""
    return f"{once}{pattern.operation}({', '.join(map(spell_pattern, pattern.operands))}){properties}{bodies}{type}"


def spell_body(body: Body) -> str:
    """A body as text of the rule language."""
    if body.holding is not None:
        return f"{body.name} with {spell_pattern(body.holding)}"
    return f"pure {body.name}" if body.pure else body.name or "nothing"


def spell_neighbour(neighbour: Neighbour | None) -> str:
    """The operation beside the root as text of the rule language; empty if there is none."""
    if neighbour is None:
        return ""
    name = f"{neighbour.name} = " if neighbour.name else ""
    return f" {neighbour.order} {name}{spell_pattern(neighbour.pattern)}"
