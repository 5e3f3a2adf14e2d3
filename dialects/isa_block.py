"""Loops whose bodies are words and instructions, as blocks of machine code.

    for %t iter(%a, ...) { %w = buffer.load %x[8 * %t] : vector<2xi16> ...  %s = isa.smlad %w, %v, %a ... }

becomes the body of one asm statement: accumulators and pointers are operands that the compiler places, loaded words live in
registers that the block names.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import linear_address, memory_behind
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.ir.attributes import element_bytes
from tinyir.ir.instruction import InstructionSet
from tinyir.ir.machine_block import BlockBody, BlockForm, Line, LoadLine, Step, WordLoad
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import MemRefType, VectorType

WORD_BYTES = 4
UNROLLED = 4
"""Iterations to one round of a block's loop: going round costs a load, a comparison and a branch."""


@attrs.frozen(eq=False)
class MachineLoop:
    """A loop as a block: what an iteration computes, the first load of each pointer (its address at index 0 is the pointer), how often."""

    body: BlockBody
    pointers: tuple[Operation, ...]
    trips: int


@attrs.frozen(eq=False)
class _Stream:
    """The words that one pointer walks over."""

    step: int
    loads: list[tuple[int, Operation]]


def machine_loop(nest: Operation) -> MachineLoop | None:
    """The loop as a block; None if it does anything but load words by even steps and run instructions."""
    bounds = loop.constant_bounds(nest)
    if bounds is None or bounds[0] != 0 or bounds[1] < 1 or loop.step(nest) != 1 or loop.is_reverse(nest) or not nest.results:
        return None
    values: dict[Value, int] = {argument: number for number, argument in enumerate(nest.body.arguments[1:])}
    streams: dict[tuple[Value, AffineExpression, tuple[Value, ...]], _Stream] = {}
    steps: list[Step] = []
    for operation in nest.body:
        if operation.name == "loop.yield":
            break
        if operation.name == "buffer.load" and isinstance(operation.result.type, VectorType):
            if not _stream(operation, nest, streams):
                return None
        elif not operation.name.startswith("isa.") or any(operand not in values for operand in operation.operands):
            return None
        else:
            steps.append(Step(operation.name.removeprefix("isa."), tuple(values[o] for o in operation.operands), len(values)))
        values[operation.result] = len(values)
    if any(operand not in values for operand in nest.body.terminator.operands):
        return None
    loads, words, pointers = [], [], []
    for pointer, stream in enumerate(streams.values()):
        least = min(word for word, _ in stream.loads)
        loads += [WordLoad(pointer, word - least, values[load.result]) for word, load in stream.loads]
        words.append(stream.step)
        pointers.append(next(load for word, load in stream.loads if word == least))
    results = tuple(values[operand] for operand in nest.body.terminator.operands)
    body = BlockBody(len(nest.results), tuple(words), tuple(loads), tuple(steps), results)
    return MachineLoop(body, tuple(pointers), bounds[1])


def _stream(load: Operation, nest: Operation, streams: dict[tuple[Value, AffineExpression, tuple[Value, ...]], _Stream]) -> bool:
    """Takes in a load; False if it does not walk by whole words, or if its memory may not be aligned to them."""
    memory, indices = load.operands[0], load.operands[1:]
    assert isinstance(memory.type, MemRefType)
    size, variable = element_bytes(memory.type.element), loop.induction_variable(nest)
    address = linear_address(load, [AffineDimension(i) for i in range(len(indices))]) * size + memory_behind(memory)[1]
    step, constant, rest = 0, 0, AffineConstant(0) + 0
    for factor, coefficient in linear_terms(address).items():
        if isinstance(factor, AffineDimension) and indices[factor.position] is variable:
            step += coefficient
        elif factor is AffineConstant(1):
            constant = coefficient
        elif any(indices[i] is variable for i in used_dimensions(factor)):
            return False
        else:
            rest = rest + factor * coefficient
    if step <= 0 or any(part % WORD_BYTES for part in (step, constant, *linear_terms(rest).values())):
        return False
    stream = streams.setdefault((memory, rest, indices), _Stream(step // WORD_BYTES, []))
    stream.loads.append((constant // WORD_BYTES, load))
    return stream.step == step // WORD_BYTES


def block_text(lines: Sequence[Line], trips: int, instructions: InstructionSet) -> tuple[list[str], bool]:
    """The assembly of all iterations, over [sumN], [pointerN] and [end], and whether it uses the end.

    What is not a multiple of the unrolled iterations comes first, then the loop.
    """
    form = instructions.block
    assert form is not None
    one = [_line_text(line, instructions, form) for line in lines]
    if trips < 2 * UNROLLED:
        return one * trips, False
    until = [text.format(register=form.registers[0], end="%[end]", pointer="%[pointer0]", label="1b") for text in form.until]
    return [*(one * (trips % UNROLLED)), "1:", *(one * UNROLLED), *until], True


def _line_text(line: Line, instructions: InstructionSet, form: BlockForm) -> str:
    if isinstance(line, LoadLine):
        return form.load.format(pointer=f"%[pointer{line.pointer}]", registers=", ".join(line.registers))
    text = instructions.instructions[line.instruction].assembly
    for number, place in reversed(list(enumerate((line.target, *line.sources)))):
        text = text.replace(f"%{number}", f"%[{place}]" if place.startswith("sum") else place)
    return text
