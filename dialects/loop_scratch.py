"""Scratch that a schedule keeps for one step of its loops: rings of length 1 along the axes that count the steps."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.dialects import loop
from tinyir.dialects.product_nests import extent_of
from tinyir.ir.affine import AffineDimension
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import TensorType
from tinyir.prove.obligations import Obligation
from tinyir.prove.overlap import Access, Loop
from tinyir.prove.ring import RingClaim, RingRead


def scratch_obligation(tensor: Value, steps: Sequence[Operation], where: str) -> Obligation:
    """That each step of the loops (outermost first, one for each of the tensor's first axes) reads what the step itself defined.

    Raises:
        ValueError: an access is not of the step that it stands in, or a read stands before what defines.
    """
    type = tensor.type
    assert isinstance(type, TensorType)
    count = 1
    for axis, nest in enumerate(steps):
        count *= type.shape[axis]
        if extent_of(nest) != type.shape[axis]:
            raise ValueError(f"axis {axis} of '{tensor.name}' has {type.shape[axis]} steps, and its loop {extent_of(nest)}")
    for user in tensor.users:
        for axis, nest in enumerate(steps):
            if not _is_index_of(user, axis, nest):
                raise ValueError(f"'{user.name}' of '{tensor.name}' is not of the step of axis {axis}")
    order = [o.name for o in steps[-1].walk() if o in set(tensor.users)]
    if order != sorted(order):  # "loop.define" comes before "loop.read"
        raise ValueError(f"'{tensor.name}' is read before the step has defined it")
    row = Access(AffineDimension(0), 1)
    claim = RingClaim(Loop("step", 0, count), 1, row, (AffineDimension(0),), (RingRead(row),), per_step=True)
    statement = f"scratch '{tensor.name}' keeps one of {count} steps: each reads what it defined itself"
    return Obligation("overlap", where, statement, claim)


def _is_index_of(access: Operation, axis: int, nest: Operation) -> bool:
    """Whether the access moves along an axis with the loop alone; where there is one step, it is the first."""
    expression = loop.access_map(access).results[axis]
    if extent_of(nest) == 1 and expression.constant_value == 0:
        return access.is_inside(nest)
    return isinstance(expression, AffineDimension) and loop.access_indices(access)[expression.position] is loop.induction_variable(nest)
