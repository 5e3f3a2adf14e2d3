"""Builds ONNX graphs node by node, quantized (QDQ) or float, in the dialect of a given opset.

In a quantized graph every step is  q -> DequantizeLinear -> operators -> QuantizeLinear -> q; in a float one the two fall away.
The root mean square of each tensor is estimated along the way, so that scales fit and deep networks neither die nor saturate.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.rational import Array


@attrs.frozen
class Quantization:
    """real = (q - zero_point) * scale, q of type `kind` (numpy's int8 or uint8)."""

    scale: float
    zero_point: int
    kind: str


@attrs.frozen
class Tensor:
    """An activation: its name, static shape, estimated root mean square, and its quantization (None while it is float)."""

    name: str
    shape: tuple[int, ...]
    rms: float
    quantization: Quantization | None = None


@attrs.frozen
class Features:
    """What varies between models beside the operators."""

    quantized: bool
    opset: int
    unsigned: bool  # uint8 activations
    per_channel: bool  # scales per output channel of weights
    asymmetric_weights: bool
    symbolic_batch: bool
    constants_are_nodes: bool
    initializers_are_inputs: bool  # as before IR version 4
    weights_of_whole_range: bool = False  # -128 too, and channels of nothing but zeros
    awkward_scales: bool = False  # steps far from those that fit, zero points at the ends of their range


# The IR version that came with each opset (older ones list initializers among the inputs).
_IR_VERSION_OF_OPSET = {10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
_OPSET_OF_PER_AXIS_SCALES = 13
# Every string is a legal name; the last ones would break C or text that quotes them as they are.
_NAME_STYLES = ("t{}", "/net/layer.{}/out_0", "model/Relu;model/add_{}:0", "{}", "int{}", "x y {}", "größe_{}", "*/ #error {}", '"{}\\', "line\n{}", "??/{}")


class Builder:
    """A graph under construction. Everything random comes from `random`."""

    def __init__(self, random: Random, features: Features) -> None:
        self.random = random
        self.features = features
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.input_kinds: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._style = random.choice(_NAME_STYLES)
        self._count = 0

    def fresh(self) -> str:
        self._count += 1
        return self._style.format(self._count)

    def integers(self, shape: Sequence[int], kind: str, low: int | None = None, high: int | None = None) -> Array:
        """Random integers, by default over the whole range of their type."""
        limits = np.iinfo(kind)
        generator = np.random.default_rng(self.random.getrandbits(32))
        return generator.integers(limits.min if low is None else low, limits.max if high is None else high, size=shape, endpoint=True).astype(kind)

    def normal(self, shape: Sequence[int], deviation: float) -> Array:
        generator = np.random.default_rng(self.random.getrandbits(32))
        return (generator.normal(size=shape) * deviation).astype(np.float32)

    def constant(self, values: Array) -> str:
        """An initializer, or a Constant node."""
        name = self.fresh()
        tensor = numpy_helper.from_array(np.asarray(values), name)
        if self.features.constants_are_nodes:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(tensor)
        return name

    def int64(self, values: Sequence[int]) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def float32(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Appends a node of one output; returns the output's name."""
        name = self.fresh()
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    # Quantization

    def choose(self, low: float, high: float) -> Quantization:
        """A quantization for values between low and high (zero included)."""
        kind = "uint8" if self.features.unsigned else "int8"
        limits = np.iinfo(kind)
        scale = float(np.float32(max(high - low, 1e-6) / 255))
        zero_point = int(np.clip(round(limits.min - low / scale), limits.min, limits.max))
        if self.features.awkward_scales and self.random.random() < 0.5:
            scale = float(np.float32(scale * 2.0 ** self.random.uniform(-5, 3)))
            zero_point = self.random.choice([limits.min, limits.max, 0, zero_point])
        return Quantization(scale, int(zero_point), kind)

    def dequantized(self, tensor: Tensor) -> str:
        """The name of the tensor's real values."""
        q = tensor.quantization
        if q is None:
            return tensor.name
        return self.node("DequantizeLinear", [tensor.name, *self._parameters(q)], **self._useless_axis())

    def quantized(self, name: str, shape: Sequence[int], low: float, high: float, rms: float, chosen: Quantization | None = None) -> Tensor:
        """Ends a step: real values `name`, expected between low and high, become an activation."""
        if not self.features.quantized:
            return Tensor(name, tuple(shape), rms)
        q = chosen or self.choose(low, high)
        attributes = self._useless_axis()
        if q == Quantization(q.scale, 0, "uint8") and self.random.random() < 0.5:
            return Tensor(self.node("QuantizeLinear", [name, self.float32(q.scale)], **attributes), tuple(shape), rms, q)  # the default zero point
        return Tensor(self.node("QuantizeLinear", [name, *self._parameters(q)], **attributes), tuple(shape), rms, q)

    def _parameters(self, q: Quantization) -> list[str]:
        return [self.float32(q.scale), self.constant(np.array(q.zero_point, dtype=q.kind))]

    def _useless_axis(self) -> dict[str, int]:
        """With a scalar scale the axis means nothing; some exporters write it all the same."""
        return {"axis": 1} if self.features.opset >= _OPSET_OF_PER_AXIS_SCALES and self.random.random() < 0.3 else {}

    def weight(self, shape: Sequence[int], axis: int, terms: int) -> tuple[str, Array, float]:
        """A constant weight whose output channels lie on `axis`, each a sum of `terms`: name, scales, root mean square."""
        rms = self.random.uniform(0.5, 1.5) / terms**0.5
        if not self.features.quantized:
            return self.constant(self.normal(shape, rms)), np.ones(1), rms
        per_channel = self.features.per_channel and self.features.opset >= _OPSET_OF_PER_AXIS_SCALES
        generator = np.random.default_rng(self.random.getrandbits(32))
        spread = generator.uniform(0.5, 1.5, size=shape[axis] if per_channel else 1)
        scales = (spread * rms / 73).astype(np.float32)  # uniform int8 has a root mean square of 73
        if self.features.asymmetric_weights and not per_channel:
            values, zeros = self.integers(shape, "uint8"), np.array([self.random.randint(110, 145)], np.uint8)
        else:
            values, zeros = self.integers(shape, "int8", low=-127), np.zeros(scales.shape, np.int8)
            if self.features.weights_of_whole_range:
                values, scales = self._roughened(values, scales, axis)
        parameters = (scales, zeros) if per_channel else (scales.reshape(()), zeros.reshape(()))
        attributes = {"axis": self.random.choice([axis, axis - len(shape)])} if per_channel else {}
        name = self.node("DequantizeLinear", [self.constant(values), *(self.constant(p) for p in parameters)], **attributes)
        return name, scales, rms

    def _roughened(self, values: Array, scales: Array, axis: int) -> tuple[Array, Array]:
        """Weights with -128 among them; now and then a channel of zeros, and scales that lie far apart."""
        generator = np.random.default_rng(self.random.getrandbits(32))
        channels = np.moveaxis(values, axis, 0)
        channels[generator.random(channels.shape) < 0.05] = -128
        if self.random.random() < 0.5:
            channels[generator.random(len(channels)) < 0.3] = 0
        if scales.size > 1 and self.features.awkward_scales:
            scales = (scales * 2.0 ** generator.uniform(-20, 4, scales.size)).astype(np.float32)
        return values, scales

    def bias(self, size: int, data: Tensor, scales: Array, rms: float) -> str:
        """A bias of `size` elements: int32 at float32(s_x * s_w), int32 at a scale of its own, or float32."""
        choice = self.random.random()
        if data.quantization is None or choice < 0.2:
            return self.constant(self.normal([size], rms))
        product = (np.float32(data.quantization.scale) * scales).astype(np.float32)
        if choice < 0.3:
            product = (product * np.float32(1.7)).astype(np.float32)
        reach = max(1, int(rms / float(product.max())))
        values = self.integers([size], "int32", -reach, reach)
        if product.size == 1:
            return self.node("DequantizeLinear", [self.constant(values), self.constant(product.reshape(()))])
        zeros = self.constant(np.zeros(size, np.int32))
        return self.node("DequantizeLinear", [self.constant(values), self.constant(product), zeros], axis=0)

    # The boundary of the graph

    def graph_input(self, shape: Sequence[int], *, integer: bool) -> Tensor:
        name = self.fresh()
        q = self.choose(-self.random.uniform(0.5, 3), self.random.uniform(0.5, 3)) if self.features.quantized else None
        kind = q.kind if q is not None and integer else "float32"
        dimensions: list[int | str] = ["batch", *shape[1:]] if self.features.symbolic_batch else list(shape)
        self.inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), dimensions))
        self.input_kinds[name] = (kind, tuple(shape))
        if q is None or integer:
            return Tensor(name, tuple(shape), 1.0, q)
        return self.quantized(name, shape, 0, 0, 1.0, q)

    def graph_output(self, tensor: Tensor, *, integer: bool) -> None:
        kind, name = TensorProto.FLOAT, tensor.name
        if tensor.quantization is not None and integer:
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.quantization.kind))
        elif tensor.quantization is not None:
            name = self.dequantized(tensor)
        dimensions = [None, *tensor.shape[1:]] if self.features.symbolic_batch else list(tensor.shape)
        self.outputs.append(helper.make_tensor_value_info(name, kind, dimensions))

    def model(self, name: str) -> onnx.ModelProto:
        """The whole graph as a model; now and then with a constant that nobody reads."""
        if self.random.random() < 0.1:
            self.constant(self.normal([3], 1))
        inputs = list(self.inputs)
        version = _IR_VERSION_OF_OPSET[self.features.opset]
        if self.features.initializers_are_inputs:
            version = 3
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.initializers]
        graph = helper.make_graph(self.nodes, name, inputs, self.outputs, self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.features.opset)], ir_version=version)
