"""New passes, operators, rules and targets: one file and its test, from templates that work as they are.

Inside this repository they go where such files stand.  Anywhere else they go into the package of the project in that folder, which
`tinyir.driver.project` makes if there is none, and are found from then on.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from os.path import relpath
from pathlib import Path
from string import Template

import attrs

from tinyir.driver import templates
from tinyir.driver.output import output_file
from tinyir.driver.project import Project, find_project
from tinyir.ir.errors import TinyirError
from tinyir.ir.plugins import specification_files
from tinyir.rewrite.pass_finder import known_passes
from tinyir.text.specifications import operators


@attrs.frozen
class Kind:
    """What can be made new: its templates, where they go in the repository, where in a package, and the names that are taken."""

    word: str
    text: str
    test: str
    ending: str
    folder: str
    test_folder: str
    group: str
    inside: str
    taken: Callable[[], set[str]]
    advice: str


KINDS = {
    "pass": Kind(
        "a pass", templates.PASS, templates.PASS_TEST, ".py", "passes", "tests/passes", "tinyir.passes", "",
        lambda: set(known_passes()), "use it: tinyir opt FILE.tir -p $name",
    ),
    "op": Kind(
        "an operator", templates.OPERATOR, templates.OPERATOR_TEST, ".op", "specs/ops", "tests/dialects", "tinyir.specs", "ops",
        lambda: {name.partition(".")[2] for name in operators()}, "use it: %y = graph.$name(%x) : (tensor<4xf32>) -> tensor<4xf32>",
    ),
    "rule": Kind(
        "a file of rules", templates.RULE, templates.RULE_TEST, ".rules", "specs/rules", "tests/rewrite", "tinyir.specs", "rules",
        lambda: {file.name for file in specification_files("rules", ".rules")},
        "prove it: tinyir prove $proved\nnote: use it: tinyir opt FILE.tir -p 'apply_rules{names=[$name]}'",
    ),
    "target": Kind(
        "a target", templates.TARGET, templates.TARGET_TEST, ".toml", "specs/targets", "tests/backends", "tinyir.specs", "targets",
        lambda: {file.name for file in specification_files("targets", ".toml")}, "use it: tinyir compile MODEL -t $name -o DIR",
    ),
}  # fmt: skip


def create(kind: str, name: str, folder: Path) -> tuple[list[Path], str]:
    """Writes the files of a new thing; their paths, and what to do next.

    Raises:
        TinyirError: the name is none, or taken; a file is in the way; the project cannot be extended.
    """
    what = KINDS[kind]
    pattern = r"[a-z][a-z0-9_]*" if kind != "target" else r"[a-z][a-z0-9_-]*"
    if not re.fullmatch(pattern, name) or keyword.iskeyword(name):
        raise TinyirError(f"'{name}' is no name for {what.word}", hint="write it in lower case, with _ between words")
    if name in what.taken():
        raise TinyirError(f"there is {what.word} '{name}' already")
    project = None if _is_repository(folder) else find_project(folder)
    made = _files(what, name, folder, project)
    for path in made:
        if path.exists():
            raise TinyirError(f"{path} exists already")
    setup = project.setup(what.group) if project is not None else {}
    for path, text in {**setup, **made}.items():
        with output_file(path) as scratch:
            scratch.write_text(text, encoding="utf-8")
    return [*setup, *made], Template(what.advice).substitute(name=name, proved="rules --update" if project is None else next(iter(made)))


def _is_repository(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in ("passes", "specs", "tests/passes"))


def _files(what: Kind, name: str, folder: Path, project: Project | None) -> dict[Path, str]:
    """The file and its test."""
    test_name = f"test_{name.replace('-', '_')}.py"
    if project is None:
        file, test, module = folder / what.folder / f"{name}{what.ending}", folder / what.test_folder / test_name, f"tinyir.passes.{name}"
    else:
        file, test = project.package_of(what.group) / what.inside / f"{name}{what.ending}", project.folder / "tests" / test_name
        module = f"{project.name}.passes.{name}"
    words = {
        "name": name,
        "class_name": "".join(word.capitalize() for word in name.split("_")),
        "module": module,
        "file": Path(relpath(file, test.parent)).as_posix(),
    }
    return {file: Template(what.text).substitute(words), test: Template(what.test).substitute(words)}
