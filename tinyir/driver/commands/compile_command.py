"""`tinyir compile MODEL -t TARGET -o DIR`: NAME.c, NAME.h and NAME.json, or the IR of a level before."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinyir.backends.self_test import print_self_test
from tinyir.driver.api import begin
from tinyir.driver.arrays import Rows, fit_rows, load_arrays
from tinyir.driver.compilation import Compilation
from tinyir.driver.execution import interpret
from tinyir.driver.hooks import hooks_of
from tinyir.driver.limits import read_limits
from tinyir.driver.naming import model_name
from tinyir.driver.output import output_folder, write_text
from tinyir.driver.ports import module_ports
from tinyir.driver.progress import Progress
from tinyir.driver.rewrites import trace_of, write_trace
from tinyir.driver.tables import spell_proofs
from tinyir.driver.targets import target_of
from tinyir.driver.timing import timing_tree
from tinyir.ir.errors import TinyirError
from tinyir.text.printer import print_module


def execute(arguments: argparse.Namespace) -> int:
    if arguments.emit == "c" and arguments.output is None:
        raise TinyirError("compile needs the folder to write", hint="add -o DIR")
    name = arguments.name or model_name(arguments.model)
    trace = trace_of(arguments)
    with Progress.on_terminal(arguments.quiet) as progress:
        hooks = hooks_of(arguments, progress)
        compilation = begin(
            arguments.model,
            target_of(arguments),
            goal=arguments.goal,
            io=arguments.io,
            hooks=hooks,
            trace=trace,
            passes=arguments.passes,
            limits=read_limits(arguments.flash, arguments.ram),
        )
        if arguments.output is None:
            write_text(None, _emit(compilation, arguments))
        else:
            with output_folder(Path(arguments.output)) as scratch:
                _write(compilation, arguments, name, scratch)
    write_trace(arguments, trace)
    if arguments.timing:
        sys.stderr.write(timing_tree(compilation.reports))
    sys.stderr.write("".join(f"note: {remark}\n" for remark in compilation.context.remarks))
    if arguments.output is not None and arguments.emit == "c" and not arguments.quiet:
        sys.stdout.write(f"{Path(arguments.output) / name}.c, {name}.h, {name}.json: {spell_proofs(compilation.ledger.summary())}\n")
    return 0


def _emit(compilation: Compilation, arguments: argparse.Namespace) -> str:
    return print_module(compilation.lower(arguments.emit), arguments.generic, arguments.locations or arguments.output is not None, arguments.elide)


def _write(compilation: Compilation, arguments: argparse.Namespace, name: str, folder: Path) -> None:
    if arguments.emit == "c":
        expected = _expected(compilation, arguments.selftest)
        generated = compilation.generate(name, Path(arguments.model).name, arguments.arena)
        generated.write(folder)
        if expected is not None:
            (folder / f"{name}_test.c").write_text(print_self_test(generated.manifest, *expected), encoding="utf-8")
    else:
        (folder / f"{name}.{arguments.emit}.tir").write_text(_emit(compilation, arguments), encoding="utf-8")


def _expected(compilation: Compilation, inputs: str | None) -> tuple[Rows, Rows] | None:
    """The inputs of a file, and the outputs that the interpreter gives for them at the graph level."""
    if inputs is None:
        return None
    rows = fit_rows(load_arrays(Path(inputs)), module_ports(compilation.module).inputs)
    return rows, interpret(compilation.lower("graph"), rows)
