"""Rules of sums, differences and products alone, proved as equations between polynomials over the whole numbers.

Where arithmetic wraps around, it is that of whole numbers modulo a power of two: if the polynomials are equal, so are the results.  Where
signed arithmetic must not overflow, values are whole numbers, each operation of the left side is known to stay in the type's range, and
each of the right side must.  Bit-vectors know neither: products of two unknowns are beyond them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyir.ir.types import IntegerType, Type
from tinyir.prove.rule_cases import conjuncts
from tinyir.text import rule_syntax as ast

RLIMIT = 500_000
WRAPPING = {"arith.addi": "+", "arith.subi": "-", "arith.muli": "*"}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


class _NoPolynomialError(Exception):
    """Something is more than sums, differences and products."""


def is_polynomial(rule: ast.Rule) -> bool:
    """Whether both sides are polynomials in the operands and the values of constants, and products of these stand in them."""
    try:
        for side in (rule.pattern, rule.result):
            _Polynomials(None, {}).of(side)
    except _NoPolynomialError:
        return False
    return any(_operator(a) == "*" and not any(isinstance(o, ast.Splat) for o in a.operands) for a in ast.applications(rule.pattern))


def are_equal(z3: Any, context: Any, rule: ast.Rule, types: Mapping[str, Type | None]) -> bool:
    """Whether a rule that `is_polynomial` holds at the types of its operands, as far as z3 finds out."""
    found = set(types.values())
    type = next(iter(found), None)
    if len(found) != 1 or not isinstance(type, IntegerType) or type.width == 1:
        return False
    exact = rule.pattern.operation == "c.binary" and not type.is_unsigned
    names = {name: z3.Int(name, context) for name in types}
    numbers = _Polynomials(z3, names)
    left, right = numbers.of(rule.pattern), numbers.of(rule.result)
    solver = z3.Solver(ctx=context)
    solver.set("rlimit", RLIMIT)
    goals = [left[0] == right[0]]
    if exact:
        known = [_within(z3, term, type) for term in (*names.values(), *left[1])]
        known += [condition for part in conjuncts(rule.condition) if (condition := numbers.condition(part, type)) is not None]
        solver.add(*(_spread(z3, condition) for condition in known))
        goals += [_within(z3, term, type) for term in right[1]]
    for goal in goals:
        solver.push()
        solver.add(z3.Not(_spread(z3, goal)))
        if solver.check() != z3.unsat:
            return False
        solver.pop()
    return True


def _spread(z3: Any, condition: Any) -> Any:
    """The condition with its polynomials as sums of products, so that equal ones are one term."""
    return z3.simplify(condition, som=True)


def _within(z3: Any, term: Any, type: IntegerType) -> Any:
    return z3.And(term >= type.lowest, term <= type.greatest)


def _operator(application: ast.Application) -> str:
    """`+`, `-` or `*`; empty for any other operation."""
    if application.operation == "c.binary":
        word = dict(application.properties).get("operator")
        return word.value if isinstance(word, ast.Text) and word.value in ("+", "-", "*") else ""
    return "" if application.properties else WRAPPING.get(application.operation, "")


class _Polynomials:
    """The two sides as terms; with no z3 only whether they are polynomials."""

    def __init__(self, z3: Any, names: Mapping[str, Any]) -> None:
        self.z3 = z3
        self.names = names

    def of(self, pattern: ast.Pattern) -> tuple[Any, list[Any]]:
        """The value of a pattern, and those of all operations and new constants in it.

        Raises:
            _NoPolynomialError: it is more than a polynomial.
        """
        if isinstance(pattern, ast.Operand | ast.Constant):
            return self._named(pattern.name), []
        if isinstance(pattern, ast.Splat) and isinstance(pattern.value, int):
            return pattern.value, []
        if isinstance(pattern, ast.Made):
            value = self.value(pattern.value)
            return value, [value]
        if not isinstance(pattern, ast.Application) or not _operator(pattern) or len(pattern.operands) != 2:
            raise _NoPolynomialError
        (left, inside), (right, more) = (self.of(operand) for operand in pattern.operands)
        value = self._combine(_operator(pattern), left, right)
        return value, [*inside, *more, value]

    def value(self, expression: ast.Expression) -> Any:
        """
        Raises:
            _NoPolynomialError: it is more than a polynomial in the values of constants.
        """
        if isinstance(expression, ast.Number) and isinstance(expression.value, int):
            return expression.value
        if isinstance(expression, ast.Call) and expression.name == "value" and isinstance(expression.arguments[0], ast.Name):
            return self._named(expression.arguments[0].name)
        if isinstance(expression, ast.Binary) and expression.operator in ("+", "-", "*"):
            return self._combine(expression.operator, self.value(expression.left), self.value(expression.right))
        raise _NoPolynomialError

    def condition(self, part: ast.Expression, type: IntegerType) -> Any:
        """A part of the rule's condition; None for what is no statement about polynomials, which is then not used."""
        try:
            if isinstance(part, ast.Call) and part.name == "fits" and isinstance(part.arguments[1], ast.Call) and part.arguments[1].name == "element":
                return _within(self.z3, self.value(part.arguments[0]), type)
            if isinstance(part, ast.Binary) and part.operator in _COMPARISONS:
                a, b = self.value(part.left), self.value(part.right)
                return {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[part.operator]
        except _NoPolynomialError:
            pass
        return None

    def _named(self, name: str) -> Any:
        return self.names[name] if self.z3 is not None else 0

    @staticmethod
    def _combine(operator: str, left: Any, right: Any) -> Any:
        return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right}[operator]()
