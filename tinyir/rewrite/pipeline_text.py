"""The text of pipelines: passes with options, nested by level, on one line or in a file.

    graph(fold_constants, unroll{factor=8}),   // a comment goes to the end of its line
    loop(tile{size=[4, 8], order="row major"})
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn

import attrs

from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.record import ValueRecord
from tinyir.rewrite.option_text import Quoted, Value

_TOKEN = re.compile(
    r"(?P<space>(?:\s|//[^\n]*)+)"
    r"|(?P<word>[A-Za-z_][\w.-]*)"
    r"|(?P<number>-?(?:inf\b|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<sign>[{}\[\](),=])"
    r"|(?P<stray>.)"
)
_SPELLED = {"end": "the end", "string": "a text in quotes"}
_DEEPEST = 32
"""Brackets inside each other."""


@attrs.frozen(eq=False, repr=False)
class PassText(ValueRecord):
    """One pass as written: its name and its options, each with its place."""

    name: str
    place: Place
    options: Mapping[str, tuple[Value, Place]]


@attrs.frozen(eq=False, repr=False)
class NestText(ValueRecord):
    """Passes of one level as written."""

    level: str
    place: Place
    items: tuple[PassText | NestText, ...]


class _Tokens:
    """The words and signs of a pipeline's text."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.found = [(m.lastgroup or "", m.group(), m.start()) for m in _TOKEN.finditer(text) if m.lastgroup != "space"]
        self.found.append(("end", "", len(text.rstrip())))
        self.position = 0

    @property
    def kind(self) -> str:
        return self.found[self.position][0]

    @property
    def value(self) -> str:
        return self.found[self.position][1]

    @property
    def place(self) -> Place:
        return self.place_at(self.found[self.position][2])

    def place_at(self, offset: int) -> Place:
        start = self.text.rfind("\n", 0, offset) + 1
        line = self.text[start:].partition("\n")[0]
        return Place(self.file, self.text.count("\n", 0, offset) + 1, offset - start + 1, line)

    def is_next(self, *wanted: str) -> bool:
        """Whether the next token is one of these signs or of these kinds."""
        return self.kind in wanted or (self.kind == "sign" and self.value in wanted)

    def fail(self, *wanted: str) -> NoReturn:
        shown = f"'{self.value}'" if self.value else "the end"
        hint = 'a text ends with " on its line' if self.value == '"' else ""
        names = " or ".join(f"'{word}'" if len(word) == 1 else _SPELLED.get(word, f"a {word}") for word in wanted)
        raise TinyirError(f"expected {names}, not {shown}", place=self.place, hint=hint)

    def take(self, *wanted: str) -> str:
        """The next token, which must be one of these signs or of these kinds."""
        if not self.is_next(*wanted):
            self.fail(*wanted)
        value = self.value
        self.position += 1
        return value

    def accept(self, sign: str) -> bool:
        found = self.kind == "sign" and self.value == sign
        self.position += found
        return found


def read_pipeline(text: str, file: str = "pipeline") -> list[PassText | NestText]:
    """The passes of a text, in order.

    Raises:
        TinyirError: the text is not of the form `a,b{x=1},loop(c)`.
    """
    tokens = _Tokens(text, file)
    items = _items(tokens, "end", 0)
    if not tokens.is_next("end"):
        tokens.fail(",", "end")
    return items


def _items(tokens: _Tokens, closing: str, depth: int) -> list[PassText | NestText]:
    """Passes with commas between up to the closing sign; a comma may stand behind the last."""
    items: list[PassText | NestText] = []
    while not tokens.is_next(closing):
        items.append(_item(tokens, depth))
        if not tokens.accept(","):
            break
    return items


def _item(tokens: _Tokens, depth: int) -> PassText | NestText:
    place, name = tokens.place, tokens.take("word")
    if tokens.accept("("):
        if depth == _DEEPEST:
            raise TinyirError(f"more than {_DEEPEST} brackets inside each other", place=place)
        items = _items(tokens, ")", depth + 1)
        if not tokens.accept(")"):
            tokens.fail(",", ")")
        return NestText(name, place, tuple(items))
    options = _options(tokens) if tokens.accept("{") else {}
    if not tokens.is_next(",", ")", "end"):
        tokens.fail(",")
    return PassText(name, place, options)


def _options(tokens: _Tokens) -> dict[str, tuple[Value, Place]]:
    options: dict[str, tuple[Value, Place]] = {}
    while not tokens.accept("}"):
        place, name = tokens.place, tokens.take("word")
        if name in options:
            raise TinyirError(f"option '{name}' is given twice", place=place)
        tokens.take("=")
        options[name] = (_value(tokens), place)
        if tokens.take(",", "}") == "}":
            break
    return options


def _value(tokens: _Tokens, depth: int = 0) -> Value:
    if depth > _DEEPEST:
        raise TinyirError(f"more than {_DEEPEST} brackets inside each other", place=tokens.place)
    if not tokens.accept("["):
        place, kind, value = tokens.place, tokens.kind, tokens.take("word", "number", "string")
        return _unquote(value, place) if kind == "string" else value
    items: list[Value] = []
    while not tokens.accept("]"):
        items.append(_value(tokens, depth + 1))
        if tokens.take(",", "]") == "]":
            break
    return tuple(items)


def _unquote(text: str, place: Place) -> Quoted:
    try:
        return Quoted(json.loads(text))
    except ValueError as error:
        raise TinyirError(f"{text} is no text: {error}", place=place, hint='a text is quoted as in JSON: "a\\\\b"') from error
