"""A pass that fails by its own fault leaves a file that fails again, and nothing else does."""

from pathlib import Path

import pytest

from tests.driver.plugins import BREAK, CRASH, AddPass, add_pass
from tinyir.driver.command_line import main

__all__ = ["add_pass"]

RELUS = """module {
  func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("act")
    func.return %b : tensor<4xf32>
  }
}
"""


@pytest.fixture
def relus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relus.tir").write_text(RELUS)
    return "relus.tir"


def test_a_crash_leaves_the_module_from_before_the_pass_and_how_to_go_on(relus: str, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_crash", CRASH)
    assert main(["opt", relus, "-p", "canonicalize,planted_crash,cse", "--goal", "size"]) == 2
    said = capsys.readouterr().err
    lines = Path("planted_crash.reproducer.tir").read_text().splitlines()
    assert "'tinyir opt planted_crash.reproducer.tir' fails as this did" in said
    assert lines[0] == "// tinyir opt -p planted_crash --goal size --io model --verify-each"
    assert lines[1] == "// ZeroDivisionError: division by zero"
    assert len([line for line in lines if "graph.relu" in line]) == 1
    assert any('"act"' in line for line in lines)
    capsys.readouterr()
    assert main(["opt", "planted_crash.reproducer.tir"]) == 2
    assert capsys.readouterr().err.splitlines()[-3:] == said.splitlines()[-3:]


def test_a_broken_module_names_its_pass_and_leaves_a_reproducer(relus: str, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_break", BREAK)
    assert main(["opt", relus, "-p", "planted_break,cse", "--reproducer", "r.tir"]) == 1
    said = capsys.readouterr().err
    assert "is defined nowhere" in said
    assert "note: after pass 'planted_break'" in said
    assert main(["opt", "r.tir"]) == 1
    assert "note: after pass 'planted_break'" in capsys.readouterr().err


def test_a_mistake_of_the_user_leaves_no_reproducer(relus: str) -> None:
    assert main(["opt", relus, "-p", "lower_to_c"]) == 1
    assert [path.name for path in Path().iterdir() if path.is_file()] == ["relus.tir"]


def test_a_place_that_cannot_be_written_does_not_hide_the_failure(relus: str, add_pass: AddPass, capsys: pytest.CaptureFixture[str]) -> None:
    add_pass("planted_crash", CRASH)
    assert main(["opt", relus, "-p", "planted_crash", "--reproducer", "relus.tir/r.tir"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("note: no reproducer: cannot write relus.tir: ")
    assert "internal error: ZeroDivisionError" in said


def test_the_passes_of_the_command_win_over_those_of_the_file(relus: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.tir").write_text("// tinyir opt -p no_such_pass\n" + RELUS)
    assert main(["opt", "r.tir"]) == 1
    assert "unknown pass 'no_such_pass'" in capsys.readouterr().err
    assert main(["opt", "r.tir", "-p", "canonicalize"]) == 0
    assert main(["opt", relus]) == 0
