"""Pad: a constant around a tensor, or its own elements again.

Along an axis of n elements, `low` before and `high` behind it,
    edge       x[0] ... x[0], x, x[n-1] ... x[n-1]
    reflect    x[low] ... x[1], x, x[n-2] ... x[n-1-high]
    wrap       x[n-low] ... x[n-1], x, x[0] ... x[high-1]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyir.frontend.onnx_model import GREATEST_INTEGER, ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of, tensor_type
from tinyir.ir.operation import Value
from tinyir.ir.types import F32


@onnx_operator("Pad")
def pad(translator: Translator) -> Operand:
    """Negative pads crop, before the others pad."""
    low, high = _pads(translator, len(shape_of(translator.operand(0))))
    x = _cropped(translator, translator.value(0), [max(0, -pads) for pads in low], [max(0, -pads) for pads in high])
    low, high = ([max(0, pads) for pads in side] for side in (low, high))
    mode = translator.attribute("mode")
    if mode == "constant":
        return translator.emit("graph.pad", x, low=low, high=high, value=_filling(translator, x))
    if mode not in _REPEATING:
        raise ModelError(f"has the mode '{mode}'; supported are constant, {', '.join(_REPEATING)}")
    for axis, (before, behind) in enumerate(zip(low, high, strict=True)):
        x = _padded(translator, x, axis, before, behind)
    return x


def _pads(translator: Translator, rank: int) -> tuple[list[int], list[int]]:
    """The pads before and behind each axis."""
    given = translator.integers(1) if translator.has(1) else tuple(translator.attribute("pads"))
    axes = translator.axes(rank, translator.integers(3)) if translator.has(3) else tuple(range(rank))
    if len(given) != 2 * len(axes):
        raise ModelError(f"has {len(given)} pads for {len(axes)} axes")
    if any(abs(pads) > GREATEST_INTEGER for pads in given):
        raise ModelError(f"has the pads {list(given)}, some of more than {GREATEST_INTEGER} elements")
    low, high = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        low[axis], high[axis] = given[place], given[len(axes) + place]
    return low, high


def _cropped(translator: Translator, x: Value, low: Sequence[int], high: Sequence[int]) -> Value:
    shape = shape_of(x)
    size = [extent - before - behind for extent, before, behind in zip(shape, low, high, strict=True)]
    if min(size, default=1) < 1:
        raise ModelError(f"crops {list(shape)} to {size}")
    return x if list(shape) == size else translator.emit("graph.slice", x, start=low, size=size, step=[1] * len(size))


_REPEATING = ("edge", "reflect", "wrap")


def _padded(translator: Translator, x: Value, axis: int, low: int, high: int) -> Value:
    """One axis of a tensor, with elements of its own before and behind it."""
    extent, mode = shape_of(x)[axis], translator.attribute("mode")
    most = {"edge": GREATEST_INTEGER, "reflect": extent - 1, "wrap": extent}[mode]
    if max(low, high) > most:
        raise ModelError(f"pads an axis of {extent} elements by {max(low, high)} in the mode '{mode}', which has {most}")
    parts: list[Operand] = [x]
    if low:
        parts.insert(0, _repeated(translator, x, axis, {"edge": 0, "reflect": low, "wrap": extent - low}[mode], low))
    if high:
        parts.append(_repeated(translator, x, axis, {"edge": extent - 1, "reflect": extent - 2, "wrap": 0}[mode], high))
    return translator.emit("graph.concat", *parts, axis=axis) if len(parts) > 1 else x


def _repeated(translator: Translator, x: Value, axis: int, start: int, count: int) -> Operand:
    mode = translator.attribute("mode")
    if mode != "edge":
        return translator.along(x, axis, start, count, -1 if mode == "reflect" else 1)
    shape = shape_of(x)
    return translator.broadcast(translator.along(x, axis, start, 1), (*shape[:axis], count, *shape[axis + 1 :]))


def _filling(translator: Translator, x: Value) -> int | float:
    """The constant of a Pad, as stored."""
    real = tensor_type(x).element is F32
    if not translator.has(2):
        attribute = translator.attribute("value")  # of older models, where only floats are padded
        return float(attribute or 0.0) if real else 0
    number = translator.known(2)
    if number.size != 1 or (number.dtype == np.float32) != real:
        raise ModelError(f"pads with a constant of type {number.dtype.name} and shape {list(number.shape)}")
    return float(number.reshape(-1)[0]) if real else int(number.reshape(-1)[0])
