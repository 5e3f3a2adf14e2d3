"""Values of options between text and Python, by the declared type of the option."""

from __future__ import annotations

import json
import re
import types
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from tinyir.ir.errors import Place, TinyirError, did_you_mean


class Quoted(str):
    """A text that stood in quotes: never a number, a truth value or `none`."""

    __slots__ = ()


Value = str | tuple["Value", ...]
"""The text of an option's value, or those of a list."""

_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_KEYWORDS = ("none", "true", "false", "inf", "nan")


class _MisfitError(ValueError):
    """The text is of another type."""


def typed_option(value: Value, kind: Any, what: str, place: Place) -> Any:
    """The text of an option as a value of its declared type: int, float, bool, str, Path, an Enum (by the names of its members),
    Literal, and tuples, lists and unions of these.

    Raises:
        TinyirError: it does not fit.
    """
    try:
        return _convert(value, kind)
    except _MisfitError:
        shown, wanted = _show(value), describe_type(kind)
        scalar = "" if wanted.startswith(("one of ", "a list of ", "[")) else "of type "
        raise TinyirError(f"{what} must be {scalar}{wanted}, not '{shown}'", place=place, hint=did_you_mean(shown, _words(kind))) from None


def _show(value: Value) -> str:
    return value if isinstance(value, str) else f"[{','.join(map(_show, value))}]"


def describe_type(kind: Any) -> str:
    """A type as users read it: `int`, `one of fast, small`, `a list of int`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if a is type(None) else describe_type(a) for a in arguments)
    if origin in (tuple, list):
        open_ended = origin is list or arguments[1:] == (...,)
        return f"a list of {describe_type(arguments[0])}" if open_ended else f"[{', '.join(map(describe_type, arguments))}]"
    words = _words(kind)
    if words:
        return f"one of {', '.join(words)}"
    return str(getattr(kind, "__name__", kind))


def _words(kind: Any) -> list[str]:
    """The words that a value may be, if they are few."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return [spell_option(argument) for argument in arguments]
    if origin in (Union, types.UnionType):
        return [word for argument in arguments for word in _words(argument)]
    return list(kind.__members__) if isinstance(kind, type) and issubclass(kind, Enum) else []


def _convert(value: Value, kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _first(value, arguments)
    if origin is Literal:
        return _literal(value, arguments)
    if origin in (tuple, list) and isinstance(value, tuple):
        return origin(_elements(value, origin, arguments))
    if not isinstance(value, str) or origin is not None:
        raise _MisfitError
    return _scalar(value, kind)


def _first(value: Value, kinds: tuple[Any, ...]) -> Any:
    """By the first type that fits, `none` before all; a text in quotes is a text if that is possible."""
    if type(None) in kinds and value == "none" and not isinstance(value, Quoted):
        return None
    for kind in sorted(kinds, key=lambda kind: kind is str):
        try:
            return _convert(value, kind)
        except _MisfitError:
            continue
    raise _MisfitError


def _literal(value: Value, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if value == (choice if isinstance(choice, str) else spell_option(choice)):
            return choice
    raise _MisfitError


def _elements(value: tuple[Value, ...], origin: type, arguments: tuple[Any, ...]) -> list[Any]:
    if origin is list or arguments[1:] == (...,):
        return [_convert(item, arguments[0]) for item in value]
    if len(value) != len(arguments):
        raise _MisfitError
    return [_convert(item, kind) for item, kind in zip(value, arguments, strict=True)]


def _scalar(text: str, kind: Any) -> Any:
    if kind is str or kind is Path:
        return kind(text)
    if isinstance(text, Quoted):
        raise _MisfitError
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(text, kind)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise _MisfitError from None
    raise _MisfitError


def _member(text: str, kind: type[Enum]) -> Enum:
    if text not in kind.__members__:
        raise _MisfitError
    return kind[text]


def spell_option(value: object) -> str:
    """A value as `typed_option` reads it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case Enum():
            return value.name
        case tuple() | list():
            return f"[{','.join(map(spell_option, value))}]"
        case str() | Path():
            text = str(value)
            return text if _WORD.fullmatch(text) and text not in _KEYWORDS else json.dumps(text)
    return str(value)
