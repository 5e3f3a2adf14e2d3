"""Layers that stand alone, of the kinds that people have: what each takes on a Cortex-M4 at goal speed, with the order of axes of its interface."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.end_to_end.staged import stage
from tests.end_to_end.test_unusual_networks import Layers, X
from tests.passes.quantized_networks import Quantized

UNSIGNED = Quantized(0.05, 100, "uint8")
SAME: dict[str, Any] = {"pads": [1] * 4}


def conv(*shape: int, outputs: int, kernel: tuple[int, int], x: Quantized = X, **attributes: Any) -> onnx.ModelProto:
    """A convolution of `shape` (channels, height, width)."""
    groups = attributes.get("group", 1)
    assert isinstance(groups, int)
    return Layers((1, *shape), x).conv(outputs, shape[0] // groups, *kernel, **attributes).end(1.0, 0, x.kind)


def dense(terms: int, outputs: int) -> onnx.ModelProto:
    layers = Layers((1, terms), X)
    weight = layers.weight(layers.random.integers(-128, 128, (outputs, terms)), np.full(outputs, 0.01))
    layers.last = layers.node("Gemm", layers.last, weight, transB=1)
    return layers.end(1.0)


def _real(nodes: list[onnx.NodeProto], x: list[int], y: list[int], weights: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    """Layers of floats with random weights of these shapes."""
    random = np.random.default_rng(0)
    constants = [onnx.numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name) for name, shape in weights.items()]
    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in (("x", x), ("y", y))]
    graph = onnx.helper.make_graph(nodes, "net", ports[:1], ports[1:], constants)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)


def _real_convolutions() -> onnx.ModelProto:
    """Two, so that the first gives what is best for the second."""
    nodes = [onnx.helper.make_node("Conv", [x, w], [y], pads=[1] * 4) for x, w, y in (("x", "v", "t"), ("t", "w", "u"))]
    nodes.append(onnx.helper.make_node("GlobalAveragePool", ["u"], ["y"]))
    return _real(nodes, [1, 3, 12, 12], [1, 16, 1, 1], {"v": (16, 3, 3, 3), "w": (16, 16, 3, 3)})


LAYERS: dict[str, tuple[Callable[[], onnx.ModelProto], int]] = {
    "1x1": (lambda: conv(16, 12, 12, outputs=16, kernel=(1, 1)), 74_000),
    "3x3": (lambda: conv(16, 12, 12, outputs=16, kernel=(3, 3), **SAME), 331_000),
    "3x3 of unsigned bytes": (lambda: conv(16, 12, 12, outputs=16, kernel=(3, 3), x=UNSIGNED, **SAME), 333_000),
    "3x3 with stride 2": (lambda: conv(16, 12, 12, outputs=16, kernel=(3, 3), strides=[2, 2], **SAME), 91_000),
    "3x3 on four pixels": (lambda: conv(32, 2, 2, outputs=32, kernel=(3, 3), **SAME), 39_000),
    "5x5": (lambda: conv(8, 14, 14, outputs=16, kernel=(5, 5), pads=[2] * 4), 650_000),
    "3x3 of a colour image": (lambda: conv(3, 32, 32, outputs=16, kernel=(3, 3), **SAME), 541_000),
    "3x3 of a colour image with stride 2": (lambda: conv(3, 32, 32, outputs=16, kernel=(3, 3), strides=[2, 2], **SAME), 142_000),
    "5x5 of a colour image with stride 2": (lambda: conv(3, 32, 32, outputs=16, kernel=(5, 5), strides=[2, 2], pads=[2] * 4), 296_000),
    "7x7 of a colour image with stride 2": (lambda: conv(3, 32, 32, outputs=32, kernel=(7, 7), strides=[2, 2], pads=[3] * 4), 1_022_000),
    "3x3 of a grey image": (lambda: conv(1, 28, 28, outputs=8, kernel=(3, 3), **SAME), 105_000),
    "5x5 of a grey image, without padding": (lambda: conv(1, 28, 28, outputs=6, kernel=(5, 5)), 117_000),
    "3x3 of two channels": (lambda: conv(2, 16, 16, outputs=8, kernel=(3, 3), **SAME), 45_000),
    "samples in time": (lambda: conv(9, 128, 1, outputs=16, kernel=(8, 1), strides=[4, 1]), 44_000),
    "dense, with weights of -128": (lambda: dense(128, 64), 9_500),
    "dense, of floats": (
        lambda: _real([onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)], [1, 128], [1, 64], {"w": (64, 128)}),
        30_000,
    ),
    "3x3 of floats": (_real_convolutions, 1_310_000),
    "depthwise": (lambda: conv(16, 12, 12, outputs=16, kernel=(3, 3), group=16, **SAME), 55_000),
    "depthwise with two outputs per channel": (lambda: conv(16, 12, 12, outputs=32, kernel=(3, 3), group=16, **SAME), 95_000),
    "depthwise with four outputs per channel": (lambda: conv(8, 12, 12, outputs=32, kernel=(3, 3), group=8, **SAME), 91_000),
    "5x5 depthwise with two outputs per channel": (lambda: conv(6, 12, 12, outputs=12, kernel=(5, 5), group=6, pads=[2] * 4), 84_000),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_its_instructions(name: str, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    make, most = LAYERS[name]
    model = make()
    (port,) = model.graph.input
    shape = [dimension.dim_value for dimension in port.type.tensor_type.shape.dim]
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    x = np.zeros((1, int(np.prod(shape))), onnx.helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type))
    result = stage(tmp_path / "model.onnx", {port.name: x}, tmp_path / "net", "cortex-m4").run(measure=True)
    (instructions,) = result.instructions
    # a bound far above what a layer takes would hold nothing
    assert 0.9 * most < instructions <= most, f"{name}: {instructions}"
