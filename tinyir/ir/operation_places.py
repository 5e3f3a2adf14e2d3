"""Where the words of an operation stand in the text that it was read from: carets of errors found later point at them."""

from __future__ import annotations

import re

from tinyir.ir.errors import Place
from tinyir.ir.operation import BlockArgument, Operation
from tinyir.ir.source import TextLocation

_USE = re.compile(r"%[\w$.\-]+(?:#\d+)?")


def noted_place(what: Operation | BlockArgument) -> Place:
    """Where an operation's name stands, or a block argument."""
    return word_place(what) if isinstance(what, Operation) else what.location.place


def word_place(operation: Operation, word: str = "") -> Place:
    """The place of the operation's name, or of a word behind it in its line; of the operation where it was not read from a text."""
    location = operation.location
    if not isinstance(location, TextLocation):
        return location.place
    text, offset = location.source.text, _name_offset(operation, location)
    match = re.compile(rf"(?<![\w$.%@]){re.escape(word)}(?![\w$.])").search(text, offset, _line_end(text, offset)) if word else None
    return location.source.place(offset if match is None else match.start())


def operand_place(operation: Operation, index: int) -> Place:
    """The place of an operand's name, if the operands stand right behind the operation's name, one after the other; else of the operation's."""
    location = operation.location
    if not isinstance(location, TextLocation):
        return location.place
    text, offset = location.source.text, _name_offset(operation, location)
    uses = list(_USE.finditer(text, offset, _line_end(text, offset)))
    names = [operand.name if operand is not None else "" for operand in operation._operands]
    if len(uses) >= len(names) and all(not name or name == use.group()[1:] for name, use in zip(names, uses, strict=False)):
        offset = uses[index].start()
    return location.source.place(offset)


def _name_offset(operation: Operation, location: TextLocation) -> int:
    """Where the name is written: in full, or without the dialect."""
    text = location.source.text
    for word in (operation.name, operation.name.rpartition(".")[2]):
        match = re.compile(rf"\"?(?<![\w$.%]){re.escape(word)}(?![\w$.])").search(text, location.offset, _line_end(text, location.offset))
        if match is not None:
            return match.start()
    return location.offset


def _line_end(text: str, offset: int) -> int:
    found = text.find("\n", offset)
    return found if found >= 0 else len(text)
