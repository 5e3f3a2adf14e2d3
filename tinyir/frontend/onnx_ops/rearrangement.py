"""Operators that repeat a tensor, or trade extents of one axis for those of others: by reshapes, broadcasts and transposes."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.frontend.onnx_model import GREATEST_INTEGER, ModelError, element_count
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of


@onnx_operator("Tile")
def tile(translator: Translator) -> Operand:
    x, repeats = translator.operand(0), translator.integers(1)
    if len(repeats) != len(shape_of(x)) or min(repeats, default=1) < 1:
        raise ModelError(f"repeats {list(shape_of(x))} by {list(repeats)}")
    for axis, count in enumerate(repeats):
        x = repeated(translator, x, axis, count, each=False)
    return x


def repeated(translator: Translator, x: Operand, axis: int, count: int, *, each: bool) -> Operand:
    """One axis `count` times as long: `each` of its elements is repeated (a a b b), or all of them are (a b a b)."""
    if count == 1:
        return x
    shape = shape_of(x)
    longer = (*shape[:axis], shape[axis] * count, *shape[axis + 1 :])
    element_count(longer, "the result")
    place = axis + 1 if each else axis
    apart = translator.reshaped(x, (*shape[:place], 1, *shape[place:]))
    return translator.reshaped(translator.broadcast(apart, (*shape[:place], count, *shape[place:])), longer)


@onnx_operator("DepthToSpace")
def depth_to_space(translator: Translator) -> Operand:
    """Channels become blocks of pixels: the block's row and column lead (DCR) or follow (CRD) the channel that stays."""
    x, (batch, channels, rows, columns), block = _blocks(translator)
    if channels % block**2:
        raise ModelError(f"takes blocks of {block} by {block} from {channels} channels")
    kept = channels // block**2
    mode = translator.attribute("mode")
    if mode not in ("DCR", "CRD"):
        raise ModelError(f"has the mode '{mode}', not one of DCR, CRD")
    apart, order = ((block, block, kept), (0, 3, 4, 1, 5, 2)) if mode == "DCR" else ((kept, block, block), (0, 1, 4, 2, 5, 3))
    moved = translator.transposed(translator.reshaped(x, (batch, *apart, rows, columns)), order)
    return translator.reshaped(moved, (batch, kept, rows * block, columns * block))


@onnx_operator("SpaceToDepth")
def space_to_depth(translator: Translator) -> Operand:
    """Blocks of pixels become channels, the block's row and column before the channel."""
    x, (batch, channels, rows, columns), block = _blocks(translator)
    if rows % block or columns % block:
        raise ModelError(f"takes blocks of {block} by {block} from an image of {rows} by {columns}")
    apart = translator.reshaped(x, (batch, channels, rows // block, block, columns // block, block))
    moved = translator.transposed(apart, (0, 3, 5, 1, 2, 4))
    return translator.reshaped(moved, (batch, channels * block**2, rows // block, columns // block))


def _blocks(translator: Translator) -> tuple[Operand, Sequence[int], int]:
    x, block = translator.operand(0), int(translator.attribute("blocksize"))
    if len(shape_of(x)) != 4:
        raise ModelError(f"needs an image, not shape {list(shape_of(x))}")
    if not 1 <= block <= GREATEST_INTEGER:
        raise ModelError(f"has blocks of {block} by {block}")
    return x, shape_of(x), block
