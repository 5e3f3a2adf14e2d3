"""`tinyir opt FILE.tir -p 'a,b{x=1}'`: passes over a file of IR."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import attrs

from tinyir.driver.hooks import hooks_of
from tinyir.driver.load import load
from tinyir.driver.output import write_text
from tinyir.driver.pipeline import PassPipeline, read_pipeline
from tinyir.driver.progress import Progress
from tinyir.driver.reproducer import settle_passes
from tinyir.driver.rewrites import trace_of, write_trace
from tinyir.driver.timing import timing_tree
from tinyir.ir.operation import Operation
from tinyir.ir.verifier import verify, verify_or_raise
from tinyir.rewrite.observer import Hooks, Observer, PassReport, PassRun
from tinyir.rewrite.passes import PassContext
from tinyir.text.printer import print_module

if TYPE_CHECKING:
    from tinyir.rewrite.trace import Trace


def execute(arguments: argparse.Namespace) -> int:
    arguments = settle_passes(arguments)
    pipeline = read_pipeline(arguments.passes, arguments.goal, arguments.io)
    trace = trace_of(arguments)
    with Progress.on_terminal(arguments.quiet) as progress:
        module = load(arguments.model)
        verify_or_raise(module)
        context = _context(arguments, trace)
        reports = _run(pipeline, module, context, attrs.evolve(hooks_of(arguments, progress), verify=arguments.verify_each))
    write_trace(arguments, trace)
    if arguments.timing:
        sys.stderr.write(timing_tree(reports))
    sys.stderr.write("".join(f"note: {remark}\n" for remark in context.remarks))
    write_text(arguments.output, print_module(module, arguments.generic, arguments.locations or arguments.output is not None, arguments.elide))
    return 0


def _context(arguments: argparse.Namespace, trace: Trace | None) -> PassContext:
    target = import_module("tinyir.driver.targets").target_of(arguments) if arguments.target else None
    return PassContext(target=target, goal=arguments.goal, trace=trace, options={"io": arguments.io})


def _run(pipeline: PassPipeline, module: Operation, context: PassContext, hooks: Hooks) -> list[PassReport]:
    """Runs the passes.  If the module is broken at the end they run once more, verified one by one, so that the culprit is named."""
    if hooks.verify:
        return pipeline.run(module, context, hooks)
    start = _Start()
    reports = pipeline.run(module, context, attrs.evolve(hooks, observers=(*hooks.observers, start)))
    if verify(module):
        again = PassContext(target=context.target, goal=context.goal, options=context.options)
        if start.module is not None:
            pipeline.run(start.module, again, attrs.evolve(hooks, verify=True))
        verify_or_raise(module)
    return reports


class _Start(Observer):
    """Keeps the module as it was before the first pass: the copy that was made for that pass."""

    needs_changes = False
    module: Operation | None = None

    def before(self, run: PassRun) -> None:
        if self.module is None:
            self.module = run.before
