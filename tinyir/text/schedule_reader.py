"""The reader of the schedule language: text of `specs/schedules/*.sched` -> `tinyir.ir.schedule`.

A schedule starts at the beginning of a line and goes on over indented lines; the comment lines right above it are its summary.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import attrs

from tinyir.ir import formula
from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.schedule import Condition, Parameter, Schedule, Word
from tinyir.text.grammar import Grammar, make_grammar
from tinyir.text.grammar_tables import SCHEDULES, load_tables
from tinyir.text.small_parser import PlacedText, UnexpectedTextError, parse_small

_CLAUSES = ("schedule", "for", "by", "needs", "goal", "before", "where", "and", "in", "let", "cost")


@cache
def _grammar() -> Grammar:
    return make_grammar(load_tables(SCHEDULES), r"[ \t]*+", is_small=True)


def read_schedules(text: str, file: str = "-") -> list[Schedule]:
    """All schedules of a text, in order.

    Raises:
        TinyirError: one diagnostic for each schedule that cannot be read.
    """
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line[:1].strip() and not line.startswith("#")]
    found: list[Schedule] = []
    errors: list[Diagnostic] = []
    for start, end in zip(starts, [*starts[1:], len(lines)][: len(starts)], strict=True):
        statement = _Statement(lines, start, end, file)
        try:
            found.append(parse_small(_grammar(), statement.text, statement, is_placed=True))
        except UnexpectedTextError as error:
            place = statement.place(error.offset)
            errors.append(Diagnostic(f"unexpected {error.found}", place, hint=_hint(place)))
    if errors:
        raise TinyirError(diagnostics=errors)
    return found


def _hint(place: Place) -> str:
    """Which word of the language was meant by the one at a place, or by the first of its line."""
    here, first = re.match(r"\w+", place.text[place.column - 1 :]), re.search(r"\w+", place.text)
    words = [found.group() for found in (here, first) if found is not None]
    return next((hint for word in words if word not in _CLAUSES and (hint := did_you_mean(word, _CLAUSES))), "")


class _Statement:
    """One schedule's text, comments left out, and what is made of its parts, bottom up and from left to right."""

    def __init__(self, lines: list[str], start: int, end: int, file: str) -> None:
        self.lines, self.first, self.file = lines, start, file
        self.text = "\n".join(line.split("#", 1)[0].rstrip() for line in lines[start:end]).rstrip() + "\n"

    @property
    def summary(self) -> str:
        """The comment lines right above."""
        above: list[str] = []
        line = self.first
        while line and self.lines[line - 1].startswith("#"):
            line -= 1
            above.insert(0, self.lines[line].lstrip("# ").rstrip())
        return "\n".join(above)

    def place(self, offset: int) -> Place:
        """The place in the file of an offset in the statement."""
        line = min(self.first + self.text.count("\n", 0, offset), len(self.lines) - 1)
        return Place(self.file, line + 1, offset - (self.text.rfind("\n", 0, offset) + 1) + 1, self.lines[line])

    # the grammar's rules

    def start(self, name: Word, classes: tuple[Word, ...], by: Word, *clauses: Any) -> Schedule:
        parts: dict[str, tuple[Any, ...]] = {}
        for kind, items in clauses:
            parts[kind] = (*parts.get(kind, ()), *items)
        return Schedule(name.text, classes, by, parts.pop("parameters", ()), summary=self.summary, place=name.place, **parts)

    def needs(self, words: tuple[Word, ...]) -> tuple[str, tuple[Word, ...]]:
        return "needs", words

    def goals(self, words: tuple[Word, ...]) -> tuple[str, tuple[Word, ...]]:
        return "goals", words

    def before(self, words: tuple[Word, ...]) -> tuple[str, tuple[Word, ...]]:
        return "before", words

    def conditions(self, *conditions: Condition) -> tuple[str, tuple[Condition, ...]]:
        return "conditions", conditions

    def transform(self, word: Word, *parameters: Parameter) -> tuple[str, tuple[Parameter, ...]]:
        return "parameters", tuple(attrs.evolve(each, transform=word) for each in parameters)

    def named(self, word: Word, value: formula.Formula) -> tuple[str, tuple[tuple[Word, formula.Formula], ...]]:
        return "lets", ((word, value),)

    def cost(self, word: Word, value: formula.Formula) -> tuple[str, tuple[tuple[Word, formula.Formula], ...]]:
        return "costs", ((word, value),)

    def condition(self, fact: Word, comparison: str, bound: str) -> Condition:
        return Condition(fact, str(comparison), int(bound))

    def parameter(self, name: Word, value: str, *choices: str | None) -> Parameter:
        return Parameter(name, name, int(value), tuple(int(choice) for choice in choices if choice is not None))

    def number(self, text: str) -> formula.Number:
        return formula.Number(float(text))

    def name(self, text: PlacedText) -> formula.Name:
        return formula.Name(str(text), self.place(text.offset))

    def parameter_value(self, transform: PlacedText, name: str) -> formula.Name:
        return formula.Name(f"{transform}.{name}", self.place(transform.offset))

    def binary(self, left: formula.Formula, operator: str, right: formula.Formula) -> formula.Apply:
        return formula.Apply(str(operator), (left, right))

    def function(self, text: PlacedText) -> Word:
        return self.word(text)

    def call(self, function: Word, *operands: formula.Formula | None) -> formula.Apply:
        return formula.Apply(function.text, tuple(each for each in operands if each is not None), function.place)

    def words(self, *words: Word) -> tuple[Word, ...]:
        return words

    def word(self, text: PlacedText) -> Word:
        return Word(str(text), self.place(text.offset))
