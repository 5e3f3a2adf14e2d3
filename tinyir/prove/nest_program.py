"""Loop nests as plain data: what a claim about two of them holds.

Values are numbered within a program; indices of loops and what is computed from them are values like any other.  Tensors are
numbered in a table that both programs share.
"""

from __future__ import annotations

from typing import Any

import attrs
from numpy.typing import NDArray

from tinyir.ir.affine import AffineExpression


@attrs.frozen(eq=False)
class Tensor:
    """`bits`: of an element (0: no integer); `elements`: those of a constant of integers, else None.  `text` tells constants of other types apart."""

    name: str
    shape: tuple[int, ...]
    bits: int
    elements: NDArray[Any] | None = None
    text: str = ""


@attrs.frozen(eq=False)
class Constant:
    """`value` is an integer of some bits, or the text of another constant (then `bits` is 0)."""

    result: int
    value: int | str
    bits: int


@attrs.frozen(eq=False)
class Compute:
    """An operation on scalars.  `details`: all that tells it from others of its name; `bits` of the result (0: no integer), `index`: it is one."""

    result: int
    name: str
    details: str
    bits: int
    operands: tuple[int, ...]


@attrs.frozen(eq=False)
class Index:
    """The value of an affine expression of indices."""

    result: int
    expression: AffineExpression
    operands: tuple[int, ...]


@attrs.frozen(eq=False)
class Read:
    """An element of a tensor, seen in a shape of its own (`shape`)."""

    result: int
    tensor: int
    shape: tuple[int, ...]
    indices: tuple[AffineExpression, ...]
    operands: tuple[int, ...]


@attrs.frozen(eq=False)
class Define:
    """The definition of an element."""

    value: int
    tensor: int
    shape: tuple[int, ...]
    indices: tuple[AffineExpression, ...]
    operands: tuple[int, ...]


@attrs.frozen(eq=False)
class Loop:
    """A loop; `carried` are the values of its body that `initial` are first, then what the iteration before `gives`; `results` the last of them."""

    variable: int
    lower: tuple[AffineExpression, ...]
    lower_operands: tuple[int, ...]
    upper: tuple[AffineExpression, ...]
    upper_operands: tuple[int, ...]
    step: int
    is_reverse: bool
    initial: tuple[int, ...]
    carried: tuple[int, ...]
    body: tuple[Step, ...]
    gives: tuple[int, ...]
    results: tuple[int, ...]


@attrs.frozen(eq=False)
class Branch:
    """One of two bodies: the first where all constraints (expression, whether it is 0 or else >= 0) hold."""

    constraints: tuple[tuple[AffineExpression, bool], ...]
    operands: tuple[int, ...]
    bodies: tuple[tuple[Step, ...], tuple[Step, ...]]
    gives: tuple[tuple[int, ...], tuple[int, ...]]
    results: tuple[int, ...]


Step = Constant | Compute | Index | Read | Define | Loop | Branch
