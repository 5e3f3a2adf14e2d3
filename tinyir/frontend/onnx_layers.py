"""The tensors between the nodes of an ONNX model, as outputs: for tinyir and for onnxruntime alike, so that the two can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.ir.errors import TinyirError

Array = NDArray[Any]


@attrs.frozen
class Layer:
    """A node of a model: its name, its operator, and the tensor that it makes."""

    node: str
    operator: str
    tensor: str


@attrs.frozen
class OpenModel:
    """A model whose tensors of real and quantized numbers are all outputs, in the order of its nodes; as ONNX bytes."""

    content: bytes
    layers: tuple[Layer, ...]


def open_model(path: Path) -> OpenModel:
    """The model with every tensor of float, int8 or uint8 elements as an output.

    Raises:
        TinyirError: it cannot be read as ONNX.
    """
    import onnx

    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(str(path)))
    except (ValueError, OSError, RuntimeError, onnx.checker.ValidationError) as error:
        raise TinyirError(f"{path}: cannot be read as ONNX: {str(error).partition(chr(10))[0]}") from error
    known = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    outputs = {value.name for value in model.graph.output}
    layers = []
    for node in model.graph.node:
        for name in node.output:
            if name in known and known[name].type.tensor_type.elem_type in kinds:
                layers.append(Layer(node.name or name, node.op_type, name))
                if name not in outputs:
                    model.graph.output.append(known[name])
    return OpenModel(model.SerializeToString(), tuple(layers))


def run_onnxruntime(model: OpenModel, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What onnxruntime computes of one row of inputs, without any of its optimizations; by tensor.

    Raises:
        TinyirError: onnxruntime is not installed, or refuses the model or the inputs.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise TinyirError("onnxruntime is not installed", hint="pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.content, options, providers=["CPUExecutionProvider"])
        shaped = {port.name: inputs[port.name].reshape([e if isinstance(e, int) else 1 for e in port.shape]) for port in session.get_inputs()}
        names = [port.name for port in session.get_outputs()]
        return dict(zip(names, map(np.asarray, session.run(names, shaped)), strict=True))
    except RuntimeError as error:
        raise TinyirError(f"onnxruntime refuses the model: {str(error).partition(chr(10))[0]}") from error
