"""`tinyir opt FILE.tir -p 'a,b{x=1}'`: passes over a file of IR."""

from __future__ import annotations

import argparse
import sys

import attrs

from tinyir.backends.target import load_target
from tinyir.driver.load import load
from tinyir.driver.pipeline import PassPipeline
from tinyir.driver.progress import Progress
from tinyir.driver.stages import hooks_of, write_text
from tinyir.driver.tables import timing_table
from tinyir.ir.verifier import verify_or_raise
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.trace import Trace
from tinyir.text.printer import print_module


def execute(arguments: argparse.Namespace) -> int:
    pipeline = PassPipeline.parse(arguments.passes)
    target = load_target(arguments.target) if arguments.target else None
    context = PassContext(target=target, goal=arguments.goal, trace=Trace() if arguments.trace_rewrites else None)
    with Progress.on_terminal(arguments.quiet) as progress:
        module = load(arguments.model)
        verify_or_raise(module)
        hooks = attrs.evolve(hooks_of(arguments, progress), verify=arguments.verify_each)
        reports = pipeline.run(module, context, hooks)
        verify_or_raise(module)
    if context.trace is not None:
        sys.stderr.write(f"{context.trace}\n")
    if arguments.timing:
        sys.stderr.write(timing_table(reports))
    sys.stderr.write("".join(f"note: {remark}\n" for remark in context.remarks))
    write_text(arguments.output, print_module(module, arguments.generic, arguments.output is not None, arguments.elide))
    return 0
