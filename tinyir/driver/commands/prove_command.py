"""`tinyir prove MODEL`, `tinyir prove rules [--update [--all]]`, `tinyir prove FILE.rules`, `tinyir prove FILE.isa`: the table of obligations."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinyir.driver.api import begin
from tinyir.driver.compilation import attempt, require_proofs
from tinyir.driver.progress import Progress
from tinyir.driver.specification_proofs import ENDINGS, compare_with_lock, conflicts_of, prove_file, prove_shipped, update_lock
from tinyir.driver.targets import target_of
from tinyir.driver.timing import proof_times
from tinyir.ir.errors import TinyirError
from tinyir.prove.obligations import Ledger
from tinyir.prove.report import table, to_json, write_smtlib
from tinyir.rewrite.observer import Hooks


def execute(arguments: argparse.Namespace) -> int:
    if arguments.model == "rules":
        ledger, failure = _prove_all_rules(arguments)
    elif arguments.update or arguments.all:
        raise TinyirError(f"--{'update' if arguments.update else 'all'} belongs to the word `rules`", hint="tinyir prove rules --update")
    else:
        ledger, failure = _prove_specifications(arguments) if arguments.model.endswith(ENDINGS) else _prove_model(arguments)
    if arguments.smtlib:
        files = write_smtlib((obligation for obligation, _ in ledger), Path(arguments.smtlib))
        sys.stderr.write(f"note: {len(files)} scripts in {arguments.smtlib}\n")
    if arguments.timing:
        sys.stderr.write(proof_times(ledger))
    sys.stdout.write(to_json(ledger) if arguments.json else table(ledger))
    if failure is not None:
        raise failure
    return 0


def _prove_all_rules(arguments: argparse.Namespace) -> tuple[Ledger, TinyirError | None]:
    """The shipped rules from nothing, and their lock compared; or it is written, after a proof of what has no valid line in it."""
    with Progress.on_terminal(arguments.quiet) as progress:
        ledger = prove_shipped(progress, keep=arguments.update and not arguments.all)
    if arguments.update:
        update_lock(ledger)
    wrong = [*conflicts_of(), *([] if arguments.update else compare_with_lock(ledger))]
    try:
        require_proofs(ledger)
    except TinyirError as error:
        wrong += error.diagnostics
    return ledger, TinyirError(diagnostics=wrong) if wrong else None


def _prove_specifications(arguments: argparse.Namespace) -> tuple[Ledger, TinyirError | None]:
    with Progress.on_terminal(arguments.quiet) as progress:
        ledger = prove_file(Path(arguments.model), arguments.prover, progress)
    found = conflicts_of(Path(arguments.model)) if arguments.model.endswith(".rules") else []
    wrong = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
    sys.stderr.write("".join(f"{diagnostic.render()}\n" for diagnostic in found if diagnostic.severity != "error"))
    try:
        require_proofs(ledger)
    except TinyirError as error:
        wrong += error.diagnostics
    return ledger, TinyirError(diagnostics=wrong) if wrong else None


def _prove_model(arguments: argparse.Namespace) -> tuple[Ledger, TinyirError | None]:
    with Progress.on_terminal(arguments.quiet) as progress:
        compilation = begin(
            arguments.model,
            target_of(arguments),
            goal=arguments.goal,
            io=arguments.io,
            prover=arguments.prover,
            hooks=Hooks(progress=progress),
            passes=arguments.passes,
        )
        failure = attempt(compilation)
    return compilation.ledger, failure
