"""Where keys stand in a text in TOML: tomllib tells values and no places.

A text that tomllib has read is looked through line by line; of lists, inline tables and strings over several lines only the first line counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tinyir.ir.errors import Place

Key = str | int
"""A name in a table, or a number in a list of tables."""
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]\"']+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*(?:([\w-]+)|\"([^\"\\]*)\"|'([^']*)')\s*(?==|\.)")
_TOKEN = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|#[^\n]*|[\[\]{}]", re.DOTALL)


def place_of_key(text: str, file: str, path: Sequence[Key]) -> Place:
    """The place of the key that a path leads to (`("memories", 1, "name")`); of the innermost table on the way that is there, else the file."""
    best, depth = Place(file), 0
    for found, line, column, shown in _keys(text):
        if len(found) > depth and tuple(path[: len(found)]) == found:
            best, depth = Place(file, line, column, shown), len(found)
    return best


def _keys(text: str) -> Iterator[tuple[tuple[Key, ...], int, int, str]]:
    """Path, line, column and text of the line of every header of a table and every key of one line."""
    table: tuple[Key, ...] = ()
    counts: dict[str, int] = {}
    inside = _continued(text)
    for number, line in enumerate(text.splitlines(), 1):
        if number in inside:
            continue
        header = _TABLE.match(line)
        if header is not None:
            names = tuple(name.strip() for name in header[2].split("."))
            whole = ".".join(names)
            counts[whole] = counts.get(whole, -1) + (header[1] == "[[" or whole not in counts)
            table = (*names, counts[whole]) if header[1] == "[[" else names
            yield names, number, header.start(2) + 1, line
            yield table, number, header.start(2) + 1, line
            continue
        key = _KEY.match(line)
        if key is not None:
            index = key.lastindex or 1
            yield (*table, key[index]), number, key.start(index) + 1, line


def _continued(text: str) -> set[int]:
    """The numbers of the lines that begin inside of a list, an inline table or a string."""
    found: set[int] = set()
    depth, first = 0, 0
    for token in _TOKEN.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if len(token[0]) > 1:
            if not token[0].startswith("#"):
                found.update(range(line + 1, line + 1 + token[0].count("\n")))
        elif token[0] in "[{":
            first = line if depth == 0 else first
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                found.update(range(first + 1, line + 1))
    return found
