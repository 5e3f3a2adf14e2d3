"""The reader of `specs/isa/*.isa`: one `isa` line, then instructions and sequences of them."""

from __future__ import annotations

import re
from functools import cache

from tinyir.ir import operator as ast
from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.instruction import Instruction, InstructionSequence, InstructionSet, Operand, VectorForm
from tinyir.ir.machine_block import WORD_BYTES, AccessForm, BlockForm
from tinyir.ir.plugins import specification_files
from tinyir.ir.written_out import written_out
from tinyir.text.operator_reader import read_expression
from tinyir.text.small_parser import UnexpectedTextError

WORD_BITS = 32
_HEAD = re.compile(r"(instr|sequence) (\w+)\(([^)]*)\) -> (\w+(?:\[\d+\])?)$")
_OPERAND = re.compile(r"i(\d+)(?:\[(\d+)\])?$")


def read_instruction_set(text: str, file: str = "-") -> InstructionSet:
    """The instruction set of a text.

    Raises:
        TinyirError: a line that is none of the language.
    """
    lines = [(number, line.split("#", 1)[0].rstrip() if '"' not in line else line.rstrip()) for number, line in enumerate(text.splitlines(), 1)]
    blocks: list[list[tuple[int, str]]] = []
    for number, line in lines:
        if line and not line.startswith(" "):
            blocks.append([])
        if line:
            if not blocks:
                raise _error(file, number, line, "an indented line belongs to an instruction")
            blocks[-1].append((number, line.strip()))
    head = re.match(r"isa (\S+) when (.+)$", blocks[0][0][1]) if blocks else None
    if head is None:
        raise _error(file, 1, text.split("\n", 1)[0], "the file begins with 'isa NAME when CONDITION'")
    instructions: dict[str, Instruction] = {}
    sequences: dict[str, InstructionSequence] = {}
    vectors: list[VectorForm] = []
    form: BlockForm | None = None
    header = ""
    for block in blocks[1:]:
        number, line = block[0]
        if line.startswith("vector "):
            vectors.append(_vector(file, block))
            continue
        if line.startswith("block when "):
            form = _block(file, line.removeprefix("block when "), block)
            continue
        include = re.match(r'include "(.+)"$', line)
        if include is not None:
            header = include.group(1)
            continue
        found = _HEAD.match(line)
        if found is None:
            raise _error(file, number, line, "expected 'instr NAME(operands) -> TYPE' or 'sequence NAME(operands) -> TYPE'")
        kind, name, operands, result = found.groups()
        parts = tuple(_operand(file, number, line, o.strip()) for o in operands.split(","))
        declared = _operand(file, number, line, f"result: {result}")
        if kind == "instr":
            instructions[name] = _instruction(file, name, parts, declared, block[1:])
        else:
            sequences[name] = _sequence(file, name, parts, declared, block[1:])
    return InstructionSet(head.group(1), head.group(2), instructions, sequences, tuple(vectors), form, header)


def _error(file: str, number: int, line: str, message: str) -> TinyirError:
    return TinyirError(message, place=Place(file, number, 1, line))


def _operand(file: str, number: int, line: str, text: str) -> Operand:
    name, _, type = text.partition(":")
    immediate = re.match(r"immediate (\d+)\.\.(\d+)$", type.strip())
    if immediate is not None:
        return Operand(name.strip(), 32, 1, (int(immediate.group(1)), int(immediate.group(2))))
    found = _OPERAND.match(type.strip())
    if found is None:
        raise _error(file, number, line, f"'{text}' is no operand such as 'a: i16[2]'")
    return Operand(name.strip(), int(found.group(1)), int(found.group(2) or 1))


def _expression(file: str, number: int, line: str, text: str) -> ast.Expression:
    try:
        expression: ast.Expression = written_out(read_expression(text))
        return expression
    except ValueError as error:
        raise _error(file, number, line, str(error)) from error
    except UnexpectedTextError as error:
        raise _error(file, number, line, f"cannot read '{text}'") from error


def _instruction(file: str, name: str, operands: tuple[Operand, ...], result: Operand, lines: list[tuple[int, str]]) -> Instruction:
    lanes: list[ast.Expression] = []
    assembly = spelling = ""
    for number, line in lines:
        lane = re.match(r"lane (\d+) = (.+)$", line)
        spelled = re.match(r'asm "(.+)"$', line)
        named = re.match(r'c "(.+)"$', line)
        if lane is not None and int(lane.group(1)) == len(lanes):
            lanes.append(_expression(file, number, line, lane.group(2)))
        elif spelled is not None:
            assembly = spelled.group(1)
        elif named is not None and result.lanes * result.width <= WORD_BITS:
            spelling = named.group(1)
        else:
            raise _error(file, number, line, f"expected 'lane {len(lanes)} = ...', 'asm \"...\"' or, for a word, 'c \"...\"'")
    if len(lanes) != result.lanes or not (assembly or spelling):
        raise _error(file, lines[0][0] if lines else 1, name, f"'{name}' needs the meaning of {result.lanes} lanes, and its assembly or its name in C")
    return Instruction(name, "", operands, result, tuple(lanes), assembly, spelling)


def _vector(file: str, block: list[tuple[int, str]]) -> VectorForm:
    """`vector i8[16]` with lines `include`, `c` and `load`."""
    words: dict[str, str] = {}
    for number, line in block[1:]:
        found = re.match(r'(include|c|load) "(.+)"$', line)
        if found is None:
            raise _error(file, number, line, "expected 'include \"...\"', 'c \"...\"' or 'load \"...\"'")
        words[found.group(1)] = found.group(2)
    number, line = block[0]
    if len(words) != 3:
        raise _error(file, number, line, "a vector needs a header to include, its type in C and its load")
    return VectorForm(_operand(file, number, line, f"from: {line.removeprefix('vector ')}"), words["include"], words["c"], words["load"])


def _sequence(file: str, name: str, operands: tuple[Operand, ...], result: Operand, lines: list[tuple[int, str]]) -> InstructionSequence:
    parts: dict[str, ast.Expression] = {}
    for number, line in lines:
        word, _, text = line.partition(" ")
        if word not in ("value", "means"):
            raise _error(file, number, line, "expected 'value ...' or 'means ...'")
        parts[word] = _expression(file, number, line, text)
    if len(parts) != 2:
        raise _error(file, lines[0][0] if lines else 1, name, f"'{name}' needs a value and what it means")
    return InstructionSequence(name, operands, result, parts["value"], parts["means"])


_ACCESS = re.compile(r'(load|store) (\d+)(?:\.\.(\d+))?( byte)?( aligned)?( ascending)?(?: within (\d+)| at (-?\d+)\.\.(\d+)| at (register))? "(.+)"$')
_MOVE = re.compile(r'move( byte)? (?:within (\d+)|by (register)) "(.+)"$')


def _block(file: str, condition: str, lines: list[tuple[int, str]]) -> BlockForm:
    words: dict[str, list[str]] = {}
    accesses: list[AccessForm] = []
    for number, line in lines[1:]:
        word, _, rest = line.partition(" ")
        access = _ACCESS.match(line)
        if access is not None:
            kind, least, most, byte, aligned, ascending, within, low, high, register, text = access.groups()
            offsets = (int(low), int(high)) if low is not None else None
            unit = 1 if byte is not None else WORD_BYTES
            counts = int(least), int(most or least)
            accesses.append(AccessForm(kind, *counts, aligned is not None, ascending is not None, int(within or 0), text, unit, offsets, bool(register)))
        elif (move := _MOVE.match(line)) is not None:
            unit = 1 if move.group(1) is not None else WORD_BYTES
            within, register, text = move.group(2), move.group(3), move.group(4)
            accesses.append(AccessForm("move", 0, 0, False, False, int(within or 0), text, unit, by_register=bool(register)))
        elif word in ("registers", "operands", "until", "stride") and rest:
            words.setdefault(word, []).append(rest)
        else:
            known = "'registers ...', 'operands ...', 'load|store WORDS \"...\"', 'move within BYTES \"...\"', 'stride \"...\"' or 'until \"...\"'"
            raise _error(file, number, line, f"expected {known}")
    operands = tuple(words.get("operands", [""])[0].split())
    if not accesses or not operands or not words.get("registers") or not words.get("until"):
        raise _error(file, lines[0][0], lines[0][1], "a block needs registers, operands, loads of words, and what ends its loop")
    until = tuple(text.strip('"') for text in words["until"])
    return BlockForm(condition, tuple(words["registers"][0].split()), operands, tuple(accesses), until, words.get("stride", [""])[0].strip('"'))


@cache
def instruction_set(name: str) -> InstructionSet | None:
    """The instruction set of that name, of this package or another, if there is one."""
    found = next((file for file in specification_files("isa", ".isa") if file.name == name), None)
    return read_instruction_set(found.read(), found.label) if found is not None else None
