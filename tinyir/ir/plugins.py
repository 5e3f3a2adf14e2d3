"""What other packages bring: they say so by entry points, and are found without being imported.

    [project.entry-points."tinyir.passes"]
    mine = "mine.passes"        # a package: each file in it is a pass (a module: the pass of the entry's name)

    [project.entry-points."tinyir.dialects"]
    mine = "mine.dialects"      # a package: each file in it registers the operations of the dialect of its name (or a module)

    [project.entry-points."tinyir.onnx"]
    mine = "mine.onnx"          # a package: each file in it translates operators of ONNX (`tinyir.frontend.onnx_registry.onnx_operator`)

    [project.entry-points."tinyir.specs"]
    mine = "mine.specs"         # a package with folders ops, functions, rules, isa, targets, as in specs/

Installed packages are found, and the project in whose folder one works (that of TINYIR_PROJECT, else the current one), which need not
be installed.  The folders of the environment variable TINYIR_SPECS are read as well.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

import attrs

from tinyir.ir.record import ValueRecord

FOLDERS = "TINYIR_SPECS"
PROJECT = "TINYIR_PROJECT"
PREFIX = "tinyir."
_DECLARES = re.compile(rb"^[ \t]*[^#\n]*entry-points[^#\n]*tinyir", re.MULTILINE)
GROUPS = ("tinyir.dialects", "tinyir.passes", "tinyir.specs")


@attrs.frozen(eq=False, repr=False)
class Brought(ValueRecord):
    """An entry point: its name, and the module or package that it names."""

    name: str
    module: str


@cache
def found_entry_points(group: str) -> tuple[Brought, ...]:
    """The entry points of a group, by name: those of installed packages, then those of the project one works in."""
    installed = []
    if any(f"[{group}]" in text for text in _entry_point_texts()):
        metadata = import_module("importlib.metadata")  # late: it takes longer to load than most commands to run
        installed = [Brought(entry.name, entry.value) for entry in metadata.entry_points(group=group)]
    return tuple(dict.fromkeys(sorted([*installed, *_of_project(group)], key=lambda entry: entry.name)))


def _of_project(group: str) -> list[Brought]:
    table = project_entry_points().get(group, {})
    return [Brought(name, value) for name, value in table.items()] if isinstance(table, dict) else []


@cache
def project_entry_points() -> dict[str, dict[str, str]]:
    """The entry points that the project one works in declares for tinyir; its packages can be imported from now on."""
    file = next((folder / "pyproject.toml" for folder in _folders_above() if (folder / "pyproject.toml").is_file()), None)
    if file is None or not _DECLARES.search(file.read_bytes()):
        return {}
    toml = import_module("tomllib")
    try:
        project = toml.loads(file.read_text(encoding="utf-8")).get("project", {})
    except (toml.TOMLDecodeError, UnicodeDecodeError):  # whoever builds the project is told; nothing can be found in it
        return {}
    for folder in (file.parent / "src", file.parent):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
    return {group: table for group, table in project.get("entry-points", {}).items() if group.startswith(PREFIX)}


def _folders_above() -> Iterator[Path]:
    start = Path(os.environ.get(PROJECT) or os.curdir).absolute()
    yield from (start, *start.parents)


@cache
def modules_of(group: str) -> dict[str, str]:
    """The modules that the entry points of a group name, by what they are called: a package stands for the modules in it."""
    found: dict[str, str] = {}
    for entry in found_entry_points(group):
        spec = find_spec(entry.module)
        inside = spec.submodule_search_locations if spec is not None else None
        if inside is None:
            found.setdefault(entry.name, entry.module)
        else:
            for module in iter_modules(inside):
                found.setdefault(module.name, f"{entry.module}.{module.name}")
    return found


@cache
def _entry_point_texts() -> tuple[str, ...]:
    """The files in which the packages on the path declare their entry points; all groups, where a place is no folder (a zip file)."""
    found = []
    for place in dict.fromkeys(sys.path):
        try:
            names = os.listdir(place or os.curdir)
        except NotADirectoryError:
            found.append("".join(f"[{group}]" for group in GROUPS))
            continue
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                with suppress(OSError), open(os.path.join(place, name, "entry_points.txt"), encoding="utf-8", errors="replace") as stream:
                    found.append(stream.read())
    return tuple(found)


@attrs.frozen(eq=False, repr=False)
class SpecificationFile(ValueRecord):
    """A file of specifications.  `label` is what errors and reports call it: `specs/ops/dense.op`, or its path."""

    label: str
    name: str
    place: Path

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


def _folders() -> Iterator[tuple[str, Path]]:
    yield "specs", _folder_of("tinyir.specs")
    for entry in found_entry_points("tinyir.specs"):
        yield entry.module.replace(".", "/"), _folder_of(entry.module)
    for folder in filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)):
        yield folder, Path(folder)


def _folder_of(package: str) -> Path:
    """Where a package stands (importlib.resources would say so too, and takes long to load)."""
    return Path(next(iter(import_module(package).__path__)))
