"""Quantized networks for the tests of the quantized passes: small ONNX models, what the passes make of them, and the oracle's judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.exact import Oracle
from tests.oracle.rational import Array
from tinyir.frontend import import_onnx
from tinyir.interp.machine import Machine, main_function, run
from tinyir.ir.operation import Operation
from tinyir.passes.canonicalize import Canonicalize
from tinyir.passes.cse import CommonSubexpressionElimination
from tinyir.passes.dce import DeadCodeElimination
from tinyir.passes.dead_channels import DeadChannels
from tinyir.passes.fold_constants import FoldConstants
from tinyir.passes.layout import Layout
from tinyir.passes.lower_quantized import LowerQuantized
from tinyir.passes.lower_requantize import LowerRequantize
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import Pass, PassContext

ALGEBRA: tuple[Pass, ...] = (Canonicalize(), FoldConstants(), Layout(), CommonSubexpressionElimination(), DeadCodeElimination())
"""What brings an imported model into the form that the quantized passes expect."""
ALL: tuple[Pass, ...] = (LowerQuantized(), DeadChannels(), LowerRequantize())


@attrs.frozen
class Lowered:
    """A module after some passes, and what they stated."""

    module: Operation
    context: PassContext
    ledger: Ledger

    @property
    def names(self) -> Counter[str]:
        """How often each operation occurs."""
        return Counter(operation.name for operation in self.module.walk())

    def all(self, name: str) -> list[Operation]:
        return [operation for operation in self.module.walk() if operation.name == name]

    def one(self, name: str) -> Operation:
        (found,) = self.all(name)
        return found

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return run(self.module, inputs)

    def tensors(self, inputs: Mapping[str, Array]) -> dict[str, list[Array]]:
        """The results of all operations by the names of the nodes that they come from."""
        function, machine = main_function(self.module), Machine(self.module)
        (name,) = inputs
        (argument,) = function.body.arguments
        shape: Any = argument.type
        machine.call(function, [np.asarray(inputs[name]).reshape(shape.shape)])
        found: dict[str, list[Array]] = {}
        for operation in function.body:
            for result in operation.results:
                for node in operation.location.names:
                    found.setdefault(node, []).append(np.asarray(machine.values[result]))
        return found


def lowered(model: Any, passes: Sequence[Pass] = ALL, context: PassContext | None = None) -> Lowered:
    """A model (a path, bytes or an ONNX object) after the algebra and the given passes."""
    module = import_onnx(model.SerializeToString() if isinstance(model, onnx.ModelProto) else model)
    ledger = Ledger()
    context = context or PassContext(ledger=ledger)
    for one in (*ALGEBRA, *passes):
        one.run(module, context)
    return Lowered(module, context, ledger)


@attrs.frozen
class Quantized:
    """Scale, zero point and numpy type of an activation."""

    scale: float
    zero_point: int = 0
    kind: str = "int8"


class Network:
    """A small QDQ model under construction; every float operation is a node of its own name."""

    def __init__(self, shape: Sequence[int], quantized: Quantized) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(quantized.kind))
        self.inputs = [helper.make_tensor_value_info("x", kind, list(shape))]
        self.x = self.dequantize("x", quantized)

    def constant(self, values: Any, name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        result = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [result], name=f"node_{result}", **attributes))
        return result

    def _parameters(self, quantized: Quantized) -> tuple[str, str]:
        return self.constant(np.float32(quantized.scale)), self.constant(np.array(quantized.zero_point, quantized.kind))

    def dequantize(self, value: str, quantized: Quantized) -> str:
        return self.node("DequantizeLinear", value, *self._parameters(quantized))

    def quantize(self, value: str, quantized: Quantized, name: str = "") -> str:
        return self.node("QuantizeLinear", value, *self._parameters(quantized), name=name)

    def requantize(self, value: str, quantized: Quantized) -> str:
        """Quantized and dequantized: how one layer hands over to the next."""
        return self.dequantize(self.quantize(value, quantized), quantized)

    def weight(self, values: Any, scales: Any, zero_point: int = 0, kind: str = "int8") -> str:
        """Dequantized weights of one byte with a scale for all, or one for each index of axis 0."""
        scales = np.asarray(scales, np.float32)
        attributes: dict[str, Any] = {"axis": 0} if scales.ndim else {}
        stored = self.constant(np.asarray(values, kind))
        return self.node("DequantizeLinear", stored, self.constant(scales), self.constant(np.full(scales.shape, zero_point, kind)), **attributes)

    def bias(self, values: Any, scales: Any) -> str:
        """A dequantized int32 bias."""
        scales = np.asarray(scales, np.float32)
        attributes: dict[str, Any] = {"axis": 0} if scales.ndim else {}
        return self.node("DequantizeLinear", self.constant(np.asarray(values, np.int32)), self.constant(scales), **attributes)

    def input(self, name: str, shape: Sequence[int], quantized: Quantized) -> str:
        """One more input, dequantized."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(quantized.kind))
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return self.dequantize(name, quantized)

    def model(self, value: str, quantized: Quantized | None) -> onnx.ModelProto:
        """The model whose output `y` is the value, quantized; a float output if there is no quantization."""
        if quantized is None:
            self.node("Identity", value, name="y")
            kind: int = TensorProto.FLOAT
        else:
            self.quantize(value, quantized, "y")
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(quantized.kind))
        output = helper.make_tensor_value_info("y", kind, None)
        graph = helper.make_graph(self.nodes, "net", self.inputs, [output], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def expected(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> Array:
    """The oracle's bytes of the output `y`."""
    return Oracle(model).run(inputs).tensors["y"]


def assert_exact(model: onnx.ModelProto, samples: int = 4, passes: Sequence[Pass] = ALL) -> Lowered:
    """The lowered model gives the oracle's bytes on random inputs and on extremes; everything that it states is proved."""
    result, oracle = lowered(model, passes), Oracle(model)
    random = np.random.default_rng(0)
    for sample in range(samples):
        inputs = {}
        for value in model.graph.input:
            kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
            limits = np.iinfo(kind)
            extremes = np.full(shape, limits.min if sample == 0 else limits.max, kind)
            inputs[value.name] = extremes if sample < 2 else random.integers(limits.min, limits.max, size=shape, endpoint=True).astype(kind)
        assert np.array_equal(result.run(inputs)["y"].ravel(), oracle.run(inputs).tensors["y"].ravel())
    states = result.ledger.summary()
    assert states["proved"] == len(result.ledger)
    return result
