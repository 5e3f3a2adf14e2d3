"""What notebooks show: IR in colours, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from tinyir.ir.operation import Operation
from tinyir.text.difference import ELIDED
from tinyir.text.printer import print_module

LINES_SHOWN = 200
"""A longer module is folded up."""

_TOKEN = re.compile(
    r'(?P<comment>//[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<value>%[\w$.\-]+(?:#\d+)?)|(?P<symbol>[@^#][\w$.\-]+)'
    r"|(?P<type>![\w.]+|\b(?:tensor|memref|vector)<[^>\n]*(?:<[^>\n]*>)?[^>\n]*>|\b(?:si|ui|i|f|bf)\d+\b|\bindex\b)"
    r"|(?P<operation>\b[a-z_]\w*\.[a-z_]\w*\b)|(?P<number>-?\b\d[\w.+]*)"
)
_COLOURS = {
    "comment": "#888",
    "string": "#a31515",
    "value": "#1e5fa8",
    "symbol": "#8a4b08",
    "type": "#2b7a4b",
    "operation": "#7a2ea0",
    "number": "#b06000",
}


def module_html(module: Operation, elide: int | None = ELIDED) -> str:
    """The text of an operation in colours; constants of more than `elide` elements are left out."""
    text = print_module(module, elide=elide)
    shown = f'<pre style="line-height: 1.3; font-size: 90%">{coloured(text)}</pre>'
    lines = text.count("\n")
    return shown if lines <= LINES_SHOWN else f"<details><summary>{escape(module.name)}, {lines} lines</summary>{shown}</details>"


def coloured(text: str) -> str:
    """A text of IR as HTML, each kind of word in its colour."""
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts.append(escape(text[end : match.start()], quote=False))
        parts.append(f'<span style="color: {_COLOURS[match.lastgroup or ""]}">{escape(match.group(), quote=False)}</span>')
        end = match.end()
    return "".join([*parts, escape(text[end:], quote=False)])


def table_html(titles: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table; numbers stand to the right with commas between thousands, None is empty."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    below = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{below}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td style="text-align: right">{value:,}</td>'
    return f'<td style="text-align: left">{escape("" if value is None else str(value))}</td>'
