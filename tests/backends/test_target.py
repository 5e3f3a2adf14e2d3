"""A target is data: files in, frozen classes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyir.backends.target import list_targets, load_target, read_target
from tinyir.ir.errors import TinyirError
from tinyir.ir.schedule import GOALS


def text_of(name: str, repository: Path) -> str:
    return (repository / "specs" / "targets" / f"{name}.toml").read_text()


@pytest.mark.parametrize("name", list_targets())
def test_a_shipped_target_is_complete(name: str, repository: Path) -> None:
    target = load_target(name)
    assert {memory.name for memory in target.memories} >= {"flash", "ram"}
    assert [memory.writable for memory in target.memories if memory.name == "ram"] == [True]
    for goal in GOALS:
        assert {"-std=c99", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections"} <= set(target.flags.for_goal(goal))
    assert bool(target.costs.manual) == bool(target.costs.cycles)
    files = [*target.harness.sources, *target.harness.library, *filter(None, [target.harness.linker_script])]
    files += [simulator.helper for simulator in target.simulators if simulator.helper]
    assert all((repository / "backends" / "harness" / file).is_file() for file in files)


def test_an_unknown_target_gets_a_hint() -> None:
    with pytest.raises(TinyirError, match="no target 'cortex-m44': there are") as caught:
        load_target("cortex-m44")
    assert "did you mean 'cortex-m4'" in str(caught.value)


def test_a_target_may_stand_in_a_file_of_its_own(tmp_path: Path, repository: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text_of("host", repository).replace("int_bits = 32", "int_bits = 16"))
    target = load_target(str(file))
    assert (target.name, target.c.int_bits) == ("mine", 16)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("int_bits = 32", "int_bit = 32", "mine.toml:6:1: error: c: unknown key 'int_bit'\n   6 | int_bit = 32\n     | ^\n     hint: did you mean 'int_bits'?"),
        ("int_bits = 32", "", "mine.toml:4:2: error: c: 'int_bits' is missing\n   4 | [c]\n"),
        ("int_bits = 32", "int_bits = true", "mine.toml:6:1: error: c.int_bits: True is none of 16, 32, 64"),
        ("int_bits = 32", "int_bits = ", "mine.toml:6:12: error: Invalid value\n   6 | int_bits = \n"),
        ('"little"', '"middle"', "error: c.byte_order: 'middle' is none of 'little', 'big'"),
        ('size = ["-Os"]', 'size = "-Os"', "error: flags.size: '-Os' is not of type tuple"),
        ('size = ["-Os"]', "size = [3]", "error: flags.size: 3 is not of type str"),
        ("[[simulators]]", "[[simulator]]", "mine.toml: error: simulators: at least one such table is needed"),
        ("[c]", "c = 3\n[d]", "mine.toml:4:1: error: c: a table is needed\n   4 | c = 3\n"),
        ("description", "descriptions", "mine.toml:2:1: error: unknown key 'descriptions'"),
    ],
)
def test_a_mistake_in_the_file_is_named(old: str, new: str, message: str, repository: Path) -> None:
    text = text_of("host", repository)
    assert old in text
    with pytest.raises(TinyirError) as caught:
        read_target("mine", "mine.toml", text.replace(old, new))
    assert message in str(caught.value)


def test_no_python_names_a_simulated_target(repository: Path) -> None:
    names = [name for name in list_targets() if not load_target(name).is_hosted]
    for file in (repository / "backends").glob("*.py"):
        assert not [name for name in names if f'"{name}"' in file.read_text()], file.name
