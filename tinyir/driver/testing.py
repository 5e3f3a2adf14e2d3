"""For the tests of passes and rules: run them on a module of text with every check on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tinyir.driver.expensive_checks import ExpensiveChecks
from tinyir.passes.apply_rules import ApplyRules
from tinyir.rewrite.observer import Hooks
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.printer import print_module
from tinyir.text.reader import parse


def run_checked(text: str, passes: Iterable[Pass | str], context: PassContext | None = None) -> str:
    """The text of a module after some passes.

    After each pass the module is verified, reads back equal, and computes what it computed before.

    Raises:
        TinyirError: the text or a pass is wrong, or a check fails; the pass is named.
    """
    module = parse(text)
    PassPipeline(passes).run(module, context or PassContext(), Hooks(observers=(ExpensiveChecks(),)))
    return print_module(module)


def run_checked_rules(text: str, file: Path, names: Sequence[str] = ()) -> str:
    """The same for the rules of a file, or those of them that are named; rule files may call the functions of the shipped ones.

    Raises:
        TinyirError: as `run_checked`, or the file cannot be read.
    """
    return run_checked(text, [ApplyRules(file, tuple(names))])
