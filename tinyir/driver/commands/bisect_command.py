"""`tinyir bisect MODEL`: the pass, and the rewrite, that first changes what a model computes; or the node, with --layers."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import attrs

from tinyir.backends.c_printer import print_c
from tinyir.backends.run import build_and_run
from tinyir.backends.simulator import choose_simulator
from tinyir.backends.target import Target
from tinyir.backends.toolchain import choose_toolchain
from tinyir.driver.arrays import Rows, fit_rows, load_arrays
from tinyir.driver.bisect import Bisection, Culprit, RunC, spell_culprit
from tinyir.driver.expensive_checks import random_rows
from tinyir.driver.layers import compare_layers, layers_table
from tinyir.driver.load import load
from tinyir.driver.pipeline import PassPipeline, level_of, levels_between, passes_by_level, passes_of, read_pipeline
from tinyir.driver.ports import module_ports
from tinyir.driver.progress import Progress
from tinyir.driver.tables import json_text
from tinyir.driver.targets import target_of
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pipeline import Nest

ROWS = 2
"""Of inputs that nobody gave: those of `--expensive-checks`, so that what these find is found here."""


def execute(arguments: argparse.Namespace) -> int:
    inputs = load_arrays(Path(arguments.input)) if arguments.input else None
    if inputs is None:
        sys.stderr.write("note: no --input: the inputs are a fixed pattern\n")
    with Progress.on_terminal(arguments.quiet) as progress:
        if arguments.layers:
            layers = compare_layers(Path(arguments.model), inputs, progress)
            sys.stdout.write(json_text([attrs.asdict(layer) for layer in layers]) if arguments.json else layers_table(layers, arguments.tolerance))
            return 0
        module = load(arguments.model)
        target = target_of(arguments)
        ports = module_ports(module)
        bisection = Bisection(
            random_rows(ports, ROWS) if inputs is None else fit_rows(inputs, ports.inputs),
            arguments.tolerance,
            lambda: _context(arguments, target),
            load_arrays(Path(arguments.reference)) if arguments.reference else None,
            progress,
            _runner_of_c(target, arguments.goal) if target is not None else None,
        )
        found = bisection.run(module, _pipeline(arguments, module))
    if arguments.json:
        sys.stdout.write(json_text(_summary(found) if isinstance(found, Culprit) else {"pass": None, "difference": found.size}))
    elif isinstance(found, Culprit):
        sys.stdout.write(spell_culprit(found))
    else:
        limit = f"{arguments.tolerance:g} of the greatest value"
        sys.stdout.write(f"no pass changes the outputs by more than {limit}: at the end they are off by {found.size:.3g}\n")
    return 0


def _pipeline(arguments: argparse.Namespace, module: Operation) -> PassPipeline:
    """What runs: the compiler's passes, at some levels those that are given in their place, as in a compilation; or a list of passes as it is."""
    given = read_pipeline(arguments.passes or "", arguments.goal, arguments.io)
    if not all(isinstance(item, Nest) for item in given.items):
        return given
    replaced = passes_by_level(given)
    last = "c" if arguments.target is not None or "c" in replaced else "buffer"
    found = PassPipeline()
    for level in levels_between(level_of(module), last):
        found += replaced[level] if level in replaced else PassPipeline(passes_of(level, arguments.goal, arguments.io))
    return found


def _runner_of_c(target: Target, goal: str) -> RunC | None:
    """Compiles and runs on the target; None, with a note, if its tools are not here."""
    try:
        choose_toolchain(target)
        choose_simulator(target)
    except TinyirError as error:
        sys.stderr.write(f"note: the passes of the level of C are not looked at: {error.diagnostics[0].message}\n")
        return None

    def run(module: Operation, inputs: Rows) -> Rows:
        with tempfile.TemporaryDirectory(prefix="tinyir-") as folder:
            print_c(module, "bisected", target=target.name, goal=goal, assembly=target.assembly).write(Path(folder))
            return build_and_run(Path(folder), target, inputs, goal, measure=False).outputs

    return run


def _context(arguments: argparse.Namespace, target: Target | None) -> PassContext:
    return PassContext(target=target, goal=arguments.goal, options={"io": arguments.io})


def _summary(culprit: Culprit) -> dict[str, object]:
    return {
        "pass": culprit.stage.text,
        "number": culprit.stage.number,
        "difference": culprit.difference.size,
        "where": culprit.difference.where,
        "rewrites": culprit.rewrites,
        "index": culprit.index,
        "rewrite": attrs.asdict(culprit.rewrite) if culprit.rewrite is not None else None,
    }
