"""The short cut for lines that open a region, begin a block, or close the one region of an operation, in the common shape.

It does what the grammar's tables would do with these lines: the stack of the parser is as they would leave it.  Whatever is
unusual is left to the tables, which also say what is wrong: the result is the same with and without the short cut.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Any

from tinyir.text.fast_path import FastReader
from tinyir.text.grammar import SKIP, load_grammar
from tinyir.text.parser import BLANKS
from tinyir.text.scope import Frame, Head


@cache
def opening_pattern() -> re.Pattern[str]:
    """An operation up to the brace of its first region, without successors, with at most one result."""
    terminal = load_grammar().terminals
    return re.compile(
        rf"""[ \t\r\n]*(?:({terminal["VALUE"]})[ ]=[ ])?("[\w.$\-]+")({terminal["OPERANDS"]})(?:[ ]({terminal["PROPERTIES"]}))?[ ](\(\{{)"""
    )


@cache
def closing_pattern() -> re.Pattern[str]:
    """The rest of an operation after the contents of its last region; groups as in `statement_pattern` from its fifth on."""
    terminal = load_grammar().terminals
    return re.compile(rf"""[ \t\r\n]*\}}\)(?:[ ]({terminal["DICTIONARY"]}))?[ ]({terminal["SIGNATURE"]})(?:[ ]({terminal["PLACE"]}))?(?!{SKIP}loc\b)""")


@cache
def block_pattern() -> re.Pattern[str]:
    return re.compile(rf"""[ \t\r\n]*({load_grammar().terminals["BLOCK_LINE"]})""")


@cache
def first_region_states() -> dict[int, int]:
    """The states in the first region of an operation; with each, how many symbols it stands after the brace."""
    gotos = load_grammar().gotos
    (start,) = {table["first_start"] for table in gotos if "first_start" in table}
    return {start: 0, **{state: 1 for name, state in gotos[start].items() if name.startswith("__")}}


class RegionReader(FastReader):
    """Reads the lines around regions."""

    def shorten(self, states: list[int], values: list[Any], begins: list[int]) -> bool:
        """Takes lines from `position` on, plain statements between them as well; False if the first is none of these."""
        if not self.fast:
            return False
        text, start, blanks = self.text, self.position, BLANKS.match
        while True:
            match = blanks(text, self.position)
            assert match is not None
            position = match.end()
            first = text[position : position + 1]
            if first == "}":
                taken = self._close(states, values, begins)
            elif first == "^":
                taken = self._begin_block(states)
            elif first not in ('"', "%"):
                taken = False
            elif text.endswith("({", position, text.find("\n", position)):
                taken = self._open(states, values, begins)
            else:
                self.position = self.read_fast(position)
                taken = self.position != position
            if not taken:
                return self.position != start

    def _open(self, states: list[int], values: list[Any], begins: list[int]) -> bool:
        match = opening_pattern().match(self.text, self.position)
        if match is None:
            return False
        name, operation, operands, property_text, _ = match.groups()
        properties = None
        if property_text is not None:
            properties = self.dictionary_of(property_text, match.start(4))
            if properties is None:
                return False
            properties = properties.copy()
        gotos, offset = self.grammar.gotos, match.start(2)
        self.begin = match.start(3)
        head = Head(sys.intern(operation[1:-1]), offset, self.operand_texts([operands]), [], properties)
        state = states[-1]
        if name is not None:
            state = gotos[state]["results"]
            states.append(state)
            values.append([(name, 1, match.start(1))])
            begins.append(match.start(1))
        state = gotos[state]["head"]
        states.append(state)
        values.append(head)
        begins.append(offset)
        self.begin = match.start(5)
        frame = self.open_frame(head.name)
        states.append(gotos[state]["first_start"])
        values.append(frame)
        begins.append(match.start(5))
        self.position = match.end()
        return True

    def _begin_block(self, states: list[int]) -> bool:
        match = block_pattern().match(self.text, self.position)
        if match is None or "block" not in self.grammar.gotos[states[-1]]:
            return False
        self.begin, self.origin, self.position = match.start(1), "block", match.end()
        self.block_line([match.group(1)])
        return True

    def _close(self, states: list[int], values: list[Any], begins: list[int]) -> bool:
        extra = first_region_states().get(states[-1])
        match = closing_pattern().match(self.text, self.position) if extra is not None else None
        if match is None or extra is None:
            return False
        dictionary, signature, place = match.groups()
        if signature not in self.signatures and not self.learn_signature(signature, match.start(2)):
            return False
        attributes = self.dictionary_of(dictionary, match.start(1)) if dictionary is not None else None
        if dictionary is not None and attributes is None:
            return False
        location = self.place(place, match.start(3)) if place is not None else None
        if place is not None and location is None:
            return False
        index = len(values) - 1 - extra
        head = values[index - 1]
        assert isinstance(values[index], Frame)
        assert isinstance(head, Head)
        region = self.close_frame()
        has_results = "operation" not in self.grammar.gotos[states[index - 1]]
        start = index - 2 if has_results else index - 1
        names, self.begin, self.origin, self.position = values[start] if has_results else None, begins[start], "operation", match.end()
        del states[start + 1 :], values[start:], begins[start:]
        self.operation([names, head, [region], attributes.copy() if attributes is not None else None, self.signatures[signature], location])
        return True
