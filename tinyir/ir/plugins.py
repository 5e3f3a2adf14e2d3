"""What other packages bring: they say so by entry points, and are found without being imported.

    [project.entry-points."tinyir.specs"]
    mine = "my_package.specs"          # a package with folders ops, functions, rules, targets, as in specs/

    [project.entry-points."tinyir.dialects"]
    mine = "my_package.mine_dialect"   # the module that registers the operations mine.*

(Passes have their own group, `tinyir.passes`.)  The folders of the environment variable TINYIR_SPECS are read as well, so that a
specification can be tried before it belongs to any package.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from importlib.resources.abc import Traversable

FOLDERS = "TINYIR_SPECS"


@cache
def found_entry_points(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group, by name."""
    metadata = import_module("importlib.metadata")  # late: it takes longer to load than most commands to run
    return tuple(sorted(metadata.entry_points(group=group), key=lambda entry: entry.name))


@attrs.frozen
class SpecificationFile:
    """A file of specifications.  `label` is what errors and reports call it: `specs/ops/dense.op`, or its path."""

    label: str
    name: str
    place: Traversable

    def read(self) -> str:
        return self.place.read_text("utf-8")


def specification_files(kind: str, ending: str) -> list[SpecificationFile]:
    """All files `specs/KIND/*ENDING`, those of this package first, each package's by name."""
    found = []
    for label, folder in _folders():
        inside = folder.joinpath(kind)
        if inside.is_dir():
            entries = sorted((entry for entry in inside.iterdir() if entry.name.endswith(ending)), key=lambda entry: entry.name)
            found += [SpecificationFile(f"{label}/{kind}/{entry.name}", entry.name.removesuffix(ending), entry) for entry in entries]
    return found


def _folders() -> Iterator[tuple[str, Traversable]]:
    files = import_module("importlib.resources").files
    yield "specs", files("tinyir.specs")
    for entry in found_entry_points("tinyir.specs"):
        yield entry.value.replace(".", "/"), files(entry.value)
    for folder in filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)):
        yield folder, Path(folder)
