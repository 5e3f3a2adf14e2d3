"""onnxruntime as the second judge: sessions on the CPU, and the comparison with the oracle layer by layer."""

import importlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import helper

from tests.oracle.exact import Evaluation, Oracle
from tests.oracle.graph import read_graph
from tests.oracle.rational import Array

_onnxruntime = importlib.import_module("onnxruntime")  # has no type stubs

_ERRORS_ONLY = 3


class Engine:
    """A session of onnxruntime on one thread. Raises onnxruntime's exceptions for a model that it refuses."""

    def __init__(self, model: onnx.ModelProto, *, optimized: bool, int8_kernels: bool = False) -> None:
        options = _onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        if int8_kernels:
            options.add_session_config_entry("session.qdqisint8allowed", "1")
        levels = _onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
        self._session: Any = _onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.shapes = {value.name: [d if isinstance(d, int) and d > 0 else 1 for d in value.shape] for value in self._session.get_inputs()}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every output by name; an input is reshaped to what the model says (a symbolic dimension is 1)."""
        fed = {name: np.asarray(array).reshape(self.shapes[name]) for name, array in inputs.items() if name in self.shapes}
        names = [value.name for value in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, fed), strict=True))


def with_quantized_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, every QuantizeLinear output being a graph output too."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    constants = read_graph(model).constants
    already = {value.name for value in model.graph.output}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0] not in already:
            kind = constants[node.input[2]].dtype if len(node.input) > 2 else np.dtype(np.uint8)
            shown.graph.output.append(helper.make_tensor_value_info(node.output[0], helper.np_dtype_to_tensor_dtype(kind), None))
    return shown


@attrs.frozen
class Comparison:
    """Layers judged on equal inputs: bytes, how many differ, by how many steps at most, and how far the exact value of a
    differing byte lies from a rounding boundary at most (in steps)."""

    layers: int
    compared: int
    differing: int
    greatest_step: int
    greatest_distance: Fraction

    def row(self, name: str) -> str:
        return (
            f"{name:<30} {self.layers:>6} {self.compared:>10} {self.differing:>9} {self.greatest_step:>9} "
            f"{float(self.greatest_distance):>10.1e}"
        )


HEADING = f"{'model':<30} {'layers':>6} {'bytes':>10} {'differing':>9} {'max steps':>9} {'max dist.':>10}"


def compare_layers(path: Path, inputs: list[dict[str, Array]]) -> Comparison:
    """Runs both over all inputs; each layer of the oracle reads what onnxruntime (optimizations off) computed before it."""
    model = onnx.load(str(path))
    return compare_model(model, inputs)


def compare_model(model: onnx.ModelProto, inputs: list[dict[str, Array]]) -> Comparison:
    oracle, engine = Oracle(model), Engine(with_quantized_outputs(model), optimized=False)
    total = Comparison(0, 0, 0, 0, Fraction(0))
    for sample in inputs:
        theirs = engine.run(sample)
        total = _joined(total, compare_tensors(oracle.run(sample, given=theirs), theirs))
    return total


def compare_tensors(ours: Evaluation, theirs: Mapping[str, Array]) -> Comparison:
    """Every rounding of the oracle against the other engine's tensor of that name."""
    compared = differing = step = 0
    distance = Fraction(0)
    for name, rounding in ours.roundings.items():
        difference = np.abs(rounding.result.astype(np.int64) - theirs[name].reshape(rounding.result.shape).astype(np.int64))
        compared += difference.size
        differing += int(np.count_nonzero(difference))
        step = max(step, int(difference.max(initial=0)))
        distance = max([distance, *rounding.distance_to_boundary(difference != 0)])
    return Comparison(len(ours.roundings), compared, differing, step, distance)


def _joined(one: Comparison, other: Comparison) -> Comparison:
    return Comparison(
        max(one.layers, other.layers),
        one.compared + other.compared,
        one.differing + other.differing,
        max(one.greatest_step, other.greatest_step),
        max(one.greatest_distance, other.greatest_distance),
    )
