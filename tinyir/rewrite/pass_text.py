"""The text of pipelines: `a,b{x=1,y=[1,2]},c`, and option values between text and Python."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from tinyir.ir.errors import Place, TinyirError, did_you_mean

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w.-]*)|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\"([^\"]*)\"|([{}\[\],=])|(\S))")
Value = str | tuple["Value", ...]
"""The text of an option's value, or those of a list."""


@attrs.frozen
class PassText:
    """One pass as written: its name and its options, each with its place."""

    name: str
    place: Place
    options: Mapping[str, tuple[Value, Place]]


class _Tokens:
    """The words and signs of a pipeline's text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[tuple[str, str, int]] = []
        kinds = ("", "word", "number", "string", "sign", "stray")
        for match in _TOKEN.finditer(text):
            index = match.lastindex or 0
            self.found.append((kinds[index], match.group(index), match.start(index)))
        self.position = 0

    @property
    def kind(self) -> str:
        return self.found[self.position][0] if self.position < len(self.found) else "end"

    @property
    def value(self) -> str:
        return self.found[self.position][1] if self.position < len(self.found) else ""

    @property
    def place(self) -> Place:
        offset = self.found[self.position][2] if self.position < len(self.found) else len(self.text)
        return Place("pipeline", 1, offset + 1, self.text)

    def take(self, *wanted: str) -> str:
        """The next token, which must be one of these signs or of these kinds."""
        if self.kind not in wanted and not (self.kind == "sign" and self.value in wanted):
            shown = f"'{self.value}'" if self.value else "the end"
            raise TinyirError(f"expected {' or '.join(repr(w) if len(w) == 1 else 'a ' + w for w in wanted)}, not {shown}", place=self.place)
        value = self.value
        self.position += 1
        return value

    def accept(self, sign: str) -> bool:
        found = self.kind == "sign" and self.value == sign
        self.position += found
        return found


def read_pipeline(text: str) -> list[PassText]:
    """The passes of a text, in order.

    Raises:
        TinyirError: the text is not of the form `a,b{x=1},c`.
    """
    tokens, passes = _Tokens(text), list[PassText]()
    while tokens.kind != "end":
        place = tokens.place
        name = tokens.take("word")
        options: dict[str, tuple[Value, Place]] = {}
        if tokens.accept("{") and not tokens.accept("}"):
            while True:
                where = tokens.place
                option = tokens.take("word")
                tokens.take("=")
                options[option] = (_value(tokens), where)
                if tokens.take(",", "}") == "}":
                    break
        passes.append(PassText(name, place, options))
        if tokens.kind != "end":
            tokens.take(",")
    return passes


def _value(tokens: _Tokens) -> Value:
    if not tokens.accept("["):
        return tokens.take("word", "number", "string")
    items: list[Value] = []
    while not tokens.accept("]"):
        items.append(_value(tokens))
        if tokens.take(",", "]") == "]":
            break
    return tuple(items)


def typed_option(value: Value, kind: Any, what: str, place: Place) -> Any:
    """The text of an option as a value of its declared type (int, float, bool, str, Literal, tuples and optionals of these).

    Raises:
        TinyirError: it does not fit.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value == "none" and type(None) in arguments:
            return None
        return typed_option(value, next(a for a in arguments if a is not type(None)), what, place)
    if origin is tuple and isinstance(value, tuple):
        return tuple(typed_option(item, arguments[0], what, place) for item in value)
    if origin is Literal and value in arguments:
        return value
    if isinstance(value, str) and (kind is str or origin is None):
        converted = _convert(value, kind)
        if converted is not None:
            return converted
    shown = value if isinstance(value, str) else spell_option(value)
    wanted = f"one of {', '.join(map(str, arguments))}" if origin is Literal else f"of type {getattr(kind, '__name__', kind)}"
    hint = did_you_mean(shown, map(str, arguments)) if origin is Literal else ""
    raise TinyirError(f"{what} must be {wanted}, not '{shown}'", place=place, hint=hint)


def _convert(text: str, kind: Any) -> int | float | bool | str | None:
    if kind is bool:
        return {"true": True, "false": False}.get(text)
    if kind is str:
        return text
    try:
        return int(text) if kind is int else float(text) if kind is float else None
    except ValueError:
        return None


def spell_option(value: object) -> str:
    """A value as `typed_option` reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{','.join(map(spell_option, value))}]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][\w.-]*", value):
        return f'"{value}"'
    return str(value)
