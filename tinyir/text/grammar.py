"""The tables of `ir.lark` in the shape that the parser's loop likes.

Each state gets a scanner that knows just the terminals which that state accepts (so `x` is a dimension's separator
inside `tensor<>` and a name elsewhere), and each rule a `Reduction` that says which of its parts the reader's method
is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import attrs

from tinyir.ir.record import Record
from tinyir.text.grammar_tables import Tables, load_tables

SKIP = r"(?:[ \t\r\n]++|//[^\n]*+)*+"
"""Blanks and comments, which may stand between any two tokens."""
Match = Callable[[str, int], "re.Match[str] | None"]


@attrs.frozen(eq=False, repr=False)
class Reduction(Record):
    """One rule: pops `size` symbols, gives the parts in `picks` to the reader's method `action`, goes on as `origin`."""

    origin: str
    size: int
    action: str
    """Empty for a helper rule (`x*`), whose value is the list of its parts."""
    picks: tuple[int, ...]
    """Which symbols are given on; -1 stands for an optional part that is absent."""
    spliced: frozenset[int]
    """The symbols that are lists of helper rules, to be poured out."""
    passes: bool
    """Whether a single part stands for the whole (`?rule`)."""
    grows: bool
    """Whether a helper rule appends to its own list."""
    is_plain: bool
    """Whether the picks are just symbols."""


@attrs.frozen(eq=False, repr=False)
class Grammar(Record):
    """Tables by state: `actions` (terminal -> state or reduction), `gotos` (rule -> state), `defaults` (the one
    reduction that the state can do, whatever follows), `fallbacks` (the one that it can do beside shifting), and the
    states in which an operation may begin."""

    actions: list[dict[str, int | Reduction]]
    gotos: list[dict[str, int]]
    defaults: list[Reduction | None]
    fallbacks: list[Reduction | None]
    starts: dict[str, int]
    ends: dict[str, int]
    statement_states: frozenset[int]
    terminals: dict[str, str]
    spellings: dict[str, str]
    scanners: list[Match | None]
    """Filled by `scanner` when a state is first met."""
    compiled: dict[str, Match] = attrs.field(factory=dict)
    """The scanners by their alternatives (many states accept the same), or by the one terminal that they know."""
    skip: str = SKIP
    """What may stand between two tokens."""
    is_small: bool = False
    """Whether texts are so short that a regular expression for each state would take longer to compile than to try terminals in turn."""

    def scanner(self, state: int) -> Match:
        """Finds the next token of those that a state accepts; the group that matched is its name."""
        accepted = self.actions[state]
        if self.is_small:
            in_turn = self.scanners[state] = self._in_turn([name for name in self.terminals if name in accepted])
            return in_turn
        alternatives = "|".join(f"(?P<{name}>{pattern})" for name, pattern in self.terminals.items() if name in accepted)
        match = self.compiled.get(alternatives)
        if match is None:
            blanks = "" if "SOUP" in accepted else self.skip
            match = self.compiled[alternatives] = re.compile(f"{blanks}(?:{alternatives})" if alternatives else r"(?!)").match
        self.scanners[state] = match
        return match

    def _in_turn(self, names: list[str]) -> Match:
        """Tries terminals one after the other; each is compiled when it is first tried."""

        def match(text: str, position: int) -> re.Match[str] | None:
            for name in names:
                found = (self.compiled.get(name) or self._compile(name))(text, position)
                if found is not None:
                    return found
            return None

        return match

    def _compile(self, name: str) -> Match:
        match = self.compiled[name] = re.compile(f"{self.skip}(?P<{name}>{self.terminals[name]})").match
        return match

    def acceptable(self, stack: list[int]) -> list[str]:
        """The terminals that may come next, given the stack of states."""
        return [kind for kind in self.actions[stack[-1]] if self._can_shift(stack, kind)]

    def _can_shift(self, stack: list[int], kind: str) -> bool:
        stack = stack.copy()
        while True:
            action = self.actions[stack[-1]].get(kind)
            if not isinstance(action, Reduction):
                return action is not None
            if action.size:
                del stack[-action.size :]
            stack.append(self.gotos[stack[-1]][action.origin])


@cache
def load_grammar() -> Grammar:
    """The grammar of the IR's text, made once in a process."""
    return make_grammar(load_tables())


def make_grammar(tables: Tables, skip: str = SKIP, is_small: bool = False) -> Grammar:
    """The grammar of some tables."""
    reductions = [
        Reduction(origin, size, action, tuple(picks), frozenset(spliced), passes, grows, not spliced and -1 not in picks)
        for origin, size, action, picks, spliced, passes, grows in tables.rules
    ]
    actions: list[dict[str, int | Reduction]] = [
        {kind: target if target >= 0 else reductions[-1 - target] for kind, target in table.items()} for table in tables.states
    ]
    unique = [_only_reduction(table) for table in actions]
    return Grammar(
        actions=actions,
        gotos=tables.gotos,
        defaults=[r if table and all(action is r for action in table.values()) else None for table, r in zip(actions, unique, strict=True)],
        fallbacks=unique,
        starts=tables.starts,
        ends=tables.ends,
        statement_states=frozenset(state for state, table in enumerate(tables.gotos) if "operation" in table),
        terminals=tables.terminals,
        spellings=tables.spellings,
        scanners=[None] * len(actions),
        skip=skip,
        is_small=is_small,
    )


def _only_reduction(actions: dict[str, int | Reduction]) -> Reduction | None:
    found = {action for action in actions.values() if isinstance(action, Reduction)}
    return found.pop() if len(found) == 1 else None


