"""The reference pages name everything there is, and are the same wherever they are made."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import attrs
import pytest

from tinyir.backends.target import list_targets, load_target
from tinyir.dialects.nest_classes import CLASSES, FACTS
from tinyir.dialects.schedules import schedules
from tinyir.driver.command_line import main
from tinyir.driver.reference import error_of, reference_pages
from tinyir.driver.reference_python import INTERFACE
from tinyir.ir.errors import Place
from tinyir.ir.operator import ScalarFunction
from tinyir.ir.plugins import specification_files
from tinyir.ir.registry import dialect_names, known_operations
from tinyir.rewrite.pass_finder import find_pass, known_passes
from tinyir.rewrite.rule_book import shipped_rules
from tinyir.text.specification_text import specification_text
from tinyir.text.specifications import functions, operators


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference_pages()


def headings(text: str) -> list[str]:
    """The words of all headings but the title, code left out."""
    return re.findall(r"^##+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def test_every_operator_has_its_equations(pages: dict[str, str]) -> None:
    assert headings(pages["operators.md"]) == sorted(operators())
    for name, operator in operators().items():
        section = pages["operators.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert f"```\nop {name}(" in section
        assert section.count(" = ") + ("by hand" in section) >= len(operator.equations), name


def test_every_function_has_its_arithmetic_and_its_error(pages: dict[str, str]) -> None:
    assert headings(pages["functions.md"]) == sorted(functions())
    for name, function in functions().items():
        assert re.search(rf"^- `{name}`: \d+\.\d+ ulp ", pages["functions.md"], re.MULTILINE), name
        assert specification_text(function.place) in pages["functions.md"]


def test_a_function_without_a_stated_error_is_told_apart() -> None:
    known = next(iter(functions().values()))
    unknown = ScalarFunction(known.name, "No error here.", known.parameters, known.result, known.assignments, known.value)
    assert error_of(unknown) == "not stated"


def test_every_other_operation_is_there(pages: dict[str, str]) -> None:
    expected = {name for dialect in dialect_names() for name in known_operations(dialect)} - set(operators())
    assert {"graph.constant", "func.func", "loop.for", "c.assign"} <= expected
    assert expected <= set(headings(pages["operations.md"]))


def test_every_pass_has_its_options(pages: dict[str, str]) -> None:
    assert headings(pages["passes.md"]) == list(known_passes())
    told = pages["passes.md"].partition("\n## jam_outputs\n")[2].partition("\n## ")[0]
    assert "- `factor`: int or none, default what the schedule says (`jam outputs`)" in told
    for name in known_passes():
        section = pages["passes.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert len(section) > 100, name
        assert section.count("\n- `") == len(attrs.fields(find_pass(name))), name


def test_every_rule_stands_once_as_it_is_written(pages: dict[str, str]) -> None:
    rules, text = shipped_rules().rules, pages["rules.md"]
    assert len(rules) > 50
    for rule in rules.values():
        assert text.count(f"\n```\n{specification_text(rule.place)}\n```\n") == 1, rule.name
        assert not rule.family or f"`{rule.name}`" in text, rule.name
        assert f"## Group {rule.group}\n" in text
        assert rule.assumed in text
        section = text.partition(f"\n### {rule.name.partition('.')[0]}\n")[2].partition("\n### ")[0]
        assert ("**Assumed**" if rule.assumed else "**Proved.**") in section, rule.name
    assert all(f"### {name}\n" in text for name in shipped_rules().functions)


def test_every_target_has_its_tools_and_instructions(pages: dict[str, str]) -> None:
    assert headings(pages["targets.md"]) == list(list_targets())
    for name in list_targets():
        section = pages["targets.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert all(f"- {tool.name}: {tool.package}\n" in f"{section}\n" for tool in (*load_target(name).toolchains, *load_target(name).simulators))
    assert "instr smlad(a: i16[2], b: i16[2], c: i32) -> i32" in pages["targets.md"]


def test_every_instruction_has_its_meaning(pages: dict[str, str]) -> None:
    text = pages["instructions.md"]
    for file in specification_files("isa", ".isa"):
        section = text.partition(f"\n## {file.name}\n")[2].partition("\n## ")[0]
        named = re.findall(r"^(?:instr|sequence) (\w+)", file.read(), re.MULTILINE)
        assert named
        assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == named
        assert section.count("  lane 0 = ") + section.count("  means ") >= len(named)
    assert "Used by: `cortex-m33`, `cortex-m4`" in text


def test_every_schedule_stands_as_it_is_written(pages: dict[str, str]) -> None:
    text = pages["schedules.md"]
    assert headings(text) == [schedule.name for schedule in schedules()]
    for schedule in schedules():
        section = text.partition(f"\n## {schedule.name}\n")[2].partition("\n## ")[0]
        assert f"```\n{specification_text(schedule.place)}\n```" in section
        assert schedule.summary in section
    assert all(f"- `{name}`: " in text for name in (*CLASSES, *FACTS))


def test_operations_tell_form_kinds_of_properties_and_effects(pages: dict[str, str]) -> None:
    store = pages["operations.md"].partition("\n### buffer.store\n")[2].partition("\n### ")[0]
    assert "- `map`: map: from the index operands to the indices" in store
    assert "Form: `` buffer.store $element `,` $memory `[`" in store
    assert "Writes `memory`." in store
    assert "Touches no memory." in pages["operations.md"].partition("\n### arith.addi\n")[2].partition("\n### ")[0]


def test_the_python_interface_is_there_with_its_docstrings(pages: dict[str, str]) -> None:
    text = pages["python.md"]
    for names in INTERFACE.values():
        for name in names:
            module, _, attribute = name.partition(":")
            found = getattr(import_module(f"tinyir.{module}"), attribute)
            section = text.partition(f"\n### {attribute}\n")[2].partition("\n### ")[0]
            assert f"`from tinyir.{module} import {attribute}`" in section
            assert (inspect.getdoc(found) or "?").partition("\n")[0] in section, name
    assert "goal: str = 'speed'" in text
    assert "- `apply(name: str, *operands: Value, **properties: object) -> Result`: The one result" in text
    assert {name.partition(":")[2] for name in INTERFACE["Models"]} >= {"compile", "run", "prove", "bench", "import_model", "Target"}


def test_the_command_writes_the_same_pages_everywhere(tmp_path: Path) -> None:
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        words = [sys.executable, "-m", "tinyir", "reference", "-o", str(folder)]
        subprocess.run(words, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        written.append({path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()})
    assert written[0] == written[1]
    links = re.findall(r"\]\(([^)]*)\)", written[0]["index.md"])
    assert sorted([*links, "index.md"]) == sorted(written[0])
    assert "operators.md" in links


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["reference", "-o", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith(f"error: cannot write {tmp_path / 'file'}: ")


def test_a_text_outside_the_specifications_is_refused() -> None:
    with pytest.raises(ValueError, match="is in no specs/"):
        specification_text(Place("net.tir", 1, 1))
