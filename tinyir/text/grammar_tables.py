"""What lark computes from the grammars (`ir.lark`, `rule.lark`, `operator.lark`, `schedule.lark`), as plain data that can be kept in a file.

lark turns a grammar into LALR(1) tables and regular expressions of terminals in a fifth of a second; the result stands
beside the grammar in `ir_tables.json` and so on, with the grammar's text, and is read in a hundredth.  If that is not
the grammar, lark is asked.  `python -m tinyir.text.grammar_tables` writes the files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from tinyir.ir.record import Record, ValueRecord

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
LONGEST_SIGN = 8
"""Of terminals that match no more characters the longer is tried first: `>>` before `>`."""
_FOLDER = Path(__file__).resolve().parent


@attrs.frozen(eq=False, repr=False)
class Language(ValueRecord):
    """A grammar beside this file, by its name, and the symbols from which texts are read."""

    name: str
    starts: tuple[str, ...]

    @property
    def grammar(self) -> str:
        """The text of the grammar."""
        return (_FOLDER / f"{self.name}.lark").read_text(encoding="utf-8")

    @property
    def tables_name(self) -> str:
        """The name of the file of tables."""
        return f"{self.name}_tables.json"


IR = Language("ir", STARTS)
RULES = Language("rule", ("start",))
OPERATORS = Language("operator", ("start", "expression"))
SCHEDULES = Language("schedule", ("start",))
LANGUAGES = (IR, RULES, OPERATORS, SCHEDULES)


@attrs.frozen(eq=False, repr=False)
class Tables(Record):
    """`states`: for each state terminal -> next state, or -1 - number of a rule; `gotos`: for each state rule -> state.
    `rules`: origin, size, action, picks (-1: absent), spliced parts, flags (passes, grows).
    `terminals`: name -> regular expression, in the order in which they are tried.
    """

    states: list[dict[str, int]]
    gotos: list[dict[str, int]]
    rules: list[tuple[str, int, str, list[int], list[int], bool, bool]]
    starts: dict[str, int]
    ends: dict[str, int]
    terminals: dict[str, str]
    spellings: dict[str, str]


def load_tables(language: Language = IR) -> Tables:
    """The tables of a language, from the file if that is of this grammar."""
    text = language.grammar
    path = _FOLDER / language.tables_name
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("key", "") == key_of(text, language.starts):
            return Tables(**kept)
    return compile_tables(text, language.starts)


def key_of(text: str, starts: Sequence[str] = STARTS) -> str:
    """What a file of tables is known by: the grammar and the start symbols."""
    return "\n".join([text, *starts])


def spell_tables(text: str, starts: Sequence[str] = STARTS) -> str:
    """The contents of the file for a grammar."""
    return json.dumps({"key": key_of(text, starts), **attrs.asdict(compile_tables(text, starts))}, separators=(",", ":")) + "\n"


def compile_tables(text: str, starts: Sequence[str] = STARTS) -> Tables:
    """The tables of a grammar, by lark, which is loaded only here: it takes longer than most texts do."""
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import PatternRE

    lark = Lark(text, parser="lalr", start=list(starts), maybe_placeholders=True)
    patterns = {terminal.name: terminal.pattern for terminal in lark.terminals}
    words = {name: pattern.value for name, pattern in patterns.items() if not isinstance(pattern, PatternRE)}
    priorities = {terminal.name: terminal.priority for terminal in lark.terminals}
    widths = {name: pattern.max_width if pattern.max_width <= LONGEST_SIGN else 0 for name, pattern in patterns.items()}
    order = sorted(patterns, key=lambda name: (-priorities[name], name not in words, -widths[name], -len(patterns[name].value), name))
    configuration = lark.parse_interactive("", start=starts[0]).parser_state.parse_conf
    begins = configuration.parse_table.start_states
    raw = {state: sorted((symbol, target) for symbol, (_, target) in table.items()) for state, table in configuration.states.items()}
    numbers = _numbers(raw, [begins[name] for name in starts])
    rules: dict[Rule, int] = {}
    states: list[dict[str, int]] = [{} for _ in numbers]
    gotos: list[dict[str, int]] = [{} for _ in numbers]
    for state, number in numbers.items():
        for symbol, target in raw[state]:
            if isinstance(target, Rule):
                states[number][symbol] = -1 - rules.setdefault(target, len(rules))
            else:
                (states if symbol in patterns else gotos)[number][symbol] = numbers[target]
    return Tables(
        states=states,
        gotos=gotos,
        rules=[_rule(rule) for rule in rules],
        starts={name: numbers[begins[name]] for name in starts},
        ends={name: numbers[configuration.parse_table.end_states[name]] for name in starts},
        terminals={name: patterns[name].to_regexp() + (r"(?![\w$.])" if words.get(name, "-")[-1].isalnum() else "") for name in order},
        spellings=dict(sorted(words.items())),
    )


def _numbers(raw: dict[int, list[tuple[str, Any]]], starts: list[int]) -> dict[int, int]:
    """New numbers for lark's states, in the order in which they are reached: lark's own differ from run to run."""
    numbers = {state: position for position, state in enumerate(starts)}
    pending = list(starts)
    for state in pending:
        for _, target in raw[state]:
            if isinstance(target, int) and target not in numbers:
                numbers[target] = len(numbers)
                pending.append(target)
    return numbers


def _rule(rule: Any) -> tuple[str, int, str, list[int], list[int], bool, bool]:
    """One of lark's rules; a helper rule (`x*`) has no action."""
    origin = str(rule.origin.name)
    is_helper = origin.startswith("_")
    empty = list(rule.options.empty_indices) if any(rule.options.empty_indices) else [False] * len(rule.expansion)
    picks: list[int] = []
    spliced: list[int] = []
    index = 0
    for is_absent in empty:
        if is_absent:
            picks.append(-1)
            continue
        symbol = rule.expansion[index]
        if not symbol.is_term or not symbol.filter_out:
            picks.append(index)
            if not symbol.is_term and symbol.name.startswith("_"):
                spliced.append(index)
        index += 1
    passes = bool(rule.options.expand1) and rule.alias is None and len(picks) == 1
    grows = is_helper and 0 in spliced and rule.expansion[0].name == origin
    return origin, len(rule.expansion), "" if is_helper else str(rule.alias or origin), picks, spliced, passes, grows


if __name__ == "__main__":
    for language in LANGUAGES:
        (_FOLDER / language.tables_name).write_text(spell_tables(language.grammar, language.starts), encoding="utf-8")
