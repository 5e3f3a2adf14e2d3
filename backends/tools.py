"""Finds the programs of others that a target names, in its order of preference."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import attrs

from tinyir.backends.process import run_program
from tinyir.backends.target import Target, Tool, list_targets, load_target
from tinyir.ir.errors import TinyirError, did_you_mean

AnyTool = TypeVar("AnyTool", bound=Tool)


@attrs.frozen
class ToolStatus:
    """Whether a tool of a target is here: `role` is "toolchain" or "simulator", `path` and `version` are empty where it is not."""

    role: str
    name: str
    package: str
    path: str = ""
    version: str = ""

    @property
    def found(self) -> bool:
        return bool(self.path)


def tools_report(target: Target) -> tuple[ToolStatus, ...]:
    """Every tool of a target, in its order of preference."""
    return tuple(
        ToolStatus(role, tool.name, tool.package, find_program(tool), tool_version(tool) if find_program(tool) else "")
        for role, tools in (("toolchain", target.toolchains), ("simulator", target.simulators))
        for tool in tools
    )


def find_program(tool: Tool) -> str:
    """The path of the tool's program, or the empty string; a program that is only built later stands for itself."""
    if tool.module and find_spec(tool.module) is None:
        return ""
    for program in tool.programs:
        if program == "{program}":
            return program
        path = sys.executable if program == "{python}" else shutil.which(program)
        if path:
            return path
    return ""


@cache
def tool_version(tool: Tool) -> str:
    """The first line of what the tool says of itself; a tool that is a Python module is asked for its distribution's version."""
    program = find_program(tool)
    if program == "{program}":
        return "runs the program itself"
    if tool.module:
        return f"{tool.module} {version(tool.module)}"
    said = run_program([program, *tool.version_arguments], Path.cwd(), time_limit_seconds=60)
    return (said.output.strip() or said.errors.strip()).partition("\n")[0]


def choose(tools: Sequence[AnyTool], wanted: str | None, variable: str, target: Target, role: str) -> AnyTool:
    """The tool of that name, else the one that the environment variable names, else the first that is here.

    Raises TinyirError if the target has no tool of that name, if it is not here, or if none is.
    """
    asked = wanted or _from_environment(tools, variable)
    candidates = [tool for tool in tools if asked in ("", tool.name)]
    if not candidates:
        names = [tool.name for tool in tools]
        raise TinyirError(f"target '{target.name}' has no {role} '{asked}': it has {', '.join(names)}", hint=did_you_mean(asked, names))
    for tool in candidates:
        if find_program(tool):
            return tool
    missing = ", ".join(tool.name for tool in candidates)
    choices = ", or ".join(tool.package for tool in candidates)
    raise TinyirError(f"no {role} for target '{target.name}' is here (looked for {missing})", hint=f"install {choices}")


def _from_environment(tools: Sequence[Tool], variable: str) -> str:
    """What the variable asks for; a name that only other targets know does not concern this one."""
    asked = os.environ.get(variable, "")
    if asked and asked not in {tool.name for tool in tools} and asked in _known_names():
        return ""
    return asked


@cache
def _known_names() -> frozenset[str]:
    targets = [load_target(name) for name in list_targets()]
    return frozenset(tool.name for target in targets for tool in (*target.toolchains, *target.simulators))
