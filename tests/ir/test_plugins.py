"""What other packages bring is found: by entry points once they are installed, by the project's own file or TINYIR_SPECS before."""

import os
import sys
from pathlib import Path
from subprocess import run

import pytest

from tinyir.ir.plugins import PROJECT, specification_files

PACKAGE = {
    "mine/__init__.py": "",
    "mine/specs/__init__.py": "",
    "mine/specs/ops/cube.op": "op graph.cube(x: t[D...]) -> (y: t[D...])\n  y[d...] = x[d...] * x[d...] * x[d...]\n",
    "mine/specs/rules/cube.rules": """group canonical

rule cube_of_negated assumed "it is the sign that moves"   graph.cube(graph.negate(x))  =>  graph.negate(graph.cube(x))
""",
    "mine/dialect.py": "from tinyir.ir.registry import OperationDefinition, register\nregister(OperationDefinition('mine.thing', 'A thing.', (), ()))\n",
    "mine/tidy.py": """
import attrs
from tinyir.rewrite.passes import Pass

@attrs.frozen
class Tidy(Pass):
    def run(self, module, context):
        context.remark("all is tidy")
""",
    "mine/many/__init__.py": "",
    "mine/many/one.py": "from tinyir.ir.registry import OperationDefinition, register\nregister(OperationDefinition('one.thing', 'One.', (), ()))\n",
    "mine/specs/isa/mine.isa": """isa mine when defined(MINE)

instr pair(a: i16[2], b: i16[2], c: i32) -> i32
  lane 0 = c + a[0] * b[0] + a[1] * b[1]
  asm "pair %0, %1, %2, %3"
""",
    "mine-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n",
    "mine-1.0.dist-info/entry_points.txt": """[tinyir.specs]
mine = mine.specs
[tinyir.dialects]
mine = mine.dialect
many = mine.many
[tinyir.passes]
tidy = mine.tidy
""",
}
MODULE = """
"mine.thing"() : () -> ()
"one.thing"() : () -> ()
func.func private @i(%a: vector<2xi16>, %c: i32) -> i32 {
  %r = isa.pair(%a, %a, %c) : (vector<2xi16>, vector<2xi16>, i32) -> i32
  func.return %r : i32
}
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %n = graph.negate(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %c = graph.cube(%n) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %c : tensor<2xf32>
}
"""


def without_project() -> dict[str, str]:
    """The environment of somebody who works elsewhere."""
    return {key: value for key, value in os.environ.items() if key != PROJECT}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "a.tir").write_text(MODULE)
    (tmp_path / "mine" / "specs" / "targets").mkdir()
    return tmp_path


def test_an_installed_package_brings_operators_rules_dialects_passes_and_targets(package: Path, repository: Path) -> None:
    target = (repository / "specs" / "targets" / "host.toml").read_text()
    (package / "mine" / "specs" / "targets" / "mine8.toml").write_text(target)
    script = (
        f"import sys; sys.path[:0] = [{str(package)!r}, {str(repository)!r}]\nfrom tinyir.driver.command_line import main\n"
        f"print(main(['opt', {str(package / 'a.tir')!r}, '-p', 'canonicalize,tidy', '--timing']), main(['targets']))"
    )
    outcome = run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert outcome.stdout.endswith("0 0\n"), outcome.stderr
    assert "cube_of_negated" in outcome.stderr
    assert "note: all is tidy" in outcome.stderr
    assert "\n  mine.thing() : () -> ()\n  one.thing() : () -> ()\n" in outcome.stdout
    assert "isa.pair(%a, %a, %c)" in outcome.stdout
    assert outcome.stdout.index("graph.cube(%x)") < outcome.stdout.index("graph.negate(%")
    assert "\nmine8: " in outcome.stdout


def test_a_folder_can_be_named_by_the_environment(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package / "mine" / "specs"
    monkeypatch.setenv("TINYIR_SPECS", str(folder))
    found = specification_files("ops", ".op")
    assert (found[-1].label, found[-1].name) == (f"{folder}/ops/cube.op", "cube")
    assert found[-1].read().startswith("op graph.cube(")
    assert found[0].label.startswith("specs/ops/")
    monkeypatch.delenv("TINYIR_SPECS")
    assert all(file.label.startswith("specs/") for file in specification_files("ops", ".op"))


def test_mistakes_in_what_is_brought_are_told(package: Path, repository: Path) -> None:
    (package / "pyproject.toml").write_text('[project]\nname = "mine"\n[project.entry-points."tinyir.passes"]\ntidy = "mine.tidy"\n')
    (package / "mine" / "tidy.py").write_text("import attrs\n\nclass Tidy(:\n")
    script = f"import sys; sys.path.insert(0, {str(repository)!r})\nfrom tinyir.driver.command_line import main\nmain(['opt', 'a.tir', '-p', 'tidy'])"
    outcome = run([sys.executable, "-c", script], env=without_project(), cwd=package, capture_output=True, text=True, check=False)
    assert outcome.stdout == ""
    file = package / "mine" / "tidy.py"
    assert outcome.stderr.splitlines()[:2] == [
        f"{file}:3:12: error: the file of pass 'tidy' cannot be imported: SyntaxError: invalid syntax (tidy.py, line 3)",
        "   3 | class Tidy(:",
    ]


def test_a_project_file_that_is_none_brings_nothing(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project.entry-points."tinyir.passes"\n')
    script = f"import sys; sys.path.insert(0, {str(repository)!r})\nfrom tinyir.driver.command_line import main\nmain(['targets'])"
    outcome = run([sys.executable, "-c", script], env=without_project(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "cortex-m4: " in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("module.nothing", "AttributeError: 'Operation' object has no attribute 'nothing'"),
        ("[o.erase() for o in module.walk() if o.name == 'graph.cube']", "ValueError: cannot erase 'graph.cube': its result is still used by 'func.return'"),
    ],
)
def test_a_pass_that_fails_is_shown_at_its_own_line(statement: str, message: str, package: Path, repository: Path) -> None:
    file = package / "mine" / "tidy.py"
    file.write_text(file.read_text().replace('context.remark("all is tidy")', statement))
    script = (
        f"import sys; sys.path[:0] = [{str(package)!r}, {str(repository)!r}]\nfrom tinyir.driver.command_line import main\n"
        "print(main(['opt', 'a.tir', '-p', 'tidy']))"
    )
    outcome = run([sys.executable, "-c", script], env=without_project(), cwd=package, capture_output=True, text=True, check=False)
    lines = outcome.stderr.splitlines()
    assert outcome.stdout == "1\n"
    assert lines[0].startswith("note: the module before 'tidy' is in tidy.reproducer.tir")
    assert lines[1] == f"{file}:8:9: error: {message}"
    assert lines[2].endswith(statement)
    assert len(lines) <= 6
