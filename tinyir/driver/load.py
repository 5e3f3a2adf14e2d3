"""Models and texts of any level, from files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tinyir import frontend
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.text.reader import parse


def load(path: str) -> Operation:
    """The module of a model or of a .tir file; `-` is standard input, as text.

    Raises:
        TinyirError: no such file, or one that cannot be read, with all that is wrong in it.
    """
    if path == "-":
        return parse(sys.stdin.read(), "-")
    if not Path(path).exists():
        raise TinyirError(f"{path}: no such file")
    if Path(path).is_dir():
        raise TinyirError(f"{path}: this is a folder", hint="name the model's file")
    if path.endswith(".tir"):
        return parse(read_text(Path(path)), path)
    return frontend.import_model(Path(path))


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        TinyirError: it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TinyirError(f"{path}: not a text: byte {error.start} is no UTF-8") from error


def model_name(path: str) -> str:
    """The C identifier that a model goes by if nobody names it: its file's name, or its folder's if that says only "model"."""
    file = Path(path).resolve()
    word = re.sub(r"[^A-Za-z0-9]+", "_", file.stem).strip("_").lower()
    return f"m_{word}" if not word or word[0].isdigit() else word
