"""Pools over windows and over whole images."""

from __future__ import annotations

import numpy as np

from tinyir.frontend.onnx_model import Array, ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.frontend.onnx_windows import Window, as_image, from_image, read_window
from tinyir.ir.operation import Value

_MOST_SLICES = 256


def _pool_window(translator: Translator, x: Value) -> Window:
    window = read_window(translator, shape_of(x)[2:], translator.attribute("kernel_shape"))
    if min(window.kernel) < 1:
        raise ModelError(f"has kernel_shape {translator.attribute('kernel_shape')}")
    for kernel, dilation, *pads in zip(window.kernel, window.dilation, window.before, window.after, strict=True):
        if max(pads) > (kernel - 1) * dilation:
            raise ModelError(f"has paddings of {max(pads)} for windows of {(kernel - 1) * dilation + 1}: a window would see no element")
    return window


@onnx_operator("MaxPool")
def max_pool(translator: Translator) -> Operand:
    x = translator.value(0)
    window = _pool_window(translator, x)
    if translator.attribute("storage_order"):
        raise ModelError("has storage_order 1, which is not supported")
    pooled = translator.emit("graph.max_pool2d", as_image(translator, x), kernel=window.kernel, stride=window.stride, pad=window.pad, dilation=window.dilation)
    return from_image(translator, pooled, len(shape_of(x)) - 2)


@onnx_operator("AveragePool")
def average_pool(translator: Translator) -> Operand:
    x = translator.real(0)
    window = _pool_window(translator, x)
    image, pad = as_image(translator, x), window.pad
    include = int(bool(translator.attribute("count_include_pad")))
    if max(window.dilation) > 1:
        return from_image(translator, _dilated_average(translator, image, window, include=bool(include)), len(shape_of(x)) - 2)
    if include and any(window.overhang):  # the padding counts, the overhang does not: what counts becomes part of the image
        low, high = (0, *window.before, 0), (0, *window.after, 0)
        image = translator.emit("graph.pad", image, low=low, high=high, value=0.0)
        pad, include = (0, 0, *window.overhang), 0
    pooled = translator.emit("graph.average_pool2d", image, kernel=window.kernel, stride=window.stride, pad=pad, include_pad=include)
    return from_image(translator, pooled, len(shape_of(x)) - 2)


def _dilated_average(translator: Translator, image: Value, window: Window, *, include: bool) -> Value:
    """The sum of one slice per element of the window, divided by the number of elements that count at each place."""
    size, pads = shape_of(image)[1:3], window.pad
    if window.kernel[0] * window.kernel[1] > _MOST_SLICES:
        raise ModelError(f"has windows of {list(window.kernel)} with dilations; up to {_MOST_SLICES} elements are supported")
    padded = translator.emit("graph.pad", image, low=(0, *pads[:2], 0), high=(0, *pads[2:], 0), value=0.0)
    reach = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
    places = [(n - r) // s + 1 for n, r, s in zip(shape_of(padded)[1:3], reach, window.stride, strict=True)]
    shape, step = (shape_of(image)[0], *places, shape_of(image)[3]), (1, *window.stride, 1)
    total: Value | None = None
    for row, column in np.ndindex(window.kernel):
        start = (0, row * window.dilation[0], column * window.dilation[1], 0)
        part = translator.emit("graph.slice", padded, start=start, size=shape, step=step)
        total = part if total is None else translator.emit("graph.add", total, part)
    assert total is not None
    counts = [_counts(window, axis, size[axis], places[axis], include=include) for axis in (0, 1)]
    return translator.emit("graph.divide", total, np.outer(*counts).astype(np.float32).reshape(1, *places, 1))


def _counts(window: Window, axis: int, size: int, places: int, *, include: bool) -> Array:
    """How many elements of the window count along one axis, at each place."""
    reach = np.arange(window.kernel[axis]) * window.dilation[axis]
    positions = np.arange(places)[:, None] * window.stride[axis] - window.before[axis] + reach
    first, end = (-window.before[axis], size + window.after[axis]) if include else (0, size)
    counts: Array = ((positions >= first) & (positions < end)).sum(axis=1)
    if not counts.all():
        raise ModelError("has a window that lies outside of the input altogether")
    return counts


def _whole(x: Value) -> tuple[int, ...]:
    spatial = shape_of(x)[2:]
    if len(spatial) not in (1, 2):
        raise ModelError(f"has {len(spatial)} spatial axes; 1 and 2 are supported")
    return spatial if len(spatial) == 2 else (1, *spatial)


@onnx_operator("GlobalMaxPool")
def global_max_pool(translator: Translator) -> Operand:
    x = translator.value(0)
    pooled = translator.emit("graph.max_pool2d", as_image(translator, x), kernel=_whole(x))
    return from_image(translator, pooled, len(shape_of(x)) - 2)


@onnx_operator("GlobalAveragePool")
def global_average_pool(translator: Translator) -> Operand:
    x = translator.real(0)
    pooled = translator.emit("graph.average_pool2d", as_image(translator, x), kernel=_whole(x))
    return from_image(translator, pooled, len(shape_of(x)) - 2)
