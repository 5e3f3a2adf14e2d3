"""Files appear whole or not at all: they are written beside their place and moved there at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path

from tinyir.ir.errors import TinyirError


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """A scratch folder whose files are moved into `folder` (made if need be) when the block ends well.

    Raises:
        TinyirError: something else is in the way, or the folder cannot be written; at once, before the block begins, where that can be known.
    """
    scratch = _scratch_beside(folder)
    try:
        yield scratch
        _move_files(scratch, folder)
    finally:
        _remove(scratch)


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """A path to write to; what stands there is moved to `path` when the block ends well.

    A device, a pipe or a link stays what it is: it is written in place.

    Raises:
        TinyirError: as `output_folder`.
    """
    if path.is_dir():
        raise TinyirError(f"cannot write {path}: it is a folder")
    if path.exists() and (path.is_symlink() or not path.is_file()):
        yield path
        return
    with output_folder(path.parent) as scratch:
        yield scratch / path.name


def write_text(path: str | None, text: str) -> None:
    """Writes a file as a whole, or to standard output."""
    if path is None:
        sys.stdout.write(text)
        return
    with output_file(Path(path)) as scratch:
        scratch.write_bytes(text.encode("utf-8", "surrogateescape"))  # a name may hold the bytes of another encoding


def _scratch_beside(folder: Path) -> Path:
    """A new folder in the closest folder above that exists."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise TinyirError(f"cannot write {folder}: {place} is not a folder")
    try:
        return _new_folder(place)
    except OSError as error:
        raise TinyirError(f"cannot write {folder}: {error.strerror}", hint="name a folder that you may write") from error


def _new_folder(place: Path) -> Path:
    """A folder of this process alone (tempfile makes such, and takes longer to load than a command to run)."""
    for number in count():
        folder = place / f".tinyir-{os.getpid()}-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # what was written is still in it
        import_module("shutil").rmtree(folder, ignore_errors=True)


def _move_files(scratch: Path, folder: Path) -> None:
    names = sorted(path.name for path in scratch.iterdir())
    blocked = [name for name in names if (folder / name).is_dir()]
    if blocked:
        raise TinyirError(f"cannot write {folder / blocked[0]}: it is a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(scratch / name, folder / name)
    except OSError as error:
        raise TinyirError(f"cannot write {folder}: {error.strerror}") from error
