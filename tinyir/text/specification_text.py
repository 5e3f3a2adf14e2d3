"""The words of one definition in a shipped file of `specs`, as they stand there: for hovers and reference pages."""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import takewhile

from tinyir.ir.errors import Place

_FOLDER = "specs/"


@cache
def specification_file(file: str) -> str:
    """The whole text of a shipped file `specs/...`."""
    return resources.files("tinyir.specs").joinpath(*file.removeprefix(_FOLDER).split("/")).read_text("utf-8")


def specification_text(place: Place) -> str:
    """The definition that begins at a place of `specs/...`: its line, and the indented ones below.

    Raises:
        ValueError: the place is not in a shipped file.
    """
    if not place.file.startswith(_FOLDER) or not place.line:
        raise ValueError(f"{place} is not in {_FOLDER}")
    lines = specification_file(place.file).split("\n")[place.line - 1 :]
    return "\n".join([lines[0], *takewhile(lambda line: line[:1].isspace() and line.strip(), lines[1:])])
