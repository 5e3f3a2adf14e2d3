"""A test that names a target with a toolchain or a simulator runs only where that tool is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tinyir.backends.target import load_target
from tinyir.backends.tools import find_program


@pytest.fixture(autouse=True)
def _tools_are_here(request: pytest.FixtureRequest, require_tool: Callable[[str], str]) -> None:
    asked = getattr(request.node, "callspec", None)
    given = asked.params if asked else {}
    target = load_target(given.get("target", "cortex-m4"))
    for tool in (*target.toolchains, *target.simulators):
        if tool.name in (given.get("toolchain"), given.get("simulator")):
            require_tool(find_program(tool) or tool.module or tool.programs[0])
