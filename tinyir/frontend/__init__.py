"""Front ends: trained models become modules of the graph level.  The names of `__all__` are loaded when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyir.frontend.model import import_model
    from tinyir.frontend.onnx import import_onnx

_HOME = {"import_model": "tinyir.frontend.model", "import_onnx": "tinyir.frontend.onnx"}

__all__ = ["import_model", "import_onnx"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'tinyir.frontend' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
