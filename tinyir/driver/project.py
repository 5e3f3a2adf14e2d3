"""A third party's own project: its package, and the entry points by which tinyir finds what is in it.

    pyproject.toml              [project.entry-points."tinyir.passes"]   NAME = "NAME.passes"     once; then every file is found
    NAME/passes/*.py            a pass each
    NAME/specs/{ops,rules,targets,...}/*                                                            as in specs/
    tests/
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import attrs

from tinyir.ir.errors import Place, TinyirError

FOLDERS = {"tinyir.passes": "passes", "tinyir.specs": "specs"}
"""Entry point group -> the sub-package that it names."""

NEW = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
dependencies = ["tinyir"]

[tool.setuptools.packages.find]
include = ["{name}*"]

[tool.setuptools.package-data]
"*" = ["*/*.op", "*/*.rules", "*/*.isa", "*/*.sched", "*/*.toml"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
addopts = ["--import-mode=importlib"]
"""


@attrs.frozen
class Project:
    """`folder` holds `pyproject.toml` (or will), `source` the package `name` (the same folder, or `src`); `text` is that of the file now."""

    folder: Path
    source: Path
    name: str
    text: str

    @property
    def package(self) -> Path:
        return self.source / self.name

    def package_of(self, group: str) -> Path:
        """The folder of what a group of entry points names."""
        return self.package / FOLDERS[group]

    def setup(self, group: str) -> dict[Path, str]:
        """What must be written before tinyir finds something new of that group: file -> text.

        Raises:
            TinyirError: the project's file has no place for the entry point.
        """
        inits = [self.package / "__init__.py", self.package_of(group) / "__init__.py"]
        found = {path: "" for path in inits if not path.exists()}
        text = self._with_entry_point(group)
        return ({self.folder / "pyproject.toml": text} if text != self._written else {}) | found

    @property
    def _written(self) -> str:
        file = self.folder / "pyproject.toml"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def _with_entry_point(self, group: str) -> str:
        value = f"{self.name}.{FOLDERS[group]}"
        table = _parse(self.text, self.folder).get("project", {}).get("entry-points", {}).get(group, {})
        if value in table.values():
            return self.text
        head, line = f'[project.entry-points."{group}"]', f'{self.name} = "{value}"'
        text = self.text.replace(head, f"{head}\n{line}", 1) if head in self.text else f"{self.text.rstrip()}\n\n{head}\n{line}\n"
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise TinyirError(f"{self.folder / 'pyproject.toml'} has no place for {head}", hint=f"add it by hand: {line}") from error
        return text


def find_project(folder: Path) -> Project:
    """The project of a folder; a new one, named after the folder, if it has no `pyproject.toml`.

    Raises:
        TinyirError: that file cannot be read, or names no project.
    """
    file = folder / "pyproject.toml"
    if not file.exists():
        name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_") or "mine"
        name = f"my_{name}" if name[0].isdigit() or name in ("tinyir", "tests") else name
        return Project(folder, folder, name, NEW.format(name=name))
    text = file.read_text(encoding="utf-8")
    named = _parse(text, folder).get("project", {}).get("name")
    if not isinstance(named, str):
        raise TinyirError(f"{file} names no project", hint='it needs [project] with name = "..."')
    name = re.sub(r"[-_.]+", "_", named).lower()
    return Project(folder, folder / "src" if (folder / "src").is_dir() else folder, name, text)


def _parse(text: str, folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TinyirError(f"cannot be read: {error}", place=Place(str(folder / "pyproject.toml"))) from error
