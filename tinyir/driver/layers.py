"""Layer by layer against onnxruntime: which node first loses accuracy, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from tinyir.driver.arrays import Array, Rows, fit_rows, pattern_rows
from tinyir.driver.columns import align
from tinyir.driver.execution import interpret
from tinyir.driver.expensive_checks import first_place, greatest_difference
from tinyir.driver.ports import module_ports
from tinyir.frontend.onnx import import_onnx
from tinyir.frontend.onnx_layers import open_model, run_onnxruntime


@attrs.frozen
class LayerDifference:
    """How far the tensor of a node is from onnxruntime's: as a part of its greatest value, over all rows, and where."""

    node: str
    operator: str
    tensor: str
    difference: float
    where: str


def compare_layers(path: Path, inputs: Rows | None, say: Callable[[str], None] | None = None) -> tuple[LayerDifference, ...]:
    """The differences of all tensors between the nodes of an ONNX model, in the order of the nodes.

    Raises:
        TinyirError: the model is not supported, the inputs do not fit, or onnxruntime is missing.
    """
    model = open_model(path)
    module = import_onnx(model.content, file=str(path))
    ports = module_ports(module)
    rows = pattern_rows(ports.inputs) if inputs is None else fit_rows(inputs, ports.inputs)
    ours = interpret(module, rows, say)
    theirs: list[dict[str, Array]] = []
    for index in range(len(next(iter(ours.values())))):
        if say is not None:
            say(f"row {index + 1} in onnxruntime")
        theirs.append(run_onnxruntime(model, {name: column[index] for name, column in rows.items()}))
    found = []
    for layer in model.layers:
        worst, where = 0.0, ""
        for index, tensors in enumerate(theirs):
            expected, actual = tensors[layer.tensor][None], ours[layer.tensor][index : index + 1]
            size = greatest_difference(expected, actual.reshape(expected.shape))
            if size > worst:
                worst, where = size, first_place(expected, actual.reshape(expected.shape)).replace("row 0", f"row {index}")
        found.append(LayerDifference(layer.node, layer.operator, layer.tensor, worst, where))
    return tuple(found)


def layers_table(layers: Sequence[LayerDifference], tolerance: float) -> str:
    """One line per node; the first one beyond the tolerance is told at the end."""
    rows = [("node", "operator", "difference"), *((_short(layer.node), layer.operator, f"{layer.difference:.3g}") for layer in layers)]
    first = next((layer for layer in layers if layer.difference > tolerance), None)
    if first is None:
        return align(rows, right_from=2) + f"no node is off by more than {tolerance:g} of its greatest value\n"
    return align(rows, right_from=2) + f"{first.node} ({first.operator}) is the first that is off by more than {tolerance:g}: {first.where}\n"


def _short(name: str, longest: int = 60) -> str:
    """The end of a long name, which tells most."""
    return name if len(name) <= longest else f"...{name[3 - longest :]}"
