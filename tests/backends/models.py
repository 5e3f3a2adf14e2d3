"""Small generated models, written by hand: what the compiler would leave in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy

from tinyir.backends.harness import Array
from tinyir.backends.manifest import Manifest, Tensor, write_manifest

SMALL = Path(__file__).parent / "models" / "small"
C_TYPES = {"bool": "uint8_t", "float32": "float"}


def c_type(dtype: str) -> str:
    return C_TYPES.get(dtype, f"{dtype}_t")


def tensor(function: str, dtype: str = "int8", shape: Sequence[int] = (4,)) -> Tensor:
    """A tensor that is called as its function is, less the model's name."""
    return Tensor(function.partition("_")[2], function, dtype, tuple(shape))


def write_model(
    folder: Path,
    body: str,
    inputs: Sequence[Tensor] = (tensor("m_input"),),
    outputs: Sequence[Tensor] = (tensor("m_output"),),
    has_reset: bool = False,
) -> Path:
    """A model m: `body` is C text that defines m_run, on arrays called as the tensors."""
    functions = [(f"{'' if kind else 'const '}{c_type(t.dtype)} *{t.function}(void)", t) for kind, group in ((1, inputs), (0, outputs)) for t in group]
    state = ["void m_reset(void);"] if has_reset else []
    header = ["#ifndef M_H", "#define M_H", "#include <stdint.h>", *(f"{text};" for text, _ in functions), "void m_run(void);", *state, "#endif", ""]
    arrays = [f"static {c_type(t.dtype)} {t.name}[{t.elements}];" for _, t in functions]
    accessors = [f"{text} {{ return {t.name}; }}" for text, t in functions]
    folder.mkdir(exist_ok=True)
    (folder / "m.h").write_text("\n".join(header))
    (folder / "m.c").write_text("\n".join(['#include "m.h"', *arrays, *accessors, body, ""]))
    write_manifest(folder, Manifest("m.onnx", "m", "host", "speed", tuple(inputs), tuple(outputs), 0, has_reset))
    return folder


def small_inputs(rows: int) -> dict[str, Array]:
    generator = numpy.random.default_rng(7)
    return {
        "x": generator.integers(-128, 128, (rows, 6)).astype(numpy.int8),
        "gain": generator.normal(size=(rows, 1)).astype(numpy.float32),
    }


def small_expected(inputs: dict[str, Array]) -> dict[str, Array]:
    """The mathematics of models/small/small.c; C's division rounds towards zero."""
    x, gain = inputs["x"].astype(numpy.int64), inputs["gain"].astype(numpy.float32)
    weight_1 = numpy.array([[1, -2, 3, -4, 5, -6], [7, 6, 5, 4, 3, 2], [-1, 1, -1, 1, -1, 1], [9, 0, -9, 0, 9, 0]])
    weight_2 = numpy.array([[1, 2, 3, 4], [-4, 3, -2, 1], [5, -5, 5, -5]])
    hidden = numpy.clip(numpy.trunc((x @ weight_1.T + [10, -20, 30, -40]) / 16), 0, 127)
    y = numpy.clip(numpy.trunc(hidden @ weight_2.T / 8), -128, 127).astype(numpy.int8)
    return {"y": y[:, None, :], "z": (gain * y.astype(numpy.float32))[:, None, :]}
