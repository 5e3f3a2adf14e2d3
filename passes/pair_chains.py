"""buffer -> buffer: sums that are written out take their terms in pairs, from words of two neighbouring lanes.

    %a + ext(x[%t]) * %w0 + ext(x[%t + 1]) * %w1 + ext(x[%t + 2]) * %w2
=>
    %v = isa.pkhbt %w0, %w1                                             // where the weights are: outside of the loop
    isa.smlabb(load i16x2 x[%t + 2], %w2w2, isa.smlad(load i16x2 x[%t], %v, %a))

Two terms make one instruction if their lanes share an aligned word; of a word that only one term needs, one lane is taken.
Each sum states that its instructions have just its terms (`instr`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import attrs

from tinyir.dialects.buffer_words import BYTES, PAIR, flat_view, word_load
from tinyir.dialects.nest_accesses import linear_address, memory_behind
from tinyir.ir import operator as ast
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, linear_terms
from tinyir.ir.affine_interval import simplify
from tinyir.ir.builder import Builder, functions
from tinyir.ir.instruction import InstructionSet, Polynomial, lanes_of, polynomial
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I8, I16, I32, INDEX, MemRefType
from tinyir.prove.instructions import Use, WrittenSumClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set

FAR = 1 << 30


@attrs.frozen
class PairChains(Pass):
    """Pairs the terms of every chain of at least two products of an i16 lane and a narrow number."""

    name: ClassVar[str] = "pair_chains"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        for instructions in (s for name in getattr(context.target, "isa", ()) if (s := instruction_set(name)) is not None):
            means = LaneProducts.of(instructions)
            if means is not None:
                for function in functions(module):
                    for block in [b for o in function.walk() for region in o.regions for b in region.blocks]:
                        _Pairing(block, means, context).run()


@attrs.frozen(eq=False)
class LaneProducts:
    """Instructions by what they mean: c plus products of lanes, as the set of (lane of x, lane of y); and that which makes a word of two numbers."""

    instructions: InstructionSet
    sums: dict[frozenset[tuple[int, int]], str]
    pack: str
    low_bytes: str
    """The instruction that widens the low byte of each lane."""

    @classmethod
    def of(cls, instructions: InstructionSet) -> LaneProducts | None:
        sums: dict[frozenset[tuple[int, int]], str] = {}
        pack = low_bytes = None
        for name, instruction in instructions.instructions.items():
            types = [operand.type for operand in instruction.operands]
            values = {operand.name: lanes_of(operand) for operand in instruction.operands}
            if types == [PAIR, PAIR, I32] and instruction.result.type is I32:
                x, y, c = (operand.name for operand in instruction.operands)
                found = _products(polynomial(instruction.lanes[0], values), x, y, c)
                if found is not None:
                    sums[found] = name
            elif types == [I32, I32] and instruction.result.type is PAIR and list(instruction.lanes) == [ast.Name(o.name) for o in instruction.operands]:
                pack = name
            elif types == [BYTES] and instruction.result.type is PAIR:
                byte = instruction.operands[0].name
                if [polynomial(lane, values) for lane in instruction.lanes] == [{((byte, 0),): 1}, {((byte, 2),): 1}]:
                    low_bytes = name
        singles = all(frozenset([(i, j)]) in sums for i in range(2) for j in range(2))
        if pack is None or low_bytes is None:
            return None
        return cls(instructions, sums, pack, low_bytes) if singles and frozenset([(0, 0), (1, 1)]) in sums else None


def _products(meaning: Polynomial, x: str, y: str, c: str) -> frozenset[tuple[int, int]] | None:
    """The lanes that are multiplied, if the meaning is `c` and products of a lane of x and one of y."""
    found = set()
    for term, coefficient in meaning.items():
        names = [name for name, _ in term]
        if coefficient != 1 or (names != [c] and sorted(names) != sorted([x, y])):
            return None
        if names != [c]:
            lanes = dict(term)
            found.add((lanes[x], lanes[y]))
    return frozenset(found) if ((c, 0),) in meaning else None


@attrs.frozen(eq=False)
class _Term:
    """A product: a lane of memory (`base` + `offset` elements) and a number of 16 bits."""

    load: Operation
    base: tuple[Value, AffineExpression, tuple[Value, ...]]
    offset: int
    weight: Value


@attrs.frozen(eq=False)
class _Chain:
    """%start + term + term + ..., ending in `last`."""

    start: Value
    terms: tuple[_Term, ...]
    last: Operation
    members: tuple[Operation, ...]

    @property
    def reads_late(self) -> bool:
        """Whether the loads may stand where the chain ends."""
        return all(_is_undisturbed(term.load, self.last) for term in self.terms)


@attrs.frozen(eq=False)
class _Word:
    """One instruction's worth: a word of memory, and the weight of each of its lanes that takes part."""

    first: _Term
    offset: int
    weights: dict[int, Value]


class _Pairing:
    """The chains of one block."""

    def __init__(self, block: Block, means: LaneProducts, context: PassContext) -> None:
        self.block = block
        self.means = means
        self.context = context
        self.words: dict[tuple[object, int], Value] = {}
        self.packs: dict[tuple[Value, Value], Value] = {}

    def run(self) -> None:
        chains = [chain for operation in self.block if (chain := _chain(operation)) is not None and chain.reads_late]
        covers = [list(_cover(chain)) for chain in chains]
        for cover in covers:
            for word in cover:
                if len(word.weights) == 2:
                    self.packs[word.weights[0], word.weights[1]] = self._pack(word.weights[0], word.weights[1])
        for cover in covers:
            self._pack_singles([next(iter(word.weights.values())) for word in cover if len(word.weights) == 1])
        for chain, cover in zip(chains, covers, strict=True):
            self._rewrite(chain, cover)

    def _pack_singles(self, weights: Sequence[Value]) -> None:
        """Words of two weights that are needed alone, where no word holds them yet: each takes one register with another."""
        alone = [weight for weight in dict.fromkeys(weights) if not any(weight in pack for pack in self.packs)]
        for low, high in zip(alone[::2], alone[1::2], strict=False):
            self.packs[low, high] = self._pack(low, high)

    def _rewrite(self, chain: _Chain, cover: Sequence[_Word]) -> None:
        chosen = [(word, *self._instruction(word)) for word in cover]
        bases = list(dict.fromkeys(term.base for term in chain.terms))
        weights = list(dict.fromkeys([*(term.weight for term in chain.terms), *(weight for _, _, pack in chosen for weight in pack)]))
        uses = tuple(
            Use(name, (bases.index(word.first.base), word.offset), tuple(weights.index(weight) for weight in pack))
            for word, name, pack in chosen
        )
        terms = tuple((bases.index(term.base), term.offset, weights.index(term.weight)) for term in chain.terms)
        where = ", ".join(chain.last.location.names) or "a sum of products"
        statement = f"{len(uses)} instructions of {self.means.instructions.name} have just the {len(terms)} terms of the sum"
        claim = WrittenSumClaim(self.means.instructions, uses, terms)
        if self.context.ledger.add(Obligation("instr", where, statement, claim)).state != "proved":
            return
        builder = Builder.before(chain.last)
        total = chain.start
        for word, name, pack in chosen:
            total = builder.create(f"isa.{name}", [self._load(builder, word, chain.last), self.packs[pack], total], [I32]).result
        products = [operand.definer for operand in chain.last.operands]
        chain.last.replace_by(total)
        for left_over in products:
            if left_over is not None:
                _erase_unused(left_over)

    def _instruction(self, word: _Word) -> tuple[str, tuple[Value, Value]]:
        """The instruction of a word, and the weights whose word it takes."""
        if len(word.weights) == 2:
            return self.means.sums[frozenset([(0, 0), (1, 1)])], (word.weights[0], word.weights[1])
        ((lane, weight),) = word.weights.items()
        pack = next((pack for pack in self.packs if weight in pack), (weight, weight))
        if pack not in self.packs:
            self.packs[pack] = self._pack(*pack)
        return self.means.sums[frozenset([(lane, pack.index(weight))])], pack

    def _pack(self, low: Value, high: Value) -> Value:
        """The two numbers as a word: the one in memory that holds them, else one made where the later of them is."""
        if (low, high) in self.packs:
            return self.packs[low, high]
        first, second = low.definer, high.definer
        assert first is not None
        assert second is not None
        later = second if first.parent is second.parent and _comes_before(first, second) else first
        sources = [_lane_behind(value, later) for value in (low, high)]
        if sources[0] is not None and sources[1] is not None and sources[0].is_before(sources[1]):
            word = self._word_of(Builder.after(later), sources[0])
            if not sources[0].is_low_byte:
                return word
            builder = Builder.after(word.definer) if word.definer is not None else Builder.after(later)
            return builder.create(f"isa.{self.means.low_bytes}", [word], [PAIR]).result
        return Builder.after(later).create(f"isa.{self.means.pack}", [low, high], [PAIR]).result

    def _word_of(self, builder: Builder, lane: _Lane) -> Value:
        key = lane.base, lane.offset
        if key not in self.words:
            memory, rest, indices = lane.base
            self.words[key] = word_load(builder, flat_view(memory), AffineMap(len(indices), 0, [rest + lane.offset]), indices, PAIR)
        return self.words[key]

    def _load(self, builder: Builder, word: _Word, last: Operation) -> Value:
        key = word.first.base, word.offset
        known = self.words.get(key)
        if known is None or known.definer is None or not _is_undisturbed(known.definer, last):
            memory, rest, indices = word.first.base
            self.words[key] = word_load(builder, flat_view(memory), AffineMap(len(indices), 0, [rest + word.offset]), indices, PAIR)
        return self.words[key]


@attrs.frozen(eq=False)
class _Lane:
    """A number that is a lane of 16 bits in memory, or the low byte of one."""

    base: tuple[Value, AffineExpression, tuple[Value, ...]]
    offset: int
    is_low_byte: bool

    def is_before(self, other: _Lane) -> bool:
        """Whether both lanes make an aligned word, in this order."""
        return self.base == other.base and self.offset + 1 == other.offset and self.offset % 2 == 0 and self.is_low_byte == other.is_low_byte


def _lane_behind(value: Value, place: Operation) -> _Lane | None:
    """The lane that a number was loaded from, if it may as well be loaded after `place`."""
    extension = value.definer
    source = extension.operands[0].definer if extension is not None and extension.name == "arith.extsi" else None
    is_low_byte = source is not None and source.name == "arith.trunci" and source.result.type is I8
    load = source.operands[0].definer if source is not None and is_low_byte else source
    if load is None or load.name != "buffer.load" or load.result.type is not I16 or not _is_undisturbed(load, place):
        return None
    found = _place(load)
    return _Lane(*found, is_low_byte) if found is not None else None


def _place(load: Operation) -> tuple[tuple[Value, AffineExpression, tuple[Value, ...]], int] | None:
    """Base and offset of a lane in memory, if even offsets from the base are those of whole words, which end where the memory does."""
    memory, indices = load.operands[0], load.operands[1:]
    assert isinstance(memory.type, MemRefType)
    if memory.type.element_count % 2:
        return None
    if any(index.type is not INDEX for index in indices) or memory_behind(memory)[1] % 4 or isinstance(memory_behind(memory)[0], Operation):
        return None
    address = simplify(linear_address(load, [AffineDimension(i) for i in range(len(indices))]), [FAR] * len(indices))
    offset = linear_terms(address).get(AffineConstant(1), 0)
    if any(coefficient % 2 for factor, coefficient in linear_terms(address).items() if factor is not AffineConstant(1)):
        return None
    return (memory, address - offset, tuple(indices)), offset


def _is_undisturbed(load: Operation, last: Operation) -> bool:
    """Whether nothing between a load and a later operation of its block may write."""
    following = load.next
    while following is not None and following is not last:
        if following.name in ("buffer.store", "func.call") or following.regions:
            return False
        following = following.next
    return following is last


def _comes_before(first: Operation, second: Operation) -> bool:
    following = first.next
    while following is not None and following is not second:
        following = following.next
    return following is second


def _chain(last: Operation) -> _Chain | None:
    """The longest chain of products that ends in an addition, if no other addition goes on with it."""
    if last.name != "arith.addi" or last.result.type is not I32:
        return None
    if last.result.has_one_use and _split(last.result.users[0]) is not None and last.result.users[0].parent is last.parent:
        accumulated = _split(last.result.users[0])
        if accumulated is not None and accumulated[0] is last.result:
            return None
    terms, members = [], []
    value: Value = last.result
    while (definer := value.definer) is not None and definer.parent is last.parent and (value is last.result or value.has_one_use):
        parts = _split(definer)
        if parts is None:
            break
        value = parts[0]
        terms.append(parts[1])
        members.append(definer)
    return _Chain(value, tuple(reversed(terms)), last, tuple(members)) if len(terms) > 1 else None


def _split(add: Operation) -> tuple[Value, _Term] | None:
    """An addition as accumulator and term."""
    if add.name != "arith.addi" or add.result.type is not I32:
        return None
    for number in range(2):
        term = _term(add.operands[number])
        if term is not None:
            return add.operands[1 - number], term
    return None


def _term(value: Value) -> _Term | None:
    product = value.definer
    if product is None or product.name != "arith.muli" or not value.has_one_use:
        return None
    for number in range(2):
        extension, weight = product.operands[number].definer, product.operands[1 - number]
        load = extension.operands[0].definer if extension is not None and extension.name == "arith.extsi" else None
        if load is None or load.name != "buffer.load" or load.result.type is not I16 or not _is_narrow(weight):
            continue
        place = _place(load)
        if place is not None:
            return _Term(load, *place, weight)
    return None


def _is_narrow(value: Value) -> bool:
    """Whether a number was widened from 16 bits or less."""
    definer = value.definer
    return definer is not None and definer.name == "arith.extsi" and definer.operands[0].type in (I8, I16)


def _cover(chain: _Chain) -> Iterator[_Word]:
    """The words that the terms come from, in the order of their first terms.  A lane that two terms need is in two of them."""
    words: list[_Word] = []
    for term in chain.terms:
        lane = term.offset % 2
        found = next((w for w in words if w.first.base == term.base and w.offset == term.offset - lane and lane not in w.weights), None)
        if found is None:
            words.append(_Word(term, term.offset - lane, {lane: term.weight}))
        else:
            found.weights[lane] = term.weight
    yield from words


def _erase_unused(operation: Operation) -> None:
    """Erases scalar arithmetic and loads that nothing uses, with all that only they used."""
    pending = [operation]
    while pending:
        operation = pending.pop()
        if operation.parent is None or any(result.use_count for result in operation.results) or operation.name in ("loop.for", "loop.if"):
            continue
        if operation.name.split(".")[0] in ("arith",) or operation.name == "buffer.load":
            above = [operand.definer for operand in operation.operands]
            operation.erase()
            pending += [each for each in above if each is not None]
