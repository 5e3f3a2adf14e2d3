"""Runs a program on a simulator, or on this machine, and reads what it counted."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import attrs

from tinyir.backends.elf import read_elf
from tinyir.backends.process import run_program
from tinyir.backends.target import SimulatorData, Target
from tinyir.backends.toolchain import build_helper
from tinyir.backends.tools import choose, find_program, tool_version
from tinyir.ir.errors import TinyirError


@attrs.frozen
class Simulator:
    """A simulator that is here.  `program` starts it."""

    data: SimulatorData
    program: str
    version: str

    @property
    def name(self) -> str:
        return self.data.name

    def run(self, executable: Path, folder: Path, time_limit_seconds: float) -> tuple[int, ...]:
        """Runs the executable with `folder` as its working directory; the instructions of each pass between the marks (nothing where none are counted).

        Raises TinyirError if it stops with a code other than 0 or not at all.
        """
        done = run_program(self._command(executable), folder, time_limit_seconds)
        if done.code:
            raise TinyirError(f"the model's program stopped with code {done.code} on {self.name}:\n{done.first_lines}")
        return tuple(int(count) for count in re.findall(r"^instructions (\d+)$", done.errors, re.MULTILINE))

    def _command(self, executable: Path) -> list[str]:
        words = {"program": str(executable), "python": sys.executable}
        if self.data.helper:
            symbols = read_elf(executable).symbols
            words |= {"helper": str(build_helper(self.data.helper)), "start": hex(symbols["harness_start"]), "stop": hex(symbols["harness_stop"])}
        return [re.sub(r"\{(\w+)\}", lambda match: words[match[1]], word) for word in (self.program, *self.data.arguments)]


def choose_simulator(target: Target, name: str | None = None) -> Simulator:
    """The simulator of that name, else that of TINYIR_SIMULATOR, else the first of the target's that is here.

    Raises TinyirError with what to install.
    """
    data = choose(target.simulators, name, "TINYIR_SIMULATOR", target, "simulator")
    return Simulator(data, find_program(data), tool_version(data))
