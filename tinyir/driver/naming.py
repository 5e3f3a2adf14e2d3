"""What a model is called in C if nobody names it."""

from __future__ import annotations

import re
from pathlib import Path

from tinyir.backends.reserved_words import identifier


def model_name(path: str) -> str:
    """The C identifier that a model goes by if nobody names it: its file's name, or its folder's if that says only "model"."""
    file = Path(path).resolve()
    word = re.sub(r"[^A-Za-z0-9]+", "_", file.stem).strip("_").lower()
    if not word:
        return "model"
    return word if identifier(word) == word else f"m_{word}"
