"""Rows of inputs and outputs in files of numpy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyir.driver.arrays import Array, fit_rows, load_arrays, pattern_rows, write_rows
from tinyir.driver.ports import Port
from tinyir.ir.errors import TinyirError

IMAGE = Port("x", "float32", (1, 2, 3))
BYTES = Port("b", "int8", (1, 4))


@pytest.mark.parametrize("shape", [(5, 6), (5, 2, 3), (5, 1, 2, 3), (5, 1, 1, 6)])
def test_each_row_of_the_leading_axis_is_one_input(shape: tuple[int, ...]) -> None:
    data = np.arange(30, dtype=np.float32)
    assert np.array_equal(fit_rows({"": data.reshape(shape)}, [IMAGE])["x"], data.reshape(5, 6))


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3), (1, 1, 2, 3)])
def test_as_many_elements_as_one_input_has_are_one_row(shape: tuple[int, ...]) -> None:
    assert fit_rows({"": np.zeros(shape, np.float32)}, [IMAGE])["x"].shape == (1, 6)


def test_doubles_become_floats_and_small_integers_stay(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((1, 6), 0.1))
    assert fit_rows(load_arrays(tmp_path / "x.npy"), [IMAGE])["x"].dtype == np.float32
    assert fit_rows({"": np.array([[-128, 127, 0, 1]])}, [BYTES])["b"].tolist() == [[-128, 127, 0, 1]]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "too few elements": ({"": np.zeros((3, 5), np.float32)}, "holds no whole rows of the input 'x': float32[1, 2, 3], which has 6 elements"),
    "no rows": ({"": np.zeros((0, 6), np.float32)}, "holds no whole rows"),
    "text": ({"": np.full((1, 6), "a")}, "elements of <U1 are no input"),
    "an unknown name": ({"x": np.zeros((1, 6)), "y": np.zeros(1)}, "the model has no input 'y': it has x"),
    "a missing name": ({}, "the input 'x': float32[1, 2, 3] is missing"),
}


@pytest.mark.parametrize(("arrays", "message"), BAD.values(), ids=BAD.keys())
def test_arrays_that_do_not_fit_are_an_error(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(TinyirError) as caught:
        fit_rows(arrays, [IMAGE])
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [128, 0.5, -129, np.nan])
def test_values_that_the_input_cannot_hold_are_an_error(value: float) -> None:
    with pytest.raises(TinyirError, match="values that the input 'b': int8"):
        fit_rows({"": np.array([[value, 0, 0, 0]])}, [BYTES])


def test_inputs_by_name_have_equally_many_rows() -> None:
    arrays: dict[str, Array] = {"x": np.zeros((2, 6), np.float32), "b": np.zeros((2, 4), np.int8)}
    assert {name: rows.shape for name, rows in fit_rows(arrays, [IMAGE, BYTES]).items()} == {"x": (2, 6), "b": (2, 4)}
    with pytest.raises(TinyirError, match="x has 2, b has 3"):
        fit_rows({**arrays, "b": np.zeros((3, 4), np.int8)}, [IMAGE, BYTES])
    with pytest.raises(TinyirError, match="one array, but the model has 2 inputs"):
        fit_rows({"": np.zeros((2, 6))}, [IMAGE, BYTES])


@pytest.mark.parametrize("content", [b"", b"no array", b"PK\x03\x04 half a zip", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,)}"])
def test_a_file_without_arrays_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(TinyirError, match="is not an array of numpy"):
        load_arrays(tmp_path / "x.npy")
    with pytest.raises(TinyirError, match="there is no such file"):
        load_arrays(tmp_path / "y.npy")


def test_outputs_are_written_the_same_way_round(tmp_path: Path) -> None:
    outputs: dict[str, Array] = {"a": np.arange(6).reshape(3, 2), "b": np.ones((3, 1), np.int8)}
    write_rows(tmp_path / "y.npz", outputs)
    assert {name: rows.tolist() for name, rows in load_arrays(tmp_path / "y.npz").items()} == {name: rows.tolist() for name, rows in outputs.items()}
    write_rows(tmp_path / "y.npy", {"a": outputs["a"]})
    assert load_arrays(tmp_path / "y.npy")[""].tolist() == outputs["a"].tolist()
    with pytest.raises(TinyirError, match=r"2 outputs \(a, b\)"):
        write_rows(tmp_path / "z.npy", outputs)
    with pytest.raises(TinyirError, match=r"written as \.npy or \.npz"):
        write_rows(tmp_path / "z.txt", outputs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["y.npy", "y.npz"]


def test_the_pattern_is_the_same_every_time_and_fills_the_range() -> None:
    ports = [Port("x", "float32", (100,)), Port("b", "int8", (1000,)), Port("c", "bool", (100,))]
    first, second = pattern_rows(ports, 2), pattern_rows(ports, 2)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert 0 <= first["x"].min() < first["x"].max() < 1
    assert (first["b"].min(), first["b"].max()) == (-128, 127)
    assert set(first["c"].ravel().tolist()) == {False, True}
