"""Parses the small languages (rules, operators) by lark's tables, without lark: whole texts, the first mistake ends it.

The values are made by the methods of an object that are named as the grammar's rules and aliases, given their parts.
"""

from __future__ import annotations

import re
from typing import Any

from tinyir.text.grammar import Grammar, Reduction
from tinyir.text.grammar_tables import END
from tinyir.text.parser import describe_token, pick


class UnexpectedTextError(Exception):
    """What stands at `offset` cannot follow; `found` is that token, as a message shows it."""

    def __init__(self, text: str, offset: int) -> None:
        self.offset = offset
        self.found = describe_token(text, offset)
        super().__init__(f"unexpected {self.found}")


class PlacedText(str):
    """A token that knows where it stands."""

    offset: int


def parse_small(grammar: Grammar, text: str, maker: object, start: str = "start", *, is_placed: bool = False) -> Any:
    """The value of a whole text; the tokens that its maker gets are `PlacedText` if `is_placed`, plain text if not.

    Raises:
        UnexpectedTextError: the text is none of the language.
    """
    blanks = re.compile(grammar.skip)
    actions, gotos, scanners = grammar.actions, grammar.gotos, grammar.scanners
    accepting = grammar.ends[start]
    states, values = [grammar.starts[start]], list[Any]()
    position = 0
    while True:
        state = states[-1]
        action: int | Reduction | None = grammar.defaults[state]
        match = None
        if action is None:
            match = (scanners[state] or grammar.scanner(state))(text, position)
            if match is not None:
                action = actions[state][match.lastgroup or ""]
            else:
                skipped = blanks.match(text, position)
                offset = skipped.end() if skipped is not None else position
                if offset == len(text) and state == accepting:
                    return values[-1]
                action = actions[state].get(END) if offset == len(text) else None
                if action is None:
                    raise UnexpectedTextError(text, offset)
        if isinstance(action, int):
            assert match is not None
            states.append(action)
            token = match.group(match.lastindex or 0)
            if is_placed:
                token = PlacedText(token)
                token.offset = match.start(match.lastindex or 0)
            values.append(token)
            position = match.end()
        else:
            _reduce(action, states, values, maker)
            states.append(gotos[states[-1]][action.origin])


def _reduce(reduction: Reduction, states: list[int], values: list[Any], maker: object) -> None:
    """Replaces the parts of a rule by its value."""
    size = reduction.size
    parts = values[-size:] if size else []
    if size:
        del states[-size:], values[-size:]
    picked = [parts[index] for index in reduction.picks] if reduction.is_plain else pick(reduction, parts)
    if reduction.passes:
        values.append(picked[0])
    elif not reduction.action:
        values.append(picked)
    else:
        values.append(getattr(maker, reduction.action)(*picked))
