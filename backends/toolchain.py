"""Compilers and linkers: objects, programs, shared libraries, and the complaints of a compiler as an error."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from tinyir.backends.cache import cached
from tinyir.backends.manifest import read_manifest
from tinyir.backends.process import run_program
from tinyir.backends.target import Target, ToolchainData, load_target
from tinyir.backends.tools import choose, find_program, tool_version
from tinyir.ir.errors import TinyirError

HARNESS_FOLDER = Path(__file__).resolve().parent / "harness"
STRICT_FLAGS = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")


@attrs.frozen
class Toolchain:
    """A compiler that is here.  `command` starts it, flags of the target's instruction set not included."""

    data: ToolchainData
    command: tuple[str, ...]
    version: str

    @property
    def name(self) -> str:
        return self.data.name

    def compile(self, source: Path, output: Path, flags: Sequence[str], include: Sequence[Path] = ()) -> None:
        """Makes one object.

        Raises TinyirError with the compiler's first lines.
        """
        includes = [f"-I{folder}" for folder in include]
        self._run([*self.data.flags, *self._known(flags), *includes, "-c", str(source), "-o", str(output)], output.parent, f"compile {source.name}")

    def link(self, objects: Sequence[Path], output: Path, flags: Sequence[str]) -> None:
        """Makes a program of objects, without the sections that nothing needs.

        Raises TinyirError with the linker's first lines.
        """
        names = [str(path) for path in objects]
        self._run(
            [*self.data.flags, *self.data.link_flags, *self._known(flags), *names, *self.data.libraries, *self._queried_libraries(), "-o", str(output)],
            output.parent,
            f"link {output.name}",
        )

    def build_shared_library(self, source: Path) -> Path:
        """A shared library of one C file of the harness folder for this machine, kept in the cache."""
        flags = [*self.data.flags, "-O2", "-shared", "-fPIC"]

        def build(path: Path) -> None:
            self._run([*flags, str(source), "-o", str(path)], path.parent, f"compile {source.name}")

        return cached(f"{source.stem}.so", [self.version, *self.command, *flags, source.read_bytes(), *_headers()], build)

    def compile_cached(self, source: Path, flags: Sequence[str]) -> Path:
        """The object of a file of the harness folder, kept in the cache."""
        parts: list[str | bytes] = [self.version, *self.command, *self.data.flags, *flags, source.read_bytes(), *_headers()]
        return cached(f"{source.stem}.o", parts, lambda path: self.compile(source, path, flags, [HARNESS_FOLDER]))

    def _known(self, flags: Sequence[str]) -> list[str]:
        """The flags without those that the compiler does not know."""
        return [flag for flag in flags if flag not in self.data.unknown_flags]

    def _queried_libraries(self) -> list[str]:
        query = self.data.library_query
        if not query or not shutil.which(query[0]):
            return []
        return [run_program(query, Path.cwd(), time_limit_seconds=60).output.strip()]

    def _run(self, arguments: Sequence[str], folder: Path, what: str) -> None:
        done = run_program([*self.command, *arguments], folder)
        if done.code:
            raise TinyirError(f"{self.name} could not {what}:\n{done.first_lines}", hint=f"the compiler is {self.version}")


def _headers() -> list[bytes]:
    return [path.read_bytes() for path in sorted(HARNESS_FOLDER.glob("*.h"))]


def script_flags(linker_script: str) -> list[str]:
    """How a linker is told to use a script of the harness folder, and to leave out what nothing needs.

    What the script includes is written into it first: not every linker can be told where to look.
    """
    text = (HARNESS_FOLDER / linker_script).read_text(encoding="utf-8")
    whole = re.sub(r"^INCLUDE (\S+)$", lambda match: (HARNESS_FOLDER / match[1]).read_text(encoding="utf-8"), text, flags=re.MULTILINE)

    def write(path: Path) -> None:
        path.write_text(whole, encoding="utf-8")

    return [f"-Wl,-T,{cached(linker_script, [whole], write)}", "-Wl,--gc-sections"]


def choose_toolchain(target: Target, name: str | None = None) -> Toolchain:
    """The toolchain of that name, else that of TINYIR_TOOLCHAIN, else the first of the target's that is here.

    Raises TinyirError with what to install.
    """
    data = choose(target.toolchains, name, "TINYIR_TOOLCHAIN", target, "toolchain")
    arguments = [sys.executable if word == "{python}" else word for word in data.arguments]
    return Toolchain(data, (find_program(data), *arguments), tool_version(data))


def build_helper(source_name: str) -> Path:
    """A file of the harness folder as a shared library for the machine that runs the compiler."""
    return choose_toolchain(load_target("host")).build_shared_library(HARNESS_FOLDER / source_name)


def check_warnings(folder: Path, target: Target, goal: str, toolchain: str | None = None) -> None:
    """Compiles the model in `folder` with every warning an error.

    Raises TinyirError with the first warnings.
    """
    compiler = choose_toolchain(target, toolchain)
    name = read_manifest(folder).name
    with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
        compiler.compile(folder.resolve() / f"{name}.c", Path(scratch) / "model.o", [*target.flags.for_goal(goal), *STRICT_FLAGS])
