"""`tinyir inspect MODEL -o report.html`: every stage of a compilation in one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyir.driver.inspection import inspect_compilation
from tinyir.driver.inspection_page import inspection_page
from tinyir.driver.output import write_text
from tinyir.driver.progress import Progress
from tinyir.driver.targets import target_of


def execute(arguments: argparse.Namespace) -> int:
    target = target_of(arguments)
    assert target is not None
    with Progress.on_terminal(arguments.quiet) as progress:
        stages = inspect_compilation(
            arguments.model,
            target,
            goal=arguments.goal,
            io=arguments.io,
            elide=arguments.elide,
            passes=arguments.passes,
            say=progress,
        )
    write_text(arguments.output, inspection_page(stages, f"{Path(arguments.model).name} for {arguments.target}, {arguments.goal}", arguments.elide))
    return 0
