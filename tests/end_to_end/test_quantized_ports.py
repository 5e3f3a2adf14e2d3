"""`--io quantized`: whoever calls the network quantizes and dequantizes, with what the header publishes, and gets the same numbers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tinyir.driver.arrays import Array
from tinyir.driver.command_line import main

MODELS = {"cnn_int8": ("int8", "int8"), "mlp_int8": ("float32", "int8")}  # the perceptron averages in floats before it quantizes
DIGITS = 40


def run(repository: Path, folder: Path, name: str, rows: Array, io: str) -> Array:
    np.save(folder / "x.npy", rows)
    model = str(repository / "examples" / "mnist" / f"{name}.onnx")
    assert main(["compile", model, "-t", "host", "-o", str(folder / io), "--io", io, "--quiet"]) == 0
    assert main(["run", str(folder / io), "--input", str(folder / "x.npy"), "--output", str(folder / "y.npy"), "--quiet"]) == 0
    outputs: Array = np.load(folder / "y.npy")
    return outputs.reshape(len(rows), -1)


def macro(header: str, name: str) -> float:
    (value,) = re.findall(rf"^#define {name} \(?(-?[\d.e-]+)f?\)?$", header, re.MULTILINE)
    return float(value)


@pytest.mark.parametrize("name", MODELS)
def test_quantizing_outside_gives_the_same_numbers(name: str, repository: Path, tmp_path: Path) -> None:
    with np.load(repository / "examples" / "mnist" / "digits.npz") as data:
        images = data["x"][:DIGITS].astype(np.float32) / np.float32(255)
    inside = run(repository, tmp_path, name, images, "model")
    given, made = MODELS[name]
    rows = images
    if given == "int8":
        (tmp_path / "quantized").mkdir()
        main(["compile", str(repository / "examples" / "mnist" / f"{name}.onnx"), "-t", "host", "-o", str(tmp_path / "first"), "--io", "quantized", "--quiet"])
        header = (tmp_path / "first" / f"{name}.h").read_text()
        scale, zero_point = macro(header, f"{name.upper()}_INPUT_SCALE"), macro(header, f"{name.upper()}_INPUT_ZERO_POINT")
        rows = np.clip(np.rint(images / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)
    outside = run(repository, tmp_path, name, rows, "quantized")
    assert str(outside.dtype) == made
    header = (tmp_path / "quantized" / f"{name}.h").read_text()
    scale, zero_point = macro(header, f"{name.upper()}_OUTPUT_SCALE"), macro(header, f"{name.upper()}_OUTPUT_ZERO_POINT")
    assert np.array_equal((outside.astype(np.float32) - np.float32(zero_point)) * np.float32(scale), inside)


def test_the_manifest_says_it_too(repository: Path, tmp_path: Path) -> None:
    model = str(repository / "examples" / "mnist" / "cnn_int8.onnx")
    assert main(["compile", model, "-t", "host", "-o", str(tmp_path), "--io", "quantized", "--quiet"]) == 0
    manifest = json.loads((tmp_path / "cnn_int8.json").read_text())
    assert [(tensor["dtype"], tensor["zero_point"]) for tensor in manifest["inputs"]] == [("int8", -128)]
    assert all(0 < tensor["scale"] < 1 for tensor in (*manifest["inputs"], *manifest["outputs"]))
