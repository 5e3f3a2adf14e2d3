"""apply_rules: rewrite rules of one's choice, those of a file that belongs to nobody yet included.

    tinyir opt net.tir -p 'apply_rules{file="mine.rules"}'
    tinyir opt net.tir -p 'apply_rules{names=[relu_of_relu,clamp_of_relu]}'
"""

from __future__ import annotations

from pathlib import Path

import attrs

from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.rule_book import compile_proved, rules_of_file, shipped_rules
from tinyir.rewrite.rule_compiler import CompiledRule
from tinyir.rewrite.rule_conflicts import find_conflicts


@attrs.frozen
class ApplyRules(Pass):
    """Applies rules until none matches.

    `file`: a file of rules, which may call the functions of the shipped ones; without it the shipped rules.  `names`: only these
    of them, or whole families.
    """

    file: Path | None = None
    names: tuple[str, ...] = ()

    def run(self, module: Operation, context: PassContext) -> None:
        """
        Raises:
            TinyirError: the file cannot be read, a rule of it is not proved or in another one's way, or there is no such rule.
        """
        apply_rules(module, self._rules(), context)

    def _rules(self) -> list[CompiledRule]:
        book = shipped_rules() if self.file is None else rules_of_file(self.file)
        conflicts = find_conflicts(list(book.rules.values())) if self.file is not None else []
        if conflicts:
            raise TinyirError(diagnostics=conflicts)
        for name in self.names:
            if not any(_is_called(rule, name) for rule in book.rules):
                raise TinyirError(f"there is no rule '{name}'", hint=did_you_mean(name, book.rules))
        return [compile_proved(rule, book.functions) for rule in book.rules.values() if not self.names or any(_is_called(rule.name, n) for n in self.names)]


def _is_called(rule: str, name: str) -> bool:
    """Whether a rule has that name, or belongs to the family of it."""
    return name in (rule, rule.partition(".")[0])
