"""Loops whose bodies are words and instructions, as blocks of machine code.

    for %t iter(%a, ...) { %w = buffer.load %x[8 * %t] : vector<2xi16> ...  %s = isa.smlad %w, %v, %a ... }

becomes the body of one asm statement: accumulators, pointers and what comes from outside of the loop are operands that the
compiler places, loaded words live in registers that the block names.  Stores may be of words or of single bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer import alignment_bytes
from tinyir.dialects.isa import immediate_values
from tinyir.dialects.nest_accesses import linear_address, memory_behind
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms, used_dimensions
from tinyir.ir.attributes import element_bytes
from tinyir.ir.builder import find_symbol
from tinyir.ir.instruction import InstructionSet
from tinyir.ir.machine_block import WORD_BYTES, AccessLine, BlockBody, BlockForm, Line, Pointer, Step, StepLine, StrideLine, WordAccess, accumulator_place
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I32, MemRefType, VectorType

UNROLLED = (4, 5)
"""The fewest and the most iterations of one round of a block's loop: going round costs a load, a comparison and a branch."""
MOST_LINES = 60
"""Lines of a round: where these are not enough for the fewest iterations, a round has one, or all if they are enough for that."""
MOST_LINES_WITHOUT_SUMS = 50
"""The same of a block that carries no sums."""


@attrs.frozen(eq=False)
class MachineLoop:
    """A loop as a block: what an iteration computes, the first access of each pointer (its address at index 0 is the pointer), how often.

    `inputs`: the values from outside, or constants, that it uses.  `strides`: the bytes of each.
    """

    body: BlockBody
    pointers: tuple[Operation, ...]
    trips: int
    inputs: tuple[Value, ...]
    strides: tuple[int, ...] = ()


@attrs.frozen(eq=False)
class _Stream:
    """The words that one pointer walks over: (word, access) pairs, from some word on."""

    kind: str
    unit: int
    step: int
    aligned: bool
    accesses: list[tuple[int, Operation]]


def machine_loop(nest: Operation, strided: bool | None = None) -> MachineLoop | None:
    """The loop as a block; None if it does anything but move words by even steps and run instructions, loads before stores.

    `strided`: whether the distances of the bytes that it stores are strides; if nothing is said, where the loop is marked so.
    """
    bounds = loop.constant_bounds(nest)
    if bounds is None or bounds[0] != 0 or bounds[1] < 1 or loop.step(nest) != 1 or loop.is_reverse(nest):
        return None
    inputs = _inputs(nest)
    values: dict[Value, int] = {value: number for number, value in enumerate((*nest.body.arguments[1:], *inputs))}
    streams: dict[tuple[object, ...], _Stream] = {}
    steps: list[Step] = []
    stores = 0
    for operation in nest.body:
        if operation.name == "loop.yield":
            break
        if operation.name == "arith.constant" or _is_low_byte(operation):
            continue
        if operation.name == "buffer.load" and isinstance(operation.result.type, VectorType):
            if stores or not _stream(operation, nest, streams):
                return None
        elif operation.name == "buffer.store":
            if _stored(operation) not in values or not _stream(operation, nest, streams):
                return None
            stores += 1
            continue
        elif not operation.name.startswith("isa.") or any(operand not in values for operand in operation.operands):
            return None
        else:
            immediates = tuple(immediate_values(operation).values())
            steps.append(Step(operation.name.removeprefix("isa."), tuple(values[o] for o in operation.operands), len(set(values.values())), immediates))
        values[operation.result] = _known_word(operation, streams, values)
    if any(operand not in values for operand in nest.body.terminator.operands) or not (stores or nest.results):
        return None
    found = _assembled(nest, inputs, values, list(streams.values()), steps, bounds[1])
    return by_strides(found) if strided or (strided is None and "strided" in nest.attributes) else found


def by_strides(found: MachineLoop) -> MachineLoop:
    """The same loop with strides in place of the distances of the bytes that it stores."""
    strides: list[int] = []
    pointers, accesses = list(found.body.pointers), list(found.body.accesses)
    for number, pointer in enumerate(pointers):
        if pointer.kind != "store" or pointer.unit != 1:
            continue
        stored = [access for access in accesses if access.pointer == number]
        accesses = [access for access in accesses if access.pointer != number]
        for access in reversed(stored):  # in the order of the stores
            accesses.append(attrs.evolve(access, word=0, stride=len(strides)) if access.word else access)
            strides += [access.word] if access.word else []
        pointers[number] = attrs.evolve(pointer, step=0, stride=len(strides))
        strides.append(pointer.step)
    body = attrs.evolve(found.body, pointers=tuple(pointers), accesses=tuple(accesses), strides=len(strides))
    return attrs.evolve(found, body=body, strides=tuple(strides))


def _inputs(nest: Operation) -> tuple[Value, ...]:
    """The words that the loop's instructions take from outside, and constants."""
    found: dict[Value, None] = {}
    for operation in nest.body:
        for operand in operation.operands if operation.name.startswith("isa.") else ():
            definer = operand.definer
            is_outside = definer is None or definer.parent is not nest.body or definer.name == "arith.constant"
            if is_outside and operand not in nest.body.arguments and (operand.type is I32 or isinstance(operand.type, VectorType)):
                found[operand] = None
    return tuple(found)


def _is_low_byte(operation: Operation) -> bool:
    """Whether an operation only makes bytes of numbers for stores."""
    is_byte = operation.name == "arith.trunci" and operation.result.type is I8 and operation.operands[0].type is I32
    return is_byte and all(user.name == "buffer.store" for user in operation.result.users)


def _stored(store: Operation) -> Value:
    """What is stored; of a byte the number whose low byte it is."""
    value = store.operands[0]
    definer = value.definer
    return definer.operands[0] if definer is not None and definer.parent is store.parent and _is_low_byte(definer) else value


def _known_word(operation: Operation, streams: dict[tuple[object, ...], _Stream], values: dict[Value, int]) -> int:
    """The number of a new value, or that of the same word of memory loaded before (as lanes of another width, perhaps)."""
    if operation.name == "buffer.load":
        for stream in streams.values():
            for word, access in stream.accesses:
                if access is operation:
                    same = next(first for other, first in stream.accesses if other == word)
                    return values.get(same.result, len(set(values.values())))
    return len(set(values.values()))


def _assembled(
    nest: Operation, inputs: tuple[Value, ...], values: dict[Value, int], streams: list[_Stream], steps: list[Step], trips: int
) -> MachineLoop:
    accesses: list[WordAccess] = []
    pointers, firsts = [], []
    for number, stream in enumerate(streams):
        least = min(word for word, _ in stream.accesses)
        for word, access in dict(reversed(stream.accesses)).items():  # the first of each word
            value = access.result if stream.kind == "load" else _stored(access)
            accesses.append(WordAccess(number, word - least, values[value]))
        pointers.append(Pointer(stream.kind, len({word for word, _ in stream.accesses}), stream.step, stream.aligned, stream.unit))
        firsts.append(next(access for word, access in stream.accesses if word == least))
    results = tuple(values[operand] for operand in nest.body.terminator.operands)
    body = BlockBody(len(nest.results), tuple(pointers), tuple(accesses), tuple(steps), results, len(inputs))
    return MachineLoop(body, tuple(firsts), trips, inputs)


def _stream(access: Operation, nest: Operation, streams: dict[tuple[object, ...], _Stream]) -> bool:
    """Takes in an access; False if it does not walk by whole words."""
    memory, indices, terms = _address_terms(access)
    variable = loop.induction_variable(nest)
    step, constant = 0, 0
    rest: AffineExpression = AffineConstant(0)
    for factor, coefficient in terms.items():
        if isinstance(factor, AffineDimension) and indices[factor.position] is variable:
            step += coefficient
        elif factor is AffineConstant(1):
            constant = coefficient
        elif any(indices[i] is variable for i in used_dimensions(factor)):
            return False
        else:
            rest = rest + factor * coefficient
    moved = access.result.type if access.name == "buffer.load" else access.operands[0].type
    unit = WORD_BYTES if isinstance(moved, VectorType) else element_bytes(moved)
    if step <= 0 or step % unit or unit not in (1, WORD_BYTES):
        return False
    words_apart = constant // unit
    aligned = unit == 1 or is_word_aligned(access)
    key = (memory, rest, indices, constant % unit, access.name)
    stream = streams.setdefault(key, _Stream(access.name.removeprefix("buffer."), unit, step // unit, aligned, []))
    stream.accesses.append((words_apart, access))
    return stream.step == step // unit and stream.unit == unit


def _address_terms(access: Operation) -> tuple[Value, tuple[Value, ...], Mapping[AffineExpression, int]]:
    """The memory and the indices of an access, and the terms of its address in bytes over them."""
    position = 0 if access.name == "buffer.load" else 1
    memory, indices = access.operands[position], access.operands[position + 1 :]
    assert isinstance(memory.type, MemRefType)
    address = linear_address(access, [AffineDimension(i) for i in range(len(indices))]) * element_bytes(memory.type.element) + memory_behind(memory)[1]
    return memory, indices, linear_terms(address)


def is_word_aligned(access: Operation) -> bool:
    """Whether the address of a load or store is a multiple of a word, whatever its indices are."""
    memory, _, terms = _address_terms(access)
    return _is_aligned(memory) and all(coefficient % WORD_BYTES == 0 for coefficient in terms.values())


def _is_aligned(memory: Value) -> bool:
    """Whether the memory behind a memref starts at a multiple of a word."""
    name = memory_behind(memory)[0]
    if isinstance(name, Operation) or memory.definer is None:
        return False
    module = list(memory.definer.ancestors())[-1]
    found = find_symbol(module, name)
    return found is not None and alignment_bytes(found) % WORD_BYTES == 0


def block_text(lines: Sequence[Line], trips: int, unrolled: int, instructions: InstructionSet) -> tuple[list[str], bool]:
    """The assembly of all iterations, over [sumN], [pointerN] and [end], and whether it uses the end.

    `unrolled`: the iterations of one round of the loop, before which those come that are no whole round; 0: no loop.
    """
    form = instructions.block
    assert form is not None
    one = [_line_text(line, instructions, form) for line in lines]
    if not unrolled:
        return one * trips, False
    until = [text.format(register=form.registers[0], end="%[end]", pointer="%[pointer0]", label="1b") for text in form.until]
    return [*(one * (trips % unrolled)), "1:", *(one * unrolled), *until], True


def most_lines(lines: Sequence[Line]) -> int:
    """The lines that a round of these, or all iterations written out, may have."""
    carries = any(isinstance(line, StepLine) and line.target == accumulator_place(0) for line in lines)
    return MOST_LINES if carries else MOST_LINES_WITHOUT_SUMS


def best_round(trips: int, lines: Sequence[Line]) -> int:
    """The iterations of one round that leave the shortest code to run; 0: none, they are written out."""
    count, limit = len(lines), most_lines(lines)
    least, most = UNROLLED if UNROLLED[0] * count <= limit else (1, 1)
    written_out = trips < 2 * least or (most == 1 and trips * count <= limit)
    return 0 if written_out else min(range(least, most + 1), key=lambda each: (trips % each, -each))


def _line_text(line: Line, instructions: InstructionSet, form: BlockForm) -> str:
    if isinstance(line, StrideLine):
        return form.stride.format(register=line.register, stride=f"%[stride{line.stride}]")
    if isinstance(line, AccessLine):
        access = form.accesses[line.form]
        unit = access.unit
        moved = line.offset if access.offsets is not None else line.advance
        return access.text.format(pointer=f"%[pointer{line.pointer}]", registers=", ".join(line.registers), bytes=moved * unit, distance=line.distance)
    instruction = instructions.instructions[line.instruction]
    places = {0: line.target}
    for operands, words in ((instruction.registers, line.sources), (instruction.immediates, map(str, line.immediates))):
        places.update({instruction.operands.index(operand) + 1: word for operand, word in zip(operands, words, strict=True)})
    text = instruction.assembly
    for number, place in sorted(places.items(), reverse=True):
        text = text.replace(f"%{number}", f"%[{place}]" if place.startswith(("sum", "in")) else place)
    return text
