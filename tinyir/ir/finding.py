"""What a verifier finds wrong: a message, which may come with a hint, a note, and the very word that is wrong."""

from __future__ import annotations

from tinyir.ir.operation import BlockArgument, Operation

Noted = tuple[str, Operation | BlockArgument]
"""What to say, and where."""


class Finding(str):
    """A message of a verifier.  `note`: what to say elsewhere; the caret stands under operand number `operand`, or under `word`."""

    __slots__ = ("hint", "note", "operand", "word")
    hint: str
    note: Noted | None
    operand: int | None
    word: str

    def __new__(cls, message: str, hint: str = "", note: Noted | None = None, operand: int | None = None, word: str = "") -> Finding:
        found = super().__new__(cls, message)
        found.hint, found.note, found.operand, found.word = hint, note, operand, word
        return found
