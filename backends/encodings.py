"""What the instructions of a program are, from their bits: specs/encodings/NAME.encodings, one line per form of an instruction.

    load_multiple+refill  4     1011 110R rrrr rrrr     # POP to the program counter

says a class or several (those of a target's table of cycles), bytes that one register moves (`4x2`: and two of them; absent: no memory is touched), and bits:
0, 1, `.` (either), `r` (a register if it is 1), `R` (1, and a register), `n` (the number of registers).  The first line that fits counts.  So an instruction
set is data, and no simulator needs a disassembler.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import attrs

from tinyir.ir.errors import TinyirError
from tinyir.ir.plugins import specification_files

_LINE = re.compile(r"(?P<classes>[a-z_+]+)\s+(?:(?P<bytes>[1248]|16)(?:x(?P<registers>\d))?\s+)?(?P<bits>[01.rRn ]+)$")
_HEAD = re.compile(r"encodings (\w+), first halfword (high|low)$")


@attrs.frozen
class Encoding:
    """One form: instructions whose bits under `mask` are `value`; `listed`: the mask of a register list, `numbered`: that of a number of registers."""

    classes: tuple[str, ...]
    size_bytes: int
    mask: int
    value: int
    bytes_each: int = 0
    fixed_registers: int = 1
    listed: int = 0
    numbered: int = 0

    def registers(self, word: int) -> int:
        """How many registers an instruction moves (1 for all that is no multiple load or store)."""
        if self.listed:
            return (word & self.listed).bit_count()
        return word & self.numbered if self.numbered else self.fixed_registers

    @property
    def is_multiple(self) -> bool:
        return bool(self.listed or self.numbered) or self.fixed_registers > 1


@attrs.frozen
class Instruction:
    """One instruction of a program: its form and the registers that it moves."""

    encoding: Encoding
    registers: int


@attrs.frozen
class Encodings:
    """The forms of an instruction set, in the order in which they are tried; `high_first`: the first halfword in memory is the upper one."""

    name: str
    high_first: bool
    forms: tuple[Encoding, ...]

    def decode(self, code: bytes, count: int | None = None) -> list[Instruction]:
        """The instructions that stand in a stretch of code (little endian), or the first `count` of them.

        Raises:
            TinyirError: some bits are no instruction of this set.
        """
        found: list[Instruction] = []
        at = 0
        while at < len(code) and len(found) != count:
            first = int.from_bytes(code[at : at + 2], "little")
            second = int.from_bytes(code[at + 2 : at + 4], "little")
            long = first << 16 | second if self.high_first else second << 16 | first
            form = self._form(first, long)
            found.append(Instruction(form, form.registers(long if form.size_bytes == 4 else first)))
            at += form.size_bytes
        return found

    def _form(self, short: int, long: int) -> Encoding:
        for form in self.forms:
            if (long if form.size_bytes == 4 else short) & form.mask == form.value:
                return form
        raise TinyirError(f"no line of specs/encodings/{self.name}.encodings fits the instruction {long:#010x}")


def read_encodings(text: str, file: str) -> Encodings:
    """
    Raises:
        TinyirError: a line that is none of the language.
    """
    lines = [(number, line.partition("#")[0].rstrip()) for number, line in enumerate(text.splitlines(), 1)]
    (number, first), *rest = [(number, line) for number, line in lines if line]
    head = _HEAD.match(first)
    if head is None:
        raise TinyirError(f"{file}:{number}: the file begins with 'encodings NAME, first halfword high' or 'low'")
    return Encodings(head[1], head[2] == "high", tuple(_encoding(line, f"{file}:{number}") for number, line in rest))


def _encoding(line: str, where: str) -> Encoding:
    found = _LINE.match(line)
    bits = found["bits"].replace(" ", "") if found is not None else ""
    if found is None or len(bits) not in (16, 32):
        raise TinyirError(f"{where}: expected CLASS, bytes if it moves any, and 16 or 32 bits of 0, 1, '.', 'r', 'R', 'n'")
    return Encoding(
        classes=tuple(found["classes"].split("+")),
        size_bytes=len(bits) // 8,
        mask=_mask(bits, "01R"),
        value=_mask(bits, "1R"),
        bytes_each=int(found["bytes"] or 0),
        fixed_registers=int(found["registers"] or 1),
        listed=_mask(bits, "rR"),
        numbered=_mask(bits, "n"),
    )


def _mask(bits: Sequence[str], letters: str) -> int:
    return int("".join("1" if bit in letters else "0" for bit in bits), 2)


@cache
def load_encodings(name: str) -> Encodings:
    """The encodings of that name.

    Raises:
        TinyirError: there are none.
    """
    files = {file.name: file for file in specification_files("encodings", ".encodings")}
    if name not in files:
        raise TinyirError(f"no encodings '{name}': there are {', '.join(sorted(files))}")
    return read_encodings(files[name].read(), files[name].label)
