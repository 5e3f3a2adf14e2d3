"""Conv, by a 2-D convolution with channels last; one spatial axis becomes a second one of extent 1."""

from __future__ import annotations

from tinyir.frontend.onnx_model import ModelError
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.frontend.onnx_windows import as_image, from_image, read_window


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
    if translator.has(2):
        bias = translator.real(2)
        if shape_of(bias) != shape[:1]:
            raise ModelError(f"has a bias of shape {list(shape_of(bias))} for {shape[0]} output channels")
    else:
        bias = translator.zeros(shape[0])
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
