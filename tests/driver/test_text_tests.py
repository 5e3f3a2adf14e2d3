"""Tests that are texts: they pass, they fail, they are blessed; and those of this repository cover what there is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import tinyir
from tests.conftest import REPOSITORY
from tinyir.driver.text_tests import TextTest, bless, is_expected, is_text_test, output_of, read_text_tests
from tinyir.ir.errors import TinyirError
from tinyir.ir.registry import dialect_names, known_operations
from tinyir.rewrite.pass_finder import known_passes
from tinyir.rewrite.rule_book import shipped_rules

pytest_plugins = ["pytester"]

ONE = """// RUN: opt -p canonicalize
// One relu is enough.
func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}
"""
OTHER = """// RUN: opt
%x = graph.rely() : () -> f32
"""
ANSWER = """// EXPECT:
// module {
//   func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
//     %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
//     return %a : tensor<4xf32>
//   }
// }
"""
OTHER_ANSWER = """// EXPECT:
// a.tir:2:6: error: dialect 'graph' has no operation 'graph.rely'
//    2 | %x = graph.rely() : () -> f32
//      |      ^
//      hint: did you mean 'graph.relu'?
// exit code 1
"""


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands write."""
    return tmp_path_factory.mktemp("scratch")


def all_tests() -> list[TextTest]:
    return [test for file in sorted((REPOSITORY / "tests").rglob("*")) if is_text_test(file) for test in read_text_tests(file)]


@pytest.fixture(scope="module")
def tests() -> list[TextTest]:
    return all_tests()


def test_a_file_holds_several_tests(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "a.tir"
    file.write_text(f"{ONE}\n{ANSWER}// -----\n{OTHER}")
    first, second = read_text_tests(file)
    assert (first.name, first.command, second.name, second.expected) == ("1: One relu is enough.", "opt -p canonicalize", "2", None)
    assert is_expected(first, output_of(first, scratch))
    assert not is_expected(second, output_of(second, scratch))


def test_what_is_blessed_is_expected_and_nothing_else_changes(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "a.tir"
    file.write_text(f"{ONE}// -----\n{OTHER}")
    for _ in range(2):
        for number in (1, 0):
            test = read_text_tests(file)[number]
            bless(test, output_of(test, scratch))
    assert file.read_text() == f"{ONE}\n{ANSWER}\n// -----\n{OTHER}\n{OTHER_ANSWER}"
    assert all(is_expected(test, output_of(test, scratch)) for test in read_text_tests(file))


def test_wildcards_stay_where_they_fit(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "a.tir"
    file.write_text(f"{ONE}\n{ANSWER}".replace("// module {", "// mod{{[a-z]+}} {").replace("//   func.func @net", "//   fun.{{.*}} @net"))
    (test,) = read_text_tests(file)
    found = output_of(test, scratch)
    assert not is_expected(test, found)
    bless(read_text_tests(file)[0], found)
    assert file.read_text() == f"{ONE}\n{ANSWER}".replace("// module {", "// mod{{[a-z]+}} {")


def test_a_part_without_a_command_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.tir"
    file.write_text(f"{ONE}// -----\nmodule {{}}\n")
    with pytest.raises(TinyirError, match=r"test 2 begins with no '// RUN: COMMAND'"):
        read_text_tests(file)
    file.write_text("module {}\n")
    assert not is_text_test(file)


def test_pytest_runs_shows_and_blesses_them(pytester: pytest.Pytester) -> None:
    plugin = ("-p", "tinyir.driver.pytest_plugin", "-p", "no:cacheprovider")
    (pytester.path / "a.tir").write_text(f"{ONE}\n{ANSWER}// -----\n{OTHER}\n{OTHER_ANSWER}".replace("// exit code 1", "// exit code 2"))
    (pytester.path / "b.tir").write_text("module {}\n")
    shutil.copy(REPOSITORY / "tests" / "prove" / "claims" / "instructions.isa", pytester.path)
    result = pytester.runpytest_subprocess(*plugin)
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["tinyir opt", "*-exit code 2", "*+exit code 1", "*makes this what is expected*"])
    pytester.runpytest_subprocess(*plugin, "--bless").assert_outcomes(passed=6)
    pytester.runpytest_subprocess(*plugin).assert_outcomes(passed=6)


def test_there_are_hundreds(tests: list[TextTest]) -> None:
    assert len(tests) > 900
    assert all(test.expected and test.title for test in tests)
    assert not [test.name for test in tests if "internal error" in str(test.expected)]


def test_nearly_every_pass_is_shown_to_change_something(tests: list[TextTest]) -> None:
    shown = set()
    for test in tests:
        if test.file.parent.name == "passes" and tinyir.print(tinyir.parse(test.text)) != test.expected:
            shown.add(test.file.stem)
    assert len(set(known_passes()) & shown) >= 0.8 * len(known_passes()), sorted(set(known_passes()) - shown)


def test_every_operation_is_printed_in_both_forms_and_spoilt(tests: list[TextTest]) -> None:
    for kind in ("forms", "errors"):
        texts = "\n".join(test.text + str(test.expected) for test in tests if test.file.stem.endswith(f"_{kind}"))
        named = set(re.findall(r"\b(?:arith|buffer|builtin|c|func|graph|isa|loop)\.\w+", texts))
        every = {name for dialect in dialect_names() for name in known_operations(dialect)}
        missing = every - named - {"loop.yield", "builtin.module", "builtin.unrealized_conversion_cast"}
        assert len(missing) <= len(every) * 0.1, (kind, sorted(missing))


def test_nearly_every_rule_is_shown_before_and_after(tests: list[TextTest]) -> None:
    shown = set(re.findall(r"[\w.]+", " ".join(test.command for test in tests if test.file.parent.name == "rules")))
    rules = set(shipped_rules().rules)
    assert len(rules & shown) >= 0.8 * len(rules), sorted(rules - shown)
    for test in tests:
        if test.file.parent.name == "rules":
            assert tinyir.print(tinyir.parse(test.text)) != test.expected, test.name
