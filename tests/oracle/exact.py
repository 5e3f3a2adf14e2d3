"""The oracle: what a quantized ONNX model means, byte for byte (`real_half_even`).

Every QuantizeLinear output is computed from the integers before it over the rationals and rounded once, half to even.
An int32 bias at scale float32(s_x * s_w) counts as an accumulator bias at the exact product; softmax from 8 bits to 8 bits
is its named integer definition; sigmoid and tanh are the real functions. Float outputs are the exact value rounded once.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import helper

from tests.oracle import arithmetic, reals
from tests.oracle.arithmetic import ARITHMETIC
from tests.oracle.graph import Graph, Node, read_graph
from tests.oracle.layout import LAYOUT, Inputs, Value, operand
from tests.oracle.rational import Array, Exact, Role, boundary_distance, exact, quantize, to_float32

_fraction = np.frompyfunc(lambda value: Fraction(float(value)), 1, 1)
_WIDTH_OF_A_BIAS = 4  # bytes


@attrs.frozen
class Rounding:
    """One QuantizeLinear: the exact value that it rounded, its scale, and what came out."""

    value: Exact
    scale: Array
    result: Array

    def distance_to_boundary(self, where: Array) -> list[Fraction]:
        """For the selected elements: how far value / scale lies from the nearest rounding boundary, in steps."""
        return boundary_distance(self.value, self.scale, where)


@attrs.frozen
class Evaluation:
    """tensors: every integer tensor that depends on the input, and the graph outputs, by name. roundings: every QuantizeLinear."""

    tensors: dict[str, Array]
    roundings: dict[str, Rounding]


class Oracle:
    """A model, ready to be evaluated many times. Raises KeyError for an operator that it does not know."""

    def __init__(self, model: onnx.ModelProto | Path | str) -> None:
        self.graph: Graph = read_graph(model)
        self._tabulated = _softmax_into_quantize(self.graph)
        self._constants: dict[str, Value] = dict(self.graph.constants)
        self._nodes: list[Node] = []
        for node in self.graph.nodes:
            if node.operator != "QuantizeLinear" and all(name in self._constants for name in node.inputs if name):
                self._constants[node.outputs[0]] = self._compute(node, [self._constants.get(name) for name in node.inputs])
            else:
                self._nodes.append(node)

    def run(self, inputs: Mapping[str, Array], given: Mapping[str, Array] | None = None) -> Evaluation:
        """Evaluates one sample: an array per graph input, of its element count.

        `given` replaces quantized tensors for their readers only: the oracle judges another engine layer by layer on that
        engine's own inputs, and its own result for each is still what `roundings` holds.
        """
        given = given or {}
        values = dict(self._constants)
        for name, shape in self.graph.inputs.items():
            values[name] = np.asarray(inputs[name]).reshape(shape)
        changing = set(self.graph.inputs)
        roundings: dict[str, Rounding] = {}
        for node in self._nodes:
            name = node.outputs[0]
            operands = [values[source] if source else None for source in node.inputs]
            changing.add(name)
            if node.operator == "QuantizeLinear":
                roundings[name] = _quantize_linear(node, operands)
                values[name] = given[name].reshape(roundings[name].result.shape) if name in given else roundings[name].result
            else:
                values[name] = self._compute(node, operands)
        tensors = {name: _plain(values[name]) for name in changing if _is_integer(values[name]) or name in self.graph.outputs}
        return Evaluation(tensors | {name: _plain(values[name]) for name in self.graph.outputs}, roundings)

    def _compute(self, node: Node, operands: Inputs) -> Value:
        if node.operator == "DequantizeLinear":
            return _dequantize_linear(node, operands)
        if node.operator == "Softmax" and node.outputs[0] in self._tabulated and _is_quantized(operands[0]):
            return arithmetic.softmax(node, operands, bits=reals.SOFTMAX_TABLE_BITS)
        return (LAYOUT | ARITHMETIC)[node.operator](node, operands)


def evaluate(model: onnx.ModelProto | Path | str, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every quantized tensor and every graph output of one sample, by name."""
    return Oracle(model).run(inputs).tensors


def _is_quantized(value: Value | None) -> bool:
    return isinstance(value, Exact) and value.role is Role.QUANTIZED


def _is_integer(value: Value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu"


def _plain(value: Value) -> Array:
    return to_float32(value) if isinstance(value, Exact) else value


def _softmax_into_quantize(graph: Graph) -> frozenset[str]:
    """Outputs of Softmax nodes that nobody reads but QuantizeLinear."""
    readers: dict[str, list[str]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.operator)
    outputs = [node.outputs[0] for node in graph.nodes if node.operator == "Softmax"]
    return frozenset(name for name in outputs if set(readers.get(name, [])) == {"QuantizeLinear"} and name not in graph.outputs)


def _scale_and_zero_point(node: Node, operands: Inputs, rank: int) -> tuple[Array, Array]:
    """Both with `rank` axes, their own along the node's axis."""
    scale, zero_point = operands[1], operands[2] if len(operands) > 2 else None
    if not isinstance(scale, np.ndarray) or isinstance(zero_point, Exact):
        raise ValueError("scales and zero points are constants")
    zeros = np.zeros(scale.shape, np.uint8) if zero_point is None else zero_point
    if scale.size == 1:
        return np.asarray(_fraction(scale.reshape(1))).reshape((1,) * rank), zeros.reshape((1,) * rank)
    shape = [1] * rank
    shape[node.attribute("axis", 1)] = scale.size
    return np.asarray(_fraction(scale), dtype=object).reshape(shape), zeros.reshape(shape)


def _dequantize_linear(node: Node, operands: Inputs) -> Value:
    data = operands[0]
    if not isinstance(data, np.ndarray):
        raise ValueError("DequantizeLinear reads integers")
    scale, zero_point = _scale_and_zero_point(node, operands, data.ndim)
    role = Role.BIAS if data.dtype.itemsize == _WIDTH_OF_A_BIAS else Role.QUANTIZED
    return exact(data.astype(np.int64) - zero_point.astype(np.int64), scale, role)


def _quantize_linear(node: Node, operands: Inputs) -> Rounding:
    data = operand(operands[0])
    scale, zero_point = _scale_and_zero_point(node, operands, data.numerator.ndim)
    kind = _result_type(node, zero_point)
    limits = np.iinfo(kind)
    result = quantize(data, scale, zero_point.astype(np.int64), int(limits.min), int(limits.max))
    return Rounding(data, scale, result.astype(kind))


def _result_type(node: Node, zero_point: Array) -> np.dtype[Any]:
    chosen = node.attribute("output_dtype", 0)
    return np.dtype(helper.tensor_dtype_to_np_dtype(chosen)) if chosen else zero_point.dtype


def rows(model: Oracle, samples: Array) -> Iterable[Evaluation]:
    """One evaluation per row of `samples`, for a model of one input."""
    (name,) = model.graph.inputs
    return (model.run({name: sample}) for sample in samples)
