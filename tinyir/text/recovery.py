"""Where to go on after a mistake: the next line that can begin an operation, past the regions of the failed one."""

from __future__ import annotations

import re

_LINE_START = r'[ \t]*(?:%[\w$.\-]+(?::\d+)?[ \t]*[=,]|"[\w.$\-]+"[ \t]*\(|\^[\w$.\-]+|\}|[#!][\w$\-]+[ \t]*=|[a-z_]\w*\.\w|return\b|module\b)'
_TOKENS = r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|[{}]|[^"/{}]+|.'
_RESULTS = r"(%[\w$.\-]+)(?::(\d+))?[ \t]*([,=])[ \t]*"
_NAMES = r"%[\w$.\-]+"
_BLOCK = r"\^[\w$.\-]+"
"""Compiled where they are used: most texts have no mistakes."""


def statement_names(text: str, begin: int) -> list[str]:
    """The values and blocks that a failed statement would have defined."""
    block = re.compile(_BLOCK).match(text, begin)
    if block is not None:
        line_end = text.find("\n", begin)
        return [block.group(), *re.compile(_NAMES).findall(text, begin, line_end if line_end >= 0 else len(text))]
    names: list[str] = []
    position, results = begin, re.compile(_RESULTS)
    while (match := results.match(text, position)) is not None:
        name, count, separator = match.groups()
        names.append(name)
        names += [f"{name}#{i}" for i in range(min(int(count[:5]), 65536) if count else 0)]
        if separator == "=":
            return names
        position = match.end()
    return []


def resume_offset(text: str, offset: int) -> int:
    """The start of the first line after `offset` that can begin an operation; regions that the failed line opens are skipped."""
    offset = _line_end(text, offset)
    if _opens_region(text, offset):
        offset = _line_end(text, _after_region(text, offset))
    line_start = re.compile(_LINE_START)
    while offset < len(text) and line_start.match(text, offset) is None:
        offset = _line_end(text, offset)
    return offset


def _line_end(text: str, offset: int) -> int:
    """The start of the next line."""
    found = text.find("\n", offset)
    return found + 1 if found >= 0 else len(text)


def _opens_region(text: str, line_end: int) -> bool:
    """Whether the line before ends with a brace."""
    start = text.rfind("\n", 0, max(line_end - 1, 0)) + 1
    line = text[start:line_end].partition("//")[0]
    return line.rstrip().endswith("{")


def _after_region(text: str, offset: int) -> int:
    """The offset after the brace that closes the region entered just before `offset`."""
    depth = 1
    for match in re.compile(_TOKENS).finditer(text, offset):
        token = match.group()
        depth += (token == "{") - (token == "}")
        if not depth:
            return match.end()
    return len(text)


def name_offset(text: str, name: str, offset: int) -> int:
    """The offset at which a name stands, searched from where its statement or list begins."""
    match = re.compile(re.escape(name) + r"(?![\w$.\-#])").search(text, offset)
    return match.start() if match is not None else offset
