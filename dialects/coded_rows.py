"""Rows of constants that are kept in a prefix code, and the loops that decode one of them.

    %position = loop.read %starts[%row] ...
    loop.for %k = 0 to 160 iter(%at = %position) {       // two bytes in a round
      the 32 bits from bit %at on, of two words
      twice: the entry of the table by the next bits; the bits of the code + its base; shifted by its length
      loop.define ..., %scratch[%row, %k]
      loop.yield %at + the lengths }
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index
from tinyir.dialects.prefix_code import BASE_SHIFT, LONGEST_CODE, LOWEST, PrefixCode, counts_of
from tinyir.interp.equations import dense_array
from tinyir.interp.machine import InterpreterError, Machine
from tinyir.ir.affine import AffineDimension
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, element_bytes
from tinyir.ir.builder import Builder, create_module
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I8, I16, I32, INDEX, IntegerType, TensorType, Type
from tinyir.prove.coding import DecodedClaim

WORD_BITS = 32
BYTES_OF_ROUND = 2
"""The codes of so many are in one word."""
STORED = (I8, I16)
"""The elements that are coded: each of a round's bytes is one, or both are."""


def signed_bytes(value: DenseElements) -> NDArray[np.int8]:
    """The bytes of a constant's elements, the lowest of each first."""
    array = dense_array(value)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).reshape(-1).view(np.int8)


@attrs.frozen(eq=False)
class CodedRows:
    """A constant whose elements are rows, one after another; `row`: the elements of one, with what fills its last round."""

    code: PrefixCode
    words: tuple[int, ...]
    starts: tuple[int, ...]
    element: Type
    row: int

    @classmethod
    def of(cls, value: DenseElements, rows: int, prefix_bits: int) -> CodedRows | None:
        """`value`: of 8 or 16 bits, its elements a multiple of the rows; None: there is no such code."""
        bytes_of_rows = signed_bytes(value).reshape(rows, -1)
        counts, size = counts_of(bytes_of_rows), element_bytes(value.type.element)
        code = PrefixCode.of(counts, prefix_bits)
        if code is None:
            return None
        filled = -bytes_of_rows.shape[1] % BYTES_OF_ROUND
        if filled:
            commonest = np.full((rows, filled), int(counts.argmax()) + LOWEST, np.int8)
            bytes_of_rows = np.concatenate([bytes_of_rows, commonest], axis=1)
        coded, starts = code.encode(bytes_of_rows)
        words = np.frombuffer(coded + bytes(-len(coded) % 4 + 4), ">i4")  # the bits of a code that begins in the last are in one more
        return cls(code, tuple(int(word) for word in words), tuple(starts), value.type.element, bytes_of_rows.shape[1] // size)

    @property
    def rounds(self) -> int:
        return self.row * element_bytes(self.element) // BYTES_OF_ROUND

    @property
    def starts_type(self) -> IntegerType:
        return I16 if self.starts[-1] < 1 << 16 else I32

    @property
    def bytes(self) -> int:
        """What takes the place of the constant."""
        return 4 * len(self.words) + self.code.table_bytes + len(self.starts) * element_bytes(self.starts_type)


@attrs.frozen(eq=False)
class CodedConstants:
    """The constants that a decoder reads: words of coded bits, at which byte of them rows begin, and the table of the code."""

    coded: Value
    starts: Value
    table: Value

    @property
    def all(self) -> tuple[Operation, ...]:
        """The operations that give them."""
        definers = (each.definer for each in (self.coded, self.starts, self.table))
        return tuple(each for each in definers if each is not None)


def write_constants(builder: Builder, rows: CodedRows, name: str) -> CodedConstants:
    """Constants of the coded rows."""
    width = rows.starts_type.width
    starts = [start - (start >> (width - 1) << width) for start in rows.starts]
    made = [
        _constant(builder, I32, rows.words, f"{name}_coded"),
        _constant(builder, rows.starts_type, starts, f"{name}_starts"),
        _constant(builder, I16, rows.code.table, f"{name}_table"),
    ]
    return CodedConstants(*made)


def _constant(builder: Builder, element: Type, values: Sequence[int], name: str) -> Value:
    type = TensorType([len(values)], element)
    splat = len(values) > 1 and len(set(values)) == 1
    value: dict[str, Attribute] = {"value": DenseElements.of(type, values[:1] if splat else values)}
    made = builder.create("arith.constant", [], [type], value).result
    made.name = name
    return made


def write_decoder(builder: Builder, rows: CodedRows, constants: CodedConstants, scratch: Value, place: Sequence[Index]) -> list[Operation]:
    """Defines the row that the last of the indices `place` names, of a tensor whose axes are those and the elements of a row.

    Returns the operations that do.
    """
    known = set(builder.block.operations)
    start = write.read(builder, constants.starts, place[-1:])
    if rows.starts_type is not I32:
        start = builder.create("arith.extui", [start], [I32]).result
    first = builder.create("arith.shli", [start, write.literal(builder, 3, I32)], [I32]).result
    made = write.for_each(builder, [write.constant_index(rows.rounds)], "code", initial=[first], parallel=False)
    inner = Builder.at_end(made.body, builder.location)
    position: Value = made.body.arguments[1]
    window = _window(inner, constants.coded, position)
    values: list[Value] = []
    while len(values) < BYTES_OF_ROUND:
        length, value = _byte(inner, rows.code.prefix_bits, constants, window)
        position = inner.create("arith.addi", [position, length], [I32]).result
        values.append(value)
        if len(values) < BYTES_OF_ROUND:
            window = inner.create("arith.shli", [window, length], [I32]).result
    _define(inner, rows, values, scratch, [*place, write.index_of(loop.induction_variable(made))])
    inner.create("loop.yield", [position])
    return [operation for operation in builder.block.operations if operation not in known]


def _window(builder: Builder, coded: Value, position: Value) -> Value:
    """The bits from a position on, the first in the highest bit."""
    word = builder.create("arith.shrsi", [position, write.literal(builder, 5, I32)], [I32]).result
    index = write.index_of(builder.create("arith.index_cast", [word], [INDEX]).result)
    first, second = (write.read(builder, coded, [write.combined(AffineDimension(0) + number, [index])]) for number in range(2))
    most = write.literal(builder, WORD_BITS - 1, I32)
    within = builder.create("arith.andi", [position, most], [I32]).result
    left = builder.create("arith.subi", [most, within], [I32]).result
    half = builder.create("arith.shrui", [second, write.literal(builder, 1, I32)], [I32]).result  # shifts by 32 have no meaning
    low = builder.create("arith.shrui", [half, left], [I32]).result
    return builder.create("arith.ori", [builder.create("arith.shli", [first, within], [I32]).result, low], [I32]).result


def _byte(builder: Builder, prefix_bits: int, constants: CodedConstants, window: Value) -> tuple[Value, Value]:
    """The length of the code that a window begins with, and its byte (in the lowest bits)."""
    prefix = builder.create("arith.shrui", [window, write.literal(builder, WORD_BITS - prefix_bits, I32)], [I32]).result
    index = write.index_of(builder.create("arith.index_cast", [prefix], [INDEX]).result)
    entry = builder.create("arith.extsi", [write.read(builder, constants.table, [index])], [I32]).result
    length = builder.create("arith.andi", [entry, write.literal(builder, LONGEST_CODE, I32)], [I32]).result
    unused = builder.create("arith.subi", [write.literal(builder, WORD_BITS, I32), length], [I32]).result
    code = builder.create("arith.shrui", [window, unused], [I32]).result
    base = builder.create("arith.shrsi", [entry, write.literal(builder, BASE_SHIFT, I32)], [I32]).result
    return length, builder.create("arith.addi", [base, code], [I32]).result


def _define(builder: Builder, rows: CodedRows, values: Sequence[Value], scratch: Value, place: Sequence[Index]) -> None:
    """Defines the elements of a round: that number of the row, or those two."""
    *outer, number = place
    if rows.element is I16:
        low = builder.create("arith.andi", [values[0], write.literal(builder, 255, I32)], [I32]).result
        high = builder.create("arith.shli", [values[1], write.literal(builder, 8, I32)], [I32]).result
        both = builder.create("arith.ori", [low, high], [I32]).result
        write.define(builder, builder.create("arith.trunci", [both], [I16]).result, scratch, place)
        return
    for each, value in enumerate(values):
        element = write.combined(AffineDimension(0) * BYTES_OF_ROUND + each, [number])
        write.define(builder, builder.create("arith.trunci", [value], [I8]).result, scratch, [*outer, element])


def decoded_claim(decoder: Sequence[Operation], steps: Sequence[Operation], scratch: Value, value: DenseElements) -> DecodedClaim:
    """That operations which define rows of `scratch`, those of the innermost of the loops `steps`, define the elements of a constant.

    They are run for all of the innermost loop's rows, and once for each loop around it.
    """
    assert isinstance(scratch.type, TensorType)
    *outer, rows, _ = scratch.type.shape
    stated = dense_array(value).reshape(rows, -1).astype(np.int64)
    block = Block()
    builder = Builder.at_end(block, decoder[0].location)
    values: dict[Value, Value] = {}
    for constant in dict.fromkeys(o.definer for each in decoder for inner in each.walk() for o in inner.operands):
        if constant is not None and isinstance(constant.results[0].type, TensorType):
            builder.insert(constant.clone(values))
    tensor = values[scratch]
    for step, count in zip(steps, [*(1 for _ in outer), rows], strict=True):
        builder, (_, (index,)) = write.inside(write.for_each(builder, [write.constant_index(count)], ""))
        values[loop.induction_variable(step)] = index
    for operation in decoder:
        builder.insert(operation.clone(values))
    machine = Machine(create_module())
    try:
        machine.run_block(block)
    except InterpreterError as error:
        return DecodedClaim(np.zeros(0, np.int64), stated, str(error))
    place = (*(0 for _ in outer), slice(None), slice(stated.shape[1]))
    storage = machine.values[tensor]
    if not storage.defined[place].all():
        return DecodedClaim(np.zeros(0, np.int64), stated, "not all elements are defined")
    return DecodedClaim(np.ascontiguousarray(storage.data[place]).astype(np.int64), stated)
