"""Front ends: trained models become modules of the graph level."""

from __future__ import annotations

from pathlib import Path

from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.operation import Operation


def import_model(path: Path | str, name: str = "") -> Operation:
    """The module of a model file: `.onnx`, or `.tir` text of any level.

    Raises:
        TinyirError: the file cannot be read or imported.
    """
    path = Path(path)
    if path.suffix == ".tir":
        from tinyir.text.reader import parse

        try:
            return parse(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise TinyirError("cannot read the file as text", place=Place(str(path))) from error
    if path.suffix in (".tflite", ".pt2"):
        raise TinyirError(f"{path.suffix} models are not supported yet", place=Place(str(path)), hint="export the model as ONNX")
    from tinyir.frontend.thin_onnx import import_onnx

    return import_onnx(path, name)
