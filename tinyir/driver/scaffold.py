"""New passes, operators, rules and targets: one file and its test, from templates that work as they are.

Inside this repository they go where such files stand.  Anywhere else they go into the folder that is named, and what a package of
its own must say to be found is printed.
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
from tinyir.ir.errors import TinyirError
from tinyir.ir.plugins import specification_files
from tinyir.rewrite.pass_finder import known_passes
from tinyir.text.specifications import operators


@attrs.frozen
class Kind:
    """What can be made new: its templates, where they go in the repository and elsewhere (folders), and the names that are taken."""

    word: str
    text: str
    test: str
    ending: str
    folder: str
    test_folder: str
    elsewhere: str
    taken: Callable[[], set[str]]
    advice: str


KINDS = {
    "pass": Kind(
        "a pass", templates.PASS, templates.PASS_TEST, ".py", "passes", "tests/passes", "", lambda: set(known_passes()),
        'a package names it so in pyproject.toml:\n[project.entry-points."tinyir.passes"]\n$name = "my_package.$name"',
    ),
    "op": Kind(
        "an operator", templates.OPERATOR, templates.OPERATOR_TEST, ".op", "specs/ops", "tests/dialects", "specs/ops",
        lambda: {name.partition(".")[2] for name in operators()},
        'a package names its folder so in pyproject.toml:\n[project.entry-points."tinyir.specs"]\nmine = "my_package.specs"',
    ),
    "rule": Kind(
        "a file of rules", templates.RULE, templates.RULE_TEST, ".rules", "specs/rules", "tests/rewrite", "specs/rules",
        lambda: {file.name for file in specification_files("rules", ".rules")},
        "prove it: tinyir prove rules --update",
    ),
    "target": Kind(
        "a target", templates.TARGET, templates.TARGET_TEST, ".toml", "specs/targets", "tests/backends", "specs/targets",
        lambda: {file.name for file in specification_files("targets", ".toml")},
        "use it: tinyir compile MODEL -t $file -o DIR",
    ),
}  # fmt: skip


def create(kind: str, name: str, folder: Path) -> tuple[list[Path], str]:
    """Writes the files of a new thing; their paths, and what to do next.

    Raises:
        TinyirError: the name is none, or taken; a file is in the way.
    """
    what = KINDS[kind]
    pattern = r"[a-z][a-z0-9_]*" if kind != "target" else r"[a-z][a-z0-9_-]*"
    if not re.fullmatch(pattern, name) or keyword.iskeyword(name):
        raise TinyirError(f"'{name}' is no name for {what.word}", hint="write it in lower case, with _ between words")
    if name in what.taken():
        raise TinyirError(f"there is {what.word} '{name}' already")
    inside = all((folder / part).is_dir() for part in ("passes", "specs", "tests/passes"))
    file = folder / (what.folder if inside else what.elsewhere) / f"{name}{what.ending}"
    test = folder / (what.test_folder if inside else "") / f"test_{name.replace('-', '_')}.py"
    words = {
        "name": name,
        "class_name": "".join(word.capitalize() for word in name.split("_")),
        "module": f"tinyir.passes.{name}" if inside else name,
        "file": Path(relpath(file, test.parent)).as_posix(),
    }
    made = {file: Template(what.text).substitute(words), test: Template(what.test).substitute(words)}
    if not inside and what.elsewhere and not (folder / "conftest.py").exists():
        made[folder / "conftest.py"] = templates.CONFTEST
    for path in made:
        if path.exists():
            raise TinyirError(f"{path} exists already")
    for path, text in made.items():
        with output_file(path) as scratch:
            scratch.write_text(text, encoding="utf-8")
    return list(made), "" if inside and kind in ("pass", "op") else Template(what.advice).substitute(words | {"file": str(file)})
