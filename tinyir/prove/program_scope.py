"""The expressions of rules over programs: integers without limit, maps and sets as tokens, and what is known of those that are constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyir.prove.program_values import Memory, ProgramValue, Terms
from tinyir.prove.symbolic import NoMeaningError
from tinyir.text import rule_syntax as ast

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


class ProgramScope:
    """`operands`: by name; `values`: properties by name; `facts`: what holds of the terms where the rule applies."""

    def __init__(self, terms: Terms, functions: Mapping[str, ast.Function]) -> None:
        self.terms = terms
        self.z3 = terms.z3
        self.functions = functions
        self.operands: dict[str, ProgramValue | Memory | list[ProgramValue]] = {}
        self.values: dict[str, Any] = {}
        self.facts: list[Any] = []
        self.bounds: list[tuple[str, Any, Any]] = []
        self.conditions: list[tuple[Any, Any]] = []
        self.lazy = 0

    def bound(self, side: str, mapping: Any, operands: Sequence[Any]) -> Any:
        """The value of a bound: of its map and operands."""
        term = self.terms.apply(f"{side} bound", self.terms.integers, mapping, *operands)
        self.bounds.append((side, mapping, term))
        return term

    def condition(self, token: Any, operands: Sequence[Any]) -> Any:
        """Whether the operands satisfy a set."""
        term = self.terms.truth_of("holds", token, *operands)
        self.conditions.append((token, term))
        return term

    def truth(self, value: Any) -> Any:
        return self.z3.BoolVal(value, self.terms.context) if isinstance(value, bool) else value

    def evaluate(self, expression: ast.Expression, local: Mapping[str, Any] | None = None) -> Any:
        """
        Raises:
            NoMeaningError: proofs of rules over programs do not know what it means.
        """
        local = local or {}
        if isinstance(expression, ast.Number | ast.Text):
            return expression.value
        if isinstance(expression, ast.Name):
            for known in (local, self.values, self.operands):
                if expression.name in known:
                    return known[expression.name]
            raise NoMeaningError(f"'{expression.name}' is not known yet")
        if isinstance(expression, ast.Call):
            return self._call(expression, local)
        if isinstance(expression, ast.Unary):
            return self._unary(expression, local)
        if isinstance(expression, ast.Binary):
            return self._binary(expression, local)
        raise NoMeaningError(f"'{ast.spell(expression)}' in rules over programs")

    def _unary(self, expression: ast.Unary, local: Mapping[str, Any]) -> Any:
        self.lazy += expression.operator == "not"
        value = self.evaluate(expression.operand, local)
        self.lazy -= expression.operator == "not"
        if expression.operator == "-":
            return -value
        return not value if isinstance(value, bool) else self.z3.Not(value)

    def _binary(self, expression: ast.Binary, local: Mapping[str, Any]) -> Any:
        operator = expression.operator
        self.lazy += operator == "or"
        left, right = (self.evaluate(side, local) for side in (expression.left, expression.right))
        self.lazy -= operator == "or"
        if operator in ("and", "or"):
            return (self.z3.And if operator == "and" else self.z3.Or)(self.truth(left), self.truth(right))
        if isinstance(left, str | tuple) and isinstance(right, str | tuple) and operator in ("==", "!="):
            return (left == right) is (operator == "==")
        if operator not in (*_COMPARISONS, "+", "-", "*"):
            raise NoMeaningError(f"'{operator}' in rules over programs")
        if isinstance(left, str | tuple | list | ProgramValue | Memory) or isinstance(right, str | tuple | list | ProgramValue | Memory):
            raise NoMeaningError(f"'{ast.spell(expression)}' in rules over programs")
        table = {
            "==": lambda: left == right, "!=": lambda: left != right, "<": lambda: left < right, "<=": lambda: left <= right,
            ">": lambda: left > right, ">=": lambda: left >= right, "+": lambda: left + right, "-": lambda: left - right,
            "*": lambda: left * right,
        }  # fmt: skip
        return table[operator]()

    def _call(self, call: ast.Call, local: Mapping[str, Any]) -> Any:
        self.lazy += call.name == "select"
        arguments = [self.evaluate(argument, local) for argument in call.arguments]
        self.lazy -= call.name == "select"
        if call.name in self.functions:
            function = self.functions[call.name]
            return self.evaluate(function.value, dict(zip(function.parameters, arguments, strict=True)))
        first = arguments[0] if arguments else None
        if call.name in ("min", "max") and len(arguments) == 1 and self.z3.is_int(first):
            return self._extreme(call.name, first)
        if call.name in ("always", "never") and self.z3.is_int(first):
            return self._constantly(call.name, first)
        if call.name == "value" and isinstance(first, ProgramValue):
            return self._value(first)
        if call.name == "type" and isinstance(first, ProgramValue) and isinstance(first.kind, tuple):
            return first.kind
        if call.name == "uses" and len(call.arguments) == 1 and isinstance(call.arguments[0], ast.Name) and isinstance(first, ProgramValue | Memory):
            count = self.terms.integer(f"uses of {call.arguments[0].name}")
            self.facts.append(count >= 0)
            return count
        if call.name == "apart" and len(arguments) == 2 and all(isinstance(argument, Memory) for argument in arguments):
            return self.terms.apart(*arguments)
        raise NoMeaningError(f"'{ast.spell(call)}' in rules over programs")

    def _extreme(self, name: str, mapping: Any) -> Any:
        """The greatest or least result of a map of constants: what a lower or upper bound is, whatever its operands are."""
        if self.lazy:
            raise NoMeaningError(f"'{name}' of a map below 'or', 'not' or 'select'")
        found = self.terms.apply(f"{name} of", self.terms.integers, mapping)
        side = "lower" if name == "max" else "upper"
        self.facts += [self.z3.Implies(token == mapping, term == found) for kind, token, term in self.bounds if kind == side]
        return found

    def _constantly(self, name: str, token: Any) -> Any:
        """Whether a set holds for all operands, or for none."""
        found = self.terms.truth_of(name, token)
        for known, term in self.conditions:
            same = self.z3.And(found, known == token)
            self.facts.append(self.z3.Implies(same, term if name == "always" else self.z3.Not(term)))
        return found

    def _value(self, value: ProgramValue) -> Any:
        """The number of a constant: a truth is 0 or -1."""
        if value.kind == "index":
            return value.term
        if value.kind == "truth":
            return self.z3.If(value.term, self.terms.number(-1), self.terms.number(0))
        raise NoMeaningError("the value of a constant that is neither an index nor a truth")
