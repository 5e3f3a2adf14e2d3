"""Loops whose bodies are words and instructions, as blocks of machine code.

    for %t iter(%a, ...) { %w = buffer.load %x[8 * %t] : vector<2xi16> ...  %s = isa.smlad %w, %v, %a ... }

becomes the body of one asm statement: accumulators and pointers are operands that the compiler places, loaded words live in
registers that the block names.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer import alignment_bytes
from tinyir.dialects.nest_accesses import linear_address, memory_behind
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.ir.attributes import element_bytes
from tinyir.ir.builder import find_symbol
from tinyir.ir.instruction import InstructionSet
from tinyir.ir.machine_block import WORD_BYTES, AccessLine, BlockBody, BlockForm, Line, Pointer, Step, WordAccess
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import MemRefType, VectorType

UNROLLED = (4, 5)
"""The fewest and the most iterations of one round of a block's loop: going round costs a load, a comparison and a branch."""


@attrs.frozen(eq=False)
class MachineLoop:
    """A loop as a block: what an iteration computes, the first access of each pointer (its address at index 0 is the pointer), how often."""

    body: BlockBody
    pointers: tuple[Operation, ...]
    trips: int


@attrs.frozen(eq=False)
class _Stream:
    """The words that one pointer walks over: (word, access) pairs, from some word on."""

    kind: str
    step: int
    aligned: bool
    accesses: list[tuple[int, Operation]]


def machine_loop(nest: Operation) -> MachineLoop | None:
    """The loop as a block; None if it does anything but move words by even steps and run instructions, loads before stores."""
    bounds = loop.constant_bounds(nest)
    if bounds is None or bounds[0] != 0 or bounds[1] < 1 or loop.step(nest) != 1 or loop.is_reverse(nest):
        return None
    values: dict[Value, int] = {argument: number for number, argument in enumerate(nest.body.arguments[1:])}
    streams: dict[tuple[object, ...], _Stream] = {}
    steps: list[Step] = []
    stores = 0
    for operation in nest.body:
        if operation.name == "loop.yield":
            break
        if operation.name == "buffer.load" and isinstance(operation.result.type, VectorType):
            if stores or not _stream(operation, nest, streams):
                return None
        elif operation.name == "buffer.store" and isinstance(operation.operands[0].type, VectorType):
            if operation.operands[0] not in values or not _stream(operation, nest, streams):
                return None
            stores += 1
            continue
        elif not operation.name.startswith("isa.") or operation.properties or any(operand not in values for operand in operation.operands):
            return None
        else:
            steps.append(Step(operation.name.removeprefix("isa."), tuple(values[o] for o in operation.operands), len(set(values.values()))))
        values[operation.result] = _known_word(operation, streams, values)
    if any(operand not in values for operand in nest.body.terminator.operands) or not (stores or nest.results):
        return None
    return _assembled(nest, values, list(streams.values()), steps, bounds[1])


def _known_word(operation: Operation, streams: dict[tuple[object, ...], _Stream], values: dict[Value, int]) -> int:
    """The number of a new value, or that of the same word of memory loaded before (as lanes of another width, perhaps)."""
    if operation.name == "buffer.load":
        for stream in streams.values():
            for word, access in stream.accesses:
                if access is operation:
                    same = next(first for other, first in stream.accesses if other == word)
                    return values.get(same.result, len(set(values.values())))
    return len(set(values.values()))


def _assembled(nest: Operation, values: dict[Value, int], streams: list[_Stream], steps: list[Step], trips: int) -> MachineLoop:
    accesses: list[WordAccess] = []
    pointers, firsts = [], []
    for number, stream in enumerate(streams):
        least = min(word for word, _ in stream.accesses)
        for word, access in dict(reversed(stream.accesses)).items():  # the first of each word
            value = access.result if stream.kind == "load" else access.operands[0]
            accesses.append(WordAccess(number, word - least, values[value]))
        pointers.append(Pointer(stream.kind, len({word for word, _ in stream.accesses}), stream.step, stream.aligned))
        firsts.append(next(access for word, access in stream.accesses if word == least))
    results = tuple(values[operand] for operand in nest.body.terminator.operands)
    body = BlockBody(len(nest.results), tuple(pointers), tuple(accesses), tuple(steps), results)
    return MachineLoop(body, tuple(firsts), trips)


def _stream(access: Operation, nest: Operation, streams: dict[tuple[object, ...], _Stream]) -> bool:
    """Takes in an access; False if it does not walk by whole words."""
    position = 0 if access.name == "buffer.load" else 1
    memory, indices = access.operands[position], access.operands[position + 1 :]
    assert isinstance(memory.type, MemRefType)
    size, variable = element_bytes(memory.type.element), loop.induction_variable(nest)
    address = linear_address(access, [AffineDimension(i) for i in range(len(indices))]) * size + memory_behind(memory)[1]
    step, constant = 0, 0
    rest: AffineExpression = AffineConstant(0)
    for factor, coefficient in linear_terms(address).items():
        if isinstance(factor, AffineDimension) and indices[factor.position] is variable:
            step += coefficient
        elif factor is AffineConstant(1):
            constant = coefficient
        elif any(indices[i] is variable for i in used_dimensions(factor)):
            return False
        else:
            rest = rest + factor * coefficient
    if step <= 0 or step % WORD_BYTES:
        return False
    words_apart = constant // WORD_BYTES
    aligned = _is_aligned(memory) and all(part % WORD_BYTES == 0 for part in (constant, *linear_terms(rest).values()))
    key = (memory, rest, indices, constant % WORD_BYTES, access.name)
    stream = streams.setdefault(key, _Stream(access.name.removeprefix("buffer."), step // WORD_BYTES, aligned, []))
    stream.accesses.append((words_apart, access))
    return stream.step == step // WORD_BYTES


def _is_aligned(memory: Value) -> bool:
    """Whether the memory behind a memref starts at a multiple of a word."""
    name = memory_behind(memory)[0]
    if isinstance(name, Operation) or memory.definer is None:
        return False
    module = list(memory.definer.ancestors())[-1]
    found = find_symbol(module, name)
    return found is not None and alignment_bytes(found) % WORD_BYTES == 0


def block_text(lines: Sequence[Line], trips: int, instructions: InstructionSet) -> tuple[list[str], bool]:
    """The assembly of all iterations, over [sumN], [pointerN] and [end], and whether it uses the end.

    What is not a multiple of the unrolled iterations comes first, then the loop.
    """
    form = instructions.block
    assert form is not None
    one = [_line_text(line, instructions, form) for line in lines]
    least, most = UNROLLED
    if trips < 2 * least:
        return one * trips, False
    unrolled = min(range(least, most + 1), key=lambda count: (trips % count, -count))
    until = [text.format(register=form.registers[0], end="%[end]", pointer="%[pointer0]", label="1b") for text in form.until]
    return [*(one * (trips % unrolled)), "1:", *(one * unrolled), *until], True


def _line_text(line: Line, instructions: InstructionSet, form: BlockForm) -> str:
    if isinstance(line, AccessLine):
        text = form.accesses[line.form].text
        return text.format(pointer=f"%[pointer{line.pointer}]", registers=", ".join(line.registers), bytes=line.advance * WORD_BYTES)
    text = instructions.instructions[line.instruction].assembly
    for number, place in reversed(list(enumerate((line.target, *line.sources)))):
        text = text.replace(f"%{number}", f"%[{place}]" if place.startswith("sum") else place)
    return text
