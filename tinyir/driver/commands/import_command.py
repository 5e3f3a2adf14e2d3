"""`tinyir import MODEL [-o FILE.tir]`: a model as text of the graph level."""

from __future__ import annotations

import argparse

from tinyir.driver.load import load
from tinyir.driver.output import write_text
from tinyir.driver.progress import Progress
from tinyir.text.printer import print_module


def execute(arguments: argparse.Namespace) -> int:
    with Progress.on_terminal(arguments.quiet) as progress:
        progress(f"reading {arguments.model}")
        module = load(arguments.model)
    write_text(arguments.output, print_module(module, arguments.generic, arguments.locations or arguments.output is not None, arguments.elide))
    return 0
