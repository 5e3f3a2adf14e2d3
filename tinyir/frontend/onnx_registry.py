"""Which function translates which ONNX operator: each registers itself, in a file of `onnx_ops` that is found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from tinyir.frontend import onnx_ops
from tinyir.frontend.onnx_expansion import EXPANSIONS
from tinyir.frontend.onnx_translator import Operand, Translator
from tinyir.ir.plugins import modules_of

Handler = Callable[[Translator], Operand | list[Operand]]
"""Emits the operations of the translator's node; returns the tensors that the node makes.

Raises ModelError where the node is wrong or asks for more than is supported."""

_handlers: dict[str, Handler] = {}


def onnx_operator(*names: str) -> Callable[[Handler], Handler]:
    """Registers a function as the translation of ONNX operators, `Conv` or `com.microsoft.Gelu`."""

    def add(handler: Handler) -> Handler:
        for name in names:
            if name in _handlers:
                raise ValueError(f"the operator '{name}' has two translations")
            _handlers[name] = handler
        return handler

    return add


def handlers() -> dict[str, Handler]:
    """The translations by full operator name, those of other packages included."""
    for brought in modules_of("tinyir.onnx").values():
        importlib.import_module(brought)
    for module in pkgutil.iter_modules(onnx_ops.__path__):
        importlib.import_module(f"{onnx_ops.__name__}.{module.name}")
    return _handlers


def is_supported(full_operator: str) -> bool:
    """Whether an operator is translated, or stands for others that are."""
    return full_operator in handlers() or full_operator in EXPANSIONS


def supported_operators() -> list[str]:
    """The operators that can be imported, sorted: `Conv`, `com.microsoft.Gelu`."""
    return sorted({*handlers(), *EXPANSIONS})
