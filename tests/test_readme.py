"""The README does what it says: its commands run, its Python runs, its table holds, its folders are there."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tinyir.driver.api import Figures, bench
from tinyir.driver.command_line import main
from tinyir.rewrite.passes import PassContext
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

TOLERANCE = 1.02  # of the figures: what is claimed may be exceeded by so much


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text()


@pytest.fixture
def copied(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which the README's paths lead to the examples, and where it may write."""
    shutil.copytree(repository / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


def test_the_commands_of_make_are_targets_of_the_makefile(readme: str, repository: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (repository / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make (\w+)", readme))
    assert {"demo", "test", "install", "measure"} <= named <= targets


def test_the_commands_run(readme: str, copied: Path, require_tool: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    commands = [line for block in blocks(readme, "sh") for line in block.splitlines() if line.startswith("tinyir ")]
    assert len(commands) == 7
    said = {}
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, command
        said[command.split()[1]] = capsys.readouterr().out
    assert sorted(path.name for path in (copied / "out" / "cnn").iterdir()) == ["cnn_int8.c", "cnn_int8.h", "cnn_int8.json"]
    assert "0 refuted, 0 unknown, 0 not attempted" in said["prove"].splitlines()[-1]
    assert "of limit" in said["bench"]
    assert (copied / "examples" / "mnist" / "cnn_int8.onnx.tuning.json").exists()


def test_the_python_runs(readme: str, copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use, _ = blocks(readme, "python")
    exec(compile(use, "README.md", "exec"), {})
    assert re.fullmatch(r"\d+ bytes of RAM, \d+ proofs\n", capsys.readouterr().out)
    assert (copied / "out" / "mlp" / "mlp_int8.c").exists()


def test_the_pass_does_what_it_says(readme: str) -> None:
    _, text = blocks(readme, "python")
    module = ModuleType("negate_twice")
    exec(compile(text, "README.md", "exec"), module.__dict__)
    tensor = "tensor<4xf32>"
    lines = [f"%{i} = graph.negate(%{'x' if not i else i - 1}) : ({tensor}) -> {tensor}" for i in range(3)]
    network = parse(f"func.func @net(%x: {tensor}) -> {tensor} {{\n" + "\n".join(lines) + f"\nfunc.return %2 : {tensor}\n}}")
    module.NegateTwice().run(network, PassContext())
    assert "return %" in print_module(network)
    (returned,) = [operation for operation in network.walk() if operation.name == "func.return"]
    definer = returned.operands[0].definer
    assert definer is not None
    assert definer.operands[0].name == "x"


def test_the_table_claims_what_is_measured(readme: str, corpus: Path, repository: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if re.match(r"\| `\w+`", line)]
    assert len(rows) == 7
    for title, *claims in rows:
        name = title.split("`")[1]
        model = corpus / name / "qdq.onnx" if name.startswith("mlperf") else repository / "examples" / "mnist" / f"{name}.onnx"
        fast, small, lean = (bench([model], ["cortex-m4"], goal=goal)[0] for goal in ("speed", "size", "ram"))
        for claim, measured in zip(claims, figures(fast, small, lean), strict=True):
            assert measured <= float(claim.replace(",", "")) * TOLERANCE, title


def figures(fast: Figures, small: Figures, lean: Figures) -> list[float]:
    """The columns of the table."""
    values = (fast.instructions, fast.multiply_accumulates, fast.flash_bytes, small.code_bytes, small.flash_bytes, lean.ram_bytes)
    instructions, products, flash, code, small_flash, ram = (value or 0 for value in values)
    return [instructions, instructions / products, flash, code, small_flash, ram]


def test_the_folders_are_there(readme: str, repository: Path) -> None:
    named = re.findall(r"^\| `([\w/]+)/` \|", readme, re.MULTILINE)
    assert len(named) >= 6
    assert [name for name in named if not (repository / name).is_dir()] == []


def test_the_documentation_is_there(readme: str, repository: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", readme)
    assert len(links) >= 7
    assert [link for link in links if not (repository / link).exists()] == []
    assert {path.name for path in (repository / "docs" / "tutorial").iterdir()} == {Path(link).name for link in links if "tutorial" in link}
