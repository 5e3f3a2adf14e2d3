"""The reader of affine maps and sets.

An expression is a nested tuple until the names of its space are known.
"""

from __future__ import annotations

from typing import Any

from tinyir.ir.affine import (
    AffineConstant,
    AffineDimension,
    AffineExpression,
    AffineMap,
    AffineSet,
    AffineSymbol,
    make_binary,
    written_binary,
)
from tinyir.ir.errors import did_you_mean
from tinyir.text.type_reader import TypeReader

AffineTree = tuple[object, ...]


class AffineReader(TypeReader):
    """Makes affine maps and sets."""

    def affine_map(self, parts: list[Any]) -> AffineMap:
        dimensions, symbols, results = parts
        names = self._space_names(dimensions, symbols)
        return AffineMap(len(dimensions or ()), len(symbols or ()), [self.resolve_affine(r, names) for r in results or ()])

    def affine_set(self, parts: list[Any]) -> AffineSet:
        dimensions, symbols, constraints = parts
        names = self._space_names(dimensions, symbols)
        resolved = [(self.resolve_affine(e, names), is_equality) for e, is_equality in constraints or ()]
        return AffineSet(len(dimensions or ()), len(symbols or ()), resolved)

    def _space_names(self, dimensions: list[str] | None, symbols: list[str] | None) -> dict[str, AffineExpression]:
        names: dict[str, AffineExpression] = {}
        for kind, given in ((AffineDimension, dimensions), (AffineSymbol, symbols)):
            for position, name in enumerate(given or ()):
                if name in names:
                    raise self.failure(f"'{name}' is named twice", self.begin)
                names[name] = kind(position)
        return names

    def dimension_names(self, names: list[str]) -> dict[str, AffineExpression]:
        """Names for the dimensions of a map, in order."""
        return {name: AffineDimension(position) for position, name in enumerate(names)}

    def resolve_affine(self, tree: AffineTree, names: dict[str, AffineExpression], is_normal: bool = False) -> AffineExpression:
        """The expression of a tree of ("name", text, offset), ("operand", text, offset), ("integer", text, offset) and
        (kind, left, right, offset): in normal form, or as it was written."""
        kind, offset = tree[0], tree[-1]
        assert isinstance(offset, int)
        if kind == "integer":
            return AffineConstant(self.integer_value(str(tree[1])))
        if kind in ("name", "operand"):
            found = names.get(str(tree[1]))
            if found is None:
                raise self.failure(f"'{tree[1]}' is not a name of this space", offset, did_you_mean(str(tree[1]), names))
            return found
        left, right = tree[1], tree[2]
        assert isinstance(left, tuple)
        assert isinstance(right, tuple)
        try:
            first, second = self.resolve_affine(left, names, is_normal), self.resolve_affine(right, names, is_normal)
            make = make_binary if is_normal else written_binary
            if kind == "-":
                kind, second = "+", make("*", second, AffineConstant(-1))
            return make(str(kind), first, second)
        except ValueError as error:
            raise self.failure(str(error), offset) from None

    def at_least(self, parts: list[AffineTree]) -> tuple[AffineTree, bool]:
        return ("-", parts[0], parts[1], self.begin), False

    def at_most(self, parts: list[AffineTree]) -> tuple[AffineTree, bool]:
        return ("-", parts[1], parts[0], self.begin), False

    def equal(self, parts: list[AffineTree]) -> tuple[AffineTree, bool]:
        return ("-", parts[0], parts[1], self.begin), True

    def affine_integer(self, parts: list[str]) -> AffineTree:
        return "integer", parts[0], self.begin

    def affine_name(self, parts: list[str]) -> AffineTree:
        return "name", parts[0], self.begin

    def affine_operand(self, parts: list[str]) -> AffineTree:
        return "operand", parts[0], self.begin

    def plus(self, parts: list[AffineTree]) -> AffineTree:
        return "+", parts[0], parts[1], self.begin

    def minus(self, parts: list[AffineTree]) -> AffineTree:
        return "-", parts[0], parts[1], self.begin

    def times(self, parts: list[AffineTree]) -> AffineTree:
        return "*", parts[0], parts[1], self.begin

    def floordiv(self, parts: list[AffineTree]) -> AffineTree:
        return "floordiv", parts[0], parts[1], self.begin

    def ceildiv(self, parts: list[AffineTree]) -> AffineTree:
        return "ceildiv", parts[0], parts[1], self.begin

    def mod(self, parts: list[AffineTree]) -> AffineTree:
        return "mod", parts[0], parts[1], self.begin

    def negative(self, parts: list[AffineTree]) -> AffineTree:
        return "-", ("integer", "0", self.begin), parts[0], self.begin
