"""One valid network, and the ways to spoil one thing of it.

The node or tensor that is wrong is called `bad` wherever the fault has a name, so that an error can be asked to name it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CULPRIT = "bad"
_OPSET = 17
HUGE = 2**40


@attrs.frozen
class HostileFile:
    """A model file and what lies around it.

    culprit: the name of the node or tensor that is wrong ("" if the file as a whole is). beside: files by path relative to the
    model's folder. links: symbolic links there, by name, to their targets.
    """

    name: str
    content: bytes
    culprit: str = ""
    beside: Mapping[str, bytes] = attrs.field(factory=dict)
    links: Mapping[str, str] = attrs.field(factory=dict)

    def write(self, folder: Path) -> Path:
        """Writes everything below `folder` (the model into a folder of its own); returns the model's path."""
        home = folder / "model"
        home.mkdir(parents=True)
        for name, content in self.beside.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content)
        for name, target in self.links.items():
            (home / name).symlink_to(target)
        path = home / "model.onnx"
        path.write_bytes(self.content)
        return path


def valid_model() -> onnx.ModelProto:
    """The network that all cases spoil: Conv `bad` -> Relu -> Flatten -> Gemm, x float32 [1, 2, 6, 6] to y [1, 3]."""
    generator = np.random.default_rng(1)

    def constant(name: str, shape: Sequence[int]) -> onnx.TensorProto:
        return numpy_helper.from_array(generator.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["conv"], name=CULPRIT, kernel_shape=[3, 3], strides=[1, 1], pads=[0, 0, 0, 0]),
        helper.make_node("Relu", ["conv"], ["relu"], name="relu"),
        helper.make_node("Flatten", ["relu"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "v", "c"], ["y"], name="gemm"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [constant("w", [4, 2, 3, 3]), constant("b", [4]), constant("v", [64, 3]), constant("c", [3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)


def valid_quantized_model() -> onnx.ModelProto:
    """x int8 [1, 4] -> DequantizeLinear `bad` -> MatMul -> QuantizeLinear -> y int8 [1, 2]."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["real_x"], name=CULPRIT),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["real_w"], name="weights", axis=1),
        helper.make_node("MatMul", ["real_x", "real_w"], ["real_y"], name="matmul"),
        helper.make_node("QuantizeLinear", ["real_y", "sy", "zy"], ["y"], name="quantize"),
    ]
    constants = {
        "sx": np.array(0.1, np.float32),
        "zx": np.array(3, np.int8),
        "w": np.arange(8, dtype=np.int8).reshape(4, 2),
        "sw": np.array([0.2, 0.3], np.float32),
        "zw": np.zeros(2, np.int8),
        "sy": np.array(0.5, np.float32),
        "zy": np.array(-4, np.int8),
    }
    graph = helper.make_graph(
        nodes,
        "quantized",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, [1, 2])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)


def serialized(model: onnx.ModelProto) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def spoiled(
    name: str,
    spoil: Callable[[onnx.ModelProto], object],
    culprit: str = CULPRIT,
    base: Callable[[], onnx.ModelProto] = valid_model,
    beside: Mapping[str, bytes] | None = None,
    links: Mapping[str, str] | None = None,
) -> HostileFile:
    model = base()
    spoil(model)
    return HostileFile(name, serialized(model), culprit, beside or {}, links or {})


def replaced(operator: str, inputs: Sequence[str] | None = None, domain: str = "", **attributes: Any) -> Callable[[onnx.ModelProto], None]:
    """Puts another operator, called `bad`, in the place of the Relu."""

    def spoil(model: onnx.ModelProto) -> None:
        model.graph.node[0].name = "conv"
        node = helper.make_node(operator, list(inputs or ["conv"]), ["relu"], name=CULPRIT, domain=domain, **attributes)
        model.graph.node[1].CopyFrom(node)

    return spoil


def with_constant(spoil: Callable[[onnx.ModelProto], object], name: str, values: Any) -> Callable[[onnx.ModelProto], None]:
    def both(model: onnx.ModelProto) -> None:
        spoil(model)
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))

    return both


def with_domain(spoil: Callable[[onnx.ModelProto], object], domain: str) -> Callable[[onnx.ModelProto], None]:
    def both(model: onnx.ModelProto) -> None:
        spoil(model)
        model.opset_import.append(helper.make_opsetid(domain, 1))

    return both


def on_tensor(name: str, change: Callable[[onnx.TensorProto], object]) -> Callable[[onnx.ModelProto], None]:
    """Changes an initializer and calls it `bad` (in its readers too)."""

    def spoil(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name == name:
                change(tensor)
                tensor.name = CULPRIT
        for node in model.graph.node:
            node.name = "conv" if node.name == CULPRIT else node.name
            node.input[:] = [CULPRIT if source == name else source for source in node.input]

    return spoil
