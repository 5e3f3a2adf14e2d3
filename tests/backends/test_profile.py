"""Classes, bytes and cycles of code whose every instruction is known, on both simulators."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy
import pytest

from tests.backends.models import write_model
from tests.backends.test_measure import BARE, SIMULATORS, assembly
from tinyir.backends.profile import Profile
from tinyir.backends.run import RunResult, build_and_run
from tinyir.backends.target import Costs, load_target

ROWS = {"input": numpy.zeros((1, 4), numpy.int8)}
TURNS = 10
BODIES = {
    # A frame, a loop of loads, stores (behind loads, behind others; with an offset in a register, without) and a multiplication, a branch that is never taken.
    "cortex-m4": [
        *(".syntax unified", "push {r4, r5, lr}", "sub sp, #24", "mov r4, sp", f"movs r0, #{TURNS}", "b 1f", "nop"),
        *("1: ldr r1, [r4]", "ldrsb r2, [r4, #4]", "strb r2, [r4, r0]", "muls r1, r2, r1", "strb.w r1, [r4, r0, lsl #1]"),
        *("ldr r3, [r4]", "strh r1, [r4, #8]", "subs r0, #1", "bne 1b"),
        *("cmp r0, #5", "beq 1b", "ldmia r4!, {r0-r3}", "bl 2f", "add sp, #24", "pop {r4, r5, pc}", "2: bx lr"),
    ],
    "rv32imc": [
        *("addi sp, sp, -16", "sw ra, 12(sp)", f"li a0, {TURNS}", "j 1f"),
        *("1: lw a1, 0(sp)", "lb a2, 4(sp)", "mul a1, a1, a2", "sh a1, 8(sp)", "addi a0, a0, -1", "bnez a0, 1b"),
        *("li a3, 5", "beq a0, a3, 1b", "call 2f", "lw ra, 12(sp)", "addi sp, sp, 16", "ret", "2: ret"),
    ],
}
CLASSES = {
    "cortex-m4": {
        "branch_not_taken": 2,
        "branch_taken": TURNS - 1 + 1 + 1,
        "call": 1,
        "data_processing": 3 + TURNS + 1 + 1,
        "load": 2 * TURNS,
        "load_after_load": TURNS,
        "load_multiple_base": 2,
        "load_multiple_per_register": 4 + 3,
        "multiply": TURNS,
        "refill": 1,
        "store": TURNS,
        "store_indexed": TURNS,
        "store_indexed_after_load": TURNS,
        "store_multiple_base": 1,
        "store_multiple_per_register": 3,
    },
    "rv32imc": {
        "branch_not_taken": 2,
        "branch_taken": TURNS - 1,
        "data_processing": 2 + TURNS + 1 + 1,
        "jump": 1 + 1 + 2,
        "load": 2 * TURNS + 1,
        "multiply": TURNS,
        "store": TURNS + 1,
    },
}
# Loaded and stored.
BYTES = {"cortex-m4": (TURNS * 9 + 4 * 4 + 3 * 4, TURNS * 4 + 12), "rv32imc": (TURNS * 5 + 4, TURNS * 2 + 4)}


def run(folder: Path, target: str, simulator: str) -> RunResult:
    body = BODIES[target]
    lines = [*body[:1], ".thumb_func", *body[1:]] if target == "cortex-m4" else body
    return build_and_run(write_model(folder, assembly(*lines)), load_target(target), ROWS, "size", simulator=simulator)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("target", BARE)
def test_classes_bytes_and_cycles_are_those_of_the_code(target: str, simulator: str, tmp_path: Path) -> None:
    result = run(tmp_path / "m", target, simulator)
    assert result.profile is not None
    assert dict(result.profile.classes) == CLASSES[target]
    assert (result.profile.bytes_loaded, result.profile.bytes_stored) == BYTES[target]
    cycles = load_target(target).costs.cycles
    assert result.measurement.cycles == sum(cycles[name] * number for name, number in CLASSES[target].items())
    assert result.instructions == (sum(n for name, n in CLASSES[target].items() if not name.endswith("_per_register") and name != "refill"),)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("target", BARE)
def test_the_profile_is_that_of_the_row_that_takes_most(target: str, simulator: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "void m_run(void) { volatile int8_t n = input[0]; while (n > 0) n = (int8_t)(n - 1); }")

    def profile(*turns: int) -> Profile | None:
        rows = {"input": numpy.array([[n, 0, 0, 0] for n in turns], numpy.int8)}
        return build_and_run(folder, load_target(target), rows, "size", simulator=simulator).profile

    assert profile(3, 30, 0) == profile(30) != profile(3)


def test_a_class_that_the_table_does_not_know_leaves_no_cycles() -> None:
    costs = Costs("a manual", "thumb", {"load": 2})
    assert Profile({"load": 5}).cycles(costs) == 10
    assert Profile({"load": 5}).cycles(attrs.evolve(costs, cycles={})) is None
    assert Profile({"divide": 7, "load": 5}).cycles(costs) is None
