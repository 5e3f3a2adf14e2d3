"""Builds a generated model with the harness, runs every row in one process and measures it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs

from tinyir.backends.elf import read_elf
from tinyir.backends.harness import Array, harness_table, pack_rows, unpack_rows
from tinyir.backends.manifest import Manifest, read_manifest
from tinyir.backends.measure import Measurement, Sizes, linked_sizes, measurement, section_sizes
from tinyir.backends.profile import Profile, profile
from tinyir.backends.simulator import choose_simulator
from tinyir.backends.target import Target
from tinyir.backends.toolchain import HARNESS_FOLDER, Toolchain, choose_toolchain, script_flags
from tinyir.ir.errors import TinyirError

TIME_LIMIT_SECONDS = 600.0


@attrs.frozen
class RunResult:
    """`outputs` by name, each [rows, ...shape]; `instructions` of each row (empty where none are counted); the profile of the row that took
    most of them (None where the target does not tell the classes); the tools that were used, with versions."""

    outputs: dict[str, Array]
    measurement: Measurement
    instructions: tuple[int, ...]
    profile: Profile | None
    toolchain: str
    simulator: str


def build_and_run(
    folder: Path,
    target: Target,
    inputs: Mapping[str, Array],
    goal: str,
    measure: bool = True,
    *,
    toolchain: str | None = None,
    simulator: str | None = None,
    sanitize: bool = False,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
) -> RunResult:
    """Builds the model in `folder` (NAME.c, NAME.h, NAME.json) for a target and runs it on `inputs`: by name, [rows, elements...].

    Tools are those named, else those of TINYIR_TOOLCHAIN and TINYIR_SIMULATOR, else the target's first that are here.  Every row starts from NAME_reset()
    if there is state.  The C compiler gets the flags of the manifest, else the target's for the goal.
    `sanitize` adds the target's sanitizers and leaves the sizes unmeasured.
    Raises TinyirError for inputs that do not fit, missing tools, C that does not compile, a program that fails or exceeds the time limit.
    """
    manifest = read_manifest(folder)
    flags = manifest.flags or target.flags.for_goal(goal)
    if sanitize and not target.flags.sanitize:
        raise TinyirError(f"target '{target.name}' has no sanitizers", hint="use target host")
    rows, data = pack_rows(manifest, target, inputs)
    compiler = choose_toolchain(target, toolchain)
    machine = choose_simulator(target, simulator)
    with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
        build = Build(folder.resolve(), Path(scratch), manifest, target, compiler, (*flags, *(target.flags.sanitize if sanitize else ())))
        program = build.program()
        (build.scratch / "inputs.bin").write_bytes(data)
        counts = machine.run(program, build.scratch, time_limit_seconds)
        outputs = unpack_rows(manifest, target, rows, _read(build.scratch / "outputs.bin"))
        stack_bytes = _stack_bytes(build.scratch / "stack.bin", target)
        instructions = counts.instructions
        if instructions and len(instructions) != rows:
            raise TinyirError(f"{machine.name} counted {len(instructions)} runs where {rows} rows were given")
        found = profile(read_elf(program), counts.blocks, target.costs)
        cycles = found.cycles(target.costs) if found is not None else None
        sizes = build.sizes() if measure and not sanitize else None
        figures = measurement(sizes, instructions, cycles, manifest, stack_bytes) if sizes is not None else Measurement()
    return RunResult(outputs, figures, instructions, found, compiler.version, machine.version)


@attrs.frozen
class Build:
    """One model on its way to a program, in a scratch folder."""

    folder: Path
    scratch: Path
    manifest: Manifest
    target: Target
    compiler: Toolchain
    flags: tuple[str, ...]

    def program(self) -> Path:
        """Model, table, harness and library, linked."""
        table = self.scratch / "table.c"
        table.write_text(harness_table(self.manifest), encoding="utf-8")
        self.compiler.compile(self.folder / f"{self.manifest.name}.c", self._model, self.flags, [self.folder])
        self.compiler.compile(table, table.with_suffix(".o"), self.flags, [self.folder, HARNESS_FOLDER])
        harness = [self.compiler.compile_cached(HARNESS_FOLDER / name, self.flags) for name in self.target.harness.sources]
        script = script_flags(self.target.harness.linker_script) if self.target.harness.linker_script else []
        program = self.scratch / "program.elf"
        self.compiler.link([*harness, table.with_suffix(".o"), self._model, *self._library()], program, [*self.flags, *script])
        return program

    def sizes(self) -> Sizes:
        """The model's sizes: with the library it pulls in on a bare machine, its own object on a hosted one."""
        if self.target.is_hosted:
            return section_sizes(self._model)
        return linked_sizes(self.compiler, self._model, self._library(), self.manifest.api_functions, self.target.harness.linker_script)

    @property
    def _model(self) -> Path:
        return self.scratch / "model.o"

    def _library(self) -> list[Path]:
        return [self.compiler.compile_cached(HARNESS_FOLDER / name, self.flags) for name in self.target.harness.library]


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _stack_bytes(path: Path, target: Target) -> int | None:
    """The depth that the harness found; None where it does not look."""
    data = _read(path)
    return int.from_bytes(data, target.c.byte_order) if data else None
