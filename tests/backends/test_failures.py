"""What goes wrong ends as one error that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from tests.backends.models import SMALL, small_inputs, write_model
from tinyir.backends import tools
from tinyir.backends.harness import Array
from tinyir.backends.run import build_and_run
from tinyir.backends.target import list_targets, load_target
from tinyir.backends.tools import tools_report
from tinyir.ir.errors import TinyirError

ROWS = {"input": numpy.zeros((1, 4), numpy.int8)}


@pytest.mark.parametrize("simulator", ["qemu", "unicorn"])
def test_a_model_that_does_not_end_is_stopped(simulator: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { volatile int8_t go = 1; while (go) { } }")
    with pytest.raises(TinyirError, match=r"did not end within 3 s") as caught:
        build_and_run(folder, load_target("cortex-m4"), ROWS, "speed", simulator=simulator, time_limit_seconds=3)
    assert "raise the time limit" in str(caught.value)


@pytest.mark.parametrize("target", list_targets())
def test_a_complaint_of_the_compiler_is_shown(target: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { no_such_thing = 1; }")
    with pytest.raises(TinyirError, match=r"could not compile m\.c:\n") as caught:
        build_and_run(folder, load_target(target), ROWS, "speed")
    assert "no_such_thing" in str(caught.value)
    assert "hint: the compiler is" in str(caught.value)


def test_a_model_too_large_for_the_board_is_an_error_of_the_linker(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "static const int8_t table[5000000] = {1}; void m_run(void) { output[0] = table[input[0] * 1000]; }")
    with pytest.raises(TinyirError, match="FLASH"):
        build_and_run(folder, load_target("cortex-m4"), ROWS, "speed")


@pytest.mark.parametrize("simulator", ["qemu", "unicorn"])
@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_an_access_outside_memory_is_a_fault(target: str, simulator: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { *(volatile int8_t *)(uintptr_t)(0xC0000000u + (uint8_t)input[0]) = 1; }")
    with pytest.raises(TinyirError, match=r"(?s)stopped with code .*the processor stopped at"):
        build_and_run(folder, load_target(target), ROWS, "speed", simulator=simulator)


def test_an_unknown_goal_is_an_error() -> None:
    with pytest.raises(TinyirError, match="no goal 'sped'") as caught:
        build_and_run(SMALL, load_target("host"), small_inputs(1), "sped")
    assert "did you mean 'speed'" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "input 'x' is missing: 6 elements of int8"),
        ({"y": numpy.zeros((5, 6), numpy.int8)}, "no input 'y': it has x, gain"),
        ({"x": numpy.zeros((5, 7), numpy.int8)}, "input 'x' has shape [5, 7]: rows of 6 elements [1, 6] are needed"),
        ({"x": numpy.zeros((0, 6), numpy.int8)}, "input 'x' has shape [0, 6]"),
        ({"x": numpy.int8(3)}, "input 'x' has shape []"),
        ({"x": numpy.zeros((4, 6), numpy.int8)}, "differ in their number of rows: x has 4, gain has 5"),
        ({"x": numpy.full((5, 6), 200)}, "input 'x' is int64 with values that int8 does not hold"),
        ({"x": numpy.full((5, 6), 0.5)}, "input 'x' is float64 with values that int8 does not hold"),
        ({"x": numpy.full((5, 6), numpy.nan)}, "input 'x' is float64 with values that int8 does not hold"),
    ],
)
def test_inputs_that_do_not_fit_are_named(change: dict[str, Array | None], message: str) -> None:
    inputs = {name: array for name, array in {**small_inputs(5), **change}.items() if array is not None}
    with pytest.raises(TinyirError) as caught:
        build_and_run(SMALL, load_target("host"), inputs, "speed")
    assert message in str(caught.value)


def test_values_that_fit_may_come_in_a_wider_type() -> None:
    inputs = small_inputs(3)
    wide = {name: array.astype(numpy.float64) for name, array in inputs.items()}
    narrow = build_and_run(SMALL, load_target("host"), inputs, "speed").outputs
    numpy.testing.assert_array_equal(build_and_run(SMALL, load_target("host"), wide, "speed").outputs["z"], narrow["z"])


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TinyirError, match=r"no toolchain for target 'cortex-m4' is here \(looked for gcc\)") as caught:
        build_and_run(SMALL, load_target("cortex-m4"), small_inputs(1), "speed", toolchain="gcc")
    assert "install Debian package gcc-arm-none-eabi" in str(caught.value)
    monkeypatch.setattr(tools, "find_spec", lambda _: None)
    with pytest.raises(TinyirError, match="looked for gcc, clang, ziglang") as caught:
        build_and_run(SMALL, load_target("cortex-m4"), small_inputs(1), "speed")
    assert str(caught.value).count("hint") == 1


def test_an_unknown_tool_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TinyirError, match="has no toolchain 'gc': it has gcc, clang, ziglang") as caught:
        build_and_run(SMALL, load_target("host"), small_inputs(1), "speed", toolchain="gc")
    assert "did you mean 'gcc'" in str(caught.value)
    monkeypatch.setenv("TINYIR_SIMULATOR", "qemo")
    with pytest.raises(TinyirError, match="has no simulator 'qemo'"):
        build_and_run(SMALL, load_target("cortex-m4"), small_inputs(1), "speed")


def test_the_environment_does_not_concern_targets_without_that_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYIR_SIMULATOR", "unicorn")
    assert build_and_run(SMALL, load_target("host"), small_inputs(2), "speed").outputs["y"].shape == (2, 1, 3)


def test_the_report_lists_every_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = tools_report(load_target("cortex-m4"))
    assert [(row.role, row.name) for row in report] == [
        ("toolchain", "gcc"),
        ("toolchain", "clang"),
        ("toolchain", "ziglang"),
        ("simulator", "qemu"),
        ("simulator", "unicorn"),
    ]
    assert all(row.version for row in report if row.found)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [row.name for row in tools_report(load_target("cortex-m4")) if row.found and not row.path.endswith(("python", "python3"))] == []
