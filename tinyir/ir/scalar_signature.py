"""The types of an operation on scalars, with variables for types: what rules over it need to know to be read and proved."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from tinyir.ir.record import ValueRecord
from tinyir.ir.types import F32, F64, I1, I8, I16, I32, I64, INDEX, FloatType, IntegerType, Type

F16 = FloatType("f16")
KINDS: dict[str, tuple[Type | None, ...]] = {
    "integer": (I8, I32, I64, I16, I1),
    "fixed": (I8, I32, I64, I16, I1),
    "float": (F32,),
    "number": (I8, I32, I64, F32, I16, I1),
    "any float": (F16, F32, F64),
    "boolean": (I1,),
    "index": (INDEX,),
    "index or integer": (I8, I32, I64, INDEX, I16, I1),
    "signed": (I16, I32, I64),
    "unsigned": tuple(IntegerType(width, "u") for width in (16, 32, 64)),
    "c integer": (I16, I32, I64, *(IntegerType(width, "u") for width in (16, 32, 64))),
    "c number": (I16, I32, I64, *(IntegerType(width, "u") for width in (16, 32, 64)), F32),
    "any": (None,),
}
"""The types that proofs look at for each kind; None is a type of which nothing is known.  An index is looked at as 64 bits."""


@attrs.frozen(eq=False, repr=False)
class ScalarSignature(ValueRecord):
    """`operands` and `result` name variables, `kinds` says what each may stand for.

    `others`: of the results after the first.

    `relation` of the variables "s" and "t" in a conversion: "wider", "narrower", "same width", "one index" or nothing.
    """

    operands: tuple[str, ...]
    result: str
    kinds: Mapping[str, str]
    relation: str = ""
    others: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[str, ...]:
        """The variables of all results."""
        return (self.result, *self.others)

    def allows(self, types: Mapping[str, Type | None]) -> bool:
        """Whether the chosen types stand in the relation."""
        return not self.relation or in_relation(self.relation, types["s"], types["t"])


def in_relation(relation: str, source: Type | None, target: Type | None) -> bool:
    """Whether a conversion between the types stands in the relation."""
    if relation == "one index":
        return (source is INDEX) != (target is INDEX)
    before, after = bits_of(source), bits_of(target)
    return {"wider": after > before, "narrower": after < before, "same width": after == before}[relation]


def bits_of(type: Type | None) -> int:
    """The width of a scalar type in proofs."""
    if type is INDEX:
        return 64
    return type.width if isinstance(type, IntegerType | FloatType) else 0


def same(kind: str, count: int = 2) -> ScalarSignature:
    """All operands and the result have one type."""
    return ScalarSignature(("t",) * count, "t", {"t": kind})


def comparison(kind: str) -> ScalarSignature:
    """Two operands of one type; the result is an i1."""
    return ScalarSignature(("t", "t"), "b", {"t": kind, "b": "boolean"})


def conversion(source: str, target: str, relation: str = "") -> ScalarSignature:
    """From one type to another."""
    return ScalarSignature(("s",), "t", {"s": source, "t": target}, relation)


SELECT = ScalarSignature(("b", "t", "t"), "t", {"b": "boolean", "t": "any"})
"""A condition and two values of one type."""
