"""Shapes and quantizations at the ends of what people ask for, through every goal on the simulated machine: each byte is the oracle's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.end_to_end.staged import stage
from tests.oracle.exact import Oracle
from tests.passes.quantized_networks import Network, Quantized
from tinyir.driver.arguments import GOALS

HIDDEN = Quantized(0.2, -128)


class Layers(Network):
    """A network whose weights are random over the whole range of int8, and `last` what its last layer made."""

    def __init__(self, shape: tuple[int, ...], quantized: Quantized) -> None:
        super().__init__(shape, quantized)
        self.random = np.random.default_rng(0)
        self.last = self.x

    def conv(self, outputs: int, inputs: int, *kernel: int, scale: float = 0.01, **attributes: Any) -> Layers:
        weight = self.weight(self.random.integers(-128, 128, (outputs, inputs, *kernel)), np.full(outputs, scale))
        bias = self.bias(self.random.integers(-2000, 2000, outputs), np.full(outputs, np.float32(0.05) * np.float32(scale)))
        self.last = self.node("Conv", self.last, weight, bias, **attributes)
        return self

    def asymmetric(self, outputs: int, inputs: int, *kernel: int, zero_point: int = 77, **attributes: Any) -> Layers:
        """A convolution whose weights are unsigned bytes about a zero point."""
        weight = self.weight(self.random.integers(0, 256, (outputs, inputs, *kernel)), 0.01, zero_point, "uint8")
        bias = self.bias(self.random.integers(-2000, 2000, outputs), np.float32(0.05) * np.float32(0.01))
        self.last = self.node("Conv", self.last, weight, bias, **attributes)
        return self

    def relu(self, quantized: Quantized = HIDDEN) -> Layers:
        self.last = self.requantize(self.node("Relu", self.last), quantized)
        return self

    def then(self, operator: str, **attributes: Any) -> Layers:
        self.last = self.node(operator, self.last, **attributes)
        return self

    def end(self, scale: float = 0.5, zero_point: int = 0, kind: str = "int8") -> onnx.ModelProto:
        return self.model(self.last, Quantized(scale, zero_point, kind))


def autoencoder() -> onnx.ModelProto:
    network = Layers((1, 64), Quantized(0.05, 3))
    for inputs, outputs in ((64, 17), (17, 3), (3, 17), (17, 64)):
        weight = network.weight(network.random.integers(-128, 128, (outputs, inputs)), np.full(outputs, 0.01))
        network.last = network.node("Gemm", network.last, weight, transB=1)
        network.relu()
    return network.end(0.2, -128)


def heads(count: int, length: int, width: int) -> onnx.ModelProto:
    """Products of two tensors that vary, of each head: x x^T, and that by x."""
    layers = Layers((count, length, width), X)
    scores = layers.node("MatMul", layers.x, layers.node("Transpose", layers.x, perm=[0, 2, 1]))
    layers.last = layers.node("MatMul", layers.requantize(scores, Quantized(0.5, 7)), layers.x)
    return layers.end(5.0, -3)


X = Quantized(0.05, 3)
NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    "512 channels to 512": lambda: Layers((1, 512, 2, 2), X).conv(512, 512, 1, 1).end(1.0, -5),
    "512 channels of one pixel": lambda: Layers((1, 512, 1, 1), X).conv(257, 512, 1, 1).end(1.0, -5),
    "a thousand samples": lambda: (
        Layers((1, 1, 1000), X).conv(8, 1, 16, strides=[4], pads=[6, 6]).relu().then("MaxPool", kernel_shape=[4], strides=[4]).end()
    ),
    "an image of 96 by 96": lambda: (
        Layers((1, 3, 96, 96), Quantized(1 / 255, -128))
        .conv(8, 3, 3, 3, strides=[2, 2], pads=[0, 0, 1, 1])
        .relu(Quantized(6 / 255, -128))
        .conv(8, 1, 3, 3, group=8, pads=[1] * 4, strides=[2, 2])
        .relu()
        .then("GlobalAveragePool")
        .end(0.1, -128)
    ),
    "two outputs of each channel": lambda: Layers((1, 5, 7, 7), Quantized(0.05, 127)).conv(10, 1, 3, 3, group=5, pads=[1, 0, 2, 1], dilations=[2, 1]).end(),
    "groups of channels": lambda: (
        Layers((1, 12, 5, 5), X)
        .conv(9, 4, 3, 3, group=3, pads=[1] * 4)
        .relu()
        .conv(12, 3, 1, 1, group=3)
        .relu()
        .conv(4, 3, 3, 3, group=4, strides=[2, 2])
        .end()
    ),
    "heads": lambda: heads(3, 7, 10),
    "one head": lambda: heads(1, 9, 4),
    "all bytes below zero": lambda: Layers((1, 3, 5, 5), Quantized(0.05, 255, "uint8")).conv(33, 3, 5, 5, pads=[2] * 4).end(0.5, 0, "uint8"),
    "unsigned bytes all the way": lambda: (
        Layers((1, 4, 6, 6), Quantized(0.05, 131, "uint8"))
        .conv(9, 4, 3, 3, pads=[1] * 4)
        .relu(Quantized(0.02, 0, "uint8"))
        .then("GlobalAveragePool")
        .relu(Quantized(0.02, 0, "uint8"))
        .then("Flatten")
        .then("Softmax", axis=1)
        .end(1 / 256, 0, "uint8")
    ),
    "weights about a zero point": lambda: (
        Layers((1, 6, 5, 5), Quantized(0.05, 100, "uint8"))
        .asymmetric(7, 6, 3, 3, pads=[1] * 4, zero_point=200)
        .relu()
        .asymmetric(8, 7, 1, 1)
        .relu()
        .asymmetric(3, 8, 5, 5, zero_point=255)
        .relu()
        .asymmetric(5, 3, 1, 1, zero_point=0)
        .end(0.2, -3)
    ),
    "many weights about a zero point": lambda: (
        Layers((1, 24, 5, 5), Quantized(0.05, 100, "uint8"))
        .asymmetric(48, 24, 3, 3, pads=[1] * 4)
        .relu()
        .asymmetric(48, 1, 3, 3, group=48, pads=[1] * 4, zero_point=200)
        .relu()
        .asymmetric(150, 48, 1, 1, zero_point=30)
        .end(0.5, -3)
    ),
    "channels apart, weights about a zero point": lambda: (
        Layers((1, 6, 5, 5), Quantized(0.05, 100, "uint8")).asymmetric(6, 1, 3, 3, group=6, pads=[1] * 4).end(0.5, -3)
    ),
    "steps of 256 outputs": lambda: Layers((1, 4, 3, 3), Quantized(2.0, 3)).conv(7, 4, 1, 1, scale=1.0).end(1 / 128),
    "steps that vanish": lambda: Layers((1, 4, 3, 3), X).conv(7, 4, 3, 3, scale=1e-6, pads=[1] * 4).end(0.05, 7),
    "three images": lambda: Layers((3, 2, 5, 4), X).conv(5, 2, 3, 3, pads=[1] * 4).relu().conv(5, 1, 1, 1, group=5).end(),
    "one pixel": lambda: (
        Layers((1, 9, 1, 1), X).conv(17, 9, 3, 3, pads=[1] * 4).relu().conv(17, 1, 3, 3, group=17, pads=[1] * 4).relu().conv(1, 17, 1, 1).end()
    ),
    "a kernel wider than its image": lambda: Layers((1, 8, 2, 2), X).conv(6, 8, 3, 3, pads=[1] * 4).relu().conv(6, 1, 3, 3, group=6, pads=[1] * 4).end(),
    "channels first": lambda: Layers((1, 8, 5, 5), X).conv(6, 8, 3, 3).end(),
    "a kernel of 31": lambda: Layers((1, 3, 4, 40), X).conv(5, 3, 1, 31, strides=[1, 3], pads=[0, 15, 0, 15]).end(),
    "an autoencoder": autoencoder,
}


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_every_byte_of_the_oracle(name: str, goal: str, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    model = NETWORKS[name]()
    (port,) = model.graph.input
    limits = np.iinfo(onnx.helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type))
    shape = [dimension.dim_value for dimension in port.type.tensor_type.shape.dim]
    random = np.random.default_rng(1)
    inputs = [np.full(shape, limits.min, limits.dtype), np.full(shape, limits.max, limits.dtype)]
    inputs.append(random.integers(limits.min, limits.max, shape, limits.dtype, endpoint=True))
    oracle = Oracle(model)
    expected = np.stack([oracle.run({port.name: x}).tensors["y"].reshape(-1) for x in inputs])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    staged = stage(tmp_path / "model.onnx", {port.name: np.stack([x.reshape(-1) for x in inputs])}, tmp_path / "net", "cortex-m4", goal)
    found = staged.run().outputs["y"].reshape(expected.shape)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
