"""An ONNX file as plain nodes, in the order of evaluation."""

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.oracle.rational import Array


@attrs.frozen
class Node:
    """One operator: names of its inputs ("" where an optional one is left out) and outputs, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    opset: int

    def attribute(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


@attrs.frozen
class Graph:
    """The main graph: constants by name, the nodes, the true inputs (no initializers) with their shapes, the outputs."""

    constants: dict[str, Array]
    nodes: tuple[Node, ...]
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]


def read_graph(model: onnx.ModelProto | Path | str) -> Graph:
    """Reads a model file or a model; a symbolic dimension counts as 1."""
    proto = model if isinstance(model, onnx.ModelProto) else onnx.load(str(model))
    opset = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    nodes = []
    for node in proto.graph.node:
        attributes = {attribute.name: _plain(helper.get_attribute_value(attribute)) for attribute in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(attributes)
        else:
            nodes.append(Node(node.op_type, tuple(node.input), tuple(node.output), attributes, opset))
    inputs = {value.name: _shape(value) for value in proto.graph.input if value.name not in constants}
    return Graph(constants, tuple(nodes), inputs, tuple(value.name for value in proto.graph.output))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _constant(attributes: dict[str, Any]) -> Array:
    value = next(iter(attributes.values()))
    kind = np.float32 if "value_float" in attributes or "value_floats" in attributes else None
    return np.asarray(value, dtype=kind)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(dimension.dim_value or 1 for dimension in value.type.tensor_type.shape.dim)
