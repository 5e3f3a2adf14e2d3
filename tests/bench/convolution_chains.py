"""Chains of quantized convolutions, as long as asked, for what compilation costs by length."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SIZE = 8, 8


def convolution_chain(length: int, seed: int = 0, channels: int = CHANNELS) -> bytes:
    """An ONNX model of `length` QLinearConv with weights of their own: 3x3 and 1x1 in turn, channels on 8x8 points, int8 in and out."""
    random = np.random.default_rng(seed)
    constants, nodes = [], []

    def constant(name: str, value: np.typing.ArrayLike, dtype: type[np.generic]) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    scale, zero = constant("scale", 0.05, np.float32), constant("zero", 0, np.int8)
    weight_scale = constant("weight_scale", 0.01, np.float32)
    for number in range(length):
        kernel = 3 if number % 2 == 0 else 1
        weight = constant(f"w{number}", random.integers(-127, 128, (channels, channels, kernel, kernel)), np.int8)
        bias = constant(f"b{number}", random.integers(-500, 500, channels), np.int32)
        names = [f"x{number}", scale, zero, weight, weight_scale, zero, scale, zero, bias]
        pads = [kernel // 2] * 4
        nodes.append(helper.make_node("QLinearConv", names, [f"x{number + 1}"], name=f"conv{number}", kernel_shape=[kernel, kernel], pads=pads))
    shape = [1, channels, SIZE, SIZE]
    ports = [helper.make_tensor_value_info(name, TensorProto.INT8, shape) for name in ("x0", f"x{length}")]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:], constants)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString())
