"""Affine expressions: dimensions d0.., symbols s0.., integers, `+`, `*`, `floordiv`, `ceildiv` and `mod`.

There are two ways to make one.  Python's operators and `make_binary` give the normal form, in which sums are flat to the
left and like terms are merged, so that equal-looking expressions are the same object.  `written_binary`, for what is read
from a text, folds no more than MLIR does, so that texts come back as they were.  MLIR folds nothing in a normal form.
"""

from __future__ import annotations

import math
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

    @property
    def is_symbolic(self) -> bool:
        """Whether it is made of symbols and constants alone."""
        return True

    @property
    def is_pure(self) -> bool:
        """Whether it multiplies by constants only, and divides by positive constants only."""
        return True


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

    @property
    def is_symbolic(self) -> bool:
        return False

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
    """`left kind right` with kind in + * floordiv ceildiv mod.  Made by the functions below, which fold."""

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

    @property
    def is_symbolic(self) -> bool:
        return self.left.is_symbolic and self.right.is_symbolic

    @property
    def is_pure(self) -> bool:
        if not self.left.is_pure or not self.right.is_pure:
            return False
        constant = self.right.constant_value
        return self.kind == "+" or (constant is not None and (constant > 0 or self.kind == "*"))

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
    """`left kind right` in normal form.

    Raises:
        ValueError: product of two that both hold dimensions, or division by a constant that is not positive or by what holds dimensions.
    """
    if kind == "+":
        return _add(left, right)
    if kind == "*":
        return _multiply(left, right)
    return _divide(kind, left, right)


def written_binary(kind: str, left: AffineExpression, right: AffineExpression) -> AffineExpression:
    """`left kind right`, folded as MLIR folds what it reads; sums are flat to the left, for so MLIR reads what it prints.

    Raises:
        ValueError: product of two that both hold dimensions, or division by what holds dimensions.
    """
    if kind != "+" and not right.is_symbolic and (kind != "*" or not left.is_symbolic):
        raise ValueError(f"({left}) {kind} ({right}) is not affine")
    terms = _parts(right, kind) if kind == "+" else None
    if terms is not None:
        return written_binary(kind, written_binary(kind, left, terms[0]), terms[1])
    return fold(kind, left, right, written_binary) or AffineBinary(kind, left, right)


def _folded(kind: str, left: AffineExpression, right: AffineExpression) -> AffineExpression:
    return fold(kind, left, right, make_binary) or AffineBinary(kind, left, right)


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
            return [(inner, coefficient * factor) for inner, coefficient in _terms(expression.left)]
    return [(expression, 1)]


def linear_terms(expression: AffineExpression) -> dict[AffineExpression, int]:
    """The expression as a sum: factor -> coefficient, the constant under `AffineConstant(1)`.

    Factors are dimensions, symbols, or indivisible floordiv / ceildiv / mod nodes.
    """
    merged: dict[AffineExpression, int] = {}
    for factor, coefficient in _terms(expression):
        merged[factor] = merged.get(factor, 0) + coefficient
    return merged


def _from_terms(terms: dict[AffineExpression, int]) -> AffineExpression:
    """The sum, first what holds dimensions, the constant last (MLIR's order)."""
    constant = terms.pop(AffineConstant(1), 0)
    total: AffineExpression | None = None
    for factor, coefficient in sorted(terms.items(), key=_is_symbolic_term):
        if not coefficient:
            continue
        term = factor if coefficient == 1 else AffineBinary("*", factor, AffineConstant(coefficient))
        total = term if total is None else _folded("+", total, term)
    if total is None:
        return AffineConstant(constant)
    return _folded("+", total, AffineConstant(constant)) if constant else total


def _is_symbolic_term(term: tuple[AffineExpression, int]) -> bool:
    return term[0].is_symbolic


def _add(left: AffineExpression, right: AffineExpression) -> AffineExpression:
    merged = linear_terms(left)
    for factor, coefficient in _terms(right):
        merged[factor] = merged.get(factor, 0) + coefficient
    return _from_terms(merged)


def _multiply(left: AffineExpression, right: AffineExpression) -> AffineExpression:
    if left.constant_value is not None:
        left, right = right, left
    factor = right.constant_value
    if factor is None:
        if not right.is_symbolic and not left.is_symbolic:
            raise ValueError(f"({left}) * ({right}) is not affine")
        return _folded("*", left, right)
    return _from_terms({inner: coefficient * factor for inner, coefficient in linear_terms(left).items()})


def _divide(kind: str, left: AffineExpression, right: AffineExpression) -> AffineExpression:
    divisor = right.constant_value
    if divisor is None:
        if not right.is_symbolic:
            raise ValueError(f"({left}) {kind} ({right}) is not affine")
        return _folded(kind, left, right)
    if divisor <= 0:
        raise ValueError(f"({left}) {kind} {divisor}: the divisor must be positive")
    if divisor == 1:
        return AffineConstant(0) if kind == "mod" else left
    if all(coefficient % divisor == 0 for _, coefficient in _terms(left)):
        if kind == "mod":
            return AffineConstant(0)
        return _from_terms({factor: coefficient // divisor for factor, coefficient in linear_terms(left).items()})
    return _folded(kind, left, right)


# -- what MLIR folds when it makes an expression

Make = Callable[[str, AffineExpression, AffineExpression], AffineExpression]


def fold(kind: str, left: AffineExpression, right: AffineExpression, make: Make) -> AffineExpression | None:
    """What MLIR makes of `left kind right` if that is not just the pair; `make` builds the parts of it."""
    first, second = left.constant_value, right.constant_value
    if first is not None and second is not None and (second > 0 or kind in "+*" or (second < 0 and kind != "mod")):
        return AffineConstant(_OPERATIONS[kind](first, second))
    if kind == "+":
        return _fold_sum(left, right, make)
    if kind == "*":
        return _fold_product(left, right, make)
    if second is None or not second or (kind == "mod" and second < 0):
        return None
    if kind == "mod":
        return _fold_modulo(left, right, second, make)
    return _fold_quotient(kind, left, right, second, make)


def _parts(expression: AffineExpression, kind: str) -> tuple[AffineExpression, AffineExpression] | None:
    """Left and right of an operation of that kind."""
    return (expression.left, expression.right) if isinstance(expression, AffineBinary) and expression.kind == kind else None


def _fold_sum(left: AffineExpression, right: AffineExpression, make: Make) -> AffineExpression | None:
    """Constants go to the right and merge, then symbols; like terms side by side merge; `x - x floordiv c * c` is `x mod c`."""
    if left.constant_value is not None or (left.is_symbolic and not right.is_symbolic):
        return make("+", right, left)
    constant = right.constant_value
    if constant == 0:
        return left
    inner = _parts(left, "+")
    if inner is not None and constant is not None and inner[1].constant_value is not None:
        return make("+", inner[0], AffineConstant(inner[1].constant_value + constant))
    (factor, coefficient), (other, other_coefficient) = _scaled(left), _scaled(right)
    if factor is other:
        return make("*", factor, AffineConstant(coefficient + other_coefficient))
    if inner is not None and inner[1].constant_value is not None:
        return make("+", make("+", inner[0], right), inner[1])
    return _fold_remainder(left, right, make)


def _scaled(expression: AffineExpression) -> tuple[AffineExpression, int]:
    product = _parts(expression, "*")
    factor = product[1].constant_value if product is not None else None
    return (expression, 1) if product is None or factor is None else (product[0], factor)


def _fold_remainder(left: AffineExpression, right: AffineExpression, make: Make) -> AffineExpression | None:
    product = _parts(right, "*")
    if product is None:
        return None
    scaled = _parts(product[0], "*")
    if product[1].constant_value == -1 and scaled is not None:
        quotient, divisor = _parts(scaled[0], "floordiv"), scaled[1]
        return make("mod", left, divisor) if quotient == (left, divisor) else None
    quotient, constant = _parts(product[0], "floordiv"), product[1].constant_value
    if quotient is None or constant is None or quotient[0] is not left or quotient[1].constant_value != -constant:
        return None
    return make("mod", left, quotient[1])


def _fold_product(left: AffineExpression, right: AffineExpression, make: Make) -> AffineExpression | None:
    """The constant goes to the right, then symbols; constants merge."""
    if not right.is_symbolic or left.constant_value is not None:
        return make("*", right, left)
    constant = right.constant_value
    if constant in (0, 1):
        return right if constant == 0 else left
    inner = _parts(left, "*")
    factor = inner[1].constant_value if inner is not None else None
    if inner is None or factor is None:
        return None
    if constant is not None:
        return make("*", inner[0], AffineConstant(factor * constant))
    return make("*", make("*", inner[0], right), inner[1])


def _fold_quotient(kind: str, left: AffineExpression, right: AffineExpression, divisor: int, make: Make) -> AffineExpression | None:
    """Multiples of the divisor leave the division: a product always, one of two terms with floordiv."""
    if divisor == 1:
        return left
    product, terms = _parts(left, "*"), _parts(left, "+")
    factor = product[1].constant_value if product is not None else None
    if product is not None and factor is not None and factor % divisor == 0:
        return make("*", product[0], AffineConstant(factor // divisor))
    if kind == "floordiv" and terms is not None and any(known_divisor(term) % divisor == 0 for term in terms):
        return make("+", make(kind, terms[0], right), make(kind, terms[1], right))
    return None


def _fold_modulo(left: AffineExpression, right: AffineExpression, divisor: int, make: Make) -> AffineExpression | None:
    """Multiples of the divisor vanish; `x mod a mod b` is `x mod b` where b divides a."""
    if known_divisor(left) % divisor == 0:
        return AffineConstant(0)
    terms, inner = _parts(left, "+"), _parts(left, "mod")
    if terms is not None:
        for term, rest in (terms, terms[::-1]):
            if known_divisor(term) % divisor == 0:
                return make("mod", rest, right)
    modulus = inner[1].constant_value if inner is not None else None
    if inner is not None and modulus is not None and modulus >= 1 and modulus % divisor == 0:
        return make("mod", inner[0], right)
    return None


def known_divisor(expression: AffineExpression) -> int:
    """A positive number, or 0 for the constant 0, that divides all values of the expression."""
    constant = expression.constant_value
    if constant is not None:
        return abs(constant)
    if not isinstance(expression, AffineBinary):
        return 1
    left = known_divisor(expression.left)
    if expression.kind == "*":
        return left * known_divisor(expression.right)
    divisor = expression.right.constant_value
    if expression.kind in ("+", "mod"):
        return math.gcd(left, known_divisor(expression.right))
    return left // abs(divisor) if divisor and left % divisor == 0 else 1


def used_dimensions(expression: AffineExpression) -> set[int]:
    """The positions of the dimensions in an expression."""
    if isinstance(expression, AffineDimension):
        return {expression.position}
    if isinstance(expression, AffineBinary):
        return used_dimensions(expression.left) | used_dimensions(expression.right)
    return set()
