"""Runs a program on a simulator, or on this machine, and reads what it counted."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import attrs

from tinyir.backends.elf import read_elf
from tinyir.backends.process import run_program
from tinyir.backends.profile import Block
from tinyir.backends.target import SimulatorData, Target
from tinyir.backends.toolchain import build_helper
from tinyir.backends.tools import choose, find_program, tool_version
from tinyir.ir.errors import TinyirError


@attrs.frozen
class Counts:
    """What a simulator counted between the marks: the instructions of each pass, and the blocks of the one that took most (nothing where none are counted)."""

    instructions: tuple[int, ...] = ()
    blocks: tuple[Block, ...] = ()


@attrs.frozen
class Simulator:
    """A simulator that is here.  `program` starts it."""

    data: SimulatorData
    program: str
    version: str

    @property
    def name(self) -> str:
        return self.data.name

    def run(self, executable: Path, folder: Path, time_limit_seconds: float) -> Counts:
        """Runs the executable with `folder` as its working directory.

        Raises TinyirError if it stops with a code other than 0 or not at all.
        """
        done = run_program(self._command(executable), folder, time_limit_seconds)
        if done.code:
            raise TinyirError(f"the model's program stopped with code {done.code} on {self.name}:\n{done.first_lines}")
        return _read_counts(done.errors)

    def _command(self, executable: Path) -> list[str]:
        words = {"program": str(executable), "python": sys.executable}
        if self.data.helper:
            symbols = read_elf(executable).symbols
            words |= {"helper": str(build_helper(self.data.helper)), "start": hex(symbols["harness_start"]), "stop": hex(symbols["harness_stop"])}
        return [re.sub(r"\{(\w+)\}", lambda match: words[match[1]], word) for word in (self.program, *self.data.arguments)]


def _read_counts(said: str) -> Counts:
    """The lines that harness/block_counts.h prints."""
    instructions: list[int] = []
    blocks: list[Block] = []
    for line in said.splitlines():
        if found := re.fullmatch(r"instructions (\d+)", line):
            if not instructions or int(found[1]) > max(instructions):
                blocks = []
            instructions.append(int(found[1]))
        elif found := re.fullmatch(r"block (0x[0-9a-f]+) (\d+) (\d+) (\d+)", line):
            blocks.append(Block(int(found[1], 16), int(found[2]), int(found[3]), int(found[4])))
    return Counts(tuple(instructions), tuple(blocks))


def choose_simulator(target: Target, name: str | None = None) -> Simulator:
    """The simulator of that name, else that of TINYIR_SIMULATOR, else the first of the target's that is here.

    Raises TinyirError with what to install.
    """
    data = choose(target.simulators, name, "TINYIR_SIMULATOR", target, "simulator")
    return Simulator(data, find_program(data), tool_version(data))
