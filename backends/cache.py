"""What is built once per user and machine: plugins, start-up objects.  Kept by the hash of everything that goes into it, safe for concurrent processes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/tinyir, else ~/.cache/tinyir; where neither can be written, a folder of the system's temporary ones."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "tinyir"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    fallback = Path(tempfile.gettempdir()) / f"tinyir-{os.getuid() if hasattr(os, 'getuid') else 0}"
    fallback.mkdir(mode=0o700, exist_ok=True)
    return fallback


def digest(parts: Iterable[str | bytes]) -> str:
    """A hash of the parts and of where each ends."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:32]


def cached(name: str, parts: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """The file `name` that `build(path)` makes out of `parts`; built beside its place and moved there, so that no one ever sees half of it."""
    folder = cache_folder() / digest(parts)
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / name
            build(made)
            os.replace(made, path)
    return path
