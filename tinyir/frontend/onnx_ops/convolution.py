"""Conv, by a 2-D convolution with channels last; one spatial axis becomes a second one of extent 1.  ConvTranspose, by a Conv."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.frontend.onnx_model import GREATEST_INTEGER, ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.frontend.onnx_windows import as_image, from_image, read_numbers, read_window
from tinyir.ir.operation import Value


@onnx_operator("Conv")
def conv(translator: Translator) -> Operand:
    x, weight = translator.real(0), translator.real(1)
    shape, spatial = shape_of(weight), shape_of(x)[2:]
    if len(shape) != len(shape_of(x)):
        raise ModelError(f"has weights of rank {len(shape)} for an input of rank {len(shape_of(x))}")
    given = translator.attribute("kernel_shape")
    if given is not None and tuple(given) != shape[2:]:
        raise ModelError(f"has kernel_shape {given}, but weights of shape {list(shape)}")
    groups = _groups(translator, shape_of(x)[1], shape)
    window = read_window(translator, spatial, shape[2:])
    bias = _bias(translator, shape[0])
    image, kernel = as_image(translator, x), as_image(translator, weight)
    result = translator.emit(
        "graph.conv2d",
        image,
        kernel,
        bias,
        stride=window.stride,
        pad=window.pad,
        dilation=window.dilation,
        groups=groups,
    )
    return from_image(translator, result, len(spatial))


def _groups(translator: Translator, channels: int, weights: tuple[int, ...]) -> int:
    groups: int = translator.attribute("group")
    if groups < 1 or channels % groups or weights[0] % groups:
        raise ModelError(f"has {groups} groups, which do not divide {channels} input and {weights[0]} output channels")
    if channels != groups * weights[1]:
        raise ModelError(f"has weights for {weights[1]} channels per group, but an input of {channels} channels in {groups} groups")
    return groups


def _bias(translator: Translator, channels: int) -> Value:
    if not translator.has(2):
        return translator.zeros(channels)
    bias = translator.real(2)
    if shape_of(bias) != (channels,):
        raise ModelError(f"has a bias of shape {list(shape_of(bias))} for {channels} output channels")
    return bias


@onnx_operator("ConvTranspose")
def transposed_conv(translator: Translator) -> Operand:
    """A convolution over the input with stride - 1 zeros behind each element, by the weights turned around.

    Along an axis of n elements its full result has (n - 1) * stride + (kernel - 1) * dilation + 1, of which the pads crop.
    """
    x, weight = translator.real(0), translator.real(1)
    spatial, kernel, groups = shape_of(x)[2:], shape_of(weight)[2:], translator.attribute("group")
    if len(spatial) not in (1, 2) or len(kernel) != len(spatial):
        raise ModelError(f"has weights of shape {list(shape_of(weight))} for an input of shape {list(shape_of(x))}; 1 and 2 spatial axes are supported")
    if groups < 1 or shape_of(x)[1] % groups or shape_of(weight)[0] != shape_of(x)[1]:
        raise ModelError(f"has weights of shape {list(shape_of(weight))} for {shape_of(x)[1]} channels in {groups} groups")
    strides, dilations = (read_numbers(translator, name, 1, len(spatial), 1) for name in ("strides", "dilations"))
    reach = [(extent - 1) * dilation for extent, dilation in zip(kernel, dilations, strict=True)]
    full = [(extent - 1) * stride + far + 1 for extent, stride, far in zip(spatial, strides, reach, strict=True)]
    start, size = _crop(translator, full, strides)
    behind = [max(0, first + count - extent) for first, count, extent in zip(start, size, full, strict=True)]  # output_padding
    pads = [*reach, *(far + more for far, more in zip(reach, behind, strict=True))]
    result = translator.emit(
        "graph.conv2d",
        as_image(translator, _spread(translator, x, strides)),
        as_image(translator, _turned(translator, weight, groups)),
        _bias(translator, shape_of(weight)[1] * groups),
        stride=(1, 1),
        pad=(0, pads[0], 0, pads[1]) if len(spatial) == 1 else tuple(pads),
        dilation=(1, *dilations) if len(spatial) == 1 else dilations,
        groups=groups,
    )
    whole = from_image(translator, result, len(spatial))
    return translator.sliced(whole, (0, 0, *start), (*shape_of(whole)[:2], *size), (1,) * (2 + len(spatial)))


def _crop(translator: Translator, full: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """Where in the full result each axis of the node's result starts, and its extent."""
    rank, mode = len(full), translator.attribute("auto_pad")
    pads = read_numbers(translator, "pads", 0, 2 * rank, 0)
    more = read_numbers(translator, "output_padding", 0, rank, 0)
    if any(extra >= stride for extra, stride in zip(more, strides, strict=True)):
        raise ModelError(f"has the output_padding {list(more)}, which is not less than the strides {list(strides)}")
    wanted = translator.attribute("output_shape")
    if wanted is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        spatial = shape_of(translator.operand(0))[2:]  # what windows of gaps do not reach is left out, as in onnxruntime
        wanted = [min(extent * stride, most) for extent, stride, most in zip(spatial, strides, full, strict=True)]
    if wanted is None:
        size = [extent + extra - low - high for extent, extra, low, high in zip(full, more, pads[:rank], pads[rank:], strict=True)]
        start = list(pads[:rank])
    else:
        if len(wanted) != rank or not all(0 < extent <= GREATEST_INTEGER for extent in wanted):
            raise ModelError(f"has the output_shape {list(wanted)} for {rank} spatial axes")
        total = [max(0, extent + extra - count) for extent, extra, count in zip(full, more, wanted, strict=True)]
        size = list(wanted)
        start = [cut // 2 if mode == "SAME_UPPER" else cut - cut // 2 for cut in total]
    if min(size) < 1:
        raise ModelError(f"crops a result of extents {full} to {size}")
    return start, size


def _spread(translator: Translator, x: Value, strides: Sequence[int]) -> Operand:
    """stride - 1 zeros between the elements of each spatial axis."""
    spread: Operand = x
    for axis, stride in enumerate(strides, 2):
        if stride > 1:
            shape = shape_of(spread)
            apart = translator.reshaped(spread, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
            low = (0,) * (len(shape) + 1)
            high = (*low[: axis + 1], stride - 1, *low[axis + 2 :])
            padded = translator.emit("graph.pad", apart, low=low, high=high, value=0.0)
            wide = translator.reshaped(padded, (*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]))
            spread = translator.along(wide, axis, 0, (shape[axis] - 1) * stride + 1)
    return spread


def _turned(translator: Translator, weight: Value, groups: int) -> Operand:
    """[in, out of a group, ...] as [out, in of a group, ...], each spatial axis backwards."""
    channels, results, *kernel = shape_of(weight)
    apart = translator.reshaped(weight, (groups, channels // groups, results, *kernel))
    moved = translator.transposed(apart, (0, 2, 1, *range(3, 3 + len(kernel))))
    turned = translator.reshaped(moved, (groups * results, channels // groups, *kernel))
    backwards = [extent - 1 for extent in kernel]
    return translator.sliced(turned, (0, 0, *backwards), shape_of(turned), (1, 1, *(-1 for _ in kernel)))
