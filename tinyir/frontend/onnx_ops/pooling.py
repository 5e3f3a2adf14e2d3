"""Pools over windows and over whole images."""

from __future__ import annotations

from tinyir.frontend.onnx_model import ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.frontend.onnx_windows import Window, as_image, from_image, read_window
from tinyir.ir.operation import Value


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
    if max(window.dilation) > 1:
        raise ModelError(f"has dilations {list(window.dilation)}, which are not supported for averages")
    image, pad = as_image(translator, x), window.pad
    include = int(bool(translator.attribute("count_include_pad")))
    if include and any(window.overhang):  # the padding counts, the overhang does not: what counts becomes part of the image
        low, high = (0, *window.before, 0), (0, *window.after, 0)
        image = translator.emit("graph.pad", image, low=low, high=high, value=0.0)
        pad, include = (0, 0, *window.overhang), 0
    pooled = translator.emit("graph.average_pool2d", image, kernel=window.kernel, stride=window.stride, pad=pad, include_pad=include)
    return from_image(translator, pooled, len(shape_of(x)) - 2)


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
