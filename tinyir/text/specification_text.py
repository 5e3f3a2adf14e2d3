"""The words of one definition in a file of `specs`, or of another package, as they stand there: for hovers and reference pages."""

from __future__ import annotations

from functools import cache
from itertools import takewhile

from tinyir.ir.errors import Place
from tinyir.ir.plugins import specification_files

_ENDINGS = {"ops": ".op", "functions": ".op", "rules": ".rules", "isa": ".isa", "schedules": ".sched"}


@cache
def specification_file(file: str) -> str:
    """The whole text of a file by its label, `specs/ops/dense.op`.

    Raises:
        ValueError: no package has brought it.
    """
    kind = file.rpartition("/")[0].rpartition("/")[2]
    for known in specification_files(kind, _ENDINGS.get(kind, "")):
        if known.label == file:
            return known.read()
    raise ValueError(f"{file} is in no specs/ of a package")


def specification_text(place: Place) -> str:
    """The definition that begins at a place of `specs/...`: its line, and the indented ones below.

    Raises:
        ValueError: the place is in no file that a package has brought.
    """
    lines = specification_file(place.file).split("\n")[place.line - 1 :]
    return "\n".join([lines[0], *takewhile(lambda line: line[:1].isspace() and line.strip(), lines[1:])])
