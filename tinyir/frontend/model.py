"""Which reader a file is for: told by its content where that is certain, else by the ending of its name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tinyir.frontend.model_file import read_file
from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.operation import Operation
from tinyir.text.reader import parse

_LATER = {".tflite": "TensorFlow Lite", ".pt2": "torch.export", ".pt": "torch"}


def import_model(path: Path | str, name: str = "") -> Operation:
    """The module of a model file: ONNX (.onnx) is translated to graph level, text (.tir, .mlir) is read at whatever level it has.

    `name` names the function of an imported model (by default the file's name as a C identifier).

    Raises:
        TinyirError: the file cannot be read, has mistakes, or is of a format that is not read.
    """
    file = str(path)
    content = read_file(Path(path), file)
    ending = _ending(Path(path), content)
    if ending in _LATER:
        hint = "export the network as ONNX"
        raise TinyirError(f"{_LATER[ending]} models ({ending}) cannot be read yet", place=Place(file), hint=hint)
    if ending in (".tir", ".mlir"):
        return parse(_text(content, file), file)
    if ending != ".onnx":
        raise TinyirError("is of no format that can be read", place=Place(file), hint="a model is a file .onnx, a module a file .tir")
    imported: Operation = import_module("tinyir.frontend.onnx").import_onnx(Path(path), name, file)
    return imported


def _ending(path: Path, content: bytes) -> str:
    if content[4:8] == b"TFL3":
        return ".tflite"
    if content[:4] == b"PK\x03\x04":
        return ".pt2"
    return path.suffix.lower()


def _text(content: bytes, file: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise TinyirError(f"is not UTF-8 text: byte {error.start}", place=Place(file)) from None
