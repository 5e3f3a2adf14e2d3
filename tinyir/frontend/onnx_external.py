"""Weights in files beside the model: read only if they lie in its folder, and only as many bytes as the tensor needs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from tinyir.frontend.onnx_model import ModelError, spell_name

_OFFSET_HINT = "save the model and its weights again together"


def read_external(folder: Path | None, entries: dict[str, str], size_bytes: int) -> bytes:
    """`size_bytes` bytes of the file that the entries `location`, `offset`, `length` of a tensor name.

    Raises:
        ModelError: the file is outside of `folder`, is missing, or does not hold them.
    """
    location = entries.get("location", "")
    offset = _number(entries, "offset", 0)
    length = _number(entries, "length", size_bytes)
    path = _inside(folder, location)
    if length != size_bytes:
        raise ModelError(f"external data of {length} bytes in {spell_name(location)}, but the tensor needs {size_bytes}")
    available = path.stat().st_size
    if offset + length > available:
        raise ModelError(f"external data at bytes {offset} to {offset + length} of {spell_name(location)}, which has {available} bytes", hint=_OFFSET_HINT)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise ModelError(f"external data in {spell_name(location)} cannot be read: {error.strerror}") from None


def _number(entries: dict[str, str], key: str, otherwise: int) -> int:
    text = entries.get(key, "")
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ModelError(f"external data with the {key} {spell_name(text)}, which is not a number of bytes")
    return int(text)


def _inside(folder: Path | None, location: str) -> Path:
    shown = spell_name(location)
    if folder is None:
        raise ModelError(f"external data in {shown}, but the model was given as bytes and has no folder", hint="give the path of the model")
    if not location:
        raise ModelError("external data without a location")
    if "\0" in location:
        raise ModelError(f"external data in {shown}, which is not a file name")
    windows = PureWindowsPath(location)
    absolute = PurePosixPath(location).is_absolute() or windows.is_absolute() or windows.drive
    if absolute or ".." in windows.parts:
        raise ModelError(f"external data in {shown}, outside of the model's folder", hint="put the file beside the model and name it without '..'")
    home = folder.resolve()
    try:
        path = (folder / location).resolve(strict=True)
    except (OSError, RuntimeError):
        raise ModelError(f"external data in {shown}, which does not exist beside the model", hint=_OFFSET_HINT) from None
    if not path.is_relative_to(home):
        raise ModelError(f"external data in {shown}, a link that leads out of the model's folder", hint="put the file itself beside the model")
    if not path.is_file():
        raise ModelError(f"external data in {shown}, which is not a file")
    return path
