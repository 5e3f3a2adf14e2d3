"""`tinyir targets`: each target, and which of its tools are here."""

from __future__ import annotations

import argparse
import sys

from tinyir.backends.target import list_targets, load_target
from tinyir.backends.tools import ToolStatus, tools_report
from tinyir.driver.columns import align


def execute(_arguments: argparse.Namespace) -> int:
    for name in list_targets():
        target = load_target(name)
        rows = [("", status.role, status.name, _state(status)) for status in tools_report(target)]
        sys.stdout.write(f"{name}: {target.description}\n{align(rows, right_from=4)}")
    return 0


def _state(status: ToolStatus) -> str:
    if not status.found:
        return f"not here: install {status.package}"
    return status.version if status.path.startswith("{") else f"{status.path} ({status.version})"
