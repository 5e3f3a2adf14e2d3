"""Inputs and outputs as files of numpy: X.npy holds one input per row of its leading axis, X.npz one such array per name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.driver.output import output_file
from tinyir.driver.ports import Port
from tinyir.ir.errors import TinyirError, did_you_mean

Array = NDArray[Any]
Rows = Mapping[str, Array]
"""By name, each [rows, elements] (inputs) or [rows, ...shape] (outputs)."""


def load_arrays(path: Path) -> Rows:
    """The arrays of a file by name; that of an .npy under the name "".

    Raises:
        TinyirError: no such file, or no arrays.
    """
    if not path.exists():
        raise TinyirError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            return {name: content[name] for name in content} if isinstance(content, np.lib.npyio.NpzFile) else {"": content}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise TinyirError(f"{path}: not an array of numpy: {error}", hint="give a file that numpy.save or numpy.savez wrote") from error


def fit_rows(arrays: Rows, inputs: Sequence[Port]) -> dict[str, Array]:
    """Arrays by name as rows of the inputs; one array of the name "" serves a single input.

    Raises:
        TinyirError: names, sizes or values do not fit.
    """
    if set(arrays) == {""} and len(inputs) != 1:
        names = ", ".join(port.name for port in inputs)
        raise TinyirError(f"one array, but the model has {len(inputs)} inputs ({names})", hint="give an .npz with one array per input")
    if set(arrays) == {""}:
        arrays = {inputs[0].name: arrays[""]}
    known = [port.name for port in inputs]
    for name in arrays:
        if name not in known:
            raise TinyirError(f"the model has no input '{name}': it has {', '.join(known)}", hint=did_you_mean(name, known))
    rows = {port.name: _fit(arrays[port.name], port) for port in inputs if port.name in arrays}
    missing = [port for port in inputs if port.name not in arrays]
    if missing:
        raise TinyirError(f"the input {missing[0]} is missing")
    if len({len(column) for column in rows.values()}) > 1:
        counts = ", ".join(f"{name} has {len(column)}" for name, column in rows.items())
        raise TinyirError(f"the inputs differ in their number of rows: {counts}")
    return rows


def _fit(array: Array, port: Port) -> Array:
    rows = 1 if array.size == port.elements else len(array) if array.ndim else 0
    if rows == 0 or array.size != rows * port.elements:
        raise TinyirError(
            f"shape {list(array.shape)} holds no whole rows of the input {port}, which has {port.elements} elements",
            hint="the leading axis counts the rows",
        )
    if array.dtype.kind not in "biuf":
        raise TinyirError(f"elements of {array.dtype} are no input {port}")
    with np.errstate(all="ignore"):
        stored = array.astype(port.dtype)
    rounds = port.dtype == "float32" and array.dtype == np.float64
    if not rounds and not np.array_equal(stored.astype(array.dtype), array, equal_nan=array.dtype.kind == "f"):
        raise TinyirError(f"{array.dtype} has values that the input {port} does not hold", hint="give the model's raw input type")
    return stored.reshape(rows, port.elements)


def pattern_rows(inputs: Sequence[Port], rows: int = 1) -> dict[str, Array]:
    """Inputs for a measurement where nobody gave any: the same numbers every time, floats in [0, 1), integers over their whole range."""
    found: dict[str, Array] = {}
    for number, port in enumerate(inputs):
        generator = np.random.default_rng(number)
        shape = (rows, port.elements)
        dtype = np.dtype(port.dtype)
        if dtype.kind == "f":
            found[port.name] = generator.random(shape, np.float32)
        elif dtype.kind == "b":
            found[port.name] = generator.random(shape) < 0.5
        else:
            limits = np.iinfo(dtype)
            found[port.name] = generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return found


def write_rows(path: Path, outputs: Rows) -> None:
    """Writes outputs, as .npz by name or as .npy if there is only one.

    Raises:
        TinyirError: several outputs for one .npy, another ending, or a place that cannot be written.
    """
    if path.suffix not in (".npy", ".npz"):
        raise TinyirError(f"{path}: outputs are written as .npy or .npz")
    if path.suffix == ".npy" and len(outputs) != 1:
        raise TinyirError(f"{path}: the model has {len(outputs)} outputs ({', '.join(outputs)})", hint=f"write {path.with_suffix('.npz').name}")
    with output_file(path) as scratch, scratch.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, next(iter(outputs.values())))
        else:
            np.savez(file, allow_pickle=False, **outputs)
