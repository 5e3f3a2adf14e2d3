"""The tables that lark computes from `ir.lark`, in the shape that the parser's loop likes.

lark turns the grammar into LALR(1) tables and regular expressions of terminals.  Here each state gets one compiled
scanner that knows just the terminals which that state accepts (so `x` is a dimension's separator inside `tensor<>`
and a name elsewhere), and each rule a `Reduction` that says which of its parts the reader's method is given.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import attrs
from lark import Lark
from lark.grammar import Rule, Terminal

STARTS = (
    "file",
    "region",
    "attribute",
    "attributes",
    "literal",
    "dictionary",
    "properties",
    "type",
    "types",
    "plain_type",
    "function_type",
    "location",
    "source_place",
    "affine_map",
    "affine_set",
    "expression",
    "expressions",
    "constraints",
    "soup",
)
END = "$END"
SKIP = r"(?:[ \t\r\n]++|//[^\n]*+)*+"
"""Blanks and comments, which may stand between any two tokens."""


@attrs.frozen(eq=False)
class Reduction:
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


@attrs.frozen(eq=False)
class Grammar:
    """Tables by state: `actions` (terminal -> state or reduction), `gotos` (rule -> state), `defaults` (the one
    reduction that the state can do, whatever follows), `fallbacks` (the one that it can do beside shifting),
    `scanners`, and the states in which an operation may begin."""

    actions: list[dict[str, int | Reduction]]
    gotos: list[dict[str, int]]
    defaults: list[Reduction | None]
    fallbacks: list[Reduction | None]
    scanners: list[re.Pattern[str]]
    starts: dict[str, int]
    ends: dict[str, int]
    statement_states: frozenset[int]
    terminals: dict[str, str]
    spellings: dict[str, str]

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
    """The tables of `ir.lark`, computed once in a process."""
    text = (files("tinyir.text") / "ir.lark").read_text(encoding="utf-8")
    lark = Lark(text, parser="lalr", start=list(STARTS), maybe_placeholders=True)
    patterns = {terminal.name: terminal.pattern for terminal in lark.terminals}
    order = {
        terminal.name: (-terminal.priority, _is_regexp(terminal.pattern), -len(terminal.pattern.value))
        for terminal in lark.terminals
    }
    terminals = {name: _word_end(pattern.to_regexp(), _is_regexp(pattern)) for name, pattern in patterns.items()}
    conf = lark.parse_interactive("", start="file").parser_state.parse_conf
    count = len(conf.states)
    actions: list[dict[str, int | Reduction]] = [{} for _ in range(count)]
    gotos: list[dict[str, int]] = [{} for _ in range(count)]
    reductions: dict[Rule, Reduction] = {}
    for state, table in conf.states.items():
        for symbol, (_, target) in table.items():
            if isinstance(target, Rule):
                reduction = reductions.get(target)
                if reduction is None:
                    reduction = reductions[target] = _reduction(target)
                actions[state][symbol] = reduction
            elif symbol in terminals or symbol == END:
                actions[state][symbol] = target
            else:
                gotos[state][symbol] = target
    unique = [_unique(table.values()) for table in actions]
    return Grammar(
        actions=actions,
        gotos=gotos,
        defaults=[r if table and all(a is r for a in table.values()) else None for table, r in zip(actions, unique, strict=True)],
        fallbacks=unique,
        scanners=[_scanner(sorted(table, key=lambda name: order.get(name, (9, True, 0))), terminals) for table in actions],
        starts=dict(conf.parse_table.start_states),
        ends=dict(conf.parse_table.end_states),
        statement_states=frozenset(state for state in range(count) if "operation" in gotos[state]),
        terminals=terminals,
        spellings={name: pattern.value for name, pattern in patterns.items() if not _is_regexp(pattern)},
    )


def _is_regexp(pattern: object) -> bool:
    return type(pattern).__name__ == "PatternRE"


def _word_end(pattern: str, is_regexp: bool) -> str:
    """A keyword must not go on as a longer word."""
    return pattern if is_regexp or not pattern[-1].isalnum() else pattern + r"(?![\w$.])"


def _scanner(names: list[str], terminals: dict[str, str]) -> re.Pattern[str]:
    alternatives = "|".join(f"(?P<{name}>{terminals[name]})" for name in names if name != END)
    blanks = "" if "SOUP" in names else SKIP
    return re.compile(f"{blanks}(?:{alternatives})" if alternatives else r"(?!)")


def _unique(actions: object) -> Reduction | None:
    assert hasattr(actions, "__iter__")
    found = {action for action in actions if isinstance(action, Reduction)}
    return found.pop() if len(found) == 1 else None


def _reduction(rule: Rule) -> Reduction:
    origin = str(rule.origin.name)
    is_helper = origin.startswith("_")
    empty = list(rule.options.empty_indices) if any(rule.options.empty_indices) else [False] * len(rule.expansion)
    picks: list[int] = []
    spliced: set[int] = set()
    index = 0
    for is_absent in empty:
        if is_absent:
            picks.append(-1)
            continue
        symbol = rule.expansion[index]
        if not (isinstance(symbol, Terminal) and symbol.filter_out):
            picks.append(index)
            if not symbol.is_term and symbol.name.startswith("_"):
                spliced.add(index)
        index += 1
    return Reduction(
        origin=origin,
        size=len(rule.expansion),
        action="" if is_helper else str(rule.alias or origin),
        picks=tuple(picks),
        spliced=frozenset(spliced),
        passes=bool(rule.options.expand1) and rule.alias is None and len(picks) == 1,
        grows=is_helper and 0 in spliced and rule.expansion[0].name == origin,
        is_plain=not spliced and -1 not in picks,
    )
