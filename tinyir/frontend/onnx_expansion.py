"""Operators on quantized tensors (QLinearConv, QGemm, ...) as DequantizeLinear, the operator on reals, QuantizeLinear.

    y = QLinearAdd(a, sa, za, b, sb, zb, sy, zy)
    =>  y = QuantizeLinear(Add(DequantizeLinear(a, sa, za), DequantizeLinear(b, sb, zb)), sy, zy)

A bias of int32 has the product of the scales of data and weights as its scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from tinyir.frontend.onnx_model import Array, ModelError, Node


@attrs.frozen
class Expansion:
    """The positions of inputs: `operands` those with a scale and a zero point behind them, `result` the scale of the result
    with its zero point behind it, `bias` (optional) integers at the product of the first two operands' scales.

    With `any_number` all inputs from the first operand on are operands, in threes.
    `attributes` are the defaults where there is no schema; `channel_axis` is the axis of several scales of the second operand.
    """

    operator: str
    operands: tuple[int, ...]
    result: int
    least: int
    bias: int | None = None
    channel_axis: int = 0
    attributes: Mapping[str, Any] = attrs.field(factory=dict)
    any_number: bool = False

    def operands_of(self, node: Node) -> Sequence[int]:
        """
        Raises:
            ModelError: the node lacks inputs.
        """
        if len(node.inputs) < self.least:
            raise ModelError(f"has {len(node.inputs)} inputs, where {self.least} or more are needed")
        if not self.any_number:
            return self.operands
        (first,) = self.operands
        if (len(node.inputs) - first) % 3:
            raise ModelError(f"has {len(node.inputs) - first} inputs for operands with their scales and zero points, which are no threes")
        return range(first, len(node.inputs), 3)


_POOL = {"auto_pad": "NOTSET", "ceil_mode": 0, "count_include_pad": 0}
EXPANSIONS = {
    "QLinearConv": Expansion("Conv", (0, 3), 6, 8, bias=8),
    "QLinearMatMul": Expansion("MatMul", (0, 3), 6, 8, channel_axis=-1),
    "com.microsoft.QGemm": Expansion("Gemm", (0, 3), 7, 6, bias=6, attributes={"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}),
    "com.microsoft.QLinearAdd": Expansion("Add", (0, 3), 6, 7),
    "com.microsoft.QLinearMul": Expansion("Mul", (0, 3), 6, 7),
    "com.microsoft.QLinearConcat": Expansion("Concat", (2,), 0, 5, any_number=True),
    "com.microsoft.QLinearAveragePool": Expansion("AveragePool", (0,), 3, 4, attributes=_POOL),
    "com.microsoft.QLinearGlobalAveragePool": Expansion("GlobalAveragePool", (0,), 3, 4),
    "com.microsoft.QLinearSoftmax": Expansion("Softmax", (0,), 3, 4, attributes={"axis": -1}),
    "com.microsoft.QLinearSigmoid": Expansion("Sigmoid", (0,), 3, 4),
    "com.microsoft.QLinearLeakyRelu": Expansion("LeakyRelu", (0,), 3, 4, attributes={"alpha": 0.01}),
}
"""By full operator name."""


class Expander:
    """Replaces nodes; the constants gain the scales of biases."""

    def __init__(self, constants: dict[str, Array], nodes: list[Node]) -> None:
        self.constants = constants
        self._known = {node.outputs[0]: node.attributes.get("value") for node in nodes if node.operator == "Constant"} | constants
        self._taken = {name for node in nodes for name in (*node.inputs, *node.outputs)} | set(constants)

    def expanded(self, node: Node) -> list[Node]:
        """The nodes that a node stands for: itself, if it is none of these operators.

        Raises:
            ModelError: it lacks inputs, or its scales are computed.
        """
        expansion = EXPANSIONS.get(node.full_operator)
        return [node] if expansion is None else list(self._expansion(node, expansion))

    def _expansion(self, node: Node, expansion: Expansion) -> Iterator[Node]:
        operands = expansion.operands_of(node)
        attributes = dict(expansion.attributes) | {name: value for name, value in node.attributes.items() if name not in ("opset", "channels_last")}
        if node.attributes.get("channels_last"):
            raise ModelError("has its channels last, which is not supported")
        axis = expansion.channel_axis if expansion.operator != "Gemm" else 1 - attributes["transB"]
        reals = []
        for place in operands:
            reals.append(self._fresh(node, "real"))
            parameters = {"axis": axis if place != operands[0] else -2 if expansion.operator == "MatMul" else 0}
            yield attrs.evolve(node, operator="DequantizeLinear", domain="", inputs=node.inputs[place : place + 3], outputs=(reals[-1],), attributes=parameters)
        if expansion.bias is not None and node.inputs[expansion.bias : expansion.bias + 1] not in ((), ("",)):
            scale = self._bias_scale(node, expansion, attributes.get("alpha", 1.0))
            reals.append(self._fresh(node, "bias"))
            inputs = (node.inputs[expansion.bias], scale)
            yield attrs.evolve(node, operator="DequantizeLinear", domain="", inputs=inputs, outputs=(reals[-1],), attributes={"axis": 0})
        result = node.inputs[expansion.result : expansion.result + 2]
        quantizes = result not in ((), ("",), ("", ""))
        made = self._fresh(node, "result") if quantizes else node.outputs[0]
        opset = node.attributes.get("opset", node.opset)
        yield attrs.evolve(node, operator=expansion.operator, domain="", inputs=tuple(reals), outputs=(made,), attributes=attributes, opset=opset)
        if quantizes:
            yield attrs.evolve(node, operator="QuantizeLinear", domain="", inputs=(made, *result), attributes={"axis": 1})

    def _bias_scale(self, node: Node, expansion: Expansion, alpha: float) -> str:
        scales = [self._known.get(node.inputs[place + 1]) for place in expansion.operands]
        if not all(isinstance(scale, np.ndarray) and scale.dtype == np.float32 and scale.ndim < 2 for scale in scales):
            raise ModelError("has scales that are no float32 constants")
        first, second = (np.asarray(scale, np.float32).reshape(-1) for scale in scales)
        if first.size != 1:
            raise ModelError(f"has {first.size} scales for its first input, where one is needed")
        name = self._fresh(node, "bias_scale")
        self.constants[name] = np.float32(alpha) * first * second
        return name

    def _fresh(self, node: Node, part: str) -> str:
        name = f"{node.outputs[0]}_{part}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name
