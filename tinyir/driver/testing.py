"""For the tests of passes and rules: run them on a module of text with every check on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from tinyir.driver.expensive_checks import ExpensiveChecks
from tinyir.ir.operation import Operation
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.observer import Hooks
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.rewrite.rule_book import RuleBook, shipped_rules
from tinyir.rewrite.rule_compiler import CompiledRule, compile_rule
from tinyir.text.printer import print_module
from tinyir.text.reader import parse
from tinyir.text.rule_reader import read_rules


def run_checked(text: str, passes: Iterable[Pass | str], context: PassContext | None = None) -> str:
    """The text of a module after some passes.

    After each pass the module is verified, reads back equal, and computes what it computed before.

    Raises:
        TinyirError: the text or a pass is wrong, or a check fails; the pass is named.
    """
    module = parse(text)
    PassPipeline(passes).run(module, context or PassContext(), Hooks(observers=(ExpensiveChecks(),)))
    return print_module(module)


@attrs.frozen
class ApplyRules(Pass):
    """Applies some rules until none matches."""

    rules: tuple[CompiledRule, ...] = ()

    def run(self, module: Operation, context: PassContext) -> None:
        apply_rules(module, self.rules, context)


def run_checked_rules(text: str, file: Path, names: Sequence[str] = ()) -> str:
    """The same for the rules of a file, or those of them that are named; rule files may call the functions of the shipped ones.

    Raises:
        TinyirError: as `run_checked`, or the file cannot be read.
    """
    book = RuleBook.of(read_rules(file.read_text(encoding="utf-8"), file.name))
    functions = {**shipped_rules().functions, **book.functions}
    rules = tuple(compile_rule(rule, functions) for rule in book.rules.values() if not names or rule.name in names)
    return run_checked(text, [ApplyRules(rules)])
