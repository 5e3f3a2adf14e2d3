"""Patterns of rules against patterns: whether one matches whatever another one matches, and what a rule makes of a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from tinyir.text import rule_syntax as ast


@attrs.frozen
class Bindings:
    """What the names of a general pattern stand for in a special one."""

    values: dict[str, ast.Pattern] = attrs.field(factory=dict)
    expressions: dict[str, ast.Expression] = attrs.field(factory=dict)

    def binds(self, name: str, value: ast.Pattern) -> bool:
        """Binds a name, or tells whether it is bound to the same."""
        return self.values.setdefault(name, value) == value

    def binds_expression(self, name: str, value: ast.Expression) -> bool:
        return self.expressions.setdefault(name, value) == value


def match(general: ast.Pattern, special: ast.Pattern, bindings: Bindings | None = None) -> Bindings | None:
    """What the names of `general` stand for if it matches all that `special` matches; None if it does not, as far as patterns tell."""
    bindings = Bindings() if bindings is None else bindings
    return bindings if _matches(general, special, bindings) else None


def overlap(one: ast.Pattern, other: ast.Pattern) -> bool:
    """Whether something may match both, as far as operations, constants and literal properties tell."""
    if isinstance(one, ast.Operand) or isinstance(other, ast.Operand):
        return True
    if isinstance(one, ast.Sequence) or isinstance(other, ast.Sequence):
        return isinstance(one, ast.Sequence) and isinstance(other, ast.Sequence) and overlap(one.pattern, other.pattern)
    if not isinstance(one, ast.Application) or not isinstance(other, ast.Application):
        numbers = isinstance(one, ast.Splat) and isinstance(other, ast.Splat)
        return not isinstance(one, ast.Application) and not isinstance(other, ast.Application) and (one == other or not numbers)
    if one.operation != other.operation or len(one.operands) != len(other.operands) or one.number != other.number:
        return False
    given = dict(other.properties)
    literal = (ast.Number, ast.Text)
    apart = any(isinstance(v, literal) and isinstance(given.get(n), literal) and given[n] != v for n, v in one.properties)
    return not apart and all(overlap(a, b) for a, b in zip(one.operands, other.operands, strict=True))


def _matches(general: ast.Pattern, special: ast.Pattern, bindings: Bindings) -> bool:
    if isinstance(general, ast.Operand):
        return bindings.binds(general.name, special)
    if isinstance(general, ast.Constant):
        return isinstance(special, ast.Constant | ast.Splat | ast.Made) and bindings.binds(general.name, special)
    if isinstance(general, ast.Sequence):
        return isinstance(special, ast.Sequence) and _matches(general.pattern, special.pattern, bindings)
    if not isinstance(general, ast.Application) or not isinstance(special, ast.Application):
        return general == special
    if general.operation != special.operation or len(general.operands) != len(special.operands) or (general.once and not special.once):
        return False
    if general.number != special.number:
        return False
    if not all(_matches(a, b, bindings) for a, b in zip(general.operands, special.operands, strict=True)):
        return False
    if len(general.bodies) != len(special.bodies) or not all(_matches_body(*pair, bindings) for pair in zip(general.bodies, special.bodies, strict=True)):
        return False
    return _matches_properties(general, special, bindings)


def _matches_body(general: ast.Body, special: ast.Body, bindings: Bindings) -> bool:
    """Whether any body that fits the special pattern fits the general one."""
    if general.holding is not None or not general.name or (general.pure and not special.pure and special.name):
        return general == special
    return bindings.binds(f"do {general.name}", ast.Operand(f"do {special.name}"))


def _matches_properties(general: ast.Application, special: ast.Application, bindings: Bindings) -> bool:
    given = dict(special.properties)
    for name, value in general.properties:
        other = given.get(name)
        if isinstance(value, ast.Name):
            if not bindings.binds_expression(value.name, other or ast.Name(f"{special.operation}.{name}")):
                return False
        elif other is None or substituted(value, bindings) != other:
            return False
    return general.type is None or isinstance(general.type, ast.Name) or general.type == special.type


def substituted(expression: ast.Expression, bindings: Bindings) -> ast.Expression:
    """The expression with names replaced by what they stand for."""
    if isinstance(expression, ast.Name):
        if expression.name in bindings.expressions:
            return bindings.expressions[expression.name]
        value = bindings.values.get(expression.name)
        if value is None:
            return expression
        return ast.Name(value.name) if isinstance(value, ast.Operand | ast.Constant) else ast.Name(f"({ast.spell_pattern(value)})")
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(expression)):
        value = getattr(expression, field.name)
        if isinstance(value, tuple):
            changes[field.name] = tuple(substituted(item, bindings) if attrs.has(type(item)) else item for item in value)
        elif attrs.has(type(value)):
            changes[field.name] = substituted(value, bindings)
    return attrs.evolve(expression, **changes)


def conditions(rule: ast.Rule, bindings: Bindings) -> set[ast.Expression]:
    """The parts of the rule's condition, in the names of what it matched."""
    return {substituted(part, bindings) for part in parts(rule.condition)}


def parts(condition: ast.Expression | None) -> list[ast.Expression]:
    """The parts of a condition that must all hold."""
    if isinstance(condition, ast.Binary) and condition.operator == "and":
        return parts(condition.left) + parts(condition.right)
    return [] if condition is None else [condition]


def instantiated(pattern: ast.Pattern, bindings: Bindings, sources: Mapping[str, ast.Application]) -> ast.Pattern:
    """A right side with names replaced; `sources`: the matched operations by name, for `..`."""
    if isinstance(pattern, ast.Operand | ast.Constant):
        return bindings.values.get(pattern.name, pattern)
    if isinstance(pattern, ast.Sequence):
        return ast.Sequence(instantiated(pattern.pattern, bindings, sources))
    if isinstance(pattern, ast.Made):
        return ast.Made(substituted(pattern.value, bindings))
    if not isinstance(pattern, ast.Application):
        return pattern
    properties = dict(sources[pattern.operation].properties) if pattern.rest and pattern.operation in sources else {}
    properties |= {name: substituted(value, bindings) for name, value in pattern.properties}
    operands = tuple(instantiated(operand, bindings, sources) for operand in pattern.operands)
    named = tuple(sorted(properties.items(), key=lambda item: item[0]))
    return ast.Application(pattern.operation, operands, named, False, False, pattern.type, number=pattern.number)


def rewrites(rule: ast.Rule, term: ast.Pattern, known: set[ast.Expression]) -> Iterator[ast.Pattern]:
    """What the rule makes of the term at each place where it surely applies; `known`: the conditions that hold."""
    if isinstance(term, ast.Application):
        bindings = match(rule.pattern, term)
        if bindings is not None and conditions(rule, bindings) <= known:
            sources = {a.operation: a for a in reversed(list(ast.applications(term)))}
            yield instantiated(rule.result, bindings, sources)
        for i, operand in enumerate(term.operands):
            for changed in rewrites(rule, operand, known):
                yield attrs.evolve(term, operands=(*term.operands[:i], changed, *term.operands[i + 1 :]))
