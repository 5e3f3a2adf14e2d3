"""`tinyir opt FILE.tir -p 'a,b{x=1}'`: passes over a file of IR."""

from __future__ import annotations

import argparse
import sys

import attrs

from tinyir.backends.target import load_target
from tinyir.driver.load import load
from tinyir.driver.pipeline import PassPipeline
from tinyir.driver.progress import Progress
from tinyir.driver.rewrites import trace_of, write_trace
from tinyir.driver.stages import hooks_of, write_text
from tinyir.driver.tables import timing_tree
from tinyir.ir.verifier import verify_or_raise
from tinyir.rewrite.passes import PassContext
from tinyir.text.printer import print_module


def execute(arguments: argparse.Namespace) -> int:
    pipeline = PassPipeline.parse(arguments.passes)
    target = load_target(arguments.target) if arguments.target else None
    context = PassContext(target=target, goal=arguments.goal, trace=trace_of(arguments))
    with Progress.on_terminal(arguments.quiet) as progress:
        module = load(arguments.model)
        verify_or_raise(module)
        hooks = attrs.evolve(hooks_of(arguments, progress), verify=arguments.verify_each)
        reports = pipeline.run(module, context, hooks)
        verify_or_raise(module)
    write_trace(arguments, context.trace)
    if arguments.timing:
        sys.stderr.write(timing_tree(reports))
    sys.stderr.write("".join(f"note: {remark}\n" for remark in context.remarks))
    write_text(arguments.output, print_module(module, arguments.generic, arguments.output is not None, arguments.elide))
    return 0
