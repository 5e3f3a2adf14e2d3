"""The neutral form of an imported graph: what the handlers of operators see, whatever file it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.ir.errors import TinyirError


@attrs.frozen(eq=False)
class Node:
    """One operator of the model.  A missing optional input or output has the name ""."""

    operator: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int

    def has_input(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] != ""

    def error(self, message: str, hint: str = "") -> NodeError:
        return NodeError(f"node '{self.name}' ({self.operator}): {message}", hint=hint)

    def integer(self, name: str, default: int) -> int:
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.error(f"attribute '{name}' is an integer, not {value!r}")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise self.error(f"attribute '{name}' is a number, not {value!r}")
        return float(value)

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        value = self.attributes.get(name, default)
        if value is not None and not (isinstance(value, tuple) and all(isinstance(v, int) for v in value)):
            raise self.error(f"attribute '{name}' is a list of integers, not {value!r}")
        return value

    def text(self, name: str, default: str) -> str:
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise self.error(f"attribute '{name}' is a string, not {value!r}")
        return value


class NodeError(TinyirError):
    """A node that cannot be imported."""


@attrs.frozen(eq=False)
class GraphInput:
    """An input of the model: extents, -1 where unknown; `symbol` names them for messages."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    symbols: tuple[str, ...]


@attrs.frozen(eq=False)
class Graph:
    """A whole model."""

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, NDArray[Any]]
    declared_shapes: Mapping[str, tuple[int, ...]]


Handler = Callable[[Any, Node], None]
_handlers: dict[str, Handler] = {}


def handles(*operators: str) -> Callable[[Handler], Handler]:
    """Registers how an operator (of the default domain, or "domain:Name") is imported."""

    def add(handler: Handler) -> Handler:
        for operator in operators:
            _handlers[operator] = handler
        return handler

    return add


def handler_of(node: Node) -> Handler | None:
    key = node.operator if node.domain in ("", "ai.onnx") else f"{node.domain}:{node.operator}"
    return _handlers.get(key)


def known_operators() -> list[str]:
    """The operators that can be imported, sorted."""
    return sorted(_handlers)


Array = NDArray[Any]
NUMPY_BOOL = np.dtype(np.bool_)
