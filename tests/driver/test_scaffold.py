"""What `new-...` writes works as it is."""

import os
import sys
from pathlib import Path
from subprocess import run

import pytest

from tinyir.driver.command_line import main

KINDS = ("pass", "op", "rule", "target")
FIND_PASSES = "import tinyir.passes\nfrom pathlib import Path\ntinyir.passes.__path__.append(str(Path(__file__).parent.parent / 'passes'))\n"


def create(folder: Path) -> list[str]:
    for kind in KINDS:
        assert main([f"new-{kind}", f"my_{kind}", "-o", str(folder)]) == 0
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def pytest_passes_in(folder: Path, repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    outcome = run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout
    assert "8 passed" in outcome.stdout


def test_the_tests_of_new_things_pass_as_they_are(tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(tmp_path) == [
        "conftest.py",
        "my_pass.py",
        "specs/ops/my_op.op",
        "specs/rules/my_rule.rules",
        "specs/targets/my_target.toml",
        "test_my_op.py",
        "test_my_pass.py",
        "test_my_rule.py",
        "test_my_target.py",
    ]
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == [str(tmp_path / "my_pass.py"), str(tmp_path / "test_my_pass.py")]
    assert '[project.entry-points."tinyir.passes"]\nmy_pass = "my_package.my_pass"' in said.err
    pytest_passes_in(tmp_path, repository)


def test_in_the_repository_they_stand_where_such_files_stand(tmp_path: Path, repository: Path) -> None:
    for folder in ("passes", "specs", "tests/passes"):
        (tmp_path / folder).mkdir(parents=True)
    files = create(tmp_path)
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
    pytest_passes_in(tmp_path / "tests", repository)


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
    (tmp_path / "test_mine.py").write_text("precious")
    assert main(["new-pass", "mine", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'test_mine.py'} exists already\n"
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]
