"""What `new-...` writes works as it is."""

import os
import sys
from pathlib import Path
from subprocess import run

import pytest

from tinyir.driver.command_line import main
from tinyir.ir.plugins import PROJECT

KINDS = ("pass", "op", "rule", "target")
NETWORK = """func.func @network(%x: tensor<4xf32>) -> tensor<4xf32> {
  %o = graph.my_op(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %a = graph.negate(%o) : (tensor<4xf32>) -> tensor<4xf32>
  %b = graph.negate(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}
"""
FIND_PASSES = "import tinyir.passes\nfrom pathlib import Path\ntinyir.passes.__path__.append(str(Path(__file__).parent.parent / 'passes'))\n"


def create(folder: Path) -> list[str]:
    for kind in KINDS:
        assert main([f"new-{kind}", f"my_{kind}", "-o", str(folder)]) == 0
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def python(folder: Path, *words: str, path: str) -> str:
    """What a fresh interpreter says in a folder, where the packages of `path` can be imported."""
    environment = {key: value for key, value in os.environ.items() if key != PROJECT} | {"PYTHONPATH": path}
    outcome = run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout + outcome.stderr


def pytest_passes_in(folder: Path, repository: Path) -> None:
    said = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tinyir.driver.pytest_plugin", path=str(repository))
    assert "8 passed" in said


@pytest.fixture
def package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A project of somebody, made of nothing but what `new-...` writes."""
    folder = tmp_path / "my-lab 1"
    folder.mkdir()
    assert create(folder) == [
        "my_lab_1/__init__.py",
        "my_lab_1/passes/__init__.py",
        "my_lab_1/passes/my_pass.py",
        "my_lab_1/specs/__init__.py",
        "my_lab_1/specs/ops/my_op.op",
        "my_lab_1/specs/rules/my_rule.rules",
        "my_lab_1/specs/targets/my_target.toml",
        "pyproject.toml",
        "tests/test_my_op.py",
        "tests/test_my_pass.py",
        "tests/test_my_rule.py",
        "tests/test_my_target.py",
    ]
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == [str(folder / "pyproject.toml"), str(folder / "my_lab_1" / "__init__.py")]
    assert "note: use it: tinyir opt FILE.tir -p my_pass\n" in said.err
    (folder / "net.tir").write_text(NETWORK)
    return folder


def test_the_tests_of_new_things_pass_as_they_are(package: Path, repository: Path) -> None:
    pytest_passes_in(package, repository)


def test_new_things_are_found_where_they_stand_without_being_installed(package: Path, repository: Path) -> None:
    said = python(package / "tests", "-m", "tinyir", "opt", "../net.tir", "-p", "my_pass,apply_rules{names=[my_rule]},dce", path=str(repository))
    assert "my_pass: 1 pairs of negations are gone" in said
    assert "graph.my_op(%x)" in said
    assert "my_target: " in python(package, "-m", "tinyir", "targets", path=str(repository))
    proved = python(package, "-m", "tinyir", "prove", "my_lab_1/specs/rules/my_rule.rules", path=str(repository))
    assert "1 proved, 0 refuted" in proved


def test_what_is_built_of_them_plugs_in_wherever_it_is_installed(package: Path, repository: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--root-user-action=ignore")
    python(package, *pip, "--target", str(site), ".", path="")
    (tmp_path / "net.tir").write_text(NETWORK)
    path = os.pathsep.join((str(repository), str(site)))
    said = python(tmp_path, "-m", "tinyir", "opt", "net.tir", "-p", "my_pass,apply_rules{names=[my_rule]},dce", path=path)
    assert "my_pass: 1 pairs of negations are gone" in said
    assert "graph.my_op(%x)" in said
    assert "my_target: " in python(tmp_path, "-m", "tinyir", "targets", path=path)


def test_an_existing_project_keeps_what_it_says(tmp_path: Path) -> None:
    text = '[project]\nname = "Its-Name"\nversion = "1"\n\n[project.entry-points."tinyir.passes"]\nother = "its_name.other"\n\n[tool.x]\ny = 1\n'
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "src" / "its_name").mkdir(parents=True)
    (tmp_path / "src" / "its_name" / "__init__.py").write_text("# mine\n")
    for kind in KINDS:
        assert main([f"new-{kind}", f"my_{kind}", "-o", str(tmp_path)]) == 0
    added = '[project.entry-points."tinyir.passes"]\nits_name = "its_name.passes"\n'
    found = (tmp_path / "pyproject.toml").read_text()
    assert found == text.replace('[project.entry-points."tinyir.passes"]\n', added) + '\n[project.entry-points."tinyir.specs"]\nits_name = "its_name.specs"\n'
    assert (tmp_path / "src" / "its_name" / "__init__.py").read_text() == "# mine\n"
    assert (tmp_path / "src" / "its_name" / "specs" / "ops" / "my_op.op").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project", "cannot be read: "),
        ("[tool.x]\ny = 1\n", "names no project"),
        ('[project]\nname = "a"\nentry-points = {}\n', "has no place for"),
    ],
)
def test_a_project_that_cannot_be_extended_stays_as_it_is(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert main(["new-pass", "mine", "-o", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
    assert (tmp_path / "pyproject.toml").read_text() == text


def test_in_the_repository_they_stand_where_such_files_stand(tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("passes", "specs", "tests/passes"):
        (tmp_path / folder).mkdir(parents=True)
    files = create(tmp_path)
    assert "note: prove it: tinyir prove rules --update\n" in capsys.readouterr().err
    assert files == [
        "passes/my_pass.py",
        "specs/ops/my_op.op",
        "specs/rules/my_rule.rules",
        "specs/targets/my_target.toml",
        "tests/backends/test_my_target.py",
        "tests/dialects/test_my_op.py",
        "tests/passes/test_my_pass.py",
        "tests/rewrite/test_my_rule.py",
    ]
    assert all((repository / file).parent.is_dir() for file in files)
    (tmp_path / "tests" / "conftest.py").write_text(f"import os\nos.environ['TINYIR_SPECS'] = {str(tmp_path / 'specs')!r}\n{FIND_PASSES}")
    (tmp_path / "pyproject.toml").symlink_to(repository / "pyproject.toml")
    assert "All checks passed!" in python(tmp_path, "-m", "ruff", "check", "--no-cache", "--ignore", "I001", "passes", "tests", path="")
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    pytest_passes_in(tmp_path, repository)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new-pass", "Unroll"], "error: 'Unroll' is no name for a pass\n     hint: write it in lower case, with _ between words\n"),
        (["new-pass", "class"], "error: 'class' is no name for a pass\n     hint: write it in lower case, with _ between words\n"),
        (["new-pass", "cse"], "error: there is a pass 'cse' already\n"),
        (["new-op", "conv2d"], "error: there is an operator 'conv2d' already\n"),
        (["new-rule", "movement"], "error: there is a file of rules 'movement' already\n"),
        (["new-target", "cortex-m4"], "error: there is a target 'cortex-m4' already\n"),
    ],
)
def test_a_name_that_is_none_or_taken_is_an_error(words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == message
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_mine.py").write_text("precious")
    assert main(["new-pass", "mine", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'tests' / 'test_mine.py'} exists already\n"
    assert [path.name for path in tmp_path.rglob("*")] == ["tests", "test_mine.py"]
