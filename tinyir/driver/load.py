"""Models and texts of any level, from files."""

from __future__ import annotations

import sys

from tinyir.frontend.model import import_model
from tinyir.ir.operation import Operation
from tinyir.text.reader import parse


def load(path: str) -> Operation:
    """The module of a model or of a .tir file; `-` is standard input, as text.

    Raises:
        TinyirError: no such file, or one that cannot be read, with all that is wrong in it.
    """
    return parse(sys.stdin.read(), "-") if path == "-" else import_model(path)
