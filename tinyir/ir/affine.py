"""Affine maps and sets, spelled as in MLIR, and the expressions they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyir.ir.affine_expression import (
    AffineBinary,
    AffineConstant,
    AffineDimension,
    AffineExpression,
    AffineSymbol,
    as_expression,
    linear_terms,
    make_binary,
    used_dimensions,
    written_binary,
)
from tinyir.ir.attribute import Attribute

__all__ = [
    "AffineBinary",
    "AffineConstant",
    "AffineDimension",
    "AffineExpression",
    "AffineMap",
    "AffineSet",
    "AffineSymbol",
    "as_expression",
    "impurities",
    "linear_terms",
    "make_binary",
    "used_dimensions",
    "written_binary",
]


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
    def is_pure(self) -> bool:
        """Whether it has no symbols, multiplies by constants only, and divides by positive constants only."""
        return not self.symbols and all(result.is_pure for result in self.results)

    @property
    def is_identity(self) -> bool:
        return self.results == AffineMap.identity(self.dimensions).results


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

    @property
    def is_pure(self) -> bool:
        """Whether it has no symbols, multiplies by constants only, and divides by positive constants only."""
        return not self.symbols and all(expression.is_pure for expression, _ in self.constraints)

    def contains(self, dimensions: Sequence[int], symbols: Sequence[int] = ()) -> bool:
        """Whether a point satisfies every constraint."""
        return all(
            (value == 0 if equal else value >= 0)
            for value, equal in ((expr.evaluate(dimensions, symbols), equal) for expr, equal in self.constraints)
        )


def impurities(applied: AffineMap | AffineSet) -> Iterable[str]:
    """A complaint if a map or set is not computed from its dimensions alone, by constants."""
    if not applied.is_pure:
        yield f"only constants may multiply, and only positive constants divide: {applied}"
