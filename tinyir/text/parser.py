"""The loop over lark's tables: shifts, reductions, and scanning that knows the state.

It differs from lark's own loop in four points: only the terminals that the state accepts are looked for; parsing may
start anywhere and ends where the start symbol does (a type in the middle of a line); statements that a subclass can
read faster, or that no grammar describes, are read by `read_statements`; after an error the loop goes on with the next
statement, so that one run finds several.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tinyir.ir.errors import Diagnostic, did_you_mean
from tinyir.ir.source import SourceText
from tinyir.text.grammar import SKIP, Reduction, load_grammar
from tinyir.text.grammar_tables import END

Method = Callable[[Any, list[Any]], Any]
BLANKS = re.compile(SKIP)
NESTING = 150
"""The greatest depth of the stack inside one region: more is an error, not a crash."""


class StatementError(Exception):
    """A mistake in the text that ends the statement in which it stands."""

    def __init__(self, diagnostic: Diagnostic, offset: int) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic
        self.offset = offset


class Parser:
    """Parses a text; `position` is the offset after the last token, `begin` where the symbol being reduced starts."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.text = source.text
        self.position = 0
        self.begin = 0
        self.origin = ""
        self.limit = NESTING
        self.values: list[Any] = []
        self.grammar = load_grammar()
        self.methods = methods_of(type(self))
        self.diagnostics: list[Diagnostic] = []

    # -- what a subclass may do

    def read_statements(self, position: int) -> int:
        """Reads what it can of the statements at `position`; returns where it stopped."""
        return position

    def shorten(self, _states: list[int], _values: list[Any], _begins: list[int]) -> bool:
        """Does at once what the tables would do with the next tokens; False if it cannot."""
        return False

    def recover(self, failure: StatementError, _begin: int, _level: int, _was_read: bool) -> None:
        """Sets `position` to where parsing goes on after a failed statement that began at `_begin`, or raises.

        `_was_read`: the statement was read to its end, and `position` is there.
        """
        raise failure

    def level(self) -> int:
        """How deep the reader is in regions, to be given to `recover` by the run that started there."""
        return 0

    # -- errors

    def failure(self, message: str, offset: int, hint: str = "") -> StatementError:
        """An error at an offset, to be raised."""
        return StatementError(Diagnostic(message, self.source.place(offset), hint=hint), offset)

    def unexpected(self, stack: list[int], offset: int) -> StatementError:
        """What stands at `offset` cannot follow."""
        self.begin, self.origin = offset, ""
        kinds = self.grammar.acceptable(stack)
        if stack[-1] not in self.grammar.statement_states:
            offset = self.end_of_line(offset)
        found = describe_token(self.text, offset)
        wanted = describe_terminals(kinds, self.grammar.spellings)
        return self.failure(f"expected {wanted}, found {found}", offset, close_word(self.text, offset, kinds, self.grammar.spellings))

    def end_of_line(self, offset: int) -> int:
        """Where to point at if the line ended before the token at `offset`: a statement seldom goes on there."""
        return self.position if "\n" in self.text[self.position : offset] else offset

    # -- the loop

    def read(self, start: str, position: int) -> Any:
        """The value of the symbol `start` that begins at `position`.

        Raises:
            StatementError: the text is wrong, and no statement encloses the mistake.
        """
        outer = self.values, self.begin
        level = self.level()
        stack = [self.grammar.starts[start]]
        values: list[Any] = []
        begins: list[int] = []
        self.values = values
        self.position = position
        while True:
            try:
                result = self._run(start, stack, values, begins)
                break
            except StatementError as failure:
                depth = len(stack)
                while depth and stack[depth - 1] not in self.grammar.statement_states:
                    depth -= 1
                if not depth:
                    self.values, self.begin = outer
                    raise
                begin = begins[depth - 1] if depth <= len(begins) else self.begin
                was_read = depth > len(begins) and self.origin == "operation"
                del stack[depth:], values[depth - 1 :], begins[depth - 1 :]
                self.recover(failure, begin, level, was_read)
        self.values, self.begin = outer
        return result

    def _run(self, start: str, stack: list[int], values: list[Any], begins: list[int]) -> Any:
        grammar, text, methods = self.grammar, self.text, self.methods
        actions, gotos, defaults, scanners = grammar.actions, grammar.gotos, grammar.defaults, grammar.scanners
        statement_states = grammar.statement_states
        read_statements = self.read_statements
        accepting = grammar.ends[start]
        blocked: list[int] = []
        match: re.Match[str] | None = None
        while True:
            state = stack[-1]
            if state == accepting and (scanners[state] or grammar.scanner(state))(text, self.position) is None:
                return values[-1]
            reduction = defaults[state]
            if reduction is None:
                if state in statement_states:
                    self.position = read_statements(self.position)
                    match = None
                    if self.shorten(stack, values, begins):
                        continue
                action = actions[state].get(match.lastgroup or "") if match is not None else None
                if action is None:
                    match = (scanners[state] or grammar.scanner(state))(text, self.position)
                    action = actions[state][match.lastgroup or ""] if match is not None else self._without_token(state, stack, blocked)
                if isinstance(action, int):
                    assert match is not None
                    index = match.lastindex or 0
                    stack.append(action)
                    values.append(match.group(index))
                    begins.append(match.start(index))
                    self.position = match.end()
                    match = None
                    if blocked:
                        blocked.clear()
                    if len(stack) > self.limit:
                        raise self.failure("nested too deeply", begins[-1])
                    continue
                reduction = action
            size = reduction.size
            if size == 1:
                del stack[-1]
                parts, begin = [values.pop()], begins.pop()
            elif size:
                parts, begin = values[-size:], begins[-size]
                del stack[-size:], values[-size:], begins[-size:]
            else:
                parts, begin = [], self.position
            if reduction.passes:
                value = parts[reduction.picks[0]]
            elif reduction.grows:
                value = parts[0]
                for index in reduction.picks[1:]:
                    if index in reduction.spliced:
                        value += parts[index]
                    else:
                        value.append(parts[index])
            else:
                value = [parts[index] for index in reduction.picks] if reduction.is_plain else pick(reduction, parts)
                if reduction.action:
                    self.begin, self.origin = begin, reduction.origin
                    value = methods[reduction.action](self, value)
            stack.append(gotos[stack[-1]][reduction.origin])
            values.append(value)
            begins.append(begin)

    def _without_token(self, state: int, stack: list[int], blocked: list[int]) -> Reduction:
        """What to do where no token follows that the state accepts: the only reduction, as far as that leads.

        `blocked` keeps the stack of the first such state since the last token: an error is reported from there.

        Raises:
            StatementError: nothing can be done.
        """
        grammar = self.grammar
        offset = skip_blanks(self.text, self.position)
        at_end = grammar.actions[state].get(END) if offset == len(self.text) else None
        if isinstance(at_end, Reduction):
            return at_end
        fallback = grammar.fallbacks[state]
        if fallback is None or state in grammar.statement_states:
            raise self.unexpected(blocked or stack, offset)
        if not blocked:
            blocked.extend(stack)
        return fallback


def pick(reduction: Reduction, parts: list[Any]) -> list[Any]:
    """The parts that a rule gives on."""
    if not reduction.spliced:
        return [parts[index] if index >= 0 else None for index in reduction.picks]
    picked: list[Any] = []
    for index in reduction.picks:
        if index in reduction.spliced:
            picked += parts[index]
        else:
            picked.append(parts[index] if index >= 0 else None)
    return picked


def skip_blanks(text: str, position: int) -> int:
    match = BLANKS.match(text, position)
    return match.end() if match is not None else position


_METHODS: dict[type, dict[str, Method]] = {}


def methods_of(reader: type) -> dict[str, Method]:
    """The methods of a reader that make the values of the grammar's rules."""
    methods = _METHODS.get(reader)
    if methods is None:
        reductions = (action for table in load_grammar().actions for action in table.values() if isinstance(action, Reduction))
        names = {reduction.action for reduction in reductions if reduction.action and not reduction.passes}
        methods = _METHODS[reader] = {name: getattr(reader, name) for name in names}
    return methods


# -- words for people

_WORDS = {
    "VALUE": "an SSA name",
    "OPERAND": "an SSA operand",
    "BLOCK": "a block name",
    "SYMBOL": "a symbol name",
    "STRING": "a string",
    "FLOAT": "a number",
    "INTEGER": "an integer",
    "WORD": "a name",
    "DIMENSION": "a dimension",
    "OPENING": "'({'",
    "BETWEEN": "'}, {'",
    "CLOSING": "'})'",
    END: "the end of the text",
}
_TYPE_START = {"INTEGER_TYPE", "FLOAT_TYPE", "TYPE_ALIAS", "DIALECT_TYPE"}
_ATTRIBUTE_START = {"DIALECT_ATTRIBUTE", "ALIAS", "FLOAT"}
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"?|[%^@#!]?[\w$.\-]+|->|::|.')


def describe_terminals(kinds: list[str], spellings: dict[str, str]) -> str:
    """Words for a set of terminals: the few things that a person would think of."""
    names = set(kinds)
    words: list[str] = []
    if "SOUP" in names:
        names &= {"RSQB", "RBRACE", "MORETHAN", "RPAR"}
    if names >= _ATTRIBUTE_START and names >= _TYPE_START:
        words.append("an attribute")
        names = {n for n in names if n in {"RSQB", "RBRACE", "MORETHAN", "RPAR"}}
    elif names >= _TYPE_START:
        words.append("a type")
        names = {n for n in names if n in {"RSQB", "RBRACE", "MORETHAN", "RPAR", "DIMENSION"}}
    elif {"STRING", "VALUE"} <= names:
        words.append("an operation")
        names &= {"RBRACE", "CLOSING", "BLOCK"}
    words += sorted(_WORDS.get(name) or f"'{spellings.get(name, name.lower())}'" for name in names)
    words = list(dict.fromkeys(words))
    if len(words) > 6:
        words = [*words[:6], "..."]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else "nothing more"


TYPE_WORDS = ("i1", "i8", "i16", "i32", "i64", "bf16", "f16", "f32", "f64")


def close_word(text: str, offset: int, kinds: list[str], spellings: dict[str, str]) -> str:
    """A hint where the word at an offset looks like one that may stand there."""
    match = _LETTERS.match(text, offset)
    known = [spelling for kind in kinds if (spelling := spellings.get(kind, ""))[:1].isalpha()]
    if "INTEGER_TYPE" in kinds:
        known += TYPE_WORDS
    return did_you_mean(match.group(), known) if match is not None else ""


_LETTERS = re.compile(r"[a-zA-Z_]\w*")


def describe_token(text: str, offset: int) -> str:
    """The token at an offset, as a message shows it."""
    match = _TOKEN.match(text, offset)
    if match is None or match.group().isspace():
        return "the end of the text" if not text[offset:].strip() else "the end of the line"
    token = match.group()
    return f"'{token}'" if len(token) <= 40 else f"'{token[:37]}...'"
