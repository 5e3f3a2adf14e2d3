"""Reads the quantized corpus models into plain data for the tests: layers with integers, scales, shapes and the order of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, shape_inference


@attrs.frozen
class Layer:
    """One convolution or matrix product: `weights` int64[channels, ...], `bias` int64[channels], ranges without the zero point."""

    name: str
    weights: NDArray[numpy.int64]
    bias: NDArray[numpy.int64]
    weight_scales: NDArray[numpy.float32]
    input_scale: float
    output_scale: float
    output_zero_point: int
    low: int
    input_low: int
    input_high: int


@attrs.frozen
class Step:
    """One fused step over tensors [height, width, channels] (1 x 1 x n for vectors); `pads`: top, left."""

    name: str
    kind: str  # convolution, depthwise, pool, sum, dense, softmax
    inputs: tuple[str, ...]
    output: str
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)


@attrs.frozen
class Model:
    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    shapes: dict[str, tuple[int, int, int]]
    sums: tuple[tuple[Any, ...], ...]  # (scale, zero point) of first, second, output; low
    pools: tuple[tuple[Any, ...], ...]  # count, input (scale, zero point), output (scale, zero point)


KINDS = {"Conv": "convolution", "MatMul": "dense", "AveragePool": "pool", "Softmax": "softmax"}


class Reader:
    """Finds its way through quantize and dequantize pairs of one graph."""

    def __init__(self, path: Path) -> None:
        graph = shape_inference.infer_shapes(onnx.load(path)).graph
        self.nodes = list(graph.node)
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.producer = {output: node for node in self.nodes for output in node.output}
        self.consumers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        values = [*graph.value_info, *graph.input, *graph.output]
        self.dimensions = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}

    def source(self, name: str) -> tuple[str, Any, Any]:
        """The quantized tensor behind a dequantized one, with scale and zero point."""
        node = self.producer[name]
        while node.op_type in ("Reshape", "Transpose"):
            node = self.producer[node.input[0]]
        assert node.op_type == "DequantizeLinear"
        zero_point = self.constants[node.input[2]] if len(node.input) > 2 else numpy.int64(0)
        return node.input[0], self.constants[node.input[1]], zero_point

    def through_moves(self, name: str) -> str:
        """The tensor of which this one is a rearranged copy."""
        node = self.producer.get(name)
        if node is None or node.op_type not in ("QuantizeLinear", "Reshape", "Transpose", "DequantizeLinear"):
            return name
        return self.through_moves(node.input[0]) if self.constants.get(node.input[0]) is None else name

    def sink(self, name: str) -> tuple[str, Any, Any, bool, str]:
        """Follows a float result to its quantization: the quantized name, scale, zero point, whether rectified, the bias that was added."""
        rectified, bias = False, ""
        while True:
            (node,) = self.consumers[name]
            if node.op_type == "QuantizeLinear":
                return name, self.constants[node.input[1]], self.constants[node.input[2]], rectified, bias
            rectified |= node.op_type == "Relu"
            if node.op_type == "Add":
                bias = next(i for i in node.input if i != name)
            name = node.output[0]

    def shape(self, name: str) -> tuple[int, int, int]:
        dims = self.dimensions[name][1:]
        if len(dims) == 3 and (dims[2] in (1, 3) or len(self.dimensions[name]) == 3):
            return (dims[0], dims[1], dims[2]) if dims[2] in (1, 3) and dims[1] > 3 else (dims[1], dims[2], dims[0])
        return (dims[1], dims[2], dims[0]) if len(dims) == 3 else (1, 1, int(numpy.prod(dims)))


def attribute(node: Any, name: str, default: list[int]) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == name), default)


def read_model(corpus: Path, name: str) -> Model:
    reader = Reader(corpus / f"mlperf_{name}" / "qdq.onnx")
    layers: list[Layer] = []
    steps: list[Step] = []
    sums: list[tuple[Any, ...]] = []
    pools: list[tuple[Any, ...]] = []
    shapes: dict[str, tuple[int, int, int]] = {}
    ranges: dict[str, tuple[int, int]] = {}

    def is_constant(value: str) -> bool:
        return reader.producer[value].input[0] in reader.constants

    for node in reader.nodes:
        kind = KINDS.get(node.op_type, "sum" if node.op_type == "Add" and not any(map(is_constant_or_product(reader), node.input)) else "")
        if not kind:
            continue
        operands = [i for i in node.input if not is_constant(i)] if kind != "sum" else list(node.input)
        inputs = tuple(reader.through_moves(i) for i in operands)
        result, scale, zero_point, rectified, added = reader.sink(node.output[0])
        low = max(-128, int(zero_point)) if rectified else -128
        ranges[result] = (low, 127)
        for tensor in (*inputs, result):
            shapes[tensor] = reader.shape(tensor)
        quantized_inputs = [reader.source(i) for i in operands]
        if kind in ("convolution", "dense"):
            layer = read_layer(reader, node, kind, quantized_inputs[0], ranges.get(inputs[0], (-128, 127)), added, (float(scale), int(zero_point), low))
            layers.append(layer)
        if kind == "sum":
            sums.append((*((float(s), int(z)) for _, s, z in quantized_inputs), (float(scale), int(zero_point)), low))
        kernel = attribute(node, "kernel_shape", [1, 1])
        if kind == "pool":
            pools.append((kernel[0] * kernel[1], (float(quantized_inputs[0][1]), int(quantized_inputs[0][2])), (float(scale), int(zero_point))))
        grouped = any(a.name == "group" and a.i > 1 for a in node.attribute)
        strides, pads = attribute(node, "strides", [1, 1]), attribute(node, "pads", [0, 0, 0, 0])
        steps.append(
            Step(
                node.name or f"{node.op_type}{len(steps)}",
                "depthwise" if grouped else kind,
                inputs,
                result,
                (kernel[0], kernel[1]),
                (strides[0], strides[1]),
                (pads[0], pads[1]),
            )
        )
    return Model(tuple(layers), tuple(steps), shapes, tuple(sums), tuple(pools))


def is_constant_or_product(reader: Reader) -> Any:
    """Whether an operand of an addition is a constant or an unquantized product, so that the addition is a bias."""

    def test(name: str) -> bool:
        producer = reader.producer[name]
        return producer.op_type == "MatMul" or producer.input[0] in reader.constants

    return test


def read_layer(
    reader: Reader, node: Any, kind: str, source: tuple[str, Any, Any], stored: tuple[int, int], added: str, output: tuple[float, int, int]
) -> Layer:
    _, input_scale, input_zero_point = source
    weight_name, weight_scales, _ = reader.source(node.input[1])
    weights = reader.constants[weight_name].astype(numpy.int64)
    weights = weights.T if kind == "dense" else weights.reshape(len(weights), -1)
    bias_name = reader.producer[node.input[2] if kind == "convolution" else added].input[0]
    bias = reader.constants[bias_name].astype(numpy.int64).reshape(-1)
    zero = int(input_zero_point)
    return Layer(
        node.name,
        weights,
        bias,
        numpy.broadcast_to(weight_scales, (len(weights),)),
        float(input_scale),
        output[0],
        output[1],
        output[2],
        stored[0] - zero,
        stored[1] - zero,
    )
