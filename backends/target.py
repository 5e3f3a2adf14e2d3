"""A target is data: specs/targets/NAME.toml, read into frozen classes.  Nothing in Python knows a target by name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

import attrs

from tinyir.backends.toml_places import Key, place_of_key
from tinyir.ir.errors import Place, TinyirError, did_you_mean
from tinyir.ir.plugins import SpecificationFile, specification_files
from tinyir.ir.schedule import GOALS

T = TypeVar("T", bound=attrs.AttrsInstance)
Assembly = Literal["blocks", "instructions", "none"]


@attrs.frozen
class CTypes:
    """How the target's C compiler sees the basic types; `byte_order` is "little" or "big"."""

    char_bits: Literal[8]
    int_bits: Literal[16, 32, 64]
    long_bits: Literal[32, 64]
    pointer_bits: Literal[16, 24, 32, 64]
    char_is_signed: bool
    byte_order: Literal["little", "big"]


@attrs.frozen
class Memory:
    """A place for data.  `qualifier` and `section` are how C declares an object there, `read` the call that reads a byte when a plain load does not."""

    name: str
    writable: bool
    alignment_bytes: int
    qualifier: str = ""
    section: str = ""
    read: str = ""
    far: bool = False


@attrs.frozen
class Tool:
    """A program of others: the first of `programs` that is found, started with `arguments`; `module` must be importable if it is named.

    In programs and arguments `{python}` is the running interpreter; `package` says what a person would install.
    """

    name: str
    programs: tuple[str, ...]
    package: str
    arguments: tuple[str, ...] = ()
    version_arguments: tuple[str, ...] = ("--version",)
    module: str = ""


@attrs.frozen
class ToolchainData(Tool):
    """`library_query`: a command whose output is the path of a library to link, used where that command exists.

    `unknown_flags`: of those that stand in `[flags]`, what this compiler does not know and does without.
    """

    flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    library_query: tuple[str, ...] = ()
    unknown_flags: tuple[str, ...] = ()


@attrs.frozen
class SimulatorData(Tool):
    """`helper`: a C file of the harness folder, compiled for this machine into a shared library.

    In programs and arguments `{program}` is the executable, `{helper}` the library, `{start}` and `{stop}` the addresses of the two marks.
    """

    helper: str = ""


@attrs.frozen
class Flags:
    """Of the C compiler: for everything, by goal, with sanitizers; `candidates` are those that may be tried in place of a goal's."""

    common: tuple[str, ...]
    speed: tuple[str, ...]
    size: tuple[str, ...]
    ram: tuple[str, ...]
    sanitize: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()

    def for_goal(self, goal: str) -> tuple[str, ...]:
        """Raises TinyirError if there is no such goal."""
        if goal not in GOALS:
            raise TinyirError(f"no goal '{goal}': there are {', '.join(GOALS)}", hint=did_you_mean(goal, GOALS))
        chosen: tuple[str, ...] = getattr(self, goal)
        return self.common + chosen


@attrs.frozen
class HarnessData:
    """Files of backends/harness: start-up and main loop, the library that a model may call, the linker script (none on a hosted machine)."""

    sources: tuple[str, ...]
    library: tuple[str, ...] = ()
    linker_script: str = ""


@attrs.frozen
class Costs:
    """Cycles by class of instruction, and the manual that they come from.

    encodings: the file of specs/encodings that tells the classes; multiply_accumulates: by type of the factors, how many the machine does at most with one
    instruction that does nothing else; instructions: what parts of schedules take, as counted in code for this machine.
    """

    manual: str = ""
    encodings: str = ""
    cycles: Mapping[str, int] = attrs.field(factory=dict)
    multiply_accumulates: Mapping[str, float] = attrs.field(factory=dict)
    instructions: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen
class Target:
    """One machine.  Toolchains and simulators stand in order of preference; official figures are those of the first.

    `assembly`: what of it may stand in the C.  "blocks": whole loops, "instructions": single ones that C has no name for, "none": not even those.
    """

    name: str
    description: str
    c: CTypes
    memories: tuple[Memory, ...]
    flags: Flags
    harness: HarnessData
    toolchains: tuple[ToolchainData, ...]
    simulators: tuple[SimulatorData, ...]
    isa: tuple[str, ...] = ()
    assembly: Assembly = "blocks"
    costs: Costs = Costs()

    def with_assembly(self, assembly: Assembly) -> Target:
        """The same machine with this much assembly in the C."""
        return attrs.evolve(self, assembly=assembly)

    def __repr__(self) -> str:
        return f"<target {self.name}: {self.description}>"

    @property
    def is_hosted(self) -> bool:
        """Whether programs run on an operating system, with its C library and linker script."""
        return not self.harness.linker_script


def list_targets() -> tuple[str, ...]:
    """The names of the targets of `specs/targets`, and of other packages, sorted."""
    return tuple(sorted(_target_files()))


def _target_files() -> dict[str, SpecificationFile]:
    return {file.name: file for file in specification_files("targets", ".toml")}


@cache
def load_target(name: str) -> Target:
    """The target of that name, or that the file NAME.toml describes.

    Raises TinyirError if there is none, or if the file says something that is not understood.
    """
    if name.endswith(".toml") and Path(name).is_file():
        return read_target(Path(name).stem, name, Path(name).read_text(encoding="utf-8"))
    if name not in list_targets():
        raise TinyirError(f"no target '{name}': there are {', '.join(list_targets())}", hint=did_you_mean(name, list_targets()))
    file = _target_files()[name]
    return read_target(name, file.label, file.read())


@attrs.frozen
class _Where:
    """A value in a text in TOML: the file, its text, and the keys that lead to the value."""

    file: str
    text: str
    path: tuple[Key, ...] = ()

    def __truediv__(self, key: Key) -> _Where:
        return attrs.evolve(self, path=(*self.path, key))

    def error(self, message: str, hint: str = "", key: str = "") -> TinyirError:
        """What is wrong with the value, told at its key, or at one in it."""
        names = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path).removeprefix(".")
        return TinyirError(f"{names}: {message}" if names else message, place=place_of_key(self.text, self.file, (*self.path, key)), hint=hint)


_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)$")


def _not_toml(error: tomllib.TOMLDecodeError, file: str, text: str) -> TinyirError:
    """tomllib's message, at the place that it names."""
    message = str(error)
    position = _POSITION.search(message)
    if position is None:
        return TinyirError(message, place=Place(file))
    line = int(position[1])
    return TinyirError(message[: position.start()], place=Place(file, line, int(position[2]), text.splitlines()[line - 1]))


def read_target(name: str, file: str, text: str) -> Target:
    """The target that a text in TOML describes; `file` is what errors name.

    Raises:
        TinyirError: it is no TOML, or a key is unknown, absent or of a wrong kind: at its line.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, file, text) from error
    whole = _Where(file, text)
    parts: dict[str, object] = {
        "c": _record(CTypes, table.pop("c", None), whole / "c"),
        "memories": _records(Memory, table.pop("memories", None), whole / "memories"),
        "flags": _record(Flags, table.pop("flags", None), whole / "flags"),
        "harness": _record(HarnessData, table.pop("harness", None), whole / "harness"),
        "toolchains": _records(ToolchainData, table.pop("toolchains", None), whole / "toolchains"),
        "simulators": _records(SimulatorData, table.pop("simulators", None), whole / "simulators"),
        "costs": _record(Costs, table.pop("costs", {}), whole / "costs"),
    }
    return _record(Target, {"name": name, **table, **parts}, whole)


def _records(kind: type[T], value: object, where: _Where) -> tuple[T, ...]:
    if not isinstance(value, list) or not value:
        raise where.error("at least one such table is needed")
    return tuple(_record(kind, row, where / index) for index, row in enumerate(value))


def _record(kind: type[T], value: object, where: _Where) -> T:
    """The table as an instance of a frozen class: its fields are the keys, their types are checked."""
    if not isinstance(value, dict):
        raise where.error("a table is needed")
    fields = attrs.fields_dict(kind)
    for key in value:
        if key not in fields:
            raise where.error(f"unknown key '{key}'", did_you_mean(key, fields), key)
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in value]
    if missing:
        raise where.error(f"'{missing[0]}' is missing")
    hints = get_type_hints(kind)
    make: Callable[..., T] = kind
    return make(**{key: _checked(item, hints[key], where / key) for key, item in value.items()})


def _checked(value: object, hint: object, where: _Where) -> object:
    """The value, a list as a tuple, if it is what the hint says."""
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_checked(item, get_args(hint)[0], where) for item in value)
    if get_origin(hint) is Mapping and isinstance(value, dict):
        return {key: _checked(item, get_args(hint)[1], where / key) for key, item in value.items()}
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise where.error(f"{value!r} is none of {', '.join(map(repr, get_args(hint)))}")
        return value
    plain = get_origin(hint) or hint
    if not isinstance(plain, type) or not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise where.error(f"{value!r} is not of type {getattr(plain, '__name__', plain)}")
    return value
