"""Words of several lanes in memory: loads and stores of vectors that are 32 bits wide."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.affine import AffineMap
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Value
from tinyir.ir.types import I8, I16, INDEX, MemRefType, VectorType

BYTES = VectorType((4,), I8)
PAIR = VectorType((2,), I16)


def flat_view(memory: Value) -> Value:
    """The memory with one axis."""
    type = memory.type
    assert isinstance(type, MemRefType)
    if type.rank == 1:
        return memory
    definer = memory.definer
    assert definer is not None
    wide = MemRefType([type.element_count], type.element, None, type.space)
    following = definer.next
    if following is not None and following.name == "buffer.view" and following.operands[0] is memory and following.result.type is wide:
        return following.result
    view = Builder.after(definer).create("buffer.view", [memory], [wide], {"offset": IntegerAttribute(0, INDEX)}).result
    view.name = memory.name
    return view


def word_load(builder: Builder, flat: Value, map: AffineMap, indices: Sequence[Value], type: VectorType) -> Value:
    """A load of the lanes from an element on."""
    return builder.create("buffer.load", [flat, *indices], [type], {"map": map}).result


def word_store(builder: Builder, lanes: Value, flat: Value, map: AffineMap, indices: Sequence[Value]) -> None:
    """A store of lanes to an element and those after it."""
    builder.create("buffer.store", [lanes, flat, *indices], [], {"map": map})
