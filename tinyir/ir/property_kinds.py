"""Which attribute a property is: the word before the colon of its meaning, as in `"integer: bytes from the start of the storage"`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tinyir.ir.affine import AffineMap, AffineSet
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    SymbolReference,
    TypeAttribute,
    UnitAttribute,
)
from tinyir.ir.operation import Operation

KINDS: Mapping[str, tuple[str, tuple[type[Attribute], ...]]] = {
    "text": ("a text", (StringAttribute,)),
    "integer": ("an integer", (IntegerAttribute,)),
    "number": ("a number", (IntegerAttribute, FloatAttribute)),
    "integers": ("a list of integers", (DenseArray,)),
    "list": ("a list", (ArrayAttribute,)),
    "elements": ("dense elements", (DenseElements,)),
    "symbol": ("a symbol", (SymbolReference,)),
    "type": ("a type", (TypeAttribute,)),
    "map": ("an affine map", (AffineMap,)),
    "set": ("an affine set", (AffineSet,)),
    "unit": ("nothing but its presence", (UnitAttribute,)),
}
"""Word -> how an error says it, and the classes."""

Verifier = Callable[[Operation], Iterable[str]]


def with_kinds(name: str, properties: Mapping[str, str], verify: Verifier | None) -> Verifier | None:
    """A verifier that looks at the kinds of the properties first, and at the rest only if they are right; None if there is nothing to do."""
    kinds = {key.removeprefix("?"): KINDS[word] for key, meaning in properties.items() if (word := meaning.partition(":")[0]) in KINDS}
    if not kinds:
        return verify

    def check(operation: Operation) -> Iterable[str]:
        found = operation.properties
        wrong = [key for key in kinds if key in found and not isinstance(found[key], kinds[key][1])]
        if wrong:
            return [f"'{name}' needs {kinds[key][0]} as '{key}', not {found[key]}" for key in wrong]
        return verify(operation) if verify is not None else ()

    return check
