"""Affine expressions, maps and sets, spelled and simplified as in MLIR.

An expression is built from dimensions d0.., symbols s0.., integers, `+`, `*` by a constant, `floordiv`,
`ceildiv` and `mod` by a positive constant.  Construction folds constants and keeps sums flat to the left,
so equal-looking expressions are the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinyir.ir.attribute import Attribute


class AffineExpression(Attribute):
    """An integer-valued expression over dimensions and symbols."""

    __slots__ = ()

    def __add__(self, other: AffineExpression | int) -> AffineExpression:
        return _add(self, as_expression(other))

    def __radd__(self, other: int) -> AffineExpression:
        return _add(as_expression(other), self)

    def __sub__(self, other: AffineExpression | int) -> AffineExpression:
        return _add(self, _multiply(as_expression(other), AffineConstant(-1)))

    def __rsub__(self, other: int) -> AffineExpression:
        return as_expression(other) - self

    def __neg__(self) -> AffineExpression:
        return _multiply(self, AffineConstant(-1))

    def __mul__(self, other: AffineExpression | int) -> AffineExpression:
        return _multiply(self, as_expression(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: AffineExpression | int) -> AffineExpression:
        return _divide("floordiv", self, as_expression(other))

    def ceildiv(self, other: AffineExpression | int) -> AffineExpression:
        """The quotient rounded towards positive infinity."""
        return _divide("ceildiv", self, as_expression(other))

    def __mod__(self, other: AffineExpression | int) -> AffineExpression:
        return _divide("mod", self, as_expression(other))

    def evaluate(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> int:
        """The value at a point.  The arguments may be integer arrays of one shape: then so is the result."""
        raise NotImplementedError

    def replace(self, dimensions: Sequence[AffineExpression], symbols: Sequence[AffineExpression] = ()) -> AffineExpression:
        """The expression with dimension i replaced by `dimensions[i]` (symbols likewise; missing ones stay)."""
        raise NotImplementedError

    @property
    def constant_value(self) -> int | None:
        """The integer if the expression is constant."""
        return None


class AffineConstant(AffineExpression):
    __slots__ = ("value",)
    fields = ("value",)
    value: int

    def __new__(cls, value: int) -> AffineConstant:
        return cls._intern((int(value),))

    def _spell(self) -> str:
        return str(self.value)

    def evaluate(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> int:
        return self.value

    def replace(self, dimensions: Sequence[AffineExpression], symbols: Sequence[AffineExpression] = ()) -> AffineExpression:
        return self

    @property
    def constant_value(self) -> int | None:
        return self.value


class AffineDimension(AffineExpression):
    __slots__ = ("position",)
    fields = ("position",)
    position: int

    def __new__(cls, position: int) -> AffineDimension:
        return cls._intern((position,))

    def _spell(self) -> str:
        return f"d{self.position}"

    def evaluate(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> int:
        return dimensions[self.position]

    def replace(self, dimensions: Sequence[AffineExpression], symbols: Sequence[AffineExpression] = ()) -> AffineExpression:
        return dimensions[self.position] if self.position < len(dimensions) else self


class AffineSymbol(AffineExpression):
    __slots__ = ("position",)
    fields = ("position",)
    position: int

    def __new__(cls, position: int) -> AffineSymbol:
        return cls._intern((position,))

    def _spell(self) -> str:
        return f"s{self.position}"

    def evaluate(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> int:
        return symbols[self.position]

    def replace(self, dimensions: Sequence[AffineExpression], symbols: Sequence[AffineExpression] = ()) -> AffineExpression:
        return symbols[self.position] if self.position < len(symbols) else self


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "ceildiv": lambda a, b: -((-a) // b),
    "mod": lambda a, b: a % b,
}


class AffineBinary(AffineExpression):
    """`left kind right` with kind in + * floordiv ceildiv mod.  Made by the operators, which simplify."""

    __slots__ = ("kind", "left", "right")
    fields = ("kind", "left", "right")
    kind: str
    left: AffineExpression
    right: AffineExpression

    def __new__(cls, kind: str, left: AffineExpression, right: AffineExpression) -> AffineBinary:
        return cls._intern((kind, left, right))

    def _spell(self) -> str:
        if self.kind == "+":
            return self._spell_sum()
        left, right = _parenthesized(self.left), _parenthesized(self.right)
        if self.kind == "*" and self.right.constant_value == -1:
            return f"-{left}"
        return f"{left} {self.kind} {right}"

    def _spell_sum(self) -> str:
        left, right = str(self.left), self.right
        constant = right.constant_value
        if constant is not None and constant < 0:
            return f"{left} - {-constant}"
        if isinstance(right, AffineBinary) and right.kind == "*":
            factor = right.right.constant_value
            if factor == -1:
                return f"{left} - {_parenthesized(right.left)}"
            if factor is not None and factor < -1:
                return f"{left} - {_parenthesized(right.left)} * {-factor}"
        return f"{left} + {right}"

    def evaluate(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> int:
        return _OPERATIONS[self.kind](self.left.evaluate(dimensions, symbols), self.right.evaluate(dimensions, symbols))

    def replace(self, dimensions: Sequence[AffineExpression], symbols: Sequence[AffineExpression] = ()) -> AffineExpression:
        left, right = self.left.replace(dimensions, symbols), self.right.replace(dimensions, symbols)
        return make_binary(self.kind, left, right)


def _parenthesized(expression: AffineExpression) -> str:
    if isinstance(expression, AffineBinary):
        return f"({expression})"
    return str(expression)


def as_expression(value: AffineExpression | int) -> AffineExpression:
    """An integer as an expression; an expression as it is."""
    return value if isinstance(value, AffineExpression) else AffineConstant(value)


def make_binary(kind: str, left: AffineExpression, right: AffineExpression) -> AffineExpression:
    """`left kind right`, simplified.

    Raises:
        ValueError: product of two non-constants, or division by a non-positive constant or a non-constant.
    """
    if kind == "+":
        return _add(left, right)
    if kind == "*":
        return _multiply(left, right)
    return _divide(kind, left, right)


def _terms(expression: AffineExpression) -> list[tuple[AffineExpression, int]]:
    """A flat sum as (non-constant factor, coefficient) pairs; the constant is under AffineConstant(1)."""
    if isinstance(expression, AffineBinary) and expression.kind == "+":
        return _terms(expression.left) + _terms(expression.right)
    constant = expression.constant_value
    if constant is not None:
        return [(AffineConstant(1), constant)] if constant else []
    if isinstance(expression, AffineBinary) and expression.kind == "*":
        factor = expression.right.constant_value
        if factor is not None:
            return [(expression.left, factor)]
    return [(expression, 1)]


def _from_terms(terms: dict[AffineExpression, int]) -> AffineExpression:
    one = AffineConstant(1)
    constant = terms.pop(one, 0)
    total: AffineExpression | None = None
    for factor, coefficient in terms.items():
        if not coefficient:
            continue
        term = factor if coefficient == 1 else AffineBinary("*", factor, AffineConstant(coefficient))
        total = term if total is None else AffineBinary("+", total, term)
    if total is None:
        return AffineConstant(constant)
    return AffineBinary("+", total, AffineConstant(constant)) if constant else total


def _add(left: AffineExpression, right: AffineExpression) -> AffineExpression:
    merged: dict[AffineExpression, int] = {}
    for factor, coefficient in _terms(left) + _terms(right):
        merged[factor] = merged.get(factor, 0) + coefficient
    return _from_terms(merged)


def _multiply(left: AffineExpression, right: AffineExpression) -> AffineExpression:
    if left.constant_value is not None:
        left, right = right, left
    factor = right.constant_value
    if factor is None:
        if isinstance(right, AffineSymbol) or isinstance(left, AffineSymbol):
            return AffineBinary("*", left, right)
        raise ValueError(f"({left}) * ({right}) is not affine")
    merged: dict[AffineExpression, int] = {}
    for inner, coefficient in _terms(left):
        merged[inner] = merged.get(inner, 0) + coefficient * factor
    return _from_terms(merged)


def _divide(kind: str, left: AffineExpression, right: AffineExpression) -> AffineExpression:
    divisor = right.constant_value
    if divisor is None:
        if isinstance(right, AffineSymbol):
            return AffineBinary(kind, left, right)
        raise ValueError(f"({left}) {kind} ({right}) is not affine")
    if divisor <= 0:
        raise ValueError(f"({left}) {kind} {divisor}: the divisor must be positive")
    if divisor == 1:
        return AffineConstant(0) if kind == "mod" else left
    constant = left.constant_value
    if constant is not None:
        return AffineConstant(_OPERATIONS[kind](constant, divisor))
    if all(coefficient % divisor == 0 for _, coefficient in _terms(left)):
        if kind == "mod":
            return AffineConstant(0)
        return _from_terms({factor: coefficient // divisor for factor, coefficient in _terms(left)})
    return AffineBinary(kind, left, right)


def linear_terms(expression: AffineExpression) -> dict[AffineExpression, int]:
    """The expression as a sum: factor -> coefficient, the constant under `AffineConstant(1)`.

    Factors are dimensions, symbols, or indivisible floordiv / ceildiv / mod nodes.
    """
    return dict(_terms(expression))


def used_dimensions(expression: AffineExpression) -> set[int]:
    """The positions of the dimensions in an expression."""
    if isinstance(expression, AffineDimension):
        return {expression.position}
    if isinstance(expression, AffineBinary):
        return used_dimensions(expression.left) | used_dimensions(expression.right)
    return set()


class AffineMap(Attribute):
    """`(d0, d1)[s0] -> (results)`; as an attribute it prints inside `affine_map<...>`."""

    __slots__ = ("dimensions", "results", "symbols")
    fields = ("dimensions", "symbols", "results")
    dimensions: int
    symbols: int
    results: tuple[AffineExpression, ...]

    def __new__(cls, dimensions: int, symbols: int, results: Sequence[AffineExpression]) -> AffineMap:
        return cls._intern((dimensions, symbols, tuple(results)))

    @classmethod
    def identity(cls, dimensions: int) -> AffineMap:
        """`(d0, ..., dn) -> (d0, ..., dn)`."""
        return cls(dimensions, 0, tuple(AffineDimension(i) for i in range(dimensions)))

    @classmethod
    def constant(cls, *values: int) -> AffineMap:
        """`() -> (values)`."""
        return cls(0, 0, tuple(AffineConstant(value) for value in values))

    @property
    def body(self) -> str:
        """The text between `affine_map<` and `>`."""
        symbols = f"[{', '.join(f's{i}' for i in range(self.symbols))}]" if self.symbols else ""
        names = ", ".join(f"d{i}" for i in range(self.dimensions))
        return f"({names}){symbols} -> ({', '.join(map(str, self.results))})"

    def _spell(self) -> str:
        return f"affine_map<{self.body}>"

    def evaluate(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> tuple[int, ...]:
        """The results at a point (integers, or integer arrays of one shape)."""
        return tuple(result.evaluate(dimensions, symbols) for result in self.results)

    def replace(self, dimensions: Sequence[AffineExpression], count: int) -> AffineMap:
        """The map over `count` new dimensions, old dimension i being `dimensions[i]`."""
        return AffineMap(count, self.symbols, tuple(result.replace(dimensions) for result in self.results))

    @property
    def is_identity(self) -> bool:
        return self is AffineMap.identity(self.dimensions)


class AffineSet(Attribute):
    """`(d0)[s0] : (expr >= 0, expr == 0)`; as an attribute it prints inside `affine_set<...>`."""

    __slots__ = ("constraints", "dimensions", "symbols")
    fields = ("dimensions", "symbols", "constraints")
    dimensions: int
    symbols: int
    constraints: tuple[tuple[AffineExpression, bool], ...]

    def __new__(
        cls, dimensions: int, symbols: int, constraints: Sequence[tuple[AffineExpression, bool]]
    ) -> AffineSet:
        """`constraints`: pairs (expression, is_equality)."""
        return cls._intern((dimensions, symbols, tuple(constraints)))

    def _spell(self) -> str:
        symbols = f"[{', '.join(f's{i}' for i in range(self.symbols))}]" if self.symbols else ""
        names = ", ".join(f"d{i}" for i in range(self.dimensions))
        parts = ", ".join(f"{expr} {'==' if equal else '>='} 0" for expr, equal in self.constraints)
        return f"affine_set<({names}){symbols} : ({parts})>"

    def contains(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> bool:
        """Whether a point satisfies every constraint."""
        return all(
            (value == 0 if equal else value >= 0)
            for value, equal in ((expr.evaluate(dimensions, symbols), equal) for expr, equal in self.constraints)
        )
