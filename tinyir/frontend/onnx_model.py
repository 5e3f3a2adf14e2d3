"""What an ONNX file says, in plain Python: the translation sees nothing else of the format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.ir.errors import Diagnostic, Place
from tinyir.ir.types import F32, I1, I8, I32, I64, U8, Type

Array = NDArray[Any]

GREATEST_ELEMENT_COUNT = 1 << 28
"""Elements of one tensor; more than any target of this compiler holds."""
GREATEST_RANK = 16
GREATEST_KNOWN_BYTES = 1 << 26
"""Of a tensor of integers that is computed at import."""
GREATEST_LIST = 1 << 12
"""Numbers in a list that steers an operator: axes, bounds, sizes, indices."""
_GREATEST_MESSAGE = 600
GREATEST_INTEGER = (1 << 31) - 1
"""Of strides, paddings and other numbers of an attribute that end up in address arithmetic."""

ELEMENT_TYPES: dict[str, Type] = {"float32": F32, "int8": I8, "uint8": U8, "int32": I32, "int64": I64, "bool": I1}
"""The element types that a tensor of the network may have, by their names in numpy."""


class ModelError(Exception):
    """Something is wrong with a part of the model; whoever catches it knows the file, and the node if there is one."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def diagnostic(self, file: str, part: str = "") -> Diagnostic:
        """`part` names the node; empty if the message names its tensor itself."""
        text = f"{part}: {self.message}" if part else self.message
        if len(text) > _GREATEST_MESSAGE:
            text = f"{text[:_GREATEST_MESSAGE]} ..."
        return Diagnostic(text, Place(file), hint=self.hint)


@attrs.frozen
class Node:
    """One node. An input left out is "". `attributes` holds Python numbers, strings, lists and arrays, with the defaults of `opset`."""

    position: int
    operator: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int = 0
    attributes: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def full_operator(self) -> str:
        """`Conv`, or `com.microsoft.Gelu`."""
        return f"{self.domain}.{self.operator}" if self.domain else self.operator

    @property
    def label(self) -> str:
        """The node's name, or its operator and position."""
        return self.name or f"{self.operator}_{self.position}"

    def __str__(self) -> str:
        return f"node {spell_name(self.label)} ({self.full_operator})"


@attrs.frozen
class Port:
    """A tensor as the model declares it: its numpy element type; a symbolic extent is its name, or ""."""

    name: str
    element: str
    shape: tuple[int | str, ...] | None


@attrs.frozen
class Graph:
    """`declared`: what the model says of the tensors inside and of the outputs, by name."""

    name: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    declared: Mapping[str, Port]


def spell_name(name: str) -> str:
    """A name of the model as a message shows it: quoted, on one line, not endless."""
    text = "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in name)
    return f"'{text}'" if len(text) <= 80 else f"'{text[:77]}...'"


def identifier(name: str, otherwise: str) -> str:
    """A name as a C identifier, `otherwise` if nothing is left of it."""
    text = re.sub(r"[\W_]+", "_", name, flags=re.ASCII).strip("_")
    if not text:
        return otherwise
    return f"{otherwise}_{text}" if text[0].isdigit() else text


def element_count(shape: tuple[int, ...], what: str) -> int:
    """
    Raises:
        ModelError: the shape is none that a tensor may have; the message begins with `what`.
    """
    if len(shape) > GREATEST_RANK:
        raise ModelError(f"{what} has {len(shape)} dimensions, more than {GREATEST_RANK}")
    if any(extent < 0 for extent in shape):
        raise ModelError(f"{what} has the negative dimension {min(shape)}: {list(shape)}")
    count = 1
    for extent in shape:
        count *= extent
    if count > GREATEST_ELEMENT_COUNT:
        raise ModelError(f"{what} has {count} elements, more than {GREATEST_ELEMENT_COUNT}: {list(shape)}")
    return count


def check_known(shape: tuple[int, ...], element_bytes: int) -> None:
    """
    Raises:
        ModelError: a tensor of this shape is too large to be computed at import.
    """
    size_bytes = element_count(shape, "the result") * element_bytes
    if size_bytes > GREATEST_KNOWN_BYTES:
        raise ModelError(f"would compute {size_bytes} bytes of constants, more than {GREATEST_KNOWN_BYTES}: {list(shape)}")


def is_integer(array: Array) -> bool:
    """Whether the elements are integers or booleans."""
    return array.dtype.kind in "iub"


def element_type(array: Array, what: str) -> Type:
    """
    Raises:
        ModelError: no tensor of the network has elements of this type; the message begins with `what`.
    """
    found = ELEMENT_TYPES.get(array.dtype.name)
    if found is None:
        raise ModelError(f"{what} has elements of type {array.dtype.name}", hint=f"supported are {', '.join(ELEMENT_TYPES)}")
    return found


def little_endian(array: Array) -> bytes:
    """The elements' bytes, row-major."""
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
