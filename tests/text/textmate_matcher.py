"""The least of an editor: what a TextMate grammar makes of a text.  (Macromates, TextMate manual, Language Grammars.)"""

import re
from collections.abc import Iterator
from typing import Any

import attrs

Rule = dict[str, Any]


@attrs.frozen
class Scoped:
    """A piece of text of one line, and the name that the grammar gives it."""

    begin: int
    end: int
    name: str


class Matcher:
    """Finds the scopes of a text, line by line, with a stack of open contexts."""

    def __init__(self, grammar: Rule) -> None:
        self.grammar = grammar
        self.stack: list[Rule] = [grammar]

    def scopes(self, text: str) -> list[Scoped]:
        found: list[Scoped] = []
        offset = 0
        for line in text.split("\n"):
            found += [Scoped(offset + s.begin, offset + s.end, s.name) for s in self._line(line)]
            offset += len(line) + 1
        return found

    def _line(self, line: str) -> Iterator[Scoped]:
        position = 0
        while True:
            best = self._earliest(line, position)
            yield from self._plain(position, best[0].start() if best is not None else len(line))
            if best is None:
                return
            match, rule, ends = best
            assert match.end() > match.start(), f"{rule} matches nothing at {line[position:]}"
            yield from self._captured(match, rule, "endCaptures" if ends else "beginCaptures" if "begin" in rule else "captures")
            if ends:
                self.stack.pop()
            elif "begin" in rule:
                self.stack.append(rule)
            position = match.end()

    def _plain(self, begin: int, end: int) -> Iterator[Scoped]:
        """Text between the patterns has the name of its context."""
        name = self.stack[-1].get("name")
        if len(self.stack) > 1 and name is not None and end > begin:
            yield Scoped(begin, end, name)

    def _captured(self, match: re.Match[str], rule: Rule, kind: str) -> Iterator[Scoped]:
        captures = rule.get(kind, {})
        for number, capture in captures.items():
            yield Scoped(*match.span(int(number)), capture["name"])
        if not captures and "name" in rule:
            yield Scoped(*match.span(), rule["name"])

    def _earliest(self, line: str, position: int) -> tuple[re.Match[str], Rule, bool] | None:
        """The pattern that matches first; of several at one place the end of the context, then the one named first."""
        best: tuple[re.Match[str], Rule, bool] | None = None
        top = self.stack[-1]
        ending = [(top["end"], top)] if "end" in top else []
        for index, (pattern, rule) in enumerate([*ending, *self._patterns(top, ())]):
            match = re.compile(pattern).search(line, position)
            if match is not None and (best is None or match.start() < best[0].start()):
                best = match, rule, index < len(ending)
        return best

    def _patterns(self, rule: Rule, inside: tuple[str, ...]) -> Iterator[tuple[str, Rule]]:
        for pattern in rule.get("patterns", ()):
            include = pattern.get("include")
            if include is None:
                yield pattern.get("match", pattern.get("begin")), pattern
            elif include == "$self" and "$self" not in inside:
                yield from self._patterns(self.grammar, (*inside, "$self"))
            elif include != "$self":
                included = self.grammar["repository"][include[1:]]
                yield included.get("match", included.get("begin")), included
