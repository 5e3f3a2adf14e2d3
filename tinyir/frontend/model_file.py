"""The bytes of a model's file."""

from __future__ import annotations

from pathlib import Path

from tinyir.ir.errors import Place, TinyirError

GREATEST_FILE_BYTES = (1 << 31) - 1
"""Protocol buffers cannot be larger."""


def read_file(path: Path, file: str) -> bytes:
    """
    Raises:
        TinyirError: there is no such file, or it cannot be a model.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise TinyirError("is not a file", place=Place(file))
        if size > GREATEST_FILE_BYTES:
            raise TinyirError(f"has {size} bytes, more than the {GREATEST_FILE_BYTES} that a model may have", place=Place(file))
        return path.read_bytes()
    except OSError as error:
        raise TinyirError(f"cannot be read: {error.strerror}", place=Place(file)) from None
