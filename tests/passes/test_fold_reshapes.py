"""Reshapes that only add or drop axes of one element vanish; others stay."""

from __future__ import annotations

import numpy
import pytest

from tests.passes.loop_programs import Program
from tests.passes.pipeline import apply
from tinyir.interp.machine import run
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, TensorType
from tinyir.passes.fold_reshapes import FoldReshapes


def reshaped(*shapes: tuple[int, ...]) -> Operation:
    """A network that reshapes its input again and again, and copies what comes out."""
    program = Program("net", {"x": TensorType(shapes[0], I8)}, {"y": TensorType(shapes[-1], I8)})
    value: Value = program.inputs[0]
    for shape in shapes[1:]:
        value = program.reshape(value, shape)
    y = program.tensor(shapes[-1], I8)
    first, second = (axis for axis, extent in enumerate(shapes[-1]) if extent > 1)
    with program.loop(0, shapes[-1][first], parallel=True) as i, program.loop(0, shapes[-1][second], parallel=True) as j:
        at = [i.index if axis == first else j.index if axis == second else 0 for axis in range(len(shapes[-1]))]
        program.define(program.read(value, *at), y, *at)
    return program.finish(y)


@pytest.mark.parametrize(
    ("shapes", "left"),
    [
        (((1, 1, 4, 6), (1, 4, 6, 1)), 0),
        (((4, 6), (1, 4, 6), (4, 1, 6)), 0),
        (((1, 1, 4, 6), (1, 1, 4, 6), (1, 4, 6, 1)), 0),
        (((4, 6), (6, 4)), 1),
        (((1, 24, 1), (4, 6)), 1),
        (((4, 6), (6, 4), (6, 1, 4)), 1),
    ],
)
def test_a_reshape_goes_where_only_axes_of_one_element_differ(shapes: tuple[tuple[int, ...], ...], left: int) -> None:
    module, folded = reshaped(*shapes), reshaped(*shapes)
    apply(folded, [FoldReshapes()])
    assert sum(operation.name == "loop.reshape" for operation in folded.walk()) == left
    x = {"x": numpy.arange(24).astype(numpy.int8).reshape(shapes[0])}
    assert run(folded, x)["y"].tolist() == run(module, x)["y"].tolist()
