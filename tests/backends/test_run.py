"""Generated models are built, run on every row and judged by what numpy says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from tests.backends.models import SMALL, small_expected, small_inputs, tensor, write_model
from tests.oracle.cases import soaking
from tinyir.backends.run import RunResult, build_and_run
from tinyir.backends.target import list_targets, load_target
from tinyir.backends.toolchain import check_warnings
from tinyir.ir.errors import TinyirError

Need = Callable[[str], str]
BARE = [(target.name, tools.name) for target in map(load_target, list_targets()) if not target.is_hosted for tools in target.toolchains]
GOALS = ("speed", "size", "ram")
# Every toolchain with one goal, in turn; with all of them in a soak.
TWICE = [
    (target, toolchain, goal)
    for number, (target, toolchain) in enumerate(pair for pair in BARE if len(load_target(pair[0]).simulators) > 1)
    for goal in (GOALS if soaking() else GOALS[number % 3 :][:1])
]
HOSTED = [("host", tools.name) for tools in load_target("host").toolchains]


def run_small(target: str, goal: str = "speed", rows: int = 5, toolchain: str | None = None, simulator: str | None = None) -> RunResult:
    inputs = small_inputs(rows)
    result = build_and_run(SMALL, load_target(target), inputs, goal, toolchain=toolchain, simulator=simulator)
    for name, values in small_expected(inputs).items():
        assert result.outputs[name].dtype == values.dtype
        numpy.testing.assert_array_equal(result.outputs[name], values)
    return result


@pytest.mark.parametrize(("target", "toolchain", "goal"), TWICE)
def test_both_simulators_agree_in_every_byte_and_figure(target: str, toolchain: str, goal: str, require_tool: Need) -> None:
    require_tool("unicorn")
    require_tool(load_target(target).simulators[0].programs[0])
    first, second = (run_small(target, goal, toolchain=toolchain, simulator=simulator) for simulator in ("qemu", "unicorn"))
    assert first.instructions == second.instructions
    assert len(first.instructions) == 5
    assert first.measurement == second.measurement
    assert first.simulator != second.simulator


@pytest.mark.parametrize(("target", "toolchain"), HOSTED)
def test_the_host_runs_the_model_with_every_toolchain(target: str, toolchain: str) -> None:
    figures = run_small(target, toolchain=toolchain).measurement
    assert figures.instructions is None
    assert figures.stack_bytes is None
    assert figures.ram_bytes is None
    assert figures.code_bytes is not None
    assert 100 < figures.code_bytes < 2000


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_packages_of_python_alone_suffice(target: str, require_tool: Need, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require_tool("ziglang")
    require_tool("unicorn")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run_small(target)
    assert "ziglang" in result.toolchain
    assert "unicorn" in result.simulator


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_the_environment_chooses_the_tools(target: str, require_tool: Need, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require_tool("ziglang")
    require_tool(load_target(target).simulators[0].programs[0])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TINYIR_TOOLCHAIN", "ziglang")
    monkeypatch.setenv("TINYIR_SIMULATOR", "qemu")
    result = run_small(target)
    assert "ziglang" in result.toolchain
    assert "QEMU" in result.simulator


@pytest.mark.parametrize("target", list_targets() if soaking() else ["host", "cortex-m4", "rv32imc"])
def test_rows_are_not_limited_by_memory(target: str) -> None:
    run_small(target, rows=20_000)


@pytest.mark.parametrize("target", list_targets())
def test_every_element_type_passes_unchanged(target: str, tmp_path: Path) -> None:
    dtypes = ["bool", "int8", "uint8", "int16", "int32", "int64", "float32"]
    inputs = [tensor(f"m_in_{dtype}", dtype, (2, 3)) for dtype in dtypes]
    outputs = [tensor(f"m_out_{dtype}", dtype, (3, 2)) for dtype in dtypes]
    copies = " ".join(f"for (i = 0; i < 6; i++) out_{dtype}[i] = in_{dtype}[i];" for dtype in dtypes)
    folder = write_model(tmp_path / "m", f"void m_run(void) {{ int i; {copies} }}", inputs, outputs)
    generator = numpy.random.default_rng(3)
    given = {t.name: generator.integers(0, 2 ** (8 * numpy.dtype(t.dtype).itemsize - 1), (4, 2, 3)).astype(t.dtype) for t in inputs}
    result = build_and_run(folder, load_target(target), given, "size")
    for dtype in dtypes:
        assert result.outputs[f"out_{dtype}"].dtype == dtype
        numpy.testing.assert_array_equal(result.outputs[f"out_{dtype}"], given[f"in_{dtype}"].reshape(4, 3, 2))


@pytest.mark.parametrize("target", list_targets())
def test_every_row_starts_from_the_reset_state(target: str, tmp_path: Path) -> None:
    body = "static int8_t state; void m_reset(void) { state = 3; } void m_run(void) { state++; output[0] = (int8_t)(state + input[0]); }"
    folder = write_model(tmp_path / "m", body, [tensor("m_input", shape=[1])], [tensor("m_output", shape=[1])], has_reset=True)
    result = build_and_run(folder, load_target(target), {"input": numpy.array([[1], [2], [5]], numpy.int8)}, "speed")
    assert result.outputs["output"].tolist() == [[5], [6], [9]]


def test_a_model_without_inputs_runs_one_row(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { output[3] = 9; }", inputs=[])
    assert build_and_run(folder, load_target("host"), {}, "speed").outputs["output"].tolist() == [[0, 0, 0, 9]]


def test_an_overwritten_input_does_not_reach_the_next_row(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { output[0] = input[0]; input[0] = 99; input[1] = 98; }")
    rows = numpy.arange(8, dtype=numpy.int8).reshape(2, 4)
    assert build_and_run(folder, load_target("host"), {"input": rows}, "speed").outputs["output"][:, 0].tolist() == [0, 4]


@pytest.mark.parametrize(("target", "toolchain"), BARE)
def test_the_memory_functions_move_the_right_bytes(target: str, toolchain: str, tmp_path: Path) -> None:
    body = """
    void *memcpy(void *, const void *, __SIZE_TYPE__);
    void *memmove(void *, const void *, __SIZE_TYPE__);
    void *memset(void *, int, __SIZE_TYPE__);
    int memcmp(const void *, const void *, __SIZE_TYPE__);
    void m_run(void) {
      const int8_t *p = input + 3;
      volatile uint32_t to = (uint8_t)input[0], from = (uint8_t)input[1], n = (uint8_t)input[2];
      memcpy(output + to, p + from, n);
      memcpy(output + 64, p, 61);
      memmove(output + 64 + to, output + 64 + from, n);
      memset(output + 128 + to, 77, n);
      output[192] = (int8_t)memcmp(output, output + 64, n);
    }"""
    folder = write_model(tmp_path / "m", body, [tensor("m_input", shape=[64])], [tensor("m_output", shape=[193])])
    generator = numpy.random.default_rng(5)
    rows = generator.integers(-128, 128, (40, 64)).astype(numpy.int8)
    rows[:, :3] = numpy.stack([generator.integers(0, 9, 40), generator.integers(0, 9, 40), generator.integers(0, 40, 40)], axis=1)
    got = build_and_run(folder, load_target(target), {"input": rows}, "speed", toolchain=toolchain).outputs["output"]
    memory = numpy.zeros(193, numpy.int8)
    for row, result in zip(rows, got, strict=True):
        to, start, n = (int(value) for value in row[:3])
        memory[to : to + n] = row[3 + start : 3 + start + n]
        memory[64:125] = row[3:]
        memory[64 + to : 64 + to + n] = memory[64 + start : 64 + start + n].copy()
        memory[128 + to : 128 + to + n] = 77
        left, right = memory[:n].tobytes(), memory[64 : 64 + n].tobytes()
        memory[192] = (left > right) - (left < right)
        numpy.testing.assert_array_equal(result, memory)


@pytest.mark.parametrize(("target", "toolchain"), [("host", "gcc"), ("host", "clang")])
def test_the_sanitizers_find_what_the_plain_build_lets_pass(target: str, toolchain: str, tmp_path: Path) -> None:
    host, rows = load_target(target), {"input": numpy.full((1, 4), 5, numpy.int8)}
    folder = write_model(tmp_path / "m", "void m_run(void) { output[0] = input[input[0] - 1]; }")
    build_and_run(folder, host, rows, "speed", toolchain=toolchain)
    with pytest.raises(TinyirError, match=r"out of bounds|overflow"):
        build_and_run(folder, host, rows, "speed", toolchain=toolchain, sanitize=True)
    inputs = small_inputs(2)
    clean = build_and_run(SMALL, host, inputs, "speed", toolchain=toolchain, sanitize=True)
    numpy.testing.assert_array_equal(clean.outputs["y"], small_expected(inputs)["y"])


def test_a_target_without_sanitizers_says_so() -> None:
    with pytest.raises(TinyirError, match="cortex-m4' has no sanitizers"):
        build_and_run(SMALL, load_target("cortex-m4"), small_inputs(1), "speed", sanitize=True)


@pytest.mark.parametrize(("target", "toolchain"), [case for case in BARE + HOSTED if case[1] != "ziglang"])
def test_strict_warnings_accept_clean_c_and_refuse_the_rest(target: str, toolchain: str, tmp_path: Path) -> None:
    check_warnings(SMALL, load_target(target), "speed", toolchain)
    folder = write_model(tmp_path / "m", "void m_run(void) { int wide = input[0] * 3; output[0] = wide; }")
    build_and_run(folder, load_target(target), {"input": numpy.zeros((1, 4), numpy.int8)}, "speed", toolchain=toolchain)
    with pytest.raises(TinyirError, match="conversion"):
        check_warnings(folder, load_target(target), "speed", toolchain)
