"""`tinyir run MODEL|FILE.tir|DIR`: outputs and figures from a simulator, or outputs from the interpreter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinyir.driver.api import Run, run
from tinyir.driver.arrays import load_arrays, write_rows
from tinyir.driver.limits import read_limits
from tinyir.driver.progress import Progress
from tinyir.driver.tables import figures_json, figures_table, json_text, outputs_text
from tinyir.driver.targets import target_of
from tinyir.ir.errors import Place, TinyirError


def execute(arguments: argparse.Namespace) -> int:
    if arguments.level is None and arguments.target is None and not Path(arguments.model).is_dir():
        if arguments.model != "-" and not Path(arguments.model).exists():
            raise TinyirError("cannot be read: No such file or directory", place=Place(arguments.model))
        raise TinyirError("run needs to know where", hint="add -t TARGET, or --level graph, loop, buffer or c for the interpreter")
    inputs = load_arrays(Path(arguments.input)) if arguments.input else None
    if inputs is None:
        sys.stderr.write("note: no --input: the inputs are a fixed pattern\n")
    with Progress.on_terminal(arguments.quiet) as progress:
        result = run(
            arguments.model,
            target_of(arguments),
            inputs,
            goal=arguments.goal,
            io=arguments.io,
            level=arguments.level,
            say=progress,
            passes=arguments.passes,
            limits=read_limits(arguments.flash, arguments.ram),
        )
    if arguments.output:
        write_rows(Path(arguments.output), result.outputs)
    sys.stdout.write(_report(result, arguments))
    return 0


def _report(result: Run, arguments: argparse.Namespace) -> str:
    if arguments.json:
        return json_text(figures_json(result.figures) if result.figures is not None else {"model": arguments.model, "level": arguments.level})
    table = figures_table([result.figures]) if result.figures is not None else ""
    return table + ("" if arguments.output else outputs_text(result.outputs))
