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
from tinyir.ir.errors import Place, TinyirError, did_you_mean

Array = NDArray[Any]
Rows = Mapping[str, Array]
"""By name, each [rows, elements] (inputs) or [rows, ...shape] (outputs)."""


class FileArrays(dict[str, Array]):
    """The arrays of a file by name; that of an .npy under the name ""."""

    def __init__(self, arrays: Rows, file: str) -> None:
        super().__init__(arrays)
        self.file = file


def load_arrays(path: Path) -> FileArrays:
    """The arrays of a file.

    Raises:
        TinyirError: no such file, or no arrays.
    """
    place = Place(str(path))
    if not path.is_file():
        raise TinyirError("there is no such file", place=place)
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            arrays = {name: content[name] for name in content} if isinstance(content, np.lib.npyio.NpzFile) else {"": content}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise TinyirError("is not an array of numpy", place=place, hint="give a file that numpy.save or numpy.savez wrote") from error
    return FileArrays(arrays, str(path))


def fit_rows(arrays: Rows, inputs: Sequence[Port]) -> dict[str, Array]:
    """Arrays by name as rows of the inputs, each [rows, elements] of its own element type; one array of the name "" serves a single input.

    Raises:
        TinyirError: names, sizes or values do not fit.
    """
    place = Place(arrays.file if isinstance(arrays, FileArrays) else "")
    known = [port.name for port in inputs]
    if set(arrays) == {""} and len(inputs) != 1:
        hint = "give an .npz with one array per input"
        raise TinyirError(f"one array, but the model has {len(inputs)} inputs ({', '.join(known)})", place=place, hint=hint)
    if set(arrays) == {""}:
        arrays = {inputs[0].name: arrays[""]}
    for name in arrays:
        if name not in known:
            raise TinyirError(f"the model has no input '{name}': it has {', '.join(known)}", place=place, hint=did_you_mean(name, known))
    missing = [port for port in inputs if port.name not in arrays]
    if missing:
        raise TinyirError(f"the input {missing[0]} is missing", place=place)
    rows = {port.name: _fit(arrays[port.name], port, place) for port in inputs}
    if len({len(column) for column in rows.values()}) > 1:
        counts = ", ".join(f"{name} has {len(column)}" for name, column in rows.items())
        raise TinyirError(f"the inputs differ in their number of rows: {counts}", place=place)
    return rows


def _fit(array: Array, port: Port, place: Place) -> Array:
    rows = 1 if array.size == port.elements else len(array) if array.ndim else 0
    if rows == 0 or array.size != rows * port.elements:
        raise TinyirError(
            f"shape {list(array.shape)} holds no whole rows of the input {port}, which has {port.elements} elements",
            place=place,
            hint="the leading axis counts the rows",
        )
    if array.dtype.kind not in "biuf":
        raise TinyirError(f"elements of {array.dtype} are no input {port}", place=place)
    with np.errstate(all="ignore"):
        stored = array.astype(port.dtype)
    rounds = port.dtype == "float32" and array.dtype == np.float64
    if not rounds and not np.array_equal(stored.astype(array.dtype), array, equal_nan=array.dtype.kind == "f"):
        hint = "give the model's raw input type"
        raise TinyirError(f"{array.dtype} has values that the input {port} does not hold", place=place, hint=hint)
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
        raise TinyirError("outputs are written as .npy or .npz", place=Place(str(path)))
    if path.suffix == ".npy" and len(outputs) != 1:
        hint = f"write {path.with_suffix('.npz').name}"
        raise TinyirError(f"the model has {len(outputs)} outputs ({', '.join(outputs)})", place=Place(str(path)), hint=hint)
    with output_file(path) as scratch, scratch.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, next(iter(outputs.values())))
        else:
            np.savez(file, allow_pickle=False, **outputs)
