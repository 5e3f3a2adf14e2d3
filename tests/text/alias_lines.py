"""The definitions of location aliases in a text, before and behind its operations, with all other aliases put in."""

from __future__ import annotations

import re

_DEFINITION = re.compile(r"(#loc\d*) = loc\((.*)\)")
_ALIAS = re.compile(r"#loc\d*(?![\w$])")
_IN_PLACE = re.compile(r'unknown|"[^"]{0,24}":\d+:\d+')


def alias_lines(text: str) -> tuple[list[str], list[str]]:
    """The lines as they stand."""
    lines = text.splitlines()
    body = next((number for number, line in enumerate(lines) if line[:1] not in ("#", "!")), len(lines))
    return [line for line in lines[:body] if line.startswith("#loc")], [line for line in lines[body:] if line.startswith("#loc")]


def named_places(text: str) -> tuple[list[str], list[str]]:
    """The locations that get a name in tinyir's texts, written out, in the order of their definitions."""
    early, late = alias_lines(text)
    texts = {match[1]: match[2] for match in map(_DEFINITION.fullmatch, early + late) if match is not None}

    def written_out(name: str) -> str:
        return _ALIAS.sub(lambda match: written_out(match.group()), texts[name])

    def named(lines: list[str]) -> list[str]:
        found = [written_out(line.partition(" ")[0]) for line in lines]
        return [place for place in found if _IN_PLACE.fullmatch(place) is None]

    return named(early), named(late)
