"""Differences of the texts of modules, as lines."""

from __future__ import annotations

import re
from importlib import import_module

import attrs

from tinyir.ir.operation import Operation, Result, Value
from tinyir.text.attribute_texts import Texts
from tinyir.text.generic_printer import GenericPrinter
from tinyir.text.location_aliases import Places
from tinyir.text.printer import Printer, print_module

ELIDED = 16
_NUMBERED = re.compile(r"%\d+(#\d+)?")


@attrs.frozen
class Change:
    """Lines from `line` (0-based, in the text before) on: those that went and those that came."""

    line: int
    gone: tuple[str, ...]
    new: tuple[str, ...]


def lines_changed(before: str, after: str) -> tuple[Change, ...]:
    """The runs of lines in which two texts differ, in order."""
    old, new = before.splitlines(), after.splitlines()
    start = _common_prefix(old, new)
    end = _common_prefix(old[start:][::-1], new[start:][::-1])
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    matcher = import_module("difflib").SequenceMatcher(None, old, new, autojunk=False)
    return tuple(
        Change(start + i, tuple(old[i:j]), tuple(new[k:m])) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"
    )


def _common_prefix(first: list[str], second: list[str]) -> int:
    count = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        count += 1
    return count


def text_difference(before: str, after: str, old_name: str = "before", new_name: str = "after") -> str:
    """A unified diff of two texts; empty if they are equal."""
    lines = import_module("difflib").unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old_name, new_name)
    return "".join(lines)


def module_difference(
    before: Operation, after: Operation, old_name: str = "before", new_name: str = "after", elide: int | None = ELIDED, generic: bool = False
) -> str:
    """A unified diff of the texts of two modules, constants of more than `elide` elements left out; empty if the texts are equal.

    A change inside a constant that is left out does not show: `tinyir.ir.equality.first_difference` finds it.
    """
    return text_difference(print_module(before, generic, elide=elide), print_module(after, generic, elide=elide), old_name, new_name)


class StableTexts:
    """The texts of a module that changes: a value without a name keeps its number from one to the next.

    So a difference of two of them shows what changed, and not that everything behind it is counted anew.
    """

    def __init__(self, elide: int | None = ELIDED, generic: bool = False) -> None:
        self.elide = elide
        self.generic = generic
        self._numbers: dict[Value, int] = {}

    def spell(self, operation: Operation, locations: bool = False) -> str:
        """The text of the operation as it is now, with a newline at the end; locations are written out, so that each line says its own."""
        printer = (GenericPrinter if self.generic else Printer)(operation, Texts(self.elide), Places() if locations else None)
        values = printer.names.values
        for value, name in values.items():
            numbered = _NUMBERED.fullmatch(name)
            if numbered is not None:
                values[value] = f"%{self._number(value)}{numbered[1] or ''}"
        printer.print_operation(operation, "")
        return "\n".join([*printer.lines, ""])

    def _number(self, value: Value) -> int:
        first = value.owner.results[0] if isinstance(value, Result) else value
        return self._numbers.setdefault(first, len(self._numbers))
