"""The defaults of operators' attributes, as rules see them."""

from __future__ import annotations

from typing import Any

import attrs

from tinyir.ir import operator as spec
from tinyir.ir.errors import Place
from tinyir.ir.expression import SCALAR_TYPES
from tinyir.text.specifications import operators


def property_default(operation: str, name: str) -> Any:
    """The default of a property as a Python value or type; None if it has none, or the operation no equations."""
    operator = operators().get(operation)
    declared = operator.attribute(name) if operator is not None else None
    return plain_default(declared.default) if declared is not None else None


def equations_of(operation: str) -> str:
    """An operator as text: operands, attributes, extents, requirements and equations; empty if it has no equations."""
    operator = operators().get(operation)
    return "" if operator is None else repr(attrs.evolve(operator, summary="", place=Place()))


def plain_default(default: object) -> Any:
    """The default of an operator's attribute as a Python value; None if there is none or it depends on an operand."""
    if isinstance(default, tuple):
        return tuple(plain_default(item) for item in default)
    if isinstance(default, spec.Number):
        return default.value
    if isinstance(default, spec.Name):
        return SCALAR_TYPES.get(default.name)
    return default if isinstance(default, str) else None
