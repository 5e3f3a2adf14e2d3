"""What other packages bring is found: by entry points once they are installed, by TINYIR_SPECS before."""

import sys
from pathlib import Path
from subprocess import run

import pytest

from tinyir.ir.plugins import specification_files

PACKAGE = {
    "mine/__init__.py": "",
    "mine/specs/__init__.py": "",
    "mine/specs/ops/cube.op": "op graph.cube(x: t[D...]) -> (y: t[D...])\n  y[d...] = x[d...] * x[d...] * x[d...]\n",
    "mine/specs/rules/cube.rules": "group canonical\n\nrule cube_of_negated   graph.cube(graph.negate(x))  =>  graph.negate(graph.cube(x))\n",
    "mine/dialect.py": "from tinyir.ir.registry import OperationDefinition, register\nregister(OperationDefinition('mine.thing', 'A thing.', (), ()))\n",
    "mine/tidy.py": """
import attrs
from tinyir.rewrite.passes import Pass

@attrs.frozen
class Tidy(Pass):
    def run(self, module, context):
        context.remark("all is tidy")
""",
    "mine-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n",
    "mine-1.0.dist-info/entry_points.txt": "[tinyir.specs]\nmine = mine.specs\n[tinyir.dialects]\nmine = mine.dialect\n[tinyir.passes]\ntidy = mine.tidy\n",
}
MODULE = """
"mine.thing"() : () -> ()
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %n = graph.negate(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %c = graph.cube(%n) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %c : tensor<2xf32>
}
"""


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
