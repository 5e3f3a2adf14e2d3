"""The names that the Python source of a rule may use (`tinyir.rewrite.rule_compiler` writes it)."""

from __future__ import annotations

from typing import Any

from tinyir.ir.scalar_signature import F16, in_relation
from tinyir.ir.types import F32, F64, I1, INDEX, IntegerType, ShapedType, TensorType
from tinyir.rewrite.program_functions import PROGRAM_FUNCTIONS
from tinyir.rewrite.rule_functions import (
    BUILT_IN,
    CONSTANTS,
    DeclinedError,
    calculate,
    constant_attribute,
    count_of,
    is_of,
    is_splat,
    item,
    like,
    other_properties,
    property_attribute,
    property_value,
    quotient,
    shift_left,
    shift_right,
    word_attribute,
    word_of,
)

TYPES = (I1, *(IntegerType(width, sign) for width in (8, 16, 32, 64) for sign in ("", "u")), INDEX, F16, F32, F64)
"""The types that a rule can name, or demand of a value; `type_i32` in its source."""
SCOPE: dict[str, Any] = {
    **BUILT_IN,
    **CONSTANTS,
    **PROGRAM_FUNCTIONS,
    "is_splat": is_splat,
    "other_properties": other_properties,
    "property_attribute": property_attribute,
    "property_value": property_value,
    "constant_attribute": constant_attribute,
    "is_of": is_of,
    "in_relation": in_relation,
    "element_of": lambda type: type.element if isinstance(type, ShapedType) else type,
    "scalar_tensor": lambda element: TensorType((), element),
    "like": like,
    "calculate": calculate,
    "count_of": count_of,
    "item": item,
    "quotient": quotient,
    "shift_left": shift_left,
    "shift_right": shift_right,
    "word_of": word_of,
    "word_attribute": word_attribute,
    "Declined": (DeclinedError, ZeroDivisionError, OverflowError),
    **{f"type_{type}": type for type in TYPES},
}


def names_of(source: str, file: str) -> dict[str, Any]:
    """What a source text defines, and all that it may use."""
    scope = SCOPE.copy()
    exec(compile(source, file, "exec"), scope)
    return scope
