"""buffer -> buffer: sums of products of bytes run through the target's instructions, as many terms a step as these take (here four).

    for %k iter(%a) { %a + ext(x[%k]) * ext(w[%k]) }   =>   for %k step 4 iter(%a) { dot(x[%k .. %k + 3], w[%k .. %k + 3], %a) }

`dot` and `dot_shifted` are sequences of the target's instruction set; each use states that the sequence equals its
scalar terms (`instr`).  The terms are those of the scalar loop at the same addresses, so what was proved of its accesses
and sums holds on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer import access_map
from tinyir.dialects.nest_accesses import linear_address
from tinyir.ir import operator as ast
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, linear_terms, used_dimensions
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.instruction import InstructionSet
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I32, VectorType
from tinyir.prove.instructions import InstructionClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set


@attrs.frozen(eq=False)
class _Factor:
    """One side of a product: a load of bytes, sign-extended, less a constant."""

    load: Operation
    shift: int


@attrs.frozen(eq=False)
class _Term:
    """accumulator + x * y, as the number of the accumulator and the factors."""

    x: _Factor
    y: _Factor


@attrs.frozen
class SelectInstructions(Pass):
    """Uses the `dot` sequences of the target's instruction sets in innermost loops."""

    name: ClassVar[str] = "select_instructions"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        sets = [s for name in getattr(context.target, "isa", ()) if (s := instruction_set(name)) is not None and "dot" in s.sequences]
        for operation in [o for o in module.walk() if o.name == "loop.for"] if sets else []:
            for instructions in sets:
                if operation.parent is not None:  # what one set left over may be enough for the next
                    _select(operation, instructions, context)


def _select(nest: Operation, instructions: InstructionSet, context: PassContext) -> None:
    terms = _terms(nest)
    lanes = instructions.sequences["dot"].operands[0].lanes
    steps = _whole_steps(nest, lanes)
    if terms is None or steps is None:
        return
    where = ", ".join(nest.location.names) or "a sum of products"
    for name in sorted({_sequence(term) for term in terms}):
        shifts = {term.x.shift for term in terms}
        copies = next((o.lanes for o in instructions.sequences[name].operands if o.name == "zero"), 0)
        ranges = tuple((("zero", lane), (min(shifts), max(shifts))) for lane in range(copies))
        statement = f"{name}: {lanes} scalar terms are the instructions of {instructions.name}"
        claim = InstructionClaim(instructions, instructions.sequences[name], ranges)
        if context.ledger is None or context.ledger.add(Obligation("instr", where, statement, claim)).state != "proved":
            return
    _vectorize(nest, terms, steps, instructions, lanes)


def _sequence(term: _Term) -> str:
    return "dot_shifted" if term.x.shift else "dot"


def _terms(nest: Operation) -> list[_Term] | None:
    """The term that each accumulator gains; None if the loop is more than sums of products of contiguous bytes."""
    if not nest.results or loop.step(nest) != 1 or loop.is_reverse(nest):
        return None
    allowed = {"buffer.load", "arith.constant", "arith.extsi", "arith.subi", "arith.muli", "arith.addi", "loop.yield"}
    if any(o.name not in allowed for o in nest.body):
        return None
    terms = []
    for argument, value in zip(nest.body.arguments[1:], nest.body.terminator.operands, strict=True):
        term = _term(argument, value, loop.induction_variable(nest))
        if term is None or argument.use_count != 1:
            return None
        terms.append(term)
    return terms


def _term(accumulator: Value, value: Value, variable: Value) -> _Term | None:
    add = value.definer
    if add is None or add.name != "arith.addi" or accumulator not in add.operands:
        return None
    product = next((o for o in add.operands if o is not accumulator), accumulator).definer
    if product is None or product.name != "arith.muli":
        return None
    factors = [_factor(operand, variable) for operand in product.operands]
    shifted = [factor for factor in factors if factor is not None and factor.shift]
    if None in factors or len(shifted) > 1:
        return None
    x, y = (f for f in factors if f is not None)
    return _Term(y, x) if y.shift else _Term(x, y)


def _factor(value: Value, variable: Value) -> _Factor | None:
    definer, shift = value.definer, 0
    if definer is not None and definer.name == "arith.subi":
        constant = definer.operands[1].definer
        attribute = constant.properties.get("value") if constant is not None else None
        if not isinstance(attribute, IntegerAttribute) or not -(1 << 14) < attribute.value < 1 << 14:
            return None
        definer, shift = definer.operands[0].definer, attribute.value
    if definer is None or definer.name != "arith.extsi" or definer.result.type is not I32:
        return None
    load = definer.operands[0].definer
    if load is None or load.name != "buffer.load" or load.result.type is not I8 or _stride(load, variable) != 1:
        return None
    return _Factor(load, shift)


def _stride(load: Operation, variable: Value) -> int | None:
    """By how many elements a load moves from one iteration to the next; None if not always by as many."""
    indices = load.operands[1:]
    address = linear_address(load, [AffineDimension(i) for i in range(len(indices))])
    terms = linear_terms(address)
    positions = {i for i, index in enumerate(indices) if index is variable}
    evenly = not any(used_dimensions(factor) & positions for factor in terms if not isinstance(factor, AffineDimension))
    return sum(terms.get(AffineDimension(i), 0) for i in positions) if evenly else None


def _whole_steps(nest: Operation, lanes: int) -> tuple[AffineMap, AffineMap | None] | None:
    """The upper bound of the loop by so many, and the lower bound of the loop that takes the rest (None: there is no rest)."""
    bounds = loop.constant_bounds(nest)
    if bounds is not None:
        low, high = bounds
        middle = low + (high - low) // lanes * lanes
        if middle == low:
            return None
        return AffineMap.constant(middle), AffineMap.constant(middle) if middle < high else None
    residues = [_residue(e, lanes) for e in (*loop.lower_map(nest).results, *loop.upper_map(nest).results)]
    if None in residues or len(set(residues)) != 1:
        return None
    return loop.upper_map(nest), None


def _residue(expression: AffineExpression, lanes: int) -> int | None:
    """The value modulo `lanes`, if it is the same for all indices."""
    terms = dict(linear_terms(expression))
    constant = terms.pop(AffineConstant(1), 0)
    return constant % lanes if all(coefficient % lanes == 0 for coefficient in terms.values()) else None


def _vectorize(
    nest: Operation, terms: Sequence[_Term], steps: tuple[AffineMap, AffineMap | None], instructions: InstructionSet, lanes: int
) -> None:
    upper, rest = steps
    builder = Builder.before(nest)
    operands = loop.upper_operands(nest) if upper.dimensions else ()
    made = loop.create_for(
        builder,
        (loop.lower_map(nest), loop.lower_operands(nest)),
        (upper, operands),
        loop.initial_values(nest),
        step=lanes,
        label=loop.induction_variable(nest).name,
    )
    emitter = _Emitter(Builder.at_end(made.body, nest.location), nest, made, instructions)
    sums = [emitter.term(term, argument) for term, argument in zip(terms, made.body.arguments[1:], strict=True)]
    emitter.builder.create("loop.yield", sums)
    for new, old in zip(made.body.arguments[1:], nest.body.arguments[1:], strict=True):
        new.name = old.name
    if rest is None:
        nest.replace_by(*made.results)
        return
    nest.properties["lower_map"] = rest
    upper_values = loop.upper_operands(nest)
    nest.operands = [*upper_values, *made.results]
    nest.properties["operandSegmentSizes"] = loop.segment_sizes(0, len(upper_values), len(made.results))


class _Emitter:
    """Instructions inside the loop of vectors; equal ones are emitted once."""

    def __init__(self, builder: Builder, old: Operation, new: Operation, instructions: InstructionSet) -> None:
        self.builder = builder
        self.old = loop.induction_variable(old)
        self.new = loop.induction_variable(new)
        self.instructions = instructions
        self.known: dict[tuple[object, ...], Value] = {}

    def term(self, term: _Term, accumulator: Value) -> Value:
        sequence = self.instructions.sequences[_sequence(term)]
        names = {"x": self._word(term.x.load), "y": self._word(term.y.load), "c": accumulator}
        if term.x.shift:
            names["zero"] = self._pair(term.x.shift)
        return self._value(sequence.value, names)

    def _word(self, load: Operation) -> Value:
        indices = [self.new if index is self.old else index for index in load.operands[1:]]
        return self._once((load.operands[0], access_map(load), *indices), "buffer.load", [load.operands[0], *indices], load)

    def _pair(self, shift: int) -> Value:
        """A constant, in every lane where there are several."""
        key = ("pair", shift)
        if key not in self.known:
            type = next(o.type for o in self.instructions.sequences["dot_shifted"].operands if o.name == "zero")
            value = DenseElements.of(type, [shift]) if isinstance(type, VectorType) else IntegerAttribute(shift, type)
            self.known[key] = self.builder.create("arith.constant", [], [type], {"value": value}).result
        return self.known[key]

    def _once(self, key: tuple[object, ...], name: str, operands: Sequence[Value], load: Operation | None = None) -> Value:
        if key not in self.known:
            if load is not None:
                made = self.builder.create(name, operands, [self.instructions.sequences["dot"].operands[0].type], {"map": access_map(load)})
            else:
                instruction = self.instructions.instructions[name.removeprefix("isa.")]
                made = self.builder.create(name, operands, [instruction.result.type])
            self.known[key] = made.result
        return self.known[key]

    def _value(self, expression: ast.Expression, names: dict[str, Value]) -> Value:
        if isinstance(expression, ast.Name):
            return names[expression.name]
        assert isinstance(expression, ast.Call)
        operands = [self._value(item.expression, names) for item in expression.items]
        return self._once((expression.name, *operands), f"isa.{expression.name}", operands)
