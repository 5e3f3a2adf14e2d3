"""What an editor asks of a file of specifications (`.rules`, `.op`, `.isa`, `.sched`): what is wrong with it, what a word means, where that is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from tinyir.dialects.schedules import check_schedules, schedules
from tinyir.driver.descriptions import code, describe_operation
from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.ir.plugins import specification_files
from tinyir.ir.registry import definition_of
from tinyir.rewrite.rule_book import RuleBook, shipped_rules
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.text.instruction_reader import read_instruction_set
from tinyir.text.operator_reader import read_definitions
from tinyir.text.rule_reader import read_rules
from tinyir.text.schedule_reader import read_schedules
from tinyir.text.specifications import functions, operators

_WORD = re.compile(r"[A-Za-z_]\w*(?:\.\w+)?")
_KINDS = {"ops": ".op", "functions": ".op", "rules": ".rules", "schedules": ".sched"}


@attrs.frozen
class Word:
    """A word of the text: its offset, what it means in Markdown, and where it is defined."""

    text: str
    offset: int
    meaning: str
    place: Place | None


@attrs.frozen
class SpecificationPage:
    """A text of specifications as an editor sees it."""

    file: str
    text: str

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with it."""
        try:
            CHECKS[Path(self.file).suffix](self.text, self.file)
        except TinyirError as error:
            return error.diagnostics
        return ()

    def word_at(self, offset: int) -> Word | None:
        """The word at an offset, if anything is known of it."""
        match = next((m for m in _WORD.finditer(self.text) if m.start() <= offset <= m.end()), None)
        if match is None:
            return None
        for explain in (self._operator, self._function, self._own):
            found = explain(match.group(), match.start())
            if found is not None:
                return found
        return None

    def _operator(self, name: str, offset: int) -> Word | None:
        definition = definition_of(name) if "." in name else None
        if definition is None:
            return None
        operator = operators().get(name)
        return Word(name, offset, f"**{name}**\n\n{describe_operation(definition)}", operator.place if operator is not None else None)

    def _function(self, name: str, offset: int) -> Word | None:
        if self.file.endswith(".rules"):
            helper = shipped_rules().functions.get(name)
            return Word(name, offset, f"helper function **{name}**\n\n{helper.summary}".strip(), helper.place) if helper is not None else None
        function = functions().get(name)
        return Word(name, offset, f"function **{name}**\n\n{function.summary}", function.place) if function is not None else None

    def _own(self, name: str, offset: int) -> Word | None:
        """What the text itself defines: a rule, a function, an operator, an instruction."""
        found = re.search(rf"^(?:rule|function|op|instr|sequence|schedule) (?:\w+\.)?({re.escape(name)})\b.*$", self.text, re.MULTILINE)
        if found is None:
            return None
        line = self.text.count("\n", 0, found.start(1)) + 1
        column = found.start(1) - (self.text.rfind("\n", 0, found.start(1)) + 1) + 1
        return Word(name, offset, code(found.group().strip()), Place(self.file, line, column, found.group()))


def _check_rules(text: str, file: str) -> None:
    statements, shipped = read_rules(text, file), shipped_rules()
    book = RuleBook.of(statements, others=shipped.rules)
    errors: list[Diagnostic] = []
    for rule in book.rules.values():
        try:
            compile_rule(rule, {**shipped.functions, **book.functions})
        except TinyirError as error:
            errors += error.diagnostics
    if errors:
        raise TinyirError(diagnostics=tuple(dict.fromkeys(errors)))


def _check_schedules(text: str, file: str) -> None:
    """A schedule may go before shipped ones, which are not in the text."""
    found = read_schedules(text, file)
    own = {schedule.name for schedule in found}
    check_schedules([*(schedule for schedule in schedules() if schedule.name not in own), *found])


CHECKS: Mapping[str, Callable[[str, str], object]] = {".rules": _check_rules, ".op": read_definitions, ".isa": read_instruction_set, ".sched": _check_schedules}
"""Ending -> what raises the diagnostics."""


def file_of(place: Place) -> Path | None:
    """The file on disk of a place whose file is called as in reports, `specs/ops/dense.op`."""
    for kind, ending in _KINDS.items():
        for known in specification_files(kind, ending):
            if known.label == place.file and isinstance(known.place, Path):
                return known.place
    return None
