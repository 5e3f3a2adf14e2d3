"""Models and texts of any level, from files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tinyir.backends.reserved_words import identifier
from tinyir.frontend.model import import_model
from tinyir.ir.operation import Operation
from tinyir.text.reader import parse


def load(path: str) -> Operation:
    """The module of a model or of a .tir file; `-` is standard input, as text.

    Raises:
        TinyirError: no such file, or one that cannot be read, with all that is wrong in it.
    """
    return parse(sys.stdin.read(), "-") if path == "-" else import_model(path)


def model_name(path: str) -> str:
    """The C identifier that a model goes by if nobody names it: its file's name, or its folder's if that says only "model"."""
    file = Path(path).resolve()
    word = re.sub(r"[^A-Za-z0-9]+", "_", file.stem).strip("_").lower()
    if not word:
        return "model"
    return word if identifier(word) == word else f"m_{word}"
