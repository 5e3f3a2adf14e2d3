"""The steps that random models are made of: each takes an activation and returns the next one, or None where it does not fit."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tests.oracle.builder import Builder, Quantization, Tensor

Step = Callable[[Builder, Tensor], Tensor | None]

_OPSET_OF_CLIP_INPUTS = 11
_OPSET_OF_OPTIONAL_GEMM_BIAS = 11
_OPSET_OF_PAD_INPUTS = 11
_OPSET_OF_SQUEEZE_INPUT = 13
_OPSET_OF_REDUCE_INPUT = 18
_OPSET_OF_POOL_DILATIONS = 19


def _activation(builder: Builder, name: str, reach: float) -> tuple[str, float, float]:
    """Perhaps a Relu or a Clip behind an operator whose values lie within +-reach: name, least and greatest value."""
    choice = builder.random.random()
    if choice < 0.35:
        return builder.node("Relu", [name]), 0.0, reach
    if choice < 0.55:
        return _clipped(builder, name, reach)
    return name, -reach * builder.random.uniform(0.6, 1), reach


def _clipped(builder: Builder, name: str, reach: float) -> tuple[str, float, float]:
    low, high = builder.random.choice([0.0, -reach * 0.4]), reach * builder.random.uniform(0.3, 0.9)
    only = builder.random.choice(["both", "both", "min", "max"])
    if builder.features.opset < _OPSET_OF_CLIP_INPUTS:
        attributes = {key: value for key, value in (("min", low), ("max", high)) if only in ("both", key)}
        result = builder.node("Clip", [name], **attributes)
    else:
        bounds = [builder.float32(low) if only != "max" else "", builder.float32(high) if only != "min" else ""]
        result = builder.node("Clip", [name, *(bounds if bounds[1] else bounds[:1])])
    return result, low if only != "max" else -reach, high if only != "min" else reach


def _finished(builder: Builder, name: str, shape: tuple[int, ...], rms: float) -> Tensor:
    """Activation and quantization behind a sum of many terms."""
    result, low, high = _activation(builder, name, rms * builder.random.uniform(2, 3.5))
    return builder.quantized(result, shape, low, high, rms * 0.8)


def _window(size: int, kernel: int, stride: int, dilation: int, pads: int) -> int:
    return (size + pads - (kernel - 1) * dilation - 1) // stride + 1


def _geometry(builder: Builder, shape: tuple[int, ...], kernel: list[int], dilations: list[int]) -> tuple[dict[str, Any], tuple[int, ...]] | None:
    """Strides and paddings (explicit, asymmetric, or by auto_pad), and the spatial shape that comes out; None if nothing does."""
    random = builder.random
    strides = [random.choice([1, 1, 2, 3]) for _ in kernel]
    mode = random.choice(["NOTSET", "NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
    attributes: dict[str, Any] = {"strides": strides}
    if mode != "NOTSET":
        attributes["auto_pad"] = mode
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        return attributes, tuple(-(-size // stride) for size, stride in zip(shape, strides, strict=True))
    pads = [0] * (2 * len(kernel))
    if mode == "NOTSET":
        pads = [random.randint(0, k - 1) for k in kernel + kernel]
        attributes["pads"] = pads
    result = tuple(
        _window(size, k, s, d, first + last)
        for size, k, s, d, first, last in zip(shape, kernel, strides, dilations, pads[: len(kernel)], pads[len(kernel) :], strict=True)
    )
    return (attributes, result) if min(result) > 0 else None


def convolution(builder: Builder, data: Tensor) -> Tensor | None:
    """Conv: grouped, depthwise, strided, dilated, padded, with and without a bias."""
    random, channels = builder.random, data.shape[1]
    kernel = [random.randint(1, 4) for _ in data.shape[2:]]
    dilations = [random.choice([1, 1, 1, 2]) for _ in kernel]
    groups = random.choice([1, 1, channels, random.choice([d for d in range(1, channels + 1) if channels % d == 0])])
    outputs = groups * random.randint(1, max(1, 6 // groups))
    geometry = _geometry(builder, data.shape[2:], kernel, dilations)
    if geometry is None:
        return None
    attributes, spatial = geometry
    if "auto_pad" in attributes and attributes["auto_pad"].startswith("SAME"):
        dilations = [1] * len(kernel)
    terms = channels // groups * prod(kernel)
    weight, scales, weight_rms = builder.weight([outputs, channels // groups, *kernel], 0, terms)
    rms = data.rms * weight_rms * terms**0.5
    source = builder.dequantized(data)
    bias = random.choice([[], [""], ["wanted"], ["wanted"], ["wanted"], ["wanted"]])
    if bias == ["wanted"]:
        bias = [builder.bias(outputs, data, scales, rms)]
    if random.random() < 0.7:
        attributes["kernel_shape"] = kernel
    if groups > 1:
        attributes["group"] = groups
    result = builder.node("Conv", [source, weight, *bias], dilations=dilations, **attributes)
    return _finished(builder, result, (data.shape[0], outputs, *spatial), rms * 1.4)


def gemm(builder: Builder, data: Tensor) -> Tensor | None:
    """Gemm with transA (behind a Transpose), transB, alpha, beta; or MatMul, with an Add or without."""
    random = builder.random
    if len(data.shape) != 2:
        return None
    terms, outputs = data.shape[1], random.randint(2, 10)
    if random.random() < 0.4:
        return _matmul(builder, data, outputs)
    trans_a, trans_b = random.randint(0, 1), random.randint(0, 1)
    weight, scales, weight_rms = builder.weight([outputs, terms] if trans_b else [terms, outputs], 0 if trans_b else 1, terms)
    alpha, beta = (random.choice([1.0, 1.0, 1.0, 0.5, 1.3]) for _ in range(2))
    rms = data.rms * weight_rms * terms**0.5
    source = builder.dequantized(data)
    if trans_a:
        source = builder.node("Transpose", [source], perm=[1, 0])
    optional = builder.features.opset >= _OPSET_OF_OPTIONAL_GEMM_BIAS
    bias = [] if optional and random.random() < 0.2 else [builder.bias(outputs, data, scales, rms)]
    attributes: dict[str, Any] = {"transA": trans_a, "transB": trans_b}
    attributes |= {key: value for key, value in (("alpha", alpha), ("beta", beta)) if value != 1}
    result = builder.node("Gemm", [source, weight, *bias], **attributes)
    return _finished(builder, result, (data.shape[0], outputs), rms * 1.4 * alpha)


def _matmul(builder: Builder, data: Tensor, outputs: int) -> Tensor:
    terms = data.shape[1]
    weight, scales, weight_rms = builder.weight([terms, outputs], 1, terms)
    rms = data.rms * weight_rms * terms**0.5
    result = builder.node("MatMul", [builder.dequantized(data), weight])
    if builder.random.random() < 0.7:
        operands = [result, builder.bias(outputs, data, scales, rms)]
        builder.random.shuffle(operands)
        result = builder.node("Add", operands)
    return _finished(builder, result, (data.shape[0], outputs), rms * 1.4)


def pool(builder: Builder, data: Tensor) -> Tensor | None:
    """MaxPool or AveragePool with paddings, ceil_mode, count_include_pad, dilations; the quantization is kept or changed."""
    random = builder.random
    operator = random.choice(["MaxPool", "AveragePool"])
    kernel = [random.randint(1, 4) for _ in data.shape[2:]]
    dilate = operator == "MaxPool" or builder.features.opset >= _OPSET_OF_POOL_DILATIONS
    dilations = [random.choice([1, 1, 2]) if dilate else 1 for _ in kernel]
    geometry = _geometry(builder, data.shape[2:], kernel, dilations)
    if geometry is None or any(size < d for size, d in zip(data.shape[2:], dilations, strict=True)):
        return None  # a window may lie wholly in the padding, and has neither a maximum nor an average
    attributes, spatial = geometry
    if "auto_pad" in attributes:
        dilations = [1] * len(kernel)
        if any(stride > k for stride, k in zip(attributes["strides"], kernel, strict=True)):
            return None  # onnxruntime refuses the negative padding that auto_pad makes of it
        if attributes["auto_pad"] == "VALID":
            spatial = tuple(_window(n, k, s, 1, 0) for n, k, s in zip(data.shape[2:], kernel, attributes["strides"], strict=True))
    elif random.random() < 0.4:
        attributes["ceil_mode"] = 1
        rounded_up = _rounded_up(data.shape[2:], kernel, dilations, attributes)
        if rounded_up is None:
            return None
        spatial = rounded_up
    if max(dilations) > 1:
        attributes["dilations"] = dilations
    if operator == "AveragePool":
        attributes["count_include_pad"] = random.randint(0, 1)
    result = builder.node(operator, [builder.dequantized(data)], kernel_shape=kernel, **attributes)
    return _kept_or_changed(builder, result, (*data.shape[:2], *spatial), data)


def _rounded_up(shape: tuple[int, ...], kernel: list[int], dilations: list[int], attributes: dict[str, Any]) -> tuple[int, ...] | None:
    """Output sizes by ceil_mode; None if a window would start in the padding at the end (onnx keeps it, onnxruntime does not)."""
    pads = attributes["pads"]
    result = []
    for axis, size in enumerate(shape):
        first, last, stride = pads[axis], pads[axis + len(kernel)], attributes["strides"][axis]
        count = -((size + first + last - (kernel[axis] - 1) * dilations[axis] - 1) // -stride) + 1
        if (count - 1) * stride >= size + first:
            return None
        result.append(count)
    return tuple(result)


def _kept_or_changed(builder: Builder, name: str, shape: tuple[int, ...], data: Tensor) -> Tensor:
    reach = 2.5 * data.rms
    kept = data.quantization if builder.random.random() < 0.5 else None
    return builder.quantized(name, shape, -reach, reach, data.rms, kept)


def mean(builder: Builder, data: Tensor) -> Tensor | None:
    """GlobalAveragePool, or ReduceMean over some axes."""
    if builder.random.random() < 0.5:
        result = builder.node("GlobalAveragePool", [builder.dequantized(data)])
        return _kept_or_changed(builder, result, (*data.shape[:2], *(1 for _ in data.shape[2:])), data)
    axes = builder.random.choice([[2, 3], [-1, -2], [1], [3]])
    keep = builder.random.randint(0, 1)
    source = builder.dequantized(data)
    if builder.features.opset >= _OPSET_OF_REDUCE_INPUT:
        result = builder.node("ReduceMean", [source, builder.int64(axes)], keepdims=keep)
    else:
        result = builder.node("ReduceMean", [source], axes=axes, keepdims=keep)
    gone = {axis % 4 for axis in axes}
    shape = tuple(1 if axis in gone else size for axis, size in enumerate(data.shape) if keep or axis not in gone)
    return _kept_or_changed(builder, result, shape, data)


def binary(builder: Builder, data: Tensor) -> Tensor | None:
    """Add, Sub or Mul with a constant that broadcasts, the tensor itself, a side branch (a residual) or another graph input."""
    random = builder.random
    operator = random.choice(["Add", "Add", "Sub", "Mul"])
    source = builder.dequantized(data)
    kind = random.choice(["constant", "constant", "self", "branch", "branch", "branch", "input"])
    if kind == "constant":
        shape = [random.choice([1, size]) for size in data.shape][random.randint(0, len(data.shape) - 1) :]
        other, _, other_rms = builder.weight(shape, 0, 1)
    elif kind == "self":
        other, other_rms = builder.dequantized(data), data.rms
    elif kind == "input":
        second = builder.graph_input(data.shape, integer=random.random() < 0.5)
        other, other_rms = builder.dequantized(second), second.rms
    else:
        branch = elementwise(builder, data)
        other, other_rms = builder.dequantized(branch), branch.rms
    operands = [source, other]
    random.shuffle(operands)
    rms = data.rms * other_rms if operator == "Mul" else (data.rms**2 + other_rms**2) ** 0.5
    return _finished(builder, builder.node(operator, operands), data.shape, max(rms, 1e-3))


def elementwise(builder: Builder, data: Tensor) -> Tensor:
    """Relu, Clip, Sigmoid or Tanh alone between two quantizations."""
    source = builder.dequantized(data)
    operator = builder.random.choice(["Relu", "Clip", "Sigmoid", "Tanh"])
    if operator == "Clip":
        name, low, high = _clipped(builder, source, 2 * data.rms)
        return builder.quantized(name, data.shape, low, high, data.rms * 0.7)
    name = builder.node(operator, [source])
    low, high = {"Relu": (0.0, 2.5 * data.rms), "Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}[operator]
    return builder.quantized(name, data.shape, low, high, {"Relu": data.rms * 0.7, "Sigmoid": 0.5, "Tanh": min(data.rms, 0.8)}[operator])


def concat(builder: Builder, data: Tensor) -> Tensor | None:
    """Concat of the tensor and a side branch at another scale, along any axis but the batch."""
    branch = elementwise(builder, data)
    axis = builder.random.randint(1, len(data.shape) - 1)
    result = builder.node("Concat", [builder.dequantized(data), builder.dequantized(branch)], axis=builder.random.choice([axis, axis - len(data.shape)]))
    shape = tuple(2 * size if place == axis else size for place, size in enumerate(data.shape))
    reach = 2.5 * max(data.rms, branch.rms)
    return builder.quantized(result, shape, -reach, reach, max(data.rms, branch.rms))


def pad(builder: Builder, data: Tensor) -> Tensor | None:
    """Pad with zeros or another constant."""
    random = builder.random
    pads = [0, 0, *(random.randint(0, 2) for _ in data.shape[2:])] * 2
    value = random.choice([0.0, 0.0, 0.5])
    source = builder.dequantized(data)
    if builder.features.opset < _OPSET_OF_PAD_INPUTS:
        result = builder.node("Pad", [source], pads=pads, value=value)
    else:
        filled = [builder.float32(value)] if value or random.random() < 0.5 else []
        result = builder.node("Pad", [source, builder.int64(pads), *filled])
    shape = tuple(size + first + last for size, first, last in zip(data.shape, pads[: len(data.shape)], pads[len(data.shape) :], strict=True))
    return _kept_or_changed(builder, result, shape, data)


def _moved(builder: Builder, data: Tensor, shape: tuple[int, ...], move: Callable[[str], str]) -> Tensor:
    """A movement of elements: on the integers, on the real values in front of a QuantizeLinear, or on both sides of one."""
    if data.quantization is None or builder.random.random() < 0.5:
        return Tensor(move(data.name), shape, data.rms, data.quantization)
    return builder.quantized(move(builder.dequantized(data)), shape, 0, 0, data.rms, data.quantization)


def flatten(builder: Builder, data: Tensor) -> Tensor:
    """Down to [batch, elements], by Flatten or by Reshape in one of its spellings."""
    size = prod(data.shape[1:])
    spelling = builder.random.choice(["flatten", "explicit", "minus one", "zero"])

    def move(name: str) -> str:
        if spelling == "flatten":
            return builder.node("Flatten", [name], axis=1)
        target = {"explicit": [1, size], "minus one": [-1, size], "zero": [0, -1]}[spelling]
        return builder.node("Reshape", [name, builder.int64(target)])

    return _moved(builder, data, (data.shape[0], size), move)


def transpose(builder: Builder, data: Tensor) -> Tensor | None:
    """A permutation that leaves the batch in front."""
    order = list(range(1, len(data.shape)))
    builder.random.shuffle(order)
    order = [0, *order]
    return _moved(builder, data, tuple(data.shape[axis] for axis in order), lambda name: builder.node("Transpose", [name], perm=order))


def unsqueeze_and_squeeze(builder: Builder, data: Tensor) -> Tensor | None:
    """A new axis, and away with it: axes as an attribute or as an input."""
    axis = builder.random.randint(1, len(data.shape))
    as_input = builder.features.opset >= _OPSET_OF_SQUEEZE_INPUT

    def move(name: str) -> str:
        extra = [builder.int64([axis])] if as_input else []
        attributes = {} if as_input else {"axes": [axis]}
        wider = builder.node("Unsqueeze", [name, *extra], **attributes)
        return builder.node("Squeeze", [wider, *extra], **attributes)

    return _moved(builder, data, data.shape, move)


def softmax(builder: Builder, data: Tensor) -> Tensor:
    """Softmax into 1/256 with the least value as zero point (what converters write), or into another scale."""
    attributes = builder.random.choice([{}, {"axis": len(data.shape) - 1}, {"axis": -1}])
    if builder.features.opset < 13:
        attributes = {"axis": len(data.shape) - 1}
    result = builder.node("Softmax", [builder.dequantized(data)], **attributes)
    kind = "uint8" if builder.features.unsigned else "int8"
    usual = Quantization(1 / 256, int(np.iinfo(kind).min), kind)
    return builder.quantized(result, data.shape, 0, 1, 0.3, usual if builder.random.random() < 0.7 else None)


IMAGE_STEPS: tuple[Step, ...] = (
    *(convolution,) * 4,
    *(pool,) * 3,
    binary,
    elementwise,
    concat,
    pad,
    transpose,
    mean,
    unsqueeze_and_squeeze,
)
MATRIX_STEPS: tuple[Step, ...] = (*(gemm,) * 3, binary, elementwise, concat, unsqueeze_and_squeeze)
