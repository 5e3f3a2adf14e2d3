"""The file that the compiler leaves for those that run a model."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from tests.backends.models import SMALL, write_model
from tinyir.backends.manifest import Manifest, Tensor, read_manifest, write_manifest
from tinyir.ir.errors import TinyirError

KWS = Manifest(
    "kws.onnx",
    "kws",
    "cortex-m4",
    "size",
    (Tensor("x", "kws_input", "int8", (1, 49, 10), 0.58, 83),),
    (Tensor("p", "kws_output", "float32", ()),),
    22_000,
    has_reset=True,
    proofs={"unknown": 0, "proved": 12},
    versions={"tinyir": "0.1.0"},
)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "kws.c").write_text("")
    path = write_manifest(tmp_path, KWS)
    assert read_manifest(tmp_path) == KWS
    assert path.name == "kws.json"


def test_equal_manifests_are_equal_bytes(tmp_path: Path) -> None:
    first = write_manifest(tmp_path, KWS).read_bytes()
    other = attrs.evolve(KWS, proofs={"proved": 12, "unknown": 0})
    assert write_manifest(tmp_path, other).read_bytes() == first
    assert list(json.loads(first)["inputs"][0]) == ["name", "function", "dtype", "shape", "scale", "zero_point", "elements"]


def test_sizes_follow_from_shapes() -> None:
    assert [(t.elements, t.size_bytes) for t in (*KWS.inputs, *KWS.outputs)] == [(490, 490), (1, 4)]
    assert KWS.api_functions == ("kws_run", "kws_reset", "kws_input", "kws_output")


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(TinyirError, match="no generated model"):
        read_manifest(tmp_path)


def test_a_folder_with_two_models_is_an_error(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "")
    for suffix in (".c", ".json"):
        (folder / f"other{suffix}").write_text("{}")
    with pytest.raises(TinyirError, match=r"several generated models \(m, other\)"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"int8"', '"int7"', "'int7' is no element type"),
        ('"small_input_x"', '"exit(1)"', "'exit(1)' is no name in C"),
        ("[1, 6]", "[1, -6]", "a number >= 0 is expected in place of -6"),
        ("[1, 6]", "6", "a list is expected for 'shape'"),
        ('"arena_bytes"', '"arena"', "'arena_bytes'"),
        ('"name": "small"', '"name": 3', "a text is expected for 'name'"),
        ('"model"', "model", "Expecting property name"),
        ('"versions": {}', '"versions": []', "an object is expected"),
    ],
)
def test_a_broken_manifest_is_an_error(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = (SMALL / "small.json").read_text()
    assert old in text
    (tmp_path / "small.c").write_text("")
    (tmp_path / "small.json").write_text(text.replace(old, new))
    with pytest.raises(TinyirError) as caught:
        read_manifest(tmp_path)
    assert "not a manifest" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("quantization", [{"scale": 0.5}, {"zero_point": 3}, {"scale": "small", "zero_point": 3}, {"scale": 0.5, "zero_point": 0.5}])
def test_half_a_quantization_is_an_error(tmp_path: Path, quantization: dict[str, object]) -> None:
    (tmp_path / "kws.c").write_text("")
    path = write_manifest(tmp_path, attrs.evolve(KWS, inputs=(Tensor("x", "kws_input", "int8", (4,)),)))
    table = json.loads(path.read_text())
    del table["inputs"][0]["scale"], table["inputs"][0]["zero_point"]
    table["inputs"][0].update(quantization)
    path.write_text(json.dumps(table))
    with pytest.raises(TinyirError, match="not a manifest: scale"):
        read_manifest(tmp_path)
