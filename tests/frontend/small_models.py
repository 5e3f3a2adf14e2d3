"""Small ONNX models in a line or two, and their outputs by tinyir's interpreter and by onnxruntime."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.engine import Engine
from tests.oracle.rational import Array
from tinyir.frontend import import_onnx
from tinyir.interp.machine import Network
from tinyir.ir.operation import Operation

_IR_VERSION = 8
GENERATOR = np.random.default_rng(3)
IMAGE = {"x": [1, 4, 7, 6]}
ROW = {"x": [1, 4, 9]}
MATRIX = {"x": [2, 6]}


def real(*shape: int, low: float = -1.0, high: float = 1.0) -> Array:
    return GENERATOR.uniform(low, high, shape).astype(np.float32)


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


def node(text: str, **attributes: Any) -> onnx.NodeProto:
    """`node("y z = Split(x, s)", axis=1)`; the node is called as its first output. An input left out is `-`."""
    outputs, _, call = text.partition(" = ")
    full, _, inputs = call.rstrip(")").partition("(")
    domain, _, operator = full.rpartition(".")
    names = ["" if name == "-" else name for name in inputs.split(", ") if name]
    return helper.make_node(operator, names, outputs.split(), name=outputs.split()[0], domain=domain, **attributes)


@attrs.frozen
class SmallModel:
    """`inputs`: a shape for each of float32 elements, or a pair of an element type (of TensorProto) and a shape."""

    nodes: Sequence[onnx.NodeProto]
    inputs: Mapping[str, Any]
    constants: Mapping[str, Any] = attrs.field(factory=dict)
    outputs: Sequence[str] = ("y",)
    opset: int = 18

    def proto(self) -> onnx.ModelProto:
        inputs = []
        for name, given in self.inputs.items():
            kind, shape = given if isinstance(given, tuple) else (TensorProto.FLOAT, given)
            inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        outputs = [onnx.ValueInfoProto(name=name) for name in self.outputs]
        constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in self.constants.items()]
        graph = helper.make_graph(list(self.nodes), "small", inputs, outputs, constants)
        domains = {n.domain for n in self.nodes if n.domain}
        imports = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
        return helper.make_model(graph, opset_imports=imports, ir_version=_IR_VERSION)

    def content(self) -> bytes:
        content: bytes = self.proto().SerializeToString(deterministic=True)
        return content

    def imported(self) -> Operation:
        return import_onnx(self.content())

    def samples(self, count: int = 2) -> list[dict[str, Array]]:
        """Random inputs: normal floats, integers over the whole range."""
        generator = np.random.default_rng(7)
        found = []
        for _ in range(count):
            sample = {}
            for value in self.proto().graph.input:
                kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
                integers = np.iinfo(kind) if value.type.tensor_type.elem_type != TensorProto.FLOAT else None
                drawn = generator.normal(size=shape) * 2 if integers is None else generator.integers(integers.min, integers.max, shape, endpoint=True)
                sample[value.name] = drawn.astype(kind)
            found.append(sample)
        return found

    def by_tinyir(self, sample: Mapping[str, Array]) -> dict[str, Array]:
        return Network(self.imported()).run(sample)

    def by_onnxruntime(self, sample: Mapping[str, Array]) -> dict[str, Array]:
        inferred = onnx.shape_inference.infer_shapes(self.proto(), strict_mode=False)
        return Engine(inferred, optimized=False).run(sample)
