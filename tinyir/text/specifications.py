"""The operators of `specs/ops` and the scalar functions of `specs/functions`, of this package and of others; read on first use."""

from __future__ import annotations

from functools import cache

from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.operator import Operator, ScalarFunction
from tinyir.ir.plugins import specification_files
from tinyir.text.operator_reader import Definition, read_definitions


def _read_folder(folder: str) -> list[Definition]:
    return [definition for file in specification_files(folder, ".op") for definition in read_definitions(file.read(), file.label)]


@cache
def operators() -> dict[str, Operator]:
    """All operators by name.

    Raises:
        TinyirError: a file cannot be read, or defines a name again.
    """
    found: dict[str, Operator] = {}
    for definition in _read_folder("ops"):
        if not isinstance(definition, Operator):
            raise TinyirError(f"'{definition.name}' is a function, not an operator", place=definition.place)
        if definition.name in found:
            raise TinyirError(f"operator '{definition.name}' is defined twice", place=definition.place)
        found[definition.name] = definition
    return found


@cache
def functions() -> dict[str, ScalarFunction]:
    """All scalar functions by name.

    Raises:
        TinyirError: a file cannot be read, or defines a name again.
    """
    found: dict[str, ScalarFunction] = {}
    for definition in _read_folder("functions"):
        if not isinstance(definition, ScalarFunction):
            raise TinyirError(f"'{definition.name}' is an operator, not a function", place=definition.place)
        if definition.name in found:
            raise TinyirError(f"function '{definition.name}' is defined twice", place=definition.place)
        found[definition.name] = definition
    return found


def function_named(name: str) -> ScalarFunction:
    """
    Raises:
        TinyirError: there is none, or as `functions`.
    """
    found = functions().get(name)
    if found is None:
        raise TinyirError(f"unknown scalar function '{name}'", hint=did_you_mean(name, functions()) or "functions stand in specs/functions")
    return found
