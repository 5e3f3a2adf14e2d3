"""buffer -> buffer: loops over rows of 16-bit lanes move and multiply words of two.

    for %k { %x = load i8 x[%k]   store ext(%x), xs[%k] }        =>  for %t { %w = load i8x4; store sxtb16 %w; store sxtb16_ror8 %w }
    (neighbours in one word)                                     =>  for %t { ...; store pkhbt_low %a, %b; store pkhtb_high %a, %b }
    for %k iter(%a) { %a + ext(xs[%k]) * ext(ws[%k]) }           =>  for %t iter(%a) { pair(load i16x2, load i16x2, %a) ... }
    for %k iter(%a) { %a + ext(xs[%k]) * ext(w[%k]) }, i8 w      =>  for %t iter(%a) { pair(load i16x2, sxtb16 (load i8x4), %a) ... }

Which lanes share a word follows from their addresses: the rows lie in memory as `layout` says.  Each loop goes on in steps of
four elements, and what is left over stays as it is.  A sequence states that it equals the scalar terms (`instr`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer_words import BYTES, PAIR, flat_view, word_load, word_store
from tinyir.dialects.nest_accesses import linear_address, memory_behind
from tinyir.ir import operator as ast
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, linear_terms
from tinyir.ir.affine_interval import simplify
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.instruction import InstructionSet, lanes_of, polynomial, total
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I32, INDEX, MemRefType, VectorType
from tinyir.prove.instructions import InstructionClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set

STEP = 4
"""Elements that one iteration of a new loop takes."""
FAR = 1 << 30


@attrs.frozen
class PairLanes(Pass):
    """Uses the target's instructions on lanes of 16 bits, where it has a `pair` sequence."""

    name: ClassVar[str] = "pair_lanes"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        sets = [s for name in getattr(context.target, "isa", ()) if (s := instruction_set(name)) is not None and "pair" in s.sequences]
        if not sets:
            return
        for nest in [o for o in module.walk() if o.name == "loop.for"]:
            bounds = loop.constant_bounds(nest)
            if bounds is None or bounds[0] != 0 or bounds[1] < STEP or loop.step(nest) != 1 or loop.is_reverse(nest):
                continue
            copy = _Copy.of(nest)
            if copy is not None:
                _widen(copy, sets[0])
                continue
            if _fill(nest):
                continue
            products = _products(nest, sets[0])
            if products is not None and _is_proved(nest, sets[0], context):
                _pair(nest, products, sets[0])


def _is_proved(nest: Operation, instructions: InstructionSet, context: PassContext) -> bool:
    where = ", ".join(nest.location.names) or "a sum of products"
    statement = f"pair: two scalar terms are the instructions of {instructions.name}"
    claim = InstructionClaim(instructions, instructions.sequences["pair"])
    verdict = context.ledger.add(Obligation("instr", where, statement, claim))
    return bool(verdict.state == "proved")


# -- addresses


@attrs.frozen(eq=False)
class _Walk:
    """An access in a loop as addresses of its elements: of element 4 * t + c for each c, over the access's index operands, t for the loop's."""

    access: Operation
    memory: Value
    indices: tuple[Value, ...]
    addresses: tuple[AffineExpression, ...]

    @classmethod
    def of(cls, access: Operation, variable: Value) -> _Walk | None:
        position = 0 if access.name == "buffer.load" else 1
        memory, indices = access.operands[position], access.operands[position + 1 :]
        if any(index.type is not INDEX for index in indices):
            return None
        addresses = []
        for c in range(STEP):
            moved = [AffineDimension(i) * STEP + c if index is variable else AffineDimension(i) for i, index in enumerate(indices)]
            addresses.append(simplify(linear_address(access, moved), [FAR] * len(indices)))
        steps = {linear_terms(a - addresses[0]).keys() <= {AffineConstant(1)} for a in addresses}
        return cls(access, memory, indices, tuple(addresses)) if steps == {True} else None

    @property
    def offsets(self) -> tuple[int, ...]:
        """The distance of each element from the first."""
        return tuple(linear_terms(address - self.addresses[0]).get(AffineConstant(1), 0) for address in self.addresses)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...] | None:
        """The elements that share an aligned word of two, in the order of their addresses; None if they do not share two of them."""
        order = sorted(range(STEP), key=lambda c: self.offsets[c])
        pairs = (order[0], order[1]), (order[2], order[3])
        neighbours = all(self.offsets[b] - self.offsets[a] == 1 for a, b in pairs)
        aligned = all(coefficient % 2 == 0 for a, _ in pairs for coefficient in linear_terms(self.addresses[a]).values())
        if not neighbours or not aligned or memory_behind(self.memory)[1] % 4 or isinstance(memory_behind(self.memory)[0], Operation):
            return None
        return pairs

    @property
    def is_bytes(self) -> bool:
        """Whether four elements are the bytes of a word."""
        memory = self.memory.type
        return isinstance(memory, MemRefType) and memory.element is I8 and self.offsets == (0, 1, 2, 3)

    def at(self, c: int, old: Value, new: Value) -> tuple[AffineMap, list[Value]]:
        """The map and the operands of an access of element c to the memory as one axis."""
        return AffineMap(len(self.indices), 0, [self.addresses[c]]), [new if index is old else index for index in self.indices]


def _new_loop(nest: Operation) -> tuple[Operation, Value]:
    """The loop over whole steps before a loop, which keeps what is left over (or goes, once its results are replaced)."""
    bounds = loop.constant_bounds(nest)
    assert bounds is not None
    limits = (AffineMap.constant(0), ()), (AffineMap.constant(bounds[1] // STEP), ())
    parallel = loop.is_parallel(nest)
    made = loop.create_for(Builder.before(nest), *limits, loop.initial_values(nest), parallel=parallel, label=loop.induction_variable(nest).name)
    return made, loop.induction_variable(made)


def _replace(nest: Operation, made: Operation) -> None:
    bounds = loop.constant_bounds(nest)
    assert bounds is not None
    whole = bounds[1] // STEP * STEP
    if whole == bounds[1]:
        nest.replace_by(*made.results)
        return
    nest.properties["lower_map"] = AffineMap.constant(whole)
    nest.operands = list(made.results)
    nest.properties["operandSegmentSizes"] = loop.segment_sizes(0, 0, len(made.results))


def _word(builder: Builder, walk: _Walk, c: int, old: Value, new: Value, type: VectorType) -> Value:
    map, indices = walk.at(c, old, new)
    return word_load(builder, flat_view(walk.memory), map, indices, type)


# -- copies


@attrs.frozen(eq=False)
class _Copy:
    """A loop that widens bytes, less a constant, into lanes of 16 bits."""

    nest: Operation
    source: _Walk
    target: _Walk
    shift: int

    @classmethod
    def of(cls, nest: Operation) -> _Copy | None:
        names = [o.name for o in nest.body]
        moved, shifted = ["buffer.load", "arith.extsi"], ["arith.constant", "arith.subi"]
        if names not in ([*moved, "buffer.store", "loop.yield"], [*moved, *shifted, "buffer.store", "loop.yield"]):
            return None
        load, store, variable = nest.body.operations[0], nest.body.operations[-2], loop.induction_variable(nest)
        if load.result.type is not I8 or store.operands[0].type is not I16:
            return None
        source, target = _Walk.of(load, variable), _Walk.of(store, variable)
        if source is None or target is None or source.offsets != (0, 1, 2, 3) or target.pairs is None:
            return None
        constant = nest.body.operations[2].properties.get("value") if len(names) > 4 else None
        return cls(nest, source, target, constant.value if isinstance(constant, IntegerAttribute) else 0)


def _widen(copy: _Copy, instructions: InstructionSet) -> None:
    pairs = copy.target.pairs
    assert pairs is not None
    widening, subtract = _Widening.of(instructions, pairs), _subtraction(instructions)
    if widening is None or (copy.shift and subtract is None):
        return
    made, variable = _new_loop(copy.nest)
    builder, old = Builder.at_end(made.body, copy.nest.location), loop.induction_variable(copy.nest)
    word = _word(builder, copy.source, 0, old, variable, BYTES)
    shift = [builder.create("arith.constant", [], [PAIR], {"value": DenseElements.of(PAIR, [copy.shift])}).result] if copy.shift else []
    words = [builder.create(f"isa.{name}", [word], [PAIR]).result for name in widening.names]
    for constant in shift:
        words = [builder.create(f"isa.{subtract}", [lanes, constant], [PAIR]).result for lanes in words]
    if widening.joining:
        words = [builder.create(f"isa.{name}", words, [PAIR]).result for name in widening.joining]
    for lanes, (first, _) in zip(words, pairs, strict=True):
        map, indices = copy.target.at(first, old, variable)
        word_store(builder, lanes, flat_view(copy.target.memory), map, indices)
    builder.create("loop.yield")
    _replace(copy.nest, made)


@attrs.frozen
class _Widening:
    """Instructions that widen the four bytes of a word: each to a word of its own, and then, if lanes are to pair up otherwise, both to both."""

    names: tuple[str, ...]
    joining: tuple[str, ...] = ()

    @classmethod
    def of(cls, instructions: InstructionSet, pairs: Sequence[tuple[int, int]]) -> _Widening | None:
        first, second = pairs
        for crossed in (False, True):
            wanted = tuple(zip(first, second, strict=True)) if crossed else (first, second)
            names = tuple(name for pair in wanted if (name := _widening(instructions, pair)) is not None)
            joining = tuple(name for lane in range(2) if (name := _joining(instructions, lane)) is not None) if crossed else ()
            if len(names) == 2 and len(joining) == (2 if crossed else 0):
                return cls(names, joining)
        return None


def _fill(nest: Operation) -> bool:
    """Stores words of a constant in place of its lanes, if that is all that a loop does."""
    names = [o.name for o in nest.body]
    if names != ["arith.constant", "buffer.store", "loop.yield"]:
        return False
    constant, store = nest.body.operations[:2]
    value = constant.properties["value"]
    target = _Walk.of(store, loop.induction_variable(nest))
    if constant.result.type is not I16 or not isinstance(value, IntegerAttribute) or target is None or target.pairs is None:
        return False
    made, variable = _new_loop(nest)
    builder, old = Builder.at_end(made.body, nest.location), loop.induction_variable(nest)
    word = builder.create("arith.constant", [], [PAIR], {"value": DenseElements.of(PAIR, [value.value])}).result
    for first, _ in target.pairs:
        map, indices = target.at(first, old, variable)
        word_store(builder, word, flat_view(target.memory), map, indices)
    builder.create("loop.yield")
    _replace(nest, made)
    return True


def _widening(instructions: InstructionSet, lanes: tuple[int, int]) -> str | None:
    """The instruction that widens these two bytes of a word."""
    for name, instruction in instructions.instructions.items():
        if [o.type for o in instruction.operands] == [BYTES] and instruction.result.type == PAIR:
            parameter = instruction.operands[0].name
            taken = [_lane(expression, parameter) for expression in instruction.lanes]
            if taken == list(lanes):
                return name
    return None


def _joining(instructions: InstructionSet, lane: int) -> str | None:
    """The instruction that makes a word of this lane of two."""
    for name, instruction in instructions.instructions.items():
        if [o.type for o in instruction.operands] == [PAIR, PAIR] and instruction.result.type == PAIR:
            values = {operand.name: lanes_of(operand) for operand in instruction.operands}
            if [polynomial(each, values) for each in instruction.lanes] == [{((operand.name, lane),): 1} for operand in instruction.operands]:
                return name
    return None


def _subtraction(instructions: InstructionSet) -> str | None:
    """The instruction that subtracts lane by lane."""
    for name, instruction in instructions.instructions.items():
        if [o.type for o in instruction.operands] == [PAIR, PAIR] and instruction.result.type == PAIR:
            left, right = (lanes_of(operand) for operand in instruction.operands)
            values = {operand.name: lanes_of(operand) for operand in instruction.operands}
            if [polynomial(lane, values) for lane in instruction.lanes] == [total(a, b, -1) for a, b in zip(left, right, strict=True)]:
                return name
    return None


def _lane(expression: ast.Expression, parameter: str) -> int | None:
    if not isinstance(expression, ast.Access) or expression.name != parameter:
        return None
    index = expression.items[0].expression
    return int(index.value) if isinstance(index, ast.Number) else None


# -- products


@attrs.frozen(eq=False)
class _Product:
    """What one accumulator gains in an iteration: lanes that share words, times such lanes or bytes of a word."""

    x: _Walk
    y: _Walk


def _products(nest: Operation, instructions: InstructionSet) -> list[_Product] | None:
    """The product that each accumulator gains; None if the loop does more, or if the lanes do not pair up, or not as bytes are widened."""
    allowed = {"buffer.load", "arith.extsi", "arith.muli", "arith.addi", "loop.yield"}
    if not nest.results or any(o.name not in allowed for o in nest.body):
        return None
    found = []
    walks: dict[Operation, _Walk | None] = {}
    for argument, value in zip(nest.body.arguments[1:], nest.body.terminator.operands, strict=True):
        product = _product(argument, value, loop.induction_variable(nest), walks)
        if product is None or argument.use_count != 1:
            return None
        found.append(product)
    pairs = found[0].x.pairs or ()
    widened = None not in [_widening(instructions, pair) for pair in pairs] or not any(product.y.is_bytes for product in found)
    return found if widened and all(product.x.pairs == pairs for product in found) else None


def _product(accumulator: Value, value: Value, variable: Value, walks: dict[Operation, _Walk | None]) -> _Product | None:
    add = value.definer
    if add is None or add.name != "arith.addi" or accumulator not in add.operands:
        return None
    multiply = next((o for o in add.operands if o is not accumulator), accumulator).definer
    if multiply is None or multiply.name != "arith.muli":
        return None
    sides = []
    for operand in multiply.operands:
        extension = operand.definer
        load = extension.operands[0].definer if extension is not None and extension.name == "arith.extsi" else None
        if load is None or load.name != "buffer.load" or load.result.type not in (I8, I16) or operand.type is not I32:
            return None
        if load not in walks:
            walks[load] = _Walk.of(load, variable)
        sides.append(walks[load])
    x, y = sides
    if x is None or y is None:
        return None
    if x.is_bytes:
        x, y = y, x
    if x.access.result.type is not I16 or x.pairs is None or not (y.is_bytes or x.pairs == y.pairs):
        return None
    return _Product(x, y)


def _pair(nest: Operation, products: Sequence[_Product], instructions: InstructionSet) -> None:
    made, variable = _new_loop(nest)
    builder, old = Builder.at_end(made.body, nest.location), loop.induction_variable(nest)
    pairs = products[0].x.pairs
    assert pairs is not None
    loaded: dict[tuple[Operation, int], Value] = {}
    for product in products:
        for walk in (product.x, product.y):
            for first in (0,) if walk.is_bytes else [first for first, _ in pairs]:
                if (walk.access, first) not in loaded:
                    loaded[walk.access, first] = _word(builder, walk, first, old, variable, BYTES if walk.is_bytes else PAIR)
    sums: list[Value] = list(made.body.arguments[1:])
    sequence = instructions.sequences["pair"]
    for first, second in pairs:
        words = {access: word for (access, place), word in loaded.items() if place == first and word.type == PAIR}
        for number, product in enumerate(products):
            if product.y.access not in words:
                name = _widening(instructions, (first, second))
                words[product.y.access] = builder.create(f"isa.{name}", [loaded[product.y.access, 0]], [PAIR]).result
            names = {"x": words[product.x.access], "y": words[product.y.access], "c": sums[number]}
            sums[number] = _emit(builder, sequence.value, names, instructions)
    builder.create("loop.yield", sums)
    for new, before in zip(made.body.arguments[1:], nest.body.arguments[1:], strict=True):
        new.name = before.name
    _replace(nest, made)


def _emit(builder: Builder, expression: ast.Expression, names: dict[str, Value], instructions: InstructionSet) -> Value:
    """The instructions of nested calls."""
    if isinstance(expression, ast.Name):
        return names[expression.name]
    assert isinstance(expression, ast.Call)
    operands = [_emit(builder, item.expression, names, instructions) for item in expression.items]
    instruction = instructions.instructions[expression.name]
    return builder.create(f"isa.{expression.name}", operands, [instruction.result.type]).result
