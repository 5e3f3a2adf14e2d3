"""loop -> loop: weights are kept in a prefix code, and each row is decoded into scratch before it is used.

    for %o { ... w[%o, %k] ... }
=>
    for %o {
      for %c { ... define ws[%o, %c] }          // from coded bytes: `dialects/coded_rows.py`
      ... ws[%o, %k] ... }

For chips whose flash is the limit: a row takes a dozen instructions for each byte, and RAM.  Of the constants of which a step of a
loop reads a row of its own, those are coded that save most for each byte that is decoded, until enough is saved.  That decoding gives
back all elements is proved by running the loops that were written.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.coded_rows import STORED, CodedRows, decoded_claim, signed_bytes, write_constants, write_decoder
from tinyir.dialects.loop_edits import Index
from tinyir.dialects.loop_scratch import scratch_obligation
from tinyir.dialects.nest_accesses import around, index_expressions
from tinyir.dialects.prefix_code import best_prefix_bits, counts_of
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, linear_terms
from tinyir.ir.affine_interval import interval_of
from tinyir.ir.attributes import DenseArray, DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I64, INDEX, TensorType
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext

DECODER_BYTES = 120
"""What the loops that decode take in code: less is not worth it."""
ALIGNMENT = 4
"""Of scratch, so that words of it can be loaded."""


@attrs.frozen
class CodeWeights(Pass):
    """Codes constants until `saved_bytes` of flash are saved, or there are none left that would save any."""

    name: ClassVar[str] = "code_weights"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    keeps_tensors: ClassVar[bool] = False

    saved_bytes: int = attrs.field(default=0, validator=attrs.validators.ge(0))

    def run(self, module: Operation, context: PassContext) -> None:
        if not self.saved_bytes:
            context.changed_nothing()
            return
        rows = [each for function in functions(module) for each in _constants_of_rows(function)]
        prefix_bits = best_prefix_bits([counts_of(signed_bytes(each.value)) for each in rows])
        for candidate in _chosen([made for each in rows if (made := _Candidate.of(each, prefix_bits)) is not None], self.saved_bytes):
            candidate.run(context)


@attrs.frozen(eq=False)
class _ConstantOfRows:
    """A constant whose row `i` is read in step `i` of the innermost of the loops `steps`, from the outermost in.

    `reads`: each with the element of the row that it reads, over the indices of the loops around it.
    """

    constant: Operation
    steps: tuple[Operation, ...]
    reads: tuple[tuple[Operation, AffineExpression], ...]

    @property
    def value(self) -> DenseElements:
        return _stored(self.constant)


@attrs.frozen(eq=False)
class _Candidate(_ConstantOfRows):
    """The same with its code."""

    rows: CodedRows

    @classmethod
    def of(cls, found: _ConstantOfRows, prefix_bits: int) -> _Candidate | None:
        rows = CodedRows.of(found.value, _trips(found.steps[-1]), prefix_bits)
        return None if rows is None else cls(found.constant, found.steps, found.reads, rows)

    @property
    def saved(self) -> int:
        return len(self.value.all_data) - self.rows.bytes - DECODER_BYTES

    @property
    def decoded(self) -> int:
        """The bytes that are decoded in a run of the network."""
        return len(self.value.all_data) * prod(_trips(each) for each in self.steps[:-1])

    def run(self, context: PassContext) -> None:
        """Puts the decoder in place, if it is proved."""
        root, step = self.steps[0], self.steps[-1]
        before = Builder.before(root)
        before.location = self.constant.location
        name = self.constant.result.name or "weights"
        constants = write_constants(before, self.rows, name)
        scratch = self._scratch(before, name)
        indices = [write.index_of(loop.induction_variable(each)) for each in self.steps]
        decoder = write_decoder(Builder(step.body, step.body.first, root.location), self.rows, constants, scratch, indices)
        where = ", ".join(root.location.names) or "a nest"
        statement = f"{len(self.value.all_data):,} bytes of '{name}' come back from {4 * len(self.rows.words):,}"
        obligation = Obligation("coding", where, statement, decoded_claim(decoder, self.steps, scratch, self.value))
        verdict = context.ledger.judge(obligation)
        if verdict.state != "proved":
            context.remark(f"stays as it is: '{name}' does not come back from its code ({verdict.reason or dict(verdict.counterexample or {})})")
            for operation in (*reversed(decoder), scratch.definer, *constants.all):
                assert operation is not None
                operation.erase()
            return
        context.ledger.add(obligation, verdict)
        for read, element in self.reads:
            self._read_scratch(read, element, scratch, indices)
        if not self.constant.result.users:
            self.constant.erase()
        context.ledger.add(scratch_obligation(scratch, self.steps, where))

    def _scratch(self, builder: Builder, name: str) -> Value:
        shape = [*(_trips(each) for each in self.steps), self.rows.row]
        properties = {"fold": DenseArray([*(1 for _ in self.steps), 0], I64), "alignment": IntegerAttribute(ALIGNMENT, INDEX)}
        made = builder.create("loop.tensor", [], [TensorType(shape, self.rows.element)], properties).result
        made.name = f"{name}_row"
        return made

    def _read_scratch(self, read: Operation, element: AffineExpression, scratch: Value, indices: Sequence[Index]) -> None:
        loops, _ = around(read)
        place = write.combined(element, [write.index_of(loop.induction_variable(each)) for each in loops])
        read.replace_by(write.read(Builder.before(read), scratch, [*indices, place]))


def _chosen(found: Sequence[_Candidate], wanted: int) -> list[_Candidate]:
    """Those that save most for what is decoded, together at least so much if all do; none that the others make needless."""
    ranked = sorted((each for each in found if each.saved > 0), key=lambda each: each.decoded / each.saved)
    taken: list[_Candidate] = []
    for candidate in ranked:
        if sum(each.saved for each in taken) < wanted:
            taken.append(candidate)
    for candidate in sorted(taken, key=lambda each: -each.decoded):
        if sum(each.saved for each in taken) - candidate.saved >= wanted:
            taken.remove(candidate)
    return [each for each in found if each in taken]


def _constants_of_rows(function: Operation) -> list[_ConstantOfRows]:
    constants = [o for o in function.walk() if o.name == "arith.constant" and isinstance(o.results[0].type, TensorType)]
    found = (_constant_of_rows(constant) for constant in constants)
    return [each for each in found if each is not None]


def _stored(constant: Operation) -> DenseElements:
    value = constant.properties["value"]
    assert isinstance(value, DenseElements)
    return value


def _constant_of_rows(constant: Operation) -> _ConstantOfRows | None:
    """A constant of bytes or words if all that uses it reads rows of it, and each step of one loop one row only."""
    type, reads = constant.result.type, constant.result.users
    assert isinstance(type, TensorType)
    if not isinstance(constant.properties["value"], DenseElements) or type.element not in STORED or not reads:
        return None
    if any(read.name != "loop.read" for read in reads) or len(_stored(constant).all_data) <= DECODER_BYTES:
        return None
    shared = _shared_loops([around(read)[0] for read in reads])
    for depth in range(1, len(shared) + 1):
        if any(_trips(each) == 0 for each in shared[:depth]):
            return None
        elements = [_element_of_row(read, depth, type.element_count) for read in reads]
        if all(each is not None for each in elements):
            pairs = tuple((read, each) for read, each in zip(reads, elements, strict=True) if each is not None)
            return _ConstantOfRows(constant, tuple(shared[:depth]), pairs)
    return None


def _shared_loops(all_loops: Sequence[tuple[Operation, ...]]) -> list[Operation]:
    """The loops that are around all, outermost first."""
    shared = []
    for same in zip(*all_loops, strict=False):
        if any(each is not same[0] for each in same):
            break
        shared.append(same[0])
    return shared


def _trips(step: Operation) -> int:
    """The steps of a loop that counts from 0 by ones to a constant; else 0."""
    bounds = loop.constant_bounds(step)
    return bounds[1] if bounds is not None and bounds[0] == 0 and loop.step(step) == 1 else 0


def _element_of_row(read: Operation, depth: int, count: int) -> AffineExpression | None:
    """What a read accesses of the row that belongs to the step of the loop at a depth, over the loops around it; None if it may be of another row."""
    loops, _ = around(read)
    indices = index_expressions(loop.access_indices(read), loops)
    ranges = [loop.index_range(each) for each in loops]
    rows = _trips(loops[depth - 1])
    if indices is None or rows < 2 or count % rows or any(each is None for each in ranges):
        return None
    length, row = count // rows, AffineDimension(depth - 1)
    address = _address(read, indices)
    element = address - row * length
    low, high = interval_of(element, [each or (0, 0) for each in ranges])
    return element if row not in linear_terms(element) and low >= 0 and high < length else None


def _address(read: Operation, indices: Sequence[AffineExpression]) -> AffineExpression:
    """The number of the element that a read accesses, in row-major order."""
    type = loop.accessed_tensor(read).type
    assert isinstance(type, TensorType)
    address: AffineExpression = AffineConstant(0)
    for index, extent in zip(loop.access_map(read).results, type.shape, strict=True):
        address = address * extent + index.replace(indices)
    return address
