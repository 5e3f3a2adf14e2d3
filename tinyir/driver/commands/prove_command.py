"""`tinyir prove MODEL`: the table of obligations."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinyir.driver.api import begin
from tinyir.driver.compilation import attempt
from tinyir.driver.progress import Progress
from tinyir.prove.report import table, to_json, write_smtlib
from tinyir.rewrite.observer import Hooks


def execute(arguments: argparse.Namespace) -> int:
    with Progress.on_terminal(arguments.quiet) as progress:
        compilation = begin(
            arguments.model,
            arguments.target,
            goal=arguments.goal,
            io=arguments.io,
            prover=arguments.prover,
            hooks=Hooks(progress=progress),
            passes=arguments.passes,
        )
        failure = attempt(compilation)
    ledger = compilation.ledger
    if arguments.smtlib:
        files = write_smtlib((obligation for obligation, _ in ledger), Path(arguments.smtlib))
        sys.stderr.write(f"note: {len(files)} scripts in {arguments.smtlib}\n")
    sys.stdout.write(to_json(ledger) if arguments.json else table(ledger))
    if failure is not None:
        raise failure
    return 0
